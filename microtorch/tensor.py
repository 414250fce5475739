"""The Tensor: PyTorch's methods on top of the state in autograd/state.py. Each is one call into ops or functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from microtorch import dtypes, indexing, printing
from microtorch.autograd import engine
from microtorch.autograd.inplace import assign, check_writable, in_place
from microtorch.autograd.modes import mode
from microtorch.autograd.node import Leaf, Node, Output, RemovableHandle, require_grad, written
from microtorch.autograd.state import TensorBase, join, storage_of, wrap
from microtorch.functions import creation
from microtorch.functions import linalg as FL
from microtorch.functions import pointwise as FP
from microtorch.functions import reduce as FR
from microtorch.functions import shape as FS
from microtorch.functions.arguments import numpy_dtype, size_of
from microtorch.ops import linalg as L
from microtorch.ops import pointwise as P
from microtorch.ops import shape as S
from microtorch.size import Size, cpu, device, require_cpu


def _reversed(entry: Callable[..., Any]) -> Callable[..., Any]:
    def call(self: Any, other: Any) -> Any:
        return entry(other, self)

    return call


def _operator(entry: Callable[..., Any]) -> Callable[..., Any]:
    """An operator's method: what it cannot combine is left to the other operand's class (NotImplemented)."""

    def call(self: Any, other: Any) -> Any:
        if isinstance(other, TensorBase) or isinstance(other, (int, float, complex, np.generic)):
            return entry(self, other)
        return NotImplemented

    return call


class Tensor(TensorBase):
    """An array that records what is computed with it.

    >>> import microtorch as torch
    >>> x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4., 6.])
    """

    __slots__ = ()
    __array_priority__ = 1000

    def __new__(cls, *args: Any, dtype: Any = None, device: Any = None) -> Any:
        """Tensor(2, 3): uninitialised of that size; Tensor([1, 2]): from data, in the default dtype."""
        if device is not None:
            require_cpu(device)
        kind = dtypes.default.float
        if not args:
            data = np.zeros((0,), kind)
        elif len(args) == 1 and isinstance(args[0], (TensorBase, list, np.ndarray)) or isinstance(args[0], tuple) and not isinstance(args[0], Size):
            data = creation.array_from(args[0], dtypes.of[kind])
        else:
            data = np.zeros(size_of(args), kind)
        t: Any = object.__new__(cls)
        t._data = data
        t._node = t._grad = t._base = t._storage = None
        return t

    # what it is ------------------------------------------------------------------------------------------------------

    @property
    def shape(self) -> Size:
        """The size of each dimension."""
        return Size(self._data.shape)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one dimension."""
        if dim is None:
            return Size(self._data.shape)
        return self._data.shape[FS.axis_of(dim, self._data.ndim)]

    @property
    def dtype(self) -> dtypes.dtype:
        """The element type."""
        return dtypes.of[self._data.dtype]

    @property
    def device(self) -> device:
        """Always the CPU."""
        return cpu

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self._data.ndim

    def dim(self) -> int:
        """The number of dimensions."""
        return self._data.ndim

    ndimension = dim

    def numel(self) -> int:
        """The number of elements."""
        return self._data.size

    nelement = numel

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return self._data.itemsize

    def element_size(self) -> int:
        """Bytes of one element."""
        return self._data.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of all elements."""
        return self._data.nbytes

    def stride(self, dim: int | None = None) -> Any:
        """Elements from one index to the next, for each dimension or one."""
        steps = tuple([s // self._data.itemsize for s in _torch_strides(self._data)])
        return steps if dim is None else steps[FS.axis_of(dim, self._data.ndim)]

    def storage_offset(self) -> int:
        """Where in its storage it begins, in elements."""
        if self._base is None:
            return 0
        mine, base = (a.__array_interface__["data"][0] for a in (self._data, self._base._data))
        return int((mine - base) // self._data.itemsize)

    def data_ptr(self) -> int:
        """The address of the first element."""
        return int(self._data.__array_interface__["data"][0])

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """True if the elements lie in memory in the order of the indices."""
        return self._data.flags.c_contiguous

    def is_floating_point(self) -> bool:
        """True for float16, float32, float64."""
        return self._data.dtype.kind == "f"

    def is_complex(self) -> bool:
        """True for complex64, complex128."""
        return self._data.dtype.kind == "c"

    def is_signed(self) -> bool:
        """True unless bool or unsigned."""
        return self._data.dtype.kind not in "bu"

    is_cuda = is_sparse = is_quantized = is_meta = is_mkldnn = is_mps = is_xpu = is_nested = False
    layout = "torch.strided"

    # its place in the graph ------------------------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """True if operations on it are recorded."""
        return self._node is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if value:
            if self._node is None:
                if self._data.dtype.kind not in "fc":
                    raise RuntimeError("only Tensors of floating point and complex dtype can require gradients")
                require_grad(self)
        elif self._node is not None:
            if type(self._node) is not Leaf:
                raise RuntimeError(
                    "you can only change requires_grad flags of leaf variables. If you want to use a computed variable in a "
                    "subgraph that doesn't require differentiation use var_no_grad = var.detach()."
                )
            self._node = None

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Set `requires_grad`; returns the tensor."""
        self.requires_grad = requires_grad
        return self

    @property
    def is_leaf(self) -> bool:
        """True unless it was computed from tensors that require gradients."""
        return self._node is None or type(self._node) is Leaf

    @property
    def grad_fn(self) -> Node | None:
        """The node that made it; None for a leaf."""
        node = self._node
        if type(node) is Output:
            return node.parent
        return None if type(node) is Leaf else node

    @property
    def output_nr(self) -> int:
        """Which of its node's outputs it is."""
        return self._node.index if type(self._node) is Output else 0

    @property
    def grad(self) -> Tensor | None:
        """The gradient collected by `backward`, or None."""
        return self._grad

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None:
            if not isinstance(value, TensorBase):
                raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}")
            if value._data.shape != self._data.shape:
                raise RuntimeError(
                    f"assigned grad has data of a different size: expected {list(self._data.shape)}, got {list(value._data.shape)}"
                )
            if value._data.dtype != self._data.dtype:
                raise RuntimeError(
                    f"assigned grad has data of a different type: expected {self.dtype}, got {value.dtype}"  # type: ignore[attr-defined]
                )
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    @property
    def data(self) -> Tensor:
        """The same memory, outside of the graph and of version counting."""
        return wrap(self._data)

    @data.setter
    def data(self, value: Any) -> None:
        self._data = value._data
        if self._node is not None:
            self._node.shape, self._node.dtype = value._data.shape, value._data.dtype

    @property
    def _version(self) -> int:
        """How often its memory was written in place."""
        return 0 if self._storage is None else self._storage.version

    def backward(self, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False, inputs: Any = None) -> None:
        """Add to the leaves' `.grad` the gradient of this tensor (weighted by `gradient`, needed unless it has one element)."""
        engine.backward(self, gradient, retain_graph, create_graph, inputs=inputs)

    def detach(self) -> Tensor:
        """The same memory, outside of the graph."""
        t = wrap(self._data)
        t._storage = storage_of(self)
        return t

    def detach_(self) -> Tensor:
        """Take this tensor out of the graph."""
        if self._base is not None:
            raise RuntimeError("Can't detach views in-place. Use detach() instead.")
        self._node = None
        return self

    def retain_grad(self) -> None:
        """Keep the gradient of this non-leaf in `.grad`, too."""
        if self._node is None:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if type(self._node) is not Leaf:
            import weakref

            self._node._hooks().retain = weakref.ref(self)

    @property
    def retains_grad(self) -> bool:
        """True if `retain_grad` was called on this non-leaf."""
        node = self._node
        return type(node) is not Leaf and node is not None and node.hooks is not None and node.hooks.retain is not None

    def register_hook(self, hook: Callable[[Tensor], Any]) -> RemovableHandle:
        """Call `hook(grad)` when the gradient is computed; what it returns, if not None, replaces it."""
        if self._node is None:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        return self._node._add(self._node._hooks().tensor, hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> RemovableHandle:
        """Call `hook(tensor)` after the gradient was added to `.grad`; only on leaves."""
        if type(self._node) is not Leaf:
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        return self._node._add(self._node._hooks().after, hook)

    def is_inference(self) -> bool:
        """Always False: inference mode is no_grad here."""
        return False

    def is_set_to(self, tensor: Any) -> bool:
        """True if both are the same view of the same memory."""
        return self.data_ptr() == tensor.data_ptr() and self._data.shape == tensor._data.shape and self.stride() == tensor.stride()

    # numbers and arrays out of it --------------------------------------------------------------------------------------

    def item(self) -> Any:
        """The only element as a Python number."""
        if self._data.size != 1:
            raise RuntimeError(f"a Tensor with {self._data.size} elements cannot be converted to Scalar")
        return self._data.item()

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers (a number if 0-d)."""
        return self._data.tolist()

    def numpy(self, *, force: bool = False) -> Any:
        """The NumPy array, sharing memory.

        Raises RuntimeError for a tensor that requires a gradient.
        """
        if self._node is not None and not force:
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        return self._data.view()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self.numpy(), dtype, copy=copy)

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        if array.dtype == bool:
            array = array.astype(np.uint8)
        return creation.from_numpy(np.asarray(array))

    def __bool__(self) -> bool:
        if self._data.size != 1:
            if not self._data.size:
                raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
            raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")
        return bool(self._data.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __complex__(self) -> complex:
        return complex(self.item())

    def __index__(self) -> int:
        if self._data.dtype.kind not in "iub" or self._data.size != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self._data.item())

    def __len__(self) -> int:
        if not self._data.ndim:
            raise TypeError("len() of a 0-d tensor")
        return self._data.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self._data.ndim:
            raise TypeError("iteration over a 0-d tensor")
        return iter(FS.unbind(self, 0))

    def __contains__(self, element: Any) -> bool:
        return bool((self == element).any())

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self, *, tensor_contents: str | None = None) -> str:
        node = self.grad_fn
        return printing.format_tensor(
            self._data,
            dtype_name=self.dtype.name,
            requires_grad=self.requires_grad and node is None,
            grad_fn_name=None if node is None else node.name(),
            default_dtype_name=dtypes.get_default_dtype().name,
            contents=tensor_contents,
        )

    def __format__(self, spec: str) -> str:
        if self._data.ndim == 0 and type(self) is Tensor:
            return printing.format_number(self._data, spec)
        return object.__format__(self, spec)

    def __deepcopy__(self, memo: Any) -> Any:
        if not self.is_leaf:
            raise RuntimeError(
                "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.  If you "
                "were attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, see "
                "https://github.com/pytorch/pytorch/pull/103001"
            )
        if id(self) in memo:
            return memo[id(self)]
        import copy

        t: Any = object.__new__(type(self))
        t._data, t._node, t._grad, t._base, t._storage = self._data.copy("K"), None, None, None, None
        memo[id(self)] = t
        if self._node is not None:
            require_grad(t)
        if self._grad is not None:
            t._grad = copy.deepcopy(self._grad, memo)
        for name, value in self.__dict__.items():
            t.__dict__[name] = copy.deepcopy(value, memo)
        return t

    def __reduce_ex__(self, protocol: Any) -> Any:
        if not self.is_leaf:
            raise RuntimeError("only leaf tensors (not results of recorded operations) can be pickled: use detach()")
        return _rebuild, (type(self), np.ascontiguousarray(self._data), self.requires_grad, dict(self.__dict__))

    # operators ---------------------------------------------------------------------------------------------------------

    __add__ = _operator(P.add)
    __radd__ = _reversed(P.add)
    __sub__ = _operator(P.sub)
    __rsub__ = _reversed(P.sub)
    __mul__ = _operator(P.mul)
    __rmul__ = _reversed(P.mul)
    __truediv__ = _operator(P.div)
    __rtruediv__ = _reversed(P.div)
    __floordiv__ = _operator(P.floor_divide)
    __rfloordiv__ = _reversed(P.floor_divide)
    __mod__ = _operator(P.remainder)
    __rmod__ = _reversed(P.remainder)
    __pow__ = _operator(P.pow)
    __rpow__ = _reversed(P.pow)
    __matmul__ = FL.matmul
    __rmatmul__ = _reversed(FL.matmul)
    __neg__ = P.neg
    __abs__ = P.abs
    __eq__ = _operator(P.eq)
    __ne__ = _operator(P.ne)
    __lt__ = _operator(P.lt)
    __le__ = _operator(P.le)
    __gt__ = _operator(P.gt)
    __ge__ = _operator(P.ge)
    __and__ = _operator(P.bitwise_and)
    __rand__ = _reversed(P.bitwise_and)
    __or__ = _operator(P.bitwise_or)
    __ror__ = _reversed(P.bitwise_or)
    __xor__ = _operator(P.bitwise_xor)
    __rxor__ = _reversed(P.bitwise_xor)
    __invert__ = P.bitwise_not
    __lshift__ = _operator(P.left_shift)
    __rshift__ = _operator(P.right_shift)
    __getitem__ = indexing.getitem
    __setitem__ = indexing.setitem

    def __pos__(self) -> Tensor:
        return self

    # dtypes, devices, copies -------------------------------------------------------------------------------------------

    def to(self, *args: Any, dtype: Any = None, device: Any = None, copy: bool = False, non_blocking: bool = False, memory_format: Any = None) -> Tensor:
        """The tensor in another dtype or on another device (the CPU): itself if nothing changes.

        to(dtype), to(device), to(device, dtype), to(other tensor).
        """
        for a in args:
            if isinstance(a, dtypes.dtype) or a in (float, int, bool, complex):
                dtype = a
            elif isinstance(a, TensorBase):
                dtype = dtypes.of[a._data.dtype]
            elif a is not None and not isinstance(a, bool):
                device = a
        require_cpu(device)
        want = numpy_dtype(dtype)
        if want is None or want == self._data.dtype:
            return P.clone(self) if copy else self  # type: ignore[no-any-return]
        return P.cast(self, want)  # type: ignore[no-any-return]

    def type(self, dtype: Any = None, non_blocking: bool = False) -> Any:
        """The name of its type (torch.FloatTensor), or the tensor in another dtype."""
        if dtype is None:
            return f"torch.{self.dtype.type_name}Tensor"
        if isinstance(dtype, str):
            dtype = next(d for d in dtypes.all_dtypes if f"torch.{d.type_name}Tensor" == dtype)
        return self.to(getattr(dtype, "tensor_dtype", dtype))

    def type_as(self, other: Any) -> Tensor:
        """The tensor in the dtype of another."""
        return self.to(dtypes.of[other._data.dtype])

    def float(self) -> Tensor:
        """As float32."""
        return FP.to_dtype(self, dtypes.float32)

    def double(self) -> Tensor:
        """As float64."""
        return FP.to_dtype(self, dtypes.float64)

    def half(self) -> Tensor:
        """As float16."""
        return FP.to_dtype(self, dtypes.float16)

    def long(self) -> Tensor:
        """As int64."""
        return FP.to_dtype(self, dtypes.int64)

    def int(self) -> Tensor:
        """As int32."""
        return FP.to_dtype(self, dtypes.int32)

    def short(self) -> Tensor:
        """As int16."""
        return FP.to_dtype(self, dtypes.int16)

    def char(self) -> Tensor:
        """As int8."""
        return FP.to_dtype(self, dtypes.int8)

    def byte(self) -> Tensor:
        """As uint8."""
        return FP.to_dtype(self, dtypes.uint8)

    def bool(self) -> Tensor:
        """As bool."""
        return FP.to_dtype(self, dtypes.bool_)

    def cpu(self, memory_format: Any = None) -> Tensor:
        """The tensor itself: it is there already."""
        return self

    def cuda(self, device: Any = None, non_blocking: Any = False) -> Tensor:
        """There is no CUDA here: AssertionError."""
        require_cpu("cuda")
        return self

    def pin_memory(self, device: Any = None) -> Tensor:
        """The tensor itself: there is no accelerator to pin memory for."""
        return self

    def clone(self, *, memory_format: Any = None) -> Tensor:
        """A copy, in the graph."""
        return P.clone(self)  # type: ignore[no-any-return]

    def contiguous(self, memory_format: Any = None) -> Tensor:
        """Itself if contiguous, else a contiguous copy."""
        return self if self._data.flags.c_contiguous else P.contiguous(self)  # type: ignore[no-any-return]

    def share_memory_(self) -> Tensor:
        """The tensor itself (processes get copies here)."""
        return self

    def new_tensor(self, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: Any = False) -> Tensor:
        """A new tensor of the data, in this one's dtype."""
        return creation.tensor(data, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad)

    def new_zeros(self, *size: Any, dtype: Any = None, device: Any = None, requires_grad: Any = False) -> Tensor:
        """Zeros of another size, in this one's dtype."""
        return creation.zeros(*size, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad)

    def new_ones(self, *size: Any, dtype: Any = None, device: Any = None, requires_grad: Any = False) -> Tensor:
        """Ones of another size, in this one's dtype."""
        return creation.ones(*size, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad)

    def new_empty(self, *size: Any, dtype: Any = None, device: Any = None, requires_grad: Any = False) -> Tensor:
        """A tensor of another size whose values are not set, in this one's dtype."""
        return creation.empty(*size, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad)

    def new_full(self, size: Any, fill_value: Any, *, dtype: Any = None, device: Any = None, requires_grad: Any = False) -> Tensor:
        """A tensor of another size filled with one number, in this one's dtype."""
        return creation.full(size, fill_value, dtype=dtype or self.dtype, device=device, requires_grad=requires_grad)

    new = new_empty

    # arithmetic and functions, element by element ------------------------------------------------------------------------

    add, sub, subtract, mul, multiply = FP.add, FP.sub, FP.sub, FP.mul, FP.mul
    div, divide, true_divide, pow = FP.div, FP.div, FP.true_divide, FP.pow
    floor_divide, remainder, fmod = P.floor_divide, P.remainder, P.fmod
    neg = negative = P.neg
    abs = absolute = P.abs
    exp, exp2, expm1, log, log2, log10, log1p = P.exp, P.exp2, P.expm1, P.log, P.log2, P.log10, P.log1p
    sqrt, rsqrt, reciprocal, square = P.sqrt, P.rsqrt, P.reciprocal, P.square
    sin, cos, tan, sinh, cosh, tanh = P.sin, P.cos, P.tan, P.sinh, P.cosh, P.tanh
    asin = arcsin = P.asin
    acos = arccos = P.acos
    atan = arctan = P.atan
    asinh = arcsinh = P.asinh
    acosh = arccosh = P.acosh
    atanh = arctanh = P.atanh
    atan2 = arctan2 = P.atan2
    sigmoid, relu = P.sigmoid, P.relu
    sign, floor, ceil, frac = P.sign, P.floor, P.ceil, P.frac
    trunc = fix = P.trunc
    round = FP.round
    clamp = clip = FP.clamp
    clamp_min, clamp_max = FP.clamp_min, FP.clamp_max
    lerp, addcmul, addcdiv = FP.lerp, FP.addcmul, FP.addcdiv
    maximum, minimum, fmax, fmin = P.maximum, P.minimum, P.fmax, P.fmin
    eq, ne, lt, le, gt, ge = P.eq, P.ne, P.lt, P.le, P.gt, P.ge
    not_equal, less, less_equal, greater, greater_equal = P.ne, P.lt, P.le, P.gt, P.ge
    logical_and, logical_or, logical_xor, logical_not = P.logical_and, P.logical_or, P.logical_xor, P.logical_not
    bitwise_and, bitwise_or, bitwise_xor, bitwise_not = P.bitwise_and, P.bitwise_or, P.bitwise_xor, P.bitwise_not
    isnan, isinf, isfinite = P.isnan, P.isinf, P.isfinite
    isclose, allclose, equal = FP.isclose, FP.allclose, FP.equal

    def where(self, condition: Any, other: Any) -> Tensor:
        """This tensor where the condition is true, `other` elsewhere."""
        return FP.where(condition, self, other)  # type: ignore[no-any-return]

    # in place ------------------------------------------------------------------------------------------------------------

    _add_, _sub_, _mul_, _div_ = in_place(P.add, np.add), in_place(P.sub, np.subtract), in_place(P.mul, np.multiply), in_place(P.div, np.true_divide)

    def add_(self, other: Any, *, alpha: Any = 1) -> Tensor:
        """self += alpha * other."""
        return self._add_(other if alpha == 1 else other * alpha)

    def sub_(self, other: Any, *, alpha: Any = 1) -> Tensor:
        """self -= alpha * other."""
        return self._sub_(other if alpha == 1 else other * alpha)

    mul_, multiply_ = _mul_, _mul_
    subtract_ = sub_

    def div_(self, other: Any, *, rounding_mode: str | None = None) -> Tensor:
        """self /= other."""
        if rounding_mode is None:
            return self._div_(other)
        assign_checked(self, FP.div(_old(self), other, rounding_mode=rounding_mode))
        return self

    __iadd__, __isub__, __imul__, __itruediv__ = _add_, _sub_, _mul_, _div_
    __ifloordiv__, __imod__, __ipow__ = in_place(P.floor_divide), in_place(P.remainder), in_place(P.pow)
    __iand__ = bitwise_and_ = in_place(P.bitwise_and)
    __ior__ = bitwise_or_ = in_place(P.bitwise_or)
    __ixor__ = bitwise_xor_ = in_place(P.bitwise_xor)
    pow_, remainder_, fmod_, floor_divide_ = __ipow__, __imod__, in_place(P.fmod), __ifloordiv__
    exp_, log_, sqrt_, rsqrt_, neg_, abs_ = (in_place(f) for f in (P.exp, P.log, P.sqrt, P.rsqrt, P.neg, P.abs))
    sin_, cos_, tan_, tanh_, sigmoid_, relu_ = (in_place(f) for f in (P.sin, P.cos, P.tan, P.tanh, P.sigmoid, P.relu))
    floor_, ceil_, round_, trunc_, frac_ = (in_place(f) for f in (P.floor, P.ceil, P.round, P.trunc, P.frac))
    square_, reciprocal_, sign_ = (in_place(f) for f in (P.square, P.reciprocal, P.sign))

    def clamp_(self, min: Any = None, max: Any = None) -> Tensor:
        """Clamp in place."""
        return assign_checked(self, FP.clamp(_old(self), min, max))

    clip_ = clamp_

    def clamp_min_(self, min: Any) -> Tensor:
        """Clamp from below, in place."""
        return self.clamp_(min=min)

    def clamp_max_(self, max: Any) -> Tensor:
        """Clamp from above, in place."""
        return self.clamp_(max=max)

    def lerp_(self, end: Any, weight: Any) -> Tensor:
        """self += weight * (end - self)."""
        return assign_checked(self, FP.lerp(_old(self), end, weight))

    def addcmul_(self, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Tensor:
        """self += value * tensor1 * tensor2."""
        return assign_checked(self, FP.addcmul(_old(self), tensor1, tensor2, value=value))

    def addcdiv_(self, tensor1: Any, tensor2: Any, *, value: Any = 1) -> Tensor:
        """self += value * tensor1 / tensor2."""
        return assign_checked(self, FP.addcdiv(_old(self), tensor1, tensor2, value=value))

    def masked_fill_(self, mask: Any, value: Any) -> Tensor:
        """Write `value` where the mask is true."""
        return assign_checked(self, FS.masked_fill(_old(self), mask, value))

    def fill_(self, value: Any) -> Tensor:
        """Write one number everywhere."""
        if mode.enabled and (self._node is not None or isinstance(value, TensorBase) and value._node is not None):
            indexing.setitem(self, ..., value)
            return self
        check_writable(self)
        self._data[...] = value._data if isinstance(value, TensorBase) else value
        written(self)
        return self

    def zero_(self) -> Tensor:
        """Write zeros everywhere."""
        return self.fill_(0)

    def copy_(self, src: Any, non_blocking: Any = False) -> Tensor:
        """Write another tensor's values, broadcast and cast."""
        indexing.setitem(self, ..., src)
        return self

    # reductions ------------------------------------------------------------------------------------------------------------

    sum, mean, var, std = FR.sum, FR.mean, FR.var, FR.std
    max, min, amax, amin, argmax, argmin = FR.max, FR.min, FR.amax, FR.amin, FR.argmax, FR.argmin
    all, any, logsumexp = FR.all, FR.any, FR.logsumexp

    # shape -----------------------------------------------------------------------------------------------------------------

    reshape, view, flatten, transpose, permute = FS.reshape, FS.view, FS.flatten, FS.transpose, FS.permute
    swapaxes = swapdims = FS.transpose
    t, squeeze, unsqueeze, expand, repeat = FS.t, FS.squeeze, FS.unsqueeze, FS.expand, FS.repeat
    movedim = moveaxis = FS.movedim
    split, chunk, unbind, select, narrow = FS.split, FS.chunk, FS.unbind, FS.select, FS.narrow
    gather, index_select, masked_fill, masked_select = FS.gather, FS.index_select, FS.masked_fill, FS.masked_select
    tril, triu, flip, roll = FS.tril, FS.triu, FS.flip, FS.roll
    broadcast_to = FS.broadcast_to

    def view_as(self, other: Any) -> Tensor:
        """A view in the shape of another tensor."""
        return FS.view(self, other._data.shape)  # type: ignore[no-any-return]

    def reshape_as(self, other: Any) -> Tensor:
        """The elements in the shape of another tensor."""
        return FS.reshape(self, other._data.shape)

    def expand_as(self, other: Any) -> Tensor:
        """Broadcast to the shape of another tensor."""
        return S.expand(self, other._data.shape)  # type: ignore[no-any-return]

    def ravel(self) -> Tensor:
        """All elements in one dimension."""
        return FS.reshape(self, -1)

    @property
    def T(self) -> Tensor:
        """The dimensions in reverse order."""
        return S.permute(self, tuple(range(self._data.ndim))[::-1])  # type: ignore[no-any-return]

    @property
    def mT(self) -> Tensor:
        """The last two dimensions exchanged."""
        return FS.transpose(self, -2, -1)

    # matrices -------------------------------------------------------------------------------------------------------------

    matmul, mm, bmm, mv, dot, addmm, outer, ger = FL.matmul, FL.mm, FL.bmm, FL.mv, FL.dot, FL.addmm, FL.outer, FL.outer

    # complex -------------------------------------------------------------------------------------------------------------

    def conj(self) -> Tensor:
        """The complex conjugate; a real tensor itself."""
        return P.conj(self) if self._data.dtype.kind == "c" else self  # type: ignore[no-any-return]


def _old(x: Tensor) -> Tensor:
    """The tensor as an operand of its own in-place operation: with a copy of its value if a node may save it."""
    check_writable(x)
    return wrap(x._data.copy(), x._node) if x._node is not None and mode.enabled else wrap(x._data)


def assign_checked(x: Tensor, result: Any) -> Tensor:
    """Write a result into x (in place), after `_old` has checked that it may be."""
    assign(x, result)
    return x


def _rebuild(cls: Any, data: Any, requires_grad: bool, attributes: dict[str, Any]) -> Any:
    """A tensor from its pickled parts."""
    t = object.__new__(cls)
    t._data, t._node, t._grad, t._base, t._storage = np.array(data), None, None, None, None
    if requires_grad:
        require_grad(t)
    t.__dict__.update(attributes)
    return t


def _torch_strides(a: Any) -> tuple[int, ...]:
    """NumPy's strides, but for empty arrays those that PyTorch gives."""
    if a.size:
        return tuple(a.strides)
    strides, step = [], a.itemsize
    for n in reversed(a.shape):
        strides.append(step)
        step *= max(n, 1)
    return tuple(reversed(strides))


join(Tensor)
__all__ = ["L", "Tensor"]
