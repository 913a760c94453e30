"""What can be trained: found without torch, every task with a whole form."""

import subprocess
import sys
from pathlib import Path

import pytest

from napari_sti.core.errors import InputError
from napari_sti.core.params import describe, from_mapping, to_mapping
from napari_sti.learn.registry import get_task, tasks
from napari_sti.learn.task import Task, TrainingParams

ROOT = Path(__file__).resolve().parents[2]


def test_tasks_are_found_without_torch_and_lightning():
    code = (
        "import sys\n"
        "for name in ('torch', 'lightning', 'tensorboard'): sys.modules[name] = None\n"
        "from napari_sti.learn.registry import tasks\n"
        "print([t.check(t.Params()) is not None for t in tasks().values()])"
    )
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    assert process.stdout.startswith("[True")


@pytest.mark.parametrize("task", tasks().values(), ids=lambda task: task.id)
def test_every_task_states_itself(task):
    assert issubclass(task.Params, TrainingParams)
    assert task.title
    assert task.summary.endswith(".")
    for p in describe(task.Params):
        assert p.label, p.name
        assert p.help.endswith("."), p.name
    params = task.Params()
    assert from_mapping(task.Params, to_mapping(params)) == params
    assert set(task.changeable) <= set(to_mapping(params))
    assert set(Task.changeable) <= set(task.changeable)
    assert "/" not in task.weights_name(params)


def test_near_misses_are_named():
    with pytest.raises(InputError, match=r"the training task 'deepsti_' is not known; did you mean 'deepsti'\?"):
        get_task("deepsti_")
    with pytest.raises(InputError, match="known are"):
        get_task("xyz")
