"""`torch.utils.tensorboard`: its SummaryWriter is tensorboardX's, which is an extra: pip install tensorboardX."""

from __future__ import annotations

from typing import Any

from microtorch._missing import missing_name as _missing_name
from microtorch.utils.tensorboard.writer import SummaryWriter as SummaryWriter


def __getattr__(name: str) -> Any:
    raise _missing_name(__name__, name)
