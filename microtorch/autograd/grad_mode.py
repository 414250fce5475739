"""`torch.autograd.grad_mode`: the modes under the name that PyTorch has for their module."""

from microtorch.autograd.modes import (
    enable_grad as enable_grad,
    inference_mode as inference_mode,
    no_grad as no_grad,
    set_grad_enabled as set_grad_enabled,
    set_multithreading_enabled as set_multithreading_enabled,
)
