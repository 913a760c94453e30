"""The sample brain: a simulated study that is made once, in seconds, and kept."""

import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

from napari_sti.core import params
from napari_sti.core.progress import Progress, Step, silent
from napari_sti.core.provenance import versions
from napari_sti.simulate.study import SimulationParams, simulate

SAMPLE_TILT = 37.0
"""Largest tilt in degrees: the furthest of the real heads in `tilts.HEAD_TILT_QUANTILES`. All seven orientations
reach it but the first, which is more than most sessions can ask of a person."""

OBLIQUE_DEGREES = 17.0
"""Turn of the oblique sample against the world."""

CACHE_VARIABLE = "NAPARI_STI_CACHE"
"""Environment variable that names another cache folder."""


def sample_params(*, oblique: bool = False) -> SimulationParams:
    """What the sample brain is simulated with; the oblique one is stored in LPI order, too.

    It carries R2', so that its sources can be separated at once.
    """
    straight = SimulationParams(max_tilt=SAMPLE_TILT, r2prime="consistent")
    return replace(straight, oblique=OBLIQUE_DEGREES, storage="LPI") if oblique else straight


def sample_study(*, oblique: bool = False, progress: Progress = silent) -> Path:
    """Return the study file of the sample brain, which is simulated where it is not in the cache yet.

    Parameters
    ----------
    oblique : bool
        Whether its voxel axes are turned against the world.
    progress : callable
        Called before each stage; may raise `Cancelled`.

    Returns
    -------
    Path
        ``study.yaml`` in the cache folder (``NAPARI_STI_CACHE``, else the user's cache), its files beside it.
    """
    from napari_sti.io.save import save_acquisition

    wanted = sample_params(oblique=oblique)
    folder = cache_folder() / f"sample-brain-{'oblique-' if oblique else ''}{_key(wanted)}"
    found = folder / "study.yaml"
    if found.is_file():
        return found
    acquisition = simulate(wanted, progress)
    progress(Step(0, 0, message="writing the sample brain"))
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Written beside its place and renamed: whoever finds the folder finds all of it.
    with tempfile.TemporaryDirectory(prefix=".making-", dir=folder.parent) as making:
        save_acquisition(acquisition, Path(making) / "sample")
        _put(Path(making) / "sample", folder)
    return found


def cache_folder() -> Path:
    """Where made samples are kept."""
    import platformdirs

    named = os.environ.get(CACHE_VARIABLE)
    return Path(named).expanduser() if named else Path(platformdirs.user_cache_dir("napari-sti"))


def _key(wanted: SimulationParams) -> str:
    """Changes with the parameters, the version and the code of this folder, so that no old sample is taken for new."""
    digest = hashlib.sha256(json.dumps(params.to_mapping(wanted), sort_keys=True).encode())
    digest.update(versions().get("napari-sti", "").encode())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(source.read_bytes())
    return digest.hexdigest()[:12]


def _put(made: Path, folder: Path) -> None:
    try:
        made.rename(folder)
    except OSError:
        # Another process was quicker, and its folder is as good; or half a folder of an older program lies there.
        if (folder / "study.yaml").is_file():
            return
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
