"""The nearest negative semi-definite tensor, for many voxels at once, on CPU and GPU.

Of a symmetric 3x3 matrix with eigenvalues l1 >= l2 >= l3 it keeps what is negative. Where only l1 is positive, that is
A − l1 P1; where only l3 is negative, it is l3 P3, with the projector P = adj(A − l I) / tr adj(A − l I). If l comes
close to another eigenvalue, the projector loses digits, but then both are close to zero, and so is what is added or
taken: the error stays within rounding of the largest eigenvalue. No eigenvectors are needed, and voxels that are
negative already are left alone.
"""

import math

import torch

AT_ONCE = 1 << 21
"""Voxels that a GPU takes at a time: some thirty volumes in double precision are needed in between."""


def project_negative(tensors: torch.Tensor) -> None:
    """Replace tensors (6, n) in the order xx, xy, xz, yy, yz, zz by the nearest negative semi-definite ones.

    Nearest in the sum of squares of all nine entries. Computed in double precision where the device has it.
    """
    for part in torch.split(tensors, AT_ONCE, dim=1):
        _project(part)


def _project(tensors: torch.Tensor) -> None:
    exact = torch.float32 if tensors.device.type == "mps" else torch.float64
    a = tensors.to(exact)
    where = torch.nonzero(_is_not_negative(a)).squeeze(1)
    if len(where):
        tensors[:, where] = _negative_part(a[:, where]).to(tensors.dtype)


def _is_not_negative(a: torch.Tensor) -> torch.Tensor:
    """Where an eigenvalue is positive: by the signs of the principal minors of -A."""
    xx, xy, xz, yy, yz, zz = a
    minor = xx * yy - xy * xy
    wrong = (xx > 0) | (yy > 0) | (zz > 0) | (minor < 0) | (xx * zz < xz * xz) | (yy * zz < yz * yz)
    det = zz * minor + xz * (2 * xy * yz - xz * yy) - xx * (yz * yz)
    found: torch.Tensor = wrong | (det > 0)
    return found


def _negative_part(a: torch.Tensor) -> torch.Tensor:
    highest, middle, lowest = _eigenvalues(a)
    one_negative = middle > 0
    value = torch.where(one_negative, lowest, highest)
    projector = _adjugate(a, value)
    trace = projector[0] + projector[3] + projector[5]
    # The adjugate is positive for the lowest and for the highest eigenvalue; it vanishes where two are equal.
    amount = torch.where(one_negative, value.clamp(max=0), -value.clamp(min=0))
    amount /= trace.clamp(min=1e-30 if a.dtype == torch.float32 else 1e-200)
    out = torch.where(one_negative, torch.zeros_like(a), a)
    return out.addcmul_(projector, amount)


def _eigenvalues(a: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The highest, the middle and the lowest (Smith, Commun. ACM 4:168, 1961)."""
    xx, xy, xz, yy, yz, zz = a
    mean = (xx + yy + zz) / 3
    x, y, z = xx - mean, yy - mean, zz - mean
    size = torch.sqrt((x * x + y * y + z * z + 2 * (xy * xy + xz * xz + yz * yz)) / 6)
    det = x * (y * z - yz * yz) + xy * (2 * xz * yz - xy * z) - xz * xz * y
    scale = (2 * size**3).clamp_(min=1e-37 if a.dtype == torch.float32 else 1e-250)
    angle = torch.acos((det / scale).clamp_(-1, 1)) / 3
    highest = mean + 2 * size * torch.cos(angle)
    lowest = mean + 2 * size * torch.cos(angle + 2 * math.pi / 3)
    return highest, 3 * mean - highest - lowest, lowest


def _adjugate(a: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Adjugate (6, n) of A − value I."""
    x, y, z = a[0] - value, a[3] - value, a[5] - value
    xy, xz, yz = a[1], a[2], a[4]
    return torch.stack(
        [
            y * z - yz * yz,
            xz * yz - xy * z,
            xy * yz - xz * y,
            x * z - xz * xz,
            xy * xz - x * yz,
            x * y - xy * xy,
        ]
    )
