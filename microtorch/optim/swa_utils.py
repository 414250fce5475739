"""Averages of a model's parameters over its training: stochastic weight averaging and exponential moving averages."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any, Literal

import numpy as np

from microtorch._missing import missing_names as _missing_names
from microtorch._tensor import Tensor
from microtorch.autograd.modes import no_grad
from microtorch.functions.creation import tensor
from microtorch.nn.modules.batchnorm import _BatchNorm
from microtorch.nn.modules.module import Module
from microtorch.optim.lr_base import LRScheduler, Rate, for_each_group
from microtorch.optim.optimizer import Optimizer

__all__ = [
    "AveragedModel",
    "update_bn",
    "SWALR",
    "get_ema_multi_avg_fn",
    "get_swa_multi_avg_fn",
    "get_ema_avg_fn",
    "get_swa_avg_fn",
]

Tensors = list[Tensor] | tuple[Tensor, ...]


def _check_decay(decay: float) -> None:
    if decay < 0.0 or decay > 1.0:
        raise ValueError(f"Invalid decay value {decay} provided. Please provide a value in [0,1] range.")


def _is_inexact(t: Tensor) -> bool:
    return t.is_floating_point() or t.is_complex()


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable[..., None]:
    """A function that moves the averages (first list) towards the parameters (second): decay a + (1 - decay) p."""
    _check_decay(decay)

    @no_grad()
    def ema_update(ema_param_list: Tensors, current_param_list: Tensors, _: Any) -> None:
        for average, p in zip(ema_param_list, current_param_list, strict=True):
            if _is_inexact(ema_param_list[0]):
                average.lerp_(p, 1 - decay)
            else:
                average.copy_(average * decay + p * (1 - decay))

    return ema_update


def get_swa_multi_avg_fn() -> Callable[..., None]:
    """A function that takes the parameters (second list) into the means (first) of num_averaged models before."""

    @no_grad()
    def swa_update(averaged_param_list: Tensors, current_param_list: Tensors, num_averaged: Any) -> None:
        for average, p in zip(averaged_param_list, current_param_list, strict=True):
            if _is_inexact(averaged_param_list[0]):
                average.lerp_(p, float(np.float32(1) / np.float32(int(num_averaged) + 1)))
            else:
                average.copy_(average + (p - average) / (num_averaged + 1))

    return swa_update


def get_ema_avg_fn(decay: float = 0.999) -> Callable[..., Tensor]:
    """A function that gives decay a + (1 - decay) p for an average a and a parameter p."""
    _check_decay(decay)

    @no_grad()
    def ema_update(ema_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        return decay * ema_param + (1 - decay) * current_param

    return ema_update


def get_swa_avg_fn() -> Callable[..., Tensor]:
    """A function that gives the mean of num_averaged + 1 models from that of num_averaged and the last."""

    @no_grad()
    def swa_update(averaged_param: Tensor, current_param: Tensor, num_averaged: Any) -> Tensor:
        return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


class AveragedModel(Module):
    """A copy of a model whose parameters are averages of the model's at each `update_parameters` (Izmailov et al.
    2018).

    avg_fn(average, parameter, n_averaged) gives a new average, multi_avg_fn(averages, parameters, n_averaged) changes
    all in place; without either it is the mean. use_buffers: average the buffers as well; else they are copied.

    >>> import microtorch as torch
    >>> model = torch.nn.Linear(1, 1, bias=False)
    >>> average = torch.optim.swa_utils.AveragedModel(model)
    >>> for value in (1.0, 2.0, 6.0):
    ...     _ = torch.nn.init.constant_(model.weight, value)
    ...     average.update_parameters(model)
    >>> average.module.weight.item()
    3.0
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Callable[..., Tensor] | None = None,
        multi_avg_fn: Callable[..., None] | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module: Any = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What the averaged model gives."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Take the model's present parameters into the average."""

        def state_of(m: Module) -> Iterable[Tensor]:
            return itertools.chain(m.parameters(), m.buffers()) if self.use_buffers else m.parameters()

        averages = [t.detach() for t in (state_of(self.module) if self.use_buffers else self.parameters())]
        news = [t.detach() for t in state_of(model)]
        pairs = list(zip(averages, news))
        if self.n_averaged == 0:
            for average, new in pairs:
                average.copy_(new)
        elif self.multi_avg_fn is None:
            averaged = self.avg_fn or get_swa_avg_fn()
            for average, new in pairs:
                average.copy_(averaged(average, new, self.n_averaged))
        else:
            for dtype in dict.fromkeys(average.dtype for average, _ in pairs):
                same = [pair for pair in pairs if pair[0].dtype is dtype]
                self.multi_avg_fn([a for a, _ in same], [n for _, n in same], self.n_averaged)
        if not self.use_buffers:
            for average, new in zip(self.module.buffers(), model.buffers(), strict=True):
                average.detach().copy_(new.detach())
        self.n_averaged += 1


@no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Compute the running statistics of the model's batch norm layers anew, from one pass over the loader.

    A batch that is a list or tuple has the model's input as its first element.
    """
    momenta: dict[Any, Any] = {}
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.reset_running_stats()
            momenta[module] = module.momentum
    if not momenta:
        return
    was_training = model.training
    model.train()
    for module in momenta:
        module.momentum = None  # the plain mean over all batches
    for batch in loader:
        first = batch[0] if isinstance(batch, (list, tuple)) else batch
        model(first if device is None else first.to(device))
    for module, momentum in momenta.items():
        module.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """From the present learning rate to `swa_lr` within anneal_epochs, along half a cosine ("cos") or a line
    ("linear").

    Raises ValueError for another strategy and for a negative number of epochs.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float,
        anneal_epochs: int = 10,
        anneal_strategy: Literal["cos", "linear"] = "cos",
        last_epoch: int = -1,
    ) -> None:
        for lr, group in zip(for_each_group("swa_lr", optimizer, swa_lr), optimizer.param_groups, strict=True):
            group["swa_lr"] = lr
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}")
        self._anneal_strategy = anneal_strategy
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def anneal_func(self, t: float) -> float:
        """The part of the way that is behind us when the part t of the time is."""
        return t if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * t)) / 2

    def get_lr(self) -> list[Rate]:
        self._called()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        epochs = max(1, self.anneal_epochs)
        before = self.anneal_func(max(0, min(1, (step - 1) / epochs)))
        now = self.anneal_func(max(0, min(1, step / epochs)))
        rates: list[Rate] = []
        for group in self.optimizer.param_groups:
            lr, goal = group["lr"], group["swa_lr"]
            start = (
                goal if before == 1 else (lr - before * goal) / (1 - before)
            )  # the rate at the beginning, from the last one
            rates.append(goal * now + start * (1 - now))
        return rates


__getattr__ = _missing_names(__name__)
