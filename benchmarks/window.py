"""How long the window keeps the person waiting: ``python -m tools.screen python -m benchmarks.window``.

Prints the time to import the package, to open the dock in a viewer that is there already, and the longest time for
which the event loop of the real window stood still while a job ran. A timer that is due every 2 ms is watched; the
machine's own stalls are in it, so the same is measured without a job, too.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SECONDS = 20
"""Length of a run that is watched."""


def main() -> None:
    print("| what | median | 99 % | longest |")
    print("|---|---|---|---|")
    row("import napari_sti (new process)", [importing() for _ in range(5)])
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_STI_RUNS"] = str(Path(folder) / "runs")
        in_the_window()


def row(what: str, seconds: list[float]) -> None:
    """Print one line of the table, in ms."""
    ms = 1000 * np.array(seconds)
    print(f"| {what} | {np.median(ms):.1f} ms | {np.percentile(ms, 99):.1f} ms | {ms.max():.1f} ms |", flush=True)


def importing() -> float:
    """Time of the import alone, in a new process."""
    code = "import time; t = time.perf_counter(); import napari_sti; print(time.perf_counter() - t)"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def in_the_window() -> None:
    """Open the dock, open the sample, and watch the event loop without and with a job."""
    import napari
    from qtpy.QtTest import QTest

    viewer = napari.Viewer()
    QTest.qWait(1000)
    start = time.perf_counter()
    from napari_sti.widgets.samples import open_workbench

    workbench = open_workbench(viewer)
    QTest.qWait(1)
    row("open the dock, imports included", [time.perf_counter() - start])
    assert "torch" not in sys.modules
    controller = workbench.controller
    controller.open_sample()
    while not (controller.studies.complete and len(controller.layers.fields()) == 7):
        QTest.qWait(50)
    QTest.qWait(4000)
    row("gap between events, no job", gaps(SECONDS))
    workbench.show_panel("reconstruct")
    QTest.qWait(1500)  # a panel is laid out when it is first seen, before anybody can press Run in it
    run = controller.reconstruct("stiimag", {"max_iterations": 10_000, "tol": 0.0})
    assert run is not None
    row("gap between events, job running", gaps(SECONDS))
    print(f"({run.iteration} iterations in that time)")
    viewer.close()


def gaps(seconds: float) -> list[float]:
    """Times between the beats of a timer that is due every 2 ms, in s, for so many seconds."""
    from qtpy.QtCore import QEventLoop, Qt, QTimer

    beats = [time.perf_counter()]
    loop, timer = QEventLoop(), QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.setInterval(2)

    def beat() -> None:
        beats.append(time.perf_counter())
        if beats[-1] - beats[0] > seconds:
            loop.quit()

    timer.timeout.connect(beat)
    timer.start()
    loop.exec()
    timer.stop()
    return list(np.diff(beats))


if __name__ == "__main__":
    main()
