"""What can be chosen in the Plan panel, and what follows from it: the computation, the chips, the command line."""

import shlex
from dataclasses import dataclass

from napari_sti.io.study import Study
from napari_sti.maps.head_tilt import tilt
from napari_sti.maps.next_tilt import MAX_TILT, Plan, plan
from napari_sti.maps.orientation_worth import FIBRE_MSA, FIELD_NOISE
from napari_sti.maps.plan_input import PlanInput, from_study
from napari_sti.viz.numbers import degrees
from napari_sti.widgets.chips import ChipText
from napari_sti.widgets.number_boxes import number_text
from napari_sti.widgets.words import count, millimetres, size


@dataclass(frozen=True)
class PlanSettings:
    """What can be chosen: degrees, ppm, ppm, and how many tilts are to be advised."""

    max_tilt: float = MAX_TILT
    noise: float = FIELD_NOISE
    msa: float = FIBRE_MSA
    steps: int = 1


def look_and_plan(study: Study, settings: PlanSettings) -> tuple[PlanInput, Plan | None]:
    """Read the headers and compute, in a thread; no plan without any direction."""
    given = from_study(study)
    if not len(given.known):
        return given, None
    return given, plan(
        given.known,
        given.grid,
        noise=settings.noise,
        msa=settings.msa,
        max_tilt=settings.max_tilt,
        steps=settings.steps,
    )


def plan_chips(given: PlanInput, *, simulated: bool = False) -> tuple[ChipText, ...]:
    """What goes in: how many orientations, their largest tilt, the grid."""
    chips = [ChipText("simulated", "The field maps of this study were simulated.", "warning")] if simulated else []
    chips += [ChipText(count(len(given.known), "B0 direction"), "Told from headers and text files; no image is read.")]
    if len(given.known):
        largest = float(tilt(given.known).max())
        chips.append(ChipText(f"tilt up to {degrees(largest)}", "Between B0 and the long axis of the head (RAS +z)."))
    grid = f"{size(given.grid.shape)}, {millimetres(given.grid.voxel_size)}"
    if given.grid_known:
        chips.append(ChipText(grid, "Its frequencies are what is averaged over."))
    else:
        chips.append(ChipText(f"assumed: {grid}", "No image states a grid, so one of a brain is taken.", "warning"))
    return tuple(chips)


def plan_command(study: Study, settings: PlanSettings) -> str:
    """Write ``napari-sti plan ...`` with what differs from the defaults."""
    words = ["napari-sti", "plan", str(study.path or "STUDY")]
    defaults = PlanSettings()
    for option, name in (("--max-tilt", "max_tilt"), ("--noise", "noise"), ("--msa", "msa"), ("--next", "steps")):
        value = getattr(settings, name)
        if value != getattr(defaults, name):
            words += [option, number_text(value)]
    return shlex.join(words)
