"""Functions without Python's lock: the same results, compiled or not, from several threads."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from napari_sti.recon.unlocked import unlocked


def _inner(x: torch.Tensor, factors: list[float]) -> float:
    total = 0.0
    for factor in factors:
        x.mul_(factor)
        total += float(x.sum())
    return total


@unlocked
def scaled(x: torch.Tensor, other: torch.Tensor | None, factors: list[float], length: int) -> tuple[float, int]:
    """Words that stay."""
    if other is not None:
        x.add_(other)
    return _inner(x[:length], factors), len(factors)


def test_computes_what_is_written_and_in_place() -> None:
    x = torch.ones(5)
    assert scaled(x, None, [2.0, 0.5], 3) == (9.0, 2)
    assert scaled(x, torch.ones(5), [3.0], 5) == (30.0, 1)
    assert x.tolist() == [6.0] * 5
    assert scaled.__doc__ == "Words that stay."


def test_serves_several_threads_from_the_first_call_on() -> None:
    @unlocked
    def doubled(x: torch.Tensor) -> torch.Tensor:
        return x.mul_(2)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda value: float(doubled(torch.tensor(float(value)))), range(20)))
    assert found == [2.0 * value for value in range(20)]


def test_is_called_as_it_is_where_it_cannot_be_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def script(function: object) -> None:
        calls.append(1)
        raise RuntimeError("not on this version of Python")

    monkeypatch.setattr(torch.jit, "script", script)

    @unlocked
    def tripled(x: torch.Tensor) -> torch.Tensor:
        return x.mul_(3)

    assert [float(tripled(torch.tensor(2.0))) for _ in range(2)] == [6.0, 6.0]
    assert calls == [1]


def test_does_not_complain_of_torch(recwarn: pytest.WarningsRecorder) -> None:
    @unlocked
    def same(x: torch.Tensor) -> torch.Tensor:
        return x

    same(torch.zeros(1))
    assert not recwarn.list


def test_what_goes_wrong_inside_is_said() -> None:
    with pytest.raises(RuntimeError, match="size of tensor a"):
        scaled(torch.ones(2), torch.ones(3), [], 1)
