"""Modules made without initial values."""

from __future__ import annotations

import inspect
from typing import Any

from microtorch.nn.modules.module import Module


def skip_init(module_cls: Any, *args: Any, **kwargs: Any) -> Any:
    """Make a module whose parameters and buffers hold no particular values (and leave the random numbers alone).

    Raises RuntimeError for what is no Module class, or takes no argument `device`.

    >>> import microtorch as torch
    >>> torch.nn.utils.skip_init(torch.nn.Linear, 1, 2)
    Linear(in_features=1, out_features=2, bias=True)
    """
    if not issubclass(module_cls, Module):
        raise RuntimeError(f"Expected a Module; got {module_cls}")
    if "device" not in inspect.signature(module_cls).parameters:
        raise RuntimeError("Module must support a 'device' arg to skip initialization")
    place = kwargs.pop("device", "cpu")
    return module_cls(*args, device="meta", **kwargs).to_empty(device=place)
