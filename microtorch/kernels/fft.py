"""Discrete Fourier transforms: NumPy's, or SciPy's where it is installed (extra `scipy`), which is up to ten times
faster. Both are M. Reinecke's pocketfft, after J. W. Cooley and J. W. Tukey (1965) and L. I. Bluestein (1970)."""

from __future__ import annotations

import functools
import importlib.util
from typing import Any

import numpy as np

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


def fft(x: Any, axes: tuple[int, ...], forward: bool, scale: float) -> Any:
    """The sums of x[n] exp(-+ 2 pi i k n / N) over the axes, times `scale`; of real numbers, too."""
    library = _library(x)
    if library is np.fft and len(axes) == 1:
        return _one_axis(x, axes[0], forward, scale)
    transform = library.fftn if forward else library.ifftn
    return _scaled(transform(x, axes=axes, norm="backward" if forward else "forward"), scale)


def _one_axis(x: Any, axis: int, forward: bool, scale: float) -> Any:
    """NumPy's transform along one axis. Single precision without a factor takes its slow way through double: for a
    power of two the factor 1 / n, and n undone, change nothing else."""
    n = x.shape[axis]
    transform = np.fft.fft if forward else np.fft.ifft
    if n & (n - 1) == 0 and n and x.dtype == np.complex64:
        return _scaled(transform(x, axis=axis, norm="forward" if forward else "backward"), scale * n)
    return _scaled(transform(x, axis=axis, norm="backward" if forward else "forward"), scale)


def rfft(x: Any, axes: tuple[int, ...], scale: float) -> Any:
    """The transform of real numbers over the axes, of which the last has the first half only: the rest follows."""
    library = _library(x)
    return _scaled(library.rfft(x, axis=axes[0]) if len(axes) == 1 else library.rfftn(x, axes=axes), scale)


def irfft(x: Any, n: int, axis: int, scale: float) -> Any:
    """The n real numbers of which x is half the transform, the other way round (times n)."""
    return _scaled(_library(x).irfft(x, n, axis, "forward"), scale)


def weights_of_half(n: int, size: int, axis: int, ndim: int, dtype: Any) -> Any:
    """For how many elements of a transform of n each of its half's `size` stands: all but the first (and for even n
    the last) for two."""
    twice = np.ones(size, dtype)
    twice[1 : (n + 1) // 2] = 2
    return twice.reshape((size,) + (1,) * (ndim - axis - 1))
