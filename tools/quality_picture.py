"""Make the picture of a quality page for the documentation: ``python tools/quality_picture.py RESULT STUDY``.

The page is made of a result of a simulated study, beside a DTI that is made from its ground truth, 10 degrees off at
random; no real data is in it. It is drawn by Qt's rich text, which knows less of HTML than a browser: same words, same
pictures, plainer tables.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

PICTURE = Path(__file__).resolve().parents[1] / "docs" / "pictures" / "quality-page.png"
WIDTH, TALLEST = 920, 2600
NOISE_DEGREES = 10.0


def main() -> int:
    """Make DTI, page and picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("result", type=Path, help="folder of a result")
    parser.add_argument("study", type=Path, help="simulated study that it was made from, with its reference tensor")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        v1, fa = _dti(options.study, Path(folder))
        page = Path(folder) / "page"
        words = ["quality", str(options.result), "--study", str(options.study), "--dti", str(v1), str(fa)]
        words += ["--dti-frame", "ras", "-o", str(page)]
        subprocess.run([sys.executable, "-m", "napari_sti", *words], check=True)  # torch beside Qt is no good
        draw(page / "quality.html", PICTURE)
    return 0


def _dti(study: Path, folder: Path) -> tuple[Path, Path]:
    """V1 in RAS and FA of a fibre model of the ground truth."""
    from napari_sti.core.frames import between, rotate_vectors
    from napari_sti.io.nifti import write_volume
    from napari_sti.io.results import load_tensor
    from napari_sti.io.study import read_study

    read = read_study(study)
    assert read.reference_tensor is not None, "the study has no ground truth"
    truth = load_tensor(read.reference_tensor, frame=read.reference_frame)
    rng = np.random.default_rng(0)
    directions = rotate_vectors(truth.pev, between("voxel", "ras", truth.affine))
    noisy = directions + rng.normal(0, np.radians(NOISE_DEGREES) / np.sqrt(2), directions.shape)
    noisy /= np.linalg.norm(noisy, axis=-1, keepdims=True)
    there = np.asarray(directions.any(-1))
    fa = np.where(there, np.clip(truth.msa / 0.04, 0, 0.9), 0).astype(np.float32)
    write_volume(folder / "V1.nii.gz", np.where(there[..., None], noisy, 0).astype(np.float32), truth.affine)
    write_volume(folder / "FA.nii.gz", fa, truth.affine)
    return folder / "V1.nii.gz", folder / "FA.nii.gz"


def draw(page: Path, picture: Path) -> None:
    """Draw the upper part of a page as it looks on light paper."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from qtpy.QtCore import QRectF
    from qtpy.QtGui import QColor, QImage, QPainter, QTextDocument
    from qtpy.QtWidgets import QApplication

    app = QApplication.instance() or QApplication([])
    document = QTextDocument()
    document.setDocumentMargin(24)
    document.setHtml(_plain(page.read_text(encoding="utf-8")))
    document.setTextWidth(WIDTH)
    height = min(TALLEST, int(document.size().height()))
    image = QImage(WIDTH, height, QImage.Format.Format_RGB32)
    image.fill(QColor("white"))
    painter = QPainter(image)
    document.drawContents(painter, QRectF(0, 0, WIDTH, height))
    painter.end()
    picture.parent.mkdir(parents=True, exist_ok=True)
    image.save(str(picture))
    del app


def _plain(text: str) -> str:
    """What rich text does not know, written in a way that it does."""
    colours = dict(re.findall(r"--(\w+): (#\w+);", text.partition("@media screen")[0]))
    for name, value in colours.items():
        text = text.replace(f"var(--{name})", value)
    text = re.sub(r"<details>.*?</details>", "", text, flags=re.S)
    text = re.sub(r"<source [^>]*>|</?picture>", "", text)
    text = text.replace("<img ", f'<img width="{WIDTH - 60}" ').replace(
        "<table>", '<table width="100%" cellpadding="4">'
    )
    text = re.sub(r"@media[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}", "", text)
    return text.replace("system-ui, sans-serif", "sans-serif")


if __name__ == "__main__":
    sys.exit(main())
