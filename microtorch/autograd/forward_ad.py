"""torch.autograd.forward_ad: tensors that carry a tangent (dual numbers).

A dual tensor is an input of a `Transform`; what is computed from it is recorded as always. Its tangent is computed when
it is asked for, by reverse mode twice (`source.Linearized`). What is computed inside `no_grad` has none: a gap.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from microtorch.autograd import engine
from microtorch.autograd.modes import mode
from microtorch.autograd.source import Linearized, Transform, starts
from microtorch.autograd.state import TensorBase, wrap


class _Level:
    """A level that is entered: its transform, and its dual tensors with their tangents."""

    def __init__(self) -> None:
        self.own = Transform()
        self.own.__enter__()
        engine.transforms.stack = engine.transforms.stack[:-1]  # (backward is allowed inside)
        mode.enabled = self.own.recorded
        self.places: list[Any] = []
        self.tangents: list[Any] = []
        self.results: list[Any] = []  # nodes of tangents that were given out, which have no tangents themselves

    def tangent_of(self, t: TensorBase) -> Any:
        """The tangent of a tensor; None if it depends on no dual tensor."""
        if t._node is None or t._node in self.results:
            return None
        reached, _ = engine.topological_order([t._node])
        if not any(p._node in reached for p in self.places):
            return None
        for place, tangent in zip(self.places, self.tangents):
            if place._node is t._node:
                return tangent
        linear = Linearized(self.own, starts([t]), self.places)
        if not linear.depends()[0]:
            return None
        again = mode.enabled and (
            self.own.outside([t, *linear.pulled]) or any(v._node is not None for v in self.tangents)
        )
        found = self.own.leave(linear.push(self.tangents, again)[0])
        if found._node is not None:
            self.results.append(found._node)
        return found


class UnpackedDualTensor(NamedTuple):
    """What `unpack_dual` returns; the tangent is None for a tensor that has none."""

    primal: Any
    tangent: Any


def enter_dual_level() -> int:
    """Begin a level of forward mode.

    Raises RuntimeError inside of another.
    """
    if mode.duals:
        raise RuntimeError("Nested forward mode AD is not supported at the moment")
    mode.duals = (_Level(),)
    engine.dual_levels.append(None)
    return 0


def exit_dual_level(*, level: int | None = None) -> None:
    """End it: tangents are gone."""
    if not mode.duals:
        raise RuntimeError(
            "Trying to exit a forward AD level but no level exists, make sure that enter_dual_level() was called first."
        )
    mode.duals[0].own.running = False
    mode.duals = ()
    engine.dual_levels.pop()


class dual_level:
    """A block in which tensors can carry tangents.

    >>> import microtorch as torch
    >>> import microtorch.autograd.forward_ad as fwAD
    >>> with fwAD.dual_level():
    ...     x = fwAD.make_dual(torch.tensor(3.0), torch.tensor(1.0))
    ...     fwAD.unpack_dual(x**2).tangent
    tensor(6.)
    """

    def __enter__(self) -> int:
        return enter_dual_level()

    def __exit__(self, *exc: object) -> None:
        exit_dual_level()


def make_dual(tensor: Any, tangent: Any, *, level: int | None = None) -> Any:
    """The tensor with a tangent: what is computed from it has one, too.

    Raises RuntimeError outside of a level, ValueError for tensors of integers.
    """
    if not mode.duals:
        raise RuntimeError(
            "Trying to create a dual Tensor for forward AD but no level exists, make sure to enter_dual_level() first."
        )
    for what, t in (("primal", tensor), ("tangent", tangent)):
        if not (t.is_floating_point() or t.is_complex()):
            raise ValueError(f"Expected {what} to be floating point or complex, but got: {t.dtype}")
    if tensor._data.shape != tangent._data.shape:
        raise RuntimeError(
            "Trying to set a forward gradient that has a different size than that of the original Tensor, this is not "
            f"supported. Tensor is of size {list(tensor._data.shape)} while the given forward gradient is of size "
            f"{list(tangent._data.shape)}."
        )
    current: _Level = mode.duals[-1]
    dual = current.own.track(tensor)
    current.places += starts([dual])
    current.tangents.append(tangent)
    return dual


def unpack_dual(tensor: Any, *, level: int | None = None) -> UnpackedDualTensor:
    """(the tensor without its tangent, the tangent or None)."""
    if not mode.duals:
        return UnpackedDualTensor(tensor, None)
    current: _Level = mode.duals[-1]
    tangent = current.tangent_of(tensor)
    if tangent is None:
        return UnpackedDualTensor(tensor, None)
    primal = current.own.leave(tensor)
    return UnpackedDualTensor(primal if primal is not tensor else wrap(tensor._data, tensor._node), tangent)
