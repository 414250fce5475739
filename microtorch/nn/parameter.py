"""Parameters and buffers: the tensors that a Module holds, and those whose shape is not known yet."""

from __future__ import annotations

from typing import Any

import numpy as np

from microtorch import dtypes, printing
from microtorch._tensor import Tensor
from microtorch.autograd.node import require_grad
from microtorch.autograd.state import TensorBase, storage_of
from microtorch.functions.arguments import numpy_dtype
from microtorch.size import cpu, require_cpu

__all__ = [
    "Buffer",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "UninitializedTensorMixin",
    "is_lazy",
]


def is_parameter(value: Any) -> bool:
    """`isinstance(value, Parameter)`, but quicker."""
    return type(value) is Parameter or (
        isinstance(value, TensorBase)
        and (type(value) is not Tensor or "_is_param" in value.__dict__)
        and isinstance(value, Parameter)
    )


def is_buffer(value: Any) -> bool:
    """`isinstance(value, Buffer)`, but quicker."""
    return isinstance(value, TensorBase) and isinstance(value, Buffer)


class _ParameterMeta(type):
    """Lets a tensor of another class be a Parameter, if it is marked `_is_param`."""

    def __instancecheck__(self, instance: Any) -> bool:
        if type.__instancecheck__(self, instance):
            return True
        return self is Parameter and isinstance(instance, TensorBase) and getattr(instance, "_is_param", False)


class Parameter(Tensor, metaclass=_ParameterMeta):
    """A tensor that a Module lists among its parameters once it is an attribute of it.

    data: the tensor whose memory it takes (an empty one if None); requires_grad: also inside `no_grad`.

    >>> import microtorch as torch
    >>> torch.nn.Parameter(torch.tensor([1.0, 2.0]))
    Parameter containing:
    tensor([1., 2.], requires_grad=True)
    """

    __slots__ = ()

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Any:
        if data is None:
            data = Tensor()
        if type(data) is not Tensor and type(data) is not Parameter:
            t = data.detach().requires_grad_(requires_grad)
            if type(t) is not type(data):
                raise RuntimeError(
                    f"Creating a Parameter from an instance of type {type(data).__name__} requires that detach() "
                    "returns an "
                    f"instance of the same type, but return type {type(t).__name__} was found instead. To use the "
                    "type as a "
                    "Parameter, please correct the detach() semantics defined by its __torch_dispatch__() "
                    "implementation."
                )
            t._is_param = True
            return t
        p: Any = object.__new__(cls)
        p._data, p._storage = data._data, storage_of(data)
        p._node = p._grad = p._base = None
        if requires_grad:
            if data._data.dtype.kind not in "fc":
                raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
            require_grad(p)
        return p

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.data.clone(), self.requires_grad)
        return memo[id(self)]

    def __repr__(self, *, tensor_contents: str | None = None) -> str:
        return printing.format_parameter(super().__repr__(tensor_contents=tensor_contents))


class _BufferMeta(type):
    def __instancecheck__(self, instance: Any) -> bool:
        if self is Buffer and isinstance(instance, TensorBase) and getattr(instance, "_is_buffer", False):
            return True
        return type.__instancecheck__(self, instance)


class Buffer(Tensor, metaclass=_BufferMeta):
    """A tensor that a Module registers as a buffer when it becomes an attribute of it.

    persistent: whether it is part of the module's state_dict.

    >>> import microtorch as torch
    >>> m = torch.nn.Module()
    >>> m.mean = torch.nn.Buffer(torch.zeros(2))
    >>> list(m.state_dict())
    ['mean']
    """

    __slots__ = ()

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Any:
        if data is None:
            data = Tensor()
        t = data.detach().requires_grad_(data.requires_grad)
        t.persistent = persistent
        t._is_buffer = True
        return t


class UninitializedTensorMixin:
    """A tensor without shape or data: `materialize(shape)` gives it both."""

    cls_to_become: Any

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Become an ordinary parameter (or buffer) of this shape, with unset values."""
        t: Any = self
        require_cpu(device)
        kind = numpy_dtype(dtype) or t._data.dtype
        t.__class__ = self.cls_to_become
        t._data, t._storage = np.zeros(tuple(shape), kind), None
        if t._node is not None:
            require_grad(t)

    @property
    def shape(self) -> Any:
        """Raises RuntimeError: there is none yet."""
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in "
            "`load_state_dict` "
            "when trying to load an uninitialized parameter into an initialized one. Call `forward` to initialize the "
            "parameters before accessing their attributes."
        )

    def share_memory_(self) -> Any:
        """Raises RuntimeError: there is no memory yet."""
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to initialize the parameters "
            "before "
            "calling `module.share_memory()`."
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    def __reduce_ex__(self, protocol: Any) -> Any:
        t: Any = self
        return type(self), (t.requires_grad,) if isinstance(self, UninitializedParameter) else ()


_ALLOWED = frozenset(
    "size copy_ is_complex is_floating_point half float double char short int long cuda cpu to get_device __class__ "
    "__dict__ "
    "_data _node _grad _storage _base requires_grad requires_grad_ grad is_leaf dtype device data materialize "
    "cls_to_become "
    "shape share_memory_ grad_fn detach numel is_cuda type new _is_param _is_buffer persistent ndim dim is_meta "
    "output_nr register_hook".split()
)


def _only_allowed(t: Any, name: str) -> Any:
    """The attributes of an uninitialized tensor: few."""
    if name in _ALLOWED or name.startswith("__"):
        return object.__getattribute__(t, name)
    if hasattr(Tensor, name):
        raise ValueError(
            f"Attempted to use an uninitialized parameter in <method '{name}' of 'torch._C.TensorBase' objects>. This "
            "error "
            "happens when you are using a `LazyModule` or explicitly manipulating "
            f"`torch.nn.parameter.{type(t).__name__}` objects. When using LazyModules Call `forward` with a dummy "
            "batch to "
            "initialize the parameters before calling torch functions"
        )
    return object.__getattribute__(t, name)


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter whose shape is not known yet, as lazy modules hold them until their first call.

    >>> import microtorch as torch
    >>> p = torch.nn.parameter.UninitializedParameter()
    >>> p.materialize((2, 3))
    >>> p.shape
    torch.Size([2, 3])
    """

    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        require_cpu(device)
        p: Any = object.__new__(cls)
        p._data = np.zeros((0,), numpy_dtype(dtype) or dtypes.default.float)
        p._node = p._grad = p._base = p._storage = None
        if requires_grad:
            require_grad(p)
        return p

    def __getattribute__(self, name: str) -> Any:
        return _only_allowed(self, name)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.requires_grad, cpu, dtypes.of[self._data.dtype])
        return memo[id(self)]


class UninitializedBuffer(UninitializedTensorMixin, Tensor):
    """A buffer whose shape is not known yet."""

    cls_to_become = Tensor

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> Any:
        require_cpu(device)
        p: Any = object.__new__(cls)
        p._data = np.zeros((0,), numpy_dtype(dtype) or dtypes.default.float)
        p._node = p._grad = p._base = p._storage = None
        p.persistent = persistent
        p._is_buffer = True
        return p

    def __getattribute__(self, name: str) -> Any:
        return _only_allowed(self, name)


def is_lazy(param: Any) -> bool:
    """True for parameters and buffers that have no shape yet."""
    return isinstance(param, UninitializedTensorMixin)
