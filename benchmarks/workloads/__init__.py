"""The workloads: a file each, all of one form.

A workload is written for a framework that it is handed, PyTorch or microtorch, under the name `torch`:

    def build(torch) -> Step      makes data and model, returns the step to be timed

A step is called without arguments and returns a tensor with one element: the loss, or another value that would show it
if the two frameworks computed different things. It is checked after `CHECK_STEPS` steps of a new build.
A step that has a method `prepare` gets that called before each timed call, outside the clock.

A module may also have:

    UNITS = 1000                  how often one step does what is measured: times are shown per unit
    def build_numpy() -> Step     the same work as plain NumPy calls, timed alternately in the same process

The first line of the module's docstring is what the table says about it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

Step = Callable[[], Any]

CHECK_STEPS = 3

NAMES = (
    "mlp_tiny",
    "mlp_mnist",
    "mlp_wide",
    "cnn_mnist",
    "resnet_small",
    "depthwise",
    "unet",
    "gpt",
    "vit",
    "transformer",
    "attention_long",
    "generate",
    "lstm",
    "lstm_bidirectional",
    "lstm_cells",
    "gru_language",
    "seq2seq",
    "vae",
    "embedding_softmax",
    "double_backward",
    "dqn",
    "adam_large",
    "data_loading",
    "small_ops",
    "scalar_graph",
    "add_forward",
    "add_backward",
)


def load(name: str) -> ModuleType:
    """The module of a workload, by its name."""
    return importlib.import_module(f"{__name__}.{name}")


def title(name: str) -> str:
    """What the workload is, in a few words."""
    return (load(name).__doc__ or name).splitlines()[0].rstrip(".")
