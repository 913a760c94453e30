"""What every training task states about itself, and the parameters that all of them share. Never imports torch."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from napari_sti.core.params import param

if TYPE_CHECKING:
    from lightning.pytorch import LightningDataModule, LightningModule

PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")


@dataclass(frozen=True)
class TrainingParams:
    """What the engine itself reads; a task's own ``Params`` inherits these and adds to them.

    A field declared anew in a subclass keeps its place and takes the new default.
    """

    steps: int = param(
        20_000, label="Steps", help="Updates of the weights in all; more may be asked for later.", low=1, high=10**9
    )
    batch: int = param(2, label="Batch", help="Examples in each step, on every device.", low=1, high=4096)
    learning_rate: float = param(
        1e-4, label="Learning rate", help="Largest step size of the optimiser.", low=0.0, high=10.0
    )
    seed: int = param(
        0,
        label="Seed",
        help="Sets the first weights and every example: the same seed, the same run.",
        low=0,
        high=2**31,
    )
    validate_every: int = param(
        1000,
        label="Validate every",
        unit="steps",
        help="Steps from one validation to the next.",
        low=1,
        high=10**9,
        advanced=True,
    )
    ema: float = param(
        0.999,
        label="Averaging",
        help="Decay of the running mean of the weights, which is what is validated and exported; 0 takes the last.",
        low=0.0,
        high=0.999999,
        advanced=True,
    )
    clip: float = param(
        0.0,
        label="Largest gradient",
        help="Gradients of a greater norm are shortened to it; 0 leaves them.",
        low=0.0,
        high=1e9,
        advanced=True,
    )
    precision: str = param(
        "32-true",
        label="Precision",
        choices=PRECISIONS,
        help="Arithmetic of the network during training: float32, or with convolutions in bfloat16 or float16.",
        advanced=True,
    )


class Task(ABC):
    """One thing that can be trained; a subclass in ``learn/tasks/<id>.py`` is found by the registry.

    Its module imports torch and Lightning only inside functions, so that forms can be made without them.
    """

    id: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]
    reference: ClassVar[str] = ""
    Params: ClassVar[type]
    """A frozen dataclass that inherits `TrainingParams`."""
    changeable: ClassVar[tuple[str, ...]] = ("steps", "validate_every")
    """Parameters that may differ when a training is taken up again."""

    def check(self, params: Any) -> Any:
        """Refuse parameters that do not go together, and return them with the paths in them made absolute.

        Called before anything is written, in processes without torch, too.

        Raises
        ------
        InputError
            With one sentence.
        """
        return params

    def weights_name(self, params: Any) -> str:
        """Name of the exported weights, without ending."""
        return self.id

    @abstractmethod
    def module(self, params: Any) -> "LightningModule":
        """Make the untrained module; the seed has been set.

        It logs scalars through ``self.log`` (``train/loss`` is the loss, ``val/...`` what a validation found) and may
        have a method ``pictures()``, called after every validation, that returns (H, W, 3) uint8 RGB arrays by name.
        """

    @abstractmethod
    def data(self, params: Any) -> "LightningDataModule":
        """Make the source of examples.

        Its training loader has to yield batches that depend on nothing but their number, and begin with the one that
        the trainer is at, or a run that is taken up again would see the first ones twice: see
        `napari_sti.learn.stream.numbered_loader`.
        """

    @abstractmethod
    def export(self, module: "LightningModule", params: Any, facts: Mapping[str, Any], path: Path) -> Path:
        """Write the weights (safetensors) with their card, replacing earlier ones in one piece; return the file.

        Parameters
        ----------
        module : LightningModule
            With the averaged weights in place, on the device that it was trained on; to be left as it is.
        params : Params
            This task's own.
        facts : mapping
            Plain values for the card: task, parameters, seed, steps, seconds, device, machine, devices, versions,
            started, finished, and scores (the latest validation, by name).
        path : path
            Where to; the card goes beside it with the ending ``.json``.
        """
