"""Adagrad."""

from __future__ import annotations

from typing import Any, ClassVar

from microtorch._tensor import Tensor
from microtorch.autograd.state import wrap
from microtorch.kernels import optim as kernels, sparse_optim
from microtorch.kernels.bfloat16 import full
from microtorch.optim.blocks import Block
from microtorch.optim.lists import Tensors, step_lists
from microtorch.optim.optimizer import (
    KernelOptimizer,
    ParamsT,
    check_lr,
    check_not_negative,
    chosen,
    number,
    step_tensor,
)


class Adagrad(KernelOptimizer):
    """Adagrad (Duchi, Hazan and Singer 2011): gradients divided by the root of the sum of all their squares so far.

    s += g^2;  p -= lr / (1 + (t - 1) lr_decay) g / (sqrt(s) + eps)

    initial_accumulator_value: what s starts from. Raises ValueError for negative options.
    """

    late_options: ClassVar[dict[str, Any]] = {
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "fused": None,
    }

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr)
        check_not_negative(
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            epsilon=eps,
        )
        defaults = chosen(
            locals(), "lr", "lr_decay", "eps", "weight_decay", "initial_accumulator_value", "foreach", "maximize",
            "differentiable", "fused",
        )  # fmt: skip
        super().__init__(params, defaults)
        for group in self.param_groups:  # unlike the others', this state is there before the first step
            for p in group["params"]:
                self.state[p].update(self.new_state(group, p))

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("sum",)

    def new_state(self, group: dict[str, Any], p: Tensor) -> dict[str, Any]:
        start = self.defaults["initial_accumulator_value"]
        value = complex(start, start) if p.is_complex() else start
        return {"step": step_tensor(0.0, group), "sum": wrap(full(p._data.shape, value, p._data.dtype))}

    def share_memory(self) -> None:
        """Do nothing: processes get copies of the state here."""

    def update_sparse(self, group: dict[str, Any], p: Tensor) -> None:
        state = self.state[p]
        steps = state["step"]._data
        steps += 1
        sparse_optim.adagrad(
            p._data,
            p._grad._data,  # type: ignore[union-attr, arg-type]
            state["sum"]._data,
            step=steps.item(),
            lr=number(group["lr"]),
            lr_decay=group["lr_decay"],
            eps=group["eps"],
            weight_decay=group["weight_decay"],
            maximize=group["maximize"],
        )

    def update(self, group: dict[str, Any], block: Block, p: Any, g: Any) -> None:
        kernels.adagrad(
            p,
            g,
            *block.state,
            *block.scratch[:2],
            step=block.count,
            lr=number(group["lr"]),
            **chosen(group, "lr_decay", "eps", "weight_decay", "maximize"),
        )


def adagrad(
    params: Tensors, grads: Tensors, state_sums: Tensors, state_steps: Tensors, fused: bool | None = None,
    grad_scale: Tensor | None = None, found_inf: Tensor | None = None, has_sparse_grad: bool = False,
    foreach: bool | None = None, differentiable: bool = False, has_complex: bool = False, *,
    lr: float, weight_decay: float, lr_decay: float, eps: float, maximize: bool,
) -> None:  # fmt: skip
    """One step of Adagrad on lists of parameters, gradients and state, all of the caller's; see Adagrad."""
    group = chosen(locals(), "lr", "lr_decay", "eps", "weight_decay", "maximize", "fused")
    step_lists(
        Adagrad,
        group,
        params,
        grads,
        [state_sums],
        [state_steps],
        scaled=grad_scale if found_inf is None else found_inf,
    )
