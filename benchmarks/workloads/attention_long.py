"""Causal attention over 1,024 positions, 8 heads of 64, batch 1, forward and backward."""

from __future__ import annotations

from typing import Any

from benchmarks.workloads import Step


def build(torch: Any) -> Step:
    """scaled_dot_product_attention alone."""
    torch.manual_seed(0)
    q, k, v = (torch.randn(1, 8, 1024, 64, requires_grad=True) for _ in range(3))
    g = torch.randn(1, 8, 1024, 64)

    def step() -> Any:
        q.grad = k.grad = v.grad = None
        out = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        out.backward(g)
        return (out.detach()[0, :, -1] * g[0, :, -1]).sum() + q.grad[0, 0, 9].sum() + k.grad[0, 3, 5].sum()

    return step
