"""How an optimizer sees its parameters: as a few flat blocks, each updated by one call of a kernel.

NumPy's calls cost about the same for 1 and for 1,000 numbers, so small parameters (biases, small layers) are gathered
into one flat block, updated together and scattered back; a large parameter is updated piece by piece, each piece small
enough that it and its state stay in the processor's cache through the update, and the threads share the pieces. The
optimizer's state (`exp_avg` and the like) is laid out to match: the state tensors of gathered parameters are views of
one array.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from operator import attrgetter, is_
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microtorch._tensor import Tensor
from microtorch.autograd.node import written
from microtorch.kernels import threads, twins
from microtorch.kernels.bfloat16 import empty

Array = NDArray[Any]
State = dict[str, Any]

PIECE = 65536  # elements of a block of a large parameter: with its state and scratch 1.5 MB, in the cache
COMPILED_PIECE = 4 * PIECE  # in one pass nothing needs to stay in the cache: fewer calls
LARGE = 1 << 17  # elements in pieces from which the threads share them
SMALL = 8192  # parameters up to this size are gathered

_data = attrgetter("_data")


class Block:
    """Parameters that are updated together, or a piece of one: flat arrays for the kernel."""

    __slots__ = ("arrays", "count", "flats", "fresh", "g", "p", "params", "pieces", "scratch", "slice", "state")

    def __init__(self, params: Sequence[Tensor], arrays: Sequence[Array], state: list[Any], scratch: list[Array]):
        self.params, self.arrays = params, arrays
        self.state = state  # the flat state arrays, in the order of the names; None for a name without
        self.scratch = scratch
        self.count: Any = None  # what the optimizer's `count` gave for this step: its number, as a rule
        self.fresh = False  # the state was made for this very step
        self.slice: slice | None = None  # which piece of its only parameter; None: all of all of them
        self.p: Array
        self.g: Array
        self.flats: list[Array] | None = None  # the parameters' arrays, flat; None if that takes copies
        self.pieces: list[Array] = []  # of p, one for each parameter, in its shape

    def load(self) -> tuple[Array, Array]:
        """The parameters and their gradients as flat arrays; only the first may be written."""
        if self.slice is not None:
            return self.p, _flat(self.params[0]._grad._data)[self.slice]  # type: ignore[union-attr]
        grads = [q._grad._data.reshape(-1) for q in self.params]  # type: ignore[union-attr]
        if grads[0].dtype.kind == "c":
            grads = [_flat(g) for g in grads]
        np.concatenate(self.flats or [_flat(a) for a in self.arrays], out=self.p)
        np.concatenate(grads, out=self.g)
        return self.p, self.g

    def store(self) -> None:
        """Bring what was written into `p` back to the parameters."""
        for array, piece in zip(self.arrays, self.pieces):
            array[...] = piece


class LoneBlock(Block):
    """One parameter whose gradient and state are given by the caller, for one update."""

    __slots__ = ("owners",)

    def __init__(self, p: Tensor, grad: Tensor, state: Sequence[Tensor | None], count: Any, fresh: bool) -> None:
        self.owners = [p, *state]
        flats = [None if t is None else _flat(t._data) for t in self.owners]
        assert flats[0] is not None
        super().__init__([p], [], flats[1:], [empty(flats[0].size, flats[0].dtype) for _ in range(3)])
        self.p, self.g, self.count, self.fresh = flats[0], _flat(grad._data), count, fresh

    def store(self) -> None:
        """Bring the results to the tensors whose elements are not in order, and note that all were written."""
        for owner, flat in zip(self.owners, [self.p, *self.state]):
            if owner is not None and flat is not None:
                if not np.may_share_memory(owner._data, flat):
                    owner._data[...] = _shaped(flat, owner._data)
                written(owner)


def _flat(a: Array) -> Array:
    """All elements in the order of the indices, in one dimension (a copy only if need be), complex ones as pairs."""
    a = a.reshape(-1)
    return a.view(a.real.dtype) if a.dtype.kind == "c" else a


def _shaped(flat: Array, like: Array) -> Array:
    """The inverse of `_flat`, without a copy."""
    return flat.view(like.dtype).reshape(like.shape)


class Plan:
    """The blocks of a group of parameters, and what they were made from: they hold as long as that is the same.

    names: of the state tensors that are shaped like the parameter. scalars: of those that hold one number ("step").
    fresh: whether each state was made for this very step.
    Parameters share a block if they are of one dtype, have the same scalars, and are equally fresh.
    """

    def __init__(
        self,
        params: Sequence[Tensor],
        states: Sequence[State],
        names: Sequence[str],
        scalars: Sequence[str],
        fresh: Sequence[bool],
    ) -> None:
        self.names, self.scalars = names, scalars
        self.blocks: list[Block] = []
        self.shares: list[list[Block]] = []  # of the threads: the first is followed by all gathered blocks
        # The scalars, each an array with a number for each parameter, and the blocks of those parameters.
        self.counters: list[tuple[list[Array], list[Block]]] = []
        together: dict[Hashable, list[tuple[Tensor, State]]] = {}
        for p, state, new in zip(params, states, fresh):
            a = p._data
            tensors = [t for t in map(state.get, (*names, *scalars)) if isinstance(t, Tensor)]
            shared = any(t._storage is not None or t._base is not None for t in tensors)  # it must stay where it is
            if (a.size > SMALL or shared) and a.flags.c_contiguous:
                self._split(p, state, new)
            elif a.size:
                values = tuple([state[n].item() for n in scalars])
                key = (a.dtype, values, new, tuple([isinstance(state.get(n), Tensor) for n in names]))
                together.setdefault(key, []).append((p, state))
        self._share_pieces()
        for (_, _, new, _), members in together.items():  # type: ignore[misc]
            self._gather([p for p, _ in members], [s for _, s in members], new)
        self.params = list(params)
        self.held = [*self.params, *[t for s in states for t in s.values()]]
        self.datas = list(map(_data, self.held)) if all(isinstance(t, Tensor) for t in self.held) else None

    def holds(self, params: Sequence[Tensor], states: Sequence[State], names: Sequence[str]) -> bool:
        """True if these are the parameters and states that the plan was made from, and their memory is the same."""
        held = [*params, *[t for s in states for t in s.values()]]
        return (
            self.datas is not None
            and names == self.names
            and len(held) == len(self.held)
            and all(map(is_, held, self.held))
            and all(map(is_, map(_data, held), self.datas))
            and all(_uniform(a.tolist()) for arrays, _ in self.counters for a in arrays)
        )

    def _share_pieces(self) -> None:
        """Give each thread an equal share of the pieces so far, one after the other, and scratch memory for them."""
        large = sum(b.p.size for b in self.blocks) >= LARGE
        for first, last in threads.shares(len(self.blocks), 1 if large else len(self.blocks)):
            share = self.blocks[first:last]
            kept: dict[Any, list[Array]] = {}
            for block in share:
                kind = block.p.dtype
                if kind not in kept:
                    longest = max(b.p.size for b in share if b.p.dtype == kind)
                    kept[kind] = [empty(longest, kind) for _ in range(3)]
                block.scratch = [t[: block.p.size] for t in kept[kind]]
            self.shares.append(share)

    def advance(self, count: Callable[[list[Array]], Any]) -> list[list[Block]]:
        """Let `count` change the scalars for one step, and return the blocks to update, a list for each thread."""
        for scalars, blocks in self.counters:
            counted = count(scalars)
            for block in blocks:
                block.count = counted
        return self.shares

    def done(self) -> None:
        """Note that the parameters were written: what graphs have saved of them is stale."""
        for p in self.params:
            written(p)

    def _split(self, p: Tensor, state: State, fresh: bool) -> None:
        """Blocks for the pieces of one large parameter."""
        flat = _flat(p._data)
        arrays = [_contiguous(state.get(n)) for n in self.names]
        mine: list[Block] = []
        size = COMPILED_PIECE if twins.active() else PIECE
        for start in range(0, flat.size, size):
            place = slice(start, min(start + size, flat.size))
            block = Block([p], [], [None if a is None else a[place] for a in arrays], [])
            block.slice, block.p, block.fresh = place, flat[place], fresh
            mine.append(block)
        self.blocks += mine
        if self.scalars:
            self.counters.append(([_contiguous(state[n]) for n in self.scalars], mine))  # type: ignore[misc]

    def _gather(self, params: list[Tensor], states: list[State], fresh: bool) -> None:
        """One block for several parameters; their state tensors become views of the block's flat arrays."""
        arrays = [p._data for p in params]
        ends = np.cumsum([0, *[_flat(a).size for a in arrays]]).tolist()
        dtype, n = _flat(arrays[0]).dtype, ends[-1]

        def joined(name: str, dtype: Any, shapes: Sequence[Array], ends: Sequence[int]) -> Array | None:
            tensors: list[Any] = [s.get(name) for s in states]
            if not isinstance(tensors[0], Tensor):
                return None
            flat = empty(ends[-1], dtype)
            for t, like, start, end in zip(tensors, shapes, ends, ends[1:]):
                view = _shaped(flat[start:end], like)
                view[...] = t._data
                t._data = view
            return flat

        state = [joined(name, dtype, arrays, ends) for name in self.names]
        block = Block(params, arrays, state, [empty(n, dtype) for _ in range(3)])
        block.p, block.g = empty(n, dtype), empty(n, dtype)
        block.pieces = [_shaped(block.p[start:end], a) for a, start, end in zip(arrays, ends, ends[1:])]
        if all(a.flags.c_contiguous for a in arrays):
            block.flats = [_flat(a) for a in arrays]
        block.fresh = fresh
        self.blocks.append(block)
        self.shares[0].append(block)
        if self.scalars:
            scalars: list[Any] = []
            for name in self.scalars:
                values = [s[name]._data for s in states]
                scalars.append(joined(name, values[0].dtype, values, range(len(params) + 1)))
            self.counters.append((scalars, [block]))


def _contiguous(t: Tensor | None) -> Array | None:
    """A state tensor's memory as a flat array that can be written; the tensor gets contiguous memory if it has not."""
    if not isinstance(t, Tensor):
        return None
    if not (t._data.flags.c_contiguous and t._data.flags.writeable):
        t._data = t._data.copy(order="C")
    return _flat(t._data)


def _uniform(values: list[Any]) -> bool:
    return values.count(values[0]) == len(values)
