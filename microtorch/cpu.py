"""`torch.cpu`: the one device, asked as if it were an accelerator."""

from __future__ import annotations

from typing import Any

from microtorch import amp as amp
from microtorch._missing import missing_names as _missing_names


def is_available() -> bool:
    """True."""
    return True


def is_initialized() -> bool:
    """True."""
    return True


def device_count() -> int:
    """1."""
    return 1


def current_device() -> str:
    """'cpu'."""
    return "cpu"


def set_device(device: Any) -> None:
    """Nothing to choose."""


def synchronize(device: Any = None) -> None:
    """Nothing to wait for."""


class Stream:
    """A queue of work: on the CPU it is done at once."""

    def __init__(self, priority: int = -1) -> None: ...

    def wait_stream(self, stream: Any) -> None:
        """Nothing to wait for."""

    def record_event(self) -> None:
        """Nothing to mark."""

    def wait_event(self, event: Any) -> None:
        """Nothing to wait for."""


class StreamContext:
    """A block whose work goes to a stream; it changes nothing."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def __enter__(self) -> None:
        return None

    def __exit__(self, *error: Any) -> None:
        return None


_stream = Stream()


def current_stream(device: Any = None) -> Stream:
    """The one stream."""
    return _stream


def stream(stream: Any) -> StreamContext:
    """A block whose work goes to `stream`."""
    return StreamContext(stream)


__getattr__ = _missing_names(__name__)
