"""What a Tensor answers about layouts, quantization and devices that it never has."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NoReturn, cast

from microtorch.autograd.state import TensorBase
from microtorch.functions.arguments import named
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

    return named(call, name, f"Raises RuntimeError: only a tensor of {layout} layout has it.")


def _not_here(name: str, why: str) -> Callable[..., Any]:
    """A method that would make or read a tensor that there is not."""

    def call(self: Any, *args: Any, **named: Any) -> NoReturn:
        raise not_supported(f"torch.Tensor.{name}", why)

    return named(call, name, f"Raises NotImplementedError: {why}.")


def _of_sparse(name: str, what: str) -> Callable[..., Any]:
    """A method about sparse tensors, which is loaded when one is first called."""

    def call(self: Any, *args: Any, **named: Any) -> Any:
        from microtorch.functions import sparse  # with all of its kernels: most programs never need it

        return getattr(sparse, name)(self, *args, **named)

    return named(call, name, what)


_COLUMNS = "sparse column compressed tensor"
_SPARSE, _QUANTIZED = "sparse tensors are coordinates or compressed rows", "there are no quantized tensors"


class TensorLayouts(TensorBase):
    """A tensor's answers about layouts, quantization and devices that it never has."""

    __slots__ = ()

    is_cpu = True
    is_ipu = is_maia = is_mtia = is_vulkan = is_xla = False
    name = None

    indices = _of_sparse("indices", "The places of a coalesced tensor's values, (sparse dimensions, count).")
    _indices = _of_sparse("_indices", "The places of the values.")
    values = _of_sparse("values", "A coalesced tensor's values, in the graph.")
    _values = _of_sparse("_values", "The values, outside of the graph.")
    _nnz = _of_sparse("_nnz", "How many values there are.")
    coalesce = _of_sparse("coalesce", "The same with each place once, in order: values of equal places are summed.")
    is_coalesced = _of_sparse("is_coalesced", "True if each place is there once, in order.")
    _coalesced_ = _of_sparse("_coalesced_", "Declare it coalesced or not.")
    crow_indices = _of_sparse("crow_indices", "Where each row's values begin, and where the last ones end.")
    col_indices = _of_sparse("col_indices", "The columns of the values.")
    to_sparse = _of_sparse("to_sparse", "The tensor as numbers at coordinates (of `sparse_dim` dimensions).")
    to_sparse_coo = _of_sparse("to_sparse_coo", "The tensor as numbers at coordinates.")
    to_sparse_csr = _of_sparse("to_sparse_csr", "The matrix by compressed rows.")
    to_dense = _of_sparse("to_dense", "The tensor with all of its zeros.")
    sparse_mask = _of_sparse("sparse_mask", "The values at the places of a sparse tensor.")
    sparse_dim = _of_sparse("sparse_dim", "How many dimensions are sparse.")
    dense_dim = _of_sparse("dense_dim", "How many dimensions are dense.")
    sparse_resize_ = _of_sparse("sparse_resize_", "Another size, which keeps all of the places.")
    sparse_resize_and_clear_ = _of_sparse("sparse_resize_and_clear_", "Another size, without any values.")
    smm = _of_sparse("smm", "The product with a dense matrix, as a sparse one.")
    ccol_indices, row_indices = (_expects(n, _COLUMNS) for n in ("ccol_indices", "row_indices"))
    to_sparse_csc, to_sparse_bsr, to_sparse_bsc = (
        _not_here(n, _SPARSE) for n in ("to_sparse_csc", "to_sparse_bsr", "to_sparse_bsc")
    )
    q_scale, q_zero_point, qscheme, int_repr, q_per_channel_axis, q_per_channel_scales, q_per_channel_zero_points = (
        _not_here(n, _QUANTIZED) for n in ("q_scale", "q_zero_point", "qscheme", "int_repr", "q_per_channel_axis",
                                           "q_per_channel_scales", "q_per_channel_zero_points")
    )  # fmt: skip
    to_mkldnn = _not_here("to_mkldnn", "there is one layout")

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
