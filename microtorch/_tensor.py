"""The Tensor: what it is, and its place in the graph.

Its operators and functions (`x + y`, `x.sum()`, `x.add_(y)`) are in methods.py, its way out to numbers, arrays and
other dtypes in conversion.py, its state in autograd/state.py.
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable
from typing import Any

from microtorch import dtypes, printing
from microtorch._missing import torch_name
from microtorch._overriding import default_torch_function, subclassed
from microtorch.autograd import engine, source
from microtorch.autograd.inplace import Invalid, node_after_writes
from microtorch.autograd.modes import is_inference, mode, sees
from microtorch.autograd.node import Leaf, Node, Output, RemovableHandle, named, require_grad, short_name
from microtorch.autograd.state import TensorBase, element_offset, inferring, join, storage_of, wrap
from microtorch.conversion import TensorConversions
from microtorch.functions import creation
from microtorch.functions.arguments import axis_of, size_of
from microtorch.kernels import shape as K
from microtorch.kernels.batched import running
from microtorch.kernels.bfloat16 import address
from microtorch.kernels.layouts import is_sparse
from microtorch.layouts import TensorLayouts
from microtorch.methods import TensorMethods
from microtorch.ops import shape as S
from microtorch.size import Size, contiguous_format, cpu, device, layout, layouts, meta, sparse_coo, sparse_csr, strided

_new_tuple = tuple.__new__  # for shapes: their numbers need no check


class TensorMeta(type):
    """Prints Tensor and its subclasses here under PyTorch's names: print(type(x)) gives <class 'torch.Tensor'>."""

    def __repr__(cls) -> str:
        module = cls.__module__.replace("microtorch._tensor", "torch")
        return f"<class '{torch_name(module)}.{cls.__qualname__}'>"


class Tensor(TensorMethods, TensorConversions, TensorLayouts, metaclass=TensorMeta):
    """An array that records what is computed with it.

    >>> import microtorch as torch
    >>> x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4., 6.])
    """

    __slots__ = ()
    __array_priority__ = 1000
    __hash__ = TensorConversions.__hash__  # (a class that defines __eq__ has none unless it says so)

    def __new__(cls, *args: Any, device: Any = None, **named: Any) -> Any:
        """Tensor(2, 3): uninitialised of that size; Tensor([1, 2]): from data, in the default dtype."""
        t: Any = object.__new__(cls)
        t._data = creation.new_array(args, dtypes.default.float, device, named, strict=False)
        t._node = t._grad = t._base = t._storage = None
        if inferring:
            inferring[0](t)
        return t

    def __init_subclass__(cls, **named: Any) -> None:
        super().__init_subclass__(**named)
        subclassed(cls)

    __torch_function__: Any = classmethod(default_torch_function)
    _printed = "tensor"  # subclasses are printed under their own name

    # what it is ------------------------------------------------------------------------------------------------------

    @property
    def shape(self) -> Size:
        """The size of each dimension."""
        return _new_tuple(Size, self._data.shape)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or the size of one dimension."""
        if dim is None:
            return _new_tuple(Size, self._data.shape)
        if not self._data.ndim:
            raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
        return self._data.shape[axis_of(dim, self._data.ndim)]

    @property
    def dtype(self) -> dtypes.dtype:
        """The element type."""
        return dtypes.of[self._data.dtype]

    @property
    def device(self) -> device:
        """The CPU; "meta" for a tensor that has a shape and no numbers."""
        return meta if self.is_meta else cpu

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
        return element_offset(self)

    def data_ptr(self) -> int:
        """The address of the first element."""
        return int(address(self._data)) if not self.is_meta else 0

    const_data_ptr = data_ptr

    def is_contiguous(self, memory_format: Any = None) -> bool:
        """True if the elements lie in memory in the order of the indices (or of another memory format)."""
        data = self._data
        if memory_format is None or memory_format is contiguous_format:
            return data.flags.c_contiguous and not is_sparse(data)
        order = K.channels_last_axes(data.ndim, memory_format.name)
        return order is not None and data.transpose(order).flags.c_contiguous

    def dim_order(self, *, ambiguity_check: Any = False) -> tuple[int, ...]:
        """The dimensions from outermost to innermost in memory."""
        return tuple(K.dense_order(self._data.shape, self._data.strides))

    def is_floating_point(self) -> bool:
        """True for float16, float32, float64."""
        return self._data.dtype.kind == "f"

    def is_complex(self) -> bool:
        """True for complex64, complex128."""
        return self._data.dtype.kind == "c"

    def is_signed(self) -> bool:
        """True unless bool or unsigned."""
        return self._data.dtype.kind not in "bu"

    @property
    def is_sparse(self) -> bool:
        """True for a tensor of numbers at coordinates (`torch.sparse_coo_tensor`)."""
        return self.layout is sparse_coo

    @property
    def is_sparse_csr(self) -> bool:
        """True for a matrix by compressed rows (`torch.sparse_csr_tensor`)."""
        return self.layout is sparse_csr

    @property
    def layout(self) -> layout:
        """torch.strided; torch.sparse_coo and torch.sparse_csr for sparse tensors."""
        return layouts.get(getattr(self._data, "layout", "strided"), strided)

    is_cuda = is_quantized = is_mkldnn = is_mps = is_xpu = is_nested = False

    # its place in the graph ------------------------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """True if operations on it are recorded."""
        if engine.dual_levels and self._node is not None and mode.duals:
            return bool(mode.duals[0].own.outside([self]))
        return self._node is not None

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if not isinstance(value, bool):
            raise RuntimeError("requires_grad must be a bool")
        if value:
            if self._node is None:
                if self._data.dtype.kind not in "fc":
                    raise RuntimeError("only Tensors of floating point and complex dtype can require gradients")
                require_grad(self)
        elif self._node is not None:
            if type(self._node) is not Leaf:
                raise RuntimeError(
                    "you can only change requires_grad flags of leaf variables. If you want to use a computed variable "
                    "in a subgraph that doesn't require differentiation use var_no_grad = var.detach()."
                )
            self._node = None

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Set `requires_grad`; returns the tensor."""
        if requires_grad is not True and requires_grad is not False:
            kind = type(requires_grad).__name__
            raise TypeError(f"requires_grad_(): argument 'requires_grad' (position 1) must be bool, not {kind}")
        if source.transforming():
            raise RuntimeError(source.IN_TRANSFORM.format("requires_grad_()", source.OR_FUNCTIONAL))
        if requires_grad and self._node is None and self._data.dtype.kind not in "fc":
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        self.requires_grad = requires_grad
        return self

    @property
    def is_leaf(self) -> bool:
        """True unless it was computed from tensors that require gradients."""
        return self._node is None or type(self._node) is Leaf or type(self._node) is source.Source

    @property
    def grad_fn(self) -> Node | None:
        """The node that made it; None for a leaf."""
        node = self._node if self._base is None else node_after_writes(self)
        if type(node) is Output:
            return named(node.parent)
        if type(node) is Invalid:
            raise RuntimeError(node.message)
        return None if type(node) is Leaf else named(node)

    @property
    def output_nr(self) -> int:
        """Which of its node's outputs it is."""
        return self._node.index if type(self._node) is Output else 0

    @property
    def grad(self) -> Tensor | None:
        """The gradient collected by `backward`, or None."""
        if self._grad is None and self._node is not None and not (self.is_leaf or self.retains_grad):
            warnings.warn(
                "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute "
                "won't be populated during autograd.backward(). If you indeed want the .grad field to be populated for "
                "a non-leaf Tensor, use .retain_grad() on the non-leaf Tensor. If you access the non-leaf Tensor by "
                "mistake, make sure you access the leaf Tensor instead. See github.com/pytorch/pytorch/pull/30531 for "
                "more informations.",
                stacklevel=2,
            )
        return self._grad

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is not None:
            if not isinstance(value, TensorBase):
                kind = type(value).__name__
                raise TypeError(f"assigned grad expected to be a Tensor or None but got grad of type {kind}")
            if value is self:
                raise RuntimeError("can't assign Variable as its own grad")
            if is_sparse(self._data) and not is_sparse(value._data):
                raise RuntimeError("attempting to assign a gradient to a tensor that has data of a different type")
            if value._data.shape != self._data.shape:
                raise RuntimeError(
                    f"attempting to assign a gradient of size '{list(value._data.shape)}' to a tensor of size "
                    f"'{list(self._data.shape)}'. Please ensure that the gradient and the tensor are the same size"
                )
            if value._data.dtype != self._data.dtype:
                names = dtypes.c_name(value._data.dtype), self.dtype.type_name
                raise RuntimeError(
                    f"attempting to assign a gradient with dtype '{names[0]}' to a tensor with grad_dtype "
                    f"'{names[1]}'. The gradient must match the tensor's grad_dtype (defaults to the tensor's dtype). "
                    "You can set the tensor's grad_dtype attribute with a specific dtype, or None to allow any dtype. "
                    "Set grad_dtype with caution. Diverging the dtypes of a tensor and its gradient may break "
                    "downstream systems that assume they match."
                )
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    @property
    def data(self) -> Tensor:
        """The same memory, outside of the graph and of version counting."""
        t = wrap(self._data)
        if self._storage is not None:
            t._storage = self._storage.sibling()
        sees(t, self)
        return t

    @data.setter
    def data(self, value: Any) -> None:
        if not isinstance(value, TensorBase):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        node = self._node
        if node is not None and value._data.dtype.kind not in "fc":
            what = "floating point or complex dtype"
            raise RuntimeError(f"data set to a tensor that requires gradients must be {what}")
        if value._data is self._data:  # as after `t.data += 1`
            sees(self, value)
            return
        storage, old = storage_of(value).sibling(), self._storage
        storage.version, storage.clock = (0, -1) if old is None else (old.version, old.clock)
        self._data, self._storage = value._data, storage
        if node is not None:
            node.shape, node.dtype, node.storage = value._data.shape, value._data.dtype, storage
        sees(self, value)

    @property
    def _version(self) -> int:
        """How often its memory was written in place."""
        if is_inference(self):
            raise RuntimeError("Inference tensors do not track version counter.")
        return 0 if self._storage is None else self._storage.version

    def backward(
        self, gradient: Any = None, retain_graph: bool | None = None, create_graph: bool = False, inputs: Any = None
    ) -> None:
        """Add to the leaves' `.grad` the gradient of this tensor."""
        engine.backward(self, gradient, retain_graph, create_graph, inputs=inputs)

    def detach(self) -> Tensor:
        """The same memory, outside of the graph."""
        t = wrap(self._data)
        t._storage = storage_of(self)
        sees(t, self)
        return t

    def detach_(self) -> Tensor:
        """Take this tensor out of the graph."""
        if self._base is not None:
            raise RuntimeError(
                "Can't detach views in-place. Use detach() instead. If you are using DistributedDataParallel (DDP) for "
                "training, and gradient_as_bucket_view is set as True, gradients are views of DDP buckets, and hence "
                "detach_() cannot be called on these gradients. To fix this error, please refer to the "
                "Optimizer.zero_grad() function in torch/optim/optimizer.py as the solution."
            )
        self._node = None
        return self

    def retain_grad(self) -> None:
        """Keep the gradient of this non-leaf in `.grad`, too."""
        node = self._node if self._base is None else node_after_writes(self)
        if node is None:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if source.transforming():
            raise RuntimeError(source.IN_TRANSFORM.format("retain_grad()", ""))
        if type(node) is not Leaf:
            node._hooks().retain = weakref.ref(self)
            self.__dict__["_retains_grad"] = True  # also when an in-place write has given it another node

    @property
    def retains_grad(self) -> bool:
        """True if `retain_grad` was called on this non-leaf."""
        return "_retains_grad" in self.__dict__ and not self.is_leaf

    def register_hook(self, hook: Callable[[Tensor], Any]) -> RemovableHandle:
        """Call `hook(grad)` when the gradient is computed; what it returns, if not None, replaces it."""
        node = self._node if self._base is None else node_after_writes(self)
        if node is None:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        return node._add(node._hooks().tensor, hook)

    def register_post_accumulate_grad_hook(self, hook: Callable[[Tensor], None]) -> RemovableHandle:
        """Call `hook(tensor)` after the gradient was added to `.grad`; only on leaves."""
        if type(self._node) is not Leaf:
            if self._node is None:
                raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
            raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
        return self._node._add(self._node._hooks().after, hook)

    def is_inference(self) -> bool:
        """True for a tensor made in `inference_mode`."""
        return is_inference(self)

    def is_set_to(self, tensor: Any) -> bool:
        """True if both are the same view of the same memory."""
        same_layout = self._data.shape == tensor._data.shape and self.stride() == tensor.stride()
        return same_layout and self.data_ptr() == tensor.data_ptr()

    def _is_view(self) -> bool:
        """True if it views the memory of another tensor, in the graph."""
        return self._base is not None

    def is_same_size(self, other: Any) -> bool:
        """True if both have the same shape."""
        return self._data.shape == other._data.shape

    def is_conj(self) -> bool:
        """False: conjugates are computed at once here."""
        return False

    def is_neg(self) -> bool:
        """False: negatives are computed at once here."""
        return False

    def resolve_conj(self) -> Tensor:
        """The tensor itself."""
        return self

    def resolve_neg(self) -> Tensor:
        """The tensor itself."""
        return self

    def get_device(self) -> int:
        """-1, the number of the CPU."""
        return -1

    def sum_to_size(self, *sizes: Any, size: Any = None) -> Tensor:
        """Summed over the dimensions along which `size` broadcasts to this shape."""
        shape = size_of(sizes if size is None else (size,), "sum_to_size")
        have = self._data.shape
        if len(shape) > len(have) or any(n not in (1, m) for n, m in zip(shape[::-1], have[::-1])):
            raise RuntimeError(f"size {{{list(shape)}}} is not expandable to size {{{list(have)}}}.")
        return S.sum_to(self, shape) if shape else self.sum()

    # text ------------------------------------------------------------------------------------------------------------

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None, **_: Any) -> dict[str, str] | None:
        """In a notebook a tensor with a graph shows its picture under its text; any other tensor only the text."""
        if self._node is None or not self._node.edges:
            return None
        from microtorch.viz.notebook import tensor_bundle  # what draws is loaded when something is drawn

        return tensor_bundle(self)

    def __repr__(self, *, tensor_contents: str | None = None) -> str:
        if source.active.stack or running.levels or mode.duals:
            wrapped = source.describe(self)
            if wrapped is not None:
                return wrapped
        return self._text(tensor_contents)

    def _text(self, tensor_contents: str | None = None, tangent: str | None = None) -> str:
        """The text, with that of a tangent."""
        node, kind = self.grad_fn, type(self)
        show = printing.format_sparse if is_sparse(self._data) else printing.format_tensor
        text = show(
            self._data,
            dtype_name=self.dtype.name,
            requires_grad=self.requires_grad and node is None,
            grad_fn_name=None if node is None else short_name(node),
            class_name=vars(kind).get("_printed", kind.__name__),
            default_dtype_name=dtypes.get_default_dtype().name,
            contents=tensor_contents,
            tangent=tangent,
            **({"device": "meta"} if self.is_meta else {}),
        )
        whole = "_printed" in vars(kind) or not getattr(self, "_is_param", False)
        return text if whole else f"Parameter({text})"

    def __format__(self, spec: str) -> str:
        if self._data.ndim == 0 and type(self) is Tensor and not self.is_meta:
            return printing.format_number(self._data, spec)
        return object.__format__(self, spec)


def _torch_strides(a: Any) -> tuple[int, ...]:
    """NumPy's strides, but for empty arrays and in dimensions of size 1 those that PyTorch gives."""
    if a.size:
        if 0 not in a.strides:
            return tuple(a.strides)
        steps, step = list(a.strides), a.itemsize
        for i in range(a.ndim - 1, -1, -1):
            if steps[i] == 0 and a.shape[i] == 1:  # of x[None], where NumPy says 0
                steps[i] = step
            step = steps[i] * a.shape[i]
        return tuple(steps)
    strides, step = [], a.itemsize
    for n in reversed(a.shape):
        strides.append(step)
        step *= max(n, 1)
    return tuple(reversed(strides))


join(Tensor)
