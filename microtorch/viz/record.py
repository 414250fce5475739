"""What a graph alone does not tell: in which module an operation ran, on which line, its value, its gradient.

Nothing is noted unless a `recording()` is open; then each new node carries a note, and the graph is read as always.
"""

from __future__ import annotations

import itertools
import linecache
import os
import sys
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any

import numpy as np

from microtorch.autograd import engine
from microtorch.autograd.modes import mode
from microtorch.autograd.node import Hooks, Node, RemovableHandle, next_number, watched
from microtorch.autograd.state import TensorBase, wrap
from microtorch.kernels.bfloat16 import BFloats
from microtorch.nn.modules._hooks import register_module_forward_hook, register_module_forward_pre_hook
from microtorch.viz.graph import Scope, Stats
from microtorch.viz.names import name_of_module

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_passes = itertools.count(1).__next__
_DETAIL = 200  # characters


@dataclass(slots=True)
class Note:
    """What a recording notes on a node: it is kept with the node, and goes with it."""

    scope: Call | None
    source: str
    value: Stats | None


@dataclass(frozen=True, slots=True)
class Pass:
    """What a recorded backward pass did at a node: the number of the pass, of the step in it, and the gradients."""

    number: int
    step: int
    incoming: Stats | None
    outgoing: tuple[Stats | None, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """A module call that runs or ran; `scope` is it as plain data."""

    scope: Scope
    parent: Call | None


class recording:
    """Inside the block, graphs are recorded with module names, source lines, values and gradients.

    modules: names for the modules that are called directly (`recording(G=generator, D=discriminator)`), which
    otherwise go by the variable that holds them, or their class. Backward passes inside the block are recorded, too.
    Outside of such blocks nothing is noted and nothing costs.

    >>> import microtorch as torch
    >>> from microtorch import viz
    >>> net = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Tanh())
    >>> with viz.recording(net=net):
    ...     loss = net(torch.ones(1, 3)).sum()
    ...     loss.backward()
    >>> g = viz.graph(loss, params=net)
    >>> [(node.label, node.scope) for node in g.nodes if node.kind == "op"]
    [('Sum', ''), ('Tanh', 'net.1'), ('Linear', 'net.0')]
    >>> len(g.steps)
    5
    """

    def __init__(self, /, **modules: Any) -> None:
        self.calls: list[Call] = []  # those that run now, the innermost last
        self.names: dict[int, tuple[weakref.ref[Any], str]] = {}
        for name, module in modules.items():
            self.name(module, name)
        self.counts: dict[str, int] = {}
        self.watching: list[RemovableHandle] = []  # the hooks on the nodes of a backward pass
        self.bare: list[Node] = []  # nodes that had no hooks before
        self.keys: set[str] = set()

    def name(self, module: Any, name: str) -> None:
        """Let a module and all inside it go by names that begin with `name` (may be empty)."""
        for path, part in module.named_modules():
            full = f"{name}.{path}" if name and path else name or path
            self.names[id(part)] = (weakref.ref(part), full)

    def __enter__(self) -> recording:
        self.before = mode.recorder
        mode.recorder = self.node_made
        watched.append(None)
        self.handles: list[Any] = [
            register_module_forward_pre_hook(self._enters),
            register_module_forward_hook(self._leaves, always_call=True),
        ]
        engine.before_backward.append(self._backward_begins)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        engine.before_backward.remove(self._backward_begins)
        for handle in self.handles:
            handle.remove()
        self._stop_watching()
        watched.pop()
        mode.recorder = self.before

    # forward ---------------------------------------------------------------------------------------------------------

    def node_made(self, node: Node, data: Any) -> None:
        """The engine has made a node, whose result is `data`."""
        call = self.calls[-1] if self.calls else None
        node.note()["recorded"] = Note(call, _line(sys._getframe(1)), measured(data))

    def _enters(self, module: Any, args: Any) -> None:
        if mode.recorder != self.node_made:  # another thread's call
            return
        parent = self.calls[-1] if self.calls else None
        known = self.names.get(id(module))
        if known is None or known[0]() is not module:
            self.name(module, name_of_module(module, sys._getframe(1)))
            known = self.names[id(module)]
        path = known[1]
        count = self.counts[path] = self.counts.get(path, 0) + 1
        key = path if count == 1 else f"{path}#{count}"
        while key in self.keys:  # a module may have such a name itself
            key += "'"
        self.keys.add(key)
        detail = str(module.extra_repr())[:_DETAIL] if hasattr(module, "extra_repr") else ""
        scope = Scope(key, path, type(module).__name__, None if parent is None else parent.scope.key, detail, count)
        self.calls.append(Call(scope, parent))

    def _leaves(self, module: Any, args: Any, result: Any) -> None:
        if mode.recorder == self.node_made and self.calls:
            self.calls.pop()

    # backward --------------------------------------------------------------------------------------------------------

    def _backward_begins(self, roots: Sequence[Any], wanted: Any = None) -> None:
        """Watch every node of the pass: hooks that return nothing change nothing."""
        if not _inside_a_pass(sys._getframe(1)):
            self._stop_watching()
        order, leaves = engine.topological_order([root._node for root in roots])
        number, step = _passes(), itertools.count().__next__
        for node in dict.fromkeys([*order, *leaves]):
            if node.hooks is None:
                self.bare.append(node)
            if not node.edges:  # a leaf, or a start: what arrives is all there is to see
                hook = _at_leaf(weakref.ref(node), number, step)
                self.watching.append(node._add(node._hooks().tensor, hook))
            else:
                self.watching.append(node.register_hook(_at_node(weakref.ref(node), number, step)))

    def _stop_watching(self) -> None:
        for handle in self.watching:
            handle.remove()
        for node in self.bare:
            if node.hooks is not None and _empty(node.hooks):
                node.hooks = None
        self.watching, self.bare = [], []


def _inside_a_pass(frame: FrameType | None) -> bool:
    """True if a backward pass runs already: a Function's backward, or a checkpoint, runs another one."""
    while frame is not None:
        if frame.f_code is engine.run.__code__:
            return True
        frame = frame.f_back
    return False


def _empty(hooks: Hooks) -> bool:
    return not (hooks.tensor or hooks.pre or hooks.post or hooks.after or hooks.retain)


def measured(data: Any) -> Stats | None:
    """The numbers of a tensor's array; None where it is not one array (inside vmap), or has no numbers."""
    if isinstance(data, BFloats):
        data = data.wide()
    return Stats.of(data) if type(data) is np.ndarray and data.dtype.kind in "fciub" else None


def _stats(t: Any) -> Stats | None:
    return None if t is None else measured(t._data)


def _at_node(ref: weakref.ref[Node], number: int, step: Callable[[], int]) -> Callable[..., None]:
    def hook(grad_inputs: tuple[Any, ...], grad_outputs: tuple[Any, ...]) -> None:
        node = ref()
        if node is not None:
            incoming = next((_stats(g) for g in grad_outputs if g is not None), None)
            node.note()["pass"] = Pass(number, step(), incoming, tuple(_stats(g) for g in grad_inputs))

    return hook


def _at_leaf(ref: weakref.ref[Node], number: int, step: Callable[[], int]) -> Callable[..., None]:
    def hook(gradient: Any) -> None:
        node = ref()
        if node is not None:
            node.note()["pass"] = Pass(number, step(), _stats(gradient), ())

    return hook


def _line(frame: FrameType | None) -> str:
    """The innermost line outside of this package: "train.py:12: y = x * w"."""
    while frame is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
    if frame is None:
        return ""
    name, line = frame.f_code.co_filename, frame.f_lineno
    text = linecache.getline(name, line).strip()
    return f"{os.path.basename(name)}:{line}" + (f": {text}" if text else "")


# running a module ----------------------------------------------------------------------------------------------------


class Input(Node):
    """The place in the graph of an input of the model that is drawn. Unlike a leaf it may be written in place."""

    __slots__ = ("label", "data")

    def __init__(self, data: Any, label: str) -> None:
        self.edges = ()
        self.seq = next_number()
        self.shape, self.dtype = data.shape, data.dtype
        self.hooks = self.storage = self.notes = None
        self.label, self.data = label, data

    def name(self) -> str:
        return "Input"

    def vjp(self, xp: Any, g: Any, edges: Sequence[Node | None], keep: bool) -> Sequence[Any]:
        return ()


def with_input_nodes(inputs: Mapping[str, Any]) -> tuple[dict[str, Any], list[Input]]:
    """The inputs of a model, with a node for each tensor that has none; and these nodes."""
    nodes: list[Input] = []

    def marked(name: str, thing: Any) -> Any:
        if isinstance(thing, TensorBase):
            if thing._node is not None:
                return thing
            node = Input(thing._data, name)
            nodes.append(node)
            if thing._data.dtype.kind not in "fc":
                return thing  # it has no gradient: where it goes is found in what operations keep
            t = wrap(thing._data, node)
            return t
        if isinstance(thing, (list, tuple)):
            items = [marked(f"{name}[{i}]", item) for i, item in enumerate(thing)]
            return type(thing)(*items) if hasattr(thing, "_fields") else type(thing)(items)
        if isinstance(thing, dict):
            return {key: marked(f"{name}[{key!r}]", item) for key, item in thing.items()}
        return thing

    return {name: marked(name, value) for name, value in inputs.items()}, nodes
