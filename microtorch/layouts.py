"""What a Tensor answers about layouts, quantization and devices that it never has."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, cast

from microtorch.autograd.state import TensorBase
from microtorch.ops import pointwise as P
from microtorch.size import require_cpu
from microtorch.unsupported import not_supported

if TYPE_CHECKING:
    from microtorch._tensor import Tensor

_REINFORCE = """\
reinforce() was removed.
Use torch.distributions instead.
See https://pytorch.org/docs/main/distributions.html

Instead of:

probs = policy_network(state)
action = probs.multinomial()
next_state, reward = env.step(action)
action.reinforce(reward)
action.backward()

Use:

probs = policy_network(state)
# NOTE: categorical is equivalent to what used to be called multinomial
m = torch.distributions.Categorical(probs)
action = m.sample()
next_state, reward = env.step(action)
loss = -m.log_prob(action) * reward
loss.backward()
"""


def _expects(name: str, layout: str) -> Callable[..., Any]:
    """A method of tensors of another layout."""

    def call(self: Any) -> NoReturn:
        raise RuntimeError(f"{name} expected {layout} layout but got Strided")

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"Raises RuntimeError: only a tensor of {layout} layout has it."
    return call


def _not_here(name: str, why: str) -> Callable[..., Any]:
    """A method that would make or read a tensor that there is not."""

    def call(self: Any, *args: Any, **named: Any) -> NoReturn:
        raise not_supported(f"torch.Tensor.{name}", why)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f"Raises NotImplementedError: {why}."
    return call


_COO, _ROWS, _COLUMNS = "sparse coordinate tensor", "sparse row compressed tensor", "sparse column compressed tensor"
_SPARSE, _QUANTIZED = "there are no sparse tensors", "there are no quantized tensors"


class TensorLayouts(TensorBase):
    """A tensor's answers about layouts, quantization and devices that it never has."""

    __slots__ = ()

    is_cpu = True
    is_ipu = is_maia = is_mtia = is_vulkan = is_xla = is_sparse_csr = False
    name = None

    indices, coalesce, is_coalesced = (_expects(n, _COO) for n in ("indices", "coalesce", "is_coalesced"))
    values = _expects("values", "sparse tensor")
    crow_indices, col_indices = (_expects(n, _ROWS) for n in ("crow_indices", "col_indices"))
    ccol_indices, row_indices = (_expects(n, _COLUMNS) for n in ("ccol_indices", "row_indices"))
    to_sparse, to_sparse_coo, to_sparse_csr, to_sparse_csc, to_sparse_bsr, to_sparse_bsc, sparse_mask = (
        _not_here(n, _SPARSE) for n in ("to_sparse", "to_sparse_coo", "to_sparse_csr", "to_sparse_csc", "to_sparse_bsr",
                                        "to_sparse_bsc", "sparse_mask")
    )  # fmt: skip
    q_scale, q_zero_point, qscheme, int_repr, q_per_channel_axis, q_per_channel_scales, q_per_channel_zero_points = (
        _not_here(n, _QUANTIZED) for n in ("q_scale", "q_zero_point", "qscheme", "int_repr", "q_per_channel_axis",
                                           "q_per_channel_scales", "q_per_channel_zero_points")
    )  # fmt: skip
    to_mkldnn = _not_here("to_mkldnn", "there is one layout")

    def sparse_dim(self) -> int:
        """0: no dimension is sparse."""
        return 0

    def dense_dim(self) -> int:
        """The number of dimensions: all are dense."""
        return self._data.ndim

    def to_dense(self, dtype: Any = None, *, masked_grad: bool | None = None) -> Tensor:
        """The tensor itself, or in another dtype."""
        return cast("Tensor", self) if dtype is None else cast("Tensor", self).to(dtype)

    def dequantize(self) -> Tensor:
        """The tensor in float32."""
        return cast("Tensor", self).float()

    def xpu(self, device: Any = None, non_blocking: Any = False, memory_format: Any = None) -> NoReturn:
        """Raises AssertionError: there is no such device."""
        require_cpu("xpu")
        raise AssertionError

    def is_distributed(self) -> bool:
        """False."""
        return False

    @property
    def volatile(self) -> bool:
        """False (removed from PyTorch)."""
        warnings.warn("volatile was removed (Variable.volatile is always False)", stacklevel=2)
        return False

    def resize(self, *sizes: Any) -> Tensor:
        """`reshape` by an older name, which warns."""
        warnings.warn("non-inplace resize is deprecated", stacklevel=2)
        return cast("Tensor", self).reshape(*sizes)

    def resize_as(self, tensor: Any) -> Tensor:
        """`reshape` to the shape of another, by an older name, which warns."""
        warnings.warn("non-inplace resize_as is deprecated", stacklevel=2)
        return cast("Tensor", self).reshape(tensor.shape)

    def reinforce(self, reward: Any) -> NoReturn:
        """Raises RuntimeError (removed from PyTorch)."""
        raise RuntimeError(_REINFORCE)


def clone(input: Any, *, memory_format: Any = None) -> Tensor:
    """A copy, in the graph."""
    return cast("Tensor", P.clone(input) if memory_format is None else input.clone(memory_format=memory_format))


def detach(input: Any) -> Tensor:
    """The same memory, outside of the graph."""
    return cast("Tensor", input.detach())


def detach_(input: Any) -> Tensor:
    """Take the tensor out of the graph."""
    return cast("Tensor", input.detach_())
