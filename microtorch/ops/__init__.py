"""The table of derivatives, a file per family. Importing this package registers every entry.

An entry is called with positional arguments and NumPy's names (axis, keepdims); PyTorch's signatures are in
`microtorch.functions` and `microtorch.nn.functional`.
"""

from typing import Any, NoReturn


def load_library(path: Any) -> NoReturn:
    """Raises OSError, as PyTorch's does for a file that it cannot load: operators in C++ need PyTorch's own core."""
    raise OSError(f"{path}: microtorch cannot load operators that were compiled for PyTorch")
