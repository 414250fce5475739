"""What is timed, and under which name: PyTorch's names of operations, `aten::mm`.

A public function has the name of PyTorch's operation that it calls. An entry of the table has that of the operation
which it computes; one that PyTorch does not know has a name of ours, `microtorch::spread`.
"""

from __future__ import annotations

import importlib
from types import FunctionType
from typing import Any

import microtorch
from microtorch.autograd.table import arrays, tensors
from microtorch.kernels import optim

# Functions of PyTorch that are themselves Python programs: only what they call is seen. And questions, which compute
# nothing.
_UNSEEN = set(
    """
    adaptive_max_pool1d_with_indices adaptive_max_pool2d_with_indices adaptive_max_pool3d_with_indices asarray
    dropout1d dropout2d dropout3d fractional_max_pool2d_with_indices fractional_max_pool3d_with_indices
    from_dlpack from_numpy frombuffer gaussian_nll_loss grouped_mm gumbel_softmax interpolate linear_cross_entropy
    load save local_response_norm lp_pool1d lp_pool2d lp_pool3d lu max_unpool1d multi_head_attention_forward
    multilabel_soft_margin_loss normalize pca_lowrank softmin softsign spmm svd_lowrank tanhshrink
    triplet_margin_with_distance_loss typename unravel_index upsample upsample_bilinear upsample_nearest vmap summary
    compile manual_seed seed initial_seed can_cast promote_types result_type backward dim size numel stride
    storage_offset element_size requires_grad_ retain_grad sparse_dim dense_dim apply_ map_ map2_ share_memory_ data_ptr
    const_data_ptr ndimension nelement dim_order register_hook register_post_accumulate_grad_hook storage
    untyped_storage tolist numpy new reinforce type as_subclass pin_memory qscheme indices values norm lobpcg lstsq
    eig solve symeig
    cond matrix_rank module_load sym_int sym_float sym_sum sym_ite sym_not sym_max sym_min
    """.split()
)
_QUESTIONS = (
    "autocast_",
    "clear_",
    "is_",
    "get_",
    "set_",
    "use_",
    "are_",
    "_",
    "q_",
    "compiled_",
    "to_sparse",
    "new_tensor",
)

# Where PyTorch's operation has another name than the function.
_RENAMED = {
    "cross_entropy": "cross_entropy_loss",
    "nll_loss": "nll_loss_nd",
    "grid_sample": "grid_sampler",
    "affine_grid": "affine_grid_generator",
    "fold": "col2im",
    "logsigmoid": "log_sigmoid",
    "expit": "special_expit",
    "gammaln": "special_gammaln",
    "unique": "_unique2",
    "cpu": "to",
    "cuda": "to",
    "xpu": "to",
}
_CONVERSIONS = "bfloat16 bool byte cdouble cfloat char double float half int long short"

# Entries of the table that are variants of one operation of PyTorch's: name of PyTorch's, names of ours.
_VARIANTS = """
    _to_copy: cast cast_whole to_complex to_copy_in_order
    addmm: linear linear_batched
    mm: linear_no_bias linear_batched_no_bias matmul matmul_viewed
    bmm: matmul_batched
    mv: matvec vecmat
    sum: sum_all sum_to sum_of_tiles
    mean: mean_all mean_of_axis mean_of_axes
    max: max_all max_along
    min: min_all min_along
    prod: prod_all
    median: median_all
    nanmedian: nanmedian_all
    pow: number_pow pow_number
    remainder: number_remainder remainder_number
    fmod: fmod_number
    clamp_max: clamp_max_tensor
    clamp_min: clamp_min_tensor
    clamp: clamp_tensors
    rsub: rsub_tensor
    mul: scaled_by
    lerp: lerp_number
    bitwise_left_shift: left_shift
    bitwise_right_shift: right_shift
    squeeze: squeeze_one squeeze_several
    squeeze_: squeeze_in_place squeeze_one_in_place squeeze_several_in_place
    unsqueeze: unsqueezed
    unsqueeze_: unsqueeze_in_place
    transpose_: transpose_in_place
    t_: t_in_place
    as_strided_: as_strided_in_place
    split: split_part
    unbind: unbind_part
    slice: sized_part
    index: take_axes take_places
    gather: take_along
    scatter: put_along scatter_value
    roll: roll_flat
    round: round_decimals
    index_put_: region_write
    bernoulli: bernoulli_p
    bernoulli_: bernoulli_fill bernoulli_fill_by
    random_: random_any random_below random_between
    normal: normal_by_both normal_by_mean normal_by_std
    _standard_gamma: standard_gamma
    _standard_gamma_grad: standard_gamma_grad
    _sample_dirichlet: sample_dirichlet
    _dirichlet_grad: dirichlet_grad
    constant_pad_nd: constant_pad
    _pad_circular: circular_pad
    affine_grid_generator: affine_grid
    grid_sampler_2d: grid_sample2d
    grid_sampler_3d: grid_sample3d
    lstm: lstm_layer lstm_layer_packed lstm_layer_unfused
    gru: gru_layer gru_layer_packed
    rnn_tanh: rnn_layer rnn_layer_packed
    threshold_backward: relu_backward
    leaky_relu_: leaky_relu_in_place
    asinh_: asinh_in_place
    acosh_: acosh_in_place
    atanh_: atanh_in_place
    threshold_: threshold_in_place
    copy_: copy grad_copy
    zero_: zero
    convolution: conv conv_transpose
    convolution_backward: conv_input conv_weight
    _scaled_dot_product_attention_math: attention
    _scaled_dot_product_flash_attention_for_cpu: flash_attention
    cross_entropy_loss: cross_entropy cross_entropy2d
    nll_loss_forward: nll_loss
    nll_loss_backward: nll_loss_grad
    max_pool2d_with_indices_backward: max_pool_backward
    avg_pool2d_backward: avg_pool_backward
    _ctc_loss_backward: ctc_loss_backward
    gelu: gelu_tanh
    elu_: elu_in_place
    celu_: celu_in_place
    rrelu_with_noise: rrelu_mean
    rrelu_with_noise_: rrelu_in_place rrelu_mean_in_place
    _weight_norm_interface: weight_norm
    _unsafe_view: unsafe_view
    _embedding_bag: bag_sum bag_max
    div: over_number div_floor div_trunc
    masked_fill_: masked_fill_by
    fill_: fill_by
    index_fill_: index_fill_by
    _reshape_alias: reshape_alias
    uniform_: uniform
    exponential_: exponential
    cauchy_: cauchy
    geometric_: geometric
    log_normal_: log_normal
    linalg_cholesky_ex: cholesky_ex
    cholesky: old_cholesky
    linalg_eig: eig
    linalg_eigh: eigh
    linalg_householder_product: householder_product
    linalg_inv_ex: inverse_ex
    linalg_ldl_factor_ex: ldl_factor
    linalg_ldl_solve: ldl_solve
    linalg_lstsq: lstsq
    linalg_lu: lu
    linalg_lu_factor_ex: lu_factor
    linalg_pinv: pinv
    linalg_matrix_rank: rank
    linalg_solve: solve
    _linalg_solve_ex: solve_ex
    linalg_solve_triangular: solve_triangular
    linalg_vector_norm: vector_norm
    _fft_c2c: fft
    _fft_r2c: rfft fft_of_real
    _fft_c2r: irfft
    _unique2: unique
    special_entr: entr
    special_erfcx: erfcx
    special_i0e: i0e
    special_i1: i1
    special_i1e: i1e
    special_log_ndtr: log_ndtr
    special_ndtr: ndtr
    special_ndtri: ndtri
    special_xlog1py: xlog1py
    special_zeta: zeta
    _upsample_bicubic2d_aa: upsample_bicubic2d_aa
    _upsample_bilinear2d_aa: upsample_bilinear2d_aa
    _upsample_nearest_exact1d: upsample_nearest_exact1d
    _upsample_nearest_exact2d: upsample_nearest_exact2d
    _upsample_nearest_exact3d: upsample_nearest_exact3d
"""
# Entries that are operations of PyTorch's which have no public function of that name.
_OPERATIONS = """
    alias slice index gather_backward index_select_backward masked_scatter_backward sigmoid_backward tanh_backward
    reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d replication_pad3d
    upsample_nearest1d upsample_nearest2d upsample_nearest3d upsample_linear1d upsample_bilinear2d
    upsample_trilinear3d upsample_bicubic2d im2col col2im unique_dim leaky_relu_backward log_sigmoid
    native_layer_norm native_group_norm native_batch_norm nll_loss2d embedding_backward
"""


# Operators, with their operations' names where these are others.
_OPERATORS = """
    add radd:add sub rsub mul rmul:mul truediv:div rtruediv:div floordiv:floor_divide rfloordiv:floor_divide
    mod:remainder rmod:remainder pow rpow:pow matmul rmatmul:matmul neg abs invert:bitwise_not eq ne lt le gt ge
    and:__and__ or:__or__ xor:__xor__ lshift:__lshift__ rshift:__rshift__ iadd:add_ isub:sub_ imul:mul_ itruediv:div_
    ifloordiv:floor_divide_ imod:remainder_ ipow:pow_ iand:__iand__ ior:__ior__ ixor:__ixor__
"""

_UPDATES = "sgd adam rmsprop adagrad adadelta adamax asgd nadam radam rprop adafactor muon".split()


def _variants() -> dict[str, str]:
    names = {name: name for name in _OPERATIONS.split()}
    for line in _VARIANTS.strip().splitlines():
        theirs, _, ours = line.partition(":")
        names.update(dict.fromkeys(ours.split(), theirs.strip()))
    return names


def _public() -> tuple[dict[Any, str], set[str]]:
    """Each public function with the name of its operation, and all names (a function may have several)."""
    found: dict[Any, str] = {}
    known: set[str] = set()

    def add(prefix: str, names: Any) -> None:
        for name, value in names.items():
            unseen = name.startswith(_QUESTIONS) or (not prefix and name in _UNSEEN)
            if isinstance(value, FunctionType) and not unseen:
                called = "to" if name in _CONVERSIONS.split() else _RENAMED.get(name, name)
                called = called if called.startswith(prefix) else prefix + called
                known.add(called)
                if value not in found or (name == value.__name__ and not prefix):  # its own name is the one
                    found[value] = called

    add("", vars(microtorch))
    functional: Any = importlib.import_module("microtorch.nn.functional")
    add("", vars(functional))
    found[functional.unfold] = "im2col"  # Tensor.unfold is another function
    for name in ("linalg", "fft", "special"):
        add(f"{name}_", vars(importlib.import_module(f"microtorch.{name}")))
    for kind in microtorch.Tensor.__mro__:
        add("", vars(kind))
    for pair in _OPERATORS.split():
        method, _, called = pair.partition(":")
        function = getattr(microtorch.Tensor, f"__{method}__")
        if function not in found:
            found[function] = called or method
    return found, known


def operations() -> dict[Any, str]:
    """Every function that is timed, with its name: public functions, methods and entries of the table."""
    public, known = _public()
    variants = _variants()
    found = {function: f"aten::{name}" for function, name in public.items()}
    for name in _UPDATES:  # what an optimizer does to a block of parameters
        fused = name in ("sgd", "adam", "adagrad")
        found[getattr(optim, name)] = f"aten::_fused_{name}_" if fused else f"microtorch::{name}"
    for name, entry in vars(tensors).items():
        if isinstance(entry, FunctionType) and not name.startswith(_QUESTIONS):
            label = _entry(name, known, variants)
            found.setdefault(entry, label)
            operator = getattr(entry, "operator", None)
            if isinstance(operator, FunctionType):
                found.setdefault(operator, label)
    return found


def kernels() -> dict[str, str]:
    """The names under which formulas call kernels (`xp.name` of a backward pass on arrays), and those of operations."""
    known, variants = _public()[1], _variants()
    return {name: _entry(name, known, variants) for name, kernel in vars(arrays).items() if callable(kernel)}


def _entry(name: str, known: set[str], variants: dict[str, str]) -> str:
    if name in variants:
        return f"aten::{variants[name]}"
    return f"aten::{name}" if name in known else f"microtorch::{name}"
