"""Reductions of segments, with PyTorch's signature."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch.autograd.operands import type_text
from microtorch.autograd.state import TensorBase
from microtorch.functions.arguments import axis_of
from microtorch.kernels import segments as K
from microtorch.kernels.pointwise import unsupported
from microtorch.ops import segments as S

if TYPE_CHECKING:
    from microtorch._tensor import Tensor

_NAMES = {"sum": "sum", "mean": "mean", "prod": "prod", "max": "max", "amax": "max", "min": "min", "amin": "min"}
_IMPROVED = "  (Could this error message be improved?  If so, please report an enhancement request to PyTorch.)"


def segment_reduce(
    data: Any,
    reduce: str,
    *,
    lengths: Any = None,
    indices: Any = None,
    offsets: Any = None,
    axis: int = 0,
    unsafe: bool = False,
    initial: Any = None,
) -> Tensor:
    """Reduce consecutive segments of an axis: "sum", "mean", "prod", "max" or "min".

    lengths: of the segments, of shape (*data.shape[:axis], segments); or offsets: where they begin, and at the end
    where the last one ends. initial: what each segment begins with. unsafe: lengths need not add up to the axis.
    Raises RuntimeError for lengths that do not fit. Its second derivative is not implemented, as in PyTorch.

    >>> import microtorch as torch
    >>> torch.segment_reduce(torch.tensor([1., 2., 3., 4.]), "sum", lengths=torch.tensor([1, 3]))
    tensor([1., 9.])
    """
    for name, value in (("data", data), ("lengths", lengths), ("indices", indices), ("offsets", offsets)):
        if not isinstance(value, TensorBase) and not (value is None and name != "data"):
            where = " (position 1)" if name == "data" else ""
            raise TypeError(f"segment_reduce(): argument '{name}'{where} must be Tensor, not {type_text(value)}")
    if initial is not None and not isinstance(initial, (bool, int, float)):
        raise TypeError(f"segment_reduce(): argument 'initial' must be Number, not {type_text(initial)}")
    if reduce not in _NAMES and (lengths is not None or offsets is not None or indices is not None):
        raise RuntimeError(f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}")
    if indices is not None:
        raise RuntimeError("segment_reduce(): indices based reduction is not supported yet.")
    given = offsets if offsets is not None else lengths
    x = data._data
    along = axis_of(axis, x.ndim)
    if given is None:
        raise RuntimeError("segment_reduce(): Either lengths or offsets must be defined.")
    if x.dtype.kind != "f":
        raise unsupported("_segment_reduce_cpu", x.dtype)
    numbers, what = given._data, "offsets" if offsets is not None else "lengths"
    if numbers.ndim > x.ndim:
        raise RuntimeError(f"Expected data.dim() >= {what}_value.dim() to be true, but got false.{_IMPROVED}")
    if numbers.dtype not in (np.int64, np.int32):
        raise unsupported(f"_segment_reduce_{what}_cpu_kernel1", numbers.dtype)
    if along != numbers.ndim - 1:
        raise RuntimeError(f"segment_reduce(): Expected axis to be the last dimension of {what} but got {along}.")
    if numbers.shape[:-1] != x.shape[:along]:
        raise RuntimeError(f"Expected data and {what} to have the same sizes before dimension {along}.")
    if offsets is None:
        if not unsafe and not numbers.size:
            raise RuntimeError(
                "min(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with "
                "the 'dim' argument."
            )
        if not unsafe and (numbers < 0).any():
            raise RuntimeError("lengths contains negative value!")
        if not unsafe and (numbers.sum(-1) != x.shape[along]).any():
            raise RuntimeError(
                "segment_reduce(): Expected all rows of lengths along axis to sum to data.size(lengths.dim()-1) when "
                "!unsafe."
            )
        first = np.zeros((*numbers.shape[:-1], 1), numbers.dtype)
        edges = np.concatenate([first, numbers.cumsum(-1)], -1)
    else:
        edges = numbers
    if (np.diff(edges) < 0).any():
        raise RuntimeError(f"Expected segment_length >= 0 to be true, but got false.{_IMPROVED}")
    ids, counts = K.places(edges, x.shape[along])
    start = None if initial is None else float(initial)
    return S.segment_reduce(data, _NAMES[reduce], along, ids, counts, start)  # type: ignore[no-any-return]
