"""`torch.hub`: models over the network are not fetched; only where they would be kept is known."""

from __future__ import annotations

import os
import re
from typing import Any, NoReturn
from urllib.parse import urlparse as urlparse

from microtorch._missing import missing_names as _missing_names
from microtorch.unsupported import not_supported as _not_supported

_WHY = "it does not fetch programs or weights over the network; download the file yourself and use torch.load"
_folder: str | None = None
HASH_REGEX = re.compile(r"-([a-f0-9]*)\.")
"""The start of a file's hash in its name: resnet18-bfd8deac.pth."""


def _get_torch_home() -> str:
    """$TORCH_HOME, or ~/.cache/torch."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    return os.path.expanduser(os.environ.get("TORCH_HOME", os.path.join(cache, "torch")))


def get_dir() -> str:
    """Where PyTorch keeps what it has fetched: $TORCH_HOME/hub, or ~/.cache/torch/hub."""
    if _folder is not None:
        return _folder
    return os.path.join(_get_torch_home(), "hub")


def set_dir(d: Any) -> None:
    """Set what `get_dir` gives."""
    global _folder
    _folder = os.path.expanduser(d)


def _none(name: str, module: str = "torch.hub") -> Any:
    def raises(*args: Any, **named: Any) -> NoReturn:
        """Raises NotImplementedError."""
        raise _not_supported(f"{module}.{name}", _WHY)

    raises.__name__ = raises.__qualname__ = name
    return raises


load, list, help = _none("load"), _none("list"), _none("help")
download_url_to_file, load_state_dict_from_url = _none("download_url_to_file"), _none("load_state_dict_from_url")


__getattr__ = _missing_names(__name__)
