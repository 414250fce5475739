"""`torch.jit.annotations`: names for types that PyTorch's compiler reads; nothing here does."""

from __future__ import annotations

from typing import Any as Any, Optional as Optional, Union as Union

from microtorch._missing import missing_names as _missing_names
from microtorch.futures import Future as Future

Dict, List, Tuple = dict, list, tuple


class _BroadcastingList:
    """A list, or one value that stands for all of its elements: `BroadcastingList2[int]` in an annotation."""

    def __getitem__(self, types: object) -> None:
        """None."""


BroadcastingList1, BroadcastingList2, BroadcastingList3 = (_BroadcastingList() for _ in range(3))
BroadcastingList4, BroadcastingList5, BroadcastingList6 = (_BroadcastingList() for _ in range(3))


__getattr__ = _missing_names(__name__)
