"""The maps of what can be trusted, as files beside the result that they are about."""

from pathlib import Path

from napari_sti.core.frames import Frame
from napari_sti.io.results import FurtherMap, save_result
from napari_sti.recon.leave_one_out import Trust

UNITS = {"pev_spread": "degrees", "msa_spread": "ppm", "mms_spread": "ppm"}
_TITLES = {
    "pev_spread": "PEV spread without any one orientation, degrees, 0 to 54.7",
    "msa_spread": "MSA, standard deviation without any one orientation, ppm",
    "mms_spread": "MMS, standard deviation without any one orientation, ppm",
}


def save_trust(trust: Trust, folder: str | Path, *, frame: Frame = "voxel", overwrite: bool = False) -> Path:
    """Write the result of all orientations, ``pev_spread``, ``msa_spread`` and ``mms_spread``, and the replicates.

    Parameters and errors are those of `napari_sti.io.results.save_result`; ``result.json`` states the units.
    """
    maps = {name: FurtherMap(data, UNITS[name], _TITLES[name]) for name, data in trust.spreads.items()}
    return save_result(trust.full, folder, frame=frame, overwrite=overwrite, further=maps, replicates=trust.replicates)
