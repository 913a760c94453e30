"""From a network to the passes over its volumes of features, in their order.

A pass either makes a new volume by a layer that looks at neighbours, or changes one value by value: group
normalisation, activations, sums with other volumes. What follows one another value by value is one pass. The network
is read by ``torch.fx``, so its ``forward`` must not decide anything by looking at values or sizes.
"""

import operator
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx, nn
from torch.nn import functional

from napari_sti.recon.unrolled.layers import (
    Concatenation,
    Layer,
    Pointwise,
    Shape,
    Untraceable,
    elu,
    make_layer,
    pointwise_module,
)


@dataclass
class Normalisation:
    """Group normalisation: what it needs to know of a volume before it can change it value by value."""

    module: nn.GroupNorm


@dataclass
class Operation:
    """One change value by value, with the other volumes that it takes."""

    change: Pointwise
    others: tuple[str, ...] = ()


@dataclass
class Pass:
    """One pass over volumes of features.

    Parameters
    ----------
    name : str
        Of the volume that it leaves.
    sources : list of str
        Volumes that it reads; the first is the one that is changed in a pass value by value.
    layer : Layer, optional
        Makes the volume from its sources; None for a pass value by value.
    normalisation : Normalisation, optional
        Done first in a pass value by value.
    operations : list of Operation
        Done then.
    in_place : bool
        Whether a pass value by value may leave its result in its first source.
    measured : bool
        Whether the next group normalisation wants to know mean and variance of what this pass makes.
    last : tuple of str
        Volumes that nobody reads after this pass.
    """

    name: str
    sources: list[str]
    layer: Layer | None = None
    normalisation: Normalisation | None = None
    operations: list[Operation] = field(default_factory=list)
    in_place: bool = False
    measured: bool = False
    last: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """All passes of a network, with the names of the volume that goes in and of that which comes out."""

    passes: tuple[Pass, ...]
    given: str
    result: str

    def shapes(self, given: Shape) -> dict[str, Shape]:
        """Shapes of all volumes for one of what is given."""
        found = {self.given: given}
        for one in self.passes:
            inputs = [found[name] for name in one.sources]
            found[one.name] = one.layer.shape(*inputs) if one.layer else inputs[0]
        return found

    def peak_values(self, given: Shape) -> int:
        """Most values that are held at a time."""
        held, most = {self.given}, 0
        sizes = {n: c * x * y * z for n, (c, x, y, z) in self.shapes(given).items()}
        for one in self.passes:
            if one.in_place:
                held.discard(one.sources[0])
            held.add(one.name)
            most = max(most, sum(sizes[name] for name in held))
            held -= set(one.last)
        return most


def make_plan(network: nn.Module) -> Plan:
    """Read a network.

    Raises
    ------
    Untraceable
        If something in it is not known to be computable in slabs.
    """
    try:
        graph = fx.Tracer().trace(network)
    except Exception as error:  # whatever its forward does with a stand-in for a tensor
        raise Untraceable(f"a forward that cannot be traced ({error})") from error
    return _Planner(network, graph).plan()


class _Planner:
    """Turns the nodes of a traced network into passes."""

    def __init__(self, network: nn.Module, graph: fx.Graph) -> None:
        self.modules, self.network = dict(network.named_modules()), network
        self.graph = graph
        self.alias: dict[str, str] = {}
        self.uses: Counter[str] = Counter()
        self.passes: list[Pass] = []
        self.by_name: dict[str, Pass] = {}

    def plan(self) -> Plan:
        given, result = "", ""
        self.uses = Counter(source.name for node in self.graph.nodes for source in node.all_input_nodes)
        for node in self.graph.nodes:
            if node.op == "placeholder":
                if given:
                    raise Untraceable("more than one volume that goes in")
                given = node.name
            elif node.op == "output":
                (out,) = node.args
                if not isinstance(out, fx.Node):
                    raise Untraceable("more than one volume that comes out")
                result = self._name(out)
            elif node.op != "get_attr":
                self._add(node)
        self._mark_last(result)
        return Plan(tuple(self.passes), given, result)

    def _add(self, node: fx.Node) -> None:
        target = self.modules[str(node.target)] if node.op == "call_module" else node.target
        if isinstance(target, nn.GroupNorm):
            self._begin(node, node.args[0], Normalisation(target))
            return
        if isinstance(target, nn.Module):
            change = pointwise_module(target)
            if change is not None:
                self._append(node, node.args[0], Operation(change))
            else:
                self._make(node, make_layer(target), node.all_input_nodes)
            return
        if target is torch.cat or target is torch.concat:
            if (node.kwargs.get("dim") or (node.args[1] if len(node.args) > 1 else 0)) != 1:
                raise Untraceable("a concatenation of something other than channels")
            self._make(node, Concatenation(), list(node.args[0]))  # type: ignore[arg-type]
            return
        self._function(node, target)

    def _function(self, node: fx.Node, target: Any) -> None:
        name = target if isinstance(target, str) else getattr(target, "__name__", "")
        volumes = [a for a in node.args if isinstance(a, fx.Node) and a.op != "get_attr"]
        if target in _SUMS or (node.op == "call_method" and name in ("add", "add_")):
            if len(volumes) == 2 and len(node.args) == 2 and not node.kwargs and volumes[0] is not volumes[1]:
                base, other = sorted(volumes, key=self._is_free, reverse=True)
                self._append(node, base, Operation(_add, (self._name(other),)))
                return
        elif target in _PRODUCTS and len(volumes) == 1 and len(node.args) == 2:
            (factor,) = (self._constant(a) for a in node.args if a is not volumes[0])
            self._append(node, volumes[0], Operation(_times(factor)))
            return
        elif target in _ACTIVATIONS and len(volumes) == 1 and len(node.args) == 1:
            options = {k: v for k, v in node.kwargs.items() if k != "inplace"}
            if not any(isinstance(v, fx.Node) for v in options.values()):
                self._append(node, volumes[0], Operation(_with(_ACTIVATIONS[target], options)))
                return
        raise Untraceable(f"the operation {name or target}")

    def _constant(self, value: Any) -> Any:
        if isinstance(value, fx.Node):
            held: Any = self.network
            for part in str(value.target).split("."):
                held = getattr(held, part)
            return held.detach()
        return value

    def _is_free(self, node: fx.Node) -> bool:
        """Whether a volume may be changed, since nobody else reads it."""
        return self.uses[node.name] == 1 and node.op != "placeholder"

    def _name(self, node: fx.Node) -> str:
        return self.alias.get(node.name, node.name)

    def _make(self, node: fx.Node, layer: Layer, sources: list[fx.Node]) -> None:
        made = Pass(node.name, [self._name(source) for source in sources], layer)
        self.passes.append(made)
        self.by_name[node.name] = made

    def _begin(self, node: fx.Node, source: Any, normalisation: Normalisation | None = None) -> Pass:
        name = self._name(source)
        made = Pass(node.name, [name], normalisation=normalisation, in_place=self._is_free(source))
        if normalisation:
            if name not in self.by_name:
                raise Untraceable("a normalisation of what goes in")
            self.by_name[name].measured = True
        self.passes.append(made)
        self.by_name[node.name] = made
        return made

    def _append(self, node: fx.Node, source: Any, operation: Operation) -> None:
        """Add a change to the pass that made its source, if that came last and nobody else reads what it left."""
        made = self.by_name.get(self._name(source))
        if made is None or made is not self.passes[-1] or made.layer is not None or not self._is_free(source):
            made = self._begin(node, source)
        del self.by_name[made.name]
        made.name = node.name
        self.by_name[node.name] = made
        made.operations.append(operation)
        made.sources += [name for name in operation.others if name not in made.sources]

    def _mark_last(self, result: str) -> None:
        read: set[str] = {result}
        for one in reversed(self.passes):
            needed = {one.name, *one.sources}
            one.last = tuple(sorted(needed - read))
            read |= needed


def _add(x: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    return x.add_(other)


def _times(factor: Any) -> Pointwise:
    def change(x: torch.Tensor) -> torch.Tensor:
        return x.mul_(factor.to(x) if isinstance(factor, torch.Tensor) else factor)

    return change


def _with(function: Any, options: dict[str, Any]) -> Pointwise:
    def change(x: torch.Tensor) -> torch.Tensor:
        changed: torch.Tensor = function(x, **options)
        return changed

    return change


_SUMS = (operator.add, operator.iadd, torch.add)
_PRODUCTS = (operator.mul, operator.imul, torch.mul)
_ACTIVATIONS = {
    functional.elu: elu,
    functional.silu: functional.silu,
    functional.relu: functional.relu,
    functional.leaky_relu: functional.leaky_relu,
    functional.gelu: functional.gelu,
    torch.relu: torch.relu,
}
