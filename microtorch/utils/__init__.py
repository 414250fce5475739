"""Helpers around training, as in `torch.utils`; its modules are loaded when they are first asked for."""

import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING

from microtorch._missing import missing_name as _missing_name

if _TYPE_CHECKING:
    from microtorch.utils import (
        benchmark as benchmark,
        checkpoint as checkpoint,
        data as data,
        dlpack as dlpack,
        hooks as hooks,
    )
    from microtorch.utils.swap import swap_tensors as swap_tensors

_MODULES = frozenset(
    {"_pytree", "_python_dispatch", "benchmark", "checkpoint", "data", "dlpack", "flop_counter", "hooks"}
)


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return _importlib.import_module(f"{__name__}.{name}")
    if name == "swap_tensors":
        return _importlib.import_module(f"{__name__}.swap").swap_tensors
    raise _missing_name(__name__, name)
