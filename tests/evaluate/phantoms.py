"""Small tensors whose place, side and direction are known."""

import numpy as np

from napari_sti.core import frames
from napari_sti.core.tensor_field import TensorField

SHAPE = (13, 17, 15)
AFFINE = np.array([[2.0, 0, 0, -12], [0, 1.5, 0, -12], [0, 0, 2.5, -17.5], [0, 0, 0, 1]])
"""RAS, centre near the origin, odd shape and unequal edges."""


def sided(msa=0.04, turn=0.0):
    """A tensor whose fibres run left-right in the right half and front-back in the left one; MMS grows to the front.

    `turn` degrees turn the fibres in the axial plane.
    """
    i, j, _ = np.indices(SHAPE)
    angle = np.radians(turn) + np.where(i > SHAPE[0] // 2, 0, np.pi / 2)
    v = np.stack([np.cos(angle), np.sin(angle), 0 * angle], -1)
    chi = msa * (v[..., :, None] * v[..., None, :] - np.eye(3) / 3)
    chi = frames.from_matrix(chi)
    chi[..., [0, 3, 5]] += (0.002 * (j - SHAPE[1] // 2))[..., None]
    mask = np.zeros(SHAPE, bool)
    mask[2:-2, 2:-2, 2:-2] = True
    simulated = {"method": "simulation", "simulated": True}
    return TensorField(chi * mask[..., None], AFFINE, mask, "ras", simulated, "sided")


def isotropic():
    """A tensor without directions on the same grid."""
    chi = np.zeros((*SHAPE, 6), np.float32)
    chi[..., [0, 3, 5]] = 0.01
    return TensorField(chi, AFFINE, sided().mask)


def stored(tensor, code):
    """The same tensor in another storage order, such as ``"PIL"``, components in voxel axes."""
    from nibabel.orientations import axcodes2ornt, ornt_transform

    move = ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(code))
    return tensor.in_frame("voxel").reordered(move)
