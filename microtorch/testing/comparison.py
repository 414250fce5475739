"""`assert_close`, with PyTorch's tolerances and messages."""

from __future__ import annotations

import cmath
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from microtorch import dtypes
from microtorch.autograd.state import TensorBase, wrap
from microtorch.functions.creation import as_tensor
from microtorch.kernels.layouts import is_sparse
from microtorch.kernels.quiet import silence
from microtorch.kernels.sparse import dense
from microtorch.size import Size

# (rtol, atol) of each dtype; 0 for what is exact
_TOLERANCES = {
    "float16": (1e-3, 1e-5),
    "bfloat16": (1.6e-2, 1e-5),
    "float32": (1.3e-6, 1e-5),
    "float64": (1e-7, 1e-7),
    "complex64": (1.3e-6, 1e-5),
    "complex128": (1e-7, 1e-7),
}
_NUMBERS = (int, float, complex, np.number)


class _Options:
    """What assert_close was asked for, apart from the values."""

    def __init__(self, rtol: float | None, atol: float | None, equal_nan: bool, **checks: bool) -> None:
        self.rtol, self.atol, self.equal_nan = rtol, atol, equal_nan
        self.dtype, self.stride, self.subclasses = checks["dtype"], checks["stride"], checks["subclasses"]
        self.layout = checks["layout"]

    def tolerances(self, *kinds: Any) -> tuple[float, float]:
        """(rtol, atol): those given, or the larger ones of the dtypes."""
        if self.rtol is not None and self.atol is not None:
            return self.rtol, self.atol
        each = [_TOLERANCES.get(dtypes.of[k].name, (0.0, 0.0)) for k in kinds]
        return max(r for r, _ in each), max(a for _, a in each)


def assert_close(
    actual: Any, expected: Any, *, allow_subclasses: bool = True, rtol: float | None = None, atol: float | None = None,
    equal_nan: bool = False, check_device: bool = True, check_dtype: bool = True, check_layout: bool = True,
    check_stride: bool = False, msg: str | Callable[[str], str] | None = None,
) -> None:  # fmt: skip
    """Raise AssertionError unless |actual - expected| <= atol + rtol * |expected| everywhere, and the types agree.

    Tensors, numbers, arrays, None, and sequences and mappings of them. Without tolerances: by dtype, see
    https://docs.pytorch.org/docs/stable/testing.html

    Raises TypeError for values that cannot be compared, ValueError if one tolerance is given without the other.

    >>> assert_close(0.1 + 0.2, 0.3)
    """
    if (rtol is None) != (atol is None):
        missing = "rtol" if rtol is None else "atol"
        raise ValueError(f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {missing}.")
    options = _Options(
        rtol, atol, equal_nan, dtype=check_dtype, stride=check_stride, subclasses=allow_subclasses, layout=check_layout
    )
    for compare, a, b, path in list(_pairs(actual, expected, options, ())):
        text = compare(a, b, options)
        if text:
            _fail(text, path, msg)


def _fail(text: str, path: tuple[Any, ...], msg: Any = None) -> None:
    if path:
        text += "\n\nThe failure occurred for item " + "".join(f"[{key!r}]" for key in path)
    raise AssertionError(text if msg is None else msg(text) if callable(msg) else msg)


def _pairs(a: Any, b: Any, options: _Options, path: tuple[Any, ...]) -> Iterator[tuple[Any, Any, Any, tuple[Any, ...]]]:
    """The values to compare, each with the function that does it and its place in the containers."""
    for kind in (Sequence, Mapping):
        if isinstance(a, kind) and isinstance(b, kind) and not isinstance(a, str) and not isinstance(b, str):
            break
    else:
        yield _comparison(a, b, options, path), a, b, path
        return
    if kind is Sequence:
        if len(a) != len(b):
            _fail(f"The length of the sequences mismatch: {len(a)} != {len(b)}", path)
        keys: Any = range(len(a))
    else:
        if set(a) != set(b):
            missing, additional = (sorted(s, key=str) for s in (set(b) - set(a), set(a) - set(b)))
            text = "The keys of the mappings do not match:"
            if missing:
                text += f"\nMissing keys in the actual mapping: {missing}"
            if additional:
                text += f"\nAdditional keys in the actual mapping: {additional}"
            _fail(text, path)
        keys = sorted(a) if all(isinstance(k, str) for k in a) else list(a)
    for key in keys:
        yield from _pairs(a[key], b[key], options, (*path, key))


def _comparison(a: Any, b: Any, options: _Options, path: tuple[Any, ...]) -> Callable[..., str]:
    if a is None or b is None:
        return _none
    if isinstance(a, (bool, np.bool_)) and isinstance(b, (bool, np.bool_)):
        return _bools
    if isinstance(a, _NUMBERS) and isinstance(b, _NUMBERS):
        return _numbers
    alike = type(a) is type(b) if not options.subclasses else isinstance(a, type(b)) or isinstance(b, type(a))
    if alike and isinstance(a, (TensorBase, np.ndarray)) and isinstance(b, (TensorBase, np.ndarray)):
        return _tensors
    text = f"No comparison pair was able to handle inputs of type {type(a)} and {type(b)}."
    if path:
        text += "\n\nThe failure occurred for item " + "".join(f"[{key!r}]" for key in path)
    raise TypeError(text)


def _none(a: Any, b: Any, options: _Options) -> str:
    return "" if a is None and b is None else f"None mismatch: {a} is not {b}"


def _bools(a: Any, b: Any, options: _Options) -> str:
    return "" if bool(a) is bool(b) else f"Booleans mismatch: {bool(a)} is not {bool(b)}"


_KINDS = {int: dtypes.I64, float: dtypes.F64, complex: dtypes.C128}


def _numbers(a: Any, b: Any, options: _Options) -> str:
    a, b = (x.item() if isinstance(x, np.generic) else x for x in (a, b))
    if options.dtype and type(a) is not type(b):
        return f"The (d)types do not match: {type(a)} != {type(b)}."
    return _scalars(a, b, options, *options.tolerances(*(_KINDS.get(type(x), dtypes.I64) for x in (a, b))))


def _scalars(a: Any, b: Any, options: _Options, rtol: float, atol: float) -> str:
    if a == b or (options.equal_nan and a != a and b != b):
        return ""
    difference = abs(a - b)
    if cmath.isfinite(b) and difference <= atol + rtol * abs(b):
        return ""
    exact = rtol == atol == 0
    relative = difference / abs(b) if b else float("inf")
    lines = [
        f"Scalars are not {'equal' if exact else 'close'}!\n",
        f"Expected {b} but got {a}.",
        f"Absolute difference: {difference}" + ("" if exact else f" (up to {atol} allowed)"),
        f"Relative difference: {relative}" + ("" if exact else f" (up to {rtol} allowed)"),
    ]
    return "\n".join(lines)


def _tensors(a: Any, b: Any, options: _Options) -> str:
    x, y = (t._data if isinstance(t, TensorBase) else t for t in (a, b))
    if x.shape != y.shape:
        return f"The values for attribute 'shape' do not match: {Size(x.shape)} != {Size(y.shape)}."
    kinds = [repr(wrap(t).layout) for t in (x, y)]
    if options.layout and kinds[0] != kinds[1]:
        return f"The values for attribute 'layout' do not match: {kinds[0]} != {kinds[1]}."
    if options.stride and kinds[0] == kinds[1] == "torch.strided":
        steps = [wrap(t).stride() for t in (x, y)]
        if steps[0] != steps[1]:
            return f"The values for attribute 'stride()' do not match: {steps[0]} != {steps[1]}."
    if options.dtype and x.dtype != y.dtype:
        return f"The values for attribute 'dtype' do not match: {dtypes.of[x.dtype]} != {dtypes.of[y.dtype]}."
    rtol, atol = options.tolerances(x.dtype, y.dtype)
    common = dtypes.promoted(x.dtype, False, y.dtype, False)
    x, y = (t.astype(dtypes.I64 if common.kind == "b" else common) for t in (x, y))
    with silence():
        if not is_sparse(x) and not is_sparse(y):
            return _arrays(x, y, options, rtol, atol)
        if type(x) is not type(y):
            wholes: list[Any] = [t if not is_sparse(t) else dense(t) for t in (x, y)]  # type: ignore[arg-type]
            return _arrays(wholes[0], wholes[1], options, rtol, atol)
        return _sparse(x, y, options, rtol, atol)


def _sparse(x: Any, y: Any, options: _Options, rtol: float, atol: float) -> str:
    """Two sparse arrays of one layout: their places must be equal, their values close."""
    if x.layout == "sparse_coo":
        kind, places = "COO", {"indices": "indices"}
        if x.sparse_dim != y.sparse_dim:
            what = "The number of sparse dimensions in sparse COO tensors does not match"
            return f"{what}: {x.sparse_dim} != {y.sparse_dim}"
    else:
        kind, places = "CSR", {"crow_indices": "starts", "col_indices": "columns"}
    if x.count != y.count:
        return f"The number of specified values in sparse {kind} tensors does not match: {x.count} != {y.count}"
    for name, part in places.items():
        found = _arrays(getattr(x, part), getattr(y, part), options, 0.0, 0.0, f"Sparse {kind} {name}")
        if found:
            return found
    return _arrays(x.values, y.values, options, rtol, atol, f"Sparse {kind} values")


def _arrays(x: Any, y: Any, options: _Options, rtol: float, atol: float, what: str = "Tensor-likes") -> str:
    if x.dtype.kind in "iu":
        x, y = x.astype(dtypes.I64), y.astype(dtypes.I64)
    difference = np.abs(x - y)
    close = (x == y) | (np.isfinite(y) & (difference <= atol + rtol * np.abs(y)))
    if options.equal_nan:
        close |= (x != x) & (y != y)
    if close.all():
        return ""
    if not x.ndim:
        return _scalars(x.item(), y.item(), options, rtol, atol)
    exact, total = rtol == atol == 0, x.size
    wrong = total - int(close.sum())
    scale = np.abs(y)
    relative = difference / scale if difference.dtype.kind == "f" else difference.astype("f4") / scale.astype("f4")
    lines = [
        f"{what} are not {'equal' if exact else 'close'}!\n",
        f"Mismatched elements: {wrong} / {total} ({wrong / total:.1%})",
    ]
    for name, values, allowed in (("absolute", difference, atol), ("relative", relative, rtol)):
        values = np.where(close, values.dtype.type(0), values)
        at = int(values.argmax())
        place = tuple(int(i) for i in np.unravel_index(at, values.shape))
        text = f"Greatest {name} difference: {values.reshape(-1)[at].item()} at index {place}"
        lines.append(text + ("" if exact else f" (up to {allowed} allowed)"))
    return "\n".join(lines)


_OLD = {"float16": (1e-3, 1e-3), "float32": (1e-4, 1e-5), "float64": (1e-5, 1e-8), "bfloat16": (1.6e-2, 1e-5)}


def assert_allclose(
    actual: Any, expected: Any, rtol: float | None = None, atol: float | None = None, equal_nan: bool = True,
    msg: str = "",
) -> None:  # fmt: skip
    """The older, more tolerant `assert_close` (deprecated by PyTorch)."""
    warnings.warn(
        "`torch.testing.assert_allclose()` is deprecated since 1.12 and will be removed in a future release. "
        "Please use `torch.testing.assert_close()` instead. You can find detailed upgrade instructions in "
        "https://github.com/pytorch/pytorch/issues/61844.",
        FutureWarning,
        stacklevel=2,
    )
    a = actual if isinstance(actual, TensorBase) else as_tensor(actual)
    b: Any = expected if isinstance(expected, TensorBase) else as_tensor(expected, dtype=a.dtype)  # type: ignore[attr-defined]
    if rtol is None and atol is None:
        each = [_OLD.get(dtypes.of[t._data.dtype].name, (0.0, 0.0)) for t in (a, b)]
        rtol, atol = max(r for r, _ in each), max(x for _, x in each)
    assert_close(a, b, rtol=rtol, atol=atol, equal_nan=equal_nan, check_dtype=False, msg=msg or None)
