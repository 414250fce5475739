"""Where two traces (tracing.py) part: the first value that differs, and how it came about."""

from __future__ import annotations

import difflib
import linecache
import os
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from microtorch.kernels.quiet import silence
from microtorch.testing.tracing import Record, Value

RTOL = {"float64": 1e-6, "complex128": 1e-6, "float32": 1e-3, "complex64": 1e-3}
"""How far values may differ, relative to the largest of their tensor: what rounding adds up to over some steps."""
_COARSE = 5e-2  # float16 and coarser ones
_HALF = ("float16", "bfloat16")
_WORDS = {
    "call": "the result of {}",
    "module": "the output of module {}",
    "backward": "the value that backward() starts from",
    "leaves": "the gradient of {}",
    "step": "{} after the optimizer's step",
}


class Tolerance(NamedTuple):
    """How far apart two values may be: rtol (relative to the tensor's largest; None: by dtype) and atol."""

    rtol: float | None = None
    atol: float = 1e-6


DEFAULT = Tolerance()


class Difference(NamedTuple):
    """A value that differs. what: which, in words; theirs, ours: PyTorch's and microtorch's; where: (file, line)."""

    what: str
    theirs: str
    ours: str
    where: tuple[str, int]
    note: str = ""

    def __str__(self) -> str:
        lines = [
            f"the first difference is {self.what}",
            f"    PyTorch:    {self.theirs}",
            f"    microtorch: {self.ours}",
        ]
        if self.where[1]:
            lines.append(f"    {_place(self.where)}")
        return "\n".join([*lines, *([self.note] if self.note else [])])


def _place(where: tuple[str, int]) -> str:
    path = os.path.relpath(where[0]) if os.path.isabs(where[0]) else where[0]
    text = linecache.getline(*where).strip()
    return f"{path if not path.startswith('..') else where[0]}:{where[1]}" + (f": {text}" if text else "")


def apart(theirs: Value, ours: Value, tolerance: Tolerance, extra: float = 0.0) -> tuple[str, str] | None:
    """Two values that differ as texts, the element that differs most; None if they are alike.

    extra: so much more may they differ.
    """
    for name in ("shape", "dtype"):
        a, b = getattr(theirs, name), getattr(ours, name)
        if a != b:
            return f"{name} {a}", f"{name} {b}"
    a, b = theirs.data, ours.data
    exact = a.dtype.kind not in "fc"
    rtol = 0.0 if exact else RTOL.get(theirs.dtype, _COARSE) if tolerance.rtol is None else tolerance.rtol
    bound = 0.0 if exact else tolerance.atol + extra + rtol * theirs.largest
    with silence():
        same = (a == b) | ((a != a) & (b != b))
        size = np.where(same, 0.0, np.abs(a.astype("c16") - b.astype("c16")))
    size[~np.isfinite(size)] = np.inf
    if not (size > bound).any():
        each = bound - rtol * theirs.largest
        if abs(theirs.total - ours.total) <= rtol * theirs.total + each * float(np.prod(theirs.shape)):
            return None
        shape = f" of shape {theirs.shape}, {theirs.dtype}"  # of so large a tensor only some elements are known
        return f"sum of sizes {theirs.total:.9g}{shape}", f"sum of sizes {ours.total:.9g}"
    at = int(size.argmax())
    index = tuple(int(i) for i in np.unravel_index(at * theirs.step, theirs.shape)) if theirs.shape else ()
    place = f" at {index} of shape {theirs.shape}, {theirs.dtype}" if index else f" ({theirs.dtype})"
    digits = 9 if theirs.dtype != "float64" else 17
    x, y = (f"{v:.{digits}g}" if v.dtype.kind == "f" else str(v) for v in (a[at], b[at]))
    return x + place, y


def first_difference(
    theirs: Sequence[Record], ours: Sequence[Record], tolerance: Tolerance = DEFAULT
) -> Difference | None:
    """The first thing that differs between two traces, None if all is alike.

    Results are compared in the order of the forward pass, gradients in that of the backward pass. What is nothing but
    rounding errors is not compared, nor what is made of it: sums that cancel out; and elements of parameters whose
    gradient should be zero (an attention's bias of keys), of which an optimizer that divides by the gradient's size
    makes steps.
    """
    noise = _Noise()
    numbers: dict[int, int] = {}  # of the calls: PyTorch's -> microtorch's
    if tolerance.rtol is None and any(v.dtype in _HALF for r in theirs if r.kind in _CALLS for v in r.values.values()):
        tolerance = tolerance._replace(rtol=_COARSE)  # so some float32 is as coarse as float16 (autocast)
    for a, b in _pairs(theirs, ours):
        numbers[a.number] = b.number
        if a.kind == "gradients":
            found = _gradients(a, b, theirs, tolerance, numbers)
        else:
            if a.kind == "leaves":
                noise.look(a)
            found = _values(a, b, theirs, tolerance, noise)
        if found is not None:
            return found
    return None


_NOISE = 1e-5  # of the largest gradient
_CALLS = ("call", "module")


class _Noise:
    """What is made of rounding errors alone."""

    def __init__(self) -> None:
        self.elements: dict[Any, Any] = {}  # leaf -> which elements (a mask)
        self.calls: set[Any] = set()

    def look(self, leaves: Record) -> None:
        """Find the leaves' elements whose gradients are nothing beside the largest."""
        known = {name: value for name, value in leaves.values.items() if value is not None}
        largest = max((value.largest for value in known.values()), default=0.0)
        for name, value in known.items():
            with silence():
                small = (np.abs(value.data) < _NOISE * largest) & (value.data != 0)
            before = self.elements.get(name)
            self.elements[name] = small if before is None or before.shape != small.shape else small | before

    def reaches(self, call: Record) -> bool:
        """Whether a call is given any of it; if so, its results are of it, too."""
        found = any(i in self.calls or (i in self.elements and self.elements[i].any()) for i in call.inputs)
        if found:
            self.calls.add(call.number)
        return found


def _pairs(theirs: Sequence[Record], ours: Sequence[Record]) -> Iterator[tuple[Record, Record]]:
    """Records that belong together: backward passes and steps by their lines; between them calls by name and line."""
    a_parts, b_parts = _parts(theirs), _parts(ours)
    keys = [[(part[-1].kind, part[-1].name, part[-1].where) for part in parts] for parts in (a_parts, b_parts)]
    for i, j in _aligned(*keys):
        yield from _matched(a_parts[i][:-1], b_parts[j][:-1])
        yield a_parts[i][-1], b_parts[j][-1]


_END = Record("end", "", ("", 0), {})


def _parts(records: Sequence[Record]) -> list[list[Record]]:
    """The calls up to each record of another kind, and that record."""
    parts: list[list[Record]] = [[]]
    for record in records:
        parts[-1].append(record)
        if record.kind not in _CALLS:
            parts.append([])
    parts[-1].append(_END)
    return parts


def _aligned(a: Sequence[Any], b: Sequence[Any]) -> Iterator[tuple[int, int]]:
    """The places at which two sequences have the same."""
    if a == b:
        yield from zip(range(len(a)), range(len(b)))
        return
    for block in difflib.SequenceMatcher(a=a, b=b, autojunk=False).get_matching_blocks():
        yield from zip(range(block.a, block.a + block.size), range(block.b, block.b + block.size))


def _matched(a: Sequence[Record], b: Sequence[Record]) -> Iterator[tuple[Record, Record]]:
    def key(r: Record) -> Any:
        return (r.kind, r.name) if r.kind == "module" else (r.kind, r.name, r.where)

    for i, j in _aligned([key(r) for r in a], [key(r) for r in b]):
        yield a[i], b[j]


def _values(a: Record, b: Record, trace: Sequence[Record], tolerance: Tolerance, noise: _Noise) -> Difference | None:
    call = a.kind in _CALLS
    tainted = call and noise.reaches(a)
    extra = 0.0
    if a.kind == "leaves":  # gradients of one pass are as exact as the largest allows
        extra = max((v.largest * RTOL.get(v.dtype, _COARSE) for v in a.values.values() if v), default=0.0) / 100
        extra = extra if tolerance.rtol is None or tolerance.rtol < _COARSE else extra * 50
    for key in [*a.values, *(k for k in b.values if k not in a.values)]:
        if not call and (key not in a.values or key not in b.values):
            continue  # a leaf that lives on in one of the two only; a root that is not a tensor
        x, y = a.values.get(key), b.values.get(key)
        if x is None or y is None:
            if x is y:
                continue
            there = ["none" if v is None else "a tensor" for v in (x, y)]
            return Difference(_what(a, key), there[0], there[1], a.where)
        if a.kind == "step":
            small = noise.elements.get(key)
            if small is not None and small.shape == x.data.shape == y.data.shape and small.any():
                x, y = x.without(small), y.without(small)
        found = apart(x, y, tolerance, extra)
        if found is None or tainted:
            continue
        if call and apart(x, y, tolerance, a.scale * _rounding(x)) is None:
            noise.calls.add(a.number)
            continue
        note = _users(key, trace, a) if a.kind == "leaves" else ""
        return Difference(_what(a, key), *found, a.where, note)
    return None


def _rounding(value: Value) -> float:
    """Rounding errors of a call, relative to the sum of an argument's elements."""
    return {"float64": 1e-14, "complex128": 1e-14, "float32": 4e-6, "complex64": 4e-6}.get(value.dtype, 1e-2)


def _what(record: Record, key: Any) -> str:
    if record.kind in _CALLS:
        return _WORDS[record.kind].format(f"{record.name}{key}")
    return _WORDS[record.kind].format(f"`{key}`")


def _gradients(
    a: Record, b: Record, trace: Sequence[Record], tolerance: Tolerance, numbers: dict[int, int]
) -> Difference | None:
    """The first gradient that differs on the way back, and the calls that may have computed it."""
    calls = {r.number: r for r in trace if r.kind in _CALLS}
    largest = max((x.largest for values in a.values.values() for x in values), default=0.0)
    for key in sorted(a.values, reverse=True):  # the last result first
        for x, y in zip(a.values[key], b.values.get((numbers.get(key[0]), key[1]), ())):
            found = apart(x, y, tolerance, 0.0 if x.dtype in ("float64", "complex128") else _NOISE * largest)
            if found is not None and key[0] in calls:
                call = calls[key[0]]
                what = f"the gradient of {_what(call, key[1])}"
                return Difference(what, *found, call.where, _users(key[0], trace, a))
    return None


def _users(key: Any, trace: Sequence[Record], before: Record) -> str:
    """The calls that used a result or a leaf: one of them sent the gradient back."""
    found = []
    for record in trace:
        if record is before:
            break
        if record.kind in _CALLS and key in record.inputs and record.number != key:
            found.append(f"    it was sent back by {record.name}, {_place(record.where)}")
    return "\n".join(dict.fromkeys(found[-3:]))
