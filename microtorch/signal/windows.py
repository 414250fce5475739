"""Window functions, as PyTorch's torch.signal.windows has them: tapers that weigh M samples.

sym: symmetric, as for the design of filters; if False, the sample after the last would be the first again, as for
Fourier transforms. dtype: float32 or float64 (default: the default dtype).

F. J. Harris, "On the use of windows for harmonic analysis with the discrete Fourier transform", Proceedings of the IEEE
66 (1978), 51-83.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch import dtypes
from microtorch._missing import missing_names as _missing_names
from microtorch.functions.creation import finish, tensor
from microtorch.functions.ranges import arange, linspace
from microtorch.ops import pointwise as P, reduce as R, shape as S, special as F

if TYPE_CHECKING:
    from microtorch._tensor import Tensor

__all__ = ["bartlett", "blackman", "cosine", "exponential", "gaussian", "general_cosine", "general_hamming", "hamming",
           "hann", "kaiser", "nuttall"]  # fmt: skip


def _dtype(name: str, M: int, dtype: Any, layout: Any) -> dtypes.dtype:
    """The window's dtype, after PyTorch's checks."""
    kind = dtypes.get_default_dtype() if dtype is None else dtype
    if M < 0:
        raise ValueError(f"{name} requires non-negative window length, got M={M}")
    if layout is not None and str(layout) != "torch.strided":
        raise ValueError(f"{name} is implemented for strided tensors only, got: {layout}")
    if kind not in (dtypes.float32, dtypes.float64):
        raise ValueError(f"{name} expects float32 or float64 dtypes, got: {kind}")
    return kind  # type: ignore[no-any-return]


def _ones(n: int, kind: dtypes.dtype, device: Any, requires_grad: bool) -> Tensor:
    """The windows of no sample and of one."""
    return finish(np.ones(n, kind.numpy), requires_grad, device)


def _period(M: int, sym: bool) -> int:
    """How many samples a symmetric window has that goes on to the first sample's repetition."""
    return M if sym or M == 1 else M + 1


def exponential(M: int, *, center: float | None = None, tau: float = 1.0, sym: bool = True, dtype: Any = None,
                layout: Any = None, device: Any = None, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """exp(-|n - center| / tau).

    >>> import microtorch as torch
    >>> torch.signal.windows.exponential(3)
    tensor([0.3679, 1.0000, 0.3679])
    """
    kind = _dtype("exponential", M, dtype, layout)
    if tau <= 0:
        raise ValueError(f"Tau must be positive, got: {tau} instead.")
    if sym and center is not None:
        raise ValueError("Center must be None for symmetric windows")
    if M == 0:
        return _ones(0, kind, device, requires_grad)
    middle = (_period(M, sym) - 1) / 2.0 if center is None else center
    k = linspace(-middle / tau, (M - 1 - middle) / tau, M, dtype=kind, device=device, requires_grad=requires_grad)
    return P.exp(P.neg(P.abs(k)))


def cosine(M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None,
           requires_grad: bool = False) -> Tensor:  # fmt: skip
    """sin(pi (n + 1/2) / M)."""
    kind = _dtype("cosine", M, dtype, layout)
    if M == 0:
        return _ones(0, kind, device, requires_grad)
    step = math.pi / _period(M, sym)
    k = linspace(0.5 * step, (0.5 + M - 1) * step, M, dtype=kind, device=device, requires_grad=requires_grad)
    return P.sin(k)


def gaussian(M: int, *, std: float = 1.0, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None,
             requires_grad: bool = False) -> Tensor:  # fmt: skip
    """exp(-((n - middle) / std)^2 / 2)."""
    kind = _dtype("gaussian", M, dtype, layout)
    if std <= 0:
        raise ValueError(f"Standard deviation must be positive, got: {std} instead.")
    if M == 0:
        return _ones(0, kind, device, requires_grad)
    start, step = -(_period(M, sym) - 1) / 2.0, 1 / (std * math.sqrt(2))
    k = linspace(start * step, (start + M - 1) * step, M, dtype=kind, device=device, requires_grad=requires_grad)
    return P.exp(P.neg(P.mul(k, k)))


def kaiser(M: int, *, beta: float = 12.0, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None,
           requires_grad: bool = False) -> Tensor:  # fmt: skip
    """i0(beta sqrt(1 - t^2)) / i0(beta), t from -1 to 1: the larger beta, the narrower."""
    kind = _dtype("kaiser", M, dtype, layout)
    if beta < 0:
        raise ValueError(f"beta must be non-negative, got: {beta} instead.")
    if M < 2:
        return _ones(M, kind, device, requires_grad)
    rounded = kind.numpy.type(beta)
    step = kind.numpy.type(2) * rounded / (M - 1 if sym else M)
    end = min(rounded, kind.numpy.type(-rounded + (M - 1) * step))
    k = linspace(-float(rounded), float(end), M, dtype=kind, device=device, requires_grad=requires_grad)
    top = tensor(float(rounded), dtype=kind)
    return P.div(F.i0(P.sqrt(P.sub(P.mul(top, top), P.mul(k, k)))), F.i0(top))


def bartlett(M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None,
             requires_grad: bool = False) -> Tensor:  # fmt: skip
    """A triangle from 0 up to 1 and down to 0."""
    kind = _dtype("bartlett", M, dtype, layout)
    if M < 2:
        return _ones(M, kind, device, requires_grad)
    step = 2 / (_period(M, sym) - 1)
    k = linspace(-1, -1 + (M - 1) * step, M, dtype=kind, device=device, requires_grad=requires_grad)
    return P.sub(1, P.abs(k))


def general_cosine(M: int, *, a: Iterable[float], sym: bool = True, dtype: Any = None, layout: Any = None,
                   device: Any = None, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """a[0] - a[1] cos(t) + a[2] cos(2 t) - ..., t from 0 to 2 pi.

    >>> import microtorch as torch
    >>> torch.signal.windows.general_cosine(3, a=[0.5, 0.5])
    tensor([0., 1., 0.])
    """
    kind = _dtype("general_cosine", M, dtype, layout)
    if M < 2:
        return _ones(M, kind, device, requires_grad)
    if not isinstance(a, Iterable):
        raise TypeError("Coefficients must be a list/tuple")
    if not a:
        raise ValueError("Coefficients cannot be empty")
    step = 2 * math.pi / (_period(M, sym) - 1)
    k = linspace(0, (M - 1) * step, M, dtype=kind, device=device, requires_grad=requires_grad)
    weights = tensor([(-1) ** i * w for i, w in enumerate(a)], dtype=kind, requires_grad=requires_grad)
    i = arange(weights._data.shape[0], dtype=kind, requires_grad=requires_grad)
    terms = P.mul(S.unsqueeze(weights, -1), P.cos(P.mul(S.unsqueeze(i, -1), k)))
    return R.sum(terms, (0,), False)


def general_hamming(M: int, *, alpha: float = 0.54, sym: bool = True, dtype: Any = None, layout: Any = None,
                    device: Any = None, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """alpha - (1 - alpha) cos(t)."""
    return general_cosine(M, a=[alpha, 1.0 - alpha], sym=sym, dtype=dtype, layout=layout, device=device,
                          requires_grad=requires_grad)  # fmt: skip


def hamming(M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None,
            requires_grad: bool = False) -> Tensor:  # fmt: skip
    """Hamming's window: 0.54 - 0.46 cos(t)."""
    return general_hamming(M, sym=sym, dtype=dtype, layout=layout, device=device, requires_grad=requires_grad)


def hann(M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None,
         requires_grad: bool = False) -> Tensor:  # fmt: skip
    """Hann's window: (1 - cos(t)) / 2."""
    return general_hamming(M, alpha=0.5, sym=sym, dtype=dtype, layout=layout, device=device,
                           requires_grad=requires_grad)  # fmt: skip


def blackman(M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None,
             requires_grad: bool = False) -> Tensor:  # fmt: skip
    """Blackman's window: 0.42 - 0.5 cos(t) + 0.08 cos(2 t)."""
    _dtype("blackman", M, dtype, layout)
    return general_cosine(M, a=[0.42, 0.5, 0.08], sym=sym, dtype=dtype, layout=layout, device=device,
                          requires_grad=requires_grad)  # fmt: skip


def nuttall(M: int, *, sym: bool = True, dtype: Any = None, layout: Any = None, device: Any = None,
            requires_grad: bool = False) -> Tensor:  # fmt: skip
    """Nuttall's window, of four cosines (IEEE Transactions on Acoustics, Speech, and Signal Processing 29 (1981))."""
    return general_cosine(M, a=[0.3635819, 0.4891775, 0.1365995, 0.0106411], sym=sym, dtype=dtype, layout=layout,
                          device=device, requires_grad=requires_grad)  # fmt: skip


__getattr__ = _missing_names(__name__)
