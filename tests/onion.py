"""A small made-up head of three tissues, for tests that need a mask but no anatomy: no symmetry, any affine."""

from pathlib import Path

import numpy as np

from napari_sti.core import frames
from napari_sti.io.nifti import write_volume
from napari_sti.io.study import Orientation, Study, write_study

SHAPE = (26, 31, 21)
SIZE = (2.0, 1.5, 2.5)


def tissues():
    """Masks of fluid, grey and white matter, which together are the brain: shells around an off-centre ventricle."""
    place = [(i - c) * s for i, c, s in zip(np.indices(SHAPE), (12, 15, 10), SIZE, strict=True)]
    radius = np.sqrt(sum(x**2 for x in place))
    ventricle = np.sqrt((place[0] - 5) ** 2 + (place[1] + 4) ** 2 + place[2] ** 2) < 6.5
    brain = radius < 21
    csf = ventricle & brain
    wm = (radius < 15) & ~csf
    return csf, brain & ~csf & ~wm, wm


def t1_image(seed=0):
    """Brightness of a T1-weighted image with some noise, 0 outside."""
    csf, gm, wm = tissues()
    noise = np.random.default_rng(seed).normal(0, 0.02, SHAPE)
    return np.where(csf | gm | wm, 0.3 * csf + 0.65 * gm + 0.9 * wm + noise, 0).astype(np.float32)


def affine(turn=0.0):
    """Affine of the head stored in RAS order, turned in the world by `turn` degrees about no axis of the world."""
    from scipy.spatial.transform import Rotation

    axis = np.array([0.5, 0.7, 0.4])
    out = np.eye(4)
    out[:3, :3] = Rotation.from_rotvec(np.radians(turn) * axis / np.linalg.norm(axis)).as_matrix() * SIZE
    out[:3, 3] = (-30, -17, 12)
    return out


def write_head(folder: Path, *, order="RAS", turn=0.0, orientations=2) -> Study:
    """Write a study of the head in an order of storage; returns it as read from its file."""
    import nibabel as nib

    straight = affine(turn=turn)
    target = nib.orientations.axcodes2ornt(tuple(order))
    move = nib.orientations.ornt_transform(frames.canonical_orientation(straight), target)
    grid = frames.reorder_affine(straight, move, SHAPE)

    def put(name, data):
        path = folder / f"{name}.nii.gz"
        write_volume(path, frames.reorder_volume(np.asarray(data), move), grid)
        return path

    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(4)
    brain = np.any(tissues(), axis=0)
    rows = [
        Orientation(put(f"field{i}", rng.normal(0, 0.02, SHAPE) * brain), (0.0, np.sin(t), np.cos(t)), "ras", "ppm")
        for i, t in enumerate(np.radians(np.linspace(0, 40, orientations)))
    ]
    study = Study(
        name="onion",
        orientations=tuple(rows),
        mask=put("brain", brain),
        tesla=3.0,
        magnitude=(put("t1", t1_image()),),
        path=folder / "study.yaml",
    )
    write_study(study, folder / "study.yaml")
    return study
