"""Rprop."""

from __future__ import annotations

from typing import Any

from microtorch._tensor import Tensor
from microtorch.autograd.state import wrap
from microtorch.kernels import optim as kernels
from microtorch.kernels.bfloat16 import full
from microtorch.optim.blocks import Block
from microtorch.optim.lists import Tensors, step_lists
from microtorch.optim.optimizer import (
    MODES,
    KernelOptimizer,
    ParamsT,
    check_lr,
    chosen,
    number,
    step_tensor,
    zeros_like,
)


class Rprop(KernelOptimizer):
    """Rprop (Riedmiller and Braun 1993), for whole batches: a step size for each parameter, and only the gradient's
    sign.

    etas: the factors of a step size when the sign changes and when it stays; step_sizes: its limits; lr: where it
    begins. Raises ValueError for options out of range.
    """

    late_options = MODES

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = chosen(locals(), "lr", "etas", "step_sizes", "foreach", "maximize", "differentiable", "capturable")
        super().__init__(params, defaults)

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("prev", "step_size")

    def new_state(self, group: dict[str, Any], p: Tensor) -> dict[str, Any]:
        lr = float(number(group["lr"]))
        size = full(p._data.shape, complex(lr, lr) if p.is_complex() else lr, p._data.dtype)
        return {"step": step_tensor(0.0), "prev": zeros_like(p), "step_size": wrap(size)}

    def update(self, group: dict[str, Any], block: Block, p: Any, g: Any) -> None:
        kernels.rprop(
            p,
            g,
            *block.state,
            *block.scratch[:2],
            smallest=group["step_sizes"][0],
            largest=group["step_sizes"][1],
            shrink=group["etas"][0],
            grow=group["etas"][1],
            maximize=group["maximize"],
        )


def rprop(
    params: Tensors, grads: Tensors, prevs: Tensors, step_sizes: Tensors, state_steps: Tensors,
    foreach: bool | None = None, capturable: bool = False, maximize: bool = False, differentiable: bool = False,
    has_complex: bool = False, *, step_size_min: float, step_size_max: float, etaminus: float, etaplus: float,
) -> None:  # fmt: skip
    """One step of Rprop on lists of parameters, gradients and state, all of the caller's; see Rprop."""
    group = {
        "etas": (etaminus, etaplus),
        "step_sizes": (step_size_min, step_size_max),
        **chosen(locals(), "maximize", "capturable"),
    }
    step_lists(Rprop, group, params, grads, [prevs, step_sizes], [state_steps])
