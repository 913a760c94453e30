"""Train a task: PyTorch Lightning does the training, this makes it resumable, watchable and the same every time."""

import time
import warnings
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

from napari_sti.core import params as parameters
from napari_sti.core.errors import InputError
from napari_sti.core.progress import Progress, silent
from napari_sti.learn.folder import Training, begin, read_training
from napari_sti.learn.kept_memory import kept_memory
from napari_sti.learn.registry import get_task
from napari_sti.learn.surroundings import Places, own_settings, process_number
from napari_sti.learn.task import Task

_PATIENCE = 120.0
"""Seconds that the other processes of a training wait for the first one to make the folder ready."""


def train(
    task_id: str,
    params: Any = None,
    out: str | Path = "training",
    *,
    progress: Progress = silent,
    device: str = "auto",
    resume: bool = True,
    minutes: float | None = None,
    overwrite: bool = False,
    devices: int = 1,
    nodes: int = 1,
    strategy: str = "auto",
) -> Path:
    """Train a task, or take up a training where it was left.

    Parameters
    ----------
    task_id : str
        Id of the task, as `napari_sti.learn.registry.tasks` lists them.
    params : mapping or Params, optional
        Parameters of the task. What a mapping does not state is as before in a training that is taken up.
    out : path
        Folder of the training. It will hold ``train.json`` (task, parameters, how it stands), ``last.ckpt`` (the
        saved state), ``metrics.csv``, ``pictures/``, ``events/`` (TensorBoard) and the exported weights.
    progress : callable
        Called with a `Step` after every step; its ``metrics`` hold what was recorded at this step. If it raises
        `Cancelled`, the state is saved and the weights are exported before that passes through.
    device : {"auto", "cpu", "cuda", "mps"}
        Where to train; ``"auto"`` takes a CUDA device if there is one.
    resume : bool
        Whether to take up what the folder holds; otherwise a folder with a training is refused.
    minutes : float, optional
        Stop after so many, in a saved state and with exported weights.
    overwrite : bool
        Throw away what an earlier training has left in the folder.
    devices, nodes, strategy
        How many devices on how many machines, and how they work together: Lightning's own options.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InputError
        If the task, a parameter or the device is not right, Lightning is not installed, the folder holds something
        else, the saved state cannot be read, or the loss is not a number any more.
    Cancelled
        If `progress` raised it, or the process was asked to end (SIGTERM, Ctrl+C). The same call goes on later.
    """
    task = get_task(task_id)
    given = parameters.to_mapping(params) if is_dataclass(params) else dict(params or {})
    parameters.from_mapping(task.Params, given)  # what is wrong with them comes before what is missing here
    require_lightning()
    if minutes is not None and not 0 < minutes < 1e7:
        raise InputError(f"minutes = {minutes:g} is no time", mend="give a number above 0, such as 30")
    places = Places.of(device, devices, nodes, strategy)
    folder = Path(out)
    if process_number() == 0:
        settled, training = begin(task, given, folder, resume=resume, overwrite=overwrite)
    else:
        settled, training = _begun_elsewhere(task, folder)
    from napari_sti.learn.session import Session

    with own_settings(), kept_memory():
        Session(task, settled, folder, training, places).run(progress, minutes)
    return folder


def require_lightning() -> None:
    """Refuse to train where PyTorch Lightning or TensorBoard is not installed.

    Raises
    ------
    InputError
        That says what to install.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import lightning.pytorch
            import tensorboard
    except ImportError as error:
        raise InputError(
            f"training needs PyTorch Lightning and TensorBoard ({error.name or error} is not installed)",
            mend='run pip install "napari-sti[train]"',
        ) from None
    del lightning, tensorboard


def _begun_elsewhere(task: Task, folder: Path) -> tuple[Any, Training]:
    """Wait until the first process has made the folder ready, and take the parameters from there."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        training = read_training(folder)
        if training is not None and training.state == "running":
            return parameters.from_mapping(task.Params, training.params), training
        time.sleep(0.2)
    raise InputError("the first process of this training did not begin", file=folder, mend="see what it says")
