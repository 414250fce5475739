"""Helpers around training, as in `torch.utils`."""

from microtorch._missing import missing_name as _missing_name
from microtorch.utils import checkpoint as checkpoint, data as data, dlpack as dlpack, hooks as hooks


def __getattr__(name: str) -> object:
    raise _missing_name(__name__, name)
