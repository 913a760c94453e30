"""The writing on the canvas in the real window: on the right sides, readable, and gone with the viewer."""

import itertools

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer

from napari_sti.viz import canvas, layers, paint, views
from napari_sti.viz.legend import Bar, Key
from tests.viz.phantoms import marked_tensor, ras_affine, tensor, turned

pytestmark = pytest.mark.window
SHAPE = (21, 25, 19)
PLANES = [(plane, radiological) for plane in views.PLANES for radiological in (False, True)]


def cube_layers(axis):
    """A bright block at the right, front or top end of an otherwise empty volume."""
    mms = np.zeros(SHAPE)
    place = [slice(n // 2 - 2, n // 2 + 3) for n in SHAPE]
    place[axis] = slice(SHAPE[axis] - 5, SHAPE[axis])
    mms[tuple(place)] = 1.0
    affine = ras_affine(SHAPE, (2.0, 2.0, 2.0))
    # Stored in another order, so that the order of the file is in the test as well.
    field = tensor(mms, np.zeros(SHAPE), np.ones((*SHAPE, 3)), affine, name="cube").reordered(
        np.array([[2, -1], [0, -1], [1, 1.0]])
    )
    return layers.tensor_layers(field, run=f"cube {axis}")[:1]


@pytest.fixture
def viewer(make_napari_viewer):
    made = make_napari_viewer(show=True)
    made.window.resize(800, 600)
    return made


def bright_place(viewer):
    """Where the bright block lies on the screen: to the right and up of the middle, in pixels."""
    picture = viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)
    height, width = picture.shape[:2]
    margin = 60  # letters and captions lie in the margin
    inner = picture[margin:-margin, margin:-margin]
    rows, columns = np.nonzero((inner > 200).all(-1))
    assert rows.size > 20, "the marker is not to be seen"
    return columns.mean() + margin - width / 2, height / 2 - rows.mean() - margin


def test_letters_are_on_the_side_on_which_things_are(viewer):
    markers = [viewer.add_layer(Layer.create(*cube_layers(axis)[0])) for axis in range(3)]
    annotations = canvas.annotate(viewer)
    annotations.configure(caption=False, bar=False, key=False)
    viewer.canvas.overlays.scale_bar.visible = False
    flat = [(plane, radiological, 2, (0, 0, 0)) for plane, radiological in PLANES]
    solid = [("axial", False, 3, (0, 0, 0)), ("axial", True, 3, (0, 0, 0)), ("coronal", False, 3, (25, -40, 30))]
    checked = 0
    for (plane, radiological, ndisplay, angles), axis in itertools.product(flat + solid, range(3)):
        viewer.dims.ndisplay = ndisplay
        views.show_plane(viewer, plane, radiological=radiological)
        views.go_to(viewer, np.array([3.0, -18.0, 12.0]))
        for marker in markers:
            marker.visible, marker.contrast_limits = marker is markers[axis], (0, 1)
        viewer.reset_view()
        if ndisplay == 3:
            viewer.scene.camera.angles = angles
        axes = views.screen_axes(viewer)
        expected = np.array([axes.right[axis], axes.up[axis]])
        if np.linalg.norm(expected) < 0.3:
            continue  # the marker lies in front of or behind the middle
        found = np.array(bright_place(viewer))
        cosine = found @ expected / np.linalg.norm(found) / np.linalg.norm(expected)
        assert cosine > 0.95, (plane, radiological, ndisplay, angles, axis, found, expected)
        checked += 1
    assert checked == 19


def test_pictures_are_in_the_screenshot_where_they_belong(viewer):
    for data in layers.tensor_layers(marked_tensor(), run="stiimag 1"):
        viewer.add_layer(Layer.create(*data))
    annotations = canvas.annotate(viewer)
    viewer.canvas.overlays.scale_bar.visible = False
    views.show_axial(viewer)
    viewer.layers["stiimag 1 - PEV colour"].visible = False
    viewer.layers["stiimag 1 - MSA [ppm]"].visible = True
    viewer.layers["stiimag 1 - PEV lines"].visible = True
    picture = viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)
    height, width = picture.shape[:2]
    sprites = {s.name: s for s in annotations.paint(viewer, width, height, 1.0)}
    assert set(sprites) == {"right", "left", "top", "bottom", "bar", "key"} | {f"caption {i}" for i in (1, 2, 3)}
    for sprite in sprites.values():
        h, w = sprite.picture.shape[:2]
        part = picture[int(sprite.y) : int(sprite.y) + h, int(sprite.x) : int(sprite.x) + w]
        opaque = sprite.picture[..., 3] == 255
        np.testing.assert_allclose(part[opaque], sprite.picture[..., :3][opaque], atol=3)
    check_layout(sprites.values(), width, height)


def check_layout(sprites, width, height):
    """Everything lies within the canvas, and nothing on something else."""
    for sprite in sprites:
        h, w = sprite.picture.shape[:2]
        assert min(sprite.x, sprite.y) >= 0 and sprite.x + w <= width and sprite.y + h <= height, sprite.name
    for a, b in itertools.combinations(sprites, 2):
        apart_x = a.x + a.picture.shape[1] <= b.x or b.x + b.picture.shape[1] <= a.x
        apart_y = a.y + a.picture.shape[0] <= b.y or b.y + b.picture.shape[0] <= a.y
        assert apart_x or apart_y, (a.name, b.name)


def test_nothing_is_painted_again_when_nothing_changed(viewer, monkeypatch):
    for data in layers.tensor_layers(marked_tensor(), run="r"):
        viewer.add_layer(Layer.create(*data))
    annotations = canvas.annotate(viewer)
    viewer.screenshot(canvas_only=True, flash=False)
    calls = []
    original = annotations.overlay.paint
    annotations.overlay.paint = lambda *arguments: calls.append(1) or original(*arguments)
    viewer.screenshot(canvas_only=True, flash=False)
    calls.clear()
    viewer.cursor.position = (1.0, 2.0, 3.0)
    viewer.screenshot(canvas_only=True, flash=False)
    assert not calls
    viewer.layers["r - PEV colour"].visible = False
    viewer.screenshot(canvas_only=True, flash=False)
    assert calls
    annotations.overlay.paint = original


def test_works_through_the_proxy_that_plugins_get(make_napari_viewer_proxy, recwarn):
    proxy = make_napari_viewer_proxy(show=False)
    annotations = canvas.annotate(proxy)
    assert canvas.annotate(proxy) is annotations
    for data in layers.tensor_layers(marked_tensor(), run="r"):
        proxy.add_layer(Layer.create(*data))
    views.show_axial(proxy, radiological=True)
    assert annotations.legend(proxy).letters == ("L", "R", "A", "P")
    layers.set_window(proxy.layers["r - PEV colour"], 0.0, 0.1)
    assert not [w for w in recwarn if "Private attribute" in str(w.message)]


def test_parts_can_be_left_out_and_the_theme_changed(viewer):
    for data in layers.tensor_layers(marked_tensor(), run="r"):
        viewer.add_layer(Layer.create(*data))
    annotations = canvas.annotate(viewer)
    annotations.configure(letters=False, key=False)
    assert {s.name for s in annotations.paint(viewer, 600, 500, 1.0)} == {"caption 1", "caption 2", "caption 3"}
    viewer.theme = "light"
    light = viewer.screenshot(canvas_only=True, flash=False)[:40, :200, :3]
    assert light.min() < 60 and light.max() > 200
    viewer.canvas.overlays[canvas.OVERLAY].visible = False
    assert viewer.screenshot(canvas_only=True, flash=False)[:40, :200, :3].min() > 200


def test_text_can_be_read_on_any_ground(qapp):
    for dark in (True, False):
        picture = paint.letter("R", 2.0, dark)
        opaque = picture[picture[..., 3] > 150][:, :3].astype(int).mean(-1)
        assert opaque.max() > 200 and opaque.min() < 60  # a bright letter with a dark rim, or the reverse
    bar = paint.bar(Bar("MSA [ppm]", 0.0, 0.03, ((0, 0, 0), (255, 0, 0))), 1.0, True)
    assert bar[40, bar.shape[1] - 10, 0] > 180 and bar[150, bar.shape[1] - 10, 0] < 80
    key = paint.key(Key(((1, 0, 0), (0, 1, 0), (0, 0, 1)), "MSA 0 to 1 ppm"), 1.0, True)
    size = paint.KEY_PIXELS
    right, top = key[size // 2 + 14, size - 3], key[8, size // 2 + 14]
    assert right[0] > 200 and right[1] < 130 and top[1] > 200 and top[0] < 130


@pytest.mark.parametrize("size", [(430, 420), (640, 480), (1600, 1000)])
def test_nothing_overlaps_on_small_canvases(qapp, size):
    model = ViewerModel()
    affine = turned(ras_affine(), (9, 11, 8), 20)
    for data in layers.tensor_layers(marked_tensor(affine), run="simulated brain, seven orientations"):
        model.add_layer(Layer.create(*data))
    model.layers[2].visible, model.layers[1].visible, model.layers[3].visible = False, True, True
    views.show_axial(model)
    sprites = canvas.Annotations().paint(model, *size, 1.0)
    assert len(sprites) == 10
    check_layout(sprites, *size)
