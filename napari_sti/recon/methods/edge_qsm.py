"""Edge-weighted inversion of one field map: smooth susceptibility, except where an image has edges."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import InputError
from napari_sti.core.method import Method, Needs
from napari_sti.core.params import param
from napari_sti.core.progress import Progress, silent
from napari_sti.core.tensor_field import TensorField
from napari_sti.recon.budget import volume_bytes


@dataclass(frozen=True)
class EdgeQsmParams:
    """What can be chosen."""

    beta: float = param(
        0.3,
        label="Smoothness β",
        unit="mm",
        help="Weight of the gradient, in ppm per mm, against the misfit in ppm, where there is no edge.",
        low=0.0,
        high=100.0,
    )
    orientation: int = param(
        0,
        label="Orientation",
        help="Number of the field map to use, from 1; 0 takes the one whose B0 is nearest to the foot-head axis.",
        low=0,
        high=1000,
    )
    edges: str = param(
        "auto",
        label="Edges from",
        choices=("auto", "magnitude", "tkd"),
        help="The image whose edges are not smoothed: the mean of the study's magnitude images, or the truncated "
        "division of the field map; auto takes the magnitude if there is one.",
    )
    share: float = param(
        0.5,
        label="Share of edges",
        help="Share of the differences between neighbours that count as edges, the steepest ones.",
        low=0.0,
        high=1.0,
    )
    smooth_mm: float = param(
        2.0,
        label="Smoothing of edges",
        unit="mm",
        help="Standard deviation of the Gaussian with which the image is smoothed before its edges are found.",
        low=0.0,
        high=20.0,
        advanced=True,
    )
    lam: float = param(
        1e-6,
        label="Ridge λ",
        help="Weight of ‖χ‖² against the misfit, both in ppm²; a little makes the minimum the only one.",
        low=0.0,
        high=100.0,
        advanced=True,
    )
    max_iterations: int = param(
        100,
        label="Iterations",
        help="At most so many of preconditioned conjugate gradients; about twenty are usual.",
        low=1,
        high=10000,
    )
    tol: float = param(
        1e-3,
        label="Tolerance",
        help="Stop when the gradient of the functional has fallen to this fraction of its value at χ = 0.",
        low=0.0,
        high=1.0,
        advanced=True,
    )


class EdgeQsm(Method):
    """Least squares for one scalar from one orientation, with a penalty on its gradient away from edges.

    ½ ‖M (d * χ − δ)‖² + ½ β² ‖w_G ⊙ ∇χ‖² + ½ λ ‖χ‖² over the whole grid; ∇ are forward differences per mm that do not
    wrap around, and w_G of each pair of neighbours is 0 on an edge, 1 elsewhere (`napari_sti.recon.morphology`). On the
    Nyquist planes of even axes the kernel is averaged with its mirror image. The result is zero outside the mask.
    """

    id: ClassVar[str] = "edge_qsm"
    title: ClassVar[str] = "Edge-weighted QSM (isotropic, one orientation)"
    summary: ClassVar[str] = (
        "Inverts one field map under the condition that the susceptibility is smooth except at the edges of an image; "
        "the isotropic baseline from one orientation."
    )
    formula: ClassVar[str] = "min over χ:  ½ ‖M F⁻¹ (1/3 − (h·n)²) F χ − δ‖² + ½ β² ‖w_G ⊙ ∇χ‖² + ½ λ ‖χ‖²;  tensor χ·I"
    reference: ClassVar[str] = "de Rochefort, Liu, Kressler et al., MRM 63:194 (2010)"
    needs: ClassVar[Needs] = Needs(orientations=1, determined_from=1)
    Params: ClassVar[type] = EdgeQsmParams
    isotropic: ClassVar[bool] = True
    takes_start: ClassVar[bool] = True

    def run(
        self,
        acquisition: Acquisition,
        params: EdgeQsmParams,
        progress: Progress = silent,
        *,
        device: str = "cpu",
        home: str = "",
        start: TensorField | None = None,
    ) -> TensorField:
        """Reconstruct; see `Method.run`. Of a tensor to start from, the mean of the diagonal is taken."""
        import torch

        from napari_sti.recon.isotropic import isotropic_tensor, mean_susceptibility, one_orientation
        from napari_sti.recon.morphology import edge_weights
        from napari_sti.recon.scalar import ScalarOperator
        from napari_sti.recon.scalar_kspace import KSpacePenalty, KSpacePreconditioner, ScalarKSpaceOperator
        from napari_sti.recon.scalar_penalty import GradientPenalty
        from napari_sti.recon.solvers.cgls import cgls

        self.check(acquisition)
        index, which = one_orientation(acquisition, params.orientation)
        shape, size, mask = acquisition.shape, acquisition.voxel_size, acquisition.mask
        operator = ScalarOperator(shape, size, acquisition.b0_dirs[index : index + 1], mask, device=device)
        field = torch.tensor(np.asarray(acquisition.field)[index : index + 1], device=device)
        image, name = _edge_image(acquisition, params.edges, operator, field)
        weights = edge_weights(image, mask, size, share=params.share, smooth_mm=params.smooth_mm)
        penalty = GradientPenalty(weights, params.beta, size, device=device)
        spectra = ScalarKSpaceOperator(operator)
        first = None
        if start is not None:
            first = spectra.from_image(torch.from_numpy(mean_susceptibility(start.chi)[None]).to(device))

        def tensor(x: torch.Tensor) -> NDArray[np.float32]:
            return isotropic_tensor((spectra.to_image(x)[0] * operator.mask).cpu().numpy())

        found = cgls(
            spectra,
            field,
            penalty=KSpacePenalty(penalty, operator, params.lam),
            preconditioner=KSpacePreconditioner(operator.kernel, penalty, shape, float(mask.mean()), params.lam),
            start=first,
            tol=params.tol,
            max_iterations=params.max_iterations,
            progress=progress,
            preview=tensor,
            overwrite_data=True,
        )
        remarks = (which, f"Edges were taken from {name}.")
        return TensorField(
            tensor(found.x),
            acquisition.affine,
            mask=mask,
            provenance={
                "iterations": found.iterations,
                "stopped": found.stopped,
                "remarks": tuple(remark for remark in remarks if remark),
            },
            name=f"{acquisition.name} {self.id}",
        )

    def remarks(self, acquisition: Acquisition) -> tuple[str, ...]:
        """Say what is not measured; see `Method.remarks`."""
        from napari_sti.recon.isotropic import isotropic_remark

        return (
            "Frequencies near the magic angle are not measured by one orientation: there the edges of an image set the "
            "susceptibility.",
            isotropic_remark(self.title),
        )

    def memory_bytes(self, shape: tuple[int, int, int], orientations: int, params: EdgeQsmParams) -> int:
        """Estimate the peak memory of a run in bytes, without computing anything."""
        volume = volume_bytes(shape)
        kept = 5 + 3 + 2  # operator and field, weights, preconditioner
        iterating = 6  # estimate, gradient twice, direction, A p, what is in between
        finding_edges = 2 * 9  # gradients in double precision
        return volume * (kept + 4 + max(iterating + 6, finding_edges)) + 18_000_000


def _edge_image(acquisition: Acquisition, source: str, operator: Any, field: Any) -> tuple[NDArray[np.float32], str]:
    """Image (X, Y, Z) whose edges are wanted, and what it is called."""
    if source == "magnitude" and acquisition.magnitude is None:
        raise InputError(
            "edges are wanted from the magnitude and the study has none", mend="add one, or use edges = tkd"
        )
    if source == "tkd" or acquisition.magnitude is None:
        from napari_sti.recon import truncated

        chi = truncated.divide(operator, field, threshold=0.19, correct=False)
        return chi[0].cpu().numpy(), "the truncated division of the field map (TKD)"
    image: NDArray[np.float32] = acquisition.magnitude.mean(0, dtype=np.float32)
    return image, "the magnitude"
