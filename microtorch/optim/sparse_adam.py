"""SparseAdam."""

from __future__ import annotations

from typing import Any, cast

from microtorch._tensor import Tensor
from microtorch.autograd.node import written
from microtorch.kernels.sparse_optim import sparse_adam as kernel
from microtorch.optim.lists import Tensors
from microtorch.optim.optimizer import Closure, Optimizer, ParamsT, check_betas, loss_of, number, zeros_like


class SparseAdam(Optimizer):
    """Adam for sparse gradients: only the rows that have one move, and only their means are updated.

    Raises ValueError for options out of range, sparse and complex parameters; RuntimeError from `step` for dense
    gradients.

    >>> import microtorch as torch
    >>> table = torch.nn.Embedding(3, 1, sparse=True, _weight=torch.ones(3, 1))
    >>> optimizer = torch.optim.SparseAdam(table.parameters(), lr=0.1)
    >>> table(torch.tensor([1])).sum().backward()
    >>> optimizer.step()
    >>> table.weight.detach().T
    tensor([[1.0000, 0.9000, 1.0000]])
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not 0.0 < lr:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not 0.0 < eps:
            raise ValueError(f"Invalid epsilon value: {eps}")
        check_betas(betas)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})
        places = [([i, j], p) for i, group in enumerate(self.param_groups) for j, p in enumerate(group["params"])]
        sparse = [place for place, p in places if p.is_sparse]
        if sparse:
            raise ValueError(f"Sparse params at indices {sparse}: SparseAdam requires dense parameter tensors")
        wrong = [place for place, p in places if p.is_complex()]
        if wrong:
            raise ValueError(f"Complex params at indices {wrong}: SparseAdam does not support complex parameters")

    def step(self, closure: Closure = None) -> Any:
        """Change the parameters where their gradients have a place; those without a gradient stay as they are."""
        loss = loss_of(closure)
        for group in self.param_groups:
            params = [p for p in group["params"] if p._grad is not None]
            if not all(p._grad.is_sparse for p in params):
                raise RuntimeError("SparseAdam does not support dense gradients, please consider Adam instead")
            for p in params:
                state = self.state[p]
                if not state:
                    state.update(step=0, exp_avg=zeros_like(p), exp_avg_sq=zeros_like(p))
                state["step"] += 1
            states = [self.state[p] for p in params]
            sparse_adam(
                params,
                [p._grad for p in params],
                [s["exp_avg"] for s in states],
                [s["exp_avg_sq"] for s in states],
                [s["step"] for s in states],
                eps=group["eps"],
                beta1=group["betas"][0],
                beta2=group["betas"][1],
                lr=number(group["lr"]),
                maximize=group.get("maximize", False),
            )
        return loss


def sparse_adam(
    params: Tensors, grads: Tensors, exp_avgs: Tensors, exp_avg_sqs: Tensors, state_steps: list[int], *, eps: float,
    beta1: float, beta2: float, lr: float, maximize: bool,
) -> None:  # fmt: skip
    """One step of SparseAdam on lists of parameters, gradients and state, all of the caller's; see SparseAdam."""
    for p, g, m, v, step in zip(params, grads, exp_avgs, exp_avg_sqs, state_steps):
        kernel(p._data, cast("Any", g._data), m._data, v._data, step=step, lr=lr, beta1=beta1, beta2=beta2, eps=eps,
               maximize=maximize)  # fmt: skip
        for t in (p, m, v):
            written(t)
