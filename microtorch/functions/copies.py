"""Functions of PyTorch that are views elsewhere, here as copies (view_copy, permute_copy, ...)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from microtorch.autograd.state import wrap
from microtorch.dtypes import dtype
from microtorch.functions import complex as numbers, join, shape
from microtorch.functions.arguments import axis_of, named, takes_out
from microtorch.ops import index as I, pointwise as P


def _copying(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """The function with its result, or its results, copied."""

    @takes_out
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        if isinstance(result, tuple):
            return tuple([P.contiguous(r) for r in result])
        return P.contiguous(result)

    return named(call, name, f"`{name.removesuffix('_copy')}` as a copy.")


def _unsafe(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` with pieces that share the input's memory, but not its version: to autograd they are no views."""

    def call(*args: Any, **kwargs: Any) -> tuple[Any, ...]:
        return tuple([wrap(piece._data, piece._node) for piece in function(*args, **kwargs)])

    return named(
        call, name, f"`{name.removeprefix('unsafe_')}`; writes into a piece are not seen by the graph of the others."
    )


def _slice(self: Any, dim: int = 0, start: int | None = None, end: int | None = None, step: int = 1) -> Any:
    key = (slice(None),) * axis_of(dim, self._data.ndim) + (slice(start, end, step),)
    return I.slice_(self, key)


alias_copy = _copying("alias_copy", I.view_alias)
as_strided_copy = _copying("as_strided_copy", shape.as_strided)
detach_copy = _copying("detach_copy", lambda input: input.detach())
diagonal_copy = _copying("diagonal_copy", shape.diagonal)
expand_copy = _copying("expand_copy", shape.expand)
permute_copy = _copying("permute_copy", shape.permute)
select_copy = _copying("select_copy", shape.select)
slice_copy = _copying("slice_copy", _slice)
split_copy = _copying("split_copy", join.split)
split_with_sizes_copy = _copying("split_with_sizes_copy", join.split_with_sizes)
squeeze_copy = _copying("squeeze_copy", shape.squeeze)
t_copy = _copying("t_copy", shape.t)
transpose_copy = _copying("transpose_copy", shape.transpose)
unbind_copy = _copying("unbind_copy", join.unbind)
unfold_copy = _copying("unfold_copy", shape.unfold)
unsqueeze_copy = _copying("unsqueeze_copy", shape.unsqueeze)
view_as_complex_copy = _copying("view_as_complex_copy", numbers.view_as_complex)
view_as_real_copy = _copying("view_as_real_copy", numbers.view_as_real)
view_copy = _copying(
    "view_copy", lambda self, size: (shape.view if isinstance(size, dtype) else shape.reshape)(self, size)
)
unsafe_chunk, unsafe_split, unsafe_split_with_sizes = (
    _unsafe("unsafe_chunk", join.chunk),
    _unsafe("unsafe_split", join.split),
    _unsafe("unsafe_split_with_sizes", join.split_with_sizes),
)
