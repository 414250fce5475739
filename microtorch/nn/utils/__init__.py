"""`torch.nn.utils`: what is done to gradients and parameters of modules."""

from __future__ import annotations

from microtorch._missing import missing_name as _missing_name
from microtorch.nn.utils import rnn as rnn
from microtorch.nn.utils.clip_grad import (
    clip_grad_norm as clip_grad_norm,
    clip_grad_norm_ as clip_grad_norm_,
    clip_grad_value_ as clip_grad_value_,
    clip_grads_with_norm_ as clip_grads_with_norm_,
    get_total_norm as get_total_norm,
)
from microtorch.nn.utils.convert_parameters import (
    parameters_to_vector as parameters_to_vector,
    vector_to_parameters as vector_to_parameters,
)


def __getattr__(name: str) -> object:
    raise _missing_name(__name__, name)
