"""Susceptibility tensor imaging: from field maps of several head orientations to tensors on the screen.

The public names load on first use, so that ``import napari_sti`` stays free of torch, napari and Qt.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_PUBLIC = {
    "Acquisition": "napari_sti.core.acquisition",
    "InputError": "napari_sti.core.errors",
    "TensorField": "napari_sti.core.tensor_field",
    "load_study": "napari_sti.io.load",
    "reconstruct": "napari_sti.recon.reconstruct",
    "separate": "napari_sti.recon.separate",
}
__all__ = ["Acquisition", "InputError", "TensorField", "__version__", "load_study", "reconstruct", "separate"]

if TYPE_CHECKING:
    from napari_sti.core.acquisition import Acquisition
    from napari_sti.core.errors import InputError
    from napari_sti.core.tensor_field import TensorField
    from napari_sti.io.load import load_study
    from napari_sti.recon.reconstruct import reconstruct
    from napari_sti.recon.separate import separate


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'napari_sti' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
