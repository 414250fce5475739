"""Discrete Fourier transforms, with the signatures of torch.fft.

n (s for several dimensions): the input is cut or filled up with zeros to this size first. norm: where the factor 1 / n
goes, "backward" (into the inverse), "forward", or "ortho" (1 / sqrt(n) into both).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch import dtypes
from microtorch.functions.arguments import axis_of, named, need_tensor, numpy_dtype, takes_out
from microtorch.functions.complex import conj
from microtorch.functions.creation import check_sizes, finish
from microtorch.functions.pointwise import type_name
from microtorch.functions.reduce import as_floats
from microtorch.functions.shape import roll
from microtorch.ops import fft as F, index as I, pointwise as P

if TYPE_CHECKING:
    from microtorch._tensor import Tensor


def _scale(norm: str | None, n: int, forward: bool) -> float:
    """The factor of a transform of n points."""
    if norm in (None, "backward"):
        return 1.0 if forward else 1.0 / n
    if norm == "forward":
        return 1.0 / n if forward else 1.0
    if norm == "ortho":
        return 1.0 / math.sqrt(n)
    raise RuntimeError(f'Invalid normalization mode: "{norm}"')


def _ready(input: Any, real: str = "") -> Any:
    """The input as floats or complex numbers; real: the function that takes no complex ones."""
    need_tensor(real or "fft", input)
    if input._data.dtype.kind == "f" and input._data.itemsize == 2:
        raise RuntimeError(f"Unsupported dtype {type_name(input)}")
    if real in ("ihfft2", "ihfftn") and input._data.dtype.kind == "c":
        raise RuntimeError(f"Only supports floating-point dtypes, but found: {type_name(input)}")
    if real and input._data.dtype.kind == "c":
        what = "a real-valued input tensor" if real.endswith(("n", "2")) else "a real input tensor"
        raise RuntimeError(f"{real} expects {what}, but got {type_name(input)}")
    return as_floats(input)


def _axis(dim: int, input: Any) -> int:
    if not input._data.ndim:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return axis_of(dim, input._data.ndim)


def _resized(input: Any, axis: int, n: int) -> Any:
    """Cut or filled up with zeros to n elements along an axis."""
    if n < 1:
        raise RuntimeError(f"Invalid number of data points ({n}) specified")
    shape = input._data.shape
    if n < shape[axis]:
        return I.slice_(input, (slice(None),) * axis + (slice(0, n), ...))
    if n > shape[axis]:
        return I.embed(input, (*shape[:axis], n, *shape[axis + 1 :]), tuple(slice(k) for k in shape))
    return input


def _count(input: Any, axes: Sequence[int]) -> int:
    return max(math.prod([input._data.shape[a] for a in axes]), 1)


def _c2c(input: Any, axes: Sequence[int], forward: bool, norm: str | None) -> Any:
    return F.fft(input, tuple(axes), forward, _scale(norm, _count(input, axes), forward))


def _one(input: Any, n: int | None, dim: int, norm: str | None, forward: bool) -> Any:
    input = _ready(input)
    axis = _axis(dim, input)
    input = _resized(input, axis, input._data.shape[axis] if n is None else n)
    entry = F.fft if input._data.dtype.kind == "c" else F.fft_of_real
    return entry(input, (axis,), forward, _scale(norm, _count(input, (axis,)), forward))


@takes_out
def fft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The Fourier transform along one dimension.

    >>> import microtorch as torch
    >>> torch.fft.fft(torch.tensor([0., 1., 0., 0.]))
    tensor([ 1.+0.j,  0.-1.j, -1.+0.j,  0.+1.j])
    """
    return _one(input, n, dim, norm, True)


@takes_out
def ifft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The inverse Fourier transform along one dimension."""
    return _one(input, n, dim, norm, False)


@takes_out
def rfft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The first half of the Fourier transform of real numbers: n // 2 + 1 complex ones.

    >>> import microtorch as torch
    >>> torch.fft.rfft(torch.ones(4))
    tensor([4.+0.j, 0.+0.j, 0.+0.j])
    """
    input = _ready(input, "rfft")
    axis = _axis(dim, input)
    input = _resized(input, axis, input._data.shape[axis] if n is None else n)
    return _half(input, (axis,), norm, True)


def _half(input: Any, axes: Sequence[int], norm: str | None, forward: bool) -> Any:
    return F.rfft(input, tuple(axes), _scale(norm, _count(input, axes), forward))


@takes_out
def irfft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The real numbers (n, by default an even number) of which the input is half the Fourier transform."""
    input = _ready(input)
    return _from_half(input, _axis(dim, input), n, norm, False)


def _from_half(input: Any, axis: int, n: int | None, norm: str | None, forward: bool) -> Any:
    if n is None:
        n = 2 * (input._data.shape[axis] - 1)
    if n < 1:
        raise RuntimeError(f"Invalid number of data points ({n}) specified")
    input = _complex(_resized(input, axis, n // 2 + 1))
    return F.irfft(input, n, axis, _scale(norm, n, forward))


def _complex(input: Any) -> Any:
    kind = input._data.dtype
    return input if kind.kind == "c" else P.cast(input, dtypes.C128 if kind == dtypes.F64 else dtypes.C64)


@takes_out
def hfft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The (real) Fourier transform of a signal that is Hermitian in time, from its first half."""
    input = _ready(input)
    return _from_half(conj(input), _axis(dim, input), n, norm, True)


@takes_out
def ihfft(input: Any, n: int | None = None, dim: int = -1, norm: str | None = None) -> Tensor:
    """The inverse of `hfft`: the first half of a Hermitian signal, from its real transform."""
    input = _ready(input, "ihfft")
    axis = _axis(dim, input)
    input = _resized(input, axis, input._data.shape[axis] if n is None else n)
    return conj(_half(input, (axis,), norm, False))


# several dimensions ---------------------------------------------------------------------------------------------------


def _axes(input: Any, s: Any, dim: Any) -> tuple[list[int], list[int]]:
    """The axes, and the size along each (-1: as it is)."""
    ndim = input._data.ndim
    if isinstance(s, int):
        s = (s,)
    if isinstance(dim, int):
        dim = (dim,)
    if dim is None:
        if s is not None and len(s) > ndim:
            raise RuntimeError(f"Got shape with {len(s)} values but input tensor only has {ndim} dimensions.")
        axes = list(range(ndim) if s is None else range(ndim - len(s), ndim))
    else:
        axes = [_axis(d, input) for d in dim]
        if len(set(axes)) != len(axes):
            raise RuntimeError("FFT dims must be unique")
        if s is not None and len(s) != len(axes):
            raise RuntimeError("When given, dim and shape arguments must have the same length")
    sizes = [-1] * len(axes) if s is None else list(s)
    return axes, sizes


def _sized(input: Any, axes: list[int], sizes: list[int]) -> Any:
    for a, n in zip(axes, sizes):
        input = _resized(input, a, input._data.shape[a] if n == -1 else n)
    return input


def _several(input: Any, s: Any, dim: Any, norm: str | None, forward: bool) -> Any:
    input = _ready(input)
    axes, sizes = _axes(input, s, dim)
    input = _sized(input, axes, sizes)
    return _c2c(input, axes, forward, norm) if axes else _complex(input)


@takes_out
def fftn(input: Any, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """The Fourier transform along several dimensions (default: all)."""
    return _several(input, s, dim, norm, True)


@takes_out
def ifftn(input: Any, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """The inverse Fourier transform along several dimensions (default: all)."""
    return _several(input, s, dim, norm, False)


def _need_axes(name: str, axes: list[int]) -> None:
    if not axes:
        raise RuntimeError(f"{name} must transform at least one axis")


@takes_out
def rfftn(input: Any, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """The Fourier transform of real numbers along several dimensions, half of the last one."""
    input = _ready(input, "rfftn")
    axes, sizes = _axes(input, s, dim)
    _need_axes("rfftn", axes)
    return _half(_sized(input, axes, sizes), axes, norm, True)


def _from_halfn(name: str, input: Any, s: Any, dim: Any, norm: str | None, forward: bool) -> Any:
    input = _ready(input)
    axes, sizes = _axes(input, s, dim)
    _need_axes(name, axes)
    input = _complex(_sized(input, axes[:-1], sizes[:-1]))
    n = 2 * (input._data.shape[axes[-1]] - 1) if sizes[-1] == -1 else sizes[-1]
    if n < 1:
        raise RuntimeError(f"Invalid number of data points ({n}) specified")
    if len(axes) > 1:
        input = _c2c(_resized(input, axes[-1], n // 2 + 1), axes[:-1], forward, norm)
    return _from_half(conj(input) if forward else input, axes[-1], n, norm, forward)


@takes_out
def irfftn(input: Any, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """The real numbers of which the input is the Fourier transform along several dimensions, half of the last one."""
    return _from_halfn("irfftn", input, s, dim, norm, False)


@takes_out
def hfftn(input: Any, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """The (real) Fourier transform of a Hermitian signal in several dimensions, half of the last one given."""
    return _from_halfn("hfftn", input, s, dim, norm, True)


@takes_out
def ihfftn(input: Any, s: Any = None, dim: Any = None, norm: str | None = None) -> Tensor:
    """The inverse of `hfftn`."""
    input = _ready(input, "ihfftn")
    axes, sizes = _axes(input, s, dim)
    _need_axes("ihfftn", axes)
    half = conj(_half(_sized(input, axes, sizes), axes[-1:], norm, False))
    return _c2c(half, axes[:-1], False, norm) if len(axes) > 1 else half


def _in_two(transform: Any) -> Any:
    """The function of the same transform along the last two dimensions, unless others are given."""
    name = f"{transform.__name__[:-1]}2"

    def call(input: Any, s: Any = None, dim: Any = (-2, -1), norm: str | None = None) -> Tensor:
        return transform(input, s, dim, norm)

    return takes_out(named(call, name, f"`{transform.__name__}` along the last two dimensions."))


fft2, ifft2, rfft2, irfft2 = _in_two(fftn), _in_two(ifftn), _in_two(rfftn), _in_two(irfftn)
hfft2, ihfft2 = _in_two(hfftn), _in_two(ihfftn)


# frequencies and their order ------------------------------------------------------------------------------------------


def _frequencies(name: str, values: Any, n: int, d: float, dtype: Any, device: Any, requires_grad: bool) -> Any:
    kind = dtypes.default.float if dtype is None else numpy_dtype(dtype)
    if kind.kind not in "fc":
        raise RuntimeError(f"{name} requires a floating point or complex dtype")
    if n < 0:
        check_sizes((n,))
    return finish(
        (values.astype(kind) * kind.type(1.0 / (n * d) if n * d else np.inf)).astype(kind), requires_grad, device
    )


@takes_out
def fftfreq(
    n: int, d: float = 1.0, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """The frequencies of `fft`'s n elements, for samples at distance d."""
    whole = np.arange(n)
    return _frequencies("fftfreq", np.where(whole < (n + 1) // 2, whole, whole - n), n, d, dtype, device, requires_grad)


@takes_out
def rfftfreq(
    n: int, d: float = 1.0, *, dtype: Any = None, layout: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """The frequencies of `rfft`'s n // 2 + 1 elements, for samples at distance d."""
    return _frequencies("rfftfreq", np.arange(n // 2 + 1), n, d, dtype, device, requires_grad)


def _shifts(input: Any, dim: Any) -> list[int]:
    dims = range(input._data.ndim) if dim is None else (dim,) if isinstance(dim, int) else dim
    return [axis_of(d, input._data.ndim) for d in dims]


def fftshift(input: Any, dim: Any = None) -> Tensor:
    """The elements of a transform with frequency 0 in the middle."""
    axes = _shifts(input, dim)
    return roll(input, tuple(input._data.shape[a] // 2 for a in axes), tuple(axes)) if axes else input


def ifftshift(input: Any, dim: Any = None) -> Tensor:
    """The inverse of `fftshift`."""
    axes = _shifts(input, dim)
    return roll(input, tuple((input._data.shape[a] + 1) // 2 for a in axes), tuple(axes)) if axes else input
