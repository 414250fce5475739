"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any, ClassVar

from microtorch._tensor import Tensor
from microtorch.autograd.state import wrap
from microtorch.kernels import optim as kernels, sparse_optim
from microtorch.optim.blocks import Block
from microtorch.optim.lists import Tensors, like, step_lists
from microtorch.optim.optimizer import KernelOptimizer, ParamsT, check_lr, chosen, number, zeros_like


class SGD(KernelOptimizer):
    """Stochastic gradient descent, with momentum (Sutskever et al. 2013) if asked for.

    v = momentum v + (1 - dampening) (g + weight_decay p);  p -= lr v  (nesterov: p -= lr (g + momentum v))

    lr: learning rate, a number or a tensor of one element. maximize: ascend instead.
    Raises ValueError for negative options, and for nesterov without momentum or with dampening.

    >>> import microtorch as torch
    >>> x = torch.tensor([1.0], requires_grad=True)
    >>> optimizer = torch.optim.SGD([x], lr=0.1)
    >>> (x ** 2).sum().backward()
    >>> optimizer.step()
    >>> x
    tensor([0.8000], requires_grad=True)
    """

    scalars = ()
    late_options: ClassVar[dict[str, Any]] = {
        "nesterov": False,
        "maximize": False,
        "foreach": None,
        "differentiable": False,
        "fused": False,
    }

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: float | Tensor = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr)
        if momentum < 0.0:
            raise ValueError(f"Invalid momentum value: {momentum}")
        if weight_decay < 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = chosen(
            locals(), "lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize", "foreach",
            "differentiable", "fused",
        )  # fmt: skip
        super().__init__(params, defaults)

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("momentum_buffer",) if group["momentum"] != 0 else ()

    def new_state(self, group: dict[str, Any], p: Tensor) -> dict[str, Any]:
        return {"momentum_buffer": zeros_like(p)}

    def complete(self, state: dict[str, Any]) -> bool:
        return state.get("momentum_buffer") is not None

    def update_sparse(self, group: dict[str, Any], p: Tensor) -> None:
        state = self.state[p] if group["momentum"] != 0 else {}
        before = state.get("momentum_buffer")
        velocity = sparse_optim.sgd(
            p._data,
            p._grad._data,  # type: ignore[union-attr, arg-type]
            None if before is None else before._data,
            lr=number(group["lr"]),
            momentum=group["momentum"],
            dampening=group["dampening"],
            weight_decay=float(group["weight_decay"]),
            nesterov=group["nesterov"],
            maximize=group["maximize"],
        )
        if velocity is not None:
            state["momentum_buffer"] = wrap(velocity)  # type: ignore[arg-type]

    def update(self, group: dict[str, Any], block: Block, p: Any, g: Any) -> None:
        kernels.sgd(
            p,
            g,
            block.state[0] if block.state else None,
            *block.scratch[:2],
            lr=float(number(group["lr"])),
            momentum=group["momentum"],
            dampening=group["dampening"],
            weight_decay=float(group["weight_decay"]),
            nesterov=group["nesterov"],
            maximize=group["maximize"],
            first=block.fresh,
        )


def sgd(
    params: Tensors, d_p_list: Tensors, momentum_buffer_list: list[Tensor | None], has_sparse_grad: bool = False,
    foreach: bool | None = None, fused: bool | None = None, grad_scale: Tensor | None = None,
    found_inf: Tensor | None = None, *, weight_decay: float, momentum: float, lr: float, dampening: float,
    nesterov: bool, maximize: bool,
) -> None:  # fmt: skip
    """One step of SGD on lists of parameters, gradients and velocities, all of the caller's; see SGD.

    A velocity that is None is replaced by a new one.

    >>> import microtorch as torch
    >>> p, velocity = torch.ones(2), [None]
    >>> options = dict(weight_decay=0.0, momentum=0.9, dampening=0.0, nesterov=False, maximize=False)
    >>> torch.optim._functional.sgd([p], [torch.ones(2)], velocity, lr=0.1, **options)
    >>> p, velocity
    (tensor([0.9000, 0.9000]), [tensor([1., 1.])])
    """
    group = chosen(locals(), "lr", "momentum", "dampening", "weight_decay", "nesterov", "maximize", "fused")
    scaled = grad_scale if found_inf is None else found_inf
    if momentum == 0:
        step_lists(SGD, group, params, d_p_list, [], [], scaled=scaled)
        return
    for i, (p, g) in enumerate(zip(params, d_p_list)):
        fresh = momentum_buffer_list[i] is None
        buffers = [like(p) if fresh else momentum_buffer_list[i]]
        step_lists(SGD, group, [p], [g], [buffers], [], fresh=fresh, scaled=scaled)
        momentum_buffer_list[i] = buffers[0]
