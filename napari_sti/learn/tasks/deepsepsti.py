"""DeepSepSTI: an unrolled network that separates iron and myelin, from field maps and R2' at once."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sti.core.errors import InputError
from napari_sti.core.params import param
from napari_sti.learn.task import Task, TrainingParams
from napari_sti.learn.tasks.deepsti import DISCLAIMER, FIELD_PPM, LARGEST_TILT, options_of
from napari_sti.recon.weights import SAMPLE_ANATOMY

if TYPE_CHECKING:
    from lightning.pytorch import LightningDataModule, LightningModule

SIMULATED = (
    "Simulated brains only: the MNI152 anatomy, deformed at random, with hand-laid fibre bundles of varied course, or "
    "random fibres; iron and myelin of every tissue drawn at random, R2' from both by one Dr; white noise; head tilts "
    "as published with LP-CNN and wider ones."
)
LIMITS = (
    "R2'/Dr is taken to be chi+ - h^T X- h with the Dr that is stated: with another Dr, or in tissue that does not "
    "obey this, both sources are wrong, and the network has not learned to notice. Field maps are taken to be "
    "unwrapped and free of background. Where the data say little, the anatomy of the training brains decides: a "
    "healthy adult's."
)


@dataclass(frozen=True)
class DeepSepStiTraining(TrainingParams):
    """What can be chosen."""

    warmup: int = param(
        100,
        label="Warm-up",
        unit="steps",
        help="Steps over which the learning rate rises to its largest.",
        low=0,
        high=10**9,
        advanced=True,
    )
    crop: int = param(
        48,
        label="Patch",
        unit="voxels",
        help="Edge of the cubes that are trained on.",
        low=16,
        high=256,
        advanced=True,
    )
    voxel_size_low: float = param(
        1.0,
        label="Smallest voxel",
        unit="mm",
        help="Voxel sizes are drawn from here on.",
        low=0.3,
        high=5.0,
        advanced=True,
    )
    voxel_size_high: float = param(
        3.0,
        label="Largest voxel",
        unit="mm",
        help="Voxel sizes are drawn up to here.",
        low=0.3,
        high=5.0,
        advanced=True,
    )
    snr_low: float = param(
        15.0,
        label="Most noise",
        unit="dB",
        help="Lowest signal-to-noise ratio of the fields.",
        low=0.0,
        high=100.0,
        advanced=True,
    )
    snr_high: float = param(
        40.0,
        label="Least noise",
        unit="dB",
        help="Highest signal-to-noise ratio of the fields.",
        low=0.0,
        high=100.0,
        advanced=True,
    )
    rate_snr_low: float = param(
        5.0,
        label="Most noise of R2'",
        unit="dB",
        help="Lowest signal-to-noise ratio of R2'.",
        low=0.0,
        high=100.0,
        advanced=True,
    )
    rate_snr_high: float = param(
        25.0,
        label="Least noise of R2'",
        unit="dB",
        help="Highest signal-to-noise ratio of R2'.",
        low=0.0,
        high=100.0,
        advanced=True,
    )
    orientations: int = param(
        6, label="Orientations up to", help="Each example has between one and so many field maps.", low=1, high=20
    )
    unroll: int = param(
        1, label="Iterations", help="Unrolled steps of the reconstruction.", low=1, high=20, advanced=True
    )
    width: int = param(
        48,
        label="Width",
        help="Channels of the network at half resolution; a multiple of 3.",
        low=6,
        high=255,
        advanced=True,
    )
    alone: int = param(
        5000,
        label="Network alone",
        unit="steps",
        help="Steps in which the network is trained on crops, as a corrector of joint estimates, before the unrolled "
        "model is trained on whole brains.",
        low=0,
        high=10**9,
        advanced=True,
    )
    loaders: int = param(
        1,
        label="Loaders",
        help="Processes that simulate beside the training on a CPU; on a GPU the simulation runs there.",
        low=0,
        high=1,
        advanced=True,
    )
    weights: str = param(
        "",
        label="First weights",
        help="File of weights to begin with: of this task, or of DeepSTI with one iteration, whose network then is the "
        "beginning; empty: random ones.",
        path="file",
        advanced=True,
    )
    validation_brains: int = param(
        2,
        label="Brains in validation",
        help="Whole brains that every validation separates.",
        low=1,
        high=100,
        advanced=True,
    )


RANGES = (
    ("voxel_size_low", "voxel_size_high", "voxel sizes"),
    ("snr_low", "snr_high", "signal-to-noise ratios"),
    ("rate_snr_low", "rate_snr_high", "signal-to-noise ratios of R2'"),
)


class DeepSepSti(Task):
    """Train an unrolled network to separate sources on simulated scans."""

    id = "deepsepsti"
    title = "DeepSepSTI"
    summary = "Unrolled least squares with a learned network: iron and myelin (a tensor) from field maps and R2'."
    reference = "after Fang et al.: DeepSTI (2023), with seven unknowns and R2' as in WaveSep (2023)"
    Params = DeepSepStiTraining
    changeable = (*Task.changeable, "validation_brains")

    def check(self, params: Any) -> DeepSepStiTraining:
        """Refuse ranges that are none, and files that are not there."""
        for low, high, what in RANGES:
            if getattr(params, low) > getattr(params, high):
                raise InputError(
                    f"{low} = {getattr(params, low):g} is above {high} = {getattr(params, high):g}, "
                    f"so there are no {what} to draw from",
                    mend="exchange them",
                )
        checked: DeepSepStiTraining = params
        if params.weights:
            path = Path(params.weights).expanduser().absolute()
            if not path.is_file():
                raise InputError("there is no such file of weights", file=path, mend="check weights")
            checked = replace(checked, weights=str(path))
        return checked

    def module(self, params: Any) -> "LightningModule":
        """Make the network with its loss."""
        from napari_sti.learn.deepsepsti_module import DeepSepStiModule

        module: LightningModule = DeepSepStiModule(params)
        return module

    def data(self, params: Any) -> "LightningDataModule":
        """Make the source of simulated scans."""
        from napari_sti.learn.deepsepsti_module import DeepSepStiData

        data: LightningDataModule = DeepSepStiData(params)
        return data

    def export(self, module: "LightningModule", params: Any, facts: Mapping[str, Any], path: Path) -> Path:
        """Write the model with its card."""
        from napari_sti.recon.checkpoint import save_model

        model: Any = module.model
        count = sum(parameter.numel() for parameter in model.parameters())
        save_model(model, card(params, facts, path.stem, model.family, count), path, overwrite=True)
        return path


def card(params: DeepSepStiTraining, facts: Mapping[str, Any], name: str, family: str, count: int) -> dict[str, Any]:
    """Make the card of trained weights; see `napari_sti.learn.tasks.deepsti.card`."""
    return {
        "name": name,
        "title": "DeepSepSTI, separating network",
        "family": family,
        "parameters": count,
        "trained_on": SIMULATED,
        "begun_from": Path(params.weights).name if params.weights else None,
        "recipe": f"napari-sti train deepsepsti {options_of(params)}".rstrip(),
        "seed": facts["seed"],
        "steps": facts["steps"],
        "seconds": facts["seconds"],
        "machine": facts["machine"],
        "versions": facts["versions"],
        "training": {**facts["parameters"], "weights": Path(params.weights).name},
        "scores": scores_in_words(facts["scores"], params.validation_brains),
        "limits": LIMITS,
        "anatomy": SAMPLE_ANATOMY,
        "domain": {
            "voxel_size_mm": [params.voxel_size_low, params.voxel_size_high],
            "b0_t": None,
            "orientations": [1, params.orientations],
            "max_tilt_deg": LARGEST_TILT,
            "field_ppm": list(FIELD_PPM),
            "snr_db": [params.snr_low, params.snr_high],
            "rate_snr_db": [params.rate_snr_low, params.rate_snr_high],
        },
        "disclaimer": DISCLAIMER,
    }


def scores_in_words(scores: Mapping[str, float], brains: int) -> dict[str, str]:
    """What the last validation found, for people: by number of orientations, beside least squares."""
    said = (
        f"{brains} simulated brain{'s' * (brains > 1)}, head tilts, 30 dB, R2' with 10 dB; norm of the error over norm "
        "of the truth of chi+ and of the mean of X-, and mean PEV angle of X-"
    )
    found = {"validation": said}
    for key in sorted(scores):
        count = key.removeprefix("val/pos_")
        if key.startswith("val/pos_") and count.isdigit():
            words = [
                f"{scores.get(f'val/pos_{count}{kind}', float('nan')):.2f}, "
                f"{scores.get(f'val/neg_{count}{kind}', float('nan')):.2f} and "
                f"{scores.get(f'val/angle_{count}{kind}', float('nan')):.0f}°"
                for kind in ("", "_least_squares")
            ]
            found[f"{count} orientation" + "s" * (count != "1")] = f"{words[0]} (least squares {words[1]})"
    return found
