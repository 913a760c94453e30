"""What keeps a method from running on the study of the window, and which panel mends it."""

from dataclasses import dataclass

from napari_sti.core.errors import InputError
from napari_sti.core.method import Method
from napari_sti.recon.leave_one_out import check_enough
from napari_sti.widgets.session.missing import missing
from napari_sti.widgets.session.studies import StudySession
from napari_sti.widgets.session.study_check import refusal
from napari_sti.widgets.words import count


@dataclass(frozen=True)
class Obstacle:
    """One line, and the id of the panel that mends it (empty where none does)."""

    text: str
    panel: str = ""


def obstacle(method: Method, studies: StudySession, *, trust: bool = False) -> Obstacle | None:
    """Return why a method cannot run on the study of now, None if it can.

    Parameters
    ----------
    method : Method
        Which one.
    studies : StudySession
        Holds the study and what is known about it.
    trust : bool
        Whether it is to run without each orientation, too.
    """
    study, check = studies.study, studies.check
    if studies.empty:
        return Obstacle("There is no study yet.", "data")
    if check is None:
        return Obstacle("The files of the study are being looked at.")
    found = len(missing(check.problems))
    if found:
        return Obstacle(f"{count(found, 'thing is', 'things are')} missing in the study.", "data")
    orientations = len(study.orientations)
    why = refusal(method, study, check)
    if not why and trust:
        why = _too_few(method, orientations)
    # A mask can be made from what is there already; more orientations cannot.
    mendable = missing_masks(method, studies) and orientations >= method.needs.orientations
    return Obstacle(why, "prepare" if mendable else "data") if why else None


def missing_masks(method: Method, studies: StudySession) -> tuple[str, ...]:
    """Masks that a method needs and the study does not have, by their names in the study."""
    return tuple(name for name in method.needs.masks if getattr(studies.study, name, None) is None)


def _too_few(method: Method, orientations: int) -> str:
    try:
        check_enough(method, orientations)
    except InputError as error:
        return str(error)
    return ""
