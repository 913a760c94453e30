import nibabel as nib
import numpy as np

from napari_sti.core import eigen, frames
from napari_sti.learn.fibres import laid_dyadic
from napari_sti.simulate.anatomy import Grid, anatomy_on, resample
from napari_sti.simulate.fibres import REFERENCE
from tools import laid_and_measured as tool


def test_a_brain_made_of_the_training_bundles_is_at_none_of_them(tmp_path):
    """LAS storage, as a scanner's: a flip that is forgotten would show as tens of degrees."""
    affine = np.diag([-3.0, 3, 3, 1])
    affine[:3, 3] = 78, -112, -76
    grid = Grid((53, 65, 54), affine)
    dyadic = np.stack([resample(component, REFERENCE, grid) for component in laid_dyadic()], -1)
    _, vectors = eigen.eigen_system(dyadic.astype(float))
    anatomy = anatomy_on(grid)
    fsl = frames.rotate_vectors(vectors[..., 0], frames.between("ras", "fsl", affine)) * anatomy.mask[..., None]
    folder = tmp_path / "dti_brain"
    folder.mkdir()
    fa = (0.1 + 0.5 * anatomy.wm) * anatomy.mask
    nib.save(nib.Nifti1Image(fa.astype(np.float32), affine), folder / "FA.nii.gz")
    nib.save(nib.Nifti1Image(fsl.astype(np.float32), affine), folder / "V1.nii.gz")
    found = tool.angles(tmp_path)
    training, sample = found["bundles of the training brains"], found["bundles of the sample brain"]
    assert training.size > 5000 and np.isfinite(sample).all()
    assert np.mean(training) < 1
    assert np.mean(sample) > 10
