"""Signal processing, as PyTorch's torch.signal has it: windows."""

from microtorch._missing import missing_name as _missing_name
from microtorch.signal import windows as windows


def __getattr__(name: str) -> object:
    raise _missing_name(__name__, name)
