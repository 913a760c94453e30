"""What is said about tissue masks that cannot be right."""

import numpy as np
import pytest

from napari_sti.io.load import load
from napari_sti.io.mask_checks import mask_warnings
from napari_sti.io.nifti import read_header, write_volume
from tests.io.studies import SHAPE, ball, grid, write_study_files


def part(*voxels):
    mask = np.zeros(SHAPE, bool)
    for voxel in voxels:
        mask[voxel] = True
    return mask


INSIDE, OTHER, OUTSIDE = (3, 4, 3), (3, 5, 3), (0, 0, 0)


@pytest.mark.parametrize(
    ("wm", "csf", "said"),
    [
        (None, None, ()),
        (part(INSIDE), part(OTHER), ()),
        (part(), None, ("The white matter mask is empty.",)),
        (part(INSIDE), part(OUTSIDE), ("The CSF mask lies wholly outside of the brain mask.",)),
        (part(INSIDE, OUTSIDE), None, ("50% of the white matter mask lie outside of the brain mask.",)),
        (
            part(INSIDE, OTHER),
            part(INSIDE),
            ("1 voxel is both in the white matter mask and in the CSF mask (100% of the smaller one).",),
        ),
    ],
)
def test_sentences(wm, csf, said):
    assert mask_warnings(ball(), wm, csf) == said


def test_loading_a_study_says_them(tmp_path):
    study = write_study_files(tmp_path)
    both = tmp_path / "both.nii.gz"
    write_volume(both, part(INSIDE, OTHER), grid(), description="CSF mask, drawn")
    from dataclasses import replace

    loaded = load(replace(study, wm_mask=both, csf_mask=both))
    assert sum("both in the white matter mask" in warning for warning in loaded.warnings) == 1
    assert read_header(both).description == "CSF mask, drawn"
