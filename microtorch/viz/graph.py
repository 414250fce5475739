"""A computation graph as plain data: `graph(tensor)` reads it once, and every picture is drawn from what it returns.

Tensors and nodes are read only through what PyTorch's have as well (`grad_fn`, `next_functions`, `name()`, `variable`,
`shape`, `dtype`), so the graphs of PyTorch itself can be read too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

FREED = "[freed]"  # stands for what an operation kept until a backward freed it

Kind = Literal["op", "leaf", "output", "saved"]


@dataclass(slots=True)
class Node:
    """One box: an operation, or a tensor (a leaf, an output, or one that an operation has saved for its backward)."""

    id: int  # its place in Graph.nodes
    kind: Kind
    op: str = ""  # as the engine names it, such as "MulBackward0"; empty for a tensor
    name: str = ""  # what the user calls the tensor, or the result of the operation; empty if unknown
    shape: tuple[int, ...] | None = None  # of the tensor or the operation's result; None if unknown
    dtype: str = ""  # such as "float32"
    attrs: tuple[tuple[str, str], ...] = ()  # what else the operation keeps for its backward

    @property
    def label(self) -> str:
        """The short text that says what it is: the operation without "Backward0", or the tensor's name."""
        if self.kind == "op":
            return re.sub(r"Backward\d*$", "", self.op) or self.op
        return self.name or self.kind


@dataclass(frozen=True, slots=True)
class Edge:
    """An arrow in the direction of the forward pass: the result of `source` goes into `target` (both are node ids)."""

    source: int
    target: int
    index: int = 0  # which of the source's results, if it has several
    saved: bool = False  # from a saved tensor to the operation that keeps it


@dataclass(slots=True)
class Graph:
    """Nodes and edges, in the order in which they were read: outputs first."""

    nodes: list[Node] = field(default_factory=list)
    edges: list[Edge] = field(default_factory=list)

    def count(self, kind: Kind) -> int:
        """The number of nodes of a kind."""
        return sum(node.kind == kind for node in self.nodes)


def graph(
    outputs: Any, params: Any = None, *, show_attrs: bool = False, show_saved: bool = False, max_attr_chars: int = 50
) -> Graph:
    """Read the graph behind `outputs`: a tensor, several in a list or tuple, or a dictionary of names to tensors.

    `params` names the tensors of the graph: a dictionary of names to tensors, or a module (its named_parameters()).
    `show_attrs` also reads what operations keep besides tensors, `show_saved` the tensors that they keep.
    Raises TypeError for what is no tensor, ValueError if no output has a graph.

    >>> import microtorch as torch
    >>> w = torch.ones(3, requires_grad=True)
    >>> g = graph((w * 2).sum(), params={"w": w})
    >>> [node.label for node in g.nodes]
    ['output', 'Sum', 'Mul', 'w']
    >>> [(edge.source, edge.target) for edge in g.edges]
    [(1, 0), (2, 1), (3, 2)]
    """
    named = list(_named_outputs(outputs))
    if not any(tensor.requires_grad for _, tensor in named):
        raise ValueError(
            "there is no graph to draw: the output does not require grad (it was computed under no_grad(), detached, "
            "or from tensors that do not require grad)"
        )
    return _Reader(_named_params(params), show_attrs, show_saved, max_attr_chars).read(named)


class _Reader:
    """Walks from the outputs to the leaves with a stack of its own, as graphs are deeper than Python's."""

    def __init__(self, names: list[tuple[str, Any]], show_attrs: bool, show_saved: bool, max_attr_chars: int) -> None:
        self.graph = Graph()
        self.ids: dict[int, int] = {}  # id() of an engine's node, or of a leaf tensor, to ours
        self.keep: list[Any] = [names]  # an id() means nothing once its object is gone
        self.todo: list[tuple[Any, int]] = []
        self.names: dict[int, str] = {}
        self.show_attrs, self.show_saved, self.max_attr_chars = show_attrs, show_saved, max_attr_chars
        for name, tensor in names:
            self.names.setdefault(id(tensor), name)
            maker = tensor.grad_fn
            if maker is not None:
                self.keep.append(maker)
                self.names.setdefault(id(maker), name)

    def read(self, outputs: list[tuple[str, Any]]) -> Graph:
        for name, tensor in outputs:
            self.output(name, tensor)
        while self.todo:
            node, number = self.todo.pop()
            waiting = len(self.todo)
            for source, index in node.next_functions:
                if source is not None:
                    self.graph.edges.append(Edge(self.number(source), number, index))
            self.todo[waiting:] = reversed(self.todo[waiting:])  # so that the first input is followed first
            if self.show_attrs or self.show_saved:
                self.saved(node, number)
        return self.graph

    def output(self, name: str, tensor: Any) -> None:
        if id(tensor) in self.ids:
            return
        name = name or self.names.get(id(tensor), "")
        number = self.add(Node(0, "output", name=name, **_type(tensor)))
        if tensor.grad_fn is None:
            self.remember(tensor, number)  # a leaf: other outputs may be made of it
        else:
            self.names.pop(id(tensor.grad_fn), None)  # not the same name twice, one below the other
            self.graph.edges.append(Edge(self.number(tensor.grad_fn), number, getattr(tensor, "output_nr", 0)))

    def number(self, node: Any) -> int:
        """Our number of an engine's node; one that is new is added and will be visited."""
        number = self.ids.get(id(node))
        if number is None:
            if node.name().endswith("AccumulateGrad"):
                return self.leaf(node)
            number = self.add(Node(0, "op", op=node.name(), name=self.names.get(id(node), ""), **_type(node)))
            self.remember(node, number)
            self.todo.append((node, number))
        return number

    def leaf(self, node: Any) -> int:
        tensor = node.variable
        number = None if tensor is None else self.ids.get(id(tensor))
        if number is None:
            kind = _type(node if tensor is None else tensor)
            number = self.add(Node(0, "leaf", name=self.names.get(id(tensor), ""), **kind))
            if tensor is not None:
                self.remember(tensor, number)
        self.remember(node, number)
        return number

    def saved(self, node: Any, number: int) -> None:
        attrs = []
        for name, value in _saved_values(node):
            tensors = {name: value} if _is_array(value) else {}
            if isinstance(value, (tuple, list)):
                tensors = {f"{name}[{i}]": item for i, item in enumerate(value) if _is_array(item)}
            if tensors:
                attrs.append((name, "[saved tensor]" if name in tensors else "[saved tensors]"))
                for each, tensor in tensors.items() if self.show_saved else ():
                    source = self.add(Node(0, "saved", name=each, **_type(tensor)))
                    self.graph.edges.append(Edge(source, number, saved=True))
            else:
                attrs.append((name, _short(str(value), self.max_attr_chars)))
        if self.show_attrs:
            self.graph.nodes[number].attrs = tuple(attrs)

    def add(self, node: Node) -> int:
        node.id = len(self.graph.nodes)
        self.graph.nodes.append(node)
        return node.id

    def remember(self, thing: Any, number: int) -> None:
        self.keep.append(thing)
        self.ids[id(thing)] = number


def _saved_values(node: Any) -> Iterator[tuple[str, Any]]:
    """What an engine's node keeps for its backward, by name."""
    names = getattr(getattr(node, "op", None), "saved_names", None)
    if names is not None:  # a table entry of microtorch
        yield from zip(names, node.saved) if node.saved is not None else ((name, FREED) for name in names)
        return
    for attr in dir(node):
        if attr.startswith("_saved_") or attr == "saved_tensors":  # PyTorch's, and autograd.Function's
            try:
                yield attr.removeprefix("_saved_"), getattr(node, attr)
            except RuntimeError:
                yield attr.removeprefix("_saved_"), FREED


def _type(thing: Any) -> dict[str, Any]:
    shape, dtype = getattr(thing, "shape", None), getattr(thing, "dtype", None)
    return {
        "shape": None if shape is None else tuple(int(n) for n in shape),
        "dtype": "" if dtype is None else _dtype_name(dtype),
    }


@cache  # NumPy takes a microsecond or two to spell one
def _dtype_name(dtype: Any) -> str:
    return str(dtype).removeprefix("torch.")


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: max(limit - 3, 0)] + "..."


def _is_array(thing: Any) -> bool:
    return hasattr(thing, "shape") and hasattr(thing, "dtype")


def _is_tensor(thing: Any) -> bool:
    return hasattr(type(thing), "grad_fn") and hasattr(type(thing), "requires_grad")


def _named_outputs(outputs: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(outputs, Mapping):
        named: Iterable[tuple[str, Any]] = [(str(name), tensor) for name, tensor in outputs.items()]
    elif isinstance(outputs, (list, tuple)):
        named = [("", tensor) for tensor in outputs]
    else:
        named = [("", outputs)]
    for name, tensor in named:
        if not _is_tensor(tensor):
            raise TypeError(f"expected a tensor, several, or a dict of names to tensors; got {type(tensor).__name__}")
        yield name, tensor


def _named_params(params: Any) -> list[tuple[str, Any]]:
    if params is None:
        return []
    if hasattr(params, "named_parameters"):
        params = params.named_parameters()
    named = list(params.items() if isinstance(params, Mapping) else params)
    for pair in named:
        if not (isinstance(pair, tuple) and len(pair) == 2 and _is_tensor(pair[1])):
            raise TypeError("params must be a dict of names to tensors, or a module")
    return [(str(name), tensor) for name, tensor in named]
