"""How calls become events.

While a profiler records, the functions that names.py lists, the steps of the backward pass, optimizers' steps and data
loaders are watched (see _instrument.py); otherwise nothing of this is in anybody's way.
"""

from __future__ import annotations

import itertools
import os
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from time import perf_counter_ns
from typing import Any

import numpy as np

import microtorch
from microtorch._instrument import Instrument
from microtorch.autograd import engine
from microtorch.autograd.node import Node, OpNode, Output
from microtorch.autograd.state import TensorBase
from microtorch.autograd.table import arrays
from microtorch.optim.optimizer import Optimizer
from microtorch.profiler import names
from microtorch.profiler.events import FunctionEvent

FORWARD, BACKWARD, USER = 0, 1, 7  # PyTorch's numbers for the kinds of events
_EVALUATE = "autograd::engine::evaluate_function: "
_ACCUMULATE = "torch::autograd::AccumulateGrad"

_next_id = itertools.count(1).__next__
_next_thread = itertools.count(1).__next__
_PACKAGE = os.path.dirname(os.path.abspath(microtorch.__file__)) + os.sep
_SHOWN = os.path.join(_PACKAGE, "nn", "modules") + os.sep  # of our own lines, those that a stack shows


class _Here(threading.local):
    """This thread's events that have begun and not ended; one is the step backwards, which the next one ends."""

    def __init__(self) -> None:
        self.thread = _next_thread()
        self.open: list[FunctionEvent] = []
        self.step: FunctionEvent | None = None


_here = _Here()
recorders: list[Recorder] = []
"""The recorders that run."""


class Recorder:
    """Collects events between `start()` and `stop()`.

    shapes: those of the arguments; memory: what tensors take and give back; stack: the Python lines that called.
    limit: so many events are kept at most.
    """

    def __init__(
        self, shapes: bool = False, memory: bool = False, stack: bool = False, flops: bool = False,
        limit: int | None = None,
    ) -> None:  # fmt: skip
        self.limit = sys.maxsize if limit is None else limit
        self.shapes, self.memory, self.stack, self.flops = shapes, memory, stack, flops
        self.events: list[FunctionEvent] = []
        self.origin = 0

    def start(self) -> None:
        """Collect from now on."""
        if not recorders:
            _watching.start()
        self.events, self.origin = [], perf_counter_ns()
        recorders.append(self)

    def stop(self) -> None:
        """Collect no more."""
        if self in recorders:
            recorders.remove(self)
            if not recorders:
                _watching.stop()

    def finished(self) -> list[FunctionEvent]:
        """The events in the order of their beginnings; a step backwards has the stack of what it is the backward of."""
        events = sorted(self.events, key=lambda event: (event.start_ns, -event.end_ns))
        stacks: dict[int, list[str]] = {}
        for event in events:
            event.origin = self.origin
            if event.fwd_thread is None and event.stack and event.sequence_nr >= 0:
                stacks.setdefault(event.sequence_nr, event.stack)
        for event in events:
            above: FunctionEvent | None = event
            while above is not None and above.fwd_thread is None:
                above = above.cpu_parent
            if above is not None and self.stack:
                event.stack = stacks.get(above.sequence_nr, [])
        return events


def begin(name: str, scope: int = FORWARD) -> FunctionEvent:
    """An event begins on this thread."""
    above = _here.open
    event = FunctionEvent(_next_id(), name, _here.thread, 0, scope)
    if above:
        event.cpu_parent = above[-1]
        above[-1].cpu_children.append(event)
    if any(r.stack for r in recorders):
        event.stack = calling_lines()
    above.append(event)
    event.start_ns = perf_counter_ns()
    return event


def end(event: FunctionEvent) -> None:
    """An event has ended; so have those inside it that an exception has left open."""
    event.end_ns = perf_counter_ns()
    above = _here.open
    if event in above:
        del above[above.index(event) :]
    for recorder in recorders:
        if len(recorder.events) < recorder.limit:
            recorder.events.append(event)
        elif event.cpu_parent is not None:
            event.cpu_parent.cpu_children.pop()


def calling_lines() -> list[str]:
    """Where we were called from, innermost first: `file(line): function`; of this package only modules' lines."""
    lines = []
    frame: Any = sys._getframe(1)
    while frame is not None:
        path = frame.f_code.co_filename
        if not path.startswith(_PACKAGE) or path.startswith(_SHOWN):
            lines.append(f"{path}({frame.f_lineno}): {frame.f_code.co_name}")
        frame = frame.f_back
    return lines


# memory ---------------------------------------------------------------------------------------------------------------


class Memory:
    """The arrays that events have made, and which of them live."""

    def __init__(self) -> None:
        self.live: dict[int, weakref.ref[Any]] = {}

    def made(self, event: FunctionEvent, values: Any, given: Any) -> None:
        """Count the memory of an event's results that is not its arguments'."""
        old: set[int] | None = None
        for a in _arrays(values):
            owner = _owner(a)
            key = id(owner)
            if key in self.live:
                continue
            if old is None:
                old = {id(_owner(b)) for b in _arrays(given)}
            if key not in old and owner.nbytes:
                event.self_cpu_memory_usage += owner.nbytes
                self.live[key] = weakref.ref(owner, self._freed(key, owner.nbytes))

    def _freed(self, key: int, size: int) -> Callable[[Any], None]:
        def freed(reference: Any) -> None:
            self.live.pop(key, None)
            if not recorders:
                return
            if _here.open:
                _here.open[-1].self_cpu_memory_usage -= size
            else:  # outside of all events: one of its own
                event = FunctionEvent(_next_id(), "[memory]", _here.thread, perf_counter_ns())
                event.self_cpu_memory_usage = -size
                for recorder in recorders:
                    recorder.events.append(event)

        return freed


_memory = Memory()


def _owner(a: Any) -> Any:
    """The array whose memory `a` views."""
    while type(a.base) is np.ndarray:
        a = a.base
    return a


def _arrays(value: Any) -> Iterator[Any]:
    """The arrays in a result or in arguments; of a new node, also what it has saved."""
    if isinstance(value, TensorBase):
        value = value._data
    if type(value) is np.ndarray:
        yield value
    elif isinstance(value, (tuple, list)):
        for v in value:
            yield from _arrays(v)


def _saved(value: Any) -> Any:
    node = value._node if isinstance(value, TensorBase) else None
    return node.saved if isinstance(node, OpNode) else None


# what is watched ------------------------------------------------------------------------------------------------------


def _array(value: Any) -> Any:
    """The array of a tensor, or the array itself; None for anything else."""
    value = value._data if isinstance(value, TensorBase) else value
    return value if isinstance(value, np.ndarray) else None


def _shapes(args: Sequence[Any]) -> list[list[int]]:
    found = [_array(a) for a in args]
    return [[] if a is None else list(a.shape) for a in found]


def _flops(name: str, args: Sequence[Any], out: Any) -> int:
    """Multiplications and additions, for the operations of which PyTorch counts them.

    A product of matrices has a multiplication and an addition for each of the inner dimension, as has a convolution for
    each of a kernel's weights.
    """
    result = _array(out)
    if result is None or not args:
        return 0
    size, first = int(result.size), getattr(args[0], "shape", ())
    if name in ("aten::mm", "aten::bmm", "aten::addmm", "aten::baddbmm"):
        if name == "aten::baddbmm":
            first = getattr(args[1], "shape", ())
        return 2 * size * first[-1] if first else 0
    if name in ("aten::conv1d", "aten::conv2d", "aten::conv3d"):
        weight = args[1].shape
        return 2 * size * int(np.prod(weight[1:]))
    return size if name in ("aten::add", "aten::mul") else 0


def _watch_operation(name: str, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    above = _here.open
    if not recorders or (above and above[-1].name == name and above[-1].scope == FORWARD):
        return function(*args, **kwargs)  # nobody asks, or it is the same operation by its inner name
    if name == "aten::contiguous" and args[0]._data.flags.c_contiguous:  # nothing to do: no operation
        return function(*args, **kwargs)
    event = begin(name)
    try:
        result = function(*args, **kwargs)
    finally:
        end(event)
    for recorder in recorders:
        if recorder.shapes and not event.input_shapes:
            event.input_shapes = _shapes(args)
        if recorder.flops and not event.flops:
            event.flops = _flops(name, args, result)
        if recorder.memory:
            _memory.made(event, (result, _saved(result)), args)
    made = result[0] if type(result) is tuple and result else result
    node = getattr(made, "_node", None)
    if type(node) is Output:
        node = node.parent
    if node is not None and node.edges and not any(c.sequence_nr == node.seq for c in event.cpu_children):
        if not any(getattr(a, "_node", None) is node for a in args):
            event.sequence_nr = node.seq
    return result


def _watch_kernel(name: str, kernel: Callable[..., Any]) -> Callable[..., Any]:
    def watched(*args: Any) -> Any:
        return _watch_operation(name, kernel, args, {})

    return watched


def _finish_step() -> None:
    step, _here.step = _here.step, None
    if step is not None:
        end(step)


def _begin_step(name: str, node: Node) -> FunctionEvent:
    """A step backwards begins, and with it ends the one before: the engine has handed its results on."""
    _finish_step()
    _here.step = begin(_EVALUATE + name)
    _here.step.fwd_thread = _here.thread
    inner = begin(name, BACKWARD)
    if node.edges:
        _here.step.sequence_nr = inner.sequence_nr = node.seq
    return inner


def _watch_step(kind: str, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """A node's vjp, or a leaf that collects its gradient."""
    node, g = (args[0], args[2]) if kind == "vjp" else (args[0], args[1])
    event = _begin_step(node.name() if kind == "vjp" else _ACCUMULATE, node)
    try:
        result = function(*args, **kwargs)
    finally:
        end(event)
    for recorder in recorders:
        if recorder.shapes and not event.input_shapes:
            event.input_shapes = _shapes(g if isinstance(g, list) else [g])
        if recorder.memory:
            if kind == "leaf":
                tensor = node._tensor()
                result_ = None if tensor is None else tensor._grad
                _memory.made(event, result_, g)
            else:
                _memory.made(event, list(result), g)
    return result


def _watch_run(kind: str, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """A whole backward pass; one may run inside a step of another (checkpoints)."""
    outer, _here.step = _here.step, None
    try:
        return function(*args, **kwargs)
    finally:
        _finish_step()
        _here.step = outer


def _watch_method(name: str, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """A block of the name that it has for the object's class."""
    name = name.format(type(args[0]).__name__)
    if _here.open and _here.open[-1].name == name:
        return function(*args, **kwargs)
    event = begin(name, USER)
    try:
        return function(*args, **kwargs)
    finally:
        end(event)


def _watch_seed(name: str, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    if args[2] is not None:  # a gradient was given
        return function(*args, **kwargs)
    return _watch_operation(name, function, args, kwargs)


def _subclasses(kind: type[Any]) -> Iterator[type[Any]]:
    yield kind
    below: list[type[Any]] = kind.__subclasses__()
    for sub in below:
        yield from _subclasses(sub)


def _blocks() -> dict[Any, str]:
    """Methods that have a block of their own: optimizers' steps, and data loaders' fetching."""
    found: dict[Any, str] = {}
    loading: Any = sys.modules.get("microtorch.utils.data.dataloader")
    for kind in _subclasses(Optimizer):
        for method in ("step", "zero_grad"):
            function = vars(kind).get(method)
            if hasattr(function, "__code__"):
                found[function] = f"Optimizer.{method}#{{}}.{method}"
    for kind in () if loading is None else _subclasses(loading._BaseDataLoaderIter):
        function = vars(kind).get("__next__")
        if hasattr(function, "__code__"):
            found[function] = "enumerate(DataLoader)#{}.__next__"
    return found


class _Watching:
    """All that is watched while any recorder runs."""

    def __init__(self) -> None:
        self._instruments: list[Instrument] = []
        self._kernels: dict[str, Any] = {}

    def start(self) -> None:
        steps: dict[Any, str] = {vars(k)["vjp"]: "vjp" for k in _subclasses(Node) if "vjp" in vars(k) and k is not Node}
        self._instruments = [
            Instrument(names.operations(), _watch_operation),
            Instrument({**steps, engine.accumulate_grad: "leaf"}, _watch_step),
            Instrument({engine.run: "run"}, _watch_run),
            Instrument({engine._seed: "aten::ones_like"}, _watch_seed),
            Instrument(_blocks(), _watch_method),
        ]
        for instrument in self._instruments:
            instrument.start()
        engine.watchers.append(self)
        labels = names.kernels()
        self._kernels = {name: kernel for name, kernel in vars(arrays).items() if name in labels}
        for name, kernel in self._kernels.items():
            setattr(arrays, name, _watch_kernel(labels[name], kernel))

    def stop(self) -> None:
        for instrument in self._instruments:
            instrument.stop()
        engine.watchers.remove(self)
        for name, kernel in self._kernels.items():
            setattr(arrays, name, kernel)
        self._instruments, self._kernels = [], {}


_watching = _Watching()
