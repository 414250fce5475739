"""`torch._foreach_*`: one function over each tensor of a list.

PyTorch's own optimizers, and many written elsewhere, update all parameters by a few of these calls. Here each is a loop
over the list: what PyTorch saves by them is launches of a device's kernels, of which a CPU has none.

>>> import microtorch as torch
>>> torch._foreach_add([torch.ones(2), torch.zeros(1)], [1, 2])
(tensor([2., 2.]), tensor([2.]))
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from microtorch._missing import missing_name as _missing_name
from microtorch._tensor import Tensor
from microtorch.linalg import vector_norm

_UNARY = frozenset(
    """abs acos asin atan ceil clone cos cosh erf erfc exp expm1 floor frac lgamma log log10 log1p log2 max neg
    reciprocal round rsqrt sigmoid sign sin sinh sqrt tan tanh trunc zero""".split()
)
_BINARY = frozenset("add clamp_max clamp_min copy div maximum minimum mm mul pow sub".split())
_TERNARY = frozenset("addcdiv addcmul lerp".split())
_SECOND = "other scalar scalars exponent mat2 src".split()  # names that PyTorch gives to what is beside the list
_THIRD = "tensor1 tensors1 tensor2 weight weights value scalars".split()
_OF_NUMBERS = {"maximum": "clamp_min", "minimum": "clamp_max"}  # which take a number too, and have a form in place


def _list(name: str, tensors: Any) -> list[Any]:
    """The tensors of a list. Raises TypeError for anything else, RuntimeError for an empty one."""
    if not isinstance(tensors, (list, tuple)):
        kind = type(tensors).__name__
        raise TypeError(f"{name}(): argument 'self' (position 1) must be tuple of Tensors, not {kind}")
    if not tensors:
        raise RuntimeError("Tensor list must have at least one tensor.")
    return list(tensors)


def _each(tensors: list[Any], other: Any) -> list[Any]:
    """One operand for each tensor: of a list of tensors or numbers its own, of one number that number.

    Raises RuntimeError for a list of another length.
    """
    if not isinstance(other, (list, tuple)):
        return [other] * len(tensors)
    if len(other) != len(tensors):
        if other and not isinstance(other[0], Tensor):
            raise RuntimeError("Tensor list must have same number of elements as scalar list.")
        raise RuntimeError(f"Tensor lists must have the same number of tensors, got {len(tensors)} and {len(other)}")
    return list(other)


def _scalar(other: Any) -> Any:
    """`other`, which must be 0-d where it is one tensor."""
    if isinstance(other, Tensor) and other.ndim:
        shape = f"{other.ndim} dimensions and {other.numel()} elements"
        raise RuntimeError(f"scalar tensor expected to be 0 dim but it has {shape}.")
    return other


def _norm(self: Any, ord: Any = 2, dtype: Any = None) -> tuple[Any, ...]:
    """The norm of each tensor as one vector."""
    return tuple(vector_norm(t, ord, dtype=dtype) for t in _list("_foreach_norm", self))


def _powsum(self: Any, ord: Any = 2, dtype: Any = None) -> tuple[Any, ...]:
    """The sum of each tensor's absolute values to a power."""
    return tuple(t.abs().pow(ord).sum(dtype=dtype) for t in _list("_foreach_powsum", self))


def _make(op: str, in_place: bool) -> Callable[..., Any]:
    """The function `torch._foreach_<op>`; in place, it gives back the very list, otherwise a tuple."""
    name = f"_foreach_{op}" + "_" * in_place
    method = _OF_NUMBERS.get(op, op) + "_" * in_place
    result: Callable[[Any, list[Any]], Any] = (lambda given, _: given) if in_place else (lambda _, made: tuple(made))

    def unary(self: Any, **named: Any) -> Any:
        return result(self, [getattr(t, method)(**named) for t in _list(name, self)])

    def binary(self: Any, *given: Any, **named: Any) -> Any:
        other, *options = given or [named.pop(next(k for k in _SECOND if k in named))]
        if op == "pow" and not isinstance(self, (list, tuple)) and isinstance(other, (list, tuple)):
            return tuple(self**t for t in _list(name, other))  # a number to the power of each
        tensors = _list(name, self)
        pairs = zip(tensors, _each(tensors, _scalar(other)), strict=True)
        return result(self, [getattr(t, method)(o, *options, **named) for t, o in pairs])

    def ternary(self: Any, *given: Any, **named: Any) -> Any:
        tensors1, tensors2, value = [*given, *(named[k] for k in _THIRD if k in named), 1][:3]
        tensors = _list(name, self)
        first, second = _each(tensors, tensors1), _each(tensors, tensors2)
        if op == "lerp":  # the second list is of weights, or one weight
            return result(self, [getattr(t, method)(a, b) for t, a, b in zip(tensors, first, second, strict=True)])
        values = _each(tensors, value.tolist() if isinstance(value, Tensor) else value)
        rows = zip(tensors, first, second, values, strict=True)
        return result(self, [getattr(t, method)(a, b, value=v) for t, a, b, v in rows])

    function = unary if op in _UNARY else binary if op in _BINARY else ternary
    function.__name__ = function.__qualname__ = name
    return function


_IN_PLACE_ONLY, _NEW_ONLY = ("copy", "zero"), ("clone", "max", "mm")


def __getattr__(name: str) -> Any:
    full = name.removeprefix("_foreach_")
    op, in_place = full.removesuffix("_"), full.endswith("_")
    if full in ("norm", "powsum"):
        return {"norm": _norm, "powsum": _powsum}[full]
    known = op in _UNARY or op in _BINARY or op in _TERNARY
    if full == name or not known or op in (_NEW_ONLY if in_place else _IN_PLACE_ONLY):
        raise _missing_name("microtorch", name)
    function = globals()[name] = _make(op, in_place)
    return function
