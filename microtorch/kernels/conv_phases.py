"""The phases of a convolution: for stride s its input is cut into s of them per dimension, x[a::s].

A *tap* is one place of the kernel. In its phase it reads the output's places one after the other, from some shift on.
"""

from __future__ import annotations

import itertools
from typing import Any, NamedTuple

import numpy as np

__all__ = ["Phase", "phases"]

Ints = tuple[int, ...]


class Phase(NamedTuple):
    """One phase, and the taps that read it: a grid of them, `step` apart, from `shift` on."""

    start: Ints  # it is x[start::stride], in each dimension
    grid: Ints
    shift: Ints
    step: Ints
    inner: tuple[slice, ...]  # its elements that lie inside the input,
    outer: tuple[slice, ...]  # and where there


def phases(
    size: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, phase_size: Ints
) -> tuple[list[Phase], Any]:
    """The phases, and the number of the tap at each place of their order (None: the kernel's own order)."""
    classes: list[
        Any
    ] = []  # for each dimension: (start, taps, shift, step, inner, outer) of each phase that a tap reads
    for n, k, s, p, d, f in zip(size, kernel, stride, padding, dilation, phase_size):
        by_start: dict[int, list[int]] = {}
        for tap in range(k):
            by_start.setdefault(tap * d % s, []).append(tap)
        found = []
        for start, taps in by_start.items():
            shifts = [tap * d // s for tap in taps]
            low = max(0, -((start - p) // s))  # the first element that lies inside
            high = max(low, min(f, (n - 1 + p - start) // s + 1))
            at = low * s + start - p
            outer = slice(at, at + (high - low - 1) * s + 1, s) if high > low else slice(0, 0)
            found.append(
                (start, taps, shifts[0], shifts[1] - shifts[0] if len(shifts) > 1 else 1, slice(low, high), outer)
            )
        classes.append(found)
    found_phases, order = [], []
    for choice in itertools.product(*classes):
        starts, tap_lists, *geometry = (tuple(part) for part in zip(*choice))
        found_phases.append(Phase(starts, tuple(len(t) for t in tap_lists), *geometry))
        order += [int(np.ravel_multi_index(at, kernel)) for at in itertools.product(*tap_lists)]
    return found_phases, None if order == list(range(len(order))) else np.array(order)
