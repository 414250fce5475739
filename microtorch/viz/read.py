"""`graph`: reads the graph behind tensors, or behind what a module computes, into plain data.

Tensors and nodes are read through what PyTorch's have as well (`grad_fn`, `next_functions`, `name()`, `variable`,
`shape`, `dtype`), so the graphs of PyTorch itself can be read too; nodes of microtorch tell more.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np

from microtorch.autograd import engine
from microtorch.autograd.modes import enable_grad
from microtorch.autograd.node import OUT, Leaf, Node as EngineNode, OpNode, Output, Packed, Shown
from microtorch.autograd.state import TensorBase, wrap
from microtorch.functions.creation import ones_like
from microtorch.kernels.bfloat16 import BFloats
from microtorch.random import fork_rng
from microtorch.viz.graph import FREED, Edge, Graph, Kind, Node, Saved, Scope, Stats, Step, is_tensor
from microtorch.viz.record import Call, Input, Note, Pass, measured, recording, with_input_nodes

_MEASURED = 1 << 22  # elements: larger leaves are not measured


def graph(
    what: Any,
    *inputs: Any,
    params: Any = None,
    kwargs: Mapping[str, Any] | None = None,
    backward: bool = False,
    show_attrs: bool = False,
    show_saved: bool = False,
    max_attr_chars: int = 50,
    steps: bool = False,
    bases: bool = False,
) -> Graph:
    """Read the graph behind `what`: a tensor, several in a list or tuple or dictionary (of names), or a module.

    A module is called with `inputs` (and `kwargs`), and every operation knows in which module it ran; its random
    numbers and buffers are afterwards what they were. In a `viz.recording()` other graphs know that, too.

    params: names the tensors of the graph: a dictionary of names to tensors, or a module (its named_parameters()).
    backward: run a backward pass from the outputs (with ones) and note all gradients; no `.grad` is touched.
    show_attrs: also read what operations keep besides tensors; show_saved: also the tensors that they keep, as nodes.
    steps: read the steps that PyTorch's graph would have, where ours has one operation for several.
    bases: also read the tensors whose memory the outputs view.
    Raises TypeError for what is neither tensor nor module, ValueError if no output has a graph.

    >>> import microtorch as torch
    >>> w = torch.ones(3, requires_grad=True)
    >>> g = graph((w * 2).sum(), params={"w": w})
    >>> [node.label for node in g.nodes]
    ['output', 'Sum', 'Mul', 'w']
    >>> [(edge.source, edge.target) for edge in g.edges]
    [(1, 0), (2, 1), (3, 2)]
    >>> net = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU())
    >>> [(node.label, node.scope) for node in graph(net, torch.ones(2, 3)).nodes if node.kind == "op"]
    [('Relu', '1'), ('Linear', '0')]
    """
    given: list[Input] = []
    title = ""
    if callable(getattr(type(what), "named_parameters", None)):
        title = type(what).__name__
        if params is None:
            params = what
        outputs, given = _run(what, inputs, kwargs or {})
        named = list(_tensors_in("output", outputs))
        if not named:
            raise TypeError(
                f"{title} returned {type(outputs).__name__}, in which there is no tensor to draw a graph of"
            )
    elif inputs or kwargs:
        raise TypeError(f"inputs are for a module; what is drawn is a {type(what).__name__} (name tensors by params=)")
    else:
        named = list(_named_outputs(what))
    if not any(tensor.requires_grad for _, tensor in named):
        raise ValueError(
            "there is no graph to draw: the output does not require grad (it was computed under no_grad(), detached, "
            "or from tensors that do not require grad)"
        )
    if backward:
        _run_backward([tensor for _, tensor in named])
    reader = _Reader(_named_params(params), show_attrs, show_saved, max_attr_chars, steps)
    reader.given[:0] = given
    reader.bases = bases
    found = reader.read(named)
    found.title = title
    return found


def _run(module: Any, inputs: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, list[Input]]:
    """Call the module while recording, and put back what the call changes besides."""
    names = [f"input{i}" if len(inputs) > 1 else "input" for i in range(len(inputs))]
    try:
        known = inspect.signature(module.forward).parameters.values()
        for i, parameter in enumerate(list(known)[: len(names)]):
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
                names[i] = parameter.name
    except (TypeError, ValueError):  # no signature: built in, or a mock
        pass
    marked, nodes = with_input_nodes(dict(zip(names, inputs)) | {f"{k}=": v for k, v in kwargs.items()})
    for node in nodes:
        node.label = node.label.replace("=", "", 1)
    buffers = [(part, dict(part._buffers)) for part in module.modules()]
    data = [_memory(b._data) for _, own in buffers for b in own.values() if isinstance(b, TensorBase)]
    values = [(array, array.copy()) for array in data]
    record = recording()
    record.name(module, "")
    with record, fork_rng(), enable_grad():
        try:
            outputs = module(*[marked[n] for n in names], **{k: marked[f"{k}="] for k in kwargs})
        finally:
            for part, own in buffers:
                part._buffers.update(own)
            for array, before in values:
                if not np.array_equal(array, before, equal_nan=before.dtype.kind in "fc"):
                    np.copyto(array, before)
    return outputs, nodes


def _run_backward(tensors: Sequence[Any]) -> None:
    """A backward pass that keeps the graph and touches no `.grad`, recorded."""
    roots = [t for t in tensors if t.requires_grad]
    if not all(isinstance(t, TensorBase) for t in roots):
        raise TypeError("backward=True is for tensors of microtorch")
    _, leaves = engine.topological_order([t._node for t in roots if t._node is not None])
    order, _ = engine.topological_order([t._node for t in roots if t._node is not None])
    ends = [node for node in (*order, *leaves) if not node.edges]
    wanted = [wrap(np.zeros(()), end) for end in dict.fromkeys(ends)]  # only their nodes are looked at
    seeds = [ones_like(t.detach()) for t in roots]
    with recording():
        engine.grad(roots, wanted, seeds, retain_graph=True, allow_unused=True)


class _Reader:
    """Walks from the outputs to the leaves with a stack of its own, as graphs are deeper than Python's."""

    def __init__(
        self, names: list[tuple[str, Any]], show_attrs: bool, show_saved: bool, max_attr_chars: int, steps: bool
    ) -> None:
        self.graph = Graph()
        self.ids: dict[int, int] = {}  # id() of an engine's node, or of a leaf tensor, to ours
        self.keep: list[Any] = [names]  # an id() means nothing once its object is gone
        self.todo: list[tuple[Any, int]] = []
        self.names: dict[int, str] = {}
        self.given: list[Input] = []
        self.bases = False
        self.passes: list[tuple[Pass, int]] = []
        self.show_attrs, self.show_saved, self.max_attr_chars = show_attrs, show_saved, max_attr_chars
        self.steps = steps
        for name, tensor in names:
            self.names.setdefault(id(tensor), name)
            maker = tensor.grad_fn
            if maker is not None:
                self.keep.append(maker)
                self.names.setdefault(id(maker), name)
            elif isinstance(tensor, TensorBase) and not tensor._node and tensor._data.size > 1 and not steps:
                self.given.append(Input(tensor._data, name))

    def read(self, outputs: list[tuple[str, Any]]) -> Graph:
        for name, tensor in outputs:
            self.output(name, tensor)
        while self.todo:
            node, number = self.todo.pop()
            waiting = len(self.todo)
            for position, (source, index) in enumerate(self.inputs(node)):
                if source is not None:
                    place = self.number(source)
                    self.graph.edges.append(Edge(place, number, index, position=position))
                    if type(source).__base__ is Shown:
                        self.graph.nodes[place].scope = self.graph.nodes[number].scope
            self.todo[waiting:] = reversed(self.todo[waiting:])  # so that the first input is followed first
            if self.show_attrs or self.show_saved or (self.steps and hasattr(type(node), "saved_tensors")):
                self.saved(node, number)
        self.constants()
        self.sort_scopes()
        self.leaf_scopes()
        self.read_steps()
        return self.graph

    def inputs(self, node: Any) -> Iterable[tuple[Any, int]]:
        if self.steps or not isinstance(node, EngineNode):
            return node.next_functions  # type: ignore[no-any-return]
        return [(e.parent, e.index) if type(e) is Output else (e, 0) for e in node.edges]

    def output(self, name: str, tensor: Any) -> None:
        if id(tensor) in self.ids:
            return
        number = self.end(name, tensor, "output")
        while self.bases and tensor._is_view():
            base = tensor._base
            known = self.ids.get(id(base))
            number = self.base_edge(self.end("", base, "base") if known is None else known, number)
            tensor = base

    def base_edge(self, source: int, target: int) -> int:
        self.graph.edges.append(Edge(source, target, base=True))
        return source

    def end(self, name: str, tensor: Any, kind: Kind) -> int:
        """A tensor where the graph ends: an output, or what an output views."""
        name = name or self.names.get(id(tensor), "")
        number = self.add(Node(0, kind, name=name, **_type(tensor)))
        node = self.graph.nodes[number]
        node.value = _stats(tensor)
        if tensor.grad_fn is None:
            self.remember(tensor, number)  # a leaf: other outputs may be made of it
            node.grad = _stats(getattr(tensor, "grad", None))
        else:
            maker = tensor.grad_fn
            self.names.pop(id(maker), None)  # not the same name twice, one below the other
            if isinstance(maker, Input):
                maker = tensor._node
            self.graph.edges.append(Edge(self.number(maker), number, getattr(tensor, "output_nr", 0)))
        return number

    def number(self, node: Any) -> int:
        """Our number of an engine's node; one that is new is added and will be visited."""
        number = self.ids.get(id(node))
        if number is None:
            if node.name().endswith("AccumulateGrad"):
                return self.leaf(node)
            kind: Any = "input" if isinstance(node, Input) else "op"
            op, name = node.name().removeprefix("torch::autograd::"), self.names.get(id(node), "")
            if isinstance(node, Input):
                op, name = "", node.label
            number = self.add(Node(0, kind, op=op, name=name, **_type(node)))
            self.remember(node, number)
            if isinstance(node, EngineNode):
                self.details(node, self.graph.nodes[number])
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
                found = self.graph.nodes[number]
                found.value, found.grad = _stats(tensor), _stats(tensor.grad)
        self.remember(node, number)
        if isinstance(node, EngineNode):
            self.backward_of(node, number)
        return number

    def details(self, node: EngineNode, found: Node) -> None:
        """What nodes of microtorch tell besides."""
        found.order = node.seq
        note: Note | None = node.noted("recorded")
        if note is not None:
            found.source, found.value = note.source, note.value
            if note.scope is not None:
                found.scope = self.scope(note.scope)
        if isinstance(node, Input):
            found.value = measured(node.data) if node.data.size <= _MEASURED else None
        if node.hooks is not None and node.hooks.retain is not None:
            kept = node.hooks.retain()
            if kept is not None:
                found.value, found.grad = _stats(kept), _stats(kept._grad)
        found.in_place = bool(node.noted("in_place")) or found.op == "CopySlices"
        if isinstance(node, OpNode):
            found.entry, found.freed = node.op.name, node.saved is None
            parent = node.edges[0] if node.edges else None
            shares = parent is not None and node.storage is not None and node.storage is parent.storage
            found.view = node.op.views and shares and not found.in_place
            if node.saved is not None:
                found.saved = tuple(_kept(zip(node.op.saved_names, node.saved)))
                self.known_values(node, found)
        else:
            own: Any = getattr(node, "_saved", ())
            found.freed = own is None
            items = (item[0] if isinstance(item, tuple) else item for item in own or ())
            found.saved = tuple(_kept((f"saved_tensors[{i}]", item) for i, item in enumerate(items)))
        self.backward_of(node, found.id)

    def known_values(self, node: OpNode, found: Node) -> None:
        """Values of single numbers that operations happen to keep."""
        for name, kind, value in zip(node.op.saved_names, node.op.saved_kinds, node.saved or ()):
            if kind == OUT and isinstance(value, np.ndarray) and value.size == 1 and found.value is None:
                found.value = measured(value)
            elif isinstance(value, TensorBase) and value._data.size == 1 and name in node.op.inputs:
                maker = value._node
                if maker is not None and type(maker) is not Leaf and maker is node.edges[node.op.inputs.index(name)]:
                    input_node = self.graph.nodes[self.number(maker)]
                    if input_node.value is None:
                        input_node.value = measured(value._data)

    def scope(self, call: Call) -> str:
        """The key of a module call, which is now among the graph's scopes, with those around it."""
        scopes: dict[str, Scope] = self.graph.scopes
        missing = []
        step: Call | None = call
        while step is not None and step.scope.key not in scopes:
            missing.append(step.scope)
            step = step.parent
        for scope in reversed(missing):
            scopes[scope.key] = scope
        return call.scope.key

    def backward_of(self, node: EngineNode, number: int) -> None:
        passed: Pass | None = node.noted("pass")
        if passed is not None:
            self.passes.append((passed, number))

    def read_steps(self) -> None:
        """The steps of the newest backward pass that went through this graph (leaves may have been in others since)."""
        through = [p.number for p, n in self.passes if self.graph.nodes[n].kind == "op"]
        latest = max(through or [p.number for p, _ in self.passes], default=0)
        own = sorted(((p, n) for p, n in self.passes if p.number == latest), key=lambda pair: pair[0].step)
        for passed, number in own:
            self.graph.steps.append(Step(number, passed.incoming, passed.outgoing))
            node = self.graph.nodes[number]
            if node.grad is None or node.kind != "leaf":
                node.grad = passed.incoming

    def constants(self) -> None:
        """Tensors without a gradient that have a name (data, indices): joined to the operations that keep them.

        They are known by their memory, since an operation may keep a view of one.
        """
        waiting = [node for node in self.given if id(node) not in self.ids]
        if not waiting:
            return
        waiting = [node for node in waiting if type(_memory(node.data)) is np.ndarray]
        starts = {_address(_memory(node.data)): node for node in reversed(waiting)}
        owners: dict[int, list[Input]] = {}
        for node in waiting:
            owners.setdefault(id(_owner(_memory(node.data))), []).append(node)
        for thing in list(self.keep):
            if not isinstance(thing, OpNode) or thing.saved is None:
                continue
            for value in thing.saved:
                data = _memory(getattr(value, "_data", value))
                if type(data) is not np.ndarray or getattr(value, "_node", None) is not None:
                    continue
                same = owners.get(id(_owner(data)), [])
                found = starts.get(_address(data)) or (same[0] if len(same) == 1 else None)
                if found is not None:
                    target = self.ids[id(thing)]
                    edge = Edge(self.number(found), target, constant=True, position=len(thing.edges))
                    if edge not in self.graph.edges[-4:]:
                        self.graph.edges.append(edge)

    def sort_scopes(self) -> None:
        """Put the module calls in the order in which they were made, each after the one around it."""
        first: dict[str, int] = {}
        for node in self.graph.nodes:
            if node.order >= 0:
                for key in self.graph.path(node.scope) if node.scope in self.graph.scopes else ():
                    first[key] = min(first.get(key, node.order), node.order)
        order = sorted(self.graph.scopes, key=lambda key: (first.get(key, 0), len(self.graph.path(key))))
        self.graph.scopes = {key: self.graph.scopes[key] for key in order}

    def leaf_scopes(self) -> None:
        """A leaf belongs to the innermost module call around all operations that use it."""
        if not self.graph.scopes:
            return
        paths: dict[int, list[str]] = {}
        for edge in self.graph.edges:
            if self.graph.nodes[edge.source].kind in ("leaf", "saved"):
                path = self.graph.path(self.graph.nodes[edge.target].scope)
                before = paths.get(edge.source)
                if before is not None:
                    same = 0
                    while same < min(len(path), len(before)) and path[same] == before[same]:
                        same += 1
                    path = path[:same]
                paths[edge.source] = path
        for number, path in paths.items():
            self.graph.nodes[number].scope = path[-1] if path else ""

    def saved(self, node: Any, number: int) -> None:
        attrs = []
        own_function = hasattr(type(node), "saved_tensors")
        for name, value in _saved_values(node):
            name = _PYTORCHS.get(name, name) if self.steps else name
            tensors = {name: value} if _is_array(value) else {}
            if isinstance(value, (tuple, list)):
                tensors = {f"{name}[{i}]": item for i, item in enumerate(value) if _is_array(item)}
            if tensors:
                attrs.append((name, "[saved tensor]" if name in tensors else "[saved tensors]"))
                for each, tensor in tensors.items() if self.show_saved or own_function else ():
                    name = "" if self.steps and own_function else each
                    source = self.add(Node(0, "saved", name=name, **_type(tensor)))
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


_PYTORCHS = {"x": "self", "y": "other", "out": "result", "x_shape": "self_sym_sizes"}  # what PyTorch calls them


def _kept(items: Iterable[tuple[str, Any]]) -> Iterator[Saved]:
    """The tensors among what an operation keeps."""
    for name, value in items:
        if isinstance(value, Packed):
            value = value.value
        data = getattr(value, "_data", value)
        if _is_array(data):
            shape = tuple(int(n) for n in data.shape)
            yield Saved(name, shape, _dtype_name(data.dtype), int(getattr(data, "nbytes", 0)))


def _memory(data: Any) -> Any:
    return data.bits if isinstance(data, BFloats) else data


def _address(array: Any) -> tuple[int, int]:
    return array.__array_interface__["data"][0], array.size


def _owner(array: Any) -> Any:
    while isinstance(getattr(array, "base", None), np.ndarray):
        array = array.base
    return array


def _stats(tensor: Any) -> Stats | None:
    """The numbers of a tensor, of PyTorch's too; None for None, for what is too large, and for what has no array."""
    data = getattr(tensor, "_data", None)
    if data is None and hasattr(tensor, "detach") and not isinstance(tensor, TensorBase):
        try:
            data = tensor.detach().numpy()
        except (TypeError, RuntimeError):  # a dtype or device that NumPy has not
            return None
    return None if data is None or data.size > _MEASURED else measured(data)


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
    return getattr(dtype, "name", None) or str(dtype).removeprefix("torch.")


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: max(limit - 3, 0)] + "..."


def _is_array(thing: Any) -> bool:
    return hasattr(thing, "shape") and hasattr(thing, "dtype")


def _tensors_in(name: str, thing: Any) -> Iterator[tuple[str, Any]]:
    """The tensors in what a module returns, however nested, by names that say where they are."""
    if is_tensor(thing):
        yield name, thing
    elif isinstance(thing, Mapping):
        for key, item in thing.items():
            yield from _tensors_in(str(key) if name == "output" else f"{name}.{key}", item)
    elif isinstance(thing, tuple) and hasattr(thing, "_fields"):
        for key, item in zip(thing._fields, thing):
            yield from _tensors_in(key if name == "output" else f"{name}.{key}", item)
    elif isinstance(thing, (list, tuple)):
        for i, item in enumerate(thing):
            yield from _tensors_in(f"{name}[{i}]", item)
    elif dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        for key in dataclasses.fields(thing):
            yield from _tensors_in(key.name, getattr(thing, key.name))


def _named_outputs(outputs: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(outputs, Mapping):
        named: Iterable[tuple[str, Any]] = [(str(name), tensor) for name, tensor in outputs.items()]
    elif isinstance(outputs, (list, tuple)):
        named = [("", tensor) for tensor in outputs]
    else:
        named = [("", outputs)]
    for name, tensor in named:
        if not is_tensor(tensor):
            raise TypeError(
                f"expected a tensor, several, a dict of names to tensors, or a module; got {type(tensor).__name__}"
            )
        yield name, tensor


def _named_params(params: Any) -> list[tuple[str, Any]]:
    if params is None:
        return []
    if hasattr(params, "named_parameters"):
        params = params.named_parameters()
    named = list(params.items() if isinstance(params, Mapping) else params)
    for pair in named:
        if not (isinstance(pair, tuple) and len(pair) == 2 and is_tensor(pair[1])):
            raise TypeError("params must be a dict of names to tensors, or a module")
    return [(str(name), tensor) for name, tensor in named]
