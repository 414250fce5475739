"""Modules on several devices. There is one here, so that DataParallel calls its module as it is.

DistributedDataParallel is loaded when it is asked for, and `torch.distributed` with it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from microtorch._missing import missing_name as _missing_name
from microtorch.nn.modules.module import Module
from microtorch.unsupported import AbsentModule as _AbsentModule, absent as _absent

if TYPE_CHECKING:
    from microtorch.nn.parallel.distributed import DistributedDataParallel as DistributedDataParallel

__all__ = ["DataParallel", "DistributedDataParallel", "data_parallel"]

_NO_DEVICES = "there are no devices to spread it over"
gather, parallel_apply, replicate, scatter = (
    _absent(__name__, name, _NO_DEVICES) for name in ("gather", "parallel_apply", "replicate", "scatter")
)


class DataParallel(Module):
    """Calls `module`, whose parameters are named "module.*"; without CUDA devices PyTorch does the same.

    >>> import microtorch as torch
    >>> list(torch.nn.DataParallel(torch.nn.Linear(2, 3)).state_dict())
    ['module.weight', 'module.bias']
    """

    def __init__(self, module: Module, device_ids: Any = None, output_device: Any = None, dim: int = 0) -> None:
        super().__init__()
        self.module = module
        self.device_ids: list[int] = []

    def forward(self, *inputs: Any, **kwargs: Any) -> Any:
        return self.module(*inputs, **kwargs)


def data_parallel(
    module: Module, inputs: Any, device_ids: Any = None, output_device: Any = None, dim: int = 0,
    module_kwargs: Any = None,
) -> Any:  # fmt: skip
    """Call a module with `inputs`, a tuple or one argument."""
    arguments = inputs if isinstance(inputs, tuple) else () if inputs is None else (inputs,)
    return module(*arguments, **(module_kwargs or {}))


_AbsentModule(f"{__name__}.scatter_gather", ("gather", "scatter", "scatter_kwargs"), _NO_DEVICES)


def __getattr__(name: str) -> object:
    if name in ("DistributedDataParallel", "distributed"):
        module = importlib.import_module("microtorch.nn.parallel.distributed")
        globals()["DistributedDataParallel"] = module.DistributedDataParallel
        return globals()[name]
    raise _missing_name(__name__, name)
