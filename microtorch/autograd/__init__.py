"""Autograd: the graph, the engine that runs it backwards, the table of derivatives, and what users build on them."""

import importlib as _importlib

from microtorch._missing import missing_name as _missing_name
from microtorch.autograd import (
    forward_ad as forward_ad,
    functional as functional,
    grad_mode as grad_mode,
    graph as graph,
)
from microtorch.autograd.anomaly_mode import detect_anomaly as detect_anomaly, set_detect_anomaly as set_detect_anomaly
from microtorch.autograd.engine import backward as backward, grad as grad
from microtorch.autograd.function import Function as Function
from microtorch.autograd.gradcheck import gradcheck as gradcheck, gradgradcheck as gradgradcheck
from microtorch.autograd.modes import (
    enable_grad as enable_grad,
    inference_mode as inference_mode,
    is_multithreading_enabled as is_multithreading_enabled,
    no_grad as no_grad,
    set_grad_enabled as set_grad_enabled,
    set_multithreading_enabled as set_multithreading_enabled,
)
from microtorch.autograd.variable import Variable as Variable


def __getattr__(name: str) -> object:
    if name == "profiler":
        return _importlib.import_module(f"{__name__}.{name}")
    raise _missing_name(__name__, name)
