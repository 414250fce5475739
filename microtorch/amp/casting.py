"""What autocast does to operations on the CPU: which are computed in lower precision, which in float32.

The lists are PyTorch's (aten/src/ATen/autocast_mode.cpp, AutocastCPU). As long as no program enters autocast nothing
here is loaded. The first block exchanges the code of the functions in the lists: each stays the same object, so whoever
holds it calls the new code, which casts the arguments if autocast is on in this thread and then runs the old code.
"""

from __future__ import annotations

import threading
import types
from collections.abc import Callable
from typing import Any

import microtorch
from microtorch import dtypes
from microtorch._instrument import copied
from microtorch.autograd.node import Leaf
from microtorch.autograd.state import TensorBase
from microtorch.ops import pointwise as P

LOWER = """conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d conv_tbc bmm mm addmm addbmm baddbmm
    vecdot linear matmul __matmul__ __rmatmul__ prelu scaled_dot_product_attention tensordot multi_dot chain_matmul
    matrix_power cov corrcoef lstm rnn_tanh rnn_relu rnn_tanh_cell rnn_relu_cell"""
"""Operations whose float32 arguments become bfloat16 (or float16)."""

FLOAT32 = """avg_pool3d binary_cross_entropy binary_cross_entropy_with_logits grid_sample grid_sampler grid_sampler_2d
    grid_sampler_3d polar prod quantile nanquantile stft cdist trace view_as_complex cholesky cholesky_inverse
    cholesky_solve inverse inv inv_ex lu_solve orgqr ormqr pinverse max_pool3d max_unpool1d max_unpool2d max_unpool3d
    adaptive_avg_pool3d adaptive_max_pool3d mse_loss cosine_embedding_loss nll_loss hinge_embedding_loss
    poisson_nll_loss smooth_l1_loss cross_entropy l1_loss huber_loss margin_ranking_loss soft_margin_loss
    triplet_margin_loss multi_margin_loss multilabel_margin_loss ctc_loss kl_div linear_cross_entropy fft ifft fft2
    ifft2 fftn ifftn rfft irfft rfft2 irfft2 rfftn irfftn hfft ihfft cond matrix_rank solve cholesky_ex svdvals eigvals
    eigvalsh householder_product tensorinv tensorsolve geqrf lu qr svd triangular_solve fractional_max_pool2d
    fractional_max_pool3d eig eigh lstsq"""
"""Operations whose arguments of lower precision become float32."""

WIDEST = "stack cat index_copy"
"""Operations whose arguments all get the widest dtype among them."""


class State(threading.local):
    """Autocast on the CPU, in one thread."""

    enabled = False
    dtype = dtypes.bfloat16
    cache_enabled = True
    nesting = 0
    cached: dict[int, tuple[Any, Any]]  # by id: a parameter, and what it was cast to

    def __init__(self) -> None:
        self.cached = {}


state = State()


def eligible(value: Any) -> bool:
    """Whether autocast may cast it: a floating tensor, but not of float64."""
    return isinstance(value, TensorBase) and value._data.dtype.kind == "f" and value._data.dtype != dtypes.F64


def cast(value: Any, want: Any) -> Any:
    """A tensor in the dtype wanted; a parameter is cast once in a block."""
    have = value._data.dtype
    if have == want:
        return value
    node = value._node
    if state.cache_enabled and have == dtypes.F32 and want == state.dtype.numpy and type(node) is Leaf:
        if value._base is None:
            found = state.cached.get(id(value))
            if found is None:
                found = state.cached[id(value)] = value, P.cast(value, want)
            return found[1]
    return P.cast(value, want)


def _all(value: Any, want: Any) -> Any:
    """Arguments, with every tensor that is eligible in the dtype wanted."""
    if eligible(value):
        return cast(value, want)
    if type(value) in (tuple, list):
        return type(value)(_all(v, want) for v in value)
    return value


def _dtypes_in(value: Any) -> list[Any]:
    if eligible(value):
        return [value._data.dtype]
    return [d for v in value for d in _dtypes_in(v)] if type(value) in (tuple, list) else []


def _lower(args: Any) -> Any:
    return state.dtype.numpy


def _float32(args: Any) -> Any:
    return dtypes.F32


def _products(args: Any) -> Any:
    """For einsum: in lower precision if it sums over a subscript that several operands have."""
    if type(args[0]) is str and len(args) > 2:
        inputs, _, output = args[0].replace(" ", "").partition("->")
        terms = inputs.split(",")
        if not any(sum(c in term for term in terms) > 1 and c not in output for c in set(inputs) - {",", "."}):
            return None
    return state.dtype.numpy if len(args) > 2 else None


def _padding(args: Any) -> Any:
    """For pad: reflections (of up to two dimensions) and replications are in float32."""
    pads = len(args[1]) if len(args) > 1 and isinstance(args[1], (tuple, list)) else 0
    return dtypes.F32 if "replicate" in args or ("reflect" in args and pads < 6) else None


def _inner(args: Any) -> Any:
    """For inner: of vectors it is a sum of products, of more dimensions a matrix product."""
    return state.dtype.numpy if max(a._data.ndim for a in args if isinstance(a, TensorBase)) > 1 else None


def _widest(args: Any) -> Any:
    return dtypes.F32 if dtypes.F32 in _dtypes_in(args) else state.dtype.numpy


# the exchange ---------------------------------------------------------------------------------------------------------

_done: dict[int, tuple[Any, Any]] = {}  # functions by id, with the code that they got


def _template(*args: Any, _cast: Any, **kwargs: Any) -> Any:
    return _cast(args, kwargs)


def _casting(original: Callable[..., Any], policy: Callable[[Any], Any]) -> Callable[..., Any]:
    def call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        here = state
        if not here.enabled:
            return original(*args, **kwargs)
        values = (*args, *kwargs.values())
        want = policy(values)
        if want is not None:
            args = tuple([_all(a, want) for a in args])
            kwargs = {k: v if k == "out" else _all(v, want) for k, v in kwargs.items()}
        here.enabled = False  # what it calls is a part of it
        try:
            return original(*args, **kwargs)
        finally:
            here.enabled = True

    return call


def _take(function: Any, policy: Callable[[Any], Any]) -> None:
    """Exchange the code of one function."""
    if not isinstance(function, types.FunctionType):
        return
    known = _done.get(id(function))
    if known is not None:
        layers = [function, getattr(function, "__wrapped__", None)]  # (`_overriding` may lie over it)
        if any(getattr(layer, "__code__", None) is known[1] for layer in layers):
            return
    code = function.__code__
    original = copied(function)
    function.__kwdefaults__ = {"_cast": _casting(original, policy)}
    function.__code__ = _template.__code__.replace(co_freevars=code.co_freevars, co_name=code.co_name)
    _done[id(function)] = function, function.__code__


def install() -> None:
    """See to it that the functions in the lists cast."""
    places = (microtorch, microtorch.Tensor, microtorch.nn.functional, microtorch.linalg, microtorch.fft)
    policies = ((LOWER, _lower), (FLOAT32, _float32), (WIDEST, _widest), ("einsum", _products), ("inner", _inner),
                ("pad", _padding))  # fmt: skip
    for names, policy in policies:
        for name in names.split():
            for place in places:
                if place is microtorch and name == "fft":
                    continue  # (a module)
                _take(getattr(place, name, None), policy)
