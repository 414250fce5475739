"""Whole derivatives: Jacobians, Hessians, and their products with vectors.

jvp is reverse mode twice: the gradient of `v -> vjp(v)` with respect to v, which is linear in v.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from microtorch import dtypes
from microtorch.autograd.engine import grad
from microtorch.autograd.modes import enable_grad
from microtorch.autograd.node import require_grad
from microtorch.autograd.source import IN_TRANSFORM, OR_FUNCTIONAL, transforming
from microtorch.autograd.state import TensorBase, wrap
from microtorch.autograd.table import tensors as xp

Tensors = tuple[Any, ...]

_OUTPUTS = "outputs of the user-provided function"


# arguments and results ------------------------------------------------------------------------------------------------


def _as_tuple(value: Any, what: str, name: str) -> tuple[bool, Tensors]:
    """Whether it is a tuple, and as a tuple of tensors.

    Raises TypeError for anything else.
    """
    start = f"The {what} given to {name} must be either a Tensor or a tuple of Tensors but the "
    several = isinstance(value, tuple)
    for i, t in enumerate(value if several else (value,)):
        if not isinstance(t, TensorBase):
            raise TypeError(start + (f"value at index {i}" if several else f"given {what}") + f" has type {type(t)}.")
    return several, value if several else (value,)


def _tracked(inputs: Tensors, create_graph: bool) -> Tensors:
    """Inputs that are recorded; with create_graph still joined to the caller's graph."""
    tracked = []
    for x in inputs:
        if create_graph and x._node is not None:
            tracked.append(xp.alias(x))
        elif transforming():  # (a gradient with respect to a copy would not see the transform's input)
            raise RuntimeError(IN_TRANSFORM.format("requires_grad_()", OR_FUNCTIONAL))
        else:
            t = wrap(x._data)
            require_grad(t)
            tracked.append(t)
    return tuple(tracked)


def _done(values: Sequence[Any], several: bool, create_graph: bool) -> Any:
    """Results as the caller gets them."""
    given = tuple(v if create_graph else wrap(v._data) for v in values)
    return given if several else given[0]


def _vector(v: Any, like: Tensors, name: str, what: str) -> Tensors:
    """The vector of a product, which has the shapes of `like`; 1 if that is one number and v is None."""
    if v is None:
        if len(like) != 1 or like[0]._data.size != 1:
            raise RuntimeError(f"The vector v can only be None if the {what} a single Tensor with a single element.")
        return (wrap(np.ones_like(like[0]._data)),)
    _, vs = _as_tuple(v, "v", name)
    if len(vs) != len(like):
        if len(like) == 1:
            raise RuntimeError("The given v should contain a single Tensor.")
        raise RuntimeError(f"v is a tuple of invalid length: should be {len(like)} but got {len(vs)}.")
    for i, (a, b) in enumerate(zip(vs, like)):
        if a._data.shape != b._data.shape:
            entry = f"Entry {i} in " if len(like) > 1 else ""
            raise RuntimeError(f"{entry}v has invalid size: should be {b.shape} but got {a.shape}.")
    return vs


_OUTPUT, _INPUT = "user-provided function returns", "input to the user-provided function is"


# strict mode: nothing may be independent of the inputs ----------------------------------------------------------------


def _require_recorded(values: Sequence[Any], strict: bool, message: str) -> None:
    if strict:
        for i, t in enumerate(values):
            if t._node is None:
                raise RuntimeError(message.format(i=i))


_NO_GRADIENT = (
    "Output {i} of the user-provided function does not require gradients. The outputs must be computed in a "
    "differentiable manner from the input when running in strict mode."
)
_LINEAR = (
    "While computing the hessian, found that the jacobian of the user-provided function with respect to input {i} is "
    "independent of the input. This is not allowed in strict mode. You should ensure that your function is twice "
    "differentiable and that the jacobian depends on the inputs (this would be violated by a linear function for "
    "example)."
)


def _filled(grads: Sequence[Any], likes: Tensors, strict: bool, create_graph: bool, what: str = "output") -> Tensors:
    """Gradients with zeros for None, which strict mode refuses: the `what` is independent of that input."""
    filled = []
    for i, (g, like) in enumerate(zip(grads, likes)):
        if g is None and strict:
            raise RuntimeError(
                f"The {what} of the user-provided function is independent of input {i}. This is not allowed in strict "
                "mode."
            )
        if g is not None and strict and create_graph and g._node is None:
            name = "jacobian" if what == "output" else "hessian"
            raise RuntimeError(
                f"The {name} of the user-provided function is independent of input {i}. This is not allowed in strict "
                "mode when create_graph=True."
            )
        filled.append(wrap(np.zeros_like(like._data)) if g is None else g)
    return tuple(filled)


def _gradients(outputs: Sequence[Any], inputs: Tensors, seeds: Sequence[Any], create_graph: bool) -> Tensors:
    """The gradients of the outputs weighted by the seeds; None where there is none."""
    pairs = [(o, s) for o, s in zip(outputs, seeds) if o is not None and o._node is not None]
    if not pairs:
        return (None,) * len(inputs)
    ends, weights = zip(*pairs)
    return grad(ends, inputs, weights, retain_graph=True, create_graph=create_graph, allow_unused=True)


# the functions --------------------------------------------------------------------------------------------------------


def _rows(o: Any, inputs: Tensors, create_graph: bool) -> Tensors:
    """The Jacobian of one output, for each input; None where it does not depend on it."""
    shape, n = o._data.shape, o._data.size
    if o._node is None or not n:
        return (None,) * len(inputs)
    if o._data.dtype.kind == "c":
        raise RuntimeError(
            f"grad can be implicitly created only for real scalar outputs but got torch.{dtypes.of[o._data.dtype].name}"
        )
    units = wrap(np.eye(n, dtype=o._data.dtype).reshape(n, *shape))
    found = grad(
        o, inputs, units, retain_graph=True, create_graph=create_graph, allow_unused=True, is_grads_batched=True
    )
    return tuple(g if g is None else xp.reshape(g, (*shape, *x._data.shape)) for g, x in zip(found, inputs))


def jacobian(
    func: Callable[..., Any], inputs: Any, create_graph: bool = False, strict: bool = False, vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:  # fmt: skip
    """The Jacobian of `func`: shape (*output shape, *input shape), for each output and each input.

    vectorize, strategy: how PyTorch computes it; here they choose only what is refused together with `strict`.

    >>> import microtorch as torch
    >>> torch.autograd.functional.jacobian(lambda x: x * x, torch.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    """
    api = "torch.autograd.functional.jacobian: "
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your function has more outputs '
            'than inputs, "forward-mode" tends to be more performant. Otherwise, prefer to use "reverse-mode".'
        )
    if strategy == "forward-mode":
        for flag, name in ((create_graph, "create_graph"), (strict, "strict")):
            if flag:
                raise NotImplementedError(
                    f'{api}`{name}=True` and `strategy="forward-mode"` are not supported together (yet). Please either '
                    f'set `{name}=False` or `strategy="reverse-mode"`.'
                )
        if not vectorize:
            raise NotImplementedError(
                "Computing Jacobian using forward-AD or forward-over-reverse Hessian is"
                "only implemented for `vectorize=True`."
            )
    with enable_grad():
        several_in, given = _as_tuple(inputs, "inputs", "jacobian")
        xs = _tracked(given, create_graph)
        several_out, outs = _as_tuple(func(*xs), _OUTPUTS, "jacobian")
        _require_recorded(outs, strict, _NO_GRADIENT)
        if strict and vectorize:
            raise RuntimeError(
                f"{api}`strict=True` and `vectorized=True` are not supported together. Please either set "
                "`strict=False` or `vectorize=False`."
            )
        rows: list[Any] = []
        for k, o in enumerate(outs):
            row = []
            for i, (g, x) in enumerate(zip(_rows(o, xs, create_graph), xs)):
                if strict and g is None:
                    raise RuntimeError(
                        f"Output {k} of the user-provided function is independent of input {i}. This is not allowed in "
                        "strict mode."
                    )
                if strict and create_graph and g._node is None:
                    raise RuntimeError(
                        "The jacobian of the user-provided function is independent of "
                        f"input {i}. This is not allowed in strict mode when create_graph=True."
                    )
                row.append(wrap(np.zeros(o._data.shape + x._data.shape, x._data.dtype)) if g is None else g)
            rows.append(_done(row, several_in, create_graph))
    if strategy == "forward-mode":  # (PyTorch gives lists then)
        rows = [list(row) if several_in else row for row in rows]
        return rows if several_out else rows[0]
    return tuple(rows) if several_out else rows[0]


def _one_number(name: str, func: Callable[..., Any], xs: Tensors, strict: bool) -> Any:
    """The function's result, a number."""
    several, outs = _as_tuple(func(*xs), _OUTPUTS, name)
    _require_recorded(outs, strict, _NO_GRADIENT)
    if several:
        raise RuntimeError(f"The function given to {name} should return a single Tensor")
    if outs[0]._data.size != 1:
        raise RuntimeError(f"The Tensor returned by the function given to {name} should contain a single element")
    return outs[0]


def hessian(
    func: Callable[..., Any], inputs: Any, create_graph: bool = False, strict: bool = False, vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:  # fmt: skip
    """The Hessian of a function with one number as its result: (*input shape, *input shape), for each two inputs.

    >>> import microtorch as torch
    >>> torch.autograd.functional.hessian(lambda x: (x**3).sum(), torch.tensor([1.0, 2.0]))
    tensor([[ 6.,  0.],
            [ 0., 12.]])
    """
    if outer_jacobian_strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode".')
    several, given = _as_tuple(inputs, "inputs", "hessian")

    def gradient(*xs: Any) -> Tensors:
        out = _one_number("hessian", func, xs, strict)
        found = _gradients([out], xs, [None], True)
        if strict:
            _require_recorded([g for g in found if g is not None], strict, _LINEAR)
        return _filled(found, xs, strict, False)

    rows = jacobian(gradient, given, create_graph, strict, vectorize, outer_jacobian_strategy)
    return rows if several else rows[0][0]


def vjp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(outputs, v^T J): the product of a vector and the Jacobian, by one backward pass."""
    with enable_grad():
        several_in, given = _as_tuple(inputs, "inputs", "vjp")
        xs = _tracked(given, create_graph)
        several_out, outs = _as_tuple(func(*xs), _OUTPUTS, "vjp")
        _require_recorded(outs, strict, _NO_GRADIENT)
        vs = _vector(v, outs, "vjp", _OUTPUT)
        grads = _filled(_gradients(outs, xs, vs, create_graph), xs, strict, create_graph)
    return _done(outs, several_out, create_graph), _done(grads, several_in, create_graph)


def jvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(outputs, J v): the product of the Jacobian and a vector."""
    with enable_grad():
        _, given = _as_tuple(inputs, "inputs", "jvp")
        xs = _tracked(given, create_graph)
        vs = _vector(v, xs, "jvp", _INPUT)
        several, outs = _as_tuple(func(*xs), _OUTPUTS, "jvp")
        _require_recorded(outs, strict, _NO_GRADIENT)
        seeds = tuple(wrap(np.zeros_like(o._data)) for o in outs)
        for seed in seeds:
            if seed._data.dtype.kind in "fc":
                require_grad(seed)
        back = _gradients(outs, xs, seeds, True)
        if strict:
            _filled(back, xs, strict, False)
        known = tuple(s for s in seeds if s._node is not None)
        found = iter(_gradients(back, known, vs, create_graph))
        products = _filled([None if s._node is None else next(found) for s in seeds], outs, strict, create_graph)
    return _done(outs, several, create_graph), _done(products, several, create_graph)


def vhp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(output, v^T H): the product of a vector and the Hessian of a function with one number as its result."""
    return _hessian_product("vhp", func, inputs, v, create_graph, strict)


def hvp(
    func: Callable[..., Any], inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """(output, H v): the Hessian is symmetric, so this is `vhp`."""
    return _hessian_product("hvp", func, inputs, v, create_graph, strict)


def _hessian_product(
    name: str, func: Callable[..., Any], inputs: Any, v: Any, create_graph: bool, strict: bool
) -> tuple[Any, Any]:
    with enable_grad():
        several, given = _as_tuple(inputs, "inputs", name)
        xs = _tracked(given, create_graph)
        vs = _vector(v, xs, name, _INPUT)
        out = _one_number(name, func, xs, strict)
        first = _gradients([out], xs, [None], True)
        if strict:
            _require_recorded(_filled(first, xs, strict, False), strict, _LINEAR)
        result = _filled(_gradients(first, xs, vs, create_graph), xs, strict, create_graph, "jacobian")
    return _done([out], False, create_graph), _done(result, several, create_graph)
