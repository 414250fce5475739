"""The Tensor: what it is, its place in the graph, and its way out to numbers, arrays and text.

Its operators and functions (`x + y`, `x.sum()`, `x.add_(y)`) are in methods.py, its state in autograd/state.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from microtorch import dtypes, printing
from microtorch.autograd import engine
from microtorch.autograd.node import Leaf, Node, Output, RemovableHandle, require_grad
from microtorch.autograd.state import TensorBase, join, storage_of, wrap
from microtorch.functions import creation
from microtorch.functions import pointwise as FP
from microtorch.functions.join import unbind
from microtorch.functions.arguments import axis_of, numpy_dtype, size_of
from microtorch.methods import TensorMethods
from microtorch.ops import pointwise as P
from microtorch.size import Size, cpu, device, require_cpu


class Tensor(TensorMethods):
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
        elif (len(args) == 1 and isinstance(args[0], (TensorBase, list, np.ndarray))) or (isinstance(args[0], tuple) and not isinstance(args[0], Size)):
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
        return self._data.shape[axis_of(dim, self._data.ndim)]

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
        return steps if dim is None else steps[axis_of(dim, self._data.ndim)]

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
        return iter(unbind(self, 0))

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
        return _rebuild, (type(self), np.asarray(self._data, order="C"), self.requires_grad, dict(self.__dict__))

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
