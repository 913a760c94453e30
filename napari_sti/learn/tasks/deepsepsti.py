"""DeepSepSTI: an unrolled network that separates iron and myelin, from field maps and R2' at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sti.core.params import param, param_again
from napari_sti.learn import unrolled_params
from napari_sti.learn.task import Task
from napari_sti.learn.tasks.deepsti import DISCLAIMER, FIELD_PPM, LARGEST_TILT, options_of
from napari_sti.learn.unrolled_params import UnrolledTraining, checked
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
class DeepSepStiTraining(UnrolledTraining):
    """What can be chosen."""

    warmup: int = param_again(UnrolledTraining, "warmup", default=100)
    voxel_size_high: float = param_again(UnrolledTraining, "voxel_size_high", default=3.0)
    snr_low: float = param_again(UnrolledTraining, "snr_low", default=15.0)
    unroll: int = param_again(UnrolledTraining, "unroll", default=1)
    weights: str = param_again(
        UnrolledTraining,
        "weights",
        help="File of weights to begin with: of this task, or of DeepSTI with one iteration, whose network then is the "
        "beginning; empty: random ones.",
    )
    validation_brains: int = param_again(UnrolledTraining, "validation_brains", default=2)
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


RANGES = (*unrolled_params.RANGES, ("rate_snr_low", "rate_snr_high", "signal-to-noise ratios of R2'"))


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
        found: DeepSepStiTraining = checked(params, RANGES)
        return found

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
