"""The table of a comparison: the numbers as written everywhere, the best marked by sign and letters."""

from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_sti.core import frames
from napari_sti.core.tensor_field import TensorField
from napari_sti.io.nifti import Volume
from napari_sti.maps.comparison import compare
from napari_sti.widgets.compare_table import BEST, CompareTable

SHAPE, AFFINE = (9, 8, 7), np.diag([-2.0, 2, 3, 1])


@pytest.fixture(scope="module")
def comparison():
    rng = np.random.default_rng(0)
    v = rng.normal(size=(*SHAPE, 3))
    v /= np.linalg.norm(v, axis=-1, keepdims=True)
    truth = TensorField(frames.from_matrix(0.03 * v[..., :, None] * v[..., None, :]), AFFINE)
    noise = rng.normal(0, 0.004, truth.chi.shape)
    labels = np.zeros(SHAPE, np.float32)
    labels[:4] = 2
    results = {
        "good": replace(truth, chi=truth.chi + noise),
        "a rather long name of a run": replace(truth, chi=truth.chi + 3 * noise),
    }
    from pathlib import Path

    return compare(results, truth, labels=Volume(labels, AFFINE, Path("l")))


@pytest.fixture
def table(qtbot, comparison):
    made = CompareTable()
    qtbot.addWidget(made)
    made.show_comparison(comparison)
    return made


def column(table, title):
    headings = [table.horizontalHeaderItem(i).data(int(Qt.ItemDataRole.UserRole)) for i in range(table.columnCount())]
    return headings.index(title)


def test_numbers_and_marks(table, comparison):
    good = comparison.scores["good"]
    psnr = column(table, "PSNR [dB]")
    assert table.item(0, psnr).text() == f"{BEST} {good.psnr:.2f}" and table.item(0, psnr).font().bold()
    assert table.item(1, psnr).text() == f"{comparison.scores['a rather long name of a run'].psnr:.2f}"
    assert not table.item(1, psnr).font().bold()
    angle = column(table, "PEV angle, mean [°]")
    assert table.item(0, angle).text() == f"{BEST} {good.angle_mean:.1f}"
    ssim = column(table, "SSIM")  # not defined on so few voxels
    assert [table.item(row, ssim).text() for row in (0, 1)] == ["–", "–"]
    assert "↑" in table.horizontalHeaderItem(psnr).text() and "↓" in table.horizontalHeaderItem(angle).text()


def test_rows_have_their_whole_names_somewhere(table):
    header = table.verticalHeaderItem(1)
    assert header.toolTip() == "a rather long name of a run" and "…" in header.text()


def test_text_for_a_spreadsheet(table, comparison):
    lines = [line.split("\t") for line in table.text().splitlines()]
    assert lines[0][:2] == ["result", "PSNR [dB]"] and lines[2][0] == "a rather long name of a run"
    assert float(lines[1][1]) == pytest.approx(comparison.scores["good"].psnr, abs=0.005)
    assert BEST not in table.text()


def test_a_region_has_its_own_numbers(table, comparison):
    table.show_comparison(comparison, "region 2")
    psnr = column(table, "PSNR [dB]")
    assert table.item(0, psnr).text().endswith(f"{comparison.regions['region 2']['good'].psnr:.2f}")


def test_all_rows_are_seen(table, qapp):
    table.show()
    table.resize(300, table.sizeHint().height())
    qapp.processEvents()
    bottom = table.visualItemRect(table.item(table.rowCount() - 1, 0)).bottom()
    assert bottom <= table.viewport().height()
