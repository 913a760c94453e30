import json

import nibabel
import numpy as np
import pytest
import torch

from napari_sti.cli.program import main
from napari_sti.lpn.checkpoint import save_lpn
from napari_sti.lpn.networks.local import LocalLpn
from napari_sti.lpn.networks.published import Lpn1d

AFFINE = np.array([[0, -2.0, 0, 30], [1.5, 0, 0, -20], [0, 0, 3.0, 5], [0, 0, 0, 1]])


def write(path, data):
    nibabel.save(nibabel.Nifti1Image(data.astype(np.float32), AFFINE), path)
    return str(path)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def test_tensor(tmp_path, capsys):
    network = LocalLpn(dims=3, channels=6, widths=(3, 3))
    save_lpn(network, {"domain": {"scale": 10.0}}, tmp_path / "net.safetensors")
    chi = 0.05 * np.random.default_rng(0).normal(size=(7, 6, 9, 6)).astype(np.float32)
    image = write(tmp_path / "chi.nii.gz", chi)
    assert main(["prior", image, "--weights", str(tmp_path / "net.safetensors"), "-o", str(tmp_path / "out")]) == 0
    record = json.loads((tmp_path / "out" / "prior.json").read_text())
    assert record["in_range"] and record["residual"] < 1e-4 and record["scale"] == 10
    found = {n: nibabel.load(tmp_path / "out" / f"{n}.nii.gz") for n in ("inverse", "prox", "prior_map")}
    assert all(np.allclose(v.affine, AFFINE) for v in found.values())
    assert found["prior_map"].shape == (7, 6, 9) and found["prox"].shape == chi.shape
    assert found["prior_map"].get_fdata().sum() == pytest.approx(record["value"], rel=1e-4)
    back = torch.from_numpy(np.moveaxis(found["inverse"].get_fdata(dtype=np.float32), 3, 0).copy())[None] * 10
    assert np.allclose(network.prox(back)[0].detach().numpy() / 10, np.moveaxis(chi, 3, 0), atol=1e-4)
    assert "R = " in capsys.readouterr().out


def test_slice_of_a_volume(tmp_path):
    save_lpn(LocalLpn(dims=2, widths=(3, 3)), {}, tmp_path / "net.safetensors")
    volume = np.random.default_rng(0).uniform(100, 900, (9, 8, 5))
    words = ["prior", write(tmp_path / "t1.nii", volume), "--weights", str(tmp_path / "net.safetensors")]
    assert main([*words, "--slice", "3", "--unit-range", "-o", str(tmp_path / "out")]) == 0
    prox = nibabel.load(tmp_path / "out" / "prox.nii.gz")
    assert prox.shape[:2] == (9, 8) and np.allclose(prox.affine[:3, 3], AFFINE[:3, 3] + 3 * AFFINE[:3, 2])
    assert 50 < prox.get_fdata().mean() < 900  # in the unit of the file


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--slice", "3", "--scale", "2"), ""),
        (("--slice", "9"), "there is no slice 9"),
        ((), "has 5 slices and the network takes one"),
        (("--slice", "1", "--scale", "2", "--unit-range"), "exclude each other"),
        (("--slice", "1", "--tolerance", "2"), "between 0 and 1"),
    ],
)
def test_sentences(tmp_path, capsys, words, said):
    save_lpn(LocalLpn(dims=2, widths=(3,)), {}, tmp_path / "net.safetensors")
    image = write(tmp_path / "t1.nii", np.random.default_rng(0).uniform(size=(9, 8, 5)))
    code = main(["prior", image, "--weights", str(tmp_path / "net.safetensors"), "-o", str(tmp_path / "out"), *words])
    assert code == (2 if said else 0) and said in capsys.readouterr().err


def test_out_of_range_and_wrong_network(tmp_path, capsys):
    save_lpn(LocalLpn(dims=3, widths=(3,), alpha=0.0, quadratic=0), {}, tmp_path / "net.safetensors")
    image = write(tmp_path / "t1.nii", 1000 + np.random.default_rng(0).uniform(size=(5, 6, 7)))
    words = ["prior", image, "--weights", str(tmp_path / "net.safetensors"), "--iterations", "20"]
    assert main([*words, "-o", str(tmp_path / "out")]) == 0
    record = json.loads((tmp_path / "out" / "prior.json").read_text())
    assert record["value"] is None and record["in_range"] is False and record["residual"] > 0.5
    assert not (tmp_path / "out" / "inverse.nii.gz").exists()
    assert "not in the range" in capsys.readouterr().out
    assert main([*words, "-o", str(tmp_path / "out")]) == 2
    save_lpn(Lpn1d(), {}, tmp_path / "point.safetensors")
    assert main([*words[:2], "--weights", str(tmp_path / "point.safetensors"), "-o", str(tmp_path / "b")]) == 2
    assert "takes no images" in capsys.readouterr().err


@pytest.fixture
def flat(tmp_path):
    """A 2-D network and a volume, as words of a command without what is asked."""
    save_lpn(LocalLpn(dims=2, widths=(3, 3)), {"title": "flat"}, tmp_path / "net.safetensors")
    volume = np.random.default_rng(0).uniform(0.1, 0.9, (9, 8, 5))
    return ["prior", write(tmp_path / "t1.nii", volume), "--weights", str(tmp_path / "net.safetensors")]


def test_perturb_draws_and_tabulates(tmp_path, flat, capsys):
    words = [*flat, "--axis", "0", "--slice", "3", "--perturb", "noise,contrast", "--figure", "curves.png"]
    assert main([*words, "-o", str(tmp_path / "out")]) == 0
    record = json.loads((tmp_path / "out" / "prior.json").read_text())
    assert [curve["name"] for curve in record["curves"]] == ["noise", "contrast"] and record["axis"] == 0
    assert nibabel.load(tmp_path / "out" / "perturbed_noise.nii.gz").shape == (1, 8, 5, 5)
    assert (tmp_path / "out" / "curves.png").stat().st_size > 10_000
    assert (tmp_path / "out" / "curve_contrast.csv").read_text().startswith("contrast (relative change),R,residual")
    assert "noise: 0: " in capsys.readouterr().out
    # another question into the same folder leaves nothing that is no longer true
    assert main([*flat, "--every-slice", "--prox", "-o", str(tmp_path / "out"), "--overwrite"]) == 0
    assert not (tmp_path / "out" / "curve_contrast.csv").exists()
    assert nibabel.load(tmp_path / "out" / "prox.nii.gz").shape == (9, 8, 5)


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_check_passes_and_refutes(tmp_path, flat, capsys):
    assert main([*flat, "--slice", "2", "--check", "-o", str(tmp_path / "a")]) == 0
    said = capsys.readouterr().out
    assert "passed  Symmetric Jacobian" in said and "Proximal gradient converges" in said

    class Twisted(torch.nn.Module):
        def forward(self, x):
            return 0.6 * x + 0.3 * torch.roll(x, 1, 3)  # its Jacobian is not symmetric

    torch.jit.trace(Twisted(), torch.zeros(1, 1, 9, 8)).save(str(tmp_path / "net.ts"))
    words = ["prior", flat[1], "--weights", str(tmp_path / "net.ts"), "--slice", "2"]
    assert main([*words, "--check", "-o", str(tmp_path / "b")]) == 0
    assert "FAILED  Symmetric Jacobian" in capsys.readouterr().out
    record = json.loads((tmp_path / "b" / "prior.json").read_text())
    assert not record["is_prox"] and record["model"]["title"] == "net.ts"
    assert main([*words, "-o", str(tmp_path / "c")]) == 2
    assert "other denoisers can be checked" in capsys.readouterr().err


def test_cut_of_the_shipped_prior_and_comparison(tmp_path, flat, capsys):
    words = ["prior", "--weights", "lpn-laplacian", "--cut", "--figure", "cut.pdf", "-o", str(tmp_path / "cut")]
    assert main(words) == 0
    rows = np.genfromtxt(tmp_path / "cut" / "cut.csv", delimiter=",", names=True)
    inside = np.abs(rows["place"]) < 2.5  # R is |x| as far as it was taught
    assert np.abs(rows["R"] - np.abs(rows["place"]))[inside].max() < 0.3
    assert (tmp_path / "cut" / "cut.pdf").read_bytes().startswith(b"%PDF")
    other = write(tmp_path / "other.nii", np.random.default_rng(1).uniform(0.1, 0.9, (9, 8, 5)))
    assert main([*flat, "--slice", "0", "--compare", other, "-o", str(tmp_path / "two")]) == 0
    assert "difference" in capsys.readouterr().out
    assert nibabel.load(tmp_path / "two" / "prior_difference.nii.gz").shape[:2] == (9, 8)
    assert main(["prior", "--weights", "lpn-laplacian", "-o", str(tmp_path / "no")]) == 2
    assert "no image is given" in capsys.readouterr().err
