"""`torch.utils._python_dispatch.TorchDispatchMode`: a mode that sees the operations that functions are made of.

Inside of `with mode:` a call of a public function becomes calls of `torch.ops.aten` (see microtorch/_lowering.py), and
each of them a call of the mode's `__torch_dispatch__`. Of a backward pass it sees the products of matrices and the
convolutions; the other formulas are computed as ever, and unseen. Outside of such modes nothing of this is in the way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from microtorch import _lowering, _overriding as _o
from microtorch._instrument import Instrument
from microtorch._missing import missing_names as _missing_names
from microtorch._ops import DispatchMode, OpOverload
from microtorch._overriding import local as _local
from microtorch.autograd import engine
from microtorch.autograd.modes import no_grad
from microtorch.autograd.node import OpNode
from microtorch.autograd.state import wrap

aten = _lowering.aten


class TorchDispatchMode(DispatchMode, _o.Mode):
    """Base class of modes: inside of `with mode:` its `__torch_dispatch__` gets every operation, and gives its result.

    func is an overload (`torch.ops.aten.mm.default`), types is empty. Operations that it calls itself go to the mode
    around it, if there is one.

    >>> import microtorch as torch
    >>> class Names(TorchDispatchMode):
    ...     def __torch_dispatch__(self, func, types, args=(), kwargs=None):
    ...         print(func)
    ...         return func(*args, **(kwargs or {}))
    >>> layer = torch.nn.Linear(3, 2)
    >>> with Names():
    ...     y = layer(torch.ones(1, 3)).relu()
    aten.ones.default
    aten.t.default
    aten.addmm.default
    aten.relu.default
    """

    def __init__(self, _dispatch_key: Any = None) -> None:
        pass

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """What a public function does inside of the mode."""
        name = _o.name_of(func)
        compute = _lowering.lowered(func, name)
        if compute is None:
            return func(*args, **(kwargs or {}))
        before = _local.modes
        _local.modes = (*before, self)  # while it asks, this mode is taken out
        try:
            return compute(*args, **(kwargs or {}))
        finally:
            _local.modes = before

    def __enter__(self) -> Any:
        _o.activate()
        _watch_backward()
        modes = _local.modes
        inner = next((i for i, m in enumerate(modes) if not isinstance(m, DispatchMode)), len(modes))
        _local.modes = (*modes[:inner], self, *modes[inner:])  # modes of functions come first, that is: last
        return self

    def __exit__(self, *exc: object) -> None:
        modes = list(_local.modes)
        for i in range(len(modes) - 1, -1, -1):
            if modes[i] is self:
                del modes[i]
                break
        _local.modes = tuple(modes)
        _unwatch_backward()
        _o.deactivate()

    def _after_backward(self) -> None:
        """A backward pass is over."""

    @classmethod
    def push(cls, *args: Any, **kwargs: Any) -> Any:
        """An instance (an older spelling)."""
        return cls(*args, **kwargs)


def _get_current_dispatch_mode() -> TorchDispatchMode | None:
    """The innermost mode, or None."""
    found = [m for m in _local.modes if isinstance(m, TorchDispatchMode)]
    return found[-1] if found else None


def is_in_torch_dispatch_mode(include_infra_modes: bool = True) -> bool:
    """True inside of a mode."""
    return _get_current_dispatch_mode() is not None


# backward -------------------------------------------------------------------------------------------------------------


def _mm_grads(call: Any, g: Any, x: Any, y: Any, needs: Sequence[bool]) -> list[Any]:
    """Those of x @ y."""
    to_y = aten.mm(aten.t(x), g) if needs[1] else None
    return [aten.mm(g, aten.t(y)) if needs[0] else None, to_y]


def _bmm_grads(call: Any, g: Any, x: Any, y: Any, needs: Sequence[bool]) -> list[Any]:
    to_y = aten.bmm(aten.transpose(x, 1, 2), g) if needs[1] else None
    return [aten.bmm(g, aten.transpose(y, 1, 2)) if needs[0] else None, to_y]


def _matmul(g: Any, named: dict[str, Any], needs: Sequence[bool]) -> list[Any]:
    return _mm_grads(None, g, named["x"], named["y"], needs)


def _bmm(g: Any, named: dict[str, Any], needs: Sequence[bool]) -> list[Any]:
    return _bmm_grads(None, g, named["x"], named["y"], needs)


def _scaled(g: Any, factor: Any) -> Any:
    return g if factor in (1, None) else aten.mul(g, factor)


def _added(products: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """Those of beta * x + alpha * (a @ b)."""

    def grads(g: Any, named: dict[str, Any], needs: Sequence[bool]) -> list[Any]:
        given = _scaled(g, named["alpha"])
        return [
            _scaled(g, named["beta"]) if needs[0] else None,
            *products(None, given, named["a"], named["b"], needs[1:]),
        ]

    return grads


def _convolution(transposed: bool) -> Callable[..., list[Any]]:
    def grads(g: Any, named: dict[str, Any], needs: Sequence[bool]) -> list[Any]:
        x, weight = named["x"], named["weight"]
        if x is None:  # only the weight's shape was needed, so that the other was not saved
            x = wrap(g._data.__class__(named["x_shape"], g._data.dtype))
        if weight is None:
            weight = wrap(g._data.__class__(named["weight_shape"], g._data.dtype))
        sizes = [list(named[n]) for n in ("stride", "padding", "dilation")]
        bias = [g.shape[1]] if needs[2] else None
        mask = list(map(bool, needs))
        found = aten.convolution_backward(
            g, x, weight, bias, *sizes, transposed, [0] * len(sizes[0]), named["groups"], mask
        )
        return [f if need else None for f, need in zip(found, mask)]

    return grads


_GRADS: dict[str, Callable[..., list[Any]]] = {
    "matmul": _matmul,
    "matmul_batched": _bmm,
    "addmm": _added(_mm_grads),
    "baddbmm": _added(_bmm_grads),
    "conv": _convolution(False),
    "conv_transpose": _convolution(True),
}


def _watch_vjp(label: str, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """A node's step backwards, inside of a mode; products and convolutions are made by operations."""
    node, xp, g, edges, _keep = args
    modes = _local.modes
    if not modes or not _local.everything or not any(isinstance(m, DispatchMode) for m in modes):
        return function(*args, **kwargs)
    formula = _GRADS.get(node.op.name)
    if formula is None or any(v is not None and getattr(v, "ndim", 2) < 2 for v in (g,)):
        _local.modes = ()
        try:
            return function(*args, **kwargs)
        finally:
            _local.modes = modes
    given = g if xp.recorded else wrap(g)
    saved = [wrap(v) if _is_array(v) else v for v in node.unpack(xp.recorded)]
    needs = [edge is not None for edge in edges]
    named = dict(zip(node.op.saved_names, saved))
    if xp.recorded:
        return formula(given, named, needs)
    with no_grad():
        return [None if r is None else r._data for r in formula(given, named, needs)]


def _is_array(value: Any) -> bool:
    return hasattr(value, "__array_interface__") and hasattr(value, "ndim") and not hasattr(value, "_node")


def _watch_run(label: str, function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """A whole backward pass."""
    try:
        return function(*args, **kwargs)
    finally:
        for mode in _local.modes:
            if isinstance(mode, TorchDispatchMode):
                mode._after_backward()


_instruments = Instrument({OpNode.vjp: "vjp"}, _watch_vjp), Instrument({engine.run: "run"}, _watch_run)
_open = 0


def _watch_backward() -> None:
    global _open
    _open += 1
    if _open == 1:
        for instrument in _instruments:
            instrument.start()
        engine.watchers.append(_instruments)


def _unwatch_backward() -> None:
    global _open
    _open -= 1
    if not _open:
        for instrument in _instruments:
            instrument.stop()
        engine.watchers.remove(_instruments)


__all__ = ["OpOverload", "TorchDispatchMode"]


__getattr__ = _missing_names(__name__)
