"""What can be measured in regions: finished runs and separations, results that are shown, folders; and reading them."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_sti.core.errors import InputError
from napari_sti.core.progress import Step
from napari_sti.io.nifti import read_header
from napari_sti.io.sidecars import SIDECAR
from napari_sti.maps.map_sets import open_maps
from napari_sti.maps.region_labels import Labels, read_labels
from napari_sti.maps.regions import Regions, measure
from napari_sti.viz.region_layers import regions_layer
from napari_sti.widgets.session.compare_sources import Canceller, Candidate, Source, free_name

_FIRST = ("chi.nii.gz", "chi_pos.nii.gz", "chi-para.nii.gz", "mask.nii.gz")
"""Files of which the first that is there tells the grid of a result."""


class AnyGrid(Candidate):
    """A result that may be measured beside any other, since each is measured on its own grid."""

    def fits(self, other: Candidate) -> bool:
        """Whether both can be chosen at once."""
        return True


@dataclass(frozen=True)
class RegionChoice:
    """What is to be measured.

    Parameters
    ----------
    results : tuple of str
        Names of candidates.
    labels : str
        Name of a Labels layer.
    resample : bool
        Whether the person has agreed to bring labels on another grid to that of the results.
    """

    results: tuple[str, ...] = ()
    labels: str = ""
    resample: bool = False

    def why_not(self) -> str:
        """Why this cannot be measured, in one line; empty if it can."""
        if not self.results:
            return "Check the results to measure."
        return "" if self.labels else "Choose a Labels layer, or open a segmentation."


def look_at_results(sources: Sequence[Source]) -> list[Candidate]:
    """Read the headers of results, in a thread; what cannot be read is left out, and what is listed twice, too."""
    found: list[Candidate] = []
    for source in sources:
        path = source.folder
        file = path
        if path.is_dir():
            file = next((path / name for name in _FIRST if (path / name).is_file()), path / SIDECAR)
        if any(_same(one.folder, path) for one in found) or not (file.is_file() and file.suffix != ".json"):
            continue
        try:
            header = read_header(file)
        except (InputError, OSError):
            continue
        name = free_name(source.name, {one.name for one in found})
        found.append(AnyGrid(name, path, header.shape[:3], header.affine, source.about))
    return found


def _same(first: Path, second: Path) -> bool:
    return first.resolve() == second.resolve()


def measure_regions(
    choice: RegionChoice, candidates: Mapping[str, Candidate], labels: Labels, progress: Canceller
) -> Regions:
    """Read the results that were chosen and measure them; for a thread."""
    results = []
    for number, name in enumerate(choice.results):
        progress(Step(number, len(choice.results), message=f"reading {name}"))
        results.append(open_maps(candidates[name].folder, name))
    return measure(results, labels, resample=choice.resample, progress=progress)


def read_regions(path: Path) -> tuple[Labels, tuple[object, dict[str, object], str]]:
    """Read a segmentation and make its layer; for a thread."""
    labels = read_labels(path)
    return labels, regions_layer(labels, path)


def regions_command(choice: RegionChoice, candidates: Mapping[str, Candidate], file: str, out: str = "regions") -> str:
    """Write ``napari-sti regions ...``; `file` is the segmentation, or a placeholder for what was drawn."""
    words = ["napari-sti", "regions", *(str(candidates[name].folder) for name in choice.results), "--labels", file]
    words += ["--resample"] if choice.resample else []
    return shlex.join([*words, "-o", out])
