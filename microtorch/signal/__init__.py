"""Signal processing, as PyTorch's torch.signal has it: windows."""

from microtorch._missing import missing_names as _missing_names
from microtorch.signal import windows as windows

__getattr__ = _missing_names(__name__)
