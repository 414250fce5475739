"""Einstein's summation convention, as `torch.einsum`: any sum of products over named dimensions."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch.autograd.state import TensorBase
from microtorch.functions.pointwise import same_dtype, type_name
from microtorch.ops import linalg as L, pointwise as P, reduce as R, shape as S

if TYPE_CHECKING:
    from microtorch._tensor import Tensor

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_ELLIPSIS = "0123456789"  # the dimensions that an ellipsis stands for, in order, aligned at the last


def einsum(*args: Any) -> Tensor:
    """The sum of the products of the operands over all subscripts that the result lacks.

    einsum("ij,jk->ik", a, b), or with lists of numbers: einsum(a, [0, 1], b, [1, 2], [0, 2]). A subscript that is
    repeated within an operand takes its diagonal; "..." stands for any dimensions; without "->" the result has the
    subscripts that occur once, in alphabetical order.

    >>> import microtorch as torch
    >>> torch.einsum("ij,kj->ik", torch.eye(2), torch.tensor([[1., 2.], [3., 4.]]))
    tensor([[1., 3.],
            [2., 4.]])
    """
    if len(args) == 3 and type(args[0]) is str and isinstance(args[1], TensorBase) and isinstance(args[2], TensorBase):
        x, y = args[1], args[2]  # the common case, without all that follows
        plan = _plain(args[0], x._data.shape, y._data.shape) if x._data.dtype == y._data.dtype else None
        if plan is not None:
            ones, a, b, have, order, swapped, shape = plan
            if swapped is None:
                return L.multiply(x, y, a, b, have)
            if ones is not None:
                x, y = (S.squeeze(t, axes) if axes else t for t, axes in zip((x, y), ones))
            product = _contracted(y, x, b, a, have) if swapped else _contracted(x, y, a, b, have)
            if ones is None:
                return S.view_as(product, shape) if order is None else S.permute(product, order)
            product = product if order is None else S.permute(product, order)
            return product if product._data.shape == shape else S.reshape(product, shape)
    terms, result, operands = _parsed(args)
    labels = [_with_ellipsis(i, term, t._data.ndim) for i, (term, t) in enumerate(zip(terms, operands))]
    sizes = _sizes(labels, operands)
    dots = sorted((c for c in sizes if c in _ELLIPSIS), reverse=True)
    if result is None:
        once = [c for c in _LETTERS if sum(label.count(c) for label in labels) == 1]
        out = "".join(dots + once)
    else:
        out = _output(result, "".join(dots), sizes)
    if len(operands) > 1:
        operands = same_dtype(*operands)
    ready = [_single(t, label) for t, label in zip(operands, labels)]
    summed = [c for c in _long(*ready[0]) if c not in out and any(c in label for _, label in ready[1:])]
    if len(ready) == 2 and not summed:
        return _multiplied(ready, out, sizes)
    # every operand without its dimensions of size 1, and what it alone sums over
    ready = [_squeezed(t, label) for t, label in ready]
    wanted = "".join(c for c in out if sizes[c] != 1)
    ready = [
        _summed(t, label, wanted + "".join(other for j, (_, other) in enumerate(ready) if j != i))
        for i, (t, label) in enumerate(ready)
    ]
    while len(ready) > 1:
        i, j = _cheapest(ready, wanted, sizes) if len(ready) > 2 else (0, 1)
        (a, la), (b, lb) = ready[i], ready[j]
        rest = [ready[k] for k in range(len(ready)) if k not in (i, j)]
        needed = wanted + "".join(label for _, label in rest)
        full = out + "".join(sorted(c for c in sizes if c not in out))
        both = [c for c in la if c in lb and c not in needed]
        if len(operands) == 2:
            both += [c for c in summed if c not in both]
        if both:
            lo, swapped = _product_order(la, lb, [c for c in full if c not in both])
            product = _contracted(b, a, lb, la, lo) if swapped else _contracted(a, b, la, lb, lo)
        else:
            lo = "".join(c for c in full if c in la or c in lb)
            product = L.multiply(*same_dtype(a, b), la, lb, lo)  # a sum of one alone may have made it int64
        ready = [(product, lo), *rest]
    t, label = ready[0]
    if len(operands) == 1 and t._data.dtype.kind in "iub" and set(labels[0]) - set(out):
        t = P.cast(t, np.dtype(np.int64))  # as a sum
    if len(operands) == 1 and t._base is not None and set(labels[0]) - set(out):
        t = R.sum(t, (), False)  # over dimensions of size 1 alone: new memory all the same
    order = tuple(label.index(c) for c in wanted)
    shape = tuple(sizes[c] for c in out)
    fresh = t._base is None and t is not operands[0] if len(operands) == 1 else len(out) == len(sizes)
    if fresh and label == wanted and t._data.shape == shape:
        return t  # a sum, or products alone
    if label != wanted or t._data.shape == shape:
        t = S.permute(t, order)  # a view always
    return t if t._data.shape == shape else S.reshape(t, shape)


def _contracted(a: Any, b: Any, la: str, lb: str, out: str) -> Tensor:
    """A product over subscripts that are summed.

    Raises PyTorch's errors for bools, of which the sum of one alone is int64.
    """
    if not any(c in lb and c not in out for c in la):
        return L.multiply(*same_dtype(a, b), la, lb, out)  # of what one alone was summed over
    if a._data.dtype.kind == "b":
        raise NotImplementedError("\"bmm\" not implemented for 'Bool'")
    if a._data.dtype != b._data.dtype:
        raise RuntimeError(f"expected scalar type {type_name(a)} but found {type_name(b)}")
    return L.contract(a, b, la, lb, out)


def _product_order(a: str, b: str, full: Sequence[str]) -> tuple[str, bool]:
    """The subscripts of a matrix product as they lie in memory, and whether b comes first in it.

    Both are as in sumproduct_pair of aten/src/ATen/native/Linear.cpp: the common ones, those of the first operand,
    those of the second, each as listed in `full` (the result, then what is summed later); b is the first if all of its
    own are listed before a's. Subscripts of size 1 are in neither operand, and count as b's.
    """
    both = [c for c in full if c in a and c in b]
    of_a = [c for c in full if c in a and c not in b]
    others = [c for c in full if c not in a]
    of_b = [c for c in others if c in b]
    swapped = bool(of_a and others) and full.index(others[-1]) < full.index(of_a[0])
    return "".join(both + of_b + of_a if swapped else both + of_a + of_b), swapped


def _multiplied(ready: list[tuple[Any, str]], out: str, sizes: dict[str, int]) -> Tensor:
    """The product of two operands that share no subscript that is summed: element by element."""
    full = out + "".join(sorted(c for c in sizes if c not in out))
    operands, labels = [], []
    for t, label in ready:
        alone = tuple(k for k, c in enumerate(label) if c not in out and t._data.shape[k] != 1)
        if alone:
            t = R.sum(t, alone, True)
        stretched = tuple(k for k, c in enumerate(label) if t._data.shape[k] == 1 != sizes[c] and k not in alone)
        if stretched:
            t = S.squeeze(t, stretched)
            label = "".join(c for k, c in enumerate(label) if k not in stretched)
        operands.append(t)
        labels.append(label)
    t = L.multiply(*same_dtype(*operands), *labels, full)
    return t if full == out else S.view_as(t, t._data.shape[: len(out)])


def _parsed(args: tuple[Any, ...]) -> tuple[list[str], str | None, list[Any]]:
    """The operands' subscripts, the result's (None if not given), and the operands."""
    if len(args) < 2:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, or at least one operand and its "
            "subscripts list"
        )
    if isinstance(args[0], str):
        operands = list(args[1:])
        if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
            operands = list(operands[0])
        if not operands:
            raise RuntimeError("einsum(): must provide at least one operand")
        terms, result = _parsed_equation(args[0], len(operands))
        return terms, result, operands

    def letter(s: Any) -> str:
        if s is Ellipsis:
            return "..."
        if not 0 <= s < len(_LETTERS):
            raise ValueError("einsum(): subscript in subscript list is not within the valid range [0, 52)")
        return _LETTERS[s]

    terms = ["".join(letter(s) for s in label) for label in args[1::2]]
    result = "".join(letter(s) for s in args[-1]) if len(args) % 2 else None
    return terms, result, list(args[::2][: len(terms)])


def _parsed_equation(equation: str, count: int) -> tuple[list[str], str | None]:
    """The subscripts of so many operands, and of the result."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    for i, c in enumerate(left):
        if c not in _LETTERS and c not in ".,":
            raise RuntimeError(
                f"einsum(): invalid subscript given at index {i} in the equation string, subscripts must be in [a-zA-Z]"
            )
    terms = left.split(",")
    if len(terms) < count:
        raise RuntimeError("einsum(): more operands were provided than specified in the equation")
    if len(terms) > count:
        raise RuntimeError("einsum(): fewer operands were provided than specified in the equation")
    return terms, right if arrow else None


_Axes = tuple[int, ...]


@functools.lru_cache(1024)
def _plain(
    equation: str, x: _Axes, y: _Axes
) -> tuple[tuple[_Axes, _Axes] | None, str, str, str, _Axes | None, bool | None, _Axes] | None:
    """How two operands of these shapes are multiplied, where each has every subscript once and none is summed alone:
    the axes of size 1 that are left out first (None if there is no size 1), the operands' subscripts, the product's,
    how to permute it (None: not at all), whether they change places (None: nothing is summed), the result's shape.
    None otherwise.
    """
    (a, b), out = _parsed_equation(equation, 2)
    if out is None or "." in equation or len(a) != len(x) or len(b) != len(y):
        return None
    if any(len(set(label)) != len(label) for label in (a, b, out)) or not set(out) <= set(a + b):
        return None
    size_x, size_y = dict(zip(a, x)), dict(zip(b, y))
    if any(size_y.get(c, n) != n and 1 not in (n, size_y[c]) for c, n in size_x.items()):
        return None
    sizes = {c: max(size_x.get(c, 0), size_y.get(c, 0)) if size_x.get(c, 1) == 1 else size_x[c] for c in (*a, *b)}
    shape = tuple([sizes[c] for c in out])
    if 0 in x or 0 in y:
        return None
    if 1 not in x and 1 not in y:
        if any(c not in b and c not in out for c in a) or any(c not in a and c not in out for c in b):
            return None
        if all(c in out for c in a + b):
            return None, a, b, out, None, None, shape
        have, swapped = _product_order(a, b, out)
        return None, a, b, have, None if have == out else tuple([have.index(c) for c in out]), swapped, shape
    summed = [c for c in a if size_x[c] != 1 and c not in out and c in b]
    ones = tuple(i for i, n in enumerate(x) if n == 1), tuple(i for i, n in enumerate(y) if n == 1)
    a, b = "".join(c for c in a if size_x[c] != 1), "".join(c for c in b if size_y[c] != 1)
    wanted = "".join(c for c in out if sizes[c] != 1)
    if not summed or any(c not in wanted + b for c in a) or any(c not in wanted + a for c in b):
        return None
    full = out + "".join(sorted(c for c in sizes if c not in out))
    have, swapped = _product_order(a, b, [c for c in full if c not in summed])
    permuted = have != wanted or shape == tuple(sizes[c] for c in have)
    return ones, a, b, have, tuple(have.index(c) for c in wanted) if permuted else None, swapped, shape


def _with_ellipsis(i: int, term: str, ndim: int) -> str:
    """The subscripts of an operand, one for each of its dimensions."""
    letters, dots = term.replace("...", "", 1), "..." in term
    if "." in letters:
        raise RuntimeError(
            f"einsum(): found '.' for operand {i} for which an ellipsis was already found" if dots
            else f"einsum(): found '.' for operand {i} that is not part of any ellipsis"
        )  # fmt: skip
    if (len(letters) > ndim) if dots else (len(letters) != ndim):
        raise RuntimeError(
            f"einsum(): the number of subscripts in the equation ({len(letters)}) "
            + ("is more than the number of dimensions" if dots else "does not match the number of dimensions")
            + f" ({ndim}) for operand {i}" + ("" if dots else " and no ellipsis was given")
        )  # fmt: skip
    return term.replace("...", _ELLIPSIS[: ndim - len(letters)][::-1])


def _sizes(labels: list[str], operands: list[Any]) -> dict[str, int]:
    """The size of every subscript; 1 gives way to another size."""
    sizes: dict[str, int] = {}
    for i, (label, t) in enumerate(zip(labels, operands)):
        seen: dict[str, int] = {}
        for c, n in zip(label, t._data.shape):
            if seen.setdefault(c, n) != n:
                raise RuntimeError(
                    f"einsum(): subscript {c} is repeated for operand {i} but the sizes don't match, {n} != {seen[c]}"
                )
            if sizes.get(c, 1) == 1:
                sizes[c] = n
            elif n not in (1, sizes[c]):
                raise RuntimeError(
                    f"einsum(): subscript {c} has size {n} for operand {i} which does not broadcast with previously "
                    f"seen size {sizes[c]}"
                )
    return sizes


def _output(result: str, dots: str, sizes: dict[str, int]) -> str:
    out = result.replace("...", dots, 1)
    for c in out:
        if c == ".":
            raise RuntimeError("einsum(): found '.' for output but an ellipsis (...) was already found")
        if c not in sizes:
            raise RuntimeError(f"einsum(): output subscript {c} does not appear in the equation for any input operand")
        if out.count(c) > 1:
            raise RuntimeError(f"einsum(): output subscript {c} appears more than once in the output")
    return out


def _single(t: Any, label: str) -> tuple[Any, str]:
    """An operand with each subscript once."""
    for c in dict.fromkeys(label):
        while label.count(c) > 1:
            i = label.index(c)
            j = label.index(c, i + 1)
            t = S.diagonal(t, 0, i, j)
            label = label[:i] + label[i + 1 : j] + label[j + 1 :] + c
    return t, label


def _long(t: Any, label: str) -> str:
    """The subscripts of an operand that are not of size 1 in it."""
    return "".join(c for c, n in zip(label, t._data.shape) if n != 1)


def _squeezed(t: Any, label: str) -> tuple[Any, str]:
    """An operand without its dimensions of size 1."""
    flat = tuple(i for i, n in enumerate(t._data.shape) if n == 1)
    if flat:
        t = S.squeeze(t, flat)
        label = "".join(c for i, c in enumerate(label) if i not in flat)
    return t, label


def _summed(t: Any, label: str, needed: str) -> tuple[Any, str]:
    """An operand summed over the subscripts that nothing else has."""
    alone = tuple(i for i, c in enumerate(label) if c not in needed)
    if not alone:
        return t, label
    return R.sum(t, alone, False), "".join(c for c in label if c in needed)


def _cheapest(ready: list[tuple[Any, str]], wanted: str, sizes: dict[str, int]) -> tuple[int, int]:
    """The pair of operands whose product costs the fewest multiplications."""
    best, found = None, (0, 1)
    for i in range(len(ready)):
        for j in range(i + 1, len(ready)):
            cost = 1
            for c in set(ready[i][1] + ready[j][1]):
                cost *= sizes[c]
            if best is None or cost < best:
                best, found = cost, (i, j)
    return found
