import subprocess
import sys
from pathlib import Path

import pytest

from napari_sti.core.errors import InputError
from napari_sti.lpn.question import Question, changed, question_of, resolved

WITH = {"weights": "net.safetensors", "image": "a.nii"}


@pytest.mark.parametrize(
    ("action", "values", "said"),
    [
        ("guess", WITH, "cannot be asked"),
        ("value", {"image": "a.nii"}, "no weights"),
        ("value", {"weights": "net"}, "no image"),
        ("value", WITH | {"weights": "net.onnx"}, "can be checked"),
        ("compare", WITH, "nothing to compare with"),
        ("value", WITH | {"scale": 2, "unit_range": True}, "exclude each other"),
        ("value", WITH | {"scale": 0}, "multiplied by 0"),
        ("value", WITH | {"slice": 1, "every_slice": True}, "exclude each other"),
        ("value", WITH | {"tolerance": 2}, "tolerance = 2"),
        ("value", WITH | {"wheights": "a"}, "did you mean 'weights'"),
        ("perturb", WITH | {"ways": "noise,rain"}, "'rain' is no way"),
        ("perturb", WITH | {"ways": ""}, "no way is given"),
        ("perturb", WITH | {"ways": "blend"}, "no other image"),
        ("perturb", WITH | {"ways": "lesion", "region": "r.nii"}, "a region and a value|painted region and a value"),
    ],
)
def test_sentences(action, values, said):
    with pytest.raises(InputError, match=said):
        question_of(action, values)


def test_questions_without_an_image_and_their_paths():
    assert question_of("cut", {"weights": "lpn-laplacian"}).image == ""
    question = question_of("perturb", WITH | {"ways": "blur, noise,blur", "region": "/r.nii"})
    assert question.chosen_ways == ("noise", "blur")
    there = resolved(question, Path("/run"))
    assert (there.image, there.region, there.other) == ("/run/a.nii", "/r.nii", "")
    assert question_of("perturb", changed(question)) == question and changed(Question()) == {}


def test_torch_is_not_loaded_for_it():
    code = "import sys, napari_sti.lpn.question; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
