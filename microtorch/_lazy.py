"""Which names of `torch` are loaded when they are first asked for, and from where, so that `import microtorch` is quick.

`microtorch.__getattr__` asks here. Nothing else changes: `torch.nn.functional`, `from microtorch import nn` and
`import microtorch.optim as optim` work as with a module loaded at once.
"""

from __future__ import annotations

import importlib

from microtorch._missing import missing_name

MODULES = frozenset({
    "fft",
    "linalg",
    "nn",
    "optim",
    "return_types",
    "serialization",
    "signal",
    "special",
    "utils",
    "version",
})  # fmt: skip
"""Modules that are attributes of `torch` under their own names."""

_FROM = {
    "microtorch.nn.functional": """adaptive_avg_pool1d alpha_dropout avg_pool1d batch_norm bilinear celu conv1d conv2d
        conv3d conv_transpose1d conv_transpose2d conv_transpose3d cosine_similarity dropout group_norm hardshrink
        instance_norm layer_norm max_pool1d max_pool2d max_pool3d pairwise_distance prelu rms_norm rrelu selu
        threshold""",
    "microtorch.nn.utils.weight_norm": "norm_except_dim",
    "microtorch.serialization": "load save",
    "microtorch.version": "__version__",
}

HOMES = {name: module for module, names in _FROM.items() for name in names.split()}
"""Functions and classes of `torch` that live in a module which is not loaded at once: name -> module."""


def find(name: str) -> object:
    """The value of `torch.<name>`, its module loaded now.

    Raises AttributeError if microtorch lacks it.
    """
    if name in MODULES:
        return importlib.import_module(f"microtorch.{name}")
    if name in HOMES:
        return getattr(importlib.import_module(HOMES[name]), name)
    raise missing_name("microtorch", name)
