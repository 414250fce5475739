"""Averaged stochastic gradient descent."""

from __future__ import annotations

from typing import Any

from microtorch._tensor import Tensor
from microtorch.kernels import optim as kernels
from microtorch.optim.blocks import Block
from microtorch.optim.lists import Tensors, step_lists
from microtorch.optim.optimizer import (
    MODES,
    KernelOptimizer,
    ParamsT,
    check_lr,
    check_not_negative,
    chosen,
    number,
    step_tensor,
    zeros_like,
)


class ASGD(KernelOptimizer):
    """Averaged stochastic gradient descent (Polyak and Juditsky 1992): the state's `ax` is the mean of the parameters.

    p -= eta (g + lambd p);  ax += mu (p - ax);  eta = lr / (1 + lambd lr t)^alpha;  mu = 1 / max(1, t - t0)

    t0: the step from which on the mean is taken. Raises ValueError for a negative lr or weight_decay.
    """

    late_options = MODES
    scalars = ("step", "eta", "mu")

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_lr(lr)
        check_not_negative(weight_decay=weight_decay)
        defaults = chosen(
            locals(), "lr", "lambd", "alpha", "t0", "weight_decay", "foreach", "maximize", "differentiable",
            "capturable",
        )  # fmt: skip
        super().__init__(params, defaults)

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("ax",)

    def new_state(self, group: dict[str, Any], p: Tensor) -> dict[str, Any]:
        eta = step_tensor(float(number(group["lr"])))
        return {"step": step_tensor(0.0), "eta": eta, "mu": step_tensor(1.0), "ax": zeros_like(p)}

    def count(self, group: dict[str, Any], scalars: list[Any]) -> Any:
        steps, eta, mu = scalars
        steps += 1
        step, now = steps.item(0), (eta.item(0), mu.item(0))
        lr = number(group["lr"])
        eta[...] = lr / ((1 + group["lambd"] * lr * step) ** group["alpha"])  # for the next step
        mu[...] = 1 / max(1, step - group["t0"])
        return now

    def update(self, group: dict[str, Any], block: Block, p: Any, g: Any) -> None:
        eta, mu = block.count
        kernels.asgd(
            p,
            g,
            *block.state,
            *block.scratch[:2],
            eta=eta,
            mu=mu,
            **chosen(group, "lambd", "weight_decay", "maximize"),
        )


def asgd(
    params: Tensors, grads: Tensors, axs: Tensors, mus: Tensors, etas: Tensors, state_steps: Tensors,
    foreach: bool | None = None, maximize: bool = False, differentiable: bool = False, capturable: bool = False,
    has_complex: bool = False, *,
    lambd: float, lr: float, t0: float, alpha: float, weight_decay: float,
) -> None:  # fmt: skip
    """One step of ASGD on lists of parameters, gradients and state, all of the caller's; see ASGD."""
    group = chosen(locals(), "lr", "lambd", "t0", "alpha", "weight_decay", "maximize", "capturable")
    step_lists(ASGD, group, params, grads, [axs], [state_steps, etas, mus])
