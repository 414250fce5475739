"""One expression, two worlds: evaluate it with torch and with microtorch as `torch`, and say how the results differ."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
import torch

import microtorch

torch.set_num_threads(1)


def run(code: str, library: Any, names: dict[str, Any]) -> Any:
    """The value of the last line of `code` (earlier lines are statements), or the exception it raised."""
    scope = {"torch": library, "np": np, **{k: v(library) if callable(v) else v for k, v in names.items()}}
    *statements, last = code.strip().split("\n")
    library.manual_seed(0)
    library.set_default_dtype(library.float32)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec("\n".join(statements), scope)
            return eval(last, scope)
    except Exception as error:  # it is the result to compare
        return error
    finally:
        library.set_default_dtype(library.float32)


def difference(
    code: str, *, message: bool = True, strides: bool = True, exact: bool = True, **names: Any
) -> str | None:
    """None if both worlds agree, else a line that says how they differ.

    names: more names for the code; a function is called with the library first. message: compare the text of errors, too.
    """
    theirs, ours = run(code, torch, names), run(code, microtorch, names)
    found = compare(theirs, ours, message, strides, exact)
    return None if found is None else f"{code!r}: {found}"


def text(error: Exception) -> str:
    """The first line of an error's text, without what differs by design."""
    line = str(error).split("\n")[0]
    line = re.sub(
        r"required positional arguments?: ['\"](\w+)['\"]", r"required positional argument: \1", line
    )  # Python's own
    return re.sub(r"0x[0-9a-f]+", "0x", line).strip()


def compare(theirs: Any, ours: Any, message: bool = True, strides: bool = True, exact: bool = True) -> str | None:
    """How two results differ, or None."""
    if isinstance(theirs, Exception) or isinstance(ours, Exception):
        if type(theirs) is not type(ours):
            return f"torch {kind(theirs)}, microtorch {kind(ours)}"
        if message and text(theirs) != text(ours):
            return f"torch says {text(theirs)!r}, microtorch {text(ours)!r}"
        return None
    if isinstance(theirs, torch.Tensor):
        if not isinstance(ours, microtorch.Tensor):
            return f"torch {kind(theirs)}, microtorch {kind(ours)}"
        return compare_tensors(theirs, ours, strides, exact)
    if isinstance(theirs, (tuple, list)):
        if (
            not isinstance(ours, (tuple, list))
            or len(theirs) != len(ours)
            or (type(theirs) is tuple) != (type(ours) is tuple)
        ):
            return f"torch {kind(theirs)}, microtorch {kind(ours)}"
        for i, (a, b) in enumerate(zip(theirs, ours)):
            found = compare(a, b, message, strides, exact)
            if found is not None:
                return f"[{i}] {found}"
        return None
    if isinstance(theirs, dict):
        return compare(list(theirs.items()), list(ours.items()), message, strides, exact)
    if isinstance(theirs, np.ndarray):
        same = isinstance(ours, np.ndarray) and theirs.dtype == ours.dtype and np.array_equal(theirs, ours)
        return None if same else f"torch {theirs!r}, microtorch {ours!r}"
    if isinstance(theirs, float) and isinstance(ours, float):
        return None if theirs == ours or theirs != theirs and ours != ours else f"torch {theirs!r}, microtorch {ours!r}"
    if str(type(theirs).__module__).startswith("torch") or hasattr(theirs, "next_functions"):
        a, b = (re.sub(r"(\w+\.)*(\w+) object at 0x[0-9a-f]+", r"\2", repr(x)) for x in (theirs, ours))
        return None if a == b else f"torch {a}, microtorch {b}"
    return None if type(theirs) is type(ours) and theirs == ours else f"torch {kind(theirs)}, microtorch {kind(ours)}"


def kind(x: Any) -> str:
    if isinstance(x, Exception):
        return f"raises {type(x).__name__}: {text(x)}"
    return f"gives {type(x).__name__} {str(x)[:200]}"


def compare_tensors(theirs: Any, ours: Any, strides: bool, exact: bool) -> str | None:
    if str(theirs.dtype) != str(ours.dtype):
        return f"dtype {theirs.dtype}, microtorch {ours.dtype}"
    if tuple(theirs.shape) != tuple(ours.shape):
        return f"shape {tuple(theirs.shape)}, microtorch {tuple(ours.shape)}"
    if theirs.requires_grad != ours.requires_grad:
        return f"requires_grad {theirs.requires_grad}, microtorch {ours.requires_grad}"
    a, b = grad_fn_name(theirs), grad_fn_name(ours)
    if a != b:
        return f"grad_fn {a}, microtorch {b}"
    if strides and theirs.numel() and relevant(theirs) != relevant(ours):
        return f"strides {theirs.stride()}, microtorch {ours.stride()}"
    x, y = theirs.detach().resolve_conj().resolve_neg().numpy(), ours.detach().numpy()
    same = (
        np.array_equal(x, y, equal_nan=x.dtype.kind in "fc") if exact else np.allclose(x, y, 1e-5, 1e-6, equal_nan=True)
    )
    return None if same else f"values {x.tolist()}, microtorch {y.tolist()}"


def grad_fn_name(t: Any) -> str | None:
    """What `print` shows as grad_fn."""
    try:
        node = t.grad_fn
    except RuntimeError:
        return "Invalid"
    return None if node is None else node.name().split("::")[-1]


def relevant(t: Any) -> list[int]:
    """The strides of dimensions longer than 1: the others say nothing."""
    return [s for s, n in zip(t.stride(), t.shape) if n != 1]
