"""Estimates of peak memory in bytes, for the methods to state; never imports torch."""

BASE = 16_000_000
"""What any run takes beside its volumes."""


def kspace_bytes(shape: tuple[int, int, int], orientations: int, *, components: int) -> int:
    """Conjugate gradients with the unknown in k-space: see `KSpaceOperator`."""
    unknowns = 3 * components  # estimate, direction, gradient
    data = 4 * orientations  # residual, A p, spectra, and as measured another for what is in between
    fixed = 3 + 1 + 4  # directions of k, mask, what two transforms at a time take
    return volume_bytes(shape) * (unknowns + data + fixed) + BASE


def tissue_bytes(shape: tuple[int, int, int], orientations: int, *, components: int, preconditioned: bool) -> int:
    """Conjugate gradients in image space with `TissuePenalty`, and a vector more with a preconditioner."""
    unknowns = (4 if preconditioned else 3) * components + components  # with the spectra of one
    data = 4 * orientations
    penalty = 1 + 1 + 3 + 1 + (2 if preconditioned else 0)  # weights, trace
    given = 2 + 3  # the same weights as they were given
    fixed = 3 + 1 + 4
    return volume_bytes(shape) * (unknowns + data + penalty + given + fixed) + BASE


def operator_bytes(shape: tuple[int, int, int], orientations: int, *, components: int) -> int:
    """What the operator alone keeps and is given, where everything else lives elsewhere."""
    return volume_bytes(shape) * (2 * components + 2 * orientations + 3 + 1 + 4) + BASE


def volume_bytes(shape: tuple[int, int, int]) -> int:
    """Bytes of the half spectrum (complex64) of a volume, which are a few more than those of the volume (float32)."""
    return 4 * shape[0] * shape[1] * 2 * (shape[2] // 2 + 1)
