"""Whole derivatives: Jacobians, Hessians, and their products with vectors.

jvp is reverse mode twice: the gradient of `v -> vjp(v)` with respect to v, which is linear in v.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from microtorch.autograd.engine import grad
from microtorch.autograd.modes import enable_grad
from microtorch.autograd.node import require_grad
from microtorch.autograd.state import TensorBase, wrap
from microtorch.autograd.table import tensors as xp


def _inputs(inputs: Any, create_graph: bool) -> tuple[bool, tuple[Any, ...]]:
    """The inputs as a tuple of tensors that are recorded; with create_graph still joined to the caller's graph."""
    single = isinstance(inputs, TensorBase)
    given = (inputs,) if single else tuple(inputs)
    for x in given:
        if not isinstance(x, TensorBase):
            raise TypeError(f"The inputs given to the function must be Tensors, but got {type(x).__name__}")
    recorded = []
    for x in given:
        if create_graph and x._node is not None:
            recorded.append(xp.alias(x))
        else:
            t = wrap(x._data)
            require_grad(t)
            recorded.append(t)
    return single, tuple(recorded)


def _outputs(name: str, value: Any) -> tuple[bool, tuple[Any, ...]]:
    if isinstance(value, TensorBase):
        return True, (value,)
    outs = tuple(value)
    for o in outs:
        if not isinstance(o, TensorBase):
            raise TypeError(f"The outputs of the user-provided function given to {name} must be Tensors")
    return False, outs


def _unpack(single: bool, values: tuple[Any, ...]) -> Any:
    return values[0] if single else values


def _done(value: Any, create_graph: bool) -> Any:
    return value if create_graph or value is None else wrap(value._data)


def _unit(like: Any, place: Any) -> Any:
    seed = np.zeros(like._data.shape, like._data.dtype)
    seed[place] = 1
    return wrap(seed)


def _or_zeros(g: Any, like: Any, strict: bool, what: str) -> Any:
    if g is None:
        if strict:
            raise RuntimeError(f"{what} is independent of the inputs: not allowed in strict mode.")
        return wrap(np.zeros_like(like._data))
    return g


def jacobian(
    func: Callable[..., Any], inputs: Any, create_graph: bool = False, strict: bool = False, vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:  # fmt: skip
    """The Jacobian of `func`: shape (*output shape, *input shape), for each output and each input.

    >>> import microtorch as torch
    >>> torch.autograd.functional.jacobian(lambda x: x * x, torch.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    with enable_grad():
        single_in, xs = _inputs(inputs, create_graph)
        single_out, outs = _outputs("jacobian", func(*xs))
        rows: list[tuple[Any, ...]] = []
        for k, o in enumerate(outs):
            parts: list[list[Any]] = [[] for _ in xs]
            for place in np.ndindex(o._data.shape):
                if o._node is None:
                    found: tuple[Any, ...] = (None,) * len(xs)
                else:
                    found = grad(
                        o, xs, _unit(o, place), retain_graph=True, create_graph=create_graph, allow_unused=True
                    )
                for part, g, x in zip(parts, found, xs):
                    part.append(_or_zeros(g, x, strict, f"Output {k} of the user-provided function"))
            rows.append(
                tuple(
                    xp.reshape(xp.stack(part, 0), o._data.shape + x._data.shape)
                    if part
                    else wrap(np.zeros(o._data.shape + x._data.shape, x._data.dtype))
                    for part, x in zip(parts, xs)
                )
            )
    rows = [tuple(_done(j, create_graph) for j in row) for row in rows]
    return _unpack(single_out, tuple(_unpack(single_in, row) for row in rows))


def hessian(
    func: Callable[..., Any], inputs: Any, create_graph: bool = False, strict: bool = False, vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:  # fmt: skip
    """The Hessian of a function with one number as its result."""
    single, _ = _inputs(inputs, False)

    def gradient(*xs: Any) -> Any:
        out = func(*xs)
        _one_number("hessian", out)
        if out._node is None:
            return tuple(wrap(np.zeros_like(x._data)) for x in xs)
        found = grad(out, xs, create_graph=True, allow_unused=True)
        return tuple(_or_zeros(g, x, strict, "The output of the user-provided function") for g, x in zip(found, xs))

    found = jacobian(gradient, (inputs,) if single else inputs, create_graph, strict)
    return found[0][0] if single else found


def _one_number(name: str, out: Any) -> None:
    if not isinstance(out, TensorBase) or out._data.size != 1:
        raise RuntimeError(f"The Tensor returned by the function given to {name} should contain a single element")


def _vector(v: Any, like: tuple[Any, ...], name: str) -> tuple[Any, ...]:
    if v is None:
        if len(like) != 1 or like[0]._data.size != 1:
            raise RuntimeError(
                f"The vector v can only be None if the {name} of the user-provided function is a single number."
            )
        return (wrap(np.ones_like(like[0]._data)),)
    vs = (v,) if isinstance(v, TensorBase) else tuple(v)
    if len(vs) != len(like):
        raise RuntimeError(f"v is a tuple of invalid length: should be {len(like)} but got {len(vs)}.")
    for i, (a, b) in enumerate(zip(vs, like)):
        if a._data.shape != b._data.shape:
            raise RuntimeError(
                f"Entry {i} in v has invalid size: should be {list(b._data.shape)} but got {list(a._data.shape)}."
            )
    return vs


def vjp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(outputs, v^T J): the product of a vector and the Jacobian, by one backward pass."""
    with enable_grad():
        single_in, xs = _inputs(inputs, create_graph)
        single_out, outs = _outputs("vjp", func(*xs))
        vs = _vector(v, outs, "output")
        pairs = [(o, s) for o, s in zip(outs, vs) if o._node is not None]
        found: tuple[Any, ...] = (None,) * len(xs)
        if pairs:
            found = grad([o for o, _ in pairs], xs, [s for _, s in pairs], create_graph=create_graph, allow_unused=True)
        grads = tuple(_or_zeros(g, x, strict, "The output of the user-provided function") for g, x in zip(found, xs))
    return (
        _unpack(single_out, tuple(_done(o, create_graph) for o in outs)),
        _unpack(single_in, tuple(_done(g, create_graph) for g in grads)),
    )


def jvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(outputs, J v): the product of the Jacobian and a vector."""
    with enable_grad():
        _, xs = _inputs(inputs, create_graph)
        vs = _vector(v, xs, "input")
        single_out, outs = _outputs("jvp", func(*xs))
        seeds = []
        for o in outs:
            seed = wrap(np.zeros_like(o._data))
            require_grad(seed)
            seeds.append(seed)
        pairs = [(o, s) for o, s in zip(outs, seeds) if o._node is not None]
        products: list[Any] = [None] * len(outs)
        if pairs:
            back = grad([o for o, _ in pairs], xs, [s for _, s in pairs], create_graph=True, allow_unused=True)
            kept = [(b, t) for b, t in zip(back, vs) if b is not None and b._node is not None]
            if kept:
                found = grad(
                    [b for b, _ in kept], seeds, [t for _, t in kept], create_graph=create_graph, allow_unused=True
                )
                products = list(found)
        results = tuple(
            _or_zeros(p, o, strict, "The output of the user-provided function") for p, o in zip(products, outs)
        )
    return (
        _unpack(single_out, tuple(_done(o, create_graph) for o in outs)),
        _unpack(single_out, tuple(_done(p, create_graph) for p in results)),
    )


def vhp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(output, v^T H): the product of a vector and the Hessian of a function with one number as its result."""
    with enable_grad():
        single, xs = _inputs(inputs, create_graph)
        vs = _vector(v, xs, "input")
        out = func(*xs)
        _one_number("vhp", out)
        first: tuple[Any, ...] = (None,) * len(xs)
        if out._node is not None:
            first = grad(out, xs, create_graph=True, allow_unused=True)
        kept = [(g, t) for g, t in zip(first, vs) if g is not None and g._node is not None]
        found: tuple[Any, ...] = (None,) * len(xs)
        if kept:
            found = grad([g for g, _ in kept], xs, [t for _, t in kept], create_graph=create_graph, allow_unused=True)
        result = tuple(_or_zeros(g, x, strict, "The gradient of the user-provided function") for g, x in zip(found, xs))
    return _done(out, create_graph), _unpack(single, tuple(_done(r, create_graph) for r in result))


def hvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(output, H v): the Hessian is symmetric, so this is `vhp`."""
    return vhp(func, inputs, v, create_graph, strict)
