"""torch.softmax and torch.log_softmax, which are also methods of a Tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from microtorch import dtypes
from microtorch.autograd.state import wrap
from microtorch.functions.arguments import axis_of, need_tensor, numpy_dtype, takes_out
from microtorch.ops import pointwise as P, softmax as S

if TYPE_CHECKING:
    from microtorch._tensor import Tensor


def softmax_along(name: str, entry: Any, input: Any, dim: int, dtype: Any) -> Tensor:
    """A softmax entry along `dim`, in `dtype` if given.

    Raises NotImplementedError for integer tensors, as PyTorch does.
    """
    need_tensor(name, input)
    x = input._data
    axis = axis_of(dim, x.ndim)
    if dtype is not None:
        want = numpy_dtype(dtype)
        if want != x.dtype:
            input = P.cast(input, want)
            x = input._data
    if x.dtype.kind != "f" and not x.size:
        return wrap(x.copy())  # of nothing PyTorch does not look at the dtype
    if x.dtype.kind != "f":
        kernel = f"{name}_lastdim_kernel_impl" if axis == x.ndim - 1 or not x.ndim else f"{name}_kernel_impl"
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{dtypes.of[x.dtype].type_name}'")
    return entry(input, axis)


@takes_out
def softmax(input: Any, dim: int, dtype: Any = None) -> Tensor:
    """exp(input) / sum(exp(input)) along `dim`, computed in `dtype` if given.

    >>> import microtorch as torch
    >>> torch.softmax(torch.zeros(1, 4), 1)
    tensor([[0.2500, 0.2500, 0.2500, 0.2500]])
    """
    return softmax_along("softmax", S.softmax, input, dim, dtype)


@takes_out
def log_softmax(input: Any, dim: int, dtype: Any = None) -> Tensor:
    """The logarithm of softmax, computed without its overflow and underflow."""
    return softmax_along("log_softmax", S.log_softmax, input, dim, dtype)
