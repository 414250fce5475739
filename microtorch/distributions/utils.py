"""What the distributions share: parameters of one shape, probabilities and logits of each other, lazy properties."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from microtorch import dtypes
from microtorch.autograd.modes import enable_grad
from microtorch.autograd.state import TensorBase
from microtorch.functions.creation import ones, tensor, zeros
from microtorch.functions.pointwise import log, log1p
from microtorch.functions.random import normal, randn
from microtorch.functions.shape import broadcast_tensors
from microtorch.nn.functional import softmax
from microtorch.ops.pointwise import sigmoid

euler_constant = 0.57721566490153286060


def is_number(value: Any) -> bool:
    """Whether it is a number of Python's or NumPy's, and no tensor."""
    return isinstance(value, (int, float, complex, np.number, np.bool_))


def broadcast_all(*values: Any) -> tuple[Any, ...]:
    """Tensors and numbers as tensors of one shape; numbers get the dtype of the first tensor.

    Raises ValueError for anything else.
    """
    if not all(isinstance(v, TensorBase) or is_number(v) for v in values):
        raise ValueError(
            "Input arguments must all be instances of Number, torch.Tensor or objects implementing __torch_function__."
        )
    dtype = next((v.dtype for v in values if isinstance(v, TensorBase)), None)  # type: ignore[attr-defined]
    if dtype is None:
        dtype = dtypes.get_default_dtype()
    made = [v if isinstance(v, TensorBase) else tensor(v, dtype=dtype) for v in values]
    return tuple(broadcast_tensors(*made))


def standard_normal(shape: Any, dtype: Any, device: Any = None) -> Any:
    """Standard normal numbers, drawn as PyTorch draws them for a distribution."""
    if dtype.is_floating_point:
        return randn(shape, dtype=dtype)
    return normal(zeros(shape, dtype=dtype), ones(shape, dtype=dtype))


_standard_normal = standard_normal


def sum_rightmost(value: Any, dim: int) -> Any:
    """The sum over the last `dim` dimensions."""
    if dim == 0:
        return value
    return value.reshape(value.shape[: value.dim() - dim] + (-1,)).sum(-1)


_sum_rightmost = sum_rightmost


def logits_to_probs(logits: Any, is_binary: bool = False) -> Any:
    """Probabilities: the sigmoid of log odds, or the softmax of (unnormalised) logarithms."""
    return sigmoid(logits) if is_binary else softmax(logits, -1)


def clamp_probs(probs: Any) -> Any:
    """Probabilities at least eps away from 0 and 1."""
    eps = dtypes.finfo(probs.dtype).eps
    return probs.clamp(min=eps, max=1 - eps)


def probs_to_logits(probs: Any, is_binary: bool = False) -> Any:
    """Log odds, or logarithms, of probabilities, which are kept away from 0 and 1."""
    clamped = clamp_probs(probs)
    return log(clamped) - log1p(-clamped) if is_binary else log(clamped)


def of(place: str) -> Any:
    """A property that is one of a part's: `loc = of("base_dist.loc")`."""
    return property(operator.attrgetter(place), doc=f"{place}.")


class lazy_property:
    """A property that is computed when it is first asked for, and then kept as an attribute."""

    def __init__(self, wrapped: Callable[[Any], Any]) -> None:
        self.wrapped, self.__doc__ = wrapped, wrapped.__doc__

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        if instance is None:
            return self
        with enable_grad():
            value = self.wrapped(instance)
        setattr(instance, self.wrapped.__name__, value)
        return value


def vec_to_tril_matrix(vec: Any, diag: int = 0) -> Any:
    """Lower triangular matrices of the elements in the last dimension, row by row."""
    count = vec.shape[-1]
    exact = (-(1 + 2 * diag) + ((1 + 2 * diag) ** 2 + 8 * count + 4 * abs(diag) * (diag + 1)) ** 0.5) / 2
    n = round(exact)
    if abs(n - exact) > dtypes.finfo(vec.dtype).eps:
        raise ValueError(
            f"The size of last dimension is {count} which cannot be expressed as the lower triangular part of a square "
            "D x D matrix."
        )
    mat = vec.new_zeros(vec.shape[:-1] + (n, n))
    rows, columns = np.tril_indices(n, diag)
    mat[..., rows, columns] = vec
    return mat


def tril_matrix_to_vec(mat: Any, diag: int = 0) -> Any:
    """The elements of the lower triangles of matrices, row by row."""
    n = mat.shape[-1]
    if not -n <= diag < n:
        raise ValueError(f"diag ({diag}) provided is outside [{-n}, {n - 1}].")
    return mat[..., ones(n, n).tril(diag) != 0]
