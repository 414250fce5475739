"""Autograd: the graph, the engine that runs it backwards, the table of derivatives, and what users build on them."""

from microtorch.autograd import functional as functional
from microtorch.autograd import graph as graph
from microtorch.autograd.anomaly_mode import detect_anomaly as detect_anomaly
from microtorch.autograd.anomaly_mode import set_detect_anomaly as set_detect_anomaly
from microtorch.autograd.engine import backward as backward
from microtorch.autograd.engine import grad as grad
from microtorch.autograd.function import Function as Function
from microtorch.autograd.gradcheck import gradcheck as gradcheck
from microtorch.autograd.gradcheck import gradgradcheck as gradgradcheck
from microtorch.autograd.modes import enable_grad as enable_grad
from microtorch.autograd.modes import inference_mode as inference_mode
from microtorch.autograd.modes import no_grad as no_grad
from microtorch.autograd.modes import set_grad_enabled as set_grad_enabled
