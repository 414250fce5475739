"""`__torch_function__`: how classes take part in PyTorch's functions (torch.overrides has the public names).

A call asks the classes of its arguments only once some class wants to be asked. Until then no function knows of this
file: nothing is wrapped, nothing is tested. The first class that has a `__torch_function__` of its own, the first
subclass of Tensor, and every `with TorchFunctionMode():` exchange the code of all public functions and methods
(`activate`): each function stays the same object, so whoever holds it calls the new code, which looks at the arguments
and then runs the old code, or the override.

The protocol is that of NEP 18 (https://numpy.org/neps/nep-0018-array-function-protocol.html) as in PyTorch's
torch/overrides.py and torch/csrc/utils/python_arg_parser.cpp.
"""

from __future__ import annotations

import builtins
import importlib
import threading
import types
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from microtorch._instrument import copied
from microtorch._missing import torch_name
from microtorch.autograd import state
from microtorch.autograd.state import TensorBase


class _Local(threading.local):
    """What this thread has switched off, and the modes that it has entered, the innermost last."""

    subclasses = True  # False inside of DisableTorchFunctionSubclass
    everything = True  # False inside of DisableTorchFunction
    modes: tuple[Any, ...] = ()


local = _Local()


def disabled_torch_function(func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
    """The `__torch_function__` of classes that are treated like Tensor itself: Parameter, Buffer."""
    return func(*args, **(kwargs or {}))


class DisableTorchFunctionSubclass:
    """Inside, `__torch_function__` of classes is not called (that of modes is)."""

    def __enter__(self) -> None:
        self._before = local.subclasses
        local.subclasses = False

    def __exit__(self, *exc: object) -> None:
        local.subclasses = self._before


class DisableTorchFunction:
    """Inside, no `__torch_function__` is called."""

    def __enter__(self) -> None:
        self._before = local.everything
        local.everything = False

    def __exit__(self, *exc: object) -> None:
        local.everything = self._before


# who is asked ---------------------------------------------------------------------------------------------------------

_PLAIN: set[type[Any]] = {int, float, bool, complex, str, type(None), slice, type(...)}
"""Classes of arguments that have no `__torch_function__`, for speed; Tensor, Parameter ... are added below."""


def override_of(value: Any) -> Any:
    """The `__torch_function__` of a value's class, or None; Tensor's own does not count."""
    kind = type(value)
    if kind in _PLAIN:
        return None
    found = getattr(kind, "__torch_function__", None)
    if found is None or found is disabled_torch_function or kind is type or kind is state.tensor_class:
        return None
    return found


def overriding(values: Iterable[Any]) -> list[Any]:
    """The values to be asked, one of each class: from left to right, but subclasses before their base classes."""
    found: list[Any] = []
    for value in values:
        if type(value) in _PLAIN or override_of(value) is None:
            continue
        kind = type(value)
        if any(type(f) is kind for f in found):
            continue
        place = next((i for i, f in enumerate(found) if issubclass(kind, type(f))), len(found))
        found.insert(place, value)
    return found


def spread(args: Sequence[Any], kwargs: dict[str, Any]) -> Iterable[Any]:
    """The arguments of a call, and what stands in those that are lists or tuples."""
    for value in (*args, *kwargs.values()) if kwargs else args:
        if type(value) is tuple or type(value) is list:
            yield from value
        else:
            yield value


def dispatch(func: Any, given: Sequence[Any], args: tuple[Any, ...], kwargs: dict[str, Any] | None) -> Any:
    """Ask the innermost mode, then the values `given` by `overriding`, for the result of `func(*args, **kwargs)`.

    kwargs: None for none, if PyTorch's function is one in C++.
    Raises TypeError if all of them return NotImplemented.
    """
    kinds = tuple(type(value) for value in given)
    modes = local.modes
    if modes:
        local.modes = modes[:-1]
        try:
            result = modes[-1].__torch_function__(func, kinds, args, kwargs)
        finally:
            local.modes = modes
        if result is not NotImplemented:
            return result
    for value in given:
        method = value.__torch_function__
        if getattr(method, "__self__", None) is value and not isinstance(value, type):
            warnings.warn(
                "Defining your `__torch_function__ as a plain method is deprecated and will be an error in future, "
                "please define it as a classmethod.",
                DeprecationWarning,
                stacklevel=3,
            )
        result = method(func, kinds, args, kwargs)
        if result is not NotImplemented:
            return result
    if kwargs is not None:  # a function that is written in Python there
        where = name_of(func)
        if where.removeprefix("torch.") in _PYTHON:
            where = where.replace("torch.", "torch.functional.")
        message = f"no implementation found for '{where}' on types that implement __torch_function__: {list(kinds)}"
        raise TypeError(message + (f" nor in mode {modes[-1]}" if modes else ""))
    refused = [f"  - mode object {modes[-1]!r}"] if modes else []
    refused += [f"  - tensor subclass {kind!r}" for kind in kinds]
    raise TypeError(
        f"Multiple dispatch failed for '{name_of(func)}'; all __torch_function__ handlers returned NotImplemented:\n\n"
        + "\n".join(refused)
        + "\n\nFor more information, try re-running with TORCH_LOGS=not_implemented"
    )


def converted(result: Any, kind: Any) -> Any:
    """The Tensors of a result as tensors of a subclass."""
    if isinstance(result, TensorBase):
        return result if isinstance(result, kind) else result.as_subclass(kind)  # type: ignore[attr-defined]
    if isinstance(result, (tuple, list)):
        parts = [converted(r, kind) for r in result]
        return type(result)(*parts) if hasattr(result, "_fields") else type(result)(parts)
    return result


def default_torch_function(
    cls: Any, func: Any, types: Iterable[Any], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
) -> Any:
    """What Tensor's subclasses inherit: call the function as it is, and make tensors in its result of this class."""
    if not all(issubclass(cls, t) for t in types):
        return NotImplemented
    with DisableTorchFunctionSubclass():
        result = func(*args, **(kwargs or {}))
        return result if func in unwrapped() else converted(result, cls)


# the exchange ---------------------------------------------------------------------------------------------------------

names: dict[Any, str] = {}
"""What can be overridden, once it is known (`survey`): each function, method and property's getter -> its name."""

namespaces: dict[Any, list[Any]] = {}
"""The same by the module or class that it is in."""

_exchanged: list[tuple[Any, Any, Any]] = []  # (function, its own code, its own keyword defaults)
_wanted = 0  # how many classes and open modes want to be asked
_lock = threading.RLock()

_MODULES = ("microtorch", "microtorch.functional", "microtorch.nn.functional", "microtorch.linalg", "microtorch.fft",
            "microtorch.special", "microtorch.autograd.engine")  # fmt: skip

IGNORED = frozenset(
    """are_deterministic_algorithms_enabled as_subclass autocast can_cast compile compiled_with_cxx11_abi device finfo
    from_dlpack get_default_device get_default_dtype get_deterministic_debug_mode get_device_module get_file_path
    get_float32_matmul_precision get_num_interop_threads get_num_threads get_printoptions get_rng_state has_lapack
    iinfo initial_seed is_anomaly_check_nan_enabled is_anomaly_enabled is_autocast_cache_enabled
    is_autocast_cpu_enabled is_autocast_enabled get_autocast_cpu_dtype get_autocast_dtype get_autocast_gpu_dtype
    is_deterministic_algorithms_warn_only_enabled is_grad_enabled is_inference_mode_enabled is_storage is_tensor
    is_vulkan_available is_warn_always_enabled load manual_seed promote_types save seed set_autocast_cache_enabled
    set_default_device set_default_dtype set_default_tensor_type set_deterministic_debug_mode
    set_float32_matmul_precision set_flush_denormal set_num_interop_threads set_num_threads set_printoptions
    set_rng_state set_warn_always summary typename use_deterministic_algorithms vmap as_tensor __iter__ __dir__
    _make_subclass _make_wrapper_subclass __class__ __delattr__ __getattribute__ __hash__ __init__ __init_subclass__
    __new__ __setattr__ __sizeof__ __subclasshook__ __torch_function__ __weakref__""".split()
)
"""What cannot be overridden: functions that see no tensors, and those through which a tensor is made or found."""

FACTORIES = frozenset(
    """arange as_tensor asarray bartlett_window blackman_window complex empty empty_permuted empty_strided eye
    frombuffer from_file from_numpy full hamming_window hann_window kaiser_window linspace logspace ones rand randint
    randn randperm range scalar_tensor sparse_coo_tensor tensor tril_indices triu_indices vander zeros""".split()
)
"""Functions that make tensors of none: only modes are asked about them."""

_OPERATORS = {
    **{f"__{name}__": name for name in ("neg", "abs", "matmul", "gt", "lt", "ge", "le", "ne", "mul", "add", "sub")},
    **{f"__{name}__": name for name in ("pow",)},
    **{f"__r{name}__": name for name in ("mul", "add")},
    **{f"__i{name}__": f"{name}_" for name in ("mul", "add", "sub", "pow")},
    "__truediv__": "div",
    "__itruediv__": "div_",
    "__mod__": "remainder",
    "__imod__": "remainder_",
}
"""Operators that an override sees as the method which computes the same, as in PyTorch."""

_BINARY = frozenset(
    f"__{side}{name}__"
    for side in ("", "r", "i")
    for name in "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift eq ne lt le gt ge".split()
)


def _template(*args: Any, _ask: Any, **kwargs: Any) -> Any:
    return _ask(args, kwargs)


_PYTHON = frozenset(
    """atleast_1d atleast_2d atleast_3d block_diag broadcast_shapes broadcast_tensors cartesian_prod cdist chain_matmul
    einsum istft lu meshgrid norm pca_lowrank split stft svd_lowrank tensordot unique unique_consecutive
    unravel_index lobpcg""".split()
)
_PYTHON_METHODS = frozenset(
    """__array__ __array_wrap__ __contains__ __deepcopy__ __dlpack__ __floordiv__ __format__ __ipow__ __len__ __pow__
    __rdiv__ __reduce_ex__ __repr__ __reversed__ __rfloordiv__ __rlshift__ __rmatmul__ __rmod__ __rpow__ __rrshift__
    __rsub__ __rtruediv__ backward dim_order index is_shared istft lu norm register_hook
    register_post_accumulate_grad_hook reinforce resize resize_as share_memory_ split stft storage storage_type
    to_sparse_coo unflatten unique unique_consecutive""".split()
)
_COMPILED = frozenset(
    """adaptive_avg_pool1d avg_pool1d avg_pool2d avg_pool3d bilinear celu_ channel_shuffle conv1d conv2d conv3d conv_tbc
    conv_transpose1d conv_transpose2d conv_transpose3d cosine_similarity elu_ gelu hardshrink hardtanh_ leaky_relu_
    linear logsigmoid native_channel_shuffle one_hot pairwise_distance pdist pixel_shuffle pixel_unshuffle prelu relu_
    rrelu_ scaled_dot_product_attention selu_ softplus softshrink threshold_""".split()
)


def in_python(name: str) -> bool:
    """True if PyTorch's function of that name is written in Python: an override then never gets None for `kwargs`."""
    where, _, last = name.rpartition(".")
    if where == "torch.Tensor":
        return last in _PYTHON_METHODS
    if where == "torch.nn.functional":
        return last not in _COMPILED
    return where in ("torch.functional", "torch.autograd") or (where == "torch" and last in _PYTHON)


def _asking(func: Any, original: Any, name: str) -> Callable[[tuple[Any, ...], dict[str, Any]], Any]:
    """What a function does while somebody wants to be asked; an override sees it as `func`."""
    python, factory = in_python(name), name.removeprefix("torch.") in FACTORIES
    binary = name.startswith("torch.Tensor.__") and name.removeprefix("torch.Tensor.") in _BINARY

    def ask(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        here = local
        if here.everything:
            if here.modes:
                given = overriding(spread(args, kwargs)) if here.subclasses else []
                return dispatch(func, given, args, kwargs if kwargs or python else None)
            if here.subclasses and (kwargs or not factory):
                for value in spread(() if factory else args, kwargs):
                    if type(value) not in _PLAIN and override_of(value) is not None:
                        given = overriding(spread(args, kwargs))
                        try:
                            return dispatch(func, given, args, kwargs if kwargs or python else None)
                        except TypeError:
                            if binary:
                                return NotImplemented  # the other operand may know; if not, Python says so
                            raise
        return original(*args, **kwargs)

    return ask


def survey() -> None:
    """Fill `names` and `namespaces`: all public functions, and the methods and properties of Tensor."""
    if names:
        return
    for place in _MODULES:
        module = importlib.import_module(place)
        found = namespaces.setdefault(module, [])
        for name in dir(module) if place != "microtorch.autograd.engine" else ("backward", "grad"):
            if name.startswith("_") or name in IGNORED:
                continue
            value = getattr(module, name, None) if place != "microtorch" or not _is_module(name) else None
            if isinstance(value, types.FunctionType) and value.__module__.startswith("microtorch"):
                names.setdefault(value, f"{torch_name(place.replace('.autograd.engine', '.autograd'))}.{name}")
                found.append(value)
    tensor = importlib.import_module("microtorch._tensor").Tensor
    found = namespaces.setdefault(tensor, [])
    for name in dir(tensor):
        value = getattr(tensor, name)
        if name in IGNORED:
            continue
        if isinstance(value, types.FunctionType):
            owner = next(c for c in tensor.__mro__ if name in vars(c))
            if value in names or (name.startswith("__") and value.__name__ != name):
                value = copied(value)  # so that torch.add and torch.Tensor.add are told apart
                value.__name__ = name
                setattr(owner, name, value)
            names.setdefault(value, f"torch.Tensor.{name}")
            found.append(value)
        elif isinstance(value, property):
            names[value.__get__] = f"torch.Tensor.{name}.__get__"
            found.append(value.__get__)
            if value.fset is not None:
                names[value.__set__] = f"torch.Tensor.{name}.__set__"


def _is_module(name: str) -> bool:
    from microtorch._lazy import MODULES

    return name in MODULES


def unwrapped() -> set[Any]:
    """The functions whose results stay of the class that they are of: `t.grad` and `t._base`."""
    tensor = importlib.import_module("microtorch._tensor").Tensor
    return {tensor.grad.__get__}


def name_of(func: Any) -> str:
    """The name under which PyTorch's users know a function."""
    found = names.get(func)
    if found is None:
        found = f"{torch_name(getattr(func, '__module__', None) or '')}.{getattr(func, '__name__', func)}"
    return found


def activate() -> None:
    """From now on one more class or mode wants to be asked."""
    global _wanted
    with _lock:
        _wanted += 1
        if _wanted == 1:
            _exchange()


def deactivate() -> None:
    """One of those that wanted to be asked does not any more."""
    global _wanted
    with _lock:
        _wanted -= 1
        if not _wanted:
            for function, code, defaults in _exchanged:
                function.__code__, function.__kwdefaults__ = code, defaults
                wrapped = function.__wrapped__
                del function.__wrapped__
                function.__dict__.update(wrapped.__dict__)


def _exchange() -> None:
    """Give all functions the code that asks."""
    survey()
    tensor = importlib.import_module("microtorch._tensor").Tensor
    parameter = importlib.import_module("microtorch.nn.parameter")
    size = importlib.import_module("microtorch.size")
    dtypes = importlib.import_module("microtorch.dtypes")
    _PLAIN.update(
        (tensor, parameter.Parameter, parameter.Buffer, size.Size, dtypes.dtype, size.device, types.FunctionType)
    )
    _exchanged.clear()
    seen: set[int] = set()
    for name in dir(tensor):
        value = getattr(tensor, name)
        if isinstance(value, property) and name not in IGNORED:
            _take(value.fget, value.__get__, f"torch.Tensor.{name}.__get__", seen)
            if value.fset is not None:
                _take(value.fset, value.__set__, f"torch.Tensor.{name}.__set__", seen)
    for name, method in _OPERATORS.items():
        _take(getattr(tensor, name), getattr(tensor, method), f"torch.Tensor.{name}", seen)
    for func, name in names.items():
        _take(func, func, name, seen)


def _take(function: Any, func: Any, name: str, seen: set[int]) -> None:
    """Exchange the code of one function, which an override sees as `func`."""
    if id(function) in seen or not isinstance(function, types.FunctionType):
        return
    seen.add(id(function))
    original = copied(function)
    code = function.__code__
    _exchanged.append((function, code, function.__kwdefaults__))
    function.__wrapped__ = original  # type: ignore[attr-defined]  # whose signature it still has
    function.__kwdefaults__ = {"_ask": _asking(func, original, name)}
    function.__code__ = _template.__code__.replace(co_freevars=code.co_freevars, co_name=code.co_name)


# classes that want to be asked ----------------------------------------------------------------------------------------


def subclassed(cls: type[Any]) -> None:
    """Called for each new subclass of Tensor."""
    if getattr(cls, "__torch_function__", None) is not disabled_torch_function:
        activate()


_builtins: Any = builtins
_build_class = _builtins.__build_class__


def _building(function: Any, name: str, *bases: Any, **named: Any) -> Any:
    """Python's way to make a class, which notices one that has a `__torch_function__` and is no Tensor."""
    cls = _build_class(function, name, *bases, **named)
    if isinstance(cls, type) and "__torch_function__" in cls.__dict__ and not issubclass(cls, (TensorBase, Mode)):
        if _builtins.__build_class__ is _building:
            _builtins.__build_class__ = _build_class  # once is enough
        activate()
    return cls


class Mode:
    """Base of torch.overrides.TorchFunctionMode."""


def notice_classes() -> None:
    """From now on notice classes that are no Tensors and have a `__torch_function__`.

    Nothing but a class's being made tells of it in time: `torch.mean(x)` must ask x at once. But Python's way to make
    classes is not ours to change for everybody: this is called by `microtorch.overrides`, and by `microtorch run` for
    programs that name `__torch_function__`.
    """
    if not _exchanged and _builtins.__build_class__ is _build_class:
        _builtins.__build_class__ = _building
