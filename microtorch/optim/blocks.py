"""How an optimizer sees its parameters: as a few flat blocks, each updated by one call of a kernel.

NumPy's calls cost about the same for 1 and for 1,000 numbers, so small parameters (biases, small layers) are gathered
into one flat block, updated together and scattered back; a large parameter is updated piece by piece, each piece small
enough that it and its state stay in the processor's cache through the update. The optimizer's state (`exp_avg` and the
like) is
laid out to match: the state tensors of gathered parameters are views of one array.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from operator import attrgetter, is_
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microtorch._tensor import Tensor
from microtorch.autograd.node import written

Array = NDArray[Any]
State = dict[str, Any]

PIECE = 16384  # elements of a block of a large parameter: with state and scratch 384 KB, the second-level cache
SMALL = 8192  # parameters up to this size are gathered

_data = attrgetter("_data")


class Block:
    """Parameters that are updated together, or a piece of one: flat arrays for the kernel."""

    __slots__ = ("arrays", "fresh", "g", "p", "params", "pieces", "scratch", "slice", "state", "step")

    def __init__(
        self, params: Sequence[Tensor], arrays: Sequence[Array], state: list[Array | None], scratch: list[Array]
    ):
        self.params, self.arrays = params, arrays
        self.state = state  # the flat state arrays, in the order of the names; None for a name without
        self.scratch = scratch
        self.step = 0.0  # the number of this step, from 1, if the state counts them
        self.fresh = False  # the state was made for this very step
        self.slice: slice | None = None  # which piece of its only parameter; None: all of all of them
        self.p: Array
        self.g: Array
        self.pieces: list[Array] = []  # of p, one for each parameter, in its shape

    def load(self) -> tuple[Array, Array]:
        """The parameters and their gradients as flat arrays; only the first may be written."""
        if self.slice is not None:
            return self.p, _flat(self.params[0]._grad._data)[self.slice]  # type: ignore[union-attr]
        np.concatenate([_flat(a) for a in self.arrays], out=self.p)
        np.concatenate([_flat(q._grad._data) for q in self.params], out=self.g)  # type: ignore[union-attr]
        return self.p, self.g

    def store(self) -> None:
        """Bring what was written into `p` back to the parameters."""
        for array, piece in zip(self.arrays, self.pieces):
            array[...] = piece


def _flat(a: Array) -> Array:
    """All elements in the order of the indices, in one dimension (a copy only if need be), complex ones as pairs."""
    a = a.reshape(-1)
    return a.view(a.real.dtype) if a.dtype.kind == "c" else a


def _shaped(flat: Array, like: Array) -> Array:
    """The inverse of `_flat`, without a copy."""
    return flat.view(like.dtype).reshape(like.shape)


class Plan:
    """The blocks of a group of parameters, and what they were made from: they hold as long as that is the same.

    names: of the state tensors that are shaped like the parameter. fresh: whether each state was made for this very
    step. Parameters share a block if they are of one dtype, have taken as many steps, and are equally fresh.
    """

    def __init__(
        self, params: Sequence[Tensor], states: Sequence[State], names: Sequence[str], fresh: Sequence[bool]
    ) -> None:
        self.names = names
        self.blocks: list[Block] = []
        self.counters: list[tuple[Array, list[Block]]] = []  # the steps taken so far, one number for each parameter
        together: dict[Hashable, list[tuple[Tensor, State]]] = {}
        for p, state, new in zip(params, states, fresh):
            a = p._data
            if a.size > SMALL and a.flags.c_contiguous:
                self._split(p, state, new)
            elif a.size:
                step = state["step"].item() if "step" in state else None
                key = (a.dtype, step, new, tuple([isinstance(state.get(n), Tensor) for n in names]))
                together.setdefault(key, []).append((p, state))
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
            and all(_uniform(steps.tolist()) for steps, _ in self.counters)
        )

    def advance(self) -> list[Block]:
        """Count one step, and return the blocks to update."""
        for steps, blocks in self.counters:
            steps += 1
            step = steps.item(0)
            for block in blocks:
                block.step = step
        return self.blocks

    def done(self) -> None:
        """Note that the parameters were written: what graphs have saved of them is stale."""
        for p in self.params:
            written(p)

    def _split(self, p: Tensor, state: State, fresh: bool) -> None:
        """Blocks for the pieces of one large parameter."""
        flat = _flat(p._data)
        arrays = [_contiguous(state.get(n)) for n in self.names]
        mine: list[Block] = []
        scratch = [np.empty(min(PIECE, flat.size), flat.dtype) for _ in range(3)]
        for start in range(0, flat.size, PIECE):
            place = slice(start, min(start + PIECE, flat.size))
            n = place.stop - start
            block = Block([p], [], [None if a is None else a[place] for a in arrays], [t[:n] for t in scratch])
            block.slice, block.p, block.fresh = place, flat[place], fresh
            self.blocks.append(block)
            mine.append(block)
        if "step" in state:
            self.counters.append((_contiguous(state["step"]), mine))  # type: ignore[arg-type]

    def _gather(self, params: list[Tensor], states: list[State], fresh: bool) -> None:
        """One block for several parameters; their state tensors become views of the block's flat arrays."""
        arrays = [p._data for p in params]
        sizes = [_flat(a).size for a in arrays]
        ends = np.cumsum([0, *sizes]).tolist()
        dtype = _flat(arrays[0]).dtype

        def joined(name: str, shapes: Sequence[Array], ends: Sequence[int]) -> Array | None:
            tensors: list[Any] = [s.get(name) for s in states]
            if not isinstance(tensors[0], Tensor):
                return None
            flat = np.empty(ends[-1], dtype if shapes is arrays else tensors[0]._data.dtype)
            for t, like, start, end in zip(tensors, shapes, ends, ends[1:]):
                view = _shaped(flat[start:end], like)
                view[...] = t._data
                t._data = view
            return flat

        block = Block(
            params, arrays, [joined(n, arrays, ends) for n in self.names], [np.empty(ends[-1], dtype) for _ in range(3)]
        )
        block.p, block.g = np.empty(ends[-1], dtype), np.empty(ends[-1], dtype)
        block.pieces = [_shaped(block.p[start:end], a) for a, start, end in zip(arrays, ends, ends[1:])]
        block.fresh = fresh
        self.blocks.append(block)
        if "step" in states[0]:
            steps = joined("step", [s["step"]._data for s in states], range(len(params) + 1))
            self.counters.append((steps, [block]))  # type: ignore[arg-type]


def _contiguous(t: Tensor | None) -> Array | None:
    """A state tensor's memory as a flat array that can be written; the tensor gets contiguous memory if it has not."""
    if not isinstance(t, Tensor):
        return None
    if not (t._data.flags.c_contiguous and t._data.flags.writeable):
        t._data = np.ascontiguousarray(t._data).copy()
    return _flat(t._data)


def _uniform(values: list[Any]) -> bool:
    return values.count(values[0]) == len(values)
