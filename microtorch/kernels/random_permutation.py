"""PyTorch's random permutation: the Fisher-Yates shuffle, forward, from given words.

Reference: Durstenfeld, "Algorithm 235: Random permutation", CACM 7 (1964).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from microtorch.kernels import twins

# Below this a loop over a Python list is faster than the sort.
_LOOP_BELOW = 500


def shuffled(words: NDArray[np.uint32]) -> NDArray[np.int64]:
    """0, 1 .. n-1 after exchanging place i with place i + words[i] % (n - i), for i = 0 .. n-2 in order.

    >>> shuffled(np.array([3, 5], np.uint32)).tolist()
    [0, 2, 1]
    """
    n = words.size + 1
    if (fast := twins.at_hand("random", n)) is not None:
        values = np.empty(n, np.int64)
        fast.shuffle(words, values)
        return values
    if n >= _LOOP_BELOW:
        return _exchanged(words)
    order = list(range(n))
    for i, place in enumerate(_places(words, np.empty(n - 1, np.uint32)).tolist()):
        order[i], order[place] = order[place], order[i]
    return np.array(order)


def _places(words: NDArray[np.uint32], out: Any) -> Any:
    """For each step the place to exchange with."""
    np.remainder(words, np.arange(words.size + 1, 1, -1, dtype=np.uint32), out=out)
    out += np.arange(words.size, dtype=np.uint32)
    return out


def shuffled_inside_out(words: NDArray[np.uint64]) -> NDArray[np.int64]:
    """The inside-out variant, which PyTorch takes where 32-bit words would be too coarse (n >= 214748364)."""
    values: list[int] = []
    for i, place in enumerate((words % np.arange(1, words.size + 1, dtype=np.uint64)).tolist()):
        values.append(i)
        values[i], values[place] = values[place], i
    return np.array(values, np.int64)


def _exchanged(words: NDArray[np.uint32]) -> NDArray[np.int64]:
    """The same without a loop over the steps.

    Step i leaves in place i, for good, what stood at its partner p: that is p itself, if no earlier step
    had partner p, else what the last such step k moved there, the value that stood at k just before step k. That value
    in turn was moved to k by the last step before k with partner k, and so on back to a place no step had touched:
    the chains are followed by pointer jumping, all at once, in log2(length) rounds.
    """
    n = words.size + 1
    partner_and_step = np.empty(n, np.int64)
    _places(words, partner_and_step[:-1])
    partner_and_step[-1] = n - 1  # the last place exchanges with itself
    partner_and_step <<= 32
    partner_and_step |= np.arange(n, dtype=np.uint32)
    partner_and_step.sort()
    step = partner_and_step.astype(np.int32)  # the low half
    partner_and_step >>= 32
    partner = partner_and_step.astype(np.int32)
    del partner_and_step
    first = np.empty(n + 1, bool)  # of all steps with this partner; and so is what follows the end
    first[0] = first[n] = True
    np.not_equal(partner[1:], partner[:-1], out=first[1:n])
    last = np.flatnonzero(first[1:]).astype(np.int32)
    first = first[:n]

    # moved[k]: the value at k just before step k, as an earlier step to look up, or k itself where the chain ends
    moved = np.arange(n, dtype=np.int32)
    at, by = partner[last], step[last]
    itself = np.flatnonzero(by == at)  # step k with partner k moves nothing: the one before it did, if there is one
    by[itself] = np.where(first[last[itself]], at[itself], step[last[itself] - 1])
    moved[at] = by
    del last, at, by, itself
    while True:
        further = moved[moved]
        if np.array_equal(further, moved):
            break
        moved = further
    del further
    result = np.empty(n, np.int64)
    result[step[1:]] = moved[step[:-1]]
    result[step[first]] = partner[first]
    return result
