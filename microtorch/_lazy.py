"""Which names of `torch` are loaded when they are first asked for, and from where: that keeps the import quick.

`microtorch.__getattr__` asks here. Nothing else changes: `torch.nn.functional`, `from microtorch import nn` and
`import microtorch.optim as optim` work as with a module loaded at once.
"""

from __future__ import annotations

import importlib

from microtorch._missing import missing_name

MODULES = frozenset(
    """_C _VF __config__ __future__ _dynamo _utils accelerator amp ao backends compiler cpu cuda distributed
    distributions export fft func functional futures fx hub jit library linalg masked mps mtia multiprocessing
    nested nn onnx optim overrides profiler quantization quasirandom return_types serialization signal sparse
    special testing torch_version types utils version xpu""".split()
)
"""Modules that are attributes of `torch` under their own names."""

_FROM = {
    "microtorch._checks": """_assert _assert_async _check _check_index _check_is_size _check_not_implemented
        _check_tensor_all _check_type _check_value _check_with""",
    "microtorch._names": """SymBool SymFloat SymInt _cast_Float _cast_Long _reshape_from_tensor
        _shape_as_tensor compiled_with_cxx11_abi cond get_device get_device_module is_distributed is_inference
        is_vulkan_available sym_float sym_int sym_ite sym_max sym_min sym_not sym_sum typename""",
    "microtorch._removed": "eig lstsq matrix_rank solve symeig",
    "microtorch._settings": """are_deterministic_algorithms_enabled get_deterministic_debug_mode
        get_float32_matmul_precision get_num_interop_threads get_num_threads
        is_deterministic_algorithms_warn_only_enabled is_warn_always_enabled set_deterministic_debug_mode
        set_float32_matmul_precision set_flush_denormal set_num_interop_threads set_num_threads set_warn_always
        use_deterministic_algorithms""",
    "microtorch.amp": "GradScaler autocast",
    "microtorch.amp.autocast_mode": """autocast_decrement_nesting autocast_increment_nesting clear_autocast_cache
        get_autocast_cpu_dtype get_autocast_dtype get_autocast_gpu_dtype is_autocast_cache_enabled
        is_autocast_cpu_enabled is_autocast_enabled set_autocast_cache_enabled set_autocast_cpu_dtype
        set_autocast_cpu_enabled set_autocast_dtype
        set_autocast_enabled""",
    "microtorch.compiler": "compile",
    "microtorch.autograd.anomaly_mode": "is_anomaly_check_nan_enabled is_anomaly_enabled",
    "microtorch.func": "vmap",
    "microtorch.functions.quantize": "fake_quantize_per_channel_affine fake_quantize_per_tensor_affine",
    "microtorch.futures": "Future",
    "microtorch.model_summary": "summary",
    "microtorch.nn.functional": """adaptive_avg_pool1d avg_pool1d bilinear celu celu_ channel_shuffle conv1d conv2d
        conv3d conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d cosine_similarity hardshrink
        native_channel_shuffle pairwise_distance pdist pixel_shuffle pixel_unshuffle prelu rms_norm rrelu rrelu_
        selu selu_ threshold threshold_""",
    "microtorch.nn.functional.native": """adaptive_max_pool1d affine_grid_generator alpha_dropout alpha_dropout_
        batch_norm binary_cross_entropy_with_logits constant_pad_nd convolution cosine_embedding_loss ctc_loss
        dropout dropout_ embedding embedding_renorm_ feature_alpha_dropout feature_alpha_dropout_ feature_dropout
        feature_dropout_ grid_sampler grid_sampler_2d grid_sampler_3d group_norm hinge_embedding_loss instance_norm
        kl_div layer_norm margin_ranking_loss max_pool1d max_pool1d_with_indices max_pool2d max_pool3d
        native_batch_norm native_dropout native_dropout_backward native_group_norm native_layer_norm
        poisson_nll_loss triplet_margin_loss""",
    "microtorch.nn.utils.weight_norm": "norm_except_dim",
    "microtorch.cuda": "AcceleratorError OutOfMemoryError",
    "microtorch.nn.functional.sparse": "embedding_bag",
    "microtorch.serialization": "load save",
    "microtorch.sparse": """hspmm smm sparse_bsc_tensor sparse_bsr_tensor sparse_compressed_tensor sparse_coo_tensor
        sparse_csc_tensor sparse_csr_tensor""",
    "microtorch.version": "__version__",
}

HOMES = {name: module for module, names in _FROM.items() for name in names.split()}
"""Functions and classes of `torch` that live in a module which is not loaded at once: name -> module."""


def find(name: str) -> object:
    """The value of `torch.<name>`, its module loaded now.

    Raises AttributeError if microtorch lacks it.
    """
    if name in MODULES:
        return importlib.import_module(f"microtorch.{name}")
    if name in HOMES:
        return getattr(importlib.import_module(HOMES[name]), name)
    if name == "torch":  # torch.torch is torch
        return importlib.import_module("microtorch")
    if name.startswith("_foreach_"):  # a hundred names made from thirty
        return getattr(importlib.import_module("microtorch._foreach"), name)
    raise missing_name("microtorch", name)
