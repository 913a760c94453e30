"""A finished result as the place where another run begins, and how that is told afterwards."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from napari_sti.core.errors import InputError
from napari_sti.core.method import Method
from napari_sti.core.provenance import file_hash
from napari_sti.core.tensor_field import TensorField
from napari_sti.io.results import load_result
from napari_sti.io.sidecars import SIDECAR


@dataclass(frozen=True, eq=False)
class Start:
    """A result to start from.

    Parameters
    ----------
    tensor : TensorField
        As it was read.
    entry : dict
        For the provenance: ``path`` of its folder, ``name``, ``method``, and ``sha256`` of its sidecar, which holds the
        hashes of its maps.
    """

    tensor: TensorField
    entry: dict[str, Any]

    def told(self, result: TensorField) -> TensorField:
        """Return a result whose provenance says that it began here."""
        return replace(result, provenance={**result.provenance, "start": self.entry})


def load_start(folder: str | Path) -> Start:
    """Read a result to start from.

    Parameters
    ----------
    folder : path
        Folder of a run or of a result, or the ``result.json`` in it.

    Raises
    ------
    InputError
        If it holds no finished result.
    """
    tensor = load_result(folder)
    sidecar = sidecar_of(folder)
    entry = {
        "path": str(sidecar.parent.absolute()),
        "name": tensor.name,
        "method": tensor.provenance.get("method"),
        "sha256": file_hash(sidecar),
    }
    return Start(tensor, entry)


def check_start(method: Method, folder: str | Path | None) -> None:
    """Refuse, before anything is read, a start that the method does not take or a folder without a result.

    Raises
    ------
    InputError
        With one sentence.
    """
    if folder is None:
        return
    if not method.takes_start:
        raise InputError(
            f"{method.title} does not iterate from a first estimate",
            mend="leave the start out or choose another method",
        )
    if not sidecar_of(folder).is_file():
        raise InputError(
            f"the folder to start from holds no finished result ({SIDECAR} is missing)",
            file=folder,
            mend="choose the folder of a run that is done",
        )


def sidecar_of(folder: str | Path) -> Path:
    """The ``result.json`` of a result, given that or its folder."""
    folder = Path(folder)
    return folder if folder.name == SIDECAR else folder / SIDECAR
