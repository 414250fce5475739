"""`torch.compile` and `torch.compiler`: nothing is compiled; functions and modules are returned as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from microtorch._missing import missing_name as _missing_name


def compile(
    model: Any = None, *, fullgraph: bool = False, dynamic: bool | None = None, backend: Any = "inductor",
    mode: str | None = None, options: Any = None, disable: bool = False, recompile_limit: int | None = None,
) -> Any:  # fmt: skip
    """The function or module itself, also as a decorator with arguments.

    Raises RuntimeError if both `mode` and `options` are given.

    >>> compile(lambda x: x + 1, fullgraph=True)(1)
    2
    """
    if model is None:
        return lambda model: compile(model, mode=mode, options=options)
    if mode is not None and options is not None:
        raise RuntimeError("Either mode or options can be specified, but both can't be specified at the same time.")
    return model


def disable(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """The function itself, also as a decorator with arguments."""
    return (lambda fn: fn) if fn is None else fn


def _same(fn: Any) -> Any:
    """The function itself."""
    return fn


allow_in_graph = assume_constant_result = disallow_in_graph = nonstrict_trace = forbid_in_graph = graph_break = _same


def reset() -> None:
    """Nothing to forget."""


def cudagraph_mark_step_begin() -> None:
    """Nothing to mark."""


def is_compiling() -> bool:
    """False."""
    return False


is_dynamo_compiling = is_exporting = is_compiling


def list_backends(exclude_tags: Any = ("debug", "experimental")) -> list[str]:
    """None of them."""
    return []


def set_stance(stance: Any = "default", **options: Any) -> None:
    """Nothing changes."""


def run(fn: Callable[..., Any] | None = None) -> Any:
    """The function itself."""
    return disable(fn)


def __getattr__(name: str) -> object:
    raise _missing_name(__name__, name)
