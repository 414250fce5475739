"""SparseAdam."""

from __future__ import annotations

from typing import Any

from microtorch._tensor import Tensor
from microtorch.optim.optimizer import Closure, Optimizer, ParamsT, check_betas, loss_of


class SparseAdam(Optimizer):
    """Adam for sparse gradients, of which microtorch has none: every `step` with a gradient is an error.

    Raises ValueError for options out of range and complex parameters; RuntimeError from `step` for dense gradients.
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
        places = [
            [i, j] for i, group in enumerate(self.param_groups) for j, p in enumerate(group["params"]) if p.is_complex()
        ]
        if places:
            raise ValueError(f"Complex params at indices {places}: SparseAdam does not support complex parameters")

    def step(self, closure: Closure = None) -> Any:
        """Raise if any parameter has a gradient: dense ones are Adam's."""
        loss = loss_of(closure)
        for group in self.param_groups:
            for p in group["params"]:
                if p._grad is not None:
                    if p._grad.is_sparse:
                        raise NotImplementedError("microtorch has no SparseAdam.step on sparse gradients")
                    raise RuntimeError("SparseAdam does not support dense gradients, please consider Adam instead")
        return loss
