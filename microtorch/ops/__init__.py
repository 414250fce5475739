"""The table of derivatives, a file per family. Importing this package registers every entry.

An entry is called with positional arguments and NumPy's names (axis, keepdims); PyTorch's signatures are in
`microtorch.functions` and `microtorch.nn.functional`.

As `torch.ops` it also has the namespaces of PyTorch's operations (`torch.ops.aten`) and of programs' own: see
`_ops.py`.
"""

import importlib
from importlib.machinery import PathFinder
from typing import Any, NoReturn


def load_library(path: Any) -> NoReturn:
    """Raises OSError, as PyTorch's does for a file that it cannot load: operators in C++ need PyTorch's own core."""
    raise OSError(f"{path}: microtorch cannot load operators that were compiled for PyTorch")


def __getattr__(name: str) -> Any:
    if name.startswith("__") or PathFinder.find_spec(f"{__name__}.{name}", __path__) is not None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name)
    return importlib.import_module("microtorch._ops").namespace(name)
