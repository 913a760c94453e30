"""The published iteration for two unknowns in every voxel, without Python's lock.

There is little to compute for a voxel, and a matrix product for two unknowns is a detour: what counts is how often
memory is gone through. The matrix is often diagonal.
"""

import torch

from napari_sti.recon.unlocked import unlocked


@unlocked
def next_of_pair(
    z: torch.Tensor,
    x: torch.Tensor,
    mask: torch.Tensor,
    b: torch.Tensor,
    step: float,
    matrix: list[list[float]],
    length: int,
) -> tuple[float, float, float, float, float]:
    """Mask and project z, and write M z + step b to x.

    Parameters
    ----------
    z : (2, n) tensor
        Of which the first is to be >= 0 and the second <= 0.
    x : (2, n) tensor
        The estimate before.
    mask : (n,) tensor
        1 where there are sources, else 0.
    b : (2, n) tensor
        What was measured, in the unknowns.
    step : float
        Length of a gradient step.
    matrix : 2 lists of 2 floats
        M.
    length : int
        So many voxels are taken through everything before the next ones are.

    Returns
    -------
    tuple of five floats
        The products of z with itself (first with first, first with second, second with second), <b, z>, and the
        squared distance of z from the estimate before.
    """
    own, mixed, other, linear, moved = 0.0, 0.0, 0.0, 0.0, 0.0
    for start in range(0, len(mask), length):
        inside = mask[start : start + length]
        first, second = z[0, start : start + length], z[1, start : start + length]
        first.mul_(inside).clamp_(min=0)
        second.mul_(inside).clamp_(max=0)
        own += float(torch.dot(first, first))
        mixed += float(torch.dot(first, second))
        other += float(torch.dot(second, second))
        for row in range(2):
            unknown, before, given = (
                z[row, start : start + length],
                x[row, start : start + length],
                b[row, start : start + length],
            )
            before.sub_(unknown)
            moved += float(torch.dot(before, before))
            linear += float(torch.dot(given, unknown))
            torch.mul(given, step, out=before)
            if matrix[row][0] != 0:
                before.add_(first, alpha=matrix[row][0])
            if matrix[row][1] != 0:
                before.add_(second, alpha=matrix[row][1])
    return own, mixed, other, linear, moved
