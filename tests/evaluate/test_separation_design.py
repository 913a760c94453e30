import pytest

from napari_sti.core.errors import InputError
from napari_sti.evaluate.separation_design import SeparationDesign, form_of


def test_cells_are_every_combination_and_one_repetition_comes_after_the_other():
    design = SeparationDesign(("closed_form", "wavesep"), cases=("consistent", "theory"), orientations=(1, 3), seeds=2)
    cells = list(design.cells())
    assert len(cells) == len(set(cells)) == 16
    assert [cell.seed for cell in cells] == [0] * 8 + [1] * 8
    assert "--separation" in design.command() and "--dr-cases consistent theory" in design.command()


def test_a_tensor_is_wanted_wherever_it_can_be():
    assert [form_of(m) for m in ("closed_form", "wavesep", "chi_sep", "kernel_map", "deepsepsti")] == [
        "tensor",
        "tensor",
        "scalar",
        "scalar",
        "tensor",
    ]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"methods": ("wavesepp",)}, "the method 'wavesepp' is not known"),
        ({"methods": ()}, "no methods to evaluate; name at least one"),
        ({"cases": ("right",)}, "the case of Dr 'right' is not known; use consistent, inconsistent, theory"),
        ({"orientations": (0,)}, "0 is not among the numbers of orientations; use 1 to 20"),
        ({"chi": "deepstii"}, "the method 'deepstii' is not known"),
        ({"rate_snr": 200.0}, "200 dB is not among the noise levels"),
        ({"voxel_size": 20.0}, "20 mm is not among the voxel sizes"),
    ],
)
def test_what_cannot_be_is_refused(given, sentence):
    with pytest.raises(InputError) as caught:
        SeparationDesign(**{"methods": ("wavesep",), **given})
    assert sentence in str(caught.value)
