import json

import nibabel
import numpy as np
import pytest
import torch

from napari_sti.core.errors import InputError
from napari_sti.core.params import from_mapping
from napari_sti.learn.brains import Brain
from napari_sti.learn.lpn_sources import (
    TISSUE_BRIGHTNESS,
    Examples,
    SharpSlices,
    TemplateSlices,
    Tensors,
    contrasted,
    make_source,
)
from napari_sti.learn.registry import get_task
from napari_sti.lpn.checkpoint import load_lpn
from napari_sti.recon.unrolled.whitened import to_tensor

SMALL = dict(steps=6, batch=2, validate_every=3, widths="3,3", validation_images=2, patch=12)


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def params(**values):
    task = get_task("lpn")
    return task.check(from_mapping(task.Params, {**SMALL, **values}))


def pictures(folder, shape=(20, 17)):
    from skimage import io

    rng = np.random.default_rng(0)
    for i in range(3):
        io.imsave(folder / f"{i}.png", rng.integers(0, 255, shape, dtype=np.uint8), check_contrast=False)
    np.save(folder / "a.npy", rng.uniform(size=shape).astype(np.float32))


def volumes(folder):
    rng = np.random.default_rng(0)
    for i in range(2):
        data = rng.uniform(0, 900, (15, 14, 20)).astype(np.float32)
        nibabel.save(nibabel.Nifti1Image(data, np.eye(4)), folder / f"{i}.nii.gz")


@pytest.mark.parametrize(
    ("kind", "make", "shape"),
    [
        ("images", pictures, (1, 12, 12)),
        ("images", lambda folder: pictures(folder, (20, 17, 3)), (3, 12, 12)),
        ("slices", volumes, (1, 12, 12)),
        ("volumes", volumes, (1, 12, 12, 12)),
        ("template", None, (1, 12, 12)),
        ("sharp", None, (1, 12, 12)),
    ],
)
def test_sources(tmp_path, kind, make, shape):
    if make:
        make(tmp_path)
    source = make_source(kind, tmp_path, 12, 3)
    first = source.example(5)
    assert tuple(first.shape) == shape and (source.channels, source.dims) == (shape[0], len(shape) - 1)
    assert torch.equal(first, make_source(kind, tmp_path, 12, 3).example(5))
    assert not torch.equal(first, source.example(6))
    assert torch.isfinite(first).all() and first.min() >= -0.01 and first.max() <= 1.6
    held = Examples(source, validation=4)
    assert len(held) == 4 and not torch.equal(held[0], held[1])
    with pytest.raises(IndexError):
        held[4]


def test_no_slice_that_is_held_back_is_trained_on():
    source = TemplateSlices(32, 0)
    assert not set(source._train) & set(source._held) and len(source._held) > 10
    assert min(abs(a - b) for a in source._train for b in source._held) >= 3


def test_sharp_slices_have_the_brightness_of_a_tissue_everywhere_also_those_held_back():
    source = SharpSlices(32, 0)
    held = Examples(source, validation=12)
    values = torch.cat([*(source.example(n) for n in range(12)), *(held[n] for n in range(12))]).unique()
    assert len(values) > 2 and np.isin(values.numpy(), np.array(TISSUE_BRIGHTNESS, np.float32)).all()
    smooth = Examples(TemplateSlices(32, 0), validation=1)[0]
    assert (held[0] - smooth).abs().max() < 0.21, "the same slice: no pixel is further from it than half a step"


def test_contrast_is_continuous():
    image = np.linspace(0, 1, 2001, dtype=np.float32)[None]
    for seed in range(8):
        out = contrasted(image, np.random.default_rng(seed))
        assert np.abs(np.diff(out)).max() < 0.02 and out[0, 0] == 0


def test_mirrored_tensors_are_tensors():
    """Exchanging left and right of a tensor is Q chi Q^T: its eigenvalues stay, and its components do not."""
    xx, xy, xz, yy, yz, zz = chi = np.array([0.1, 0.02, -0.03, -0.05, 0.04, 0.07], np.float32)
    wanted = np.linalg.eigvalsh([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]])
    volume = torch.from_numpy(chi)[:, None, None, None].expand(6, 9, 8, 7)
    brain = Brain(volume, torch.ones(9, 8, 7, dtype=torch.bool), (1.0, 1.0, 1.0))
    source = Tensors(5, 0, lambda number: brain, lambda number: brain)
    seen = set()
    for number in range(30):
        cube = source.example(number)
        assert cube.shape == (6, 5, 5, 5)
        a, b, c, d, e, f = to_tensor(cube)[:, 2, 2, 2].tolist()  # the middle is in the brain
        assert np.allclose(np.linalg.eigvalsh([[a, b, c], [b, d, e], [c, e, f]]), wanted, atol=1e-6)
        seen.add((b > 0, c > 0, e > 0))
    assert len(seen) == 4, "of eight mirrors, two at a time do the same to a tensor"


def test_schedule():
    module = get_task("lpn").module(params(source="template", steps=100, network="lpn_28", hidden=4, patch=0))
    assert [s.loss for s in module.stages] == ["l1"] + ["matching"] * 4
    assert sum(s.steps for s in module.stages) == 100
    assert [round(s.gamma, 2) for s in module.stages[1:]] == [17.92, 8.96, 4.48, 2.24]


def test_trains_stays_convex_and_resumes(tmp_path):
    pytest.importorskip("lightning")
    from napari_sti.learn.engine import train

    (tmp_path / "images").mkdir()
    pictures(tmp_path / "images")
    given = dict(SMALL, source="images", data=str(tmp_path / "images"))
    whole = train("lpn", given, tmp_path / "whole", device="cpu")
    network, card = load_lpn(whole / "lpn-images.safetensors")
    assert network.is_convex() and card["domain"]["noise"] == [0.1, 0.1] and card["steps"] == 6
    assert card["parameters"] == network.parameter_count() and card["training"]["steps"] == 6
    assert "val/psnr" in card["scores"] and json.loads((whole / "train.json").read_text())["state"] == "done"
    assert list((whole / "pictures").glob("*denoised.png"))
    train("lpn", dict(given, steps=3), tmp_path / "parts", device="cpu")
    assert load_lpn(tmp_path / "parts" / "lpn-images.safetensors")[1]["steps"] == 3


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (dict(source="images"), "needs a folder"),
        (dict(source="images", data="/nowhere"), "no such folder"),
        (dict(data="x"), "takes none"),
        (dict(noise_low=0.3), "above noise_high"),
        (dict(widths="3,x"), "not whole numbers"),
        (dict(network="lpn_28"), "takes 2-D images"),
        (dict(network="lpn_28", source="template", patch=30), "does not fit lpn_28"),
    ],
)
def test_sentences(given, said):
    with pytest.raises(InputError, match=said):
        params(**given)


def test_sentences_of_files(tmp_path):
    with pytest.raises(InputError, match="holds no"):
        make_source("volumes", tmp_path, 12, 0)
    pictures(tmp_path)
    with pytest.raises(InputError, match="smaller than the patch"):
        make_source("images", tmp_path, 64, 0)
    (tmp_path / "0.png").write_bytes(b"no")
    with pytest.raises(InputError, match="not a readable image"):
        make_source("images", tmp_path, 12, 0)
