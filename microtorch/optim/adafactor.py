"""Adafactor."""

from __future__ import annotations

from typing import Any

from microtorch._tensor import Tensor
from microtorch.autograd.node import written
from microtorch.autograd.state import wrap
from microtorch.kernels import optim as kernels
from microtorch.kernels.bfloat16 import finfo, zeros
from microtorch.kernels.quiet import silence
from microtorch.optim.optimizer import (
    Closure,
    Optimizer,
    ParamsT,
    check_dense,
    chosen,
    loss_of,
    number,
    step_tensor,
    zeros_like,
)


class Adafactor(Optimizer):
    """Adafactor (Shazeer and Stern 2018): of a matrix's squared gradients it keeps the means of rows and columns only.

    v = rows columns / mean(rows);  u = g / sqrt(v);  p -= max(eps[1], rms(p)) min(lr, 1 / sqrt(t)) u / max(1, rms(u) /
    d)

    beta2_decay: the newest squares have the weight t^beta2_decay. eps[0]: the least v, by default that of the dtype.
    Raises ValueError for options out of range, RuntimeError from `step` for complex parameters.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not 0.0 <= lr:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if not 0.0 >= beta2_decay:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None and not 0.0 <= eps[0]:
            raise ValueError(f"epsilon1 should be >= 0 but is: {eps[0]}")
        if not 0.0 <= eps[1]:
            raise ValueError(f"epsilon2 should be >= 0 but is: {eps[1]}")
        if not 1.0 <= d:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        if not 0.0 <= weight_decay:
            raise ValueError(f"weight_decay should be >= 0 but is: {weight_decay}")
        defaults = chosen(locals(), "lr", "beta2_decay", "eps", "d", "weight_decay", "foreach", "maximize")
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("foreach", None)
            for p in group["params"]:
                kept = self.state.get(p)
                if kept and not isinstance(kept["step"], Tensor):
                    kept["step"] = step_tensor(float(kept["step"]))

    def _state_of(self, p: Tensor) -> dict[str, Any]:
        if p.is_complex():
            raise RuntimeError("Adafactor does not support complex parameters")
        state: dict[str, Any] = self.state[p]
        if not state:
            check_dense("Adafactor", p)
            shape, dtype = p._data.shape, p._data.dtype
            state["step"] = step_tensor(0.0)
            if len(shape) > 1:
                state["row_var"] = wrap(zeros((*shape[:-1], 1), dtype))
                state["col_var"] = wrap(zeros((*shape[:-2], 1, shape[-1]), dtype))
            else:
                state["variance"] = zeros_like(p)
        return state

    def step(self, closure: Closure = None) -> Any:
        """Change the parameters along their gradients; those without a gradient stay as they are."""
        loss = loss_of(closure)
        with silence():
            for group in self.param_groups:
                params = [p for p in group["params"] if p._grad is not None]
                eps1, eps2 = group["eps"]
                for p, state in zip(params, [self._state_of(p) for p in params]):
                    if eps1 is None:
                        eps1 = float(finfo(p._data.dtype).eps)
                    step = state["step"]._data
                    step += 1
                    kernels.adafactor(
                        p._data,
                        p._grad._data,
                        *[None if t is None else t._data for t in map(state.get, ("row_var", "col_var", "variance"))],
                        step=step.item(),
                        lr=number(group["lr"]),
                        beta2_decay=group["beta2_decay"],
                        eps1=eps1,
                        eps2=eps2,
                        d=group["d"],
                        weight_decay=group["weight_decay"],
                        maximize=group["maximize"],
                    )
                    written(p)
        return loss
