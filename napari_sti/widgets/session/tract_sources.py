"""What is tracked from where in one window, as plain values; and doing it, for a thread."""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.core.params import describe
from napari_sti.core.progress import Progress
from napari_sti.core.tracts import Tracts
from napari_sti.io.tracts import load_tracts
from napari_sti.maps.fibre_field import FibreField, open_fibres
from napari_sti.maps.replicate_fields import ReplicateFields, open_replicates, track_kept
from napari_sti.maps.tracking import TrackParams, track
from napari_sti.maps.tract_scores import share_outside
from napari_sti.maps.tract_seeds import at_most, seeds_around, seeds_everywhere, seeds_in
from napari_sti.viz.compare_regions import Drawn, take_labels
from napari_sti.viz.display import DisplayGrid
from napari_sti.viz.tracts import DrawnTracts, draw_tracts
from napari_sti.widgets.session.compare_sources import DTI, Candidate

CURSOR, EVERYWHERE = "cursor", "everywhere"
REPLICATES = "replicates:"
"""What a source begins with whose replicates are followed."""
OUTSIDE = 0.01
"""Share of the points of a file outside the images from which on that is said."""
LIVE_SEEDS = 300
"""Around the cursor at most, so that the streamlines follow the hand."""


@dataclass(frozen=True)
class TractChoice:
    """What is to be tracked.

    Parameters
    ----------
    source : str
        ``"run:NAME"``, ``"replicates:NAME"`` for the runs without one orientation that it keeps, or ``"dti"``.
    v1, fa, frame
        Files of a DTI, and the axes of V1.
    seeds : str
        ``"cursor"``, ``"everywhere"`` or ``"layer:NAME"`` of a Labels layer.
    label : int
        Which label of that layer; 0 for all of them.
    radius : float
        Of the ball around the cursor, mm.
    most : int
        Seeds at most; chosen by chance where there are more.
    within : str
        Name of a Labels layer that the streamlines may not leave; empty for the whole brain.
    params : TrackParams
        When to stop.
    """

    source: str = ""
    v1: Path | None = None
    fa: Path | None = None
    frame: str = ""
    seeds: str = CURSOR
    label: int = 0
    radius: float = 4.0
    most: int = 10_000
    within: str = ""
    params: TrackParams = field(default_factory=TrackParams)

    @property
    def field_key(self) -> tuple[Any, ...]:
        """What the directions depend on."""
        return (self.source, self.v1, self.fa, self.frame) if self.source == DTI else (self.source,)

    def why_not(self) -> str:
        """Why this cannot be tracked, in one line; empty if it can."""
        if not self.source:
            return "There is no result to track on yet."
        if self.source == DTI:
            if self.v1 is None or self.fa is None:
                return "Choose the files of V1 and FA."
            if not self.frame:
                return "State the axes of V1: FSL's dtifit writes fsl."
        if self.probabilistic and self.params.sampling != "none":
            return "Replicates are followed as they are: set Directions to none, or follow the run itself."
        return ""

    @property
    def probabilistic(self) -> bool:
        """Whether the replicates of a run are followed."""
        return self.source.startswith(REPLICATES)


Followed = FibreField | ReplicateFields


def read_field(choice: TractChoice, candidates: Mapping[str, Candidate]) -> tuple[Followed, tuple[str, ...]]:
    """Read what is followed."""
    if choice.source == DTI:
        assert choice.v1 is not None
        return open_fibres(choice.v1, fa=choice.fa, frame=choice.frame, name="DTI")
    name = choice.source.partition(":")[2]
    if name not in candidates:
        raise InputError(f"the run {name!r} is not there any more", mend="choose another one")
    if choice.probabilistic:
        return open_replicates(candidates[name].folder, name=name), ()
    return open_fibres(candidates[name].folder, name=name)


class Fields:
    """Keeps the directions that were read last; used by one thread at a time."""

    def __init__(self) -> None:
        self._key: tuple[Any, ...] | None = None
        self._found: tuple[Followed, tuple[str, ...]] | None = None

    def get(self, choice: TractChoice, candidates: Mapping[str, Candidate]) -> tuple[Followed, tuple[str, ...]]:
        """Directions of a choice and what is to be known of them, read unless they are those of the last call."""
        name = choice.source.partition(":")[2]
        folder = candidates[name].folder if name in candidates else None
        key = (*choice.field_key, folder)
        if self._found is None or key != self._key:
            self._found = read_field(choice, candidates)
            self._key = key
        return self._found


def called(choice: TractChoice) -> str:
    """Name of what is tracked on."""
    return choice.source.partition(":")[2] or "DTI"


def place_seeds(
    choice: TractChoice, field_: FibreField, drawn: Drawn | None, place: Any, replicates: int = 1
) -> NDArray[np.float64]:
    """Seeds in RAS mm; `place` is that of the cursor in RAS mm, `drawn` the layer of the seeds.

    Each of the replicates starts from every seed; so there are fewer seeds at the cursor the more of them there are.

    Raises
    ------
    InputError
        If the layer marks no voxel of the directions.
    """
    if choice.seeds == CURSOR:
        shortest = min(frames.voxel_size(field_.affine))
        spacing = max(shortest / 2, choice.radius * (4 * np.pi / 3 * replicates / LIVE_SEEDS) ** (1 / 3))
        return seeds_around(place, choice.radius, spacing)
    if choice.seeds == EVERYWHERE:
        floor = field_.floor() if choice.params.floor is None else choice.params.floor
        return at_most(seeds_everywhere(field_, floor), choice.most, seed=choice.params.seed)
    assert drawn is not None
    volume = drawn.on_grid(DisplayGrid(field_.affine, field_.shape))
    region = volume.data == choice.label if choice.label else volume.data > 0
    if not region.any():
        raise InputError(
            f"the layer {drawn.name!r} holds no label {choice.label}", mend="draw in it, or choose another label"
        )
    return at_most(seeds_in(region, volume.affine), choice.most, seed=choice.params.seed)


def region_mask(drawn: Drawn, field_: FibreField) -> NDArray[np.bool_]:
    """Where a layer has labels, in the storage order of the directions."""
    grid = DisplayGrid(field_.affine, field_.shape)
    return grid.to_stored(drawn.on_grid(grid).data > 0)


@dataclass(frozen=True, eq=False)
class Tracked:
    """What tracking gave: the tracts, how they are drawn and where, and what the person should know."""

    run: str
    tracts: Tracts
    drawn: DrawnTracts
    grid: DisplayGrid
    notes: tuple[str, ...] = ()


def make_tracts(
    choice: TractChoice,
    fields: Fields,
    candidates: Mapping[str, Candidate],
    labels: Mapping[str, Drawn],
    place: Any,
    name: str,
    progress: Progress,
) -> Tracked:
    """Read what is followed if it is not there yet, track, and make what is drawn; for a thread."""
    followed, notes = fields.get(choice, candidates)
    kept = followed if isinstance(followed, ReplicateFields) else None
    field_ = followed.full if isinstance(followed, ReplicateFields) else followed
    seeds = place_seeds(choice, field_, labels.get("seeds"), place, 1 if kept is None else len(kept))
    mask = region_mask(labels["within"], field_) if "within" in labels else None
    if kept is None:
        tracts = track(field_, seeds, choice.params, mask=mask, progress=progress, name=name)
    else:
        tracts = track_kept(kept, seeds, choice.params, mask=mask, progress=progress, name=name)
    grid = DisplayGrid(field_.affine, field_.shape)
    return Tracked(called(choice), tracts, draw_tracts(tracts, grid), grid, notes)


def open_tracts(path: Path, shown: DisplayGrid | None) -> Tracked:
    """Read streamlines; they are drawn on the grid that is shown, else on their own. For a thread.

    Raises
    ------
    InputError
        If there is neither.
    """
    tracts = load_tracts(path)
    grid = shown
    if grid is None and tracts.affine is not None and tracts.shape is not None:
        grid = DisplayGrid(tracts.affine, tracts.shape)
    if grid is None:
        raise InputError("a .tck states no grid, and nothing is shown yet", file=path, mend="open a result first")
    outside = share_outside(tracts, grid.affine, grid.shape)
    note = (
        f"{100 * outside:.0f} % of the points of {path.name} lie outside the images that are shown: they are "
        "probably of another head or in another space."
    )
    return Tracked("", tracts, draw_tracts(tracts, grid), grid, (note,) if outside > OUTSIDE else ())


def labels_of(choice: TractChoice, layers: Any) -> dict[str, Drawn]:
    """Take the labels that a choice names out of the viewer's layers.

    Raises
    ------
    InputError
        If one of them is gone, or cannot be used.
    """
    wanted = {"within": choice.within}
    wanted["seeds"] = choice.seeds.partition(":")[2] if choice.seeds.startswith("layer:") else ""
    found = {}
    for what, name in wanted.items():
        if name and name not in layers:
            raise InputError(f"the layer {name!r} is not there any more", mend="choose another one")
        if name:
            found[what] = take_labels(layers[name])
    return found


def tract_command(choice: TractChoice, candidates: Mapping[str, Candidate], place: Any = None) -> str:
    """Write ``napari-sti tracts ...`` for a complete choice; files of drawn labels are placeholders."""
    words = ["napari-sti", "tracts"]
    if choice.source == DTI:
        words += [str(choice.v1), "--fa", str(choice.fa), "--frame", choice.frame]
    else:
        name = choice.source.partition(":")[2]
        words += [str(candidates[name].folder) if name in candidates else name]
        words += ["--replicates"] if choice.probabilistic else []
    if choice.seeds == CURSOR:
        at = [0.0, 0.0, 0.0] if place is None else [round(float(x), 1) for x in place]
        words += ["--at", *(f"{x:g}" for x in at), "--radius", f"{choice.radius:g}"]
    elif choice.seeds != EVERYWHERE:
        words += ["--seeds", f"{choice.seeds.partition(':')[2]}.nii.gz"]
        words += ["--label", str(choice.label)] if choice.label else []
    if choice.seeds != CURSOR:
        words += ["--most", str(choice.most)]
    words += ["--mask", f"{choice.within}.nii.gz"] if choice.within else []
    for parameter in describe(TrackParams):
        value = getattr(choice.params, parameter.name)
        if value != parameter.default:
            words += ["-p", f"{parameter.name}={value}"]
    return shlex.join([*words, "-o", "tracts.trk"])


def result_folder(run: str, candidates: Mapping[str, Candidate], layers: Any) -> Path | None:
    """Folder of a run: among those that are finished, or where its layers were read from; None if there is none."""
    if run in candidates:
        return Path(candidates[run].folder)
    for layer in layers.of_run(run):
        path = getattr(layer.source, "path", None)
        if path:
            found = Path(path)
            return found if found.is_dir() else found.parent
    return None
