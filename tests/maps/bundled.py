"""A small brain of bundles that no flip or swap of the axes leaves as they are, with its study and its DTI."""

import nibabel as nib
import numpy as np

from napari_sti.core import frames
from napari_sti.core.acquisition import Acquisition
from napari_sti.core.tensor_field import TensorField

SHAPE = (25, 21, 23)
SIZE = (1.5, 1.4, 1.6)


def affine(code="LAS", shape=SHAPE, size=SIZE):
    """Axes of the world in the order of `code`, centre at the origin; its determinant follows from the letters."""
    signs = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}
    out = np.eye(4)
    out[:3, :3] = 0
    for column, letter in enumerate(code):
        row, sign = signs[letter]
        out[row, column] = sign * size[column]
    out[:3, 3] = -out[:3, :3] @ ((np.array(shape) - 1) / 2)
    return out


def bundles(shape=SHAPE):
    """Directions (voxel axes) and strength of bundles that wind around a tilted axis, one voxel and a half thick."""
    turn = np.linspace(0, 4 * np.pi, 3000)
    along, first, second = np.linalg.qr(np.array([[1, 0.2, 0.1], [0.5, 1, 0.3], [0.3, 0.1, 1]]))[0].T
    middle = (np.array(shape) - 1) / 2
    path = middle + 6 * (np.cos(turn)[:, None] * first + np.sin(turn)[:, None] * second)
    path += ((turn / (4 * np.pi) - 0.5) * 12)[:, None] * along
    tangent = np.gradient(path, axis=0)
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    directions, strength = np.zeros((*shape, 3)), np.zeros(shape)
    for step in np.ndindex(2, 2, 2):
        place = tuple(np.floor(path).astype(int).T + np.array(step)[:, None])
        directions[place], strength[place] = tangent, 1.0
    return directions, strength


def brain_mask(shape=SHAPE):
    """An ellipsoid with room around it."""
    place = np.stack(np.indices(shape), -1) - (np.array(shape) - 1) / 2
    return np.sum((place / (np.array(shape) / 2 - 1.5)) ** 2, -1) < 1


def tensor(code="LAS", msa=0.03, name="bundled"):
    """The tensor of the bundles in voxel axes."""
    directions, strength = bundles()
    mask = brain_mask()
    part = directions[..., :, None] * directions[..., None, :] - np.eye(3) / 3 * (strength > 0)[..., None, None]
    chi = frames.from_matrix(msa * strength[..., None, None] * part)
    i, j, k = np.indices(SHAPE)
    chi[..., [0, 3, 5]] += (0.01 * np.sin(i / 4 + 1) * np.cos(j / 5 + k / 6))[..., None]
    provenance = {"method": "stiimag", "simulated": True}
    return TensorField((chi * mask[..., None]).astype(np.float32), affine(code), mask, provenance=provenance, name=name)


def acquisition(truth, *, noise=0.0005, orientations=7, seed=2):
    """Noisy field maps of a tensor; tilts of 35 degrees all around."""
    from napari_sti.recon.forward import simulate_field

    rng = np.random.default_rng(seed)
    turn = np.arange(orientations) * 2 * np.pi / max(1, orientations - 1)
    tilt = np.radians(np.where(np.arange(orientations) == 0, 0, 35))
    dirs = np.stack([np.sin(tilt) * np.cos(turn), np.sin(tilt) * np.sin(turn), np.cos(tilt)], -1)
    field = simulate_field(truth.chi, truth.affine, dirs, truth.mask)
    field = (field + rng.normal(0, noise, field.shape)) * truth.mask
    return Acquisition(field.astype(np.float32), dirs, truth.mask, truth.affine, b0=7.0, name="bundles", simulated=True)


def write_dti(folder, code="LAS", frame="fsl", strength=0.7):
    """V1 and FA of the bundles as files, in a storage order and a frame."""
    directions, inside = bundles()
    grid = affine(code)
    stored = frames.rotate_vectors(directions, frames.between("voxel", frame, grid))
    for name, data in (("V1", stored), ("FA", strength * inside)):
        nib.save(nib.Nifti1Image(data.astype(np.float32), grid), folder / f"{name}.nii.gz")
    return folder / "V1.nii.gz", folder / "FA.nii.gz"
