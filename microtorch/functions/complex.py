"""Complex numbers: their parts, and what they are made of."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any

from microtorch.functions.arguments import need_tensor, takes_out, write_out
from microtorch.functions.pointwise import broadcasting, one, type_name
from microtorch.kernels import bfloat16
from microtorch.ops import pointwise as P, shape as S

if TYPE_CHECKING:
    from microtorch._tensor import Tensor


def real(input: Any) -> Tensor:
    """The real part, a view; a real tensor itself."""
    need_tensor("real", input)
    return S.real(input) if input._data.dtype.kind == "c" else input


def imag(input: Any) -> Tensor:
    """The imaginary part, a view.

    Raises RuntimeError for real tensors.
    """
    need_tensor("imag", input)
    if input._data.dtype.kind != "c":
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return S.imag(input)


def conj(input: Any) -> Tensor:
    """The complex conjugate; a real tensor itself."""
    need_tensor("conj", input)
    return P.conj(input) if input._data.dtype.kind == "c" else input


@takes_out
def conj_physical(input: Any) -> Tensor:
    """The complex conjugate; a real tensor itself."""
    need_tensor("conj_physical", input)
    return P.conj_physical(input) if input._data.dtype.kind == "c" else input


def resolve_conj(input: Any) -> Tensor:
    """The tensor itself: conjugates are computed at once here."""
    need_tensor("resolve_conj", input)
    return input


def resolve_neg(input: Any) -> Tensor:
    """The tensor itself: negatives are computed at once here."""
    need_tensor("resolve_neg", input)
    return input


angle = one(P.angle, "The argument of complex numbers, in radians; of real numbers 0 or pi.")


def _from_reals(name: str, entry: Any, arguments: tuple[str, str], a: Any, b: Any, out: Any) -> Any:
    """A complex tensor from two real ones of the same dtype."""
    need_tensor(name, a, arguments[0])
    need_tensor(name, b, arguments[1], 2)
    if a._data.dtype.kind != "f" or b._data.dtype.kind != "f" or bfloat16.BF16 in (a._data.dtype, b._data.dtype):
        raise RuntimeError(
            f"Expected both inputs to be Half, Float or Double tensors but got {type_name(a)} and {type_name(b)}"
        )
    if a._data.dtype != b._data.dtype:
        raise RuntimeError(
            f"Expected object of scalar type {type_name(a)} but got scalar type {type_name(b)} for second argument"
        )
    result = broadcasting(entry, a, b)
    if out is None:
        return result
    if out._data.dtype != result._data.dtype:
        raise RuntimeError(
            f"Expected object of scalar type {type_name(result)} but got scalar type {type_name(out)} for argument "
            "'out'"
        )
    return write_out(out, result)


def complex(real: Any, imag: Any, *, out: Any = None) -> Tensor:
    """real + i imag, of two tensors of the same float dtype.

    >>> import microtorch as torch
    >>> torch.complex(torch.tensor([1., 2.]), torch.tensor([3., 4.]))
    tensor([1.+3.j, 2.+4.j])
    """
    return _from_reals("complex", P.complex_from, ("real", "imag"), real, imag, out)


def polar(abs: Any, angle: Any, *, out: Any = None) -> Tensor:
    """abs * (cos(angle) + i sin(angle))."""
    return _from_reals("polar", P.polar, ("abs", "angle"), abs, angle, out)


def view_as_real(input: Any) -> Tensor:
    """A complex tensor as a real view with one more dimension of size 2."""
    if input._data.dtype.kind != "c":
        raise RuntimeError("view_as_real is only supported for complex tensors")
    return P.view_as_real(input)


def view_as_complex(input: Any) -> Tensor:
    """A real tensor whose last dimension has size 2 as a complex view."""
    a = input._data
    if a.dtype.kind != "f" or a.dtype is bfloat16.BF16:
        raise RuntimeError(
            "view_as_complex is only supported for half, float and double tensors, but got a tensor of scalar type: "
            f"{type_name(input)}"
        )
    if not a.ndim:
        raise RuntimeError("Input tensor must have one or more dimensions")
    if a.shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    if a.strides[-1] != a.itemsize:
        raise RuntimeError("Tensor must have a last dimension with stride 1")
    if builtins.any(s % (2 * a.itemsize) for s in a.strides[:-1]):
        raise RuntimeError("Tensor must have a stride divisible by 2 for all but last dimension")
    return P.view_as_complex(input)


def is_complex(input: Any) -> bool:
    """True for complex64 and complex128."""
    need_tensor("is_complex", input)
    return input._data.dtype.kind == "c"


def is_conj(input: Any) -> bool:
    """Always False: conjugates are computed at once here."""
    return False


def is_neg(input: Any) -> bool:
    """Always False: negatives are computed at once here."""
    return False


def is_floating_point(input: Any) -> bool:
    """True for float16, bfloat16, float32 and float64."""
    need_tensor("is_floating_point", input)
    return input._data.dtype.kind == "f"
