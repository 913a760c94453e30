import numpy as np
import pytest
import torch

from napari_sti.core.errors import InputError
from napari_sti.recon.checkpoint import load_model, save_model
from napari_sti.recon.operator import StiOperator
from napari_sti.recon.unrolled.compact import CompactModel, Problem, parameter_count
from napari_sti.recon.unrolled.separating import SeparatingModel, SourceProblem
from napari_sti.recon.unrolled.separating_fit import from_sources, rate_rows, to_sources

WIDTHS = (6, 8, 10)
DIRECTIONS = np.array([(0, 0, 1), (0.6, 0, 0.8)])


def scan(shape=(13, 18, 11)):
    mask = torch.zeros(shape)
    mask[2:-2, 3:-2, 2:-1] = 1
    operator = StiOperator(shape, (2.0, 1.5, 2.5), DIRECTIONS, mask)
    pos = 0.02 * mask
    pos[:6] *= 3
    neg = torch.zeros(6, *shape)
    neg[[0, 3, 5]] = -0.04 * mask
    neg[0, :, 8:] *= 0.5
    w = from_sources(pos, neg)
    total = neg.clone()
    total[[0, 3, 5]] += pos
    rates = torch.einsum("kc,cxyz->kxyz", rate_rows(DIRECTIONS).float(), w)
    return operator, operator.forward(total), rates, DIRECTIONS


def model(iterations=2):
    torch.manual_seed(0)
    made = SeparatingModel(iterations=iterations, widths=WIDTHS)
    with torch.no_grad():
        for film in made.network.films:
            film.weight.normal_(0, 0.2)
    return made.eval()


def test_the_shipped_size_fits_into_ten_megabytes():
    assert parameter_count(SeparatingModel()) < 2.5e6


def test_signs_hold_by_construction_and_nothing_is_outside():
    operator, field, rates, dirs = scan()
    seen = []
    with torch.inference_mode():
        pos, neg = model().separate(operator, field, rates, dirs, lambda *what: seen.append(what))
    matrices = torch.stack([neg[i] for i in (0, 1, 2, 1, 3, 4, 2, 4, 5)], -1).reshape(*neg.shape[1:], 3, 3)
    assert float(pos.min()) >= -1e-8 and float(torch.linalg.eigvalsh(matrices).max()) < 1e-6
    outside = operator.mask == 0
    assert not pos[outside].any() and not neg[:, outside].any()
    assert [step.number for step, *_ in seen] == [1, 2] and seen[0][0].step == 1.0
    assert torch.equal(seen[-1][1], pos) and 0 < seen[-1][0].residual < 1


def test_without_a_correction_least_squares_stay_near_the_data():
    operator, field, rates, dirs = scan()
    still = model(1)
    with torch.no_grad():
        still.network.leave.weight.zero_()
        still.network.leave.bias.zero_()
        pos, neg = still.separate(operator, field, rates, dirs)
    predicted = torch.einsum("kc,cxyz->kxyz", rate_rows(dirs).float(), from_sources(pos, neg))
    assert float((predicted - rates).norm() / rates.norm()) < 0.2


@pytest.mark.parametrize("gains", [False, True])
def test_it_begins_with_what_a_network_for_tensors_has_learned(gains):
    operator, field, rates, dirs = scan()
    torch.manual_seed(3)
    tensors = CompactModel(iterations=1, widths=WIDTHS, gains=gains)
    ours = SeparatingModel.beginning_from(tensors)
    problem = SourceProblem.pose(operator, field, rates, dirs)
    plain = Problem.of(operator, field)
    volumes = problem.inputs(problem.first, 0)[None, ..., :8, :16, :8]
    # The same estimate seen by both, whatever it is.
    theirs = torch.cat([volumes[:, :12], volumes[:, :6], volumes[:, 12:16]], 1)
    with torch.no_grad():
        mine = ours.network.correct(volumes, problem.conditions(0)[None])
        other = tensors.network.correct(theirs, plain.conditions(0)[None])
    torch.testing.assert_close(mine[:, :6], other[:, :6], atol=1e-5, rtol=1e-4)
    assert not mine[:, 6].any()
    with pytest.raises(InputError, match="only weights with one iteration can be begun from"):
        SeparatingModel.beginning_from(CompactModel(iterations=2, widths=WIDTHS))


def test_unrolled_has_gradients_and_agrees_with_the_run():
    operator, field, rates, dirs = scan()
    made = model(1)
    problem = SourceProblem.pose(operator, field, rates, dirs)
    corrected, fitted = made.unrolled(problem)
    fitted.square().mean().backward()
    assert all(p.grad is not None for p in made.parameters())
    assert corrected.shape == fitted.shape == (7, *operator.shape)


def test_the_directions_of_the_rates_reach_the_network():
    operator, field, rates, dirs = scan()
    with torch.no_grad():
        one = SourceProblem.pose(operator, field, rates, dirs)
        other = SourceProblem.pose(operator, field, rates, dirs[::-1].copy())
    assert not torch.allclose(one.inputs(one.first, 0)[-5:], other.inputs(other.first, 0)[-5:])
    single = SourceProblem.pose(operator, field, rates[:1], dirs[:1])
    assert not single.inputs(single.first, 0)[-5:].any()


def test_it_travels_by_file_and_does_not_reconstruct_tensors(tmp_path):
    operator, field, rates, dirs = scan()
    made = model()
    file = save_model(made, {"name": "x"}, tmp_path / "x.safetensors")
    again, _ = load_model(file)
    with torch.inference_mode():
        pos, _ = again.separate(operator, field, rates, dirs)
        torch.testing.assert_close(pos, made.separate(operator, field, rates, dirs)[0])
    with pytest.raises(InputError, match="these weights separate sources and need R2' beside the field maps"):
        again.estimate(operator, field)
    assert to_sources(torch.zeros(7, 1, 1, 1))[0].shape == (1, 1, 1)
