"""Compare a function with itself under PyTorch, and check an operation of one's own in every way there is."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import warnings
from collections.abc import Callable
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

import microtorch
from microtorch.autograd.gradcheck import gradcheck, gradgradcheck
from microtorch.cli import hook
from microtorch.testing.check import NO_TORCH, torch_is_there
from microtorch.testing.difference import Difference, Tolerance, first_difference
from microtorch.testing.tracing import Record, Tracer, Value


def _pytorch() -> Any:
    """The real PyTorch."""
    if not torch_is_there():
        raise ModuleNotFoundError(NO_TORCH, name="torch")
    if hook.installed():
        raise RuntimeError(
            "`import torch` means microtorch in this process, so that it cannot be compared with PyTorch"
        )
    return importlib.import_module("torch")


class _Translation:
    """A user's function or class with PyTorch's modules, functions and classes in place of microtorch's."""

    def __init__(self, module: str) -> None:
        self.module = module  # what is translated: the user's module
        self.done: dict[int, Any] = {}
        self.scopes: dict[int, dict[str, Any]] = {}
        self.kept: list[Any] = []  # what `done` knows by id lives on

    def of(self, value: Any) -> Any:
        """The same of PyTorch's."""
        if id(value) in self.done:
            return self.done[id(value)]
        if isinstance(value, ModuleType) and _ours(value.__name__):
            return importlib.import_module(_theirs(value.__name__))
        if isinstance(value, FunctionType) and not _ours(value.__module__):
            return self._function(value) if value.__module__ == self.module else value
        if isinstance(value, MethodType):
            return getattr(self.of(value.__self__), value.__name__)
        if isinstance(value, (staticmethod, classmethod)):
            return type(value)(self.of(value.__func__))
        if isinstance(value, type) and not _ours(value.__module__):
            return self._class(value) if value.__module__ == self.module else value
        if isinstance(value, microtorch.Tensor):
            return _tensor(value, importlib.import_module("torch"))
        name = getattr(value, "__name__", None) or str(value).removeprefix("torch.")
        if _ours(getattr(value, "__module__", None) or type(value).__module__) and isinstance(name, str):
            return self._named(value, name)
        return value

    def _named(self, value: Any, name: str) -> Any:
        """A function, class or dtype of microtorch's: PyTorch's of the same public place."""
        home = getattr(value, "__module__", "") or ""
        for place in (home, "microtorch", "microtorch.nn", "microtorch.nn.functional", "microtorch.linalg"):
            ours = sys.modules.get(place)
            there = importlib.util.find_spec(_theirs(place)) if ours is not None else None
            if there is not None and getattr(ours, name, None) is value:
                theirs = importlib.import_module(_theirs(place))
                if hasattr(theirs, name):
                    return getattr(theirs, name)
        return value

    def _function(self, f: FunctionType) -> FunctionType:
        scope = self.scopes.setdefault(id(f.__globals__), {"__name__": f.__globals__.get("__name__")})
        cells = None if f.__closure__ is None else tuple(CellType() for _ in f.__closure__)
        new = FunctionType(f.__code__, scope, f.__name__, f.__defaults__, cells)
        self.done[id(f)] = new
        self.kept.append(f)
        for name in _names(f.__code__):
            if name in f.__globals__ and name not in scope:
                scope[name] = f.__globals__[name]  # so that a function that calls itself ends
                scope[name] = self.of(f.__globals__[name])
        new.__kwdefaults__ = f.__kwdefaults__
        for cell, old in zip(cells or (), f.__closure__ or ()):
            cell.cell_contents = self.of(old.cell_contents)
        return new

    def _class(self, c: Any) -> Any:
        body = {k: v for k, v in vars(c).items() if k not in ("__dict__", "__weakref__", "__classcell__")}
        new = type(c.__name__, tuple(self.of(base) for base in c.__bases__), {"__module__": c.__module__})
        self.done[id(c)] = new
        self.kept.append(c)
        for name, value in body.items():
            if not name.startswith("_backward") and name not in ("__module__", "__doc__"):
                setattr(new, name, self.of(value))
        return new


def _names(code: CodeType) -> set[str]:
    """The names that a function may look up, and the functions inside it."""
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found |= _names(constant)
    return found


def _ours(module: str | None) -> bool:
    return (module or "").partition(".")[0] == "microtorch"


def _theirs(module: str) -> str:
    return "torch" + module.removeprefix("microtorch")


def _tensor(value: Any, library: Any) -> Any:
    """An input as a tensor of that library's, a leaf of its own."""
    if isinstance(value, np.ndarray):
        return library.tensor(value.copy())
    if isinstance(value, microtorch.Tensor):
        plain = value.detach()
        if value.dtype is microtorch.bfloat16:
            made = library.tensor(plain.float().numpy().copy()).to(library.bfloat16)
        else:
            made = library.tensor(plain.numpy().copy())
        return made.requires_grad_(value.requires_grad)
    if isinstance(value, (list, tuple)):
        return type(value)(_tensor(v, library) for v in value)
    return value


def _traced(library: Any, fn: Callable[..., Any], inputs: Any, named: Any, seed: int) -> list[Record]:
    """The trace of a call, of its results, and of their gradients with respect to the inputs."""
    given = [_tensor(v, library) for v in inputs]
    named = {k: _tensor(v, library) for k, v in named.items()}
    takes = fn.__code__.co_varnames[: fn.__code__.co_argcount] if isinstance(fn, FunctionType) else ()
    library.manual_seed(seed)
    with Tracer(library, steps=2) as tracer:
        sources = [t for _, t in tracer.tensors([given, named]) if t.requires_grad]
        for place, t in tracer.tensors({**dict(enumerate(given)), **named}):
            if t.requires_grad:
                tracer.leaf(t, f"input {place}")
        result = fn(*([library] if takes[:1] == ("torch",) else []), *given, **named)
        tracer.busy = True
        where = fn.__code__.co_filename, fn.__code__.co_firstlineno
        where = where if isinstance(fn, FunctionType) else ("", 0)
        results = {place: Value.of(t) for place, t in tracer.tensors(result)}
        tracer.note("call", "the function", results, where)
        wanted = [t for _, t in tracer.tensors(result) if t.requires_grad and t.dtype.is_floating_point]
        random = np.random.default_rng(seed)
        seeds = [library.tensor(random.standard_normal(tuple(t.shape))).to(t.dtype) for t in wanted]
        tracer.busy = False
        if wanted and sources:
            library.autograd.backward(wanted, seeds)
    return tracer.records


def compare_with_torch(
    fn: Callable[..., Any], *inputs: Any, rtol: float | None = None, atol: float = 1e-6, seed: int = 0, **named: Any
) -> None:
    """Raise AssertionError unless `fn(*inputs, **named)` gives the same results and gradients under PyTorch.

    fn: an ordinary function, in which `import microtorch as torch` means PyTorch for one of the two calls (so for the
    functions and classes of its module that it uses); or one whose first parameter is named `torch`, which is given the
    library. inputs: Tensors, arrays or anything else; those that require gradients get them, for random gradients of
    the results. rtol, atol: of the largest element, see `difference.Tolerance`.

    The message names the first call whose result, or whose result's gradient, differs, with both numbers and the line.
    Raises ModuleNotFoundError if PyTorch is not installed.

    >>> import microtorch as torch
    >>> def swish(x):
    ...     return x * torch.sigmoid(x)
    >>> compare_with_torch(swish, torch.randn(3, 4, requires_grad=True))  # doctest: +SKIP
    """
    difference = difference_from_torch(fn, *inputs, rtol=rtol, atol=atol, seed=seed, **named)
    if difference is not None:
        raise AssertionError(str(difference))


def difference_from_torch(
    fn: Callable[..., Any], *inputs: Any, rtol: float | None = None, atol: float = 1e-6, seed: int = 0, **named: Any
) -> Difference | None:
    """What `compare_with_torch` finds, None if all is equal."""
    torch = _pytorch()
    takes = isinstance(fn, FunctionType) and fn.__code__.co_varnames[:1] == ("torch",)
    home = fn.__self__ if isinstance(fn, MethodType) else fn  # `apply` of a class
    other = fn if takes else _Translation(getattr(home, "__module__", "")).of(fn)
    theirs = _traced(torch, other, inputs, named, seed)
    ours = _traced(microtorch, fn, inputs, named, seed)
    return first_difference(theirs, ours, Tolerance(rtol, atol))


def check_op(
    fn: Callable[..., Any], *inputs: Any, second: bool = True, torch: bool | None = None, eps: float = 1e-6,
    atol: float = 1e-5, rtol: float = 1e-3,
) -> None:  # fmt: skip
    """Raise unless an operation's derivatives are those of its values, and both are PyTorch's.

    fn: a function of tensors, for example the `apply` of an autograd.Function. inputs: those that are floating point
    are differentiated, in float64. second: check the derivatives of its derivatives, too. torch: compare with PyTorch
    (None: if it is installed; True: it must be); see `compare_with_torch` for how `fn` is run there.
    eps, atol, rtol: of the finite differences, see `torch.autograd.gradcheck`.

    Raises GradcheckError (a RuntimeError) for a wrong derivative, AssertionError for a difference from PyTorch.

    >>> import microtorch as torch
    >>> check_op(lambda x, y: x * torch.sin(y), torch.randn(3), torch.randn(2, 3), torch=False)
    """
    given = [_doubled(v) for v in inputs]
    gradcheck(fn, given, eps=eps, atol=atol, rtol=rtol)
    if second:
        gradgradcheck(fn, given, eps=eps, atol=atol, rtol=rtol)
    if torch is None and not torch_is_there():
        warnings.warn("not compared with PyTorch, which is not installed", stacklevel=2)
    elif torch is not False:
        compare_with_torch(fn, *given)


def _doubled(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        value = microtorch.tensor(value)
    if isinstance(value, microtorch.Tensor) and (value.is_floating_point() or value.is_complex()):
        wide = microtorch.complex128 if value.is_complex() else microtorch.float64
        return value.detach().to(wide).clone().requires_grad_()
    return value
