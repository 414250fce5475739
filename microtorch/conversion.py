"""A Tensor's way in and out: numbers, NumPy arrays, DLPack, other dtypes, copies, pickles, new tensors like it."""

from __future__ import annotations

import builtins
import copy
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from microtorch import dtypes, size
from microtorch.autograd.inplace import check_writable
from microtorch.autograd.modes import mode, sees
from microtorch.autograd.node import Leaf, require_grad
from microtorch.autograd.state import Storage, TensorBase, share, storage_of, whole_storage, wrap
from microtorch.functions import creation
from microtorch.functions.arguments import named
from microtorch.functions.join import unbind
from microtorch.kernels import bfloat16, shape as K, shared
from microtorch.kernels.batched import CONTROL_FLOW, Batched, memory_of, of_all, value_of
from microtorch.kernels.bfloat16 import address
from microtorch.kernels.layouts import is_sparse
from microtorch.kernels.meta import Meta, no_data, without_numbers
from microtorch.kernels.strides import channels_last
from microtorch.ops import index as I, pointwise as P, shape as S
from microtorch.size import on_meta, require_cpu
from microtorch.storage import TypedStorage, UntypedStorage

if TYPE_CHECKING:
    from microtorch._tensor import Tensor

_NOT_DENSE = (
    "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment.  If you "
    "were attempting to deepcopy a module, this may be because of a torch.nn.utils.weight_norm usage, see "
    "https://github.com/pytorch/pytorch/pull/103001"
)


def _to(name: str, dtype: dtypes.dtype) -> Callable[..., Any]:
    """A method that gives the tensor in one dtype."""
    want = dtype.numpy

    def call(self: Any, memory_format: Any = None) -> Any:
        if memory_format is not None and memory_format is not size.preserve_format:
            return converted(self, want, memory_format)
        return self if self._data.dtype == want else P.cast(self, want)

    return named(call, name, f"The tensor in {dtype.name}; itself if it is.")


def in_format(
    t: Any, memory_format: Any, copying: bool = False, copied: Callable[..., Any] = P.clone_in_order
) -> Tensor:
    """The tensor with its elements in another order in memory: itself if they are in it, else a copy.

    copied: the table's entry that makes it. Raises RuntimeError if the format needs another number of dimensions.
    """
    data = t._data
    if memory_format is size.preserve_format:
        return P.clone(t) if copying else t
    if memory_format is size.contiguous_format:
        return t if data.flags.c_contiguous and not copying else copied(t, tuple(range(data.ndim)))  # type: ignore[no-any-return]
    order = K.channels_last_axes(data.ndim, memory_format.name)
    if order is None:
        rank = 4 if memory_format is size.channels_last else 5
        raise RuntimeError(f"required rank {rank} tensor to use {memory_format.name} format")
    if data.transpose(order).flags.c_contiguous and not copying:
        return t
    return copied(t, tuple(order))  # type: ignore[no-any-return]


def converted(t: Any, dtype: Any, memory_format: Any) -> Tensor:
    """`t.to(dtype, memory_format=...)`: itself if it has the dtype and PyTorch's rules take it for one of that format.

    Those rules (suggest_memory_format in c10/core/TensorImpl.h) know channels-last strides and call all else
    contiguous, so a transposed matrix is left as it is, too.
    """
    cast_ = t._data.dtype != dtype
    if cast_:
        t = P.cast(t, dtype)
    if memory_format is size.preserve_format:
        return t  # type: ignore[no-any-return]
    suggested = size.contiguous_format
    if channels_last(t._data):
        suggested = size.channels_last if t._data.ndim == 4 else size.channels_last_3d
    if suggested is not memory_format:
        return in_format(t, memory_format, True, P.to_copy_in_order)
    return in_format(t, memory_format, False, P.to_copy_in_order) if cast_ else t  # type: ignore[no-any-return]


class TensorValues(TensorBase):
    """A tensor as a number, a NumPy array, or memory."""

    __slots__ = ()

    @property
    def is_meta(self) -> bool:
        """True for a tensor that has a shape and no numbers, on the device "meta"."""
        data: Any = self._data
        return type(data) is Meta

    # numbers and text ------------------------------------------------------------------------------------------------

    def item(self) -> Any:
        """The only element as a Python number."""
        if self._data.size != 1:
            raise RuntimeError(f"a Tensor with {self._data.size} elements cannot be converted to Scalar")
        return value_of(self._data).item()

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers (a number if 0-d)."""
        return memory_of(self._data).tolist()

    def __bool__(self) -> bool:
        if self._data.size != 1:
            what = "more than one value" if self._data.size else "no values"
            raise RuntimeError(f"Boolean value of Tensor with {what} is ambiguous")
        return builtins.bool(value_of(self._data, CONTROL_FLOW).item())

    def _number(self, kind: str) -> Any:
        if self._data.size != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")
        value = value_of(self._data).item()
        if isinstance(value, complex):
            if value.imag:
                raise RuntimeError(f"value cannot be converted to type {kind} without overflow")
            value = value.real
        return value

    def __float__(self) -> float:
        return builtins.float(self._number("double"))

    def __int__(self) -> int:
        return builtins.int(self._number("int64_t"))

    def __complex__(self) -> complex:
        if self._data.size != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")
        return complex(value_of(self._data).item())

    def __index__(self) -> int:
        if self._data.dtype.kind not in "iub" or self._data.size != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return builtins.int(value_of(self._data).item())

    def __len__(self) -> int:
        if not self._data.ndim:
            raise TypeError("len() of a 0-d tensor")
        return self._data.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if not self._data.ndim:
            raise TypeError("iteration over a 0-d tensor")
        return iter(unbind(self, 0))

    def __reversed__(self) -> Any:
        return self if not self._data.ndim else S.flip(self, (0,))

    def __contains__(self, element: Any) -> bool:
        if not isinstance(element, (TensorBase, int, float, complex)):
            raise RuntimeError(
                f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}."
            )
        return builtins.bool((self == element).any().item())  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return id(self)

    def module_load(self, other: Tensor, assign: bool = False) -> Tensor:
        """What `load_state_dict` puts in the place of this tensor, if it exchanges tensors (torch.__future__)."""
        return other.detach() if assign else self.copy_(other).detach()  # type: ignore[attr-defined,no-any-return]

    def is_nonzero(self) -> bool:
        """True if the only element is not 0."""
        return builtins.bool(self)

    # NumPy and DLPack ------------------------------------------------------------------------------------------------

    def numpy(self, *, force: bool = False) -> Any:
        """The NumPy array, sharing memory.

        Raises RuntimeError for a tensor that requires a gradient, unless `force` or inside `no_grad`.
        """
        if self._node is not None and mode.enabled and not force:  # (not inside no_grad)
            raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
        if self._data.dtype is bfloat16.BF16:
            raise TypeError("Got unsupported ScalarType BFloat16")
        if self.is_meta:
            raise TypeError(
                "can't convert meta device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host memory "
                "first."
            )
        if is_sparse(self._data):
            layout = {"sparse_coo": "Sparse", "sparse_csr": "SparseCsr"}[self._data.layout]  # type: ignore[attr-defined]
            raise TypeError(f"can't convert {layout} layout tensor to numpy. Use Tensor.to_dense() first.")
        return memory_of(self._data).view()

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return np.array(self.numpy(), dtype, copy=copy)

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        if array.dtype == bool:
            array = array.astype(np.uint8)
        return creation.from_numpy(np.asarray(array))

    def __dlpack__(
        self, *, stream: Any = None, max_version: Any = None, dl_device: Any = None, copy: bool | None = None
    ) -> Any:
        if self._node is not None:
            raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
        if stream not in (None, -1):
            raise AssertionError("stream must be None on cpu.")
        if max_version is None:
            return self._data.__dlpack__()
        return self._data.__dlpack__(max_version=max_version, dl_device=dl_device, copy=copy)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self._data.__dlpack_device__()

    # memory ----------------------------------------------------------------------------------------------------------

    def storage(self) -> TypedStorage:
        """The memory under the tensor as elements (deprecated by PyTorch in favour of untyped_storage)."""
        return TypedStorage(self)

    _typed_storage = storage

    def untyped_storage(self) -> UntypedStorage:
        """The memory under the tensor as bytes."""
        return UntypedStorage(self)

    def share_memory_(self) -> Tensor:
        """Move it to memory that processes forked from this one share, and those spawned with it as an argument.

        Its views go with it. Raises NotImplementedError for a view, and for a tensor that is not contiguous.
        """
        data = self._data
        if not self.is_shared():
            views = () if self._storage is None else self._storage.views
            if self._base is not None:
                raise NotImplementedError("share_memory_ of a view is not supported")
            if type(data) is not np.ndarray or not data.flags.c_contiguous:
                raise NotImplementedError("share_memory_ is supported for contiguous tensors, and not for bfloat16")
            self._data = shared.array(data)
            for view in [v for v in (view() for view in views) if v is not None and v._data.size]:
                seen, at = view._data, address(view._data) - address(data)
                view._data = np.ndarray(seen.shape, seen.dtype, self._data, at, seen.strides)
            if self._storage is not None:
                self._storage.hold(self._data)
        return cast("Tensor", self)

    def is_shared(self) -> bool:
        """Whether its memory is shared with other processes (`share_memory_`)."""
        return shared.is_shared(self._data)

    def is_pinned(self, device: Any = None) -> bool:
        """False: there is no accelerator to pin memory for."""
        return False

    def pin_memory(self, device: Any = None) -> Tensor:
        """There is no accelerator to pin memory for: RuntimeError."""
        raise RuntimeError(
            "Cannot access accelerator device when none is available: pin_memory needs one, and microtorch runs on the "
            "CPU only."
        )


class TensorConversions(TensorValues):
    """A tensor in other dtypes, copied, pickled, and new ones like it. (`int`, `float` and `bool` are methods here.)"""

    __slots__ = ()

    # dtypes and devices ----------------------------------------------------------------------------------------------

    float, double, half = _to("float", dtypes.float32), _to("double", dtypes.float64), _to("half", dtypes.float16)
    long, int, short = _to("long", dtypes.int64), _to("int", dtypes.int32), _to("short", dtypes.int16)
    char, byte, bool = _to("char", dtypes.int8), _to("byte", dtypes.uint8), _to("bool", dtypes.bool_)
    bfloat16 = _to("bfloat16", dtypes.bfloat16)
    cfloat, cdouble = _to("cfloat", dtypes.complex64), _to("cdouble", dtypes.complex128)

    def to(self, *args: Any, dtype: Any = None, device: Any = None, non_blocking: Any = False, copy: Any = False,
           memory_format: Any = None, other: Any = None) -> Tensor:  # fmt: skip
        """The tensor in another dtype or on another device (the CPU): itself if nothing changes.

        to(dtype), to(device), to(device, dtype), to(other tensor); then non_blocking and copy.
        """
        flags = []
        for a in args:
            if isinstance(a, dtypes.dtype):
                dtype = a
            elif isinstance(a, TensorBase):
                other = a
            elif a is True or a is False:
                flags.append(a)
            elif a is float_ or a is int_ or a is bool_ or a is complex:
                dtype = a
            elif a is not None:
                device = a
        if len(flags) > 1:
            copy = flags[1]
        if other is not None:
            want, device = other._data.dtype, other.device
        else:
            want = self._data.dtype if dtype is None else creation.dtype_argument("to", dtype)
        if device is not None and on_meta(device) != self.is_meta:
            if self.is_meta:
                raise no_data()
            return wrap(without_numbers(self._data)).to(dtype=dtypes.of[want])
        if want != self._data.dtype:
            return P.cast(self, want) if memory_format is None else converted(self, want, memory_format)
        if memory_format is not None:
            if copy:
                return in_format(self, memory_format, True, P.to_copy_in_order)
            return converted(self, want, memory_format)
        return P.clone(self) if copy else self  # type: ignore[return-value]

    def type(self, dtype: Any = None, non_blocking: Any = False) -> Any:
        """The name of its type (torch.FloatTensor), or the tensor in another dtype."""
        if dtype is None:
            where = "torch.sparse" if is_sparse(self._data) else "torch.meta" if self.is_meta else "torch"
            return f"{where}.{dtypes.of[self._data.dtype].type_name}Tensor"
        want = creation.type_named(dtype).numpy
        return self if self._data.dtype == want else P.cast(self, want)

    def type_as(self, other: Any) -> Tensor:
        """The tensor in the dtype of another."""
        return self if self._data.dtype == other._data.dtype else P.cast(self, other._data.dtype)  # type: ignore[return-value]

    def cpu(self, memory_format: Any = None) -> Tensor:
        """The tensor itself: it is there already. NotImplementedError for one on the device "meta"."""
        if self.is_meta:
            raise no_data()
        return cast("Tensor", self) if memory_format is None else converted(self, self._data.dtype, memory_format)

    def cuda(self, device: Any = None, non_blocking: Any = False, memory_format: Any = None) -> Tensor:
        """There is no CUDA here: AssertionError."""
        require_cpu("cuda")
        return cast("Tensor", self)

    # copies ----------------------------------------------------------------------------------------------------------

    def clone(self, *, memory_format: Any = None) -> Tensor:
        """A copy, in the graph; in the same order in memory unless another is given."""
        return P.clone(self) if memory_format is None else in_format(self, memory_format, copying=True)

    def contiguous(self, memory_format: Any = None) -> Tensor:
        """Itself if its elements lie in memory in the order of the indices, else a copy in which they do."""
        if memory_format is not None:
            if memory_format is size.preserve_format:
                raise RuntimeError("preserve memory format is unsupported by the contiguous operator")
            return in_format(self, memory_format)
        return self if self._data.flags.c_contiguous else P.contiguous(self)  # type: ignore[return-value]

    def __copy__(self) -> Any:
        t = _bare(type(self), self._data)
        t._storage = storage_of(self)
        if self._node is not None:
            require_grad(t)
        t.__dict__.update(self.__dict__)
        return t

    def __deepcopy__(self, memo: dict[Any, Any]) -> Any:
        if not self.is_leaf:  # type: ignore[attr-defined]
            raise RuntimeError(_NOT_DENSE)
        found = memo.get(id(self))
        if found is not None:
            return found
        t = _copied(self, memo)
        memo[id(self)] = t
        if self._node is not None:
            require_grad(t)
        if self._grad is not None:
            t._grad = copy.deepcopy(self._grad, memo)
        for name, value in self.__dict__.items():
            t.__dict__[name] = copy.deepcopy(value, memo)
        return t

    def __reduce_ex__(self, protocol: Any) -> Any:
        data = shared.for_sending(self._data)
        if data is None:
            data = K.clone(self._data)
        return _rebuild, (type(self), data, self._node is not None, dict(self.__dict__))

    @classmethod
    def _make_subclass(cls, subclass: Any, data: Any, require_grad: Any = False) -> Any:
        """A tensor of a subclass, sharing the memory of `data`."""
        _check_dispatch(subclass)
        t = _bare(subclass, data._data)
        t._storage = storage_of(data)
        sees(t, data)
        if require_grad:
            t._node = Leaf(t)
        return t

    @staticmethod
    def _make_wrapper_subclass(*args: Any, **named: Any) -> Any:
        """Raises NotImplementedError: a tensor without memory needs `__torch_dispatch__`."""
        raise NotImplementedError(f"microtorch: torch.Tensor._make_wrapper_subclass: {_NO_DISPATCH}")

    def as_subclass(self, cls: Any) -> Any:
        """The same memory and place in the graph as a tensor of a subclass."""
        _check_dispatch(cls)
        if self._node is None or not mode.enabled:
            t = _bare(cls, self._data)
            t._storage = storage_of(self)
        else:
            alias = I.view_alias(self)
            t = _bare(cls, alias._data)
            t._node = alias._node
            share(self, t, True)
        sees(t, self)
        return t

    # new tensors in this one's dtype ---------------------------------------------------------------------------------

    def new_tensor(self, data: Any, *, dtype: Any = None, device: Any = None, requires_grad: Any = False) -> Tensor:
        """A new tensor of the data, in this one's dtype."""
        if isinstance(data, TensorBase):
            creation.warn_of_copy("tensor.new_tensor")
        array = creation.array_from(data, dtype or dtypes.of[self._data.dtype])
        return creation.finish(array, requires_grad, **self._here({"device": device}))

    def _here(self, options: dict[str, Any]) -> dict[str, Any]:
        """Options for a new tensor, on this one's device unless they name another."""
        given = options.get("device") is not None
        return options if given else {**options, "device": self.device}  # type: ignore[attr-defined]

    def _of_each(self, made: Tensor) -> Tensor:
        """A new tensor; inside of vmap one for each example, if this one is."""
        data: Any = self._data
        if type(data) is Batched:
            made._data = of_all(made._data, data)
        return made

    def new_zeros(self, *size: Any, dtype: Any = None, **options: Any) -> Tensor:
        """Zeros of another size, in this one's dtype."""
        return self._of_each(creation.zeros(*size, dtype=dtype or dtypes.of[self._data.dtype], **self._here(options)))

    def new_ones(self, *size: Any, dtype: Any = None, **options: Any) -> Tensor:
        """Ones of another size, in this one's dtype."""
        return self._of_each(creation.ones(*size, dtype=dtype or dtypes.of[self._data.dtype], **self._here(options)))

    def new_empty(self, *size: Any, dtype: Any = None, **options: Any) -> Tensor:
        """A tensor of another size whose values are not set, in this one's dtype."""
        return self._of_each(creation.empty(*size, dtype=dtype or dtypes.of[self._data.dtype], **self._here(options)))

    def new_empty_strided(self, size: Any, stride: Any, *, dtype: Any = None, **options: Any) -> Tensor:
        """A tensor of another size and these strides whose values are not set, in this one's dtype."""
        kind = dtype or dtypes.of[self._data.dtype]
        return creation.empty_strided(size, stride, dtype=kind, **self._here(options))

    def new_full(self, size: Any, fill_value: Any, *, dtype: Any = None, **options: Any) -> Tensor:
        """A tensor of another size filled with one number, in this one's dtype."""
        kind = dtype or dtypes.of[self._data.dtype]
        return self._of_each(creation.full(size, fill_value, dtype=kind, **self._here(options)))

    def new(self, *args: Any, device: Any = None, **named: Any) -> Tensor:
        """new(2, 3): of that size, not set; new([1, 2]): from data; in this one's dtype (deprecated by PyTorch)."""
        if is_sparse(self._data):
            from microtorch.functions import sparse  # loaded already: here is a sparse tensor

            return cast("Tensor", sparse.legacy("new", dtypes.of[self._data.dtype])(*args, **named))
        return wrap(creation.new_array(args, self._data.dtype, device, named, strict=True))

    # element by element in Python, in place --------------------------------------------------------------------------

    def apply_(self, callable: Callable[[Any], Any]) -> Tensor:
        """Replace each element by callable(element): slow."""
        check_writable(self)
        flat = [callable(v) for v in self._data.reshape(-1).tolist()]
        self._data[...] = bfloat16.cast(np.array(flat), self._data.dtype).reshape(self._data.shape)
        return cast("Tensor", self)

    def map_(self, tensor: Any, callable: Callable[[Any, Any], Any]) -> Tensor:
        """Replace each element by callable(element, the one in its place in `tensor`): slow."""
        check_writable(self)
        pairs = zip(
            self._data.reshape(-1).tolist(), np.broadcast_to(tensor._data, self._data.shape).reshape(-1).tolist()
        )
        values = np.array([callable(a, b) for a, b in pairs])
        self._data[...] = bfloat16.cast(values, self._data.dtype).reshape(self._data.shape)
        return cast("Tensor", self)

    def map2_(self, x: Any, y: Any, callable: Callable[[Any, Any, Any], Any]) -> Tensor:
        """Replace each element by callable(element, those in its place in `x` and `y`): slow."""
        check_writable(self)
        each = [np.broadcast_to(a, self._data.shape).reshape(-1).tolist() for a in (self._data, x._data, y._data)]
        values = np.array([callable(*three) for three in zip(*each)])
        self._data[...] = bfloat16.cast(values, self._data.dtype).reshape(self._data.shape)
        return cast("Tensor", self)


float_, int_, bool_ = builtins.float, builtins.int, builtins.bool


_NO_DISPATCH = "classes cannot override operations below autograd (__torch_dispatch__); see __torch_function__"


def _check_dispatch(cls: Any) -> None:
    """Raise NotImplementedError for a class that wants to be asked by another protocol."""
    if getattr(cls, "__torch_dispatch__", None) is not None:
        raise NotImplementedError(f"microtorch: {cls.__name__}.__torch_dispatch__: {_NO_DISPATCH}")


def _bare(cls: Any, data: Any) -> Any:
    """A tensor of a class around an array, outside of the graph."""
    t = object.__new__(cls)
    t._data = data
    t._node = t._grad = t._base = t._storage = None
    return t


def _copied(t: Any, memo: dict[Any, Any]) -> Any:
    """A copy of t's memory; of memory that other tensors view, too, once for all of them in this `deepcopy`."""
    storage = t._storage
    if storage is None or (storage.is_of(t._data) and not storage.views) or not t._data.size or is_sparse(t._data):
        return _bare(type(t), K.clone(t._data))
    start = storage.extent()[0]
    key = ("memory", start)
    if key not in memo:
        copied = whole_storage(t).copy()
        memo[key] = copied, Storage(copied), t._data  # (the original too, so that its place is not given to another)
    copied, shared, _ = memo[key]
    offset = address(t._data) - start
    fresh = _bare(type(t), K.strided(copied, t._data.shape, t._data.strides, offset, t._data.dtype))
    fresh._storage = shared
    return fresh


def _rebuild(cls: Any, data: Any, requires_grad: bool, attributes: dict[str, Any]) -> Any:
    """A tensor from its pickled parts."""
    t = _bare(cls, data if shared.is_shared(data) else K.clone(data))
    if requires_grad:
        require_grad(t)
    t.__dict__.update(attributes)
    return t
