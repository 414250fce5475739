"""Fourier transforms of short pieces of a signal, and the way back: torch.stft and torch.istft.

J. B. Allen, L. R. Rabiner, "A unified approach to short-time Fourier analysis and synthesis", Proceedings of the IEEE
65 (1977), 1558-1564; D. W. Griffin, J. S. Lim, "Signal estimation from modified short-time Fourier transform", IEEE
Transactions on Acoustics, Speech, and Signal Processing 32 (1984), 236-243.
"""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch.autograd.state import wrap
from microtorch.functions.arguments import need_tensor
from microtorch.functions.pointwise import same_dtype, type_name
from microtorch.kernels import vision as VK
from microtorch.ops import fft as F, index as I, pointwise as P, shape as S, vision as V

if TYPE_CHECKING:
    from microtorch._tensor import Tensor


def _shown(value: Any) -> str:
    """An optional argument as PyTorch's messages show it: bools are 0 and 1."""
    return str(int(value)) if isinstance(value, bool) else str(value)


def _shown_window(window: Any) -> str:
    return "None" if window is None else f"torch.{type_name(window)}Tensor{{{list(window._data.shape)}}}"


def _mirrored(input: Any, amount: int, mode: str) -> Any:
    """The signals (batch, samples) with so many samples more at both ends."""
    n = input._data.shape[-1]
    if mode == "constant":
        return V.constant_pad(input, ((0, 0), (amount, amount)), 0)
    if mode == "reflect":
        if amount >= n:
            raise RuntimeError(
                "Argument #4: Padding size should be less than the corresponding input dimension, but got: padding "
                f"({amount}, {amount}) at dimension 2 of input {[1, *input._data.shape]}"
            )
        return V.pads["reflect", 1](input, (VK.reflected(n, amount, amount),))
    if mode == "replicate":
        return V.pads["replicate", 1](input, (VK.replicated(n, amount, amount),))
    if mode == "circular":
        if amount > n:
            raise RuntimeError("Padding value causes wrapping around more than once.")
        return V.circular_pad(input, (VK.circular(n, amount, amount),))
    raise NotImplementedError(f"Unrecognised padding mode {mode}")


def _widened(window: Any, n: int) -> Any:
    """A window with zeros on both sides, n long."""
    have = window._data.shape[0]
    left = (n - have) // 2
    return window if have == n else V.constant_pad(window, ((left, n - have - left),), 0)


def stft(input: Any, n_fft: int, hop_length: int | None = None, win_length: int | None = None, window: Any = None,
         center: bool = True, pad_mode: str = "reflect", normalized: bool = False, onesided: bool | None = None,
         return_complex: bool | None = None, align_to_window: bool | None = None) -> Tensor:  # fmt: skip
    """The Fourier transforms of overlapping pieces of signals (samples) or (batch, samples).

    Pieces are n_fft long and begin hop_length (default n_fft / 4) apart; each is multiplied by `window`, of win_length
    (default n_fft), centred in it. center: pieces are centred at multiples of hop_length, the signal being continued at
    its ends by pad_mode. normalized: divided by sqrt(n_fft). onesided: only n_fft // 2 + 1 frequencies, the default for
    real signals. The result is (.., frequencies, pieces), complex; if return_complex is False, with a last dimension of
    real and imaginary parts.

    Raises RuntimeError for shapes and lengths that do not fit.

    >>> import microtorch as torch
    >>> torch.stft(torch.ones(16), 8, window=torch.hann_window(8), return_complex=True).shape
    torch.Size([5, 9])
    """
    need_tensor("stft", input)
    if center and align_to_window is not None:
        raise RuntimeError("stft align_to_window should only be set when center = false")
    x = S.reshape(input, (1, *input._data.shape)) if input._data.ndim == 1 else input
    if center:
        x = _mirrored(x, n_fft // 2, pad_mode)
    hop = n_fft // 4 if hop_length is None else hop_length
    length = n_fft if win_length is None else win_length
    data = x._data

    def call() -> str:
        shape = list(data.shape[1:] if input._data.ndim == 1 else data.shape)
        return (
            f"stft(torch.{type_name(input)}Tensor{shape}, n_fft={n_fft}, hop_length={hop}, win_length={length}, window="
            f"{_shown_window(window)}, normalized={int(normalized)}, onesided={_shown(onesided)}, return_complex="
            f"{_shown(return_complex)}, align_to_window={_shown(align_to_window)}) "
        )

    if window is None:
        warnings.warn("A window was not provided. A rectangular window will be applied,which is known to cause "
                      "spectral leakage. Other windows such as torch.hann_window or torch.hamming_window are "
                      "recommended to reduce spectral leakage.To suppress this warning and use a rectangular window, "
                      "explicitly set `window=torch.ones(n_fft, device=<device>)`.", stacklevel=2)  # fmt: skip
    is_complex = data.dtype.kind == "c" or (window is not None and window._data.dtype.kind == "c")
    if return_complex is None and not is_complex:
        raise RuntimeError("stft requires the return_complex parameter be given for real inputs, and will further "
                           "require that return_complex=True in a future PyTorch release.")  # fmt: skip
    if data.dtype.kind not in "fc":
        raise RuntimeError(call() + ": expected a tensor of floating point or complex values")
    if input._data.ndim not in (1, 2):
        raise RuntimeError(call() + ": expected a 1D or 2D tensor")
    samples = data.shape[1]
    if not 0 < n_fft <= samples:
        raise RuntimeError(call() + f": expected 0 < n_fft < {samples}, but got n_fft={length}")
    if hop <= 0:
        raise RuntimeError(call() + f": expected hop_length > 0, but got hop_length={hop}")
    if not 0 < length <= n_fft:
        raise RuntimeError(call() + f": expected 0 < win_length <= n_fft, but got win_length={length}")
    if window is not None and window._data.shape != (length,):
        raise RuntimeError(
            f"{call()}: expected a 1D window tensor of size equal to win_length={length}, but got window with size "
            f"{list(window._data.shape)}"
        )
    if align_to_window:  # the first window, not the first piece, begins at the first sample
        left = (n_fft - length) // 2
        x = V.constant_pad(x, ((0, 0), (left, left)), 0)
        if n_fft + (samples - length) // hop * hop > samples + 2 * left:
            raise RuntimeError(call() + ": the last piece reaches beyond the signal")
    if length < n_fft:
        window = _widened(wrap(np.ones(length, data.dtype)) if window is None else window, n_fft)
    pieces = S.unfold(x, 1, n_fft, hop)
    if window is not None:
        pieces = P.mul(pieces, window)
    scale = 1 / math.sqrt(n_fft) if normalized else 1.0
    if pieces._data.dtype.kind == "c":
        if onesided:
            raise RuntimeError("Cannot have onesided output if window or input is complex")
        out = F.fft(pieces, (2,), True, scale)
    elif onesided is None or onesided:
        out = F.rfft(pieces, (2,), scale)
    else:
        out = F.fft_of_real(pieces, (2,), True, scale)
    out = S.transpose_in_place(out, 1, 2)
    if input._data.ndim == 1:
        out = S.squeeze_one_in_place(out, (0,))
    return out if return_complex or return_complex is None else P.view_as_real(out)


def istft(input: Any, n_fft: int, hop_length: int | None = None, win_length: int | None = None, window: Any = None,
          center: bool = True, normalized: bool = False, onesided: bool | None = None, length: int | None = None,
          return_complex: bool = False) -> Tensor:  # fmt: skip
    """The signals of which (.., frequencies, pieces) are the `stft`: the least-squares estimate (Griffin and Lim, 6).

    The arguments are those of `stft`; length: how many samples are wanted.

    Raises RuntimeError for shapes and lengths that do not fit, and where no window reaches a sample.
    """
    need_tensor("istft", input)
    data = input._data
    hop = n_fft // 4 if hop_length is None else hop_length
    width = n_fft if win_length is None else win_length

    def call() -> str:
        kind = {np.dtype(np.complex64): "ComplexFloat"}.get(data.dtype, "ComplexDouble")
        return (
            f"istft(CPU{kind}Type{list(data.shape)}, n_fft={n_fft}, hop_length={hop}, win_length={width}, window="
            f"{_shown_window(window)}, center={int(center)}, normalized={int(normalized)}, onesided="
            f"{_shown(onesided)}, length={length}, return_complex={int(return_complex)}) "
        )

    if window is None:
        warnings.warn("A window was not provided. A rectangular window will be applied.Please provide the same window "
                      "used by stft to make the inversion lossless.To suppress this warning and use a rectangular "
                      "window, explicitly set `window=torch.ones(n_fft, device=<device>)`.", stacklevel=2)  # fmt: skip
    if data.dtype.kind != "c":
        raise RuntimeError("istft requires a complex-valued input tensor matching the output from stft with "
                           "return_complex=True.")  # fmt: skip
    if data.ndim < 2:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-data.ndim - 1}, {data.ndim}], but got "
                         f"{-data.ndim - 2})")  # fmt: skip
    frequencies, frames = data.shape[-2:]
    if not data.size:
        raise RuntimeError(call() + ": input tensor cannot be empty.")
    if data.ndim > 3:
        raise RuntimeError(call() + f": expected a tensor with 3 or 4 dimensions, but got {data.ndim + 1}")
    half = frequencies != n_fft if onesided is None else onesided
    if frequencies != (n_fft // 2 + 1 if half else n_fft):
        raise RuntimeError(
            f"{call()}: expected the frequency dimension (3rd to the last) of the input tensor to match "
            f"{'n_fft / 2 + 1' if half else 'n_fft'} when onesided={half}, but got {frequencies}"
        )
    if not 0 < hop <= width:
        raise RuntimeError(call() + ": expected 0 < hop_length <= win_length")
    if not 0 < width <= n_fft:
        raise RuntimeError(call() + ": expected 0 < win_length <= n_fft")
    if window is not None and window._data.shape != (width,):
        raise RuntimeError(call() + ": Invalid window shape. window has to be 1D and length of `win_length`")
    ones = wrap(np.ones(width, data.real.dtype))
    taper = _widened(ones if window is None else window, n_fft)
    x = S.transpose(S.reshape(input, (1, *data.shape)) if data.ndim == 2 else input, 1, 2)
    scale = 1 / math.sqrt(n_fft) if normalized else 1 / n_fft
    if return_complex:
        if half:
            raise RuntimeError("Cannot have onesided output if window or input is complex")
        x = F.fft(x, (2,), False, scale)
    else:
        if taper._data.dtype.kind == "c":
            raise RuntimeError("Complex windows are incompatible with return_complex=False")
        if not half:
            x = I.slice_(x, (..., slice(0, n_fft // 2 + 1)))
        x = F.irfft(x, n_fft, 2, scale)
    total = n_fft + hop * (frames - 1)
    x, taper = same_dtype(x, taper)
    y = S.fold_windows(P.mul(x, taper), (x._data.shape[0], total), 1, n_fft, hop)
    squares = S.expand(S.reshape(P.mul(taper, taper), (1, 1, n_fft)), (1, frames, n_fft))
    envelope = S.fold_windows(squares, (1, total), 1, n_fft, hop)
    start = n_fft // 2 if center else 0
    end = start + length if length is not None else total - n_fft // 2 if center else total
    y, envelope = (I.slice_(t, (slice(None), slice(start, min(end, total)))) for t in (y, envelope))
    if np.abs(envelope._data).min() < 1e-11:
        raise RuntimeError(call() + "window overlap add min: 1\n[ CPUBoolType{} ]")
    y = P.div(y, envelope)
    if data.ndim == 2:
        y = S.squeeze_one(y, (0,))
    if end > total:
        warnings.warn("The length of signal is shorter than the length parameter. Result is being padded with zeros in "
                      "the tail. Please check your center and hop_length settings.", stacklevel=2)  # fmt: skip
        y = V.constant_pad(y, ((0, 0),) * (y._data.ndim - 1) + ((0, end - total),), 0)
    return y
