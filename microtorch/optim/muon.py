"""Muon."""

from __future__ import annotations

import math
from typing import Any

from microtorch._tensor import Tensor
from microtorch.autograd.node import written
from microtorch.kernels import optim as kernels
from microtorch.kernels.quiet import silence
from microtorch.optim.optimizer import Closure, Optimizer, ParamsT, check_dense, chosen, loss_of, number, zeros_like


class Muon(Optimizer):
    """Muon (Jordan 2024), for the matrices of hidden layers: momentum whose singular values are all made about 1.

    m = momentum m + (1 - momentum) g;  p -= lr weight_decay p + lr factor orthogonalized(m)

    nesterov: orthogonalize the next step's momentum. ns_coefficients, ns_steps, eps: of the Newton-Schulz iterations.
    adjust_lr_fn: the shape's factor, "original" (None, the same): sqrt(max(1, rows / columns)); "match_rms_adamw":
    0.2 sqrt(max(rows, columns)) (Liu et al. 2025).
    Raises ValueError for parameters that are no matrices and for options out of range.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        if isinstance(lr, Tensor) and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        if not 0.0 <= lr:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if not 0.0 <= momentum:
            raise ValueError(f"momentum should be >= 0 but is: {momentum}")
        if not 0.0 <= weight_decay:
            raise ValueError(f"weight decay should be >= 0 but is: {weight_decay}")
        if adjust_lr_fn is not None and adjust_lr_fn not in ("original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        defaults = chosen(
            locals(), "lr", "weight_decay", "momentum", "nesterov", "ns_coefficients", "eps", "ns_steps",
            "adjust_lr_fn",
        )  # fmt: skip
        super().__init__(params, defaults)
        for group in self.param_groups:
            for p in group["params"]:
                if p.ndim != 2:
                    raise ValueError(
                        f"Muon only supports 2D parameters whereas we found a parameter with size: {p.size()}"
                    )

    def step(self, closure: Closure = None) -> Any:
        """Change the parameters along their gradients; those without a gradient stay as they are."""
        loss = loss_of(closure)
        with silence():
            for group in self.param_groups:
                for p in group["params"]:
                    if p._grad is not None:
                        self._update(group, p)
        return loss

    def _update(self, group: dict[str, Any], p: Any) -> None:
        if p.is_complex():
            raise RuntimeError("Muon does not support complex parameters")
        check_dense("Muon", p)
        if group["ns_steps"] >= 100:
            raise ValueError("Number of steps must be less than 100 for computational efficiency")
        if len(group["ns_coefficients"]) != 3:
            raise ValueError("Coefficients must be a tuple of exactly 3 values")
        state = self.state[p]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = zeros_like(p)
        lr = float(number(group["lr"]))
        rows, columns = p._data.shape
        if group["adjust_lr_fn"] == "match_rms_adamw":
            factor = 0.2 * math.sqrt(max(rows, columns))
        else:
            factor = math.sqrt(max(1, rows / columns))
        kernels.muon(
            p._data,
            p._grad._data,
            state["momentum_buffer"]._data,
            lr=lr,
            **chosen(group, "weight_decay", "momentum", "nesterov"),
            coefficients=group["ns_coefficients"],
            steps=group["ns_steps"],
            eps=group["eps"],
            rate=lr * factor,
        )
        written(p)
