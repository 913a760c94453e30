from pathlib import Path

import pytest

from napari_sti.core.errors import InputError
from napari_sti.evaluate.design import Design


def test_every_combination_comes_once_before_any_is_repeated():
    design = Design(("stiimag",), orientations=(1, 4, 4), snr=(40.0, 20.0), max_tilt=(30.0, 60.0), seeds=2)
    studies = list(design.studies())
    assert len(studies) == len(set(studies)) == 16
    assert [s.seed for s in studies] == [0] * 8 + [1] * 8
    shown = [s for s in studies if design.is_shown(s)]
    assert [s.orientations for s in shown] == [1, 4] and {(s.snr, s.max_tilt, s.seed) for s in shown} == {(40, 30, 0)}


def test_the_command_asks_for_the_same():
    from napari_sti.cli.commands.evaluate import _design
    from napari_sti.cli.program import make_parser

    design = Design(("stiimag",), orientations=(1, 6), snr=(25.5,), seeds=2, voxel_size=4.5, finer=False)
    words = design.command().split()
    assert words[:2] == ["napari-sti", "evaluate"] and words[-1] == "DIR"
    again = _design(make_parser().parse_args(words[1:]))
    for name in ("methods", "orientations", "snr", "max_tilt", "seeds", "brains", "voxel_size", "finer"):
        assert getattr(again, name) == getattr(design, name), name


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (dict(methods=()), "no methods to evaluate; name at least one"),
        (dict(methods=("stimag",)), "the method 'stimag' is not known; did you mean 'stiimag'?"),
        (dict(orientations=(21,)), "21 is not among the numbers of orientations; use 1 to 20"),
        (dict(snr=(-3.0,)), "-3 dB is not among the noise levels; use 0 to 120 dB"),
        (dict(max_tilt=(91.0,)), "91 degrees is not among the largest tilts"),
        (dict(seeds=0), "0 is not among the numbers of seeds"),
        (dict(voxel_size=20.0), "20 mm is not among the voxel sizes"),
        (dict(brains=("mouse",)), "the brain 'mouse' is not known; use sample or dti"),
        (dict(brains=("dti",)), "the brain dti needs a diffusion scan and none was found; give the folder"),
    ],
)
def test_bad_wishes_are_named(wrong, sentence):
    with pytest.raises(InputError) as caught:
        Design(**{"methods": ("stiimag",), **wrong})
    assert sentence in str(caught.value)


def test_real_data_may_be_anywhere():
    assert Design(("stiimag",), brains=("dti",), real_data=Path("somewhere")).brains == ("dti",)
