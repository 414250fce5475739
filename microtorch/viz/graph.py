"""A computation graph as plain data: nodes, edges, modules, the order of execution. Every picture is drawn from it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np

from microtorch.kernels.quiet import silence

_PART = 1 << 16  # elements

FREED = "[freed]"  # stands for what an operation kept until a backward freed it

Kind = Literal["op", "leaf", "input", "output", "saved", "module", "base"]

# Operations whose name in PyTorch's graph tells of its insides more than of what they do.
_NAMES = {
    **dict.fromkeys(("linear", "linear_no_bias", "linear_batched", "linear_batched_no_bias"), "Linear"),
    "cross_entropy": "CrossEntropy",
    "flash_attention": "ScaledDotProductAttention",
}


@dataclass(frozen=True, slots=True)
class Stats:
    """What is worth knowing of an array, in a few numbers."""

    size: int
    norm: float  # Euclidean
    value: complex | float | None = None  # of an array of one element
    mean: float = math.nan
    low: float = math.nan
    high: float = math.nan

    @staticmethod
    def of(array: Any) -> Stats:
        """The numbers of an array (of any dtype and size).

        >>> Stats.of(np.array([3.0, -4.0])).norm
        5.0
        >>> Stats.of(np.array(2.5)).text
        '2.5'
        """
        a = np.asarray(array)
        if a.size == 1:
            one = a.reshape(()).item()
            number = one if isinstance(one, complex) else float(one)
            real = float(abs(one)) if isinstance(one, complex) else float(one)
            return Stats(1, float(abs(one)), number, real, real, real)
        if not a.size:
            return Stats(0, 0.0)
        flat = (np.abs(a) if a.dtype.kind == "c" else a).reshape(-1)
        with silence():
            squares = total = 0.0
            for start in range(0, flat.size, _PART):  # in float64, without a copy of it all
                part = flat[start : start + _PART].astype(np.float64)
                squares += float(part @ part)
                total += float(part.sum())
            return Stats(a.size, math.sqrt(squares), None, total / a.size, float(flat.min()), float(flat.max()))

    @property
    def text(self) -> str:
        """The value of a single number, else the norm."""
        if self.value is not None:
            return f"{self.value:.4g}"
        return f"|{self.norm:.3g}|"


@dataclass(frozen=True, slots=True)
class Saved:
    """A tensor that an operation keeps for its backward."""

    name: str  # of the formulas' parameter, such as "x" or "out"
    shape: tuple[int, ...]
    dtype: str
    nbytes: int


@dataclass(frozen=True, slots=True)
class Scope:
    """One call of an nn.Module."""

    key: str  # its path, with #2 for the second call
    path: str  # the module's name in the model, such as "encoder.layers.0.self_attn"; empty for the model itself
    class_name: str
    parent: str | None = None  # the key of the call inside which it was made
    detail: str = ""  # what the module's repr says of its settings
    call: int = 1  # which call of the module it is
    times: int = 1  # how many equal blocks it stands for, in a picture that folds them
    last: str = ""  # the name of the last of them


@dataclass(slots=True)
class Node:
    """One box: an operation, a tensor (leaf, input, output, saved), or a module whose inside is not shown.

    What two nodes are compared by is what the graph says; the rest depends on what was recorded.
    """

    id: int  # its place in Graph.nodes
    kind: Kind
    op: str = ""  # as the engine names it, such as "MulBackward0"; a module's class; empty for a tensor
    name: str = ""  # what the user calls the tensor, or the result of the operation; empty if unknown
    shape: tuple[int, ...] | None = None  # of the tensor or the operation's result; None if unknown
    dtype: str = ""  # such as "float32"
    attrs: tuple[tuple[str, str], ...] = ()  # what else the operation keeps for its backward
    entry: str = field(default="", compare=False)  # its name in the table of derivatives
    scope: str = field(default="", compare=False)  # key of the module call that it belongs to
    source: str = field(default="", compare=False)  # the line of the forward call, "train.py:12: y = x * w"
    order: int = field(default=-1, compare=False)  # its place in the order of execution, forwards
    saved: tuple[Saved, ...] = field(default=(), compare=False)  # what it keeps; empty once it is freed
    freed: bool = field(default=False, compare=False)  # a backward has freed what it kept
    value: Stats | None = field(default=None, compare=False)
    grad: Stats | None = field(default=None, compare=False)
    view: bool = field(default=False, compare=False)  # its result shares its input's memory
    in_place: bool = field(default=False, compare=False)  # its result was written into an existing tensor
    count: int = field(default=1, compare=False)  # how many operations a module box stands for
    numbers: int = field(default=0, compare=False)  # how many numbers the parameters inside a module box have
    times: int = field(default=1, compare=False)  # how many equal nodes it stands for, in a picture that folds them

    @property
    def label(self) -> str:
        """The short text that says what it is: the operation without "Backward0", or the tensor's name."""
        if self.kind == "op":
            return _NAMES.get(self.entry) or re.sub(r"^Native|(ForCpu)?Backward\d*$", "", self.op) or self.op
        if self.kind == "module":
            return self.op
        return self.name or self.kind


@dataclass(frozen=True, slots=True)
class Edge:
    """An arrow in the direction of the forward pass: the result of `source` goes into `target` (both are node ids)."""

    source: int
    target: int
    index: int = 0  # which of the source's results, if it has several
    saved: bool = False  # from a saved tensor to the operation that keeps it
    position: int = field(default=0, compare=False)  # which of the target's inputs
    constant: bool = field(default=False, compare=False)  # no gradient goes back through it
    base: bool = False  # from the tensor whose memory it shares to a view


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a backward pass: a node receives its gradient and hands gradients on."""

    node: int
    incoming: Stats | None = None
    outgoing: tuple[Stats | None, ...] = ()  # for each input of the node, by its position


@dataclass(slots=True)
class Graph:
    """Nodes and edges, in the order in which they were read: outputs first."""

    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)
    scopes: dict[str, Scope] = field(default_factory=dict)  # every module call, each after the one around it
    steps: list[Step] = field(default_factory=list)  # of the backward pass that was recorded, if one was
    title: str = ""

    def count(self, kind: Kind) -> int:
        """The number of nodes of a kind."""
        return sum(node.kind == kind for node in self.nodes)

    @property
    def saved_bytes(self) -> int:
        """The size of all that operations keep for the backward pass (tensors kept by several count each time)."""
        return sum(kept.nbytes for node in self.nodes for kept in node.saved)

    def path(self, key: str) -> list[str]:
        """The keys of the module calls from the outermost one to `key`."""
        found: list[str] = []
        scope = self.scopes.get(key)
        while scope is not None:
            found.append(scope.key)
            scope = None if scope.parent is None else self.scopes.get(scope.parent)
        return found[::-1]

    def local_name(self, key: str) -> str:
        """A module's name inside the module around it: "self_attn", or "layers.0"."""
        scope = self.scopes[key]
        around = self.scopes[scope.parent].path if scope.parent is not None else ""
        name = scope.path.removeprefix(f"{around}.") if around else scope.path
        return name or scope.class_name

    def forward_order(self) -> list[int]:
        """The ids of the operations in the order in which they were computed."""
        return [node.id for node in sorted(self.nodes, key=lambda n: n.order) if node.kind == "op" and node.order >= 0]

    def backward_order(self) -> list[int]:
        """The ids of operations, leaves and inputs in the order in which the engine runs them backwards.

        Operations run youngest first, and inputs come last; a leaf takes its gradient as soon as the last operation
        that uses it has run.
        """
        waiting = dict.fromkeys((node.id for node in self.nodes if node.kind == "leaf"), 0)
        inputs: dict[int, list[int]] = {}
        for edge in sorted(self.edges, key=lambda e: (e.target, e.position)):
            if not edge.saved and not edge.constant:
                inputs.setdefault(edge.target, []).append(edge.source)
                if edge.source in waiting and self.nodes[edge.target].kind == "op":
                    waiting[edge.source] += 1
        followed = {source for sources in inputs.values() for source in sources}
        starts = [n for n in self.nodes if n.kind == "input" and n.id in followed]
        order: list[int] = []
        for number in reversed(self.forward_order()):
            order.append(number)
            for source in inputs.get(number, ()):
                if source in waiting:
                    waiting[source] -= 1
                    if not waiting[source]:
                        order.append(source)
        return order + [node.id for node in sorted(starts, key=lambda node: -node.order)]

    def without_scopes(self) -> Graph:
        """The same graph with no modules."""
        return replace(self, nodes=[replace(node, scope="") for node in self.nodes], scopes={})

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None, **_: Any) -> dict[str, str]:
        """In a notebook: the picture; a line of text where it cannot be drawn."""
        from microtorch.viz.notebook import bundle  # what draws is loaded when something is drawn

        return bundle(self, repr(self))

    def __repr__(self) -> str:
        title = f" of {self.title}" if self.title else ""
        return f"<Graph{title}: {self.count('op')} operations, {self.count('leaf')} leaves, {len(self.edges)} edges>"


def is_tensor(thing: Any) -> bool:
    """True for a tensor, of PyTorch too."""
    return hasattr(type(thing), "grad_fn") and hasattr(type(thing), "requires_grad")
