from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_sti.core.errors import InputError
from napari_sti.core.relaxometry import relaxation
from napari_sti.recon.checkpoint import save_model
from napari_sti.recon.reconstruct import reconstruct
from napari_sti.recon.separate import separate
from napari_sti.recon.separation.deepsepsti import DeepSepSti
from napari_sti.recon.unrolled.separating import SeparatingModel
from tests.recon.test_separation_registry import study


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Weights of a small network that was never trained."""
    torch.manual_seed(0)
    model = SeparatingModel(widths=(6, 8, 10))
    return str(save_model(model, {"domain": {"orientations": [1, 2]}}, tmp_path_factory.mktemp("w") / "w.safetensors"))


def test_it_finds_the_tensor_from_fields_and_r2prime(small):
    found = separate(study(orientations=3), "deepsepsti", weights=small, device="cpu")
    assert found.provenance["form"] == "tensor" and found.chi_neg_tensor is not None
    inside = found.mask
    highest = np.linalg.eigvalsh(
        found.chi_neg_tensor.chi[inside][:, [0, 1, 2, 1, 3, 4, 2, 4, 5]].reshape(-1, 3, 3).astype(float)
    ).max()
    assert highest < 1e-6 and found.chi_pos[inside].min() >= 0
    np.testing.assert_allclose(found.negative, found.chi_neg_tensor.mms, atol=1e-7)
    assert found.closed_form.chi_neg_tensor is not None, "the closed form splits the tensor, not its mean"
    remarks = " ".join(found.provenance["remarks"])
    assert "a number of orientations of 3 (they saw 1 to 2)" in remarks
    assert found.provenance["weights"]["family"] == "separating"


def test_dr_divides_out(small):
    given = study(orientations=2)
    once = separate(given, "deepsepsti", weights=small, device="cpu", dr=114)
    doubled = replace(given, te=None, r2prime=2 * given.r2prime)
    again = separate(doubled, "deepsepsti", weights=small, device="cpu", dr=228)
    np.testing.assert_allclose(again.chi_pos, once.chi_pos, atol=1e-6)
    other = separate(given, "deepsepsti", weights=small, device="cpu", dr=228)
    assert np.abs(other.chi_pos - once.chi_pos).max() > 1e-3


def test_chunks_and_the_whole_volume_agree(small):
    given = study(orientations=2)
    one, other = (separate(given, "deepsepsti", weights=small, device="cpu", chunk=c) for c in ("auto", "whole"))
    np.testing.assert_allclose(one.chi_pos, other.chi_pos, atol=1e-5)


def test_the_direction_of_a_single_map_has_to_be_stated(small):
    given = study(orientations=2)
    single = replace(given, te=None, r2prime=given.r2prime[:1])
    with pytest.raises(InputError, match="there is one map of R2' for 2 orientations"):
        separate(single, "deepsepsti", weights=small)
    one, other = (separate(single, "deepsepsti", weights=small, device="cpu", r2_orientation=which) for which in (1, 2))
    assert np.abs(one.chi_pos - other.chi_pos).max() > 1e-6


def test_with_r2star_alone_r2_is_found_and_taken_away_before_the_network(small):
    given = study(orientations=2)
    star = replace(given, te=None, r2prime=None, r2star=given.r2prime + 13 * given.mask)
    settings = dict(weights=small, device="cpu")
    found = separate(star, "deepsepsti", **settings)
    r2 = found.further["r2"]
    assert r2.min() >= 0 and r2.max() <= 20 and not r2[~given.mask].any()
    same = separate(star, "deepsepsti", r2=r2, **settings)
    np.testing.assert_allclose(found.chi_pos, same.chi_pos, atol=1e-5)
    assert len(found.provenance["r2_rounds"]) == 1 and found.provenance["rates"]["from"] == "R2*, R2 to be found"
    said = " ".join(found.provenance["remarks"])
    assert "the network has only ever seen R2': R2 was found in turns with the sources" in said
    assert found.closed_form.provenance["remarks"][0].startswith("The closed form takes the R2 that the method found")
    constant = separate(star, "deepsepsti", constant_r2=13, **settings)
    assert "r2" not in constant.further and "less a constant R2 of 13 Hz" in " ".join(constant.provenance["remarks"])


def test_what_it_cannot_use_is_refused(small):
    given = study(orientations=2)
    with pytest.raises(InputError, match=r"needs Dr\+ = Dr- for a tensor and was given 114 and 137"):
        separate(given, "deepsepsti", weights=small, dr=114, dr_neg=137)
    with pytest.raises(InputError, match="the family 'compact', which does not separate sources"):
        separate(given, "deepsepsti", weights="deepsti-compact")
    with pytest.raises(InputError, match="these weights separate sources and need R2' beside the field maps"):
        reconstruct(given, "deepsti", weights=small)
    with pytest.raises(InputError, match="there are no weights of the name 'deepsep'"):
        separate(given, "deepsepsti", weights="deepsep")
    assert relaxation("137").equal and DeepSepSti.takes_unequal_dr == ()
