"""`torch.testing`: compare results (`assert_close`) and make random tensors to compare them on (`make_tensor`).

Ours besides: `compare_with_torch` and `check_op` compare a function with itself under PyTorch, and its derivatives with
finite differences; `microtorch check` does so for a program; pytest_plugin.py has fixtures.
"""

import importlib as _importlib

from microtorch._missing import missing_name as _missing_name
from microtorch.testing.comparison import assert_allclose as assert_allclose, assert_close as assert_close
from microtorch.testing.creation import make_tensor as make_tensor

_COMPARING = ("check_op", "compare_with_torch", "difference_from_torch")  # loaded when asked for


def __getattr__(name: str) -> object:
    if name in _COMPARING:
        return getattr(_importlib.import_module("microtorch.testing.compare"), name)
    raise _missing_name(__name__, name)
