"""What is shown of a tensor in the real window: nothing mirrored, lines and ellipsoids follow, three planes linked."""

import numpy as np
import pytest
from napari.layers import Layer
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QImage

from napari_sti.core import frames
from napari_sti.core.tensor_field import TensorField
from napari_sti.viz import _compat, views
from napari_sti.viz.compare_grid import Layout, SideBySide
from napari_sti.viz.display import layer_info
from napari_sti.viz.layers import tensor_layers
from napari_sti.viz.paint import _pixels
from napari_sti.widgets.fold import Fold
from tests.test_window import make_window  # noqa: F401  (a fixture)

pytestmark = pytest.mark.window

SHAPE, SIZE = (35, 29, 17), (2.0, 2.0, 3.0)
ART = {
    "L": ("X....", "X....", "X....", "X....", "X....", "X....", "XXXXX"),
    "R": ("XXXXX", "X...X", "X...X", "XXXXX", "X.XX.", "X..XX", "X...X"),
}
"""As they are read from above, the front of the head up."""
RED, GREEN, BLUE = np.eye(3)


def letter(text):
    """Voxels of a letter, two to a dot, x to the right and y to the top."""
    dots = np.array([[c == "X" for c in row] for row in ART[text]])[::-1].T
    return dots.repeat(2, axis=0).repeat(2, axis=1)


def lettered_tensor(order):
    """A red L on the person's left and a green R on the right, through all but the outer slices; a blue mark on top.

    Stored in another order and with flips: what is shown has to undo them.
    """
    directions, mask = np.zeros((*SHAPE, 3)), np.zeros(SHAPE, bool)
    for text, corner, direction in (("L", 3, RED), ("R", 22, GREEN)):
        dots = np.zeros(SHAPE[:2], bool)
        dots[corner : corner + 10, 8:22] = letter(text)
        mask[..., 2:-2] |= dots[..., None]
        directions[dots, 2:-2] = direction
    mask[16:19, 24:27, 13:15], directions[16:19, 24:27, 13:15] = True, BLUE
    mask[16:19, 24:27, 2:4], directions[16:19, 24:27, 2:4] = True, RED
    mask[16:19, 2:4, 8:10], directions[16:19, 2:4, 8:10] = True, GREEN
    matrix = 0.03 * directions[..., :, None] * directions[..., None, :]
    affine = np.diag([*SIZE, 1.0])
    affine[:3, 3] = -np.array(SIZE) * (np.array(SHAPE) - 1) / 2
    order = np.array(order, float)
    return TensorField(
        frames.reorder_volume(frames.from_matrix(matrix * mask[..., None, None]), order).astype(np.float32),
        frames.reorder_affine(affine, order, SHAPE),
        frames.reorder_volume(mask, order),
        frame="ras",
    )


ORDERS = {"LAS": [[0, -1], [1, 1], [2, 1]], "permuted and flipped": [[1, -1], [2, 1], [0, -1]]}


@pytest.fixture
def window(make_window):  # noqa: F811
    """The workbench with the lettered tensor in two orders of storage."""
    made = make_window()
    for name, order in ORDERS.items():
        for data in tensor_layers(lettered_tensor(order), run=name, floor=0.0, ceiling=0.03):
            made.viewer.add_layer(Layer.create(*data))
    made.until(lambda: len(made.controller.layers.run_names()) == 2)
    made.tab("View")
    made.controller.view.change(legend=False)
    return made


def picture(viewer, canvas=None):
    """Pixels of a canvas, RGB as whole numbers."""
    if canvas is None:
        return viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)
    return np.asarray(canvas.screenshot(flash=False))[..., :3].astype(int)


def frame(native):
    """Pixels of a single drawing of the canvas, RGB as whole numbers."""
    return _pixels(native.grabFramebuffer().convertToFormat(QImage.Format.Format_RGBA8888))[..., :3].astype(int)


def where(shot, channel):
    """Pixels in which one colour is far stronger than the others."""
    others = [c for c in range(3) if c != channel]
    return (shot[..., channel] > 110) & (shot[..., channel] > 1.6 * shot[..., others].max(axis=-1))


def is_letter(found, text, mirrored=False):
    """Whether pixels show a letter, the right way round or mirrored."""
    rows, columns = np.flatnonzero(found.any(1)), np.flatnonzero(found.any(0))
    box = found[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    art = np.array([[c == "X" for c in row] for row in ART[text]])
    at = [((np.arange(n) + 0.5) * size / n).astype(int) for n, size in zip(art.shape, box.shape, strict=True)]
    dots = box[np.ix_(*at)]
    right, wrong = (art[:, ::-1], art) if mirrored else (art, art[:, ::-1])
    return (dots == right).mean() > max(0.85, (dots == wrong).mean() + 0.1)


def letters_of(shot):
    """Red and green pixels of the letters: the largest part of each colour."""
    from skimage.measure import label

    found = []
    for channel in (0, 1):
        parts = label(where(shot, channel))
        found.append(parts == np.bincount(parts[parts > 0]).argmax())
    return found


def middle(found):
    return np.argwhere(found).mean(axis=0)


def test_nothing_is_mirrored_in_slices_and_in_the_volume(window):
    """L on the left and R on the right, both legible; radiological shows them from below; 3-D is a pure rotation."""
    viewer, view = window.viewer, window.controller.view
    for name in ORDERS:
        view.change(run=name, map="pev_colour", plane="axial", solid=False, radiological=False)
        viewer.dims.point = (0.0, 0.0, 0.0)
        window.qtbot.wait(200)
        red, green = letters_of(picture(viewer))
        assert middle(red)[1] < middle(green)[1], f"{name}: neurological, left is left"
        assert is_letter(red, "L") and is_letter(green, "R"), name
        view.change(radiological=True)
        window.qtbot.wait(200)
        red, green = letters_of(picture(viewer))
        assert middle(red)[1] > middle(green)[1], f"{name}: radiological, left is right"
        assert is_letter(red, "L", mirrored=True) and is_letter(green, "R", mirrored=True), "seen from the feet"
        view.change(radiological=False, solid=True)
        window.qtbot.wait(300)
        red, green = letters_of(picture(viewer))
        assert is_letter(red, "L") and is_letter(green, "R"), f"{name}: 3-D from above"
    check_turned(window)
    check_depth(window)


def check_turned(window):
    """However the camera is turned, R and L lie where the letters at the edges say."""
    viewer, camera = window.viewer, _compat.camera(window.viewer)
    places = {0: np.array([-2.0 * 9.5, 0, 0]), 1: np.array([2.0 * 9.5, 0, 0])}
    for angles in ((20.0, 35.0, 80.0), (-60.0, 10.0, 140.0)):
        camera.angles = angles
        window.qtbot.wait(150)
        axes = views.screen_axes(viewer)
        assert not axes.mirrored
        found = {channel: middle(mask) for channel, mask in enumerate(letters_of(picture(viewer)))}
        seen = found[1][::-1] - found[0][::-1]
        wanted = [np.dot(places[1] - places[0], axes.right), -np.dot(places[1] - places[0], axes.up)]
        assert np.dot(seen, wanted) > 0.9 * np.linalg.norm(seen) * np.linalg.norm(wanted), angles


def check_depth(window):
    """The blue mark is on top: seen from above it covers the red one, from below it is covered."""
    viewer, view = window.viewer, window.controller.view
    # Only ellipsoids have a depth; the colours in the volume are the brightest along the line of sight.
    view.change(solid=False)  # and back, which turns the camera to the plane
    view.change(plane="axial", solid=True, radiological=False, map="none", ellipsoids=True, slab=0.0)
    place = np.array([0.0, 2.0 * 11, 0.0])
    for turned, channel in ((False, 2), (True, 0)):
        if turned:
            view.change(radiological=True)
        window.qtbot.wait(300)
        axes = views.screen_axes(viewer)
        assert axes.towards[2] * (-1 if turned else 1) > 0.99 and not axes.mirrored
        shot = picture(viewer)
        x, y = pixel(viewer, shot.shape, place, axes)
        # The upper tensor is seen end-on, a dot of three pixels; its middle is what lies at the place.
        assert shot[y, x].max() > 60 and shot[y, x].argmax() == channel, shot[y - 2 : y + 3, x - 2 : x + 3]


def pixel(viewer, shape, place, axes):
    """Where a place of the world lies in a picture of the canvas."""
    camera = _compat.camera(viewer)
    order = viewer.dims.displayed
    centre = np.zeros(3)
    centre[list(order)] = np.asarray(camera.center, float)[-len(order) :]
    ratio = shape[1] / _compat.canvas_size(viewer)[0]
    away = (np.asarray(place, float) - centre) * camera.zoom * ratio
    return round(shape[1] / 2 + np.dot(away, axes.right)), round(shape[0] / 2 - np.dot(away, axes.up))


def test_lines_ellipsoids_and_three_planes_by_mouse(window):
    viewer, controller = window.viewer, window.controller
    controller.view.change(run="LAS", map="pev_colour", plane="axial")
    viewer.dims.point = (0.0, 0.0, 0.0)
    window.click("sti_lines")
    window.click("sti_ellipsoids")
    lines, glyphs = (controller.layers.find("LAS", kind) for kind in ("pev_lines", "pev_glyphs"))
    assert lines.visible and glyphs.visible
    for step in (0.0, 3.0, -12.0):
        viewer.dims.set_point(2, step)
        place = np.rint((step + 24) / 3)
        np.testing.assert_allclose(lines.data[:, 0, 2], place)
        np.testing.assert_allclose(glyphs.data[0][8:, 2], place)
        assert len(lines.data) > 20 and len(glyphs.data[1]) > 100
    check_colour_controls(window)
    window.click("sti_three")
    dock = window.workbench.panels["view"].linked
    window.until(lambda: dock.widget is not None and set(dock.widget.planes) == {"coronal", "sagittal"})
    coronal = dock.widget.planes["coronal"]
    window.until(lambda: coronal.canvas.isVisible())
    window.qtbot.wait(400)
    high = viewer.window._qt_window.height()
    assert 0.35 * high < coronal.height() < 0.55 * high, "a readable share"
    check_click(window, coronal)
    assert coronal.annotations.legend(coronal.view.viewer).caption[0].startswith("coronal")
    controller.view.change(radiological=True)
    assert coronal.view.radiological and _compat.camera(coronal.view.viewer).orientation[2] == "left"
    controller.view.change(solid=True)
    assert set(dock.widget.planes) == {"axial", "coronal", "sagittal"}
    controller.view.change(solid=False)
    dock.widget.parent().close()
    viewer.window.remove_dock_widget(dock.widget)  # as the cross of the dock does
    window.until(lambda: dock.widget is None and not controller.view.value().three)
    assert not window.find("sti_three").isChecked()


def check_colour_controls(window):
    """Suppress and clip by mouse; the pixels follow."""
    view = window.controller.view
    view.change(lines=False, ellipsoids=False)
    window.workbench.panels["view"].findChild(Fold).set_open(True)
    window.qtbot.wait(200)
    assert where(picture(window.viewer), 0).sum() > 500
    window.workbench.panels["view"].bring_to_view(window.find("sti_suppress_l"))
    window.qtbot.wait(100)
    window.click("sti_suppress_l")
    window.until(lambda: where(picture(window.viewer), 0).sum() == 0)
    assert where(picture(window.viewer), 1).sum() > 500, "the R is still there"
    window.click("sti_suppress_l")
    window.until(lambda: where(picture(window.viewer), 0).sum() > 500)
    view.change(clip="LAS - MMS [ppm]", clip_range=(5.0, 9.0))
    window.until(lambda: where(picture(window.viewer), 1).sum() == 0)
    colour = window.controller.layers.find("LAS", "pev_colour")
    assert layer_info(colour.metadata)["style"].clip is not None
    view.change(clip="", lines=True, ellipsoids=True)
    window.until(lambda: where(picture(window.viewer), 1).sum() > 300)


def check_click(window, coronal):
    """A click in one view moves the crosshair in all of them, in the world's coordinates."""
    main, other = window.viewer, coronal.view.viewer
    place = np.array([-19.0, 0.0, 9.0])
    native = coronal.canvas.canvas.native
    axes = views.screen_axes(other)
    x, y = pixel(other, (native.height(), native.width()), place, axes)
    window.qtbot.mouseClick(native, Qt.MouseButton.LeftButton, pos=QPoint(x, y))
    window.until(lambda: np.allclose(np.array(main.dims.point)[[0, 2]], place[[0, 2]], atol=1.5), timeout=5000)
    sagittal = window.workbench.panels["view"].linked.widget.planes["sagittal"].view.viewer
    np.testing.assert_allclose(sagittal.dims.point, main.dims.point, atol=1e-6)
    assert abs(main.dims.point[1]) < 1e-6, "the slice of the view that was clicked in stays"
    window.qtbot.wait(150)
    shot = picture(None, coronal.canvas)
    x, y = pixel(other, shot.shape, [*np.array(main.dims.point)[:1], 0.0, main.dims.point[2]], axes)
    row = shot[y - 2 : y + 3, x - 50 : x - 15]
    yellow = (row[..., 0] > 150) & (row[..., 1] > 120) & (row[..., 2] < 120)
    assert yellow.any(axis=0).all(), "the yellow line runs through the place"


def test_the_first_picture_of_cells_is_the_right_one(window):
    """Cells have no size before they are laid out, and one picture of some huge voxels would be seen, or saved."""
    viewer = window.viewer
    native = viewer.window._qt_viewer.canvas.native
    side = SideBySide(viewer)
    side.remember()
    size = SIZE * np.array(SHAPE)
    layers = [
        viewer.add_image(np.ones(SHAPE, np.float32), scale=SIZE, translate=-size / 2, units="mm", visible=False)
        for _ in range(3)
    ]
    side.lay_out(layers[::-1], Layout(2, 2, (0, 1, 2)), np.array([-size / 2, size / 2]))
    first, second = (frame(native) for _ in range(2))
    bright = (first.min(axis=-1) > 200).mean()
    zoom = _compat.camera(viewer).zoom * native.devicePixelRatioF()
    wanted = 3 * size[0] * size[1] * zoom**2 / np.prod(first.shape[:2])
    assert bright == pytest.approx(wanted, rel=0.1)
    assert (first != second).mean() < 0.01
    side.end()


def test_the_quick_picture_is_the_same_and_follows_gamma_and_place(window):
    """Powers of 1 are left out in every pixel, and the place is not worked out with every slice."""
    viewer, controller = window.viewer, window.controller
    controller.view.change(run="LAS", map="pev_colour", plane="axial")
    controller.view.change(floor=0.001, ceiling=0.05)  # colours that are not full
    window.qtbot.wait(400)
    viewer.dims.point = (0.0, 0.0, 0.0)
    native = viewer.window._qt_viewer.canvas.native
    layer = controller.layers.find("LAS", "pev_colour")
    drawn = viewer.window._qt_viewer.canvas.layer_to_visual[layer]
    assert drawn.node._build_color_transform.keeps
    quick = frame(native)
    assert 100 < np.median(quick[where(quick, 0), 0]) < 200, "colours that gamma changes"
    layer.gamma = 0.4
    assert frame(native).sum() != quick.sum()
    layer.gamma = 1.0  # from now on with the powers
    np.testing.assert_array_equal(frame(native), quick)
    viewer.dims.set_point(2, 9.0)
    viewer.dims.set_point(2, 0.0)
    np.testing.assert_array_equal(frame(native), quick)
    layer.translate = np.add(layer.translate, (8.0, 0, 0))
    moved = middle(letters_of(frame(native))[0]) - middle(letters_of(quick)[0])
    pixels = 8 * _compat.camera(viewer).zoom * native.devicePixelRatioF()
    np.testing.assert_allclose(moved, (0, pixels), atol=1.5)
    viewer.dims.set_point(2, 3.0)
    np.testing.assert_allclose(middle(letters_of(frame(native))[0]) - middle(letters_of(quick)[0]), moved, atol=1.5)
