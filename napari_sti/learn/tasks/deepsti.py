"""DeepSTI: an unrolled network that reconstructs tensors from few orientations."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sti.core.errors import InputError
from napari_sti.core.params import param, to_mapping
from napari_sti.learn.task import Task, TrainingParams
from napari_sti.learn.unrolled_params import UnrolledTraining, checked
from napari_sti.recon.weights import SAMPLE_ANATOMY

if TYPE_CHECKING:
    from lightning.pytorch import LightningDataModule, LightningModule

DISCLAIMER = "Trained on simulated data; not for diagnosis."
SIMULATED = (
    "Simulated brains only: the MNI152 anatomy, deformed at random, with hand-laid fibre bundles of varied course, or "
    "random fibres; random susceptibilities; white noise; head tilts as published with LP-CNN and wider ones."
)
LIMITS = (
    "Field maps are taken to be unwrapped and free of background, with white noise. Where the data say little (few "
    "orientations, small tilts) directions come from the anatomy of the training brains: a healthy adult's. Lesions, "
    "tumours, children and animals were not seen, but for lesions of random shape that have lost their fibres."
)
LARGEST_TILT = 75
"""Degrees; see `napari_sti.learn.scans.random_directions`."""
FIELD_PPM = (-0.025, 0.03)
"""First and last percentile of the simulated fields, at most."""


@dataclass(frozen=True)
class DeepStiTraining(UnrolledTraining):
    """What can be chosen."""

    data: str = param(
        "",
        label="Own data",
        help="Folder with tensors of one's own (dataset.yaml) to simulate the scans from, instead of simulated brains.",
        path="folder",
    )


class DeepSti(Task):
    """Train an unrolled network on simulated scans."""

    id = "deepsti"
    title = "DeepSTI"
    summary = "Unrolled proximal gradient with a learned network, for tensors from one to six orientations."
    reference = "Fang et al., Medical Image Analysis 87:102829 (2023)"
    Params = DeepStiTraining
    changeable = (*Task.changeable, "validation_brains")

    def check(self, params: Any) -> DeepStiTraining:
        """Refuse ranges that are none, and files that are not there."""
        found: DeepStiTraining = checked(params)
        if found.data:
            from napari_sti.learn.datasets import read_dataset

            folder = Path(found.data).expanduser().absolute()
            if all(entry.use != "validation" for entry in read_dataset(folder)):
                raise InputError(
                    "no tensor of the dataset is for validation", file=folder, mend="give at least one use: validation"
                )
            found = replace(found, data=str(folder))
        return found

    def weights_name(self, params: Any) -> str:
        """Name of the exported weights."""
        return "deepsti-compact"

    def module(self, params: Any) -> "LightningModule":
        """Make the network with its loss."""
        from napari_sti.learn.deepsti_module import DeepStiModule

        module: LightningModule = DeepStiModule(params)
        return module

    def data(self, params: Any) -> "LightningDataModule":
        """Make the source of simulated scans."""
        from napari_sti.learn.deepsti_module import DeepStiData

        data: LightningDataModule = DeepStiData(params)
        return data

    def export(self, module: "LightningModule", params: Any, facts: Mapping[str, Any], path: Path) -> Path:
        """Write the unrolled model with its card."""
        from napari_sti.recon.checkpoint import save_model

        model: Any = module.model
        count = sum(parameter.numel() for parameter in model.parameters())
        save_model(model, card(params, facts, path.stem, model.family, count), path, overwrite=True)
        return path


def card(params: DeepStiTraining, facts: Mapping[str, Any], name: str, family: str, count: int) -> dict[str, Any]:
    """Make the card of trained weights.

    Parameters
    ----------
    params : DeepStiTraining
        What was trained with.
    facts : mapping
        What the engine says of the training (see `napari_sti.learn.task.Task.export`).
    name, family : str
        Of the weights, and of their network.
    count : int
        Number of trained values.
    """
    voxels = [params.voxel_size_low, params.voxel_size_high]
    if params.data:
        from napari_sti.learn.datasets import read_dataset, voxel_size_range

        voxels = list(voxel_size_range(read_dataset(params.data)))
    own = Path(params.data).name if params.data else ""
    return {
        "name": name,
        "title": f"DeepSTI, {family} network" + (f", trained on {own}" if own else ""),
        "family": family,
        "parameters": count,
        "trained_on": f"scans simulated from the tensors in {own}" if own else SIMULATED,
        "recipe": f"napari-sti train deepsti {options_of(params)}".rstrip(),
        "seed": facts["seed"],
        "steps": facts["steps"],
        "seconds": facts["seconds"],
        "machine": facts["machine"],
        "versions": facts["versions"],
        "training": facts["parameters"],
        "scores": scores_in_words(facts["scores"], params.validation_brains),
        "limits": LIMITS,
        "anatomy": None if own else SAMPLE_ANATOMY,
        "domain": {
            "voxel_size_mm": voxels,
            "b0_t": None,
            "orientations": [1, params.orientations],
            "max_tilt_deg": LARGEST_TILT,
            "field_ppm": None if own else list(FIELD_PPM),
            "snr_db": [params.snr_low, params.snr_high],
        },
        "disclaimer": DISCLAIMER,
    }


def scores_in_words(scores: Mapping[str, float], brains: int) -> dict[str, str]:
    """What the last validation found, for people: by number of orientations, beside least squares."""
    found = {
        "validation": f"{brains} simulated brains, head tilts, 20 dB; mean PEV angle and relative error of the tensor"
    }
    for key in sorted(scores):
        count = key.removeprefix("val/angle_")
        if key.startswith("val/angle_") and count.isdigit():
            angle, error = (
                f"{scores[f'val/{what}_{count}']:.{digits}f}" for what, digits in (("angle", 1), ("error", 2))
            )
            plain = [scores.get(f"val/{what}_{count}_least_squares", float("nan")) for what in ("angle", "error")]
            words = f"{angle}° and {error} (least squares {plain[0]:.1f}° and {plain[1]:.2f})"
            found[f"{count} orientation" + "s" * (count != "1")] = words
    return found


def options_of(params: TrainingParams) -> str:
    """Write what differs from the defaults, as on the command line; files by their names."""
    values, usual = to_mapping(params), to_mapping(type(params)())
    values = {key: Path(value).name if key == "weights" else value for key, value in values.items() if key != "data"}
    return " ".join(f"-p {key}={value}" for key, value in values.items() if value != usual[key])
