"""Parameters and buffers: the tensors that a Module holds, and those whose shape is not known yet."""

from __future__ import annotations

from typing import Any

import numpy as np

from microtorch import dtypes, printing
from microtorch._overriding import disabled_torch_function
from microtorch._tensor import Tensor, TensorMeta
from microtorch.autograd import state
from microtorch.autograd.modes import sees
from microtorch.autograd.node import require_grad
from microtorch.autograd.state import TensorBase, storage_of
from microtorch.functions.arguments import numpy_dtype
from microtorch.size import require_cpu

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


class _ParameterMeta(TensorMeta):
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
    __torch_function__ = disabled_torch_function
    _printed = "tensor"
    _is_param = True

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Any:
        if data is None:
            data = Tensor()
        if type(data) is not Tensor and type(data) is not Parameter:
            t = data.detach().requires_grad_(requires_grad)
            if type(t) is not type(data):
                raise RuntimeError(
                    f"Creating a Parameter from an instance of type {type(data).__name__} requires that detach() "
                    f"returns an instance of the same type, but return type {type(t).__name__} was found instead. To "
                    "use the type as a Parameter, please correct the detach() semantics defined by its "
                    "__torch_dispatch__() implementation."
                )
            t._is_param = True
            return t
        p: Any = object.__new__(cls)
        p._data, p._storage = data._data, storage_of(data)
        p._node = p._grad = p._base = None
        sees(p, data)
        if requires_grad:
            if data._data.dtype.kind not in "fc":
                raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
            require_grad(p)
        return p

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self.data.clone(), self.requires_grad)
        return memo[id(self)]

    def __repr__(self, *, tensor_contents: str | None = None) -> str:  # type: ignore[override]
        return printing.format_parameter(super().__repr__(tensor_contents=tensor_contents))  # type: ignore[call-arg]


state.parameter_class = Parameter


class _BufferMeta(TensorMeta):
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
    __torch_function__ = disabled_torch_function
    _printed = "tensor"

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Any:
        if data is None:
            data = Tensor()
        t = data.detach().requires_grad_(data.requires_grad)
        t.persistent = persistent
        t._is_buffer = True
        return t


class UninitializedTensorMixin:
    """A tensor without shape or data, but with a dtype: `materialize(shape)` gives it the rest."""

    cls_to_become: Any
    _kind: Any  # NumPy's dtype
    _wants_grad: bool

    def _begin(self, requires_grad: bool, device: Any, dtype: Any) -> Any:
        """Set the state of a new object."""
        require_cpu(device)
        t: Any = self
        t._node = t._grad = t._base = t._storage = None
        t._kind, t._wants_grad = numpy_dtype(dtype) or dtypes.default.float, requires_grad
        return t

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Become an ordinary parameter (or buffer) of this shape, with unset values."""
        t: Any = self
        require_cpu(device)
        kind, wants_grad = numpy_dtype(dtype) or self._kind, self._wants_grad
        del self._kind, self._wants_grad
        t.__class__ = self.cls_to_become
        t._data = np.zeros(tuple(shape), kind)
        if wants_grad:
            require_grad(t)

    @property
    def _data(self) -> Any:
        raise ValueError(
            "Attempted to use an uninitialized parameter. This error happens when you are using a `LazyModule` or "
            f"explicitly manipulating `torch.nn.parameter.{type(self).__name__}` objects. When using LazyModules Call "
            "`forward` with a dummy batch to initialize the parameters before calling torch functions"
        )

    @property
    def shape(self) -> Any:
        """Raises RuntimeError: there is none yet."""
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in "
            "`load_state_dict` when trying to load an uninitialized parameter into an initialized one. Call `forward` "
            "to initialize the parameters before accessing their attributes."
        )

    def share_memory_(self) -> Any:
        """Raises RuntimeError: there is no memory yet."""
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to initialize the parameters "
            "before calling `module.share_memory()`."
        )

    # what it has: a dtype, and whether it will need a gradient -------------------------------------------------------

    @property
    def dtype(self) -> Any:
        """The element type."""
        return dtypes.of[self._kind]

    @property
    def requires_grad(self) -> bool:
        """Whether it will need a gradient."""
        return self._wants_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self._wants_grad = value

    @property
    def data(self) -> Any:
        """Itself; another uninitialized tensor may be assigned, for its dtype."""
        return self

    @data.setter
    def data(self, value: Any) -> None:
        self._kind = value._kind

    def is_floating_point(self) -> bool:
        """True for float16, float32, float64."""
        return bool(self._kind.kind == "f")

    def is_complex(self) -> bool:
        """True for complex64, complex128."""
        return bool(self._kind.kind == "c")

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """An uninitialized tensor of another dtype: see Tensor.to."""
        converted = Tensor(0).to(self.dtype).to(*args, **kwargs)
        return type(self)(self._wants_grad, dtype=converted.dtype)  # type: ignore[call-arg]

    def float(self) -> Any:
        """As float32."""
        return self.to(dtypes.float32)

    def double(self) -> Any:
        """As float64."""
        return self.to(dtypes.float64)

    def bfloat16(self) -> Any:
        """As bfloat16."""
        return self.to(dtypes.bfloat16)

    def half(self) -> Any:
        """As float16."""
        return self.to(dtypes.float16)

    def cpu(self) -> Any:
        """Itself."""
        return self

    def copy_(self, src: Any, non_blocking: bool = False) -> Any:
        """Itself, if `src` has no values either. Raises ValueError if it has."""
        return self if is_lazy(src) else self._data

    def __repr__(self, *, tensor_contents: str | None = None) -> str:
        return f"<{type(self).__name__}>"

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if id(self) not in memo:
            memo[id(self)] = type(self)(self._wants_grad, dtype=self.dtype)  # type: ignore[call-arg]
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> Any:
        return type(self), (self._wants_grad, None, self.dtype)


class UninitializedParameter(UninitializedTensorMixin, Parameter):  # type: ignore[misc,override]
    """A parameter whose shape is not known yet, as lazy modules hold them until their first call.

    >>> import microtorch as torch
    >>> p = torch.nn.parameter.UninitializedParameter()
    >>> p.materialize((2, 3))
    >>> p.shape
    torch.Size([2, 3])
    """

    cls_to_become = Parameter

    def __new__(cls, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> Any:
        return object.__new__(cls)._begin(requires_grad, device, dtype)


class UninitializedBuffer(UninitializedTensorMixin, Tensor):  # type: ignore[misc,override]
    """A buffer whose shape is not known yet."""

    __torch_function__ = disabled_torch_function

    cls_to_become = Tensor

    def __new__(
        cls, requires_grad: bool = False, device: Any = None, dtype: Any = None, persistent: bool = True
    ) -> Any:
        t = object.__new__(cls)._begin(requires_grad, device, dtype)
        t.persistent = persistent
        t._is_buffer = True
        return t


def is_lazy(param: Any) -> bool:
    """True for parameters and buffers that have no shape yet."""
    return isinstance(param, UninitializedTensorMixin)
