"""One object stored in several orders of axes, which has to give one tensor in the world."""

import nibabel as nib
import numpy as np

from napari_sti.core import frames
from napari_sti.core.acquisition import Acquisition
from napari_sti.core.tensor_field import TensorField
from napari_sti.recon.forward import simulate_field
from napari_sti.recon.reconstruct import reconstruct
from tests.recon.dense import directions

SHAPE = (9, 12, 7)
ORDERS = ("LAS", "SPL", "AIR")


def stored(order: str, orientations: int) -> Acquisition:
    """Simulated field maps of one object on an oblique grid, stored in some order."""
    rng = np.random.default_rng(3)
    turn = np.array([[0.936, -0.275, 0.218], [0.289, 0.956, -0.036], [-0.198, 0.098, 0.975]])
    affine = np.eye(4)
    affine[:3, :3] = np.linalg.qr(turn)[0] @ np.diag([-2.0, -1.5, 3.0])
    affine[:3, 3] = (-8, -11, 5)
    mask = rng.random(SHAPE) > 0.2
    chi = (rng.normal(size=(*SHAPE, 6)) * 0.02).astype(np.float32) * mask[..., None]
    magnitude = rng.random(SHAPE)
    white = mask & (rng.random(SHAPE) < 0.5)
    target = nib.orientations.axcodes2ornt(tuple(order))
    move = nib.orientations.ornt_transform(frames.canonical_orientation(affine), target)
    tensor = TensorField(chi, affine, mask).reordered(move)
    h = frames.rotate_vectors(directions(orientations, 4), frames.reordering_matrix(move))
    return Acquisition(
        simulate_field(tensor.chi, tensor.affine, h, tensor.mask),
        h,
        tensor.mask,
        tensor.affine,
        magnitude=frames.reorder_volume(magnitude, move),
        wm_mask=frames.reorder_volume(white, move),
        csf_mask=frames.reorder_volume(mask & ~white, move),
    )


def every_order_agrees(method: str, *, orientations: int, **params: object) -> None:
    """Check that a method gives the same tensor in the world, and the same stored voxels, in every order."""
    expected = reconstruct(stored("RAS", orientations), method, device="cpu", **params).in_frame("ras").canonical()
    scale = float(np.abs(expected.chi).max())
    assert scale > 0.005
    for order in ORDERS:
        result = reconstruct(stored(order, orientations), method, device="cpu", **params)
        assert frames.axis_codes(result.affine) == order
        found = result.in_frame("ras").canonical()
        np.testing.assert_allclose(found.affine, expected.affine, atol=1e-4)
        np.testing.assert_allclose(found.chi, expected.chi, atol=1e-5 * scale)
