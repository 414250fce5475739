"""Arrays of another layout than NumPy's: what a sparse tensor holds in the place of its array.

A `Sparse` looks like an array (its shape and dtype are the tensor's), but NumPy computes nothing on it: whatever would
read its numbers raises `NotStrided`. Whoever called the kernel then asks here for the rule that does the same to sparse
arrays (`computed`); a kernel without one is an error that names the operation. So no kernel knows of sparse arrays,
none can take a part of the numbers for all of them, and dense arrays pay nothing. The rules are in kernels/sparse.py,
which is loaded with the first sparse tensor.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from microtorch.kernels.bfloat16 import NoRule

used: list[bool] = []
"""Not empty once a sparse array was made: the backward pass looks for them only then."""

rules: dict[Any, Callable[..., Any]] = {}
"""For kernels that have one, what does the same to sparse arrays."""


def kernel_name(kernel: Any) -> str:
    """What the operation of a kernel is called (ops/sparse.py puts the table's own names in its place)."""
    return str(getattr(kernel, "__name__", kernel))


name_of: list[Callable[[Any], str]] = [kernel_name]


def not_here(name: str, backend: str) -> str:
    """PyTorch's words for an operation that a layout has not."""
    return (
        f"Could not run 'aten::{name}' with arguments from the '{backend}' backend. This could be because the "
        "operator doesn't exist for this backend."
    )


class NotStrided(NoRule, NotImplementedError):
    """What was asked has no rule for sparse arrays."""

    def __init__(self, name: str, backend: str = "SparseCPU") -> None:
        super().__init__(not_here(name, backend))


NotStrided.__name__ = NotStrided.__qualname__ = "NotImplementedError"  # what a user sees is PyTorch's error


class NotInPlace(NotStrided, TypeError):
    """A ufunc cannot write into a sparse array: it is computed, and then put in its place."""


class _Flags:
    """As far as a layout of its own can answer."""

    c_contiguous = writeable = owndata = True
    f_contiguous = False


class Sparse:
    """An array of another layout. `values` are the numbers that it holds; `shape` is that of the whole.

    base: None, it views no other. Subclasses say where the numbers are (kernels/sparse.py).
    """

    __slots__ = ("values", "shape", "__weakref__")
    __array_priority__ = 1500.0
    layout = backend = ""
    base = None
    flags = _Flags()

    values: Any
    shape: tuple[int, ...]

    @property  # type: ignore[misc]
    def __class__(self) -> Any:  # isinstance(x, np.ndarray) holds, type(x) is np.ndarray does not
        return np.ndarray

    @property
    def dtype(self) -> Any:
        return self.values.dtype

    @property
    def itemsize(self) -> int:
        return int(self.values.dtype.itemsize)

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        total = 1
        for n in self.shape:
            total *= n
        return total

    @property
    def strides(self) -> tuple[int, ...]:
        """Of no meaning, but not 0: no place stands for several."""
        return (1,) * len(self.shape)

    @property
    def nbytes(self) -> int:
        raise RuntimeError(
            "nbytes is not defined for sparse tensors.  If you want the size of the constituent tensors, add the "
            "nbytes of the indices and values.  If you want the size of the  equivalent dense tensor, multiply numel() "
            "by element_size()"
        )

    @property
    def full(self) -> Any:
        """The memory (see `bfloat16.bits_of`), of which there is not one."""
        raise NotImplementedError("Cannot access storage of SparseTensorImpl")

    def __len__(self) -> int:
        return self.shape[0]

    def __bool__(self) -> bool:
        raise NotStrided("is_nonzero", self.backend)

    __hash__ = object.__hash__

    def __dlpack__(self, **named: Any) -> Any:
        raise RuntimeError("Cannot access data pointer of Tensor that doesn't have storage")

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise NotStrided("numpy", self.backend)

    @property
    def __array_interface__(self) -> Any:
        raise NotStrided("data_ptr", self.backend)

    def __array_function__(self, function: Any, types: Any, args: Any, named: Any) -> Any:
        rule = rules.get(function)
        if rule is None:
            raise NotStrided(function.__name__, self.backend)
        return rule(*args, **named)

    def __getitem__(self, key: Any) -> Any:
        raise NotStrided("as_strided", self.backend)

    def __setitem__(self, key: Any, value: Any) -> None:
        raise TypeError("Cannot assign to a sparse tensor")


def _refused(name: str) -> Any:
    def refuse(self: Any) -> Any:
        raise NotStrided(name, self.backend)

    return property(refuse)


def _refusing(name: str) -> Any:
    def refuse(self: Any, other: Any) -> Any:
        raise NotStrided(name, self.backend)

    return refuse


for _name in ("eq", "ne", "lt", "le", "gt", "ge"):  # (Python's own answers would be about the object)
    setattr(Sparse, f"__{_name}__", _refusing(_name))
for _name in dir(np.ndarray):  # no method or attribute may take the values for the whole
    if not _name.startswith("__") and not hasattr(Sparse, _name):
        setattr(Sparse, _name, _refused(_name))


def is_sparse(value: Any) -> bool:
    """Whether it is, or is a list that holds, a sparse array."""
    if isinstance(value, (list, tuple)):
        return any(is_sparse(v) for v in value)
    return issubclass(type(value), Sparse) and type(value).backend != "Meta"


def is_foreign(value: Any) -> bool:
    """Whether it is, or is a list that holds, an array on which NumPy computes nothing: sparse, or without numbers."""
    if isinstance(value, (list, tuple)):
        return any(is_foreign(v) for v in value)
    return issubclass(type(value), Sparse)


without_numbers: list[tuple[Any, Any, Any]] = []
"""Of kernels/meta.py, once it is loaded: the class, whether one is among arguments, what is done to them."""


def _first(args: Sequence[Any]) -> Any:
    for a in args:
        if issubclass(type(a), Sparse):
            return a
        if isinstance(a, (list, tuple)):
            found = _first(a)
            if found is not None:
                return found
    return None


def computed(kernel: Any, args: Sequence[Any]) -> Any:
    """What the kernel does, done to sparse arrays. Call it while the exception is handled that the kernel raised.

    It is raised again if there is no rule and it is an error of PyTorch's; else NotStrided names the operation.
    """
    if without_numbers and without_numbers[0][1](args):
        return without_numbers[0][2](kernel, args)
    rule = rules.get(kernel)
    if rule is not None:
        return rule(*args)
    error = sys.exc_info()[1]
    if isinstance(error, (RuntimeError, IndexError)) and not isinstance(error, NoRule):
        raise
    raise NotImplementedError(not_here(name_of[0](kernel), _first(args).backend)) from None
