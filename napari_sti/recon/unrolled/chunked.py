"""A network evaluated a few planes at a time, with the result of the whole volume.

Every layer is finished for the whole volume before the next begins, and each is computed in slabs with as many planes
around them as its kernel reaches; group normalisation takes mean and variance of the whole volume, which are gathered
while the layer before it is computed. So nothing is computed twice and nothing is approximated. What is held is what
the network itself needs, once: the volumes of features that some later layer still reads.

Features lie in memory as (X, Y, Z, C), so that a slab is a piece of memory with nothing to copy.
"""

import itertools
import math
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from torch import nn

from napari_sti.recon import fourier
from napari_sti.recon.threads import share
from napari_sti.recon.unrolled.layers import Layer, Planes, Shape
from napari_sti.recon.unrolled.plan import Normalisation, Operation, Pass, Plan, make_plan

CPU_SLAB_BYTES = 16_000_000
"""Of what a layer makes or sees at a time on a CPU: more would be fresh memory for every slab, which is slow."""

CPU_BLOCK_BYTES = 1_000_000
"""Of what is changed value by value at a time on a CPU: it stays in the cache."""

ROUND = 8
"""Parts that a thread does before all wait, and it is said how far they are."""

OnPart = Callable[[float], None]
"""Called with the share that is done, 0 to 1."""


class Volume:
    """A volume of features (C, X, Y, Z), with zeros around it.

    Parameters
    ----------
    memory : (X, Y, Z, C) tensor
        However it lies; all but what comes in is contiguous.
    """

    def __init__(self, memory: torch.Tensor) -> None:
        self.memory = memory

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Channels and voxels."""
        x, y, z, c = self.memory.shape
        return c, x, y, z

    def slab(self, planes: Planes) -> torch.Tensor:
        """Planes as (1, C, planes, Y, Z): not copied, unless some are outside of the grid."""
        first, last = max(0, planes[0]), min(len(self.memory), planes[1])
        inside = self.memory[first:last]
        if (first, last) != planes:
            padded = torch.zeros(planes[1] - planes[0], *inside.shape[1:], dtype=inside.dtype, device=inside.device)
            padded[first - planes[0] : last - planes[0]] = inside
            inside = padded
        return _seen(inside)


def _seen(memory: torch.Tensor) -> torch.Tensor:
    """(X, Y, Z, C) as (1, C, X, Y, Z), which torch calls channels last."""
    return memory.permute(3, 0, 1, 2)[None]


@dataclass(frozen=True)
class _Moments:
    """Number, sum and sum of squared distances from the mean of every channel of a slab, in float64."""

    count: int
    mean: torch.Tensor
    squares: torch.Tensor


class Chunked:
    """Evaluates networks slab by slab; called with a network and a volume (1, C, X, Y, Z).

    Parameters
    ----------
    voxels : int, optional
        Voxels of a slab at most; what suits the device if not given.
    precision : torch.dtype
        In which features are kept, and computed on devices that can.
    home : str
        Where features are kept if not on the device of what comes in: ``"cpu"`` for a GPU that is too small for them.
    on_part : callable, optional
        Called with the share that is done after every few slabs; may raise to leave.
    """

    def __init__(
        self,
        voxels: int | None = None,
        precision: torch.dtype = torch.float32,
        home: str | torch.device = "",
        on_part: OnPart | None = None,
    ) -> None:
        self.voxels, self.precision, self.home, self.on_part = voxels, precision, home, on_part
        self._plans: WeakKeyDictionary[nn.Module, Plan] = WeakKeyDictionary()

    def __call__(self, network: nn.Module, volumes: torch.Tensor) -> torch.Tensor:
        """Evaluate; see `Chunked`."""
        if volumes.shape[0] != 1:
            return torch.cat([self(network, one[None]) for one in volumes])
        device = volumes.device
        plan = self._plan(network)
        run = _Run(plan, volumes, self, compute_type(device, self.precision))
        return run.result(device, volumes.dtype)

    def _plan(self, network: nn.Module) -> Plan:
        plan = self._plans.get(network)
        if plan is None:
            plan = self._plans[network] = make_plan(network)
        return plan


def compute_type(device: torch.device, precision: torch.dtype) -> torch.dtype:
    """Type that layers are computed in: that of the features, or float32 on CPUs, few of which can do less."""
    return torch.float32 if device.type == "cpu" and precision in (torch.bfloat16, torch.float16) else precision


class _Run:
    """One evaluation."""

    def __init__(self, plan: Plan, volumes: torch.Tensor, how: Chunked, compute: torch.dtype) -> None:
        self.plan, self.how = plan, how
        self.device, self.compute = volumes.device, compute
        self.home = torch.device(how.home) if how.home else self.device
        c, x, y, z = (int(n) for n in volumes.shape[1:])
        self.shapes = plan.shapes((c, x, y, z))
        self.volumes: dict[str, Volume] = {}
        self.moments: dict[str, list[_Moments]] = {}
        self._done, self._total = 0.0, float(sum(self._work(one) for one in plan.passes))
        self._main = threading.get_ident()
        self._inference = torch.is_inference_mode_enabled()
        # As it lies: layers bring their slabs into order by themselves, on all threads and in the cache.
        self.volumes[plan.given] = Volume(volumes[0].permute(1, 2, 3, 0))

    def result(self, device: torch.device, dtype: torch.dtype) -> torch.Tensor:
        """Go through all passes."""
        for one in self.plan.passes:
            if one.layer is not None:
                self._make(one, one.layer)
            else:
                self._change(one)
            for name in one.last:
                self.volumes.pop(name, None)
        out = self.volumes.pop(self.plan.result)
        return _seen(out.memory).to(device, dtype)

    def _new(self, name: str) -> Volume:
        c, x, y, z = self.shapes[name]
        made = self.volumes[name] = Volume(_empty((x, y, z, c), self.home, self.how.precision))
        return made

    # ---- layers ----------------------------------------------------------------------------------------------------

    def _make(self, one: Pass, layer: Layer) -> None:
        layer.to(self.device, self.compute)
        sources = [self.volumes[name] for name in one.sources]
        made_values, seen_values = (math.prod(self.shapes[name]) for name in (one.name, one.sources[0]))
        parts = self._cut(self.shapes[one.name], layer.step, CPU_SLAB_BYTES * min(1.0, made_values / seen_values))
        moments: list[_Moments | None] = [None] * len(parts)
        out = None if len(parts) == 1 else self._new(one.name)

        def make(index: int) -> None:
            planes = parts[index]
            reach = layer.reach(planes)
            with self._mode():
                made = layer.compute(planes, *(self._near(source.slab(reach)) for source in sources))
                if one.measured:
                    moments[index] = _moments(made)
                if out is None:
                    self._adopt(one.name, made)
                else:
                    out.slab(planes).copy_(made)

        self._share(one, make, parts)
        self.moments[one.name] = [m for m in moments if m is not None]

    def _adopt(self, name: str, made: torch.Tensor) -> None:
        """Keep what was made in one piece, copying only what does not lie as it has to."""
        memory = made[0].permute(1, 2, 3, 0)
        self.volumes[name] = Volume(memory.to(self.home, self.how.precision).contiguous())

    # ---- value by value --------------------------------------------------------------------------------------------

    def _change(self, one: Pass) -> None:
        source = self.volumes[one.sources[0]]
        if one.in_place:
            out = self.volumes[one.name] = self.volumes.pop(one.sources[0])
        else:
            out = self._new(one.name)
        scale = self._scale(one.normalisation, one.sources[0])
        parts = self._cut(out.shape, 1, CPU_BLOCK_BYTES)
        moments: list[_Moments | None] = [None] * len(parts)

        def change(index: int) -> None:
            planes = parts[index]
            with self._mode():
                block = self._near(source.slab(planes))
                changed = self._changed(block, planes, scale, one.operations, owned=one.in_place)
                if one.measured:
                    moments[index] = _moments(changed)
                target = out.slab(planes)
                if changed.data_ptr() != target.data_ptr():
                    target.copy_(changed)

        self._share(one, change, parts)
        self.moments[one.name] = [m for m in moments if m is not None]

    def _changed(
        self,
        block: torch.Tensor,
        planes: Planes,
        scale: tuple[torch.Tensor, torch.Tensor] | None,
        operations: list[Operation],
        *,
        owned: bool,
    ) -> torch.Tensor:
        """Go through the changes of one pass for one block; the block itself is changed only if it is owned."""
        if scale is not None:
            block = torch.addcmul(scale[1], block, scale[0], out=block) if owned else block * scale[0] + scale[1]
        elif not owned:
            block = block.clone()
        for operation in operations:
            others = [self._near(self.volumes[name].slab(planes)) for name in operation.others]
            block = operation.change(block, *others)
        return block

    def _scale(self, asked: Normalisation | None, name: str) -> tuple[torch.Tensor, torch.Tensor] | None:
        """Factor and summand (1, C, 1, 1, 1) of group normalisation, from the moments of the whole volume."""
        if asked is None:
            return None
        module = asked.module
        mean, variance = _combine(self.moments.pop(name), module.num_groups)
        factor = (variance + module.eps).rsqrt()
        if module.weight is not None:
            factor = factor * module.weight.detach().to(factor)
        summand = -mean * factor
        if module.bias is not None:
            summand = summand + module.bias.detach().to(factor)
        return tuple(v.to(self.device, self.compute).view(1, -1, 1, 1, 1) for v in (factor, summand))  # type: ignore[return-value]

    # ---- what both do ----------------------------------------------------------------------------------------------

    def _cut(self, shape: Shape, step: int, cpu_bytes: float) -> list[Planes]:
        """Cut a volume into slabs of about equal thickness, in multiples of a step, as many for every thread."""
        c, x, y, z = shape
        units = -(-x // step)
        if self.how.voxels is not None:
            count = math.ceil(x * y * z / max(self.how.voxels, y * z * step))
        elif self.device.type == "cpu":
            count = math.ceil(c * x * y * z * 4 / cpu_bytes)
            threads = torch.get_num_threads()
            count = -(-count // threads) * threads
        else:
            count = 1
        count = max(1, min(count, units))
        edges = [min(x, step * (units * i // count)) for i in range(count)] + [x]
        return [(a, b) for a, b in itertools.pairwise(edges) if b > a]

    def _share(self, one: Pass, function: Callable[[int], None], parts: list[Planes]) -> None:
        """Do all parts of a pass, and say in between how far it is; from the threads nobody may be called."""
        threads = torch.get_num_threads() if self.device.type == "cpu" else 1
        each = ROUND * threads
        for start in range(0, len(parts), each):
            numbers = range(start, min(start + each, len(parts)))
            if self.device.type == "cpu":
                share(function, numbers)
            else:
                for number in numbers:
                    function(number)
            self._done += self._work(one) * sum(parts[i][1] - parts[i][0] for i in numbers) / self.shapes[one.name][1]
            if self.how.on_part is not None:
                self.how.on_part(min(1.0, self._done / self._total))

    def _near(self, slab: torch.Tensor) -> torch.Tensor:
        return slab.to(self.device, self.compute)

    def _mode(self) -> AbstractContextManager[object]:
        """Without gradients in the threads as well, which do not know what their caller has set."""
        return torch.inference_mode() if self._inference else nullcontext() if self._on_main else torch.no_grad()

    @property
    def _on_main(self) -> bool:
        return threading.get_ident() == self._main

    def _work(self, one: Pass) -> float:
        c, x, y, z = self.shapes[one.name]
        return float(x * y * z * c * (self.shapes[one.sources[0]][0] if one.layer else 1))


def _moments(slab: torch.Tensor) -> _Moments:
    """Of every channel; around the slab's own mean, so that no large numbers are subtracted."""
    flat = slab.permute(0, 2, 3, 4, 1).reshape(-1, slab.shape[1])
    flat = flat.float() if flat.dtype in (torch.bfloat16, torch.float16) else flat
    mean = flat.mean(0)
    squares = (flat - mean).square_().sum(0)
    return _Moments(len(flat), mean.double().cpu(), squares.double().cpu())


def _combine(parts: list[_Moments], groups: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and variance of every group, given for every channel, from those of all slabs (Chan et al., 1979)."""
    count = sum(part.count for part in parts)
    each = len(parts[0].mean) // groups

    def of_groups(values: torch.Tensor) -> torch.Tensor:
        return values.view(groups, each).mean(1).repeat_interleave(each)

    mean = of_groups(sum(part.mean * part.count for part in parts) / count)  # type: ignore[arg-type]
    squares = sum(part.squares + part.count * (part.mean - mean) ** 2 for part in parts) / count
    return mean, of_groups(squares)  # type: ignore[arg-type]


def _empty(shape: tuple[int, ...], device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """Uninitialised; on the CPU in large pages where numpy knows the type."""
    if device.type == "cpu" and dtype in (torch.float32, torch.float64):
        return fourier.empty(*shape, device=device, dtype=dtype)
    return torch.empty(shape, device=device, dtype=dtype)
