"""However a study is stored, the whole line from its files to the written tensor gives one tensor in the world."""

import itertools

import nibabel as nib
import numpy as np
import pytest

from napari_sti import Acquisition, TensorField, load_study, reconstruct
from napari_sti.core import frames
from napari_sti.io.results import load_tensor, save_result
from napari_sti.io.save import save_acquisition
from napari_sti.recon.forward import simulate_field

SHAPE = (9, 12, 7)
ORDERS = [
    "".join(letters) for sides in itertools.product("RL", "AP", "SI") for letters in itertools.permutations(sides)
]
NEARLY = np.array([[0.936, -0.275, 0.218], [0.289, 0.956, -0.036], [-0.198, 0.098, 0.975]])


def rotation():
    """Return an orthogonal matrix about an axis that is none of the world's."""
    u, _, vt = np.linalg.svd(NEARLY)
    return u @ vt


def stored(order, turn):
    """Make a scan of one object, stored in the given order, all of it turned in the world by `turn`."""
    rng = np.random.default_rng(3)
    affine = np.diag([2.0, 1.5, 3.0, 1.0])
    affine[:3, 3] = (-8, -11, 5)
    mask = rng.random(SHAPE) > 0.2
    chi = (rng.normal(size=(*SHAPE, 6)) * 0.02).astype(np.float32) * mask[..., None]
    dirs = rng.normal(size=(7, 3))
    dirs /= np.linalg.norm(dirs, axis=1, keepdims=True)
    world = np.eye(4)
    world[:3, :3] = turn
    affine = world @ affine
    straight = TensorField(chi, affine, mask)  # voxel axes turn with the scan, so these components stay
    target = nib.orientations.axcodes2ornt(tuple(order))
    move = nib.orientations.ornt_transform(frames.canonical_orientation(affine), target)
    tensor = straight.reordered(move)
    turned_dirs = frames.rotate_vectors(dirs, frames.reordering_matrix(move))
    field = simulate_field(tensor.chi, tensor.affine, turned_dirs, tensor.mask)
    return Acquisition(field, turned_dirs, tensor.mask, tensor.affine, name=order)


def world_tensor(order, turn, folder):
    """Go from files to files, and return the written tensor in the world, in RAS order, with its affine."""
    acquisition = load_study(save_acquisition(stored(order, turn), folder / "study"))
    result = reconstruct(acquisition, "stiimag", device="cpu", max_iterations=6)
    save_result(result, folder / "result", frame="fsl")
    image = nib.load(folder / "result" / "chi.nii.gz")
    assert frames.axis_codes(image.affine) == order
    return load_tensor(folder / "result" / "chi.nii.gz").in_frame("ras").canonical()


@pytest.fixture(scope="module", params=["straight", "oblique"])
def reference(request, tmp_path_factory):
    """The tensor of the scan stored in RAS order."""
    turn = np.eye(3) if request.param == "straight" else rotation()
    return turn, world_tensor("RAS", turn, tmp_path_factory.mktemp(request.param))


@pytest.mark.parametrize("order", ORDERS)
def test_every_order_gives_the_same_world_tensor(order, reference, tmp_path):
    turn, expected = reference
    found = world_tensor(order, turn, tmp_path)
    np.testing.assert_allclose(found.affine, expected.affine, atol=1e-4)
    scale = np.abs(expected.chi).max()
    np.testing.assert_allclose(found.chi, expected.chi, atol=2e-5 * scale)
    assert scale > 0.01


def test_there_are_48_orders():
    assert len(set(ORDERS)) == 48


def test_a_turned_scan_gives_the_turned_tensor(tmp_path):
    straight = world_tensor("RAS", np.eye(3), tmp_path / "straight")
    turned = world_tensor("RAS", rotation(), tmp_path / "turned")
    expected = frames.rotate_tensors(straight.chi, rotation())
    np.testing.assert_allclose(turned.chi, expected, atol=2e-5 * np.abs(expected).max())
