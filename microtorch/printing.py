"""The text of tensors: what ``print(tensor)`` shows, character for character as PyTorch writes it.

A print takes three steps, each one function below:

1. select: all the elements, or only the edges of every dimension when there are more than ``threshold`` (``_edges``);
2. measure: one notation and one width for all of them: integer-valued, fixed or scientific (``_measure``);
3. lay out: a ``%``-template with the brackets, commas and line breaks (``_layout``).

The template is then filled with all the values by a single ``%``, so a full print of a large tensor stays fast.
Everything here works on NumPy arrays plus a few flags; nothing here knows what a Tensor is.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from microtorch.kernels.bfloat16 import BFloats, cast

__all__ = [
    "format_number",
    "format_parameter",
    "format_tensor",
    "format_values",
    "get_printoptions",
    "printoptions",
    "set_printoptions",
]

Array = npt.NDArray[Any]


# ---------------------------------------------------------------------------------------------------------------------
# Options
# ---------------------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class _Options:
    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


_options = _Options()

_PROFILES: dict[str, dict[str, Any]] = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}


def set_printoptions(
    precision: int | None = None,
    threshold: float | None = None,
    edgeitems: int | None = None,
    linewidth: int | None = None,
    profile: str | None = None,
    sci_mode: bool | None = None,
) -> None:
    """Set how tensors are printed; what is not given stays, except ``sci_mode``, which goes back to automatic.

    Args:
        precision: digits after the decimal point (4 at first).
        threshold: a tensor with more elements than this is summarised (1000 at first).
        edgeitems: how many elements a summary shows at both ends of each dimension (3 at first).
        linewidth: characters in a line before it is broken (80 at first).
        profile: ``'default'``, ``'short'`` or ``'full'``: a set of the four above, each of which still overrides it.
        sci_mode: True for scientific notation, False for none, None to choose by the values printed.

    See https://pytorch.org/docs/stable/generated/torch.set_printoptions.html

    >>> set_printoptions(precision=2)
    >>> format_tensor(np.float32([1.12345]))
    'tensor([1.12])'
    >>> set_printoptions(profile="default")
    >>> format_tensor(np.float32([1.12345]))
    'tensor([1.1235])'
    """
    # PyTorch ignores the name of a profile that it does not know.
    chosen = dict(_PROFILES.get(profile, {})) if profile is not None else {}
    given = {"precision": precision, "threshold": threshold, "edgeitems": edgeitems, "linewidth": linewidth}
    chosen.update((name, value) for name, value in given.items() if value is not None)
    for name, value in chosen.items():
        setattr(_options, name, value)
    _options.sci_mode = sci_mode


def get_printoptions() -> dict[str, Any]:
    """The options in force, as keywords for :func:`set_printoptions`.

    >>> get_printoptions()
    {'precision': 4, 'threshold': 1000, 'edgeitems': 3, 'linewidth': 80, 'sci_mode': None}
    """
    return dataclasses.asdict(_options)


@contextlib.contextmanager
def printoptions(**options: Any) -> Iterator[None]:
    """Change the print options within a ``with`` block; the keywords are those of :func:`set_printoptions`.

    >>> with printoptions(precision=1, sci_mode=True):
    ...     format_tensor(np.float32([0.25, 300]))
    'tensor([2.5e-01, 3.0e+02])'
    """
    before = get_printoptions()
    set_printoptions(**options)
    try:
        yield
    finally:
        set_printoptions(**before)


# ---------------------------------------------------------------------------------------------------------------------
# Select
# ---------------------------------------------------------------------------------------------------------------------


def _edges(array: Array, edge: int) -> Array:
    """The first and the last ``edge`` elements along each dimension that has more than both together.

    >>> _edges(np.arange(10), 2)
    array([0, 1, 8, 9])
    """
    # The longest dimension goes first: what is copied on the way to the small result is then least.
    for axis in sorted(range(array.ndim), key=lambda a: -array.shape[a]):
        size = array.shape[axis]
        if size > 2 * edge:
            kept = np.array([*range(edge), *range(size - edge, size)], dtype=np.intp)
            array = array.take(kept, axis)
    return array


# ---------------------------------------------------------------------------------------------------------------------
# Measure
# ---------------------------------------------------------------------------------------------------------------------


class _Notation(NamedTuple):
    """How all the numbers of one tensor are written: the ``%`` conversion and the width they are padded to."""

    flag: str
    conversion: str
    width: int

    def padded(self) -> str:
        return f"%{self.flag}{self.width}{self.conversion}"

    def signed(self) -> str:
        return f"%+{self.flag}{self.conversion}"


# The '#' flag keeps the point of an integer-valued float ('1.') and leaves nan and inf alone.
_WHOLE = ("#", ".0f")


def _measure(values: Array) -> _Notation:
    """The notation for real ``values`` of any shape.

    >>> _measure(np.array([1.0, -20.0])).padded() % 1.0
    '  1.'
    >>> _measure(np.array([1.0, 20.5])).padded() % 1.0
    ' 1.0000'
    >>> _measure(np.array([True, False])).padded() % True
    ' True'
    """
    return _measure_floats(values) if values.dtype.kind == "f" else _measure_discrete(values)


def _measure_discrete(values: Array) -> _Notation:
    # Among integers the widest is the least or the greatest; among booleans False is both less and wider.
    ends = (values.min(), values.max()) if values.size else ()
    return _Notation("", "s", max((len(str(end.item())) for end in ends), default=1))


def _measure_floats(values: Array) -> _Notation:
    # Zeros, nan and inf have no say in the notation, nor in the width: they may stick out of their column.
    numbers = values[np.isfinite(values) & (values != 0)].astype(np.float64)
    if not numbers.size:
        return _Notation(*_WHOLE, 1)
    signs = [part for part in (numbers[numbers < 0], numbers[numbers > 0]) if part.size]
    extremes = [float(end) for part in signs for end in (part.min(), part.max())]
    smallest, largest = min(map(abs, extremes)), max(map(abs, extremes))

    scientific = _options.sci_mode
    if scientific is None:
        scientific = largest / smallest > 1000.0 or largest > 1.0e8 or smallest < 1.0e-4
    if scientific:
        flag, conversion = "", f".{_options.precision}e"
    elif np.array_equal(numbers, np.ceil(numbers)):
        flag, conversion = _WHOLE
    else:
        flag, conversion = "", f".{_options.precision}f"
    # Within one sign, width grows with the magnitude or with the exponent's: only the extremes need be written.
    return _Notation(flag, conversion, max(len(f"%{flag}{conversion}" % x) for x in extremes))


# ---------------------------------------------------------------------------------------------------------------------
# Lay out
# ---------------------------------------------------------------------------------------------------------------------


def _layout(shape: tuple[int, ...], element: str, width: int, indent: int, edge: int | None) -> str:
    """The ``%``-template of a whole tensor, built from the innermost dimension outwards.

    Args:
        shape: of the tensor, before any summary.
        element: the template of one element, which takes up ``width`` characters with the ``', '`` after it.
        indent: the characters before the tensor's first bracket.
        edge: the elements shown at both ends of each dimension, or None to show all.

    >>> print(_layout((2, 9), "%d", 3, 0, edge=1))
    [[%d,  ..., %d],
     [%d,  ..., %d]]
    """
    if not shape:
        return element
    depth = len(shape)
    # PyTorch's summary of a row has a space before its dots, except when it has nothing but dots.
    row = _repeat(element, shape[-1], edge, " ..." if edge else "...")
    per_line = max(1, math.floor((_options.linewidth - (indent + depth - 1)) / width))
    lines = [", ".join(row[start : start + per_line]) for start in range(0, len(row), per_line)]
    block = "[" + (",\n" + " " * (indent + depth)).join(lines) + "]"
    for axis in range(depth - 2, -1, -1):
        between = "," + "\n" * (depth - 1 - axis) + " " * (indent + axis + 1)
        block = "[" + between.join(_repeat(block, shape[axis], edge, "...")) + "]"
    return block


def _repeat(item: str, size: int, edge: int | None, dots: str) -> list[str]:
    if edge is None or size <= 2 * edge:
        return [item] * size
    return [item] * edge + [dots] + [item] * edge


# ---------------------------------------------------------------------------------------------------------------------
# The whole text
# ---------------------------------------------------------------------------------------------------------------------


def format_values(array: Array, indent: int = 0) -> str:
    """The numbers and brackets of ``array``, without ``tensor(`` and what follows the values.

    Args:
        array: bool, integer, floating or complex, of any shape.
        indent: the characters on the first line before the text; later lines are indented to match.

    >>> print(format_values(np.float32([[1, -2], [np.nan, 0.5]])))
    [[ 1.0000, -2.0000],
     [    nan,  0.5000]]
    """
    if not array.size:
        return "[]"
    shape = array.shape
    edge = _options.edgeitems if array.size > _options.threshold else None
    if edge is not None:
        array = _edges(array, edge)
    flat = array.reshape(-1)
    if flat.dtype.kind == "c":
        real, imag = _measure(flat.real), _measure(flat.imag)
        # An imaginary part is never padded, but PyTorch counts it as if it were when it breaks lines.
        element, width = real.padded() + imag.signed() + "j", real.width + imag.width + 3
        flat = np.ascontiguousarray(flat).view(flat.real.dtype)
    else:
        notation = _measure(flat)
        element, width = notation.padded(), notation.width + 2
    return _layout(shape, element, width, indent, edge) % tuple(flat.tolist())


def format_tensor(
    array: Array,
    *,
    dtype_name: str | None = None,
    requires_grad: bool = False,
    grad_fn_name: str | None = None,
    class_name: str = "tensor",
    device: str | None = None,
    suffixes: Sequence[str] = (),
    tangent: str | None = None,
    contents: str | None = None,
    default_dtype_name: str = "float32",
) -> str:
    """The ``repr`` of a tensor that holds ``array``.

    Args:
        array: the values, of any shape. A type that NumPy lacks comes as one that holds it (bfloat16 as float32).
        dtype_name: the tensor's dtype without ``torch.``; None means the array's own.
        requires_grad: shown only if there is no ``grad_fn_name``.
        grad_fn_name: the class name of the tensor's node, such as ``'MulBackward0'``.
        class_name: ``'tensor'``, or a subclass's name.
        device: shown if given: PyTorch names a device only if it is not the default one. On ``'meta'``, the
            values are not looked at.
        suffixes: more ``name=value`` texts, put after the dtype.
        tangent: the text of a forward-mode tangent, the last suffix.
        contents: text to put in place of the values.
        default_dtype_name: the dtype that goes without saying.

    >>> print(format_tensor(np.float32([1, 2.5]), requires_grad=True))
    tensor([1.0000, 2.5000], requires_grad=True)
    >>> print(format_tensor(np.float64(3.0), grad_fn_name="SumBackward0"))
    tensor(3., dtype=torch.float64, grad_fn=<SumBackward0>)
    >>> print(format_tensor(np.zeros((0, 3), np.int64)))
    tensor([], size=(0, 3), dtype=torch.int64)
    >>> print(format_tensor(np.float32([0.5]), dtype_name="bfloat16"))
    tensor([0.5000], dtype=torch.bfloat16)
    """
    dtype = dtype_name or array.dtype.name
    if device != "meta":
        array = array.wide() if isinstance(array, BFloats) else np.asarray(array)
    meta, empty = device == "meta", not array.size
    prefix = class_name + "("
    if contents is None:
        contents = "..." if meta else format_values(array, len(prefix))

    parts = [] if device is None else [f"device='{device}'"]
    # The size is told wherever the text does not show it; '[]' alone shows (0,).
    if meta or (array.ndim != 1 if empty else not _options.edgeitems):
        parts.append(f"size={array.shape}")
    if dtype != default_dtype_name and (meta or empty or not _told_by_values(dtype, default_dtype_name)):
        parts.append(f"dtype=torch.{dtype}")
    parts.extend(suffixes)
    if grad_fn_name is not None:
        parts.append(f"grad_fn=<{grad_fn_name}>")
    elif requires_grad:
        parts.append("requires_grad=True")
    if tangent is not None:
        parts.append(f"tangent={tangent}")
    return _append(prefix + contents, parts, len(prefix)) + ")"


def format_sparse(
    array: Any,
    *,
    dtype_name: str,
    requires_grad: bool = False,
    grad_fn_name: str | None = None,
    class_name: str = "tensor",
    tangent: str | None = None,
    contents: str | None = None,
    default_dtype_name: str = "float32",
) -> str:
    """The ``repr`` of a sparse tensor (kernels/sparse.py): its places and its values; the rest as `format_tensor`."""
    prefix = class_name + "("
    by_places = array.layout == "sparse_coo"
    if by_places:
        held = {"indices": array.indices, "values": array.values}
    else:
        held = {"crow_indices": array.starts, "col_indices": array.columns, "values": array.values}
    texts = []
    for name, part in held.items():
        start = f"{name}=tensor("
        numbers = np.asarray(part.wide() if isinstance(part, BFloats) else part)
        text = format_values(numbers, len(prefix) + len(start))
        if not part.size:
            text += f", size={part.shape}"
        texts.append(f"{start}{text})")
    parts = [f"size={array.shape}", f"nnz={array.count}"]
    if dtype_name != default_dtype_name and not _told_by_values(dtype_name, default_dtype_name):
        parts.append(f"dtype=torch.{dtype_name}")
    parts.append(f"layout=torch.{array.layout}")
    if grad_fn_name is not None:
        parts.append(f"grad_fn=<{grad_fn_name}>")
    elif requires_grad:
        parts.append("requires_grad=True")
    if tangent is not None:
        parts.append(f"tangent={tangent}")
    text = contents if contents is not None else (",\n" + " " * len(prefix)).join(texts)
    return _append(prefix + text, parts, len(prefix), by_places) + ")"


def _told_by_values(dtype: str, default_dtype: str) -> bool:
    """Whether the values as written make a tensor of this dtype again (the default dtype itself left aside)."""
    return dtype in ("int64", "bool", "complex128" if default_dtype == "float64" else "complex64")


def _append(text: str, suffixes: Sequence[str], indent: int, fresh: bool = False) -> str:
    """``text`` and its suffixes, each on the last line if it fits there and else on a new, indented one.

    fresh: the first suffix begins a line.
    """
    # PyTorch takes the last line of the values two characters longer than it is.
    used = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if fresh or used + len(suffix) + 2 > _options.linewidth:
            fresh = False
            text += ",\n" + " " * indent + suffix
            used = indent + len(suffix)
        else:
            text += ", " + suffix
            used += len(suffix) + 2
    return text


def format_parameter(tensor_text: str, *, subclass: bool = False) -> str:
    """The ``repr`` of a parameter, given its text as a tensor (``subclass``: of a class derived from Parameter).

    >>> print(format_parameter("tensor([1.], requires_grad=True)"))
    Parameter containing:
    tensor([1.], requires_grad=True)
    """
    return "Parameter containing:\n" + (f"Parameter({tensor_text})" if subclass else tensor_text)


def format_number(array: Array, format_spec: str = "") -> str:
    """What ``format(tensor, format_spec)`` gives for a tensor of no dimensions: its Python number, formatted.

    ``str`` and ``repr`` of such a tensor are nothing special (``tensor(0.5000)``), but ``f"{tensor}"`` comes here.
    Other tensors have no format but the empty one, which is their ``str``.

    >>> format_number(np.float32(0.1), ".4f")
    '0.1000'
    >>> format_number(np.float32(0.1))
    '0.10000000149011612'
    """
    if isinstance(array, BFloats):
        array = cast(array, np.dtype(np.float32))
    return format(np.asarray(array).item(), format_spec)
