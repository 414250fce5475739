"""The engine of PyTorch's CPU generator: MT19937 words, seeding, and the 5056 bytes of state.

The Mersenne Twister is NumPy's own; that `RandomState` keeps its streams for ever (NEP 19) makes it a safe base. What
is PyTorch's is how words become numbers: float32 takes the low 24 bits of one word, float64 the low 53 bits of two.

The words are made ahead, by whole blocks as the generator makes them, so that a small draw is a slice.

Reference: Matsumoto and Nishimura, "Mersenne Twister", ACM TOMACS 8 (1998), https://doi.org/10.1145/272991.272995.
"""

from __future__ import annotations

import ctypes
import functools
import operator
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from microtorch.kernels import threads, twins

DEFAULT_SEED = 67280421310721
STATE_BYTES = 5056

# Elements made at a time: the working arrays of one block stay in the processor's cache.
BLOCK = 1 << 15

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
Array = NDArray[Any]

# Constants of ufuncs are 0-d arrays: NumPy converts a scalar anew in each call, which costs as much as 500 additions.
LOW24 = np.array((1 << 24) - 1, np.uint32)
_LOW53 = np.array((1 << 53) - 1, np.uint64)
_UNIT53 = 2.0**-53
_HALF_WORD = np.array(32, np.uint64)
_ULP24 = np.array(2.0**-24, np.float32)
_ULP53 = np.array(2.0**-53)

# State: seed, words left + 1, seeded, next word | 624 words | x, cached normal, rho, valid | cached float, valid
_HEAD, _TAIL, _FLOAT = struct.Struct("<QiiQ"), struct.Struct("<dddi4x"), struct.Struct("<f?3x")
_WORDS = 624
"""The words of a block: as many as the generator's state has."""

SMALL = 1024
"""Numbers of a draw up to which more are made at once than it needs: NumPy's calls cost more than their work there."""

FEW = 16
"""Numbers of a draw up to which Python's arithmetic takes less time than NumPy's calls."""

_AHEAD = 4
"""Blocks made ahead."""

MANY = 1 << 15
"""Words of a draw from which as many again are made meanwhile, if there are two threads."""
_MOST = 1 << 21
"""Words that are made meanwhile at most: 8 MB."""

NO_WORDS = np.empty(0, np.uint32)
_NO_PAIRS = np.empty(0, np.uint64)


class Engine:
    """Words, integers of 24 and 53 bits, and float64 uniforms, in PyTorch's order.

    >>> [int(w) for w in Engine(0).words32(3)]
    [2357136044, 2546248239, 3071714933]
    """

    __slots__ = ("_bits", "_legacy", "_memory", "_lock", "_seed", "_ahead", "_place", "_units", "_stock", "_coming",
                 "_cached_float", "_cached_normal")  # fmt: skip

    def __init__(self, seed: int = DEFAULT_SEED) -> None:
        self._bits = np.random.MT19937(0)
        self._legacy = np.random.RandomState(self._bits)
        self._memory: NDArray[np.uint32] | None = None
        self._lock = threading.Lock()
        self._stock = _NO_PAIRS  # words after those ahead, whole blocks of them, in pairs
        self._coming: Callable[[], NDArray[np.uint64]] | None = None  # waits for the next stock
        self.seed(seed)

    # ---- seed and state ----

    def seed(self, seed: int) -> Self:
        """Start anew from `seed`, -2**63 to 2**64-1. Only its low 32 bits choose the stream, as in PyTorch."""
        seed = int(seed)
        if not -(1 << 63) <= seed < 1 << 64:
            raise ValueError("Overflow when unpacking long long")
        self._seed = seed & 0xFFFF_FFFF_FFFF_FFFF
        self._clear_stock()
        self._legacy.seed(seed & 0xFFFF_FFFF)
        self._begin()
        self._cached_normal: float | None = None
        self._cached_float: float | None = None
        return self

    def _clear_stock(self) -> None:
        if self._coming is not None:
            self._coming()
        self._stock, self._coming = _NO_PAIRS, None

    def _begin(self, ahead: NDArray[np.uint32] = NO_WORDS, place: int = 0) -> None:
        """No words are ahead, or these from that place on. NumPy's generator always stands at the end of a block."""
        self._ahead, self._place = ahead, place  # whole blocks, never written again; the place in them of the next word
        self._units: NDArray[np.float32] | None = None  # the same as uniforms

    @property
    def initial_seed(self) -> int:
        """The seed that was last given, as an unsigned 64-bit number."""
        return self._seed

    def get_state(self) -> NDArray[np.uint8]:
        """The state as `torch.get_rng_state()` lays it out: 5056 bytes, uint8."""
        if not self._ahead.size:
            key, left, following = self._bits.state["state"]["key"], 1, 0  # type: ignore[index,call-overload]
        else:
            first = (self._place - 1) // _WORDS * _WORDS
            key, following = _untempered(self._ahead[first : first + _WORDS]), self._place - first
            left = _WORDS + 1 - following
        normal, single = self._cached_normal, self._cached_float
        parts = (
            _HEAD.pack(self._seed, left, 1, following),
            key.astype("<u8").tobytes(),
            _TAIL.pack(0.0, normal or 0.0, 0.0, normal is not None),
            _FLOAT.pack(single or 0.0, single is not None),
        )
        return np.frombuffer(b"".join(parts), np.uint8).copy()

    def set_state(self, state: Array) -> Self:
        """Take over a state that `get_state` or `torch.get_rng_state()` gave."""
        if state.dtype != np.uint8:
            raise TypeError("RNG state must be a torch.ByteTensor")
        if state.size != STATE_BYTES:
            raise RuntimeError(
                f"Expected a CPUGeneratorImplState of size {STATE_BYTES} but found the input RNG state size "
                f"to be {state.size}"
            )
        data = state.tobytes()
        seed, left, seeded, following = _HEAD.unpack_from(data)
        if seeded != 1 or not 0 < left <= _WORDS or following > _WORDS:
            raise RuntimeError("Invalid mt19937 state")
        tail = _HEAD.size + 8 * _WORDS
        _, normal, _, normal_valid = _TAIL.unpack_from(data, tail)
        single, single_valid = _FLOAT.unpack_from(data, tail + _TAIL.size)
        key = np.frombuffer(data, "<u8", _WORDS, _HEAD.size).astype(np.uint32)
        self._clear_stock()
        self._bits.state = {
            "bit_generator": "MT19937",
            "state": {"key": key, "pos": _WORDS},
        }
        self._seed = seed
        if left == 1 and following == 0:
            self._begin()
        else:
            self._begin(_tempered(key), _WORDS if left == 1 else following)
        self._cached_normal = normal if normal_valid else None
        self._cached_float = single if single_valid else None
        return self

    def clone(self) -> Self:
        """A generator that goes on from here by itself."""
        return type(self)().set_state(self.get_state())

    # ---- words ----

    def words32(self, n: int) -> NDArray[np.uint32]:
        """The next n words of 32 bits, which are not to be written."""
        with self._lock:
            place = self._place
            end = place + n
            if end > self._ahead.size:
                return self._words_beyond(n)
            self._place = end
            return self._ahead[place:end]

    def _words_beyond(self, n: int) -> NDArray[np.uint32]:
        """n words, more than are ahead; then new ones are, of which at least the first is taken."""
        rest = self._ahead[self._place :]
        blocks = (n - rest.size - 1) // _WORDS
        taken = n - rest.size - blocks * _WORDS
        out = np.empty(n, np.uint32)
        out[: rest.size] = rest
        if blocks:
            out[rest.size : n - taken] = self._blocks(blocks)
        self._begin(self._blocks(_AHEAD if self._ahead.size else 1), taken)
        out[n - taken :] = self._ahead[:taken]
        return out

    def _blocks(self, count: int) -> NDArray[np.uint32]:
        """The words of the next blocks."""
        n = count * _WORDS
        if self._stock.size or self._coming is not None:
            return _pairs(self._block_pairs(count).view(np.uint32)).view(np.uint32)
        if (fast := twins.at_hand("random", n)) is not None:
            return self._compiled_words(fast, n)
        if n < 4096:  # below this the smaller cost of one call wins over the smaller cost of one word
            return self._bits.random_raw(n).astype(np.uint32)
        return self._legacy.randint(0, 1 << 32, n, np.uint32)

    def words64(self, n: int) -> NDArray[np.uint64]:
        """n words of 64 bits, each made of two: the first is the high half."""
        with self._lock:
            rest = self._ahead.size - self._place
            blocks = (2 * n - rest - 1) // _WORDS
            if blocks * _WORDS >= 4096 and rest % 2 == 0:
                return self._pairs_beyond(n, blocks)
        return _pairs(self.words32(2 * n))

    def _pairs_beyond(self, n: int, blocks: int) -> NDArray[np.uint64]:
        """`words64` of what is ahead, of so many blocks, which NumPy makes sooner in pairs, and of more."""
        out, first = np.empty(n, np.uint64), (self._ahead.size - self._place) // 2
        last = first + blocks * (_WORDS // 2)
        out[:first] = _pairs(self._ahead[self._place :])
        out[first:last] = self._block_pairs(blocks)
        self._begin(self._blocks(_AHEAD), 2 * (n - last))
        out[last:] = _pairs(self._ahead[: self._place])
        return out

    def _block_pairs(self, count: int) -> NDArray[np.uint64]:
        """The words of the next blocks in pairs, not to be written."""
        n = count * (_WORDS // 2)
        if not self._stock.size and self._coming is not None:
            self._stock, self._coming = self._coming(), None
        found, self._stock = self._stock[:n], self._stock[n:]
        if not found.size:
            return self._new_pairs(n)
        return (
            found if len(found) == n else np.concatenate([found, self._block_pairs(count - len(found) * 2 // _WORDS)])
        )

    def _new_pairs(self, n: int) -> NDArray[np.uint64]:
        if (fast := twins.at_hand("random", n)) is not None:
            return _pairs(self._compiled_words(fast, 2 * n))
        return self._legacy.randint(0, 1 << 64, n, np.uint64)

    def stock_up(self, n: int) -> None:
        """Have n words made on another thread, if there may be one: a draw of as many was made, and will be again."""
        if n < MANY or threads.count() == 1:
            return
        with self._lock:
            if self._ahead.size and self._coming is None and not self._stock.size:
                self._coming = threads.beside(functools.partial(self._new_pairs, min(n, _MOST) // _WORDS * _WORDS // 2))

    def _compiled_words(self, fast: Any, n: int) -> NDArray[np.uint32]:
        if self._memory is None:  # NumPy's state, a C structure: uint32_t key[624]; int pos
            state = (ctypes.c_uint32 * (_WORDS + 1)).from_address(self._bits.ctypes.state_address)
            self._memory = np.ctypeslib.as_array(state)
        out = np.empty(n, np.uint32)
        with self._bits.lock:
            fast.words(self._memory, out)
        return out

    def random_scalar63(self) -> int:
        """One non-negative int64: the seed that a DataLoader draws for each epoch.

        >>> Engine(0).random_scalar63()
        900450186894289455
        """
        return int(self.words64(1)[0]) & ((1 << 63) - 1)

    # ---- what the words mean ----

    def bits24(self, n: int) -> NDArray[np.int32]:
        """n integers below 2**24; times 2**-24 they are float32 uniforms."""
        return (self.words32(n) & LOW24).view(np.int32)

    def uniform24(self, out: NDArray[np.float32]) -> None:
        """Fill a float32 array with uniforms in [0, 1), a word each. Those of small arrays are made together."""
        n = out.size
        if n <= SMALL:
            with self._lock:
                place = self._place
                end = place + n
                if end <= self._ahead.size:
                    if self._units is None:
                        self._units = np.multiply((self._ahead & LOW24).view(np.int32), _ULP24, dtype=np.float32)
                    self._place = end
                    out[...] = self._units[place:end]
                    return
        out[...] = self.bits24(n)
        out *= _ULP24

    def bits53(self, n: int) -> NDArray[np.int64]:
        """n integers below 2**53; times 2**-53 they are float64 uniforms."""
        words = self.words64(n)
        words &= _LOW53
        return words.view(np.int64)

    def uniform64(self, n: int) -> NDArray[np.float64]:
        """n float64 uniforms in [0, 1), two words each."""
        if n <= BLOCK:
            return np.multiply(self.bits53(n), _ULP53)
        out = np.empty(n)
        for start in range(0, n, BLOCK):
            part = out[start : start + BLOCK]
            part[...] = self.bits53(part.size)
            part *= _ULP53
        return out

    def below53(self, n: int, limit: int) -> NDArray[np.bool_]:
        """`bits53(n) < limit`."""
        words = self.words64(n)
        words &= _LOW53
        return words < np.array(limit, np.uint64)

    def next_uniform(self) -> float:
        """The next float64 uniform in [0, 1)."""
        high, low = self.words32(2).tolist()
        return ((high << 32 | low) & 0x1F_FFFF_FFFF_FFFF) * _UNIT53

    def uniforms(self, n: int) -> list[float]:
        """n float64 uniforms as numbers of Python's: a few are made without NumPy, whose calls would take longer."""
        if n > FEW:
            return self.uniform64(n).tolist()
        words = iter(self.words32(2 * n).tolist())
        return [((high << 32 | low) & 0x1F_FFFF_FFFF_FFFF) * _UNIT53 for high, low in zip(words, words)]

    @contextmanager
    def uniforms_one_by_one(self, expected: int) -> Iterator[Callable[[], float]]:
        """The function `next_uniform`, for samplers that draw as many as they happen to need.

        When many are expected, uniforms are made of all the words ahead, and those not used are given back at the end.
        """
        if expected < 100:
            yield self.next_uniform
            return
        rest: Iterator[float] = iter(())

        def ahead() -> Iterator[float]:
            nonlocal rest
            while True:
                first = self.next_uniform()  # there may be no words ahead
                rest = iter(self.uniform64((self._ahead.size - self._place) // 2).tolist())
                yield first
                yield from rest

        try:
            yield ahead().__next__
        finally:
            self._place -= 2 * operator.length_hint(rest)


def _pairs(words: NDArray[np.uint32]) -> NDArray[np.uint64]:
    """The words of 64 bits that those of 32 make, two by two."""
    both = words.view(np.uint64)
    if sys.byteorder == "big":
        return both.copy()
    swapped = both << _HALF_WORD
    swapped |= both >> _HALF_WORD
    return swapped


def _tempered(key: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """The words that a state gives (Matsumoto and Nishimura, page 6)."""
    y: Array = key ^ key >> 11
    y ^= y << 7 & 0x9D2C_5680
    y ^= y << 15 & 0xEFC6_0000
    y ^= y >> 18
    return y


def _untempered(words: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """The state that gives these words: each step of `_tempered` undone, from the bits that it left alone.

    >>> key = np.array([1, 5489, 0xFFFF_FFFF], np.uint32)
    >>> _untempered(_tempered(key)).tolist() == key.tolist()
    True
    """
    y: Array = words ^ words >> 18
    y ^= y << 15 & 0xEFC6_0000
    known = y
    for _ in range(4):  # seven bits more each time
        known = y ^ known << 7 & 0x9D2C_5680
    y = known
    for _ in range(2):  # eleven
        known = y ^ known >> 11
    return known
