"""torch.result_type: the rules of promotion, asked for."""

from __future__ import annotations

from typing import Any

import numpy as np

from microtorch import dtypes
from microtorch.autograd.state import TensorBase


def result_type(tensor1: Any, tensor2: Any) -> dtypes.dtype:
    """The dtype that an operation on two tensors, or a tensor and a number, gives.

    >>> import microtorch as torch
    >>> torch.result_type(torch.ones(2, dtype=torch.int64), 1.0)
    torch.float32
    """
    a, b = (t._data if isinstance(t, TensorBase) else t for t in (tensor1, tensor2))
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return dtypes.of[dtypes.promoted(a.dtype, a.ndim == 0, b.dtype, b.ndim == 0)]
    if isinstance(a, np.ndarray):
        return dtypes.of[_with_number(a, b)]
    if isinstance(b, np.ndarray):
        return dtypes.of[_with_number(b, a)]
    kinds = [dtypes.of[_with_number(np.zeros((), bool), n)] for n in (a, b)]
    return dtypes.promote_types(*kinds)


def _with_number(a: Any, number: Any) -> Any:
    return dtypes.promoted_with_number(a.dtype, number)
