"""What goes into a separation, as chips: susceptibility, rates, directions, and whether it is simulated."""

from napari_sti.recon.separation_registry import get_separation_method
from napari_sti.widgets.chips import ChipText
from napari_sti.widgets.session.separate import SeparateSession, SeparationChoice
from napari_sti.widgets.words import count


def separation_chips(session: SeparateSession, choice: SeparationChoice) -> tuple[ChipText, ...]:
    """Say what there is and what is missing; nothing without a study."""
    study, check = session.studies.study, session.studies.check
    if session.studies.empty:
        return ()
    maps = choice.rates.maps(study)
    rates = ChipText(choice.rates.words(study), "\n".join(map(str, maps)))
    if not maps:
        rates = ChipText("R2′: missing", "Neither R2′ nor R2* is there.", "warning")
    tilts = [tilt for tilt in (check.tilts if check is not None else ()) if tilt is not None]
    reach = f", up to {max(tilts):.0f}°" if tilts and max(tilts) >= 0.5 else ""
    b0 = ChipText(f"B0: {count(len(study.orientations), 'direction')}{reach}")
    simulated = (ChipText("simulated", "These data were simulated.", "accent"),) if study.simulated else ()
    return (_chi(session, choice), rates, b0, *simulated)


def _chi(session: SeparateSession, choice: SeparationChoice) -> ChipText:
    if get_separation_method(choice.method).starts_from == "field":
        return ChipText(count(len(session.studies.study.orientations), "field map"), "Local field maps.")
    source = session.source(choice.chi)
    if source is None:
        return ChipText("χ: missing", "No susceptibility yet.", "warning")
    return ChipText(f"χ: {source.form}, ppm", source.title)
