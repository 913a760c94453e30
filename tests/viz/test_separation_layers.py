"""Layers of a separation: colours, order on the screen, the Dr in every name, and cells side by side."""

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Layer

from napari_sti.core.relaxometry import relaxation
from napari_sti.core.separated import SeparatedField
from napari_sti.core.tensor_field import TensorField
from napari_sti.viz.display import METADATA_KEY, DisplayGrid
from napari_sti.viz.separation_layers import (
    ShownSeparations,
    brush_layer,
    other_voxels,
    separation_layers,
    side_by_side,
)

SHAPE = (4, 6, 5)
AFFINE = np.array([[0, -2.0, 0, 9], [0, 0, 3.0, -5], [-1.5, 0, 0, 4], [0, 0, 0, 1]])  # stored I, L, A
RNG = np.random.default_rng(2)


def field(*, tensor: bool = False, dr: float = 114, dr_neg: float | None = None) -> SeparatedField:
    mask = np.zeros(SHAPE, bool)
    mask[1:, 1:-1, 1:] = True
    pos = (0.05 * RNG.random(SHAPE)).astype(np.float32) * mask
    a = RNG.normal(size=(*SHAPE, 3, 3)) * 0.1
    square = -(a @ np.swapaxes(a, -1, -2))
    chi = square[..., (0, 0, 0, 1, 1, 2), (0, 1, 2, 1, 2, 2)] * mask[..., None]
    about = {"simulated": True}
    floor = SeparatedField(pos / 2, -pos, AFFINE, relaxation(dr, dr_neg), mask)
    negative = TensorField(chi.astype(np.float32), AFFINE, mask) if tensor else None
    return SeparatedField(
        pos, None if tensor else -pos / 3, AFFINE, relaxation(dr, dr_neg), mask, negative, closed_form=floor,
        provenance=about,
    )  # fmt: skip


def info(layer):
    return layer[1]["metadata"][METADATA_KEY]


def test_names_legends_and_descriptions_say_dr() -> None:
    layers = separation_layers(field(dr_neg=89), run="wavesep 1")
    assert [layer[1]["name"] for layer in layers] == [
        "wavesep 1, Dr 114/89 Hz/ppm - χ total [ppm]",
        "wavesep 1, Dr 114/89 Hz/ppm - |χ−| [ppm]",
        "wavesep 1, Dr 114/89 Hz/ppm - χ+ [ppm]",
    ]
    for layer in layers:
        assert "Dr = 114 (+) and 89 (-) Hz/ppm" in info(layer)["description"] and info(layer)["simulated"]
    assert [layer[1]["visible"] for layer in layers] == [False, False, True]


def test_tensors_bring_maps_of_the_diamagnetic_part_and_all_can_be_made() -> None:
    layers = separation_layers(field(tensor=True), run="w")
    kinds = [info(layer)["kind"] for layer in layers]
    assert kinds == ["separation_total", "separation_neg", "separation_pos", "separation_msa", "separation_pev"]
    for data, keywords, kind in layers:
        layer = Layer.create(data, keywords, kind)
        assert {str(unit) for unit in layer.units} == {"millimeter"}


def test_values_lie_where_the_grid_puts_them_and_colours_are_warm_and_cold() -> None:
    found = field()
    total, neg, pos = separation_layers(found, run="w")
    grid = DisplayGrid(AFFINE, SHAPE)
    shown = grid.to_shown(np.where(found.mask, found.chi_pos, np.nan))
    np.testing.assert_array_equal(pos[0], shown)
    warm, cold = (Layer.create(*one).colormap.map(np.array([0.6]))[0] for one in (pos, neg))
    assert warm[0] > warm[2] + 0.3 and cold[2] > cold[0] + 0.3
    assert total[1]["contrast_limits"][0] == -total[1]["contrast_limits"][1] and pos[1]["contrast_limits"][0] == 0
    words = info(pos)["maps"].words(tuple(np.argwhere(grid.to_shown(found.mask))[0]), "ppm")
    assert words.startswith("χ+ 0.0") and "total" in words and words.endswith("Dr 114 Hz/ppm")


@pytest.mark.parametrize("many", [1, 2])
def test_side_by_side_has_a_row_for_each_and_a_free_cell_for_the_legend(many: int) -> None:
    found = {f"w {n}": field() for n in range(many)}
    shown = ShownSeparations(found, found["w 0"].closed_form)
    layers, layout = side_by_side(shown)
    assert len(layers) == 3 * many + 2 and (layout.rows, layout.columns) == (many + 1, 3)
    assert layout.order == tuple(range(len(layers)))
    tops = {kind: {layer[1]["contrast_limits"] for layer in layers if info(layer)["kind"] == kind}
            for kind in ("separated_pos", "separated_neg")}  # fmt: skip
    assert all(len(windows) == 1 for windows in tops.values()), "one window for a row of the same"
    assert info(layers[-1])["cell"][0] == "closed form" and info(layers[0])["cell"][1] == "χ+, Dr 114 Hz/ppm"
    assert shown.box.shape == (2, 3) and (shown.box[1] > shown.box[0]).all()
    alone, layout = side_by_side(ShownSeparations({"closed": field()}, None))
    assert (layout.rows, layout.columns, len(alone)) == (1, 4, 3)


def test_the_brush_marks_the_voxels_on_the_screen() -> None:
    found = field()
    chosen = np.zeros(SHAPE, bool)
    chosen[2, 3, 4] = True
    shown = DisplayGrid(found.affine, found.shape).to_shown(chosen)
    data, keywords, kind = brush_layer(found, shown, run="w", said="χ+ above 0.1")
    layer = Layer.create(data, keywords, kind)
    index = np.argwhere(layer.data)[0]
    place = np.asarray(layer.data_to_world(index))
    np.testing.assert_allclose(place, AFFINE[:3, :3] @ [2, 3, 4] + AFFINE[:3, 3], atol=1e-5)


def test_brushed_voxels_change_in_the_arrays_that_are_there() -> None:
    """All cells share one array; every layer shows it anew without looking at its extent again."""
    found = field()
    shape = DisplayGrid(found.affine, found.shape).shown_shape
    viewer = ViewerModel()
    data, keywords, kind = brush_layer(found, np.zeros(shape, np.uint8), run="w", said="nothing")
    layers = [viewer.add_layer(Layer.create(data, keywords, kind)) for _ in range(2)]
    viewer.dims.point = layers[0].data_to_world((0, 0, 3))
    chosen = np.zeros(shape, np.uint8)
    chosen[1, 2, 3] = 1
    _, keywords, _ = brush_layer(found, chosen, run="w", said="χ+ above 0.2")
    viewer.dims.order = (2, 1, 0)
    other_voxels(layers, chosen, keywords["metadata"])
    for layer in layers:
        assert layer.data is data and layer.data.sum() == 1
        assert np.argwhere(layer._slice.image.raw)[0].tolist() == [2, 1], "the slice that is shown is cut anew"
        assert info((layer.data, {"metadata": layer.metadata}, kind))["description"] == "Voxels with χ+ above 0.2."
    other_voxels(layers, None, keywords["metadata"])
    assert not data.any() and not np.asarray(layers[1]._slice.image.raw).any()
