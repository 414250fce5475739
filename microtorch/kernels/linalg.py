"""Matrix products, with PyTorch's errors for shapes and dtypes that do not fit."""

from __future__ import annotations

from typing import Any

import numpy as np


def matmul(x: Any, y: Any) -> Any:
    """x @ y by NumPy's rules, which are PyTorch's: vectors, matrices, broadcast batches."""
    if x.dtype is not y.dtype and x.dtype != y.dtype:
        from microtorch.dtypes import of

        kinds = of[x.dtype].type_name.lower(), of[y.dtype].type_name.lower()
        raise RuntimeError(f"expected m1 and m2 to have the same dtype, but got: {kinds[0]} != {kinds[1]}")
    try:
        return np.matmul(x, y)
    except ValueError:
        raise _misfit(x, y) from None


def _misfit(x: Any, y: Any) -> RuntimeError:
    if x.ndim == 0 or y.ndim == 0:
        return RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {x.ndim}D and {y.ndim}D")
    if x.ndim == 1 and y.ndim == 1:
        return RuntimeError(
            f"inconsistent tensor size, expected tensor [{x.shape[0]}] and src [{y.shape[0]}] to have the same number of "
            f"elements, but got {x.shape[0]} and {y.shape[0]} elements respectively"
        )
    if y.ndim == 1:
        return RuntimeError(f"size mismatch, got input ({x.shape[-2]}), mat ({x.shape[-2]}x{x.shape[-1]}), vec ({y.shape[0]})")
    left = (1, x.shape[0]) if x.ndim == 1 else (int(np.prod(x.shape[:-1])) if y.ndim == 2 else x.shape[-2], x.shape[-1])
    if x.ndim <= 2 or y.ndim == 2:
        return RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({left[0]}x{left[1]} and {y.shape[-2]}x{y.shape[-1]})"
        )
    if x.shape[-1] == y.shape[-2]:
        for i in range(3, min(x.ndim, y.ndim) + 1):
            m, n = x.shape[-i], y.shape[-i]
            if m != n and 1 not in (m, n):
                axis = max(x.ndim, y.ndim) - i
                return RuntimeError(
                    f"The size of tensor a ({m}) must match the size of tensor b ({n}) at non-singleton dimension {axis}"
                )
    batch = x.shape[0] if x.ndim == 3 else int(np.prod(x.shape[:-2]))
    return RuntimeError(
        f"Expected size for first two dimensions of batch2 tensor to be: [{batch}, {x.shape[-1]}] but got: "
        f"[{y.shape[0] if y.ndim == 3 else int(np.prod(y.shape[:-2]))}, {y.shape[-2]}]."
    )


def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """x @ weight^T + bias; x (*, in), weight (out, in), bias (out)."""
    out = matmul(x, weight.T)
    if bias is not None:
        if type(out) is np.ndarray:
            try:
                np.add(out, bias, out=out)
            except ValueError:
                raise RuntimeError(
                    f"The expanded size of the tensor ({out.shape[-1]}) must match the existing size ({bias.shape[0]}) at "
                    f"non-singleton dimension {out.ndim - 1}.  Target sizes: {list(out.shape)}.  Tensor sizes: {list(bias.shape)}"
                ) from None
        else:
            out = out + bias
    return out
