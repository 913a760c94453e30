"""A question to a prior as a job: read, ask, write; the command line does the same without a job."""

import csv
import io
import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_sti.core.errors import InputError
from napari_sti.core.progress import Progress, Step
from napari_sti.io import atomic
from napari_sti.io.nifti import write_volume
from napari_sti.io.results import refuse_to_replace
from napari_sti.jobs.job import Job
from napari_sti.lpn.question import FILES, WAYS, Question, question_of, resolved

if TYPE_CHECKING:
    from napari_sti.lpn.inspect_input import Prepared
    from napari_sti.lpn.inspection import Answer
    from napari_sti.lpn.networks.base import Lpn

RECORD = "prior.json"
"""The file that makes an answer; it is written after all others."""

VOLUMES = ("inverse", "prox", "prior_map", "prior_difference", *(f"perturbed_{way}" for way in WAYS))
TABLES = ("curve", "cut", "checks", *(f"curve_{way}" for way in WAYS))
"""Names of the files of answers, without their endings."""

_TILE = 48
_BYTES_OF_FEATURE = 12  # of the working memory of a network, for each feature of a voxel: what is kept, and copies


def check_question(action: str, params: Mapping[str, Any]) -> Question:
    """Read the parameters of a job; see `napari_sti.lpn.question.question_of`."""
    return question_of(action, params)


def prior_in_job(job: Job, progress: Progress) -> tuple[Callable[[Path], Path], str]:
    """Answer the question of a job; return how to save it, and the device.

    Paths of its images are relative to the folder of the run.
    """
    assert job.out is not None
    question = resolved(question_of(job.method, job.params), job.out)
    found, where, record = answer(job.method, question, job.device, progress)
    return lambda staging: write_answer(found, where, record, staging, overwrite=False), str(record["device"])


def answer(
    action: str, question: Question, device: str, progress: Progress
) -> tuple["Answer", "Prepared | None", dict[str, Any]]:
    """Ask, and say how: what came out, what it was asked of, and the record for ``prior.json``.

    Raises
    ------
    InputError
        If weights or images cannot be used or do not fit each other.
    """
    from napari_sti.recon.devices import resolve

    progress(Step(0, message="Reading"))
    where = resolve(device)
    start = time.perf_counter()
    found, asked, model = _ask(action, question, where, progress)
    record = {"action": action, **found.record, "tolerance": question.tolerance, "model": model}
    if asked is not None:
        record |= {"scale": asked.scale, "offset": asked.offset, "axis": question.axis, "slice": question.slice}
        record["remarks"] = list(asked.remarks)
    record |= {name: _file(getattr(question, name)) for name in FILES if getattr(question, name)}
    if action == "compare":  # whose values go by these names
        record["image"] = found.record["image"] | _file(question.image)
        record["other"] = found.record["other"] | _file(question.other)
    record |= {"weights": question.weights, "device": where, "seconds": round(time.perf_counter() - start, 2)}
    return found, asked, record


def write_answer(
    found: "Answer", asked: "Prepared | None", record: Mapping[str, Any], folder: Path, *, overwrite: bool
) -> Path:
    """Write volumes, tables and, last, the record; files of an earlier answer that are no longer true are removed."""
    from napari_sti.core.provenance import versions

    for name in VOLUMES:
        path = folder / f"{name}.nii.gz"
        if name in found.volumes and asked is not None:
            affine = found.affines.get(name, asked.grid.affine)
            write_volume(path, found.volumes[name], affine, overwrite=overwrite, description=name)
        else:
            path.unlink(missing_ok=True)
    for name in TABLES:
        path = folder / f"{name}.csv"
        if name in found.tables:
            atomic.write_text(path, as_csv(found.tables[name]), overwrite=overwrite)
        else:
            path.unlink(missing_ok=True)
    text = json.dumps({**record, "versions": versions()}, indent=2, allow_nan=False) + "\n"
    atomic.write_text(folder / RECORD, text, overwrite=overwrite)
    return folder / RECORD


def refuse_inputs(folder: Path, question: Question) -> None:
    """Refuse a folder in which an answer would replace what it is about."""
    refuse_to_replace(folder, VOLUMES, [getattr(question, name) or None for name in FILES])


def as_csv(rows: list[list[Any]]) -> str:
    """Write rows as CSV; what is not known stays empty."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    for row in rows:
        writer.writerow(["" if value is None else value for value in row])
    return stream.getvalue()


def _ask(
    action: str, question: Question, device: str, progress: Progress
) -> tuple["Answer", "Prepared | None", dict[str, Any]]:
    from napari_sti.lpn import inspect_check, inspection
    from napari_sti.lpn.checkpoint import load_lpn
    from napari_sti.lpn.inspect_input import prepare
    from napari_sti.lpn.inspect_paths import ask_cut, ask_perturb

    if inspect_check.is_program(question.weights):
        denoiser = inspect_check.read_denoiser(question.weights)
        asked = prepare(question, channels=0, dims=question.dims, domain={}) if question.image else None
        said = {"title": denoiser.name, "family": "", "dims": question.dims}
        return inspect_check.ask_check(denoiser, asked, question, {}, progress), asked, said
    network, card = load_lpn(question.weights, device)
    stated = card.get("domain")
    domain: dict[str, Any] = stated if isinstance(stated, dict) else {}
    asked = None
    if question.image:
        inspection.need_images(network)
        asked = prepare(question, channels=network.channels, dims=network.spatial, domain=domain, device=device)
    elif network.channels:
        raise InputError("no image is given, and this network is for images", mend="name an image")
    model = _model(network, card, question)
    if action == "check":
        return inspect_check.ask_check(network, asked, question, domain, progress), asked, model
    if action == "cut":
        return ask_cut(network, asked, question, domain, progress), asked, model
    assert asked is not None
    fitted = _in_tiles(network, asked, device)
    ask = {
        "value": inspection.ask_value,
        "prox": inspection.ask_prox,
        "compare": inspection.ask_compare,
        "perturb": ask_perturb,
    }[action]
    return ask(fitted, asked, question, progress), asked, model


def _model(network: "Lpn", card: Mapping[str, Any], question: Question) -> dict[str, Any]:
    return {
        "title": str(card.get("title") or Path(question.weights).stem),
        "family": network.family,
        "channels": network.channels,
        "dims": network.spatial,
        "has_terms": network.has_terms,
    }


def _in_tiles(network: "Lpn", asked: "Prepared", device: str) -> "Lpn":
    """The same network, tile by tile where a volume would not fit into half of the memory at once."""
    from napari_sti.lpn.networks.local import LocalLpn
    from napari_sti.lpn.tiles import TiledLpn
    from napari_sti.recon.devices import free_bytes

    if not isinstance(network, LocalLpn) or network.spatial != 3:
        return network
    features = sum(n / 8**level for level, n in enumerate(network.config["widths"])) * network.config["depth"]
    needed = features * asked.images[0, 0].numel() * _BYTES_OF_FEATURE
    return TiledLpn(network, _TILE) if needed > free_bytes(device) / 2 else network


def _file(path: str) -> dict[str, str]:
    from napari_sti.core.provenance import file_hash

    return {"path": str(Path(path).absolute()), "sha256": file_hash(Path(path))}
