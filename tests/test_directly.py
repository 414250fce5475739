"""In-place operations that go straight to memory: the same values, versions and errors as PyTorch's, and no record."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import microtorch

CALLS = [
    "x.add_(y)", "x.sub_(y, alpha=0.5)", "x.add_(y, alpha=-2)", "x.mul_(y[0])", "x.div_(y)", "x.add_(x)", "x += y[:1]",
    "x.add_(1e300)", "x.mul_(y, )", "x.exp_()", "x.sqrt_()", "x.neg_()", "x.sigmoid_()", "x.relu_()", "x.abs_()",
    "x.clamp_(-0.5, 0.5)", "x.clamp_(0, 1)", "x.clamp_(min=0.2)", "x.lerp_(y, 0.3)", "x.lerp_(y, 2)",
    "x.addcmul_(y, y)", "x.addcmul_(y, y, value=-0.5)", "x.addcdiv_(y, y + 3, value=2)", "x.addcmul_(y[0], y)",
    "x[0].add_(y[0])", "x.t().mul_(y.t())", "x[:, ::2].exp_()", "x.data.add_(y, alpha=-0.1)", "x.add_(other=y)",
    "x[0, 0].add_(y[0, 0])", "x.add_(y.double())", "x.floor_()", "x.add_(torch.full((2, 3), float('inf')), alpha=-1.0)",
]  # fmt: skip
WRONG = [
    "x.add_(torch.ones(5))", "x.add_(torch.ones(4, 2, 3))", "x[0].add_(y)", "x.exp_(1)", "x.lerp_(y)", "x.addcmul_(y)",
    "x.addcmul_(torch.ones(4), y)", "x[:, :1].expand(2, 3).add_(1.0)", "x[:, :1].expand(2, 3).exp_()",
    "x[0].add_(x.view(-1)[1:4])", "w.add_(y)", "w.exp_()", "w[0].mul_(2.0)", "x.mul_('a')", "x.add_(y, alpha='a')",
]  # fmt: skip


def _run(framework: Any, call: str) -> tuple[Any, ...]:
    x = framework.tensor([[0.5, -1.25, 3.0], [0.0, 0.75, -2.0]])
    y = framework.tensor([[1.5, 0.25, -1.0], [2.0, -0.5, 1.0]])
    w = framework.ones(2, 3).requires_grad_()
    space = {"torch": framework, "x": x, "y": y, "w": w}
    try:
        exec(call, space)
    except (RuntimeError, TypeError, ValueError) as error:
        return type(error).__name__, x.tolist(), w.tolist()
    return str(x), x._version, x.requires_grad, str(space["x"])


@pytest.mark.parametrize("call", CALLS + WRONG)
def test_as_in_pytorch(call: str) -> None:
    for start in ("", "torch.set_grad_enabled(False); "):
        try:
            assert _run(microtorch, start + call) == _run(torch, start + call)
        finally:
            for framework in (torch, microtorch):
                framework.set_grad_enabled(True)


@pytest.mark.parametrize("call", ["x.exp_()", "x.add_(y)", "x.clamp_(0, 1)", "x.addcmul_(y, y)", "x.lerp_(y, 0.5)"])
def test_a_write_is_noticed_by_the_backward(call: str) -> None:
    for framework in (torch, microtorch):
        x, y, w = framework.ones(3), framework.ones(3), framework.ones(3).requires_grad_()
        out = (w * x).sum()
        exec(call, {"x": x, "y": y})
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            out.backward()


@pytest.mark.parametrize("call", ["x.exp_()", "x.add_(w)", "x.clamp_(0, 1)", "x.addcmul_(w, w)", "x.lerp_(w, 0.5)"])
def test_a_part_of_a_graph_is_recorded(call: str) -> None:
    grads = []
    for framework in (torch, microtorch):
        w = framework.tensor([0.25, 0.5, 0.75]).requires_grad_()
        x = w * 2
        exec(call, {"x": x, "w": w})
        x.sum().backward()
        grads.append(w.grad.tolist())
    assert grads[0] == pytest.approx(grads[1])
