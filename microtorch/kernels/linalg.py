"""Matrix products, with PyTorch's errors for shapes and dtypes that do not fit."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from microtorch.dtypes import of
from microtorch.kernels import blas, products, threads, twins
from microtorch.kernels.bfloat16 import BF16, Widen
from microtorch.kernels.pointwise import unsupported
from microtorch.kernels.strides import in_operands_order

_C_NAMES = {
    "Float": "float", "Double": "double", "Half": "c10::Half",
    "BFloat16": "c10::BFloat16", "Long": "long int", "Int": "int", "Short": "short int",
    "Byte": "unsigned char", "Char": "signed char", "Bool": "bool", "ComplexFloat": "c10::complex<float>",
    "ComplexDouble": "c10::complex<double>",
}  # fmt: skip


def c_name(dtype: Any) -> str:
    """What PyTorch calls a dtype in some messages: the C++ type."""
    return _C_NAMES[of[dtype].type_name]


def matmul(x: Any, y: Any) -> Any:
    """x @ y by NumPy's rules, which are PyTorch's: vectors, matrices, broadcast batches."""
    dtype = x.dtype
    if dtype is not y.dtype and dtype != y.dtype:
        kinds = c_name(dtype), c_name(y.dtype)
        raise RuntimeError(f"expected m1 and m2 to have the same dtype, but got: {kinds[0]} != {kinds[1]}")
    try:
        if dtype.char in "fdFD" and type(x) is type(y) is np.ndarray:
            if (n := x.ndim) == y.ndim and n > 1:
                work = x.size * y.shape[-1]
                if work < products.LEAST * twins.least and (work <= blas.SERIAL or threads.count() == 1):
                    if n == 2 and x.size != 1 != y.size:  # (by one number, 0, dot makes nothing of infinities)
                        return x.dot(y)  # the same product, 0.5 us sooner than np.matmul
                    if n == 3 and len(x) == len(y):
                        return np.matmul(x, y, order="C")
                if n == 2:
                    return products.matmul(x, y)
        if dtype.kind in "fc" and dtype.itemsize > 2:
            if y.ndim == 2 and x.ndim > 2 and x.shape[-1] == y.shape[0] and x.size:
                # one long matrix; if x must be copied for it, that still takes less than its many products
                rows = x.reshape(-1, x.shape[-1])
                if x.dtype.char in "fd" and type(x) is np.ndarray and y.dtype is x.dtype:
                    out = np.empty((*x.shape[:-1], y.shape[1]), x.dtype)  # (owns its memory: views are sooner made)
                    products.matmul(rows, y, out.reshape(len(rows), y.shape[1]))
                    return out
                return products.matmul(rows, y).reshape(*x.shape[:-1], y.shape[1])
            return np.matmul(x, y) if x.ndim < 3 > y.ndim else products.matmul(x, y)
        if dtype.kind == "b":
            out = np.matmul(x, y)  # shapes that do not fit come first
            if (x.size and y.size) or x.ndim == y.ndim == 1:
                raise unsupported("dot" if x.ndim == y.ndim == 1 else "addmm_impl_cpu_", x.dtype)
            return out
        return _matmul_in_float(x, y)
    except ValueError:
        raise _misfit(x, y) from None


def _matmul_in_float(x: Any, y: Any) -> Any:
    """The products that BLAS does not have: of float16, rounded once from float32, and of integers, in float64 where
    no sum can reach 2^53."""
    if x.dtype == np.float16:
        return np.matmul(x.astype(np.float32), y.astype(np.float32), order="C").astype(np.float16)
    if x.dtype is BF16:
        raise Widen("matmul")
    if x.size < 512 or not y.size or x.shape[-1] * _largest(x) * _largest(y) >= 2**53:
        return np.matmul(x, y)
    return np.matmul(x.astype(np.float64), y.astype(np.float64)).astype(np.int64).astype(x.dtype, copy=False)


def _largest(x: Any) -> int:
    return max(abs(int(x.min())), abs(int(x.max())))


def _misfit(x: Any, y: Any) -> RuntimeError:
    if x.ndim == 0 or y.ndim == 0:
        return RuntimeError(f"both arguments to matmul need to be at least 1D, but they are {x.ndim}D and {y.ndim}D")
    if x.ndim == 1 and y.ndim == 1:
        return RuntimeError(
            f"inconsistent tensor size, expected tensor [{x.shape[0]}] and src [{y.shape[0]}] to have the same number "
            f"of elements, but got {x.shape[0]} and {y.shape[0]} elements respectively"
        )
    if y.ndim == 1:
        return RuntimeError(
            f"size mismatch, got input ({x.shape[-2]}), mat ({x.shape[-2]}x{x.shape[-1]}), vec ({y.shape[0]})"
        )
    left = (1, x.shape[0]) if x.ndim == 1 else (int(np.prod(x.shape[:-1])) if y.ndim == 2 else x.shape[-2], x.shape[-1])
    if x.ndim == 1 or y.ndim == 2:
        return RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({left[0]}x{left[1]} and {y.shape[-2]}x{y.shape[-1]})"
        )
    if x.shape[-1] == y.shape[-2]:
        for i in range(3, min(x.ndim, y.ndim) + 1):
            m, n = x.shape[-i], y.shape[-i]
            if m != n and 1 not in (m, n):
                axis = max(x.ndim, y.ndim) - i
                return RuntimeError(
                    f"The size of tensor a ({m}) must match the size of tensor b ({n}) at non-singleton dimension "
                    f"{axis}"
                )
    batch = y.shape[0] if x.ndim == 2 else x.shape[0] if x.ndim == 3 else int(np.prod(x.shape[:-2]))
    return RuntimeError(
        f"Expected size for first two dimensions of batch2 tensor to be: [{batch}, {x.shape[-1]}] but got: "
        f"[{y.shape[0] if y.ndim == 3 else int(np.prod(y.shape[:-2]))}, {y.shape[-2]}]."
    )


def _one_row(x: Any, weight: Any, bias: Any) -> Any:
    """`linear` of a single row, by the calls that are cheapest there; None for what they do not take."""
    dtype, n = x.dtype, weight.shape[0]
    if x.shape[-1] != x.size or not (dtype is weight.dtype and dtype.char in "fd" and x.size > 1):
        return None
    if bias is not None and not (type(bias) is np.ndarray and bias.shape == (n,)):
        return None
    out = np.empty((*x.shape[:-1], n), dtype)
    row = out.reshape(n)
    weight.dot(x.reshape(x.size), out=row)
    if bias is not None:
        np.add(row, bias, row)
    return out


def linear(x: Any, weight: Any, bias: Any = None) -> Any:
    """x @ weight^T + bias; x (*, in), weight (out, in), bias (out)."""
    if bias is not None and not (x.dtype is weight.dtype is bias.dtype or x.dtype == weight.dtype == bias.dtype):
        raise _mixed_dtypes(x, weight, bias)
    if x.size == weight.shape[-1] and type(x) is type(weight) is np.ndarray and weight.ndim == 2:
        out = _one_row(x, weight, bias)
        if out is not None:
            return out
    work = x.size * weight.shape[0]
    if bias is not None and x.ndim > 1 and (work >= blas.POOLED or 3 * work >= products.LEAST * twins.least):
        rows = x if x.ndim == 2 or not x.size else x.reshape(-1, x.shape[-1])
        out = products.affine(rows, weight.T, bias, x.shape[:-1] if x.ndim > 2 else ())
        if out is not None:
            return out
    out = matmul(x, weight.T)
    if bias is not None:
        if type(out) is np.ndarray:
            try:
                np.add(out, bias, out=out)
            except ValueError:
                raise _bias_misfit(out, bias) from None
        else:
            out = out + bias
    return out


def _mixed_dtypes(x: Any, weight: Any, bias: Any) -> RuntimeError:
    first, second = ("mat1", x) if x.dtype != weight.dtype else ("self", bias)
    return RuntimeError(
        f"{first} and mat2 must have the same dtype, but got {of[second.dtype].type_name} and "
        f"{of[weight.dtype].type_name}"
    )


def _bias_misfit(out: Any, bias: Any) -> RuntimeError:
    """PyTorch's error for a bias that does not broadcast to the rows of a product."""
    sizes = [out.size // max(out.shape[-1], 1), out.shape[-1]]
    if bias.ndim > 2:
        return RuntimeError(
            f"expand(torch.FloatTensor{{{list(bias.shape)}}}, size={sizes}): the number of sizes provided (2) must be "
            f"greater or equal to the number of dimensions in the tensor ({bias.ndim})"
        )
    axis = next(i for i in range(-1, -bias.ndim - 1, -1) if bias.shape[i] not in (1, sizes[i]))
    return RuntimeError(
        f"The expanded size of the tensor ({sizes[axis]}) must match the existing size ({bias.shape[axis]}) at "
        f"non-singleton dimension {axis + 2}.  Target sizes: {sizes}.  Tensor sizes: {list(bias.shape)}"
    )


# sums of products ----------------------------------------------------------------------------------------------------


def _scaled(product: Any, factor: Any) -> Any:
    """A fresh product times a number, in place."""
    if factor == 1:
        return product
    if type(product) is np.ndarray and (product.dtype.kind in "fc" or isinstance(factor, int)):
        return np.multiply(product, factor, out=product)
    return product * factor


def _onto(x: Any, product: Any, beta: Any) -> Any:
    """beta x + product, in place of the product; with beta 0 even NaN in x counts for nothing."""
    if beta == 0:
        return product
    part = x if beta == 1 else x * beta
    if type(product) is np.ndarray and np.broadcast_shapes(x.shape, product.shape) == product.shape:
        return np.add(product, part, out=product)
    return product + part


def addmm(x: Any, a: Any, b: Any, beta: Any, alpha: Any) -> Any:
    """beta x + alpha a @ b."""
    return _onto(x, _scaled(matmul(a, b), alpha), beta)


def addbmm(x: Any, a: Any, b: Any, beta: Any, alpha: Any) -> Any:
    """beta x + alpha times the sum of the products of two batches of matrices."""
    n, m, k = a.shape
    long_a, long_b = a.transpose(1, 0, 2).reshape(m, n * k), b.reshape(n * k, b.shape[-1])
    return _onto(x, _scaled(matmul(long_a, long_b), alpha), beta)


def addr(x: Any, a: Any, b: Any, beta: Any, alpha: Any) -> Any:
    """beta x + alpha times the outer product of two vectors."""
    product = np.multiply.outer(a, b)
    if x.dtype.kind == "b":
        return (x & bool(beta)) | (product & bool(alpha))
    return _onto(x, _scaled(product, alpha), beta)


@functools.lru_cache(1024)
def _contraction(x: str, y: str, out: str) -> tuple[Any, ...]:
    """How to multiply two arrays with lettered axes: the order of x's and y's axes and, of x's, how many are common to
    all, only x's, summed; then the order of the product's axes."""
    batch, summed = [c for c in out if c in x and c in y], [c for c in x if c in y and c not in out]
    of_x, of_y = [c for c in out if c not in y], [c for c in out if c not in x]
    have = batch + of_x + of_y
    orders = [[x.index(c) for c in batch + of_x + summed], [y.index(c) for c in batch + summed + of_y]]
    back = None if "".join(have) == out else [have.index(c) for c in out]
    return *orders, len(batch), len(of_x), len(summed), back


def contract(x: Any, y: Any, x_labels: str, y_labels: str, out_labels: str) -> Any:
    """The sum of products over the axes that x and y share and that are not in the result, as `einsum` of two does it.

    Every axis has a letter; one that only x or only y has is in the result. Done as one batched matrix product.
    """
    x_order, y_order, batch, only_x, summed, back = _contraction(x_labels, y_labels, out_labels)
    a, b = x.transpose(x_order), y.transpose(y_order)
    head, rows, columns = a.shape[:batch], a.shape[batch : batch + only_x], b.shape[batch + summed :]
    if summed:
        n, k = math.prod(head), math.prod(b.shape[batch : batch + summed])
        a, b = a.reshape(n, math.prod(rows), k), b.reshape(n, k, math.prod(columns))
        product = matmul(a[0], b[0]) if n == 1 else matmul(a, b)
        product = product.reshape((*head, *rows, *columns))
    else:
        product = a.reshape((*a.shape, *(1,) * len(columns))) * b.reshape((*head, *(1,) * len(rows), *columns))
    return product if back is None else product.transpose(back)


def multiply(x: Any, y: Any, x_labels: str, y_labels: str, out_labels: str) -> Any:
    """`contract` where nothing is summed, laid out as a product element by element."""
    operands, plain = [], True
    for a, labels in ((x, x_labels), (y, y_labels)):
        a = a.transpose([labels.index(c) for c in out_labels if c in labels])
        plain = plain and a.flags.c_contiguous and 1 not in a.shape
        operands.append(a[tuple([slice(None) if c in labels else None for c in out_labels])])
    if plain or any(type(a) is not np.ndarray for a in operands):
        return operands[0] * operands[1]
    for i, j in ((0, 1), (1, 0)):
        a, shape = operands[i], operands[j].shape
        if 1 in shape and 0 in a.strides:  # an axis new to one, of size 1 in the other: PyTorch's has a stride of 1
            strides = [a.itemsize if m == n == 1 and not s else s for m, n, s in zip(a.shape, shape, a.strides)]
            operands[i] = np.lib.stride_tricks.as_strided(a, a.shape, strides)
    return in_operands_order(np.multiply, *operands)


def cross(x: Any, y: Any, axis: int) -> Any:
    """The vector product along an axis of length 3."""
    out = np.empty(np.broadcast_shapes(x.shape, y.shape), x.dtype)
    xs, ys, o = (np.moveaxis(a, axis, 0) for a in (np.broadcast_to(x, out.shape), np.broadcast_to(y, out.shape), out))
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        o[i] = xs[j] * ys[k] - xs[k] * ys[j]
    return out


def trace(x: Any) -> Any:
    """The sum of the diagonal; of integers in int64."""
    return np.trace(x, dtype=np.int64 if x.dtype.kind in "iub" else None)
