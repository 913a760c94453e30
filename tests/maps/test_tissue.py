"""The estimate of white matter and fluid: how good it is on a known brain, and what it must not depend on."""

import numpy as np
import pytest

from napari_sti.core import frames
from napari_sti.core.errors import InputError
from napari_sti.maps.tissue import Settings, estimate_tissue
from napari_sti.simulate.anatomy import read_template
from napari_sti.simulate.brain import brain_anatomy
from tests.io.studies import all_orders

SIZE = (2.5, 2.0, 3.0)


@pytest.fixture(scope="module")
def brain():
    """The simulated brain on anisotropic voxels, oblique to its own axes."""
    return brain_anatomy(SIZE, 12.0)


def dice(first, second):
    return 2 * (first & second).sum() / (first.sum() + second.sum())


def estimate(brain, image=None, contrast="t1", **settings):
    image = brain.t1 if image is None else image
    return estimate_tissue(image, brain.mask, contrast=contrast, voxel_size=SIZE, settings=Settings(**settings))


def t2star(brain):
    """A gradient echo at 20 ms and 3 T: proton density and T2* of the three tissues."""
    tissues = ((brain.wm, 0.70, 53), (brain.gm, 0.82, 60), (brain.csf, 1.0, 400))
    return sum(share * density * np.exp(-20 / time) for share, density, time in tissues).astype(np.float32)


def check_quality(found, brain, wm, csf):
    assert dice(found.wm, brain.wm > 0.5) > wm
    assert dice(found.csf, brain.csf > 0.8) > csf
    assert (brain.csf[found.csf] > 0.5).mean() > 0.99, "fluid is conservative"
    assert not (found.wm & found.csf).any()
    assert not ((found.wm | found.csf) & ~brain.mask).any()


def test_t1_of_the_simulated_brain(brain):
    check_quality(estimate(brain), brain, wm=0.9, csf=0.55)


def test_gradient_echo_of_the_simulated_brain(brain):
    check_quality(estimate(brain, t2star(brain), "t2star"), brain, wm=0.85, csf=0.65)


@pytest.mark.parametrize("contrast", ["t1", "t2star"])
def test_noise_and_slow_brightness(brain, contrast):
    image = brain.t1 if contrast == "t1" else t2star(brain)
    i, j, _ = np.meshgrid(*[np.linspace(-1, 1, n) for n in image.shape], indexing="ij")
    noise = 0.03 * image[brain.mask].mean() * np.random.default_rng(0).standard_normal(image.shape)
    uneven = np.abs(image * np.exp(0.2 * i + 0.1 * j) + noise)
    found = estimate(brain, uneven, contrast)
    without = estimate(brain, uneven, contrast, bias_mm=0.0)
    check_quality(found, brain, wm=0.8 if contrast == "t1" else 0.75, csf=0.55)
    assert dice(found.wm, brain.wm > 0.5) > dice(without.wm, brain.wm > 0.5) + 0.03, "the correction must pay"


def test_against_the_maps_of_the_template_itself():
    t1, wm, gm = (read_template(name)[0][::2, ::2, ::2] for name in ("t1", "wm", "gm"))
    mask = t1 > 0.05
    found = estimate_tissue(t1, mask, contrast="t1", voxel_size=(2, 2, 2))
    assert dice(found.wm, mask & (wm > 0.5)) > 0.85
    assert (gm + wm)[found.csf].mean() < 0.35, "where fluid is found the template has little tissue"
    assert gm[found.wm].mean() < 0.25


def test_does_not_depend_on_the_storage_order(brain):
    expected = estimate(brain)
    for orientation in all_orders()[5::19]:
        image, mask = (frames.reorder_volume(v, orientation) for v in (brain.t1, brain.mask))
        size = np.abs(frames.reordering_matrix(orientation)) @ SIZE
        found = estimate_tissue(image, mask, contrast="t1", voxel_size=tuple(size))
        for mine, other in ((expected.wm, found.wm), (expected.csf, found.csf)):
            # The blocks of the slow field begin at the first stored voxel, so that a few voxels differ.
            assert dice(frames.reorder_volume(mine, orientation), other) > 0.985


def test_units_do_not_matter(brain):
    first, second = estimate(brain), estimate(brain, (brain.t1 * 1743).astype(np.int16))
    assert dice(first.wm, second.wm) > 0.995 and dice(first.csf, second.csf) > 0.98


def test_nan_and_outliers(brain):
    image = brain.t1.copy()
    inside = np.argwhere(brain.mask)[::97]
    image[tuple(inside[::3].T)] = np.nan
    image[tuple(inside[1::3].T)] = 1e6
    image[tuple(inside[2::3].T)] = -5
    image[~brain.mask] = np.inf
    found = estimate(brain, image)
    bad = ~((image > 0) & (image < 9)) & brain.mask
    assert f"{bad.sum()} voxels of the brain are not positive or far too bright" in found.remarks[0]
    assert dice(found.wm, brain.wm > 0.5) > 0.88
    assert not (found.csf & bad).any()


def test_wrong_contrast_is_doubted(brain):
    assert any("unlikely" in remark for remark in estimate(brain, t2star(brain), "t1").remarks)
    assert estimate(brain).remarks == ()


def test_description_says_how(brain):
    said = estimate(brain, csf_share=0.1).description()
    assert said["settings"]["csf_share"] == 0.1 and said["contrast"] == "t1"
    assert said["centres"]["csf"] < said["centres"]["gm"] < said["centres"]["wm"]
    voxels = estimate(brain, csf_share=0.1).wm.sum()
    assert said["white_matter_ml"] == pytest.approx(voxels * np.prod(SIZE) / 1000, abs=1e-3)


def test_specks_go_and_pinholes_are_filled(brain):
    image, mask = brain.t1.copy(), brain.mask
    core = np.argwhere(brain.wm > 0.98)[len(np.argwhere(brain.wm > 0.98)) // 2]
    image[tuple(core)] = np.median(brain.t1[brain.gm > 0.9])
    found = estimate_tissue(image, mask, contrast="t1", voxel_size=SIZE, settings=Settings(noise_voxels=0))
    assert found.wm[tuple(core)]
    grey = np.argwhere((brain.gm > 0.97) & ~found.wm)[100]
    image[tuple(grey)] = np.median(brain.t1[brain.wm > 0.9])
    again = estimate_tissue(image, mask, contrast="t1", voxel_size=SIZE, settings=Settings(noise_voxels=0))
    assert not again.wm[tuple(grey)]


def sentence(image, mask, contrast="t1"):
    with pytest.raises(InputError) as caught:
        estimate_tissue(image, mask, contrast=contrast, voxel_size=(1, 1, 1))
    return str(caught.value)


def test_refusals_are_one_sentence():
    mask = np.zeros((7, 9, 5), bool)
    mask[1:-1, 1:-1, 1:-1] = True
    noise = np.random.default_rng(1).random(mask.shape)
    assert "same everywhere inside the mask" in sentence(np.full(mask.shape, 3.0), mask)
    assert "same everywhere inside the mask" in sentence(np.where(mask, 3.0, noise), mask)
    assert "same everywhere" in sentence(1.0 + mask * (noise > 0.5), mask), "two values are no three tissues"
    assert "can be used in only 0% of the brain" in sentence(-noise, mask)
    assert "can be used in only" in sentence(np.full(mask.shape, np.nan), mask)
    assert "mask is empty" in sentence(noise, np.zeros_like(mask))
    assert "7x9x4 voxels, the mask 7x9x5" in sentence(noise[..., :4], mask)
    assert "'t2' is not known; use one of t1, t2star" in sentence(noise, mask, "t2")
    assert "not made of real numbers" in sentence(noise * 1j, mask)


def test_tiny_volumes_do_not_fail():
    rng = np.random.default_rng(2)
    for shape in ((3, 4, 5), (1, 9, 7), (17, 2, 3)):
        found = estimate_tissue(rng.random(shape) + 0.5, np.ones(shape), contrast="t1", voxel_size=(1, 5, 0.7))
        assert found.wm.shape == shape and not (found.wm & found.csf).any()
