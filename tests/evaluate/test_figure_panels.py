"""Publication figures: what lies where on the page, what is written, and what is refused."""

import itertools
import json
from dataclasses import replace

import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.core.tensor_field import TensorField
from napari_sti.core.tracts import from_lines
from napari_sti.evaluate.figure_panels import draw_figure, save_panels
from napari_sti.evaluate.figure_spec import (
    FigureSpec,
    PanelSpec,
    figure_from,
    figure_mapping,
    read_figure,
    write_figure,
)
from napari_sti.evaluate.figure_tracts import page_places
from napari_sti.evaluate.slices import choose_plane
from napari_sti.io.results import save_result
from napari_sti.io.tracts import save_tracts

SHAPE = (21, 27, 17)
PERMUTED = np.array([[0, -2.0, 0, 30], [0, 0, 3.0, -24], [1.5, 0, 0, -12], [0, 0, 0, 1]])


def tensor(affine=PERMUTED):
    """Fibres to the right everywhere, more anisotropic in the person's right half."""
    chi = np.zeros((*SHAPE, 6), np.float32)
    chi[..., 0] = 0.02
    index = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), -1)
    chi[(index @ affine[0, :3] + affine[0, 3]) > 2] *= 2
    mask = np.zeros(SHAPE, bool)
    mask[4:-4, 4:-4, 4:-4] = True
    return TensorField(chi, affine, mask, frame="ras", provenance={"simulated": True}, name="box")


@pytest.fixture
def result(tmp_path):
    save_result(tensor(), tmp_path / "box")
    return str(tmp_path / "box")


def pictures(figure):
    """Images of the panels, without those of keys and bars."""
    return [
        axes.images[0].get_array()
        for axes in figure.axes
        if axes.images and axes.images[0].get_interpolation() == "nearest"
    ]


def words(figure):
    return [text.get_text() for text in figure.texts] + [t.get_text() for axes in figure.axes for t in axes.texts]


def test_right_is_where_the_letters_say(result):
    for convention, bright in (("neurological", 1), ("radiological", 0)):
        spec = FigureSpec((PanelSpec(result, "msa"), PanelSpec(result, "pev_colour", "coronal")), convention=convention)
        figure = draw_figure(spec)
        msa, colour = pictures(figure)
        halves = np.array_split(np.asarray(msa), 2, axis=1)
        assert int(halves[1].sum() > halves[0].sum()) == bright
        assert colour[..., 0].max() > 100 and not colour[..., 1:].any(), "fibres to the right are red"
        said = " ".join(words(figure))
        assert convention in said and "Simulated data." in said and "box, MSA" in said and "cm" in said
        first = figure.axes[0]
        left = min((t for t in first.texts if t.get_text() in "LR"), key=lambda t: t.get_position()[0])
        assert left.get_text() == ("L" if bright else "R")


def test_streamlines_lie_on_the_page_where_their_voxel_is():
    for convention in ("neurological", "radiological"):
        field = tensor()
        plane = choose_plane(field, axis="axial", convention=convention)
        marked = np.zeros(SHAPE, np.float32)
        at = (9, 13, 6)
        marked[at] = 1
        # The slice that holds the voxel.
        world = np.array(at) @ PERMUTED[:3, :3].T + PERMUTED[:3, 3]
        plane = choose_plane(field, axis="axial", slice_mm=world[2], convention=convention)
        page = plane.cut_volume(marked, field.affine)
        row, column = np.argwhere(page)[0]
        assert np.allclose(page_places(world[None], field, plane)[0], (column, row, 0), atol=1e-6)


def test_tracts_are_drawn_within_the_slab(result, tmp_path):
    lines = [[(-8, 0, 0), (8, 0, 0)], [(-8, 0, 9), (8, 0, 9)]]
    path = save_tracts(from_lines(lines, affine=PERMUTED, shape=SHAPE), tmp_path / "a.trk")
    figure = draw_figure(FigureSpec((PanelSpec(result, slice_mm=0, tracts=str(path)),), slab_mm=4))
    (collection,) = figure.axes[0].collections
    assert len(collection.get_segments()) == 1
    assert "4 mm" in " ".join(words(figure))


def test_dpi_and_size(result, tmp_path):
    from matplotlib.image import imread

    spec = FigureSpec((PanelSpec(result),), dpi=100, panel_mm=50.8, bars=False, letters=False, scale_bar=False)
    path = save_panels(spec, tmp_path / "f.png")
    assert imread(path).shape[1] == pytest.approx(2 * 100 + 24, abs=2)  # 50.8 mm and the edges
    assert save_panels(spec, tmp_path / "f.pdf").read_bytes()[:4] == b"%PDF"
    with pytest.raises(InputError, match="exists already"):
        save_panels(spec, path)
    picture = PanelSpec(str(path), "picture", title="3-D")
    assert len(draw_figure(FigureSpec((PanelSpec(result), picture))).axes) >= 2


def test_there_and_back(result, tmp_path):
    spec = FigureSpec(
        (PanelSpec(result, "mms", "sagittal", -3.5, "a"),), columns=1, dpi=200, ceiling=0.04, letters=False
    )
    assert figure_from(json.loads(json.dumps(figure_mapping(spec)))) == spec
    assert read_figure(write_figure(spec, tmp_path / "f.json")) == spec


@pytest.mark.parametrize(
    ("panel", "more", "said"),
    [
        ({"map": "flow"}, {}, "the map 'flow' is not known"),
        ({"map": "fa"}, {}, "box has no FA"),
        ({"map": "pev_spread"}, {}, "has no PEV spread; make it with 'napari-sti trust'"),
        ({"slice_mm": 4000.0}, {}, "lies outside the volume"),
        ({}, {"dpi": 5}, "dpi = 5 is out of range"),
        ({}, {"floor": 0.05, "ceiling": 0.01}, "the ceiling is not above the floor"),
    ],
)
def test_what_cannot_be_drawn_is_refused(result, panel, more, said):
    with pytest.raises(InputError, match=said):
        draw_figure(FigureSpec((PanelSpec(result, **panel),), **more))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "broken JSON"),
        ("[]", "no figure of napari-sti"),
        ('{"format": "napari-sti figure", "panels": 3}', "'panels' is not a list"),
        ('{"format": "napari-sti figure", "panels": [{}]}', "states no source"),
        ('{"format": "napari-sti figure", "panels": [{"source": "a"}], "dpi": "x"}', "value of 'dpi' is not right"),
        ('{"format": "napari-sti figure", "panels": [{"source": "a"}], "exec": 1}', "'exec' is not known"),
        ('{"format": "napari-sti figure", "panels": []}', "has no panel"),
    ],
)
def test_hostile_files(tmp_path, content, said):
    path = tmp_path / "f.json"
    path.write_text(content)
    with pytest.raises(InputError, match=said):
        read_figure(path)


def test_a_dti_is_shown_beside(tmp_path):
    import nibabel as nib

    v1 = np.zeros((*SHAPE, 3), np.float32)
    v1[4:-4, 4:-4, 4:-4] = frames.rotate_vectors(np.array([1.0, 0, 0]), frames.between("ras", "voxel", PERMUTED))
    for name, data in (("V1", v1), ("FA", 0.7 * np.abs(v1).max(-1))):
        nib.save(nib.Nifti1Image(data.astype(np.float32), PERMUTED), tmp_path / f"{name}.nii.gz")
    panel = PanelSpec(str(tmp_path / "V1.nii.gz"), fa=str(tmp_path / "FA.nii.gz"), frame="voxel")
    figure = draw_figure(FigureSpec((panel,)))
    (colour,) = pictures(figure)
    assert colour[..., 0].max() > 200 and colour[..., 1:].max() < 5
    assert any("FA" in text for text in words(figure))


@pytest.mark.parametrize("columns", [1, 2, 4])
def test_titles_and_bars_stay_on_the_page_and_apart(tmp_path, columns):
    """Narrow panels: titles that would be alike, and three bars with two keys."""
    name = "a rather long name of a brain"
    save_result(replace(tensor(), name=name), tmp_path / "box")
    panels = [
        PanelSpec(str(tmp_path / "box"), kind, plane)
        for kind in ("pev_colour", "msa", "mms")
        for plane in ("axial", "coronal")
    ]
    figure = draw_figure(FigureSpec(tuple(panels), columns=columns, panel_mm=40))
    figure.canvas.draw()
    width, height = figure.get_size_inches() * figure.dpi
    titles = [text for text in figure.texts if text.get_weight() == "bold"]
    assert len(titles) == 6 and len({text.get_text() for text in titles}) == 3
    boxes = [text.get_window_extent() for text in titles]
    assert all(not a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    bars = [axes.get_tightbbox() for axes in figure.axes if axes.get_xlabel()]
    assert len(bars) == 2 and not bars[0].overlaps(bars[1])
    for box in (*boxes, *bars):
        assert box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height
