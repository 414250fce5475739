"""Gradients compared with finite differences."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from microtorch.autograd.engine import grad
from microtorch.autograd.forward_ad import dual_level, make_dual
from microtorch.autograd.modes import enable_grad, mode, no_grad
from microtorch.autograd.node import require_grad
from microtorch.autograd.source import Linearized, starts
from microtorch.autograd.state import TensorBase, wrap
from microtorch.random import default_generator


class GradcheckError(RuntimeError):
    """A gradient differs from the finite difference."""


def _tensors(value: Any) -> tuple[Any, ...]:
    return (value,) if isinstance(value, TensorBase) else tuple(v for v in value if isinstance(v, TensorBase))


def _numerical(fn: Callable[..., Any], inputs: Sequence[Any], which: int, eps: float) -> list[Any]:
    """For each output, the Jacobian (input elements x output elements) by central differences, in the input's memory.

    A complex input gives two rows of differences for each element: along 1 and along i.
    """
    data = inputs[which]._data
    rows: list[list[Any]] = []
    with no_grad():
        for place in np.ndindex(data.shape):
            old = data[place]
            for step in (eps, eps * 1j) if data.dtype.kind == "c" else (eps,):
                data[place] = old + step
                high = [o._data.copy() for o in _tensors(fn(*inputs))]
                data[place] = old - step
                low = [o._data.copy() for o in _tensors(fn(*inputs))]
                data[place] = old
                rows.append([((h - w) / (2 * eps)).reshape(-1) for h, w in zip(high, low)])
    count = len(rows[0]) if rows else 0
    return [np.array([r[i] for r in rows]) for i in range(count)]


def _analytical(outputs: Sequence[Any], x: Any) -> list[Any]:
    """The same Jacobians, a backward pass for each output element (two for complex ones)."""
    result = []
    for o in outputs:
        columns = []
        for place in np.ndindex(o._data.shape):
            parts = []
            for unit in (1, 1j) if o._data.dtype.kind == "c" else (1,):
                seed = np.zeros(o._data.shape, o._data.dtype)
                seed[place] = unit
                (g,) = grad(o, x, wrap(seed), retain_graph=True, allow_unused=True)
                flat = np.zeros(x._data.size, x._data.dtype) if g is None else g._data.reshape(-1)
                parts.append(np.stack([flat.real, flat.imag], 1).reshape(-1) if flat.dtype.kind == "c" else flat)
            columns.append(parts[0] + 1j * parts[1] if len(parts) == 2 else parts[0])
        n = x._data.size * (2 if x._data.dtype.kind == "c" else 1)
        result.append(np.array(columns).T if columns else np.zeros((n, 0)))
    return result


def _forward(func: Callable[..., Any], arguments: Sequence[Any], which: int) -> list[Any]:
    """The same Jacobians by forward mode, a product for each input element (two for complex ones)."""
    x = arguments[which]
    with dual_level():
        inside = make_dual(wrap(x._data), wrap(np.zeros_like(x._data)))
        begin = starts([inside])
        outs = _tensors(func(*[inside if i == which else a for i, a in enumerate(arguments)]))
        linear = Linearized(mode.duals[-1].own, [o for o in outs if o._data.dtype.kind in "fc"], begin)
    rows = []
    for place in np.ndindex(x._data.shape):
        for step in (1, 1j) if x._data.dtype.kind == "c" else (1,):
            unit = np.zeros(x._data.shape, x._data.dtype)
            unit[place] = step
            rows.append([t._data.reshape(-1) for t in linear.push([wrap(unit)], False)])
    return [np.array([r[k] for r in rows]) for k in range(len(rows[0]) if rows else 0)]


def _check_batched(outputs: Sequence[Any], x: Any) -> None:
    """Two gradients at once must be the two gradients.

    Raises GradcheckError otherwise.
    """
    for o in outputs:
        seeds = np.stack([np.ones_like(o._data), np.arange(o._data.size).reshape(o._data.shape).astype(o._data.dtype)])
        options: dict[str, Any] = {"retain_graph": True, "allow_unused": True}
        (both,) = grad(o, x, wrap(seeds), is_grads_batched=True, **options)
        for k in range(2):
            (one,) = grad(o, x, wrap(seeds[k]), **options)
            if (one is None) != (both is None) or (one is not None and not np.allclose(one._data, both._data[k])):
                raise GradcheckError("gradcheck or gradgradcheck failed while testing batched gradient computation.")


def gradcheck(
    func: Callable[..., Any],
    inputs: Any,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_batched_forward_grad: bool = False,
    check_forward_ad: bool = False,
    check_backward_ad: bool = True,
    fast_mode: bool = False,
    masked: bool | None = None,
) -> bool:
    """True if the gradients of `func` with respect to the inputs that require one agree with central differences.

    inputs: float64 (or complex128) tensors. Raises GradcheckError on a difference (or returns False, if not
    raise_exception), ValueError if no input requires a gradient.

    >>> import microtorch as torch
    >>> x = torch.randn(3, dtype=torch.float64, requires_grad=True)
    >>> torch.autograd.gradcheck(lambda x: (x * x).exp(), x)
    True
    """
    if not (check_backward_ad or check_forward_ad):
        raise AssertionError("Expected at least one of check_forward_ad or check_backward_ad to be True")
    if check_batched_forward_grad and not check_forward_ad:
        raise AssertionError("Setting check_batched_forward_grad=True requires check_forward_ad to be True")
    arguments = (inputs,) if isinstance(inputs, TensorBase) else tuple(inputs)
    sources = [i for i, x in enumerate(arguments) if isinstance(x, TensorBase) and x._node is not None]
    if not sources:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of them have requires_grad=True."
        )
    for i in sources:
        if arguments[i]._data.dtype.char not in "dD":
            warnings.warn(
                f"Input #{i} requires gradient and is not a double precision floating point or complex. This check "
                "will likely fail if all the inputs are not of double precision floating point or complex. ",
                stacklevel=2,
            )
    with enable_grad():
        outputs = [o for o in _tensors(func(*arguments)) if o._data.dtype.kind in "fc"]
    recorded = [o for o in outputs if o._node is not None]
    try:
        for i in sources:
            x = arguments[i]
            numerical = _numerical(func, arguments, i, eps)
            if not recorded:
                if any(n.size and np.any(np.abs(n) > atol) for n in numerical):
                    raise GradcheckError(f"Numerical gradient for function expected to be zero, input {i}")
                continue
            if check_forward_ad:
                for k, (a, n) in enumerate(zip(_forward(func, arguments, i), numerical)):
                    if not np.allclose(a, n, rtol, atol, equal_nan=True):
                        raise GradcheckError(
                            f"Jacobian computed with forward mode mismatch for output {k} with respect to input {i},\n"
                            f"numerical:{wrap(n)}\nanalytical:{wrap(a)}\n"
                        )
            if not check_backward_ad:
                continue
            if check_batched_grad:
                _check_batched(recorded, x)
            analytical = _analytical(recorded, x)
            numerical = [n for n, o in zip(numerical, outputs) if o._node is not None]
            for k, (a, n) in enumerate(zip(analytical, numerical)):
                # The gradient of a real loss is the conjugate of the derivative; finite differences have the
                # derivative.
                if not np.allclose(
                    np.conj(a) if a.dtype.kind == "c" else a, n, rtol, atol, equal_nan=True
                ) and not np.allclose(a, n, rtol, atol, equal_nan=True):
                    raise GradcheckError(
                        f"Jacobian mismatch for output {k} with respect to input {i},\nnumerical:{wrap(n)}\n"
                        f"analytical:{wrap(a)}\n"
                    )
            if nondet_tol is not None:
                for a, b in zip(analytical, _analytical(recorded, x)):
                    if not np.allclose(a, b, 0, nondet_tol, equal_nan=True):
                        raise GradcheckError("Backward is not reentrant: the same gradient came out differently twice.")
            if check_grad_dtypes:
                for o in recorded:
                    (g,) = grad(o, x, wrap(np.ones_like(o._data)), retain_graph=True, allow_unused=True)
                    if g is not None and g._data.dtype != x._data.dtype:
                        raise GradcheckError(
                            f"Gradient of input {i} has dtype {g._data.dtype}, expected {x._data.dtype}"
                        )
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def gradgradcheck(
    func: Callable[..., Any],
    inputs: Any,
    grad_outputs: Any = None,
    *,
    eps: float = 1e-6,
    atol: float = 1e-5,
    rtol: float = 1e-3,
    gen_non_contig_grad_outputs: bool = False,
    raise_exception: bool = True,
    nondet_tol: float = 0.0,
    check_undefined_grad: bool = True,
    check_grad_dtypes: bool = False,
    check_batched_grad: bool = False,
    check_fwd_over_rev: bool = False,
    check_rev_over_rev: bool = True,
    fast_mode: bool = False,
    masked: bool = False,
) -> bool:
    """`gradcheck` of the gradients themselves: second derivatives, with gradients of the outputs drawn from -1..1."""
    arguments = (inputs,) if isinstance(inputs, TensorBase) else tuple(inputs)
    with enable_grad():
        outputs = [o for o in _tensors(func(*arguments)) if o._node is not None]
    if grad_outputs is None:
        seeds: list[Any] = []
        for o in outputs:
            values = np.empty_like(o._data, order="C")
            real = values.reshape(-1).view(values.real.dtype)  # of a complex array: both parts, twice as long
            default_generator.stream.fill(real, "uniform", -1.0, 1.0)
            seed = wrap(values)
            require_grad(seed)
            seeds.append(seed)
    else:
        seeds = list(_tensors(grad_outputs))
    n = len(arguments)

    def gradients(*both: Any) -> Any:
        args = both[:n]
        with enable_grad():
            outs = [o for o in _tensors(func(*args)) if o._node is not None]
            wanted = [a for a in args if isinstance(a, TensorBase) and a._node is not None]
            found = grad(outs, wanted, both[n:], create_graph=True, allow_unused=True)
        return tuple(g for g in found if g is not None)

    with no_grad():
        pass
    return gradcheck(
        gradients, (*arguments, *seeds), eps=eps, atol=atol, rtol=rtol, raise_exception=raise_exception,
        nondet_tol=nondet_tol, check_grad_dtypes=check_grad_dtypes,
        check_batched_grad=check_batched_grad, check_forward_ad=check_fwd_over_rev,
        check_backward_ad=check_rev_over_rev,
    )  # fmt: skip
