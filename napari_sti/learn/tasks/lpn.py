"""Learned proximal networks: the prior of one's own images."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sti.core.errors import InputError
from napari_sti.core.params import param
from napari_sti.learn.task import Task, TrainingParams

if TYPE_CHECKING:
    from lightning.pytorch import LightningDataModule, LightningModule

SOURCES = ("simulated", "template", "sharp", "images", "slices", "volumes", "tensors")
_OWN = ("images", "slices", "volumes", "tensors")
_FIXED = {"lpn_28": 28, "lpn_128": 128}
DISCLAIMER = "Research software; not for diagnosis."
TRAINED_ON = {
    "simulated": "tensors of simulated brains (MNI152 anatomy, hand-laid and random fibres)",
    "template": "axial slices of the MNI152 T1 template, deformed and with changed contrast",
    "sharp": "axial slices of the MNI152 T1 template, deformed, in one contrast with sharp edges: every pixel has the "
    "brightness of one tissue",
}


@dataclass(frozen=True)
class LpnTraining(TrainingParams):
    """What can be chosen."""

    source: str = param(
        "simulated",
        label="Images",
        choices=SOURCES,
        help="Tensors of simulated brains, slices of the MNI152 template (template: in many contrasts; sharp: in one, "
        "with sharp edges), or own data: a folder of images, of NIfTI volumes (whole or axial slices), or of tensors "
        "(dataset.yaml).",
    )
    data: str = param("", label="Folder", help="Where own data lie.", path="folder")
    channels: int = param(
        1, label="Channels", help="Of own images: 1 for grey values, 3 for colours.", low=1, high=64, advanced=True
    )
    steps: int = param(40_000, label="Steps", help="Updates of the weights in all.", low=1, high=10**9)
    batch: int = param(16, label="Batch", help="Patches in each step, on every device.", low=1, high=4096)
    learning_rate: float = param(1e-3, label="Learning rate", help="Of Adam while the loss is l1.", low=0.0, high=10.0)
    matching_rate: float = param(
        1e-4, label="Later rate", help="Of Adam during proximal matching.", low=0.0, high=10.0, advanced=True
    )
    l1_share: float = param(
        0.5, label="Share of l1", help="Of the steps before proximal matching begins.", low=0.0, high=1.0, advanced=True
    )
    gamma: float = param(
        0.08,
        label="Last gamma",
        help="Width of the matching loss at the end, times the root of the numbers in a patch; it starts at 8 times "
        "this. Published: 0.08 at a noise of 0.1.",
        low=1e-6,
        high=1e3,
        advanced=True,
    )
    noise_low: float = param(
        0.1, label="Least noise", help="Standard deviation, where images reach from 0 to 1.", low=0.0, high=10.0
    )
    noise_high: float = param(
        0.1, label="Most noise", help="Drawn anew for every step; the same as the least: fixed.", low=1e-6, high=10.0
    )
    gaps: float = param(
        0.0,
        label="Gaps",
        help="Share of tensors that get, in place of noise, the errors that least squares make with few orientations: "
        "for weights that reconstruct.",
        low=0.0,
        high=1.0,
        advanced=True,
    )
    patch: int = param(
        0, label="Patch", unit="voxels", help="Edge; 0: 64 in 2-D, 24 in 3-D.", low=0, high=1024, advanced=True
    )
    network: str = param(
        "local",
        label="Network",
        choices=("local", "lpn_28", "lpn_128"),
        help="Fully convolutional, for images of any size, or one of the published ones for 28 x 28 or 128 x 128.",
        advanced=True,
    )
    widths: str = param(
        "16,32,32", label="Widths", help="Features on each level of the convolutional network.", advanced=True
    )
    depth: int = param(2, label="Depth", help="Layers on each level.", low=1, high=16, advanced=True)
    quadratic: int = param(
        4, label="Quadratic features", help="Of each level: the linear part of f.", low=0, high=64, advanced=True
    )
    hidden: int = param(64, label="Hidden", help="Features of the published networks.", low=1, high=4096, advanced=True)
    beta: float = param(10.0, label="Beta", help="Sharpness of the activation.", low=1e-3, high=1e4, advanced=True)
    alpha: float = param(
        0.01, label="Alpha", help="Strong convexity: every image has a prior.", low=0.0, high=0.49, advanced=True
    )
    validation_images: int = param(
        24, label="Patches in validation", help="Of images that are not trained on.", low=1, high=10_000, advanced=True
    )

    def image_kind(self) -> tuple[int, int]:
        """Channels and spatial axes of an example."""
        if self.source in ("simulated", "tensors"):
            return 6, 3
        return (1 if self.source in ("template", "sharp") else self.channels), 3 if self.source == "volumes" else 2

    def patch_edge(self) -> int:
        """Edge of a patch in voxels."""
        return _FIXED.get(self.network) or self.patch or (24 if self.image_kind()[1] == 3 else 64)

    def image_size(self) -> int:
        """How many numbers an example holds."""
        channels, dims = self.image_kind()
        return int(channels * self.patch_edge() ** dims)

    def folder_path(self) -> Path | None:
        """Folder of own data, if they are the source."""
        return Path(self.data) if self.source in _OWN else None


class LpnTask(Task):
    """Train a learned proximal network."""

    id = "lpn"
    title = "Learned proximal network"
    summary = "A denoiser that is exactly the prox of a learned prior, which can be looked at."
    reference = "Fang, Buchanan and Sulam, ICLR 2024 (arXiv 2310.14344)"
    Params = LpnTraining

    def check(self, params: Any) -> LpnTraining:
        """Refuse what does not go together, and folders that are not there."""
        checked: LpnTraining = params
        if params.noise_low > params.noise_high:
            raise InputError(
                f"noise_low = {params.noise_low:g} is above noise_high = {params.noise_high:g}", mend="exchange them"
            )
        words = params.widths.split(",")
        if params.network == "local" and not all(w.strip().isdigit() and 0 < int(w) < 4097 for w in words):
            raise InputError(f"widths = {params.widths!r} are not whole numbers with commas", mend="write 16,32,32")
        if params.network in _FIXED and params.image_kind()[1] != 2:
            raise InputError(
                f"the network {params.network} takes 2-D images and the source {params.source} gives 3-D ones",
                mend="take network=local",
            )
        if params.network in _FIXED and params.patch not in (0, _FIXED[params.network]):
            raise InputError(
                f"patch = {params.patch} does not fit {params.network}",
                mend=f"leave it out, or give {_FIXED[params.network]}",
            )
        if params.gaps and params.image_kind() != (6, 3):
            raise InputError(
                f"gaps are errors of tensors, and the source {params.source} has none",
                mend="leave gaps out, or take source=simulated or source=tensors",
            )
        if params.source in _OWN:
            if not params.data:
                raise InputError(f"source = {params.source} needs a folder", mend="add -p data=FOLDER")
            folder = Path(params.data).expanduser().absolute()
            if not folder.is_dir():
                raise InputError("there is no such folder of images", file=folder, mend="check data")
            checked = replace(checked, data=str(folder))
        elif params.data:
            raise InputError(
                f"a folder is given, and source = {params.source} takes none", mend=f"add -p source={'|'.join(_OWN)}"
            )
        return checked

    def weights_name(self, params: Any) -> str:
        """Name of the exported weights."""
        return f"lpn-{params.source}"

    def module(self, params: Any) -> "LightningModule":
        """Make the network with its loss."""
        from napari_sti.learn.lpn_module import LpnModule

        return LpnModule(params)

    def data(self, params: Any) -> "LightningDataModule":
        """Make the source of patches."""
        from napari_sti.learn.lpn_module import LpnData

        return LpnData(params)

    def export(self, module: "LightningModule", params: Any, facts: Mapping[str, Any], path: Path) -> Path:
        """Write the network with its card."""
        from napari_sti.lpn.checkpoint import save_lpn

        network: Any = module.network
        about = card(params, facts, path.stem, network.family, network.parameter_count())
        save_lpn(network, about, path, overwrite=True)
        return path


def card(params: LpnTraining, facts: Mapping[str, Any], name: str, family: str, count: int) -> dict[str, Any]:
    """Make the card of trained weights; `facts` is what the engine says (see `Task.export`)."""
    tensors = params.image_kind()[0] == 6 and params.source in ("simulated", "tensors")
    return {
        "name": name,
        "title": "Learned proximal network",
        "family": family,
        "parameters": count,
        "trained_on": TRAINED_ON.get(params.source, f"{params.source} in {Path(params.data).name}"),
        "recipe": "napari-sti train lpn",
        "training": facts["parameters"],
        "seed": facts["seed"],
        "steps": facts["steps"],
        "seconds": facts["seconds"],
        "machine": facts["machine"],
        "versions": facts["versions"],
        "scores": {n: s for n, s in facts["scores"].items() if math.isfinite(s)},
        "limits": DISCLAIMER,
        "domain": {
            "unit": "ppm" if tensors else "brightness, 0 to 1",
            "scale": 1.0,
            "noise": [params.noise_low, params.noise_high],
            "channels": params.image_kind()[0],
            "dims": params.image_kind()[1],
            **(_tensor_domain(params) if tensors else {}),
        },
        "disclaimer": DISCLAIMER,
    }


def _tensor_domain(params: LpnTraining) -> dict[str, Any]:
    """State how tensors become channels; see `napari_sti.lpn.components`."""
    import torch

    from napari_sti.lpn.components import ENTRY
    from napari_sti.recon.unrolled.whitened import basis

    return {"gaps": params.gaps, ENTRY: torch.linalg.inv(basis(torch.float64)).tolist()}
