"""Discrete Fourier transforms: NumPy's, or SciPy's where it is installed (extra `scipy`), which is up to ten times
faster. Both are M. Reinecke's pocketfft, after J. W. Cooley and J. W. Tukey (1965) and L. I. Bluestein (1970)."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Callable
from typing import Any

import numpy as np

from microtorch.kernels.quiet import quiet

_SMALL = 8192  # elements below which loading SciPy is not worth it


@functools.cache
def _scipy_fft() -> Any:
    """SciPy's transforms; None if it is not installed."""
    if importlib.util.find_spec("scipy") is None:
        return None
    import scipy.fft

    return scipy.fft


def _library(x: Any) -> Any:
    return np.fft if x.size < _SMALL else _scipy_fft() or np.fft


def _scaled(out: Any, scale: float) -> Any:
    """A fresh transform times a number, in place."""
    if scale != 1:
        out *= scale
    return out


def _innermost(x: Any, axes: tuple[int, ...], half: bool) -> list[int]:
    """The order in memory of a transform: within the other axes, those transformed, both as they are in x.

    half: the last of them comes last whatever x is like. (_exec_fft and _sort_dims in ATen's mkl/SpectralOps.cpp)
    """
    steps = x.strides
    whole = axes[:-1] if half else axes
    order = sorted((i for i in range(x.ndim) if i not in axes), key=lambda i: -steps[i])
    order += sorted(whole, key=lambda i: -steps[i])
    return [*order, axes[-1]] if half else order


def _laid_out(x: Any, axes: tuple[int, ...], half: bool, transform: Callable[[Any, tuple[int, ...]], Any]) -> Any:
    """transform(x, axes), computed with the axes in the order that PyTorch's result has in memory."""
    if type(x) is not np.ndarray or x.ndim < 2:
        return transform(x, axes)
    order = _innermost(x, axes, half)
    if order == [*range(x.ndim)] and x.flags.c_contiguous:
        return transform(x, axes)
    out = transform(x.transpose(order), tuple([order.index(a) for a in axes]))
    return np.ascontiguousarray(out).transpose(np.argsort(order))


@quiet
def fft(x: Any, axes: tuple[int, ...], forward: bool, scale: float) -> Any:
    """The sums of x[n] exp(-+ 2 pi i k n / N) over the axes, times `scale`."""
    library = _library(x)
    if library is np.fft and len(axes) == 1:
        return _laid_out(x, axes, False, lambda x, axes: _one_axis(x, axes[0], forward, scale))
    transform = library.fftn if forward else library.ifftn
    norm = "backward" if forward else "forward"
    return _laid_out(x, axes, False, lambda x, axes: _scaled(transform(x, axes=axes, norm=norm), scale))


def _one_axis(x: Any, axis: int, forward: bool, scale: float) -> Any:
    """NumPy's transform along one axis. Single precision without a factor takes its slow way through double: for a
    power of two the factor 1 / n, and n undone, change nothing else."""
    n = x.shape[axis]
    transform = np.fft.fft if forward else np.fft.ifft
    if n & (n - 1) == 0 and n and x.dtype == np.complex64:
        return _scaled(transform(x, axis=axis, norm="forward" if forward else "backward"), scale * n)
    return _scaled(transform(x, axis=axis, norm="backward" if forward else "forward"), scale)


@quiet
def rfft(x: Any, axes: tuple[int, ...], scale: float) -> Any:
    """The transform of real numbers over the axes, of which the last has the first half only: the rest follows."""
    library = _library(x)
    if len(axes) == 1:
        return _laid_out(x, axes, True, lambda x, axes: _scaled(library.rfft(x, axis=axes[0]), scale))
    return _laid_out(x, axes, True, lambda x, axes: _scaled(library.rfftn(x, axes=axes), scale))


@quiet
def fft_of_real(x: Any, axes: tuple[int, ...], forward: bool, scale: float) -> Any:
    """`fft` of real numbers: at -k it is the conjugate of what it is at k, so that half of it is computed."""

    def whole(x: Any, axes: tuple[int, ...]) -> Any:
        half = rfft(x, axes, scale)
        if not forward:
            np.conj(half, half)
        others, last = axes[:-1], axes[-1]
        back = half.swapaxes(last, -1)[..., (x.shape[last] - 1) // 2 : 0 : -1].swapaxes(last, -1)
        return np.concatenate((half, np.conj(np.roll(np.flip(back, others), 1, others))), last)

    return _laid_out(x, axes, False, whole)


@quiet
def irfft(x: Any, n: int, axis: int, scale: float) -> Any:
    """The n real numbers of which x is half the transform, the other way round (times n)."""
    library = _library(x)
    return _laid_out(x, (axis,), True, lambda x, axes: _scaled(library.irfft(x, n, axes[0], "forward"), scale))


def weights_of_half(n: int, size: int, axis: int, ndim: int, dtype: Any) -> Any:
    """For how many elements of a transform of n each of its half's `size` stands: all but the first (and for even n
    the last) for two."""
    twice = np.ones(size, dtype)
    twice[1 : (n + 1) // 2] = 2
    return twice.reshape((size,) + (1,) * (ndim - axis - 1))
