"""Window functions under their names in torch, with PyTorch's signatures; those of torch.signal.windows are there.

periodic: for use with a Fourier transform of that length, the sample after the last would be the first again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch import dtypes
from microtorch.functions.arguments import number_of
from microtorch.functions.creation import dtype_argument, finish
from microtorch.kernels import windows as K
from microtorch.size import require_strided

if TYPE_CHECKING:
    from microtorch._tensor import Tensor


def _window(name: str, make: Callable[[int, Any], Any], n: Any, periodic: bool, dtype: Any, layout: Any, device: Any,
            requires_grad: bool) -> Tensor:  # fmt: skip
    """n samples of `make(samples, dtype)` after PyTorch's checks."""
    n = number_of(name, n, "window_length", 1, "int")
    if layout is not None:
        require_strided(layout)
    kind = dtype_argument(name, dtype) or dtypes.default.float
    if kind.kind not in "fc":
        raise RuntimeError(f"{name} expects floating point dtypes, got: TensorOptions(dtype={dtypes.c_name(kind)})")
    if n < 0:
        raise RuntimeError(f"{name} requires non-negative window_length, got window_length={n}")
    if kind.kind == "c":
        raise NotImplementedError(f"\"arange_cpu\" not implemented for '{dtypes.of[kind].type_name}'")
    data = np.ones(n, kind) if n < 2 else make(n + bool(periodic), kind)[:n]
    return finish(data, requires_grad, device)


def bartlett_window(window_length: int, periodic: bool = True, *, dtype: Any = None, layout: Any = None,
                    device: Any = None, pin_memory: bool = False, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """Bartlett's window: a triangle from 0 to 1 and back.

    >>> import microtorch as torch
    >>> torch.bartlett_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _window("bartlett_window", K.bartlett, window_length, periodic, dtype, layout, device, requires_grad)


def _cosines(name: str, n: int, periodic: bool, weights: tuple[float, ...], *rest: Any) -> Tensor:
    return _window(name, lambda samples, kind: K.cosines(samples, weights, kind), n, periodic, *rest)


def hann_window(window_length: int, periodic: bool = True, *, dtype: Any = None, layout: Any = None,
                device: Any = None, pin_memory: bool = False, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """Hann's window: (1 - cos(t)) / 2.

    >>> import microtorch as torch
    >>> torch.hann_window(4)
    tensor([0.0000, 0.5000, 1.0000, 0.5000])
    """
    return _cosines("hann_window", window_length, periodic, (0.5, 0.5), dtype, layout, device, requires_grad)


def hamming_window(window_length: int, periodic: bool = True, alpha: float = 0.54, beta: float = 0.46, *,
                   dtype: Any = None, layout: Any = None, device: Any = None, pin_memory: bool = False,
                   requires_grad: bool = False) -> Tensor:  # fmt: skip
    """Hamming's window: alpha - beta cos(t)."""
    alpha, beta = number_of("hamming_window", alpha, "alpha", 3), number_of("hamming_window", beta, "beta", 4)
    return _cosines("hamming_window", window_length, periodic, (alpha, beta), dtype, layout, device, requires_grad)


def blackman_window(window_length: int, periodic: bool = True, *, dtype: Any = None, layout: Any = None,
                    device: Any = None, pin_memory: bool = False, requires_grad: bool = False) -> Tensor:  # fmt: skip
    """Blackman's window: 0.42 - 0.5 cos(t) + 0.08 cos(2 t)."""
    weights = (0.42, 0.5, 0.08)
    return _cosines("blackman_window", window_length, periodic, weights, dtype, layout, device, requires_grad)


def kaiser_window(window_length: int, periodic: bool = True, beta: float = 12.0, *, dtype: Any = None,
                  layout: Any = None, device: Any = None, pin_memory: bool = False,
                  requires_grad: bool = False) -> Tensor:  # fmt: skip
    """Kaiser's window: i0(beta sqrt(1 - t^2)) / i0(beta)."""
    beta = number_of("kaiser_window", beta, "beta", 3)
    return _window("kaiser_window", lambda samples, kind: K.kaiser(samples, beta, kind), window_length, periodic, dtype,
                   layout, device, requires_grad)  # fmt: skip
