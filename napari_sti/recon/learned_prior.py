"""From a study and a learned proximal network of tensors to a tensor: the run of the method ``lpn``."""

import math
import time
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from napari_sti.core.acquisition import Acquisition
from napari_sti.core.errors import InputError
from napari_sti.core.progress import Progress, Step
from napari_sti.core.provenance import file_hash
from napari_sti.core.tensor_field import TensorField
from napari_sti.lpn.checkpoint import load_lpn
from napari_sti.lpn.components import channel_matrix
from napari_sti.lpn.networks.base import Lpn
from napari_sti.lpn.networks.local import LocalLpn
from napari_sti.lpn.plug_and_play import LpnPrior, Reconstruction, check_convergence, reconstruct_image
from napari_sti.lpn.tiles import TiledLpn
from napari_sti.recon.canonical import CanonicalGrid
from napari_sti.recon.methods.lpn import TILE, WHOLE, LpnParams
from napari_sti.recon.operator import StiOperator
from napari_sti.recon.timing import TimedProgress
from napari_sti.recon.unrolled.whitened import basis, to_tensor
from napari_sti.recon.weights import Weights, domain_remarks
from napari_sti.recon.whitened_term import EnvelopeTerm, WhitenedTerm

HEARTBEAT = 0.5
"""Seconds between two reports within an iteration."""


def reconstruct_with_prior(
    acquisition: Acquisition, weights: Weights, params: LpnParams, progress: Progress, device: str
) -> TensorField:
    """Reconstruct; see `napari_sti.recon.methods.lpn`.

    Raises
    ------
    InputError
        If the weights are none of tensors, or a run is refused because its convergence is not promised.
    """
    network = load_tensor_network(weights, device)
    run = _Run(acquisition, network, params, progress, device)
    found = run.go()
    return TensorField(
        run.taken(),
        acquisition.affine,
        mask=acquisition.mask,
        provenance={
            "iterations": run.records,
            "stopped": "converged" if found.change[-1] < params.tol else "iterations",
            "convergence": {"promised": found.condition.holds, "says": found.condition.says},
            "noise_ppm": run.term.noise,
            "weights": _about(weights, network),
            "remarks": _remarks(acquisition, weights, found),
        },
        name=f"{acquisition.name} lpn",
    )


def load_tensor_network(weights: Weights, device: str) -> LocalLpn:
    """Load weights, and refuse those that are not of tensors in whitened components."""
    network, card = load_lpn(weights.file, device)
    domain = card.get("domain")
    matrix = channel_matrix(domain if isinstance(domain, dict) else {})
    wanted = np.linalg.inv(basis(torch.float64).numpy())
    if not isinstance(network, LocalLpn) or network.channels != 6 or network.spatial != 3:
        raise InputError(
            "these weights are no prior of tensors", file=weights.file, mend="give ones trained with source=simulated"
        )
    if matrix is None or not np.allclose(matrix, wanted, rtol=1e-4, atol=1e-4 * np.abs(wanted).max()):
        raise InputError(
            "these weights take other components of the tensor than this version makes",
            file=weights.file,
            mend="train them again",
        )
    return network


class _Run:
    """The problem of a run, and what is reported and recorded on the way."""

    def __init__(
        self, acquisition: Acquisition, network: LocalLpn, params: LpnParams, progress: Progress, device: str
    ) -> None:
        assert acquisition.field is not None
        self.params, self._clock = params, TimedProgress.of(progress)
        self.records: list[dict[str, Any]] = []
        self._told = time.monotonic()
        self._grid = grid = CanonicalGrid(acquisition)
        operator = StiOperator(grid.shape, grid.voxel_size, grid.b0_dirs, grid.mask, device=device)
        field = torch.from_numpy(grid.place_volumes(acquisition.field)).to(operator.device)
        # Whatever is outside of the mask counts for nothing, and may be NaN.
        inside = torch.nan_to_num(field).mul_(operator.mask)
        self.term = WhitenedTerm(operator, inside, params.fit_iterations, params.ridge)
        self._envelope = EnvelopeTerm(self.term, params.spread)
        large = math.prod(grid.shape) > WHOLE
        self._prior = _Offset(TiledLpn(network, TILE, self._on_tile) if large else network)
        self._splits = params.algorithm == "admm"

    def go(self) -> Reconstruction:
        """Check whether it converges, and do it."""
        weight = 1 / self.params.spread**2
        data = self.term if self._splits else self._envelope
        condition = check_convergence(self.params.algorithm, data, self._prior, weight)  # type: ignore[arg-type]
        if self.params.strict and not condition.holds:
            raise InputError(condition.says.rstrip("."), mend="use the algorithm accelerated, or leave strict out")
        return reconstruct_image(
            data,
            self._prior,
            algorithm=self.params.algorithm,  # type: ignore[arg-type]
            weight=weight,
            iterations=self.params.max_iterations,
            tolerance=max(self.params.tol, 1e-12),
            progress=self._on_iteration,
            follow=self._follow,
        )

    def taken(self) -> NDArray[np.float32]:
        """Tensor (X, Y, Z, 6) in the study's order of axes, of the fit to the data."""
        return self._grid.take_tensor(volume.cpu().numpy() for volume in to_tensor(self._fitted()[0]))

    def _follow(self, x: torch.Tensor) -> None:
        self._latest = x

    def _fitted(self) -> torch.Tensor:
        if not self._splits:
            return self._envelope.fitted
        return self.term.prox(self._latest, 1 / self.params.spread**2, self._latest)

    def _on_iteration(self, step: Step) -> None:
        record = {"iteration": step.iteration, "objective": step.objective, "residual": self.term.residual}
        record |= {"step": step.change, "seconds": round(self._clock.seconds, 4)}
        self.records.append(record)
        self._clock(replace(step, residual=self.term.residual, message="learned prior", preview=self.taken))
        self._told = time.monotonic()

    def _on_tile(self, share: float) -> None:
        """Say how far the network is, for those who wait, and let them cancel."""
        now = time.monotonic()
        if now - self._told < HEARTBEAT:
            return
        self._told = now
        done = len(self.records)
        self._clock(Step(done, self.params.max_iterations, message=f"prior, {share:.0%} of iteration {done + 1}"))


class _Offset(LpnPrior):
    """The prior with the constant by which it is 0 at f(0)."""

    def __init__(self, network: Lpn) -> None:
        super().__init__(network)
        self._constant: float | None = None

    def prox(self, v: torch.Tensor) -> tuple[torch.Tensor, float | None]:
        """f(v) and R(f(v))."""
        if self._constant is None:
            self._constant = super().prox(torch.zeros_like(v))[1]
        x, value = super().prox(v)
        assert value is not None and self._constant is not None
        return x, value - self._constant


def _about(weights: Weights, network: Lpn) -> dict[str, Any]:
    return {
        "name": weights.name,
        "title": weights.title,
        "path": str(weights.file.absolute()),
        "sha256": file_hash(weights.file),
        "family": network.family,
        "parameters": network.parameter_count(),
        "disclaimer": weights.card.get("disclaimer"),
    }


def _remarks(acquisition: Acquisition, weights: Weights, found: Reconstruction) -> list[str]:
    said = list(domain_remarks(weights, acquisition))
    if not found.condition.holds:
        said.append(found.condition.says)
    disclaimer = weights.card.get("disclaimer")
    return [*said, str(disclaimer)] if disclaimer else said
