"""The SummaryWriter: tensors become NumPy arrays, the rest is tensorboardX's."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Any

from microtorch.autograd.state import TensorBase


def _plain(value: Any) -> Any:
    """The value with NumPy arrays in the place of tensors, also within lists, tuples and dicts."""
    if isinstance(value, TensorBase):
        return value._data
    if type(value) in (list, tuple):
        return type(value)(_plain(v) for v in value)
    if type(value) is dict:
        return {k: _plain(v) for k, v in value.items()}
    return value


class SummaryWriter:
    """Writes numbers, pictures and histograms for TensorBoard, as `torch.utils.tensorboard.SummaryWriter` does.

    Raises ModuleNotFoundError without tensorboardX. Graphs of models (`add_graph`) raise NotImplementedError.
    """

    def __init__(self, log_dir: Any = None, comment: str = "", *args: Any, **named: Any) -> None:
        if importlib.util.find_spec("tensorboardX") is None:
            raise ModuleNotFoundError(
                "torch.utils.tensorboard needs the package tensorboardX: pip install tensorboardX",
                name="tensorboardX",
            )
        kind: Any = importlib.import_module("tensorboardX").SummaryWriter
        self._writer = kind(None if log_dir is None else str(log_dir), comment, *args, **named)
        self.log_dir: str = self._writer.logdir

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(f"'SummaryWriter' object has no attribute {name!r}")
        method = getattr(self._writer, name)
        if not callable(method):
            return method

        def call(*args: Any, **named: Any) -> Any:
            return method(*_plain(args), **_plain(named))

        return call

    def add_graph(self, model: Any, *args: Any, **named: Any) -> None:
        """Raises NotImplementedError."""
        raise NotImplementedError(
            "torch.utils.tensorboard.SummaryWriter.add_graph is not supported by microtorch: models are not traced; "
            "microtorch.viz draws graphs"
        )

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *error: Any) -> None:
        self._writer.close()
