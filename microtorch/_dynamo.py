"""`torch._dynamo`: its decorators return what they are given; its settings can be set and change nothing."""

from __future__ import annotations

from types import SimpleNamespace

from microtorch._missing import missing_names as _missing_names
from microtorch.compiler import (
    OptimizedModule as OptimizedModule,
    allow_in_graph as allow_in_graph,
    compile as optimize,
    disable as disable,
    disallow_in_graph as disallow_in_graph,
    forbid_in_graph as forbid_in_graph,
    is_compiling as is_compiling,
    list_backends as list_backends,
    reset as reset,
    run as run,
)

__all__ = ["config", "disable", "graph_break", "optimize", "reset"]

config = SimpleNamespace(suppress_errors=False, verbose=False, cache_size_limit=8, recompile_limit=8)


def graph_break(msg: str = "") -> None:
    """Nothing to break."""


def mark_dynamic(t: object, index: object, **options: object) -> None:
    """Nothing to mark."""


mark_static = maybe_mark_dynamic = mark_static_address = mark_dynamic


__getattr__ = _missing_names(__name__)
