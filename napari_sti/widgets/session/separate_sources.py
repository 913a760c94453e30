"""What a separation can start from: the susceptibilities and rates that the window knows of, and what they lack."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from napari_sti.core.errors import InputError
from napari_sti.core.relaxometry import DEFAULT_DR, Relaxation, relaxation
from napari_sti.core.separation import Form, SeparationMethod
from napari_sti.io.study import Study
from napari_sti.recon.registry import methods
from napari_sti.viz.display import layer_info
from napari_sti.widgets.session.run import Run
from napari_sti.widgets.words import count

RatesFrom = Literal["r2prime", "r2star", "r2prime_files", "r2star_files"]
R2From = Literal["study", "file", "constant", "found"]
USUAL_R2 = 13.0
"""Hz, in use at 3 T where R2 was not measured (Shin 2021)."""


@dataclass(frozen=True)
class ChiSource:
    """A susceptibility that can be separated.

    Parameters
    ----------
    key : str
        By which it is chosen.
    title : str
        What it is called.
    form : {"scalar", "tensor"}
        Which of both.
    given : str or None
        What the job is given as ``chi``; None for a layer, which is written first.
    layer : str
        Name of that layer.
    remark : str
        What the person should know of it.
    """

    key: str
    title: str
    form: Form
    given: str | None = None
    layer: str = ""
    remark: str = ""


def chi_sources(
    study: Study, runs: Iterable[Run], fitting: Mapping[Path, str], layers: Iterable[Any], files: Iterable[Path]
) -> tuple[ChiSource, ...]:
    """List what can be separated, what was reconstructed last first.

    Parameters
    ----------
    study : Study
        Of the window.
    runs : iterable of Run
        Of the window, newest first.
    fitting : mapping
        Folders of those results that lie on the grid of the study.
    layers : iterable of napari layers
        Of the viewer; images of other origin are offered.
    files : iterable of path
        Chosen by the person.
    """
    found = [_of_file(path) for path in files]
    for run in runs:
        if run.job.makes_tensor and run.state == "done" and run.folder in fitting:
            found += _of_run(run)
    if study.qsm is not None:
        found.append(ChiSource("qsm", f"QSM of the study: {study.qsm.name}", "scalar", "qsm"))
    if study.reference_tensor is not None:
        remark = "This is the truth of a simulation, not a reconstruction." if study.simulated else ""
        title = "true tensor (simulated)" if study.simulated else f"tensor of the study: {study.reference_tensor.name}"
        found.append(ChiSource("tensor", title, "tensor", "tensor", remark=remark))
    for layer in layers:
        info = layer_info(layer.metadata)
        foreign = info is None or info.get("kind") == "image"
        if foreign and type(layer).__name__ == "Image" and layer.ndim == 3 and not getattr(layer, "rgb", False):
            found.append(ChiSource(f"layer:{layer.name}", f"layer: {layer.name}", "scalar", layer=layer.name))
    return tuple(found)


def _of_run(run: Run) -> list[ChiSource]:
    folder = run.folder
    assert folder is not None
    mean = ChiSource(f"mean:{run.name}", f"{run.name}: mean (scalar)", "scalar", str(folder / "mms.nii.gz"))
    known = methods().get(run.job.method)
    if known is not None and known.isotropic:
        return [mean]
    return [ChiSource(f"run:{run.name}", f"{run.name}: tensor", "tensor", str(folder)), mean]


def _of_file(path: Path) -> ChiSource:
    from napari_sti.io.nifti import read_header

    if path.is_dir():
        return ChiSource(f"file:{path}", f"{path.name}: tensor", "tensor", str(path))
    try:
        tensor = len(read_header(path, what="susceptibility").shape) > 3
    except (InputError, OSError):
        tensor = False
    return ChiSource(f"file:{path}", f"file: {path.name}", "tensor" if tensor else "scalar", str(path))


@dataclass(frozen=True)
class RatesChoice:
    """Where R2' comes from.

    Parameters
    ----------
    source : {"r2prime", "r2star", "r2prime_files", "r2star_files"}
        Maps of the study, or files.
    files : tuple of path
        Those files.
    r2 : {"study", "file", "constant", "found"}
        What is taken from R2*: a map, one number, or an unknown that is found as well.
    r2_file : path, optional
        That map.
    constant : float
        That number in Hz.
    orientation : int or None
        In which orientation (from 1) a single map was measured.
    """

    source: RatesFrom = "r2prime"
    files: tuple[Path, ...] = ()
    r2: R2From = "study"
    r2_file: Path | None = None
    constant: float = USUAL_R2
    orientation: int | None = None

    @property
    def star(self) -> bool:
        """Whether R2* is given."""
        return self.source in ("r2star", "r2star_files")

    def maps(self, study: Study) -> tuple[Path, ...]:
        """Files with the rates."""
        if self.source.endswith("_files"):
            return self.files
        return study.r2star if self.star else study.r2prime

    def given(self, study: Study) -> dict[str, Any]:
        """What the job is given."""
        found: dict[str, Any] = {}
        if self.source != "r2prime":
            found["r2star" if self.star else "r2prime"] = [str(path) for path in self.maps(study)]
        if self.star and self.r2 == "file" and self.r2_file is not None:
            found["r2"] = str(self.r2_file)
        if self.star and self.r2 == "constant":
            found["constant_r2"] = self.constant
        if self.orientation is not None and len(self.maps(study)) == 1:
            found["r2_orientation"] = self.orientation
        return found

    def words(self, study: Study) -> str:
        """In a few words, for a chip."""
        number = len(self.maps(study))
        if not self.star:
            return f"R2′: {count(number, 'map')}, Hz"
        r2 = {"study": "R2", "file": "R2", "constant": f"{self.constant:g} Hz", "found": "R2 found as well"}[self.r2]
        return f"R2*: {count(number, 'map')} − {r2}" if self.r2 != "found" else f"R2*: {count(number, 'map')}, {r2}"


@dataclass(frozen=True)
class DrChoice:
    """The constants: a preset or a number, and another one for the diamagnetic part."""

    dr: str = DEFAULT_DR
    dr_neg: str = ""

    def relaxation(self, tesla: float | None) -> Relaxation:
        """Look them up for a field strength.

        Raises
        ------
        InputError
            If a number cannot be, or the field strength is missing.
        """
        return relaxation(self.dr, self.dr_neg or None, tesla=tesla)

    def given(self) -> dict[str, Any]:
        """What the job is given."""
        return {"dr": self.dr} | ({"dr_neg": self.dr_neg} if self.dr_neg else {})


def rates_of(given: Mapping[str, Any], study: Study) -> RatesChoice:
    """Where a job took R2' from, as far as a study still has it; the opposite of `RatesChoice.given`."""
    files: dict[str, Any] = {key: given[key] for key in ("r2prime", "r2star") if given.get(key)}
    key = next(iter(files), "")
    given_paths = [files[key]] if isinstance(files.get(key), str) else files.get(key, [])
    paths = tuple(Path(path) for path in given_paths)
    sources: dict[str, RatesFrom] = {"": "r2prime", "r2prime": "r2prime_files", "r2star": "r2star_files"}
    r2, constant = given.get("r2"), given.get("constant_r2")
    otherwise: R2From = "study" if study.r2 is not None or key != "r2star" else "found"
    of_study = key == "r2star" and paths == study.r2star
    return RatesChoice(
        source="r2star" if of_study else sources[key],
        files=() if of_study else paths,
        r2="file" if r2 else "constant" if constant is not None else otherwise,
        r2_file=Path(r2) if r2 else None,
        constant=USUAL_R2 if constant is None else float(constant),
        orientation=given.get("r2_orientation"),
    )


def dr_of(given: Mapping[str, Any]) -> DrChoice:
    """The constants of a job; the opposite of `DrChoice.given`."""
    return DrChoice(str(given.get("dr", DEFAULT_DR)), str(given.get("dr_neg") or ""))


@dataclass(frozen=True)
class Lack:
    """Why a separation cannot be started, and what mends it: a panel, or ``rates`` (choose their files)."""

    text: str
    mend: str = ""


def rates_lack(rates: RatesChoice, study: Study, method: SeparationMethod, form: Form) -> Lack | None:
    """Say what is wrong with the rates."""
    maps = rates.maps(study)
    if not maps:
        if rates.source.endswith("_files"):
            return Lack(f"No files with {'R2*' if rates.star else 'R2′'} are chosen yet.", "rates")
        nothing = not (study.r2prime or study.r2star)
        return Lack(f"The study has no {'R2′ and no R2*' if nothing else 'such maps'}: choose files.", "rates")
    if rates.star and rates.r2 == "study" and study.r2 is None:
        return Lack("The study has no map of R2: choose one, or state what to do without.")
    if rates.star and rates.r2 == "file" and rates.r2_file is None:
        return Lack("No file with R2 is chosen yet.")
    if rates.star and rates.r2 == "found" and not method.finds_r2:
        return Lack(f"{method.title} cannot find R2 as well: give R2, or choose another method.")
    orientations = len(study.orientations)
    if len(maps) not in (1, orientations):
        return Lack(f"{count(len(maps), 'map')} of rates for {count(orientations, 'orientation')}: give one for each.")
    if len(maps) == 1 and orientations > 1 and form == "tensor" and rates.orientation is None:
        return Lack("There is one map of rates: say in which orientation it was measured.")
    return None
