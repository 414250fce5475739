"""What a program computes, step by step: under PyTorch or microtorch, whichever is its `torch`.

A `Tracer` notes, while it is open, in order: the results of modules and of the functions that the program calls itself,
with the source line; at each backward pass the value that it starts from, the gradients of those results and of the
leaves; after each optimizer step the parameters. `python -m microtorch check` runs this file as a program of its own,
under each of the two, so it imports nothing of microtorch before it is told to.
"""

from __future__ import annotations

import importlib
import os
import pickle
import random
import sys
import weakref
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

import numpy as np

from microtorch.kernels.quiet import silence

KEPT = 4096
"""Of larger tensors as many elements are noted, evenly spread, and the sum of sizes and the largest of all."""


class Value:
    """What is noted of a tensor: its shape and dtype, and its elements (of a large one, some)."""

    def __init__(self, shape: tuple[int, ...], dtype: str, data: Any, step: int, total: float, largest: float) -> None:
        self.shape, self.dtype, self.data, self.step = shape, dtype, data, step
        self.total, self.largest = total, largest

    @staticmethod
    def of(t: Any) -> Value:
        """What is noted of `t`."""
        plain = t.detach()
        name = str(t.dtype).removeprefix("torch.")
        if plain.is_conj():
            plain = plain.resolve_conj()
        if name in ("bfloat16", "float8_e5m2", "float8_e4m3fn", "complex32"):
            plain = plain.to(sys.modules[type(t).__module__.split(".")[0]].float32)
        flat = np.array(plain.cpu().numpy()).reshape(-1)
        step = -(-flat.size // KEPT) if flat.size > KEPT else 1
        with silence():
            finite = flat[np.isfinite(flat)] if flat.dtype.kind in "fc" else flat
            sizes = np.abs(finite.astype("c16" if flat.dtype.kind == "c" else "f8"))
            total, largest = (float(sizes.sum()), float(sizes.max())) if sizes.size else (0.0, 0.0)
        return Value(tuple(t.shape), name, flat[::step].copy(), step, total, largest)

    def without(self, mask: Any) -> Value:
        """The same but for the elements in the mask, which are zero; the sum of sizes is not known."""
        data = np.where(mask, self.data.dtype.type(0), self.data)
        return Value(self.shape, self.dtype, data, self.step, 0.0, self.largest)


class Record:
    """One thing that was noted.

    kind: "call", "module", "backward", "gradients", "leaves", "step". name: the function's, the module's.
    where: (file, line) of the program. values: by name. inputs: of a call, the numbers of the calls (or names of the
    leaves) that made its arguments.
    """

    def __init__(self, kind: str, name: str, where: tuple[str, int], values: dict[Any, Any], inputs: Any = ()) -> None:
        self.scale = 0.0  # of a call, the largest sum of sizes of an argument's elements: rounding errors are of it
        self.kind, self.name, self.where, self.values, self.inputs = kind, name, where, values, list(inputs)
        self.number = -1  # of a call


class Tracer:
    """Notes what is computed with `torch` while it is open, in `records`; see the module.

    steps: after so many backward passes only losses, leaves' gradients and parameters are noted.
    write: called with each record, instead of keeping it.
    """

    def __init__(self, torch: Any, steps: int = 3, write: Callable[[Record], None] | None = None) -> None:
        self.torch, self.steps = torch, steps
        self.records: list[Record] = []
        self.write = write or self.records.append
        self.ours = torch.__name__ == "microtorch"
        self.package = os.path.dirname(os.path.abspath(torch.__file__)) + os.sep
        self.busy = False  # what we compute ourselves is not noted
        self.calls = self.passes = 0
        self.gradients: dict[tuple[int, str], list[Value]] | None = None  # in a backward pass: (call, place) -> values
        self.leaves: dict[str, weakref.ref[Any]] = {}
        self.names: dict[int, str] = {}  # id of a leaf -> name
        self.modules: dict[int, str] = {}
        self.depth = 0
        self.undo: list[Callable[[], Any]] = []

    # what is noted ---------------------------------------------------------------------------------------------------

    def note(self, kind: str, name: str, values: dict[Any, Any], where: tuple[str, int] | None = None) -> Record:
        """Note something."""
        record = Record(kind, name, where or self.line(), values)
        self.write(record)
        return record

    def line(self) -> tuple[str, int]:
        """The program's line that runs."""
        frame: Any = sys._getframe(1)
        while frame is not None and self._inside(frame):
            frame = frame.f_back
        return ("", 0) if frame is None else (frame.f_code.co_filename, frame.f_lineno)

    def _inside(self, frame: Any) -> bool:
        path = frame.f_code.co_filename
        return path.startswith((self.package, _OWN, "<frozen")) or path == __file__

    def values(self, result: Any) -> dict[str, Value]:
        """The tensors in a result, by their places."""
        return {place: Value.of(t) for place, t in self.tensors(result)}

    def tensors(self, value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
        """(place, tensor) of the tensors in nested containers; without those that are not in plain memory."""
        if isinstance(value, self.torch.Tensor):
            if value.layout is self.torch.strided and value.device.type == "cpu":
                if not getattr(self.torch.nn.parameter, "is_lazy", bool)(value):
                    yield place, value
        elif isinstance(value, (tuple, list)):
            for i, v in enumerate(value):
                yield from self.tensors(v, f"{place}[{i}]")
        elif isinstance(value, dict):
            for k, v in value.items():
                yield from self.tensors(v, f"{place}[{k!r}]")

    def called(self, name: str, result: Any, args: Any, where: tuple[str, int]) -> None:
        """The program called a function."""
        if self.passes >= self.steps or self.gradients is not None:
            return
        self.busy = True
        try:
            values = self.values(result)
            if not values:
                return
            record = Record("call", name, where, values)
            record.number = self.calls
            self.calls += 1
            for _, t in self.tensors([args[0], args[1]]):
                found = getattr(t, "_check_call", None) if not (t.is_leaf and t.requires_grad) else self.leaf(t)
                if found is not None:
                    record.inputs.append(found)
                if t.is_floating_point():
                    record.scale = max(record.scale, float(t.detach().abs().sum()))
            self.write(record)
            self.follow(result, record.number)
        finally:
            self.busy = False

    def follow(self, result: Any, number: int) -> None:
        """Note the gradients of a call's results when they come."""
        for place, t in self.tensors(result):
            if not (t.is_leaf and t.requires_grad):
                t._check_call = number
            if t.requires_grad and not t.is_leaf:
                t.register_hook(lambda g, key=(number, place): self.gradient(key, g))

    def gradient(self, key: tuple[int, str], g: Any) -> None:
        """A gradient has come."""
        if g is not None and self.gradients is not None and not self.busy:  # (None: no gradient came this way)
            self.busy = True
            try:
                self.gradients.setdefault(key, []).append(Value.of(g))
            finally:
                self.busy = False

    def leaf(self, t: Any, name: str = "") -> str:
        """The name of a leaf: its module's, or the variable's of the program, or a number."""
        found = self.names.get(id(t))
        if found is not None and self.leaves[found]() is t:
            return found
        found = name or f"{self._variable(t)} (line {self.line()[1]})"  # the same variable may be another leaf later
        while found in self.leaves:
            found += "'"
        self.names[id(t)] = found
        self.leaves[found] = weakref.ref(t)
        return found

    def _variable(self, t: Any) -> str:
        frame: Any = sys._getframe(1)
        while frame is not None:
            if not self._inside(frame):
                for scope in (frame.f_locals, frame.f_globals):
                    for name, value in list(scope.items()):
                        if value is t:
                            return str(name)
            frame = frame.f_back
        return "leaf"

    # how it comes to know --------------------------------------------------------------------------------------------

    def __enter__(self) -> Tracer:
        modules = importlib.import_module(f"{self.torch.__name__}.nn.modules.module")
        optimizer = importlib.import_module(f"{self.torch.__name__}.optim.optimizer")
        handles = [
            modules.register_module_forward_pre_hook(self._before_module),
            modules.register_module_forward_hook(self._after_module, always_call=True),
            optimizer.register_optimizer_step_post_hook(self._after_step),
        ]
        self.undo += [handle.remove for handle in handles]
        function = self.torch.autograd.Function
        apply = function.__dict__["apply"]

        def traced(cls: Any, *args: Any, **kwargs: Any) -> Any:
            where, busy = (
                self.line(),
                self.busy or self._inside(sys._getframe(1)),
            )  # (gradcheck calls it in its own way)
            before, self.busy = self.busy, True  # the operations inside are the Function's business
            try:
                result = apply.__func__(cls, *args, **kwargs)
            finally:
                self.busy = before
            if not busy:
                self.called(f"{cls.__name__}.apply", result, (args, kwargs), where)
            return result

        function.apply = classmethod(traced)
        self.undo.append(lambda: setattr(function, "apply", apply))
        if self.ours:
            self._watch_ours()
        else:
            self._watch_torch()
        return self

    def __exit__(self, *error: object) -> None:
        for undo in reversed(self.undo):
            undo()
        self.undo.clear()

    def _watch_torch(self) -> None:
        tracer = self
        skipped = tuple(os.path.join(self.package, name) for name in ("overrides.py", "_jit_internal.py"))

        class Mode(importlib.import_module("torch.overrides").TorchFunctionMode):  # type: ignore[misc]
            def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
                result = func(*args, **(kwargs or {}))
                if not tracer.busy and getattr(func, "__name__", "__get__") not in _NOT_CALLS:
                    frame: Any = sys._getframe(1)
                    above, code = frame, getattr(func, "__code__", None)
                    for _ in range(5):
                        if above is not None and above.f_code is code:
                            frame = above.f_back
                            break
                        above = above and above.f_back
                    while frame.f_code.co_filename.startswith(skipped):
                        frame = frame.f_back
                    if not tracer._inside(frame):
                        where = frame.f_code.co_filename, frame.f_lineno
                        tracer.called(plain(func.__name__), result, (args, kwargs or {}), where)
                return result

        mode = Mode()
        mode.__enter__()
        self.undo.append(lambda: mode.__exit__(None, None, None))
        autograd = self.torch.autograd
        run = autograd._engine_run_backward

        def traced(outputs: Any, *args: Any, **kwargs: Any) -> Any:
            return self._backward(run, outputs, (outputs, *args), kwargs)

        autograd._engine_run_backward = autograd.graph._engine_run_backward = traced

        def undo() -> None:
            autograd._engine_run_backward = autograd.graph._engine_run_backward = run

        self.undo.append(undo)

    def _watch_ours(self) -> None:
        from microtorch._instrument import Instrument
        from microtorch.autograd import engine

        def watcher(name: Any, function: Any, args: Any, kwargs: Any) -> Any:
            result = function(*args, **kwargs)
            if not self.busy:
                frame: Any = sys._getframe(3)  # above the instrument's two
                if not self._inside(frame):
                    self.called(plain(name), result, (args, kwargs), (frame.f_code.co_filename, frame.f_lineno))
            return result

        def backward(name: Any, function: Any, args: Any, kwargs: Any) -> Any:
            return self._backward(function, args[0], args, kwargs)

        for instrument in (Instrument(public_functions(), watcher), Instrument({engine._start: ""}, backward)):
            instrument.start()
            self.undo.append(instrument.stop)

    def _before_module(self, module: Any, args: Any) -> None:
        if self.depth == 0:
            self.busy_names(module)
        self.depth += 1

    def busy_names(self, module: Any) -> None:
        """The names of a model's modules and parameters."""
        before, self.busy = self.busy, True
        try:
            for name, m in module.named_modules():
                self.modules[id(m)] = name
            for name, p in module.named_parameters():
                if not getattr(self.torch.nn.parameter, "is_lazy", bool)(p):
                    self.leaf(p, name)
        finally:
            self.busy = before

    def _after_module(self, module: Any, args: Any, output: Any) -> None:
        self.depth = max(0, self.depth - 1)
        if self.busy or self.passes >= self.steps or self.gradients is not None:
            return
        self.busy = True
        try:
            name = self.modules.get(id(module), "")
            shown = f"{name} ({type(module).__name__})" if name else type(module).__name__
            values = self.values(output)
            record = Record("module", shown, self.line(), values, ())
            record.number = self.calls
            self.calls += 1
            own = [self.leaf(p) for p in module._parameters.values() if p is not None]
            made = [getattr(t, "_check_call", None) for _, t in self.tensors(args)]
            record.inputs = [*(m for m in made if m is not None), *own]
            self.write(record)
            self.follow(output, record.number)
        finally:
            self.busy = False

    def _backward(self, run: Any, outputs: Any, args: Any, kwargs: Any) -> Any:
        if self.busy or self.gradients is not None or not self._asked():
            return run(*args, **kwargs)
        self.busy = True
        roots = self.values(list(outputs))
        self.busy, self.gradients = False, {}
        try:
            result = run(*args, **kwargs)
        finally:
            found, self.gradients = self.gradients, None
        self.passes += 1
        self.busy = True
        self.note("backward", "backward", roots)
        if found:
            self.note("gradients", "backward", dict(found))
        self._note_leaves()
        self.busy = False
        return result

    def _asked(self) -> bool:
        """Whether the program itself asks for gradients; else a function of the library does (jacobian, gradcheck)."""
        frame: Any = sys._getframe(2)
        while frame is not None and self._inside(frame):
            if os.path.basename(frame.f_code.co_filename) not in _ASKING:
                return False
            frame = frame.f_back
        return True

    def _note_leaves(self) -> None:
        values: dict[Any, Any] = {}
        for name, reference in self.leaves.items():
            t = reference()
            if t is not None and t.is_leaf:
                values[name] = None
                for _, g in self.tensors(t.grad):
                    values[name] = Value.of(g)
        self.note("leaves", "backward", values)

    def _after_step(self, optimizer: Any, args: Any, kwargs: Any) -> None:
        if self.busy:
            return
        self.busy = True
        try:
            params = [p for group in optimizer.param_groups for p in group["params"]]
            values = {self.leaf(p): Value.of(p) for p in params}
            self.note("step", f"{type(optimizer).__name__}.step", values)
        finally:
            self.busy = False


_OWN = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep  # the package that this file is of

_ASKING = frozenset(  # files through which backward() and grad() go
    """__init__.py _tensor.py overrides.py graph.py engine.py methods.py _instrument.py _overriding.py tracing.py
    compare.py""".split()
)

# Calls that compute nothing, or whose result is told otherwise.
_NOT_CALLS = frozenset(
    """__get__ __set__ __setitem__ __delitem__ backward grad register_hook requires_grad_ retain_grad manual_seed
    __repr__ __format__ __str__ __len__ __iter__ __bool__ __hash__ __contains__ __deepcopy__ __reduce_ex__ numpy tolist
    item size dim numel stride cpu detach detach_ data_ptr storage untyped_storage apply_ map_""".split()
)
_PLAIN = {
    "radd": "add", "iadd": "add_", "isub": "sub_", "rmul": "mul", "imul": "mul_", "truediv": "div", "rtruediv": "rdiv",
    "itruediv": "div_", "idiv": "div_", "rpow": "pow", "ipow": "pow_", "true_divide": "div", "multiply": "mul",
    "subtract": "sub", "divide": "div", "floordiv": "floor_divide", "rmatmul": "matmul", "imod": "remainder_",
    "mod": "remainder", "negative": "neg", "absolute": "abs", "invert": "bitwise_not", "greater": "gt", "less": "lt",
}  # fmt: skip


def plain(name: str) -> str:
    """A function's name, the same in both libraries: `__add__` and `add` are one."""
    name = name[2:-2] if name.startswith("__") and name.endswith("__") else name
    return _PLAIN.get(name, name)


def public_functions() -> dict[Any, str]:
    """All public functions of microtorch and methods of its tensors, with their names."""
    found: dict[Any, str] = {}
    spaces: list[Any] = [importlib.import_module("microtorch")]
    spaces += [importlib.import_module(f"microtorch.{name}") for name in ("nn.functional", "linalg", "fft", "special")]
    for space in [*spaces, *spaces[0].Tensor.__mro__[:-1]]:
        for name, value in vars(space).items():
            hidden = name in _NOT_CALLS or (name.startswith("_") and not name.startswith("__"))
            if (
                isinstance(value, FunctionType)
                and not hidden
                and not name.startswith(("is_", "get_", "set_", "__init"))
            ):
                if value not in found or name == value.__name__:
                    found[value] = name
    return found


# a program of its own -------------------------------------------------------------------------------------------------


def main(argv: list[str]) -> None:
    """`tracing.py LIBRARY FILE STEPS SEED SCRIPT ARGS ...`: run a script, its trace goes to FILE."""
    library, file, steps, seed, script, *args = argv
    sys.argv[:] = [script, *args]
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [p for p in sys.path if os.path.abspath(p or os.getcwd()) != here]
    sys.path.insert(0, os.path.dirname(os.path.abspath(script)))
    if library == "microtorch":
        home = os.path.dirname(os.path.dirname(here))
        if home not in sys.path:
            sys.path.append(home)
        importlib.import_module("microtorch.cli.hook").install()
    torch: Any = importlib.import_module("torch")
    random.seed(int(seed))
    np.random.seed(int(seed) % 2**32)
    torch.manual_seed(int(seed))
    with open(script, "rb") as source:
        code = compile(source.read(), os.path.abspath(script), "exec", dont_inherit=True)
    module = type(sys)("__main__")
    module.__dict__.update({"__file__": os.path.abspath(script), "__builtins__": __builtins__})
    sys.modules["__main__"] = module
    with open(file, "wb") as out:
        process = os.getpid()

        def write(record: Record) -> None:
            if os.getpid() == process:  # not in processes that the program forks
                parts = (
                    record.kind,
                    record.name,
                    record.where,
                    record.values,
                    record.inputs,
                    record.number,
                    record.scale,
                )
                pickle.dump(_as_plain(parts), out)

        try:
            with Tracer(torch, int(steps), write):
                exec(code, module.__dict__)
        finally:
            out.flush()


def _as_plain(value: Any) -> Any:
    """Values as tuples, so that whoever reads them needs no class of this file."""
    if isinstance(value, Value):
        return ("value", value.shape, value.dtype, value.data, value.step, value.total, value.largest)
    if isinstance(value, dict):
        return {k: _as_plain(v) for k, v in value.items()}
    return type(value)(_as_plain(v) for v in value) if isinstance(value, (tuple, list)) else value


def read(file: str) -> list[Record]:
    """The records in a file that `main` has written."""
    records: list[Record] = []
    with open(file, "rb") as source:
        while True:
            try:
                kind, name, where, values, inputs, number, scale = pickle.load(source)
            except EOFError:
                return records
            record = Record(kind, name, where, {k: _as_value(v) for k, v in values.items()}, inputs)
            record.number, record.scale = number, scale
            records.append(record)


def _as_value(value: Any) -> Any:
    if isinstance(value, list):
        return [Value(*v[1:]) for v in value]
    return None if value is None else Value(*value[1:])


if __name__ == "__main__":
    main(sys.argv[1:])
