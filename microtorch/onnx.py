"""`torch.onnx`: models are not exported."""

from __future__ import annotations

from typing import Any, NoReturn

from microtorch._missing import missing_names as _missing_names
from microtorch.unsupported import not_supported as _not_supported

_WHY = "models are not traced, so that they cannot be exported"


def export(*args: Any, **named: Any) -> NoReturn:
    """Raises NotImplementedError."""
    raise _not_supported("torch.onnx.export", _WHY)


def dynamo_export(*args: Any, **named: Any) -> NoReturn:
    """Raises NotImplementedError."""
    raise _not_supported("torch.onnx.dynamo_export", _WHY)


def is_in_onnx_export() -> bool:
    """False."""
    return False


__getattr__ = _missing_names(__name__)
