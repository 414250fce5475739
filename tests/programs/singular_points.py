"""Derivatives where there is none: kinks, ties, zeros and infinities, and the convention at each."""

import torch
from torch.nn import functional as F

inf, nan = float("inf"), float("nan")


def slope(name, f, values):
    """The gradient of f's sum at the given values (+ 0.0 turns a -0.0 into 0.0)."""
    x = torch.tensor(values, requires_grad=True)
    f(x).sum().backward()
    print(f"{name:28s} at {str(values):22s} {[round(v, 4) + 0.0 for v in x.grad.tolist()]}")


slope("relu", torch.relu, [-1.0, 0.0, 1.0])
slope("leaky_relu", lambda x: F.leaky_relu(x, 0.1), [-1.0, 0.0, 1.0])
slope("elu", F.elu, [-1.0, 0.0, 1.0])
slope("abs", torch.abs, [-2.0, 0.0, 2.0])
slope("sign", torch.sign, [-2.0, 0.0, 2.0])
slope("round, floor", lambda x: x.round() + x.floor(), [-0.5, 0.0, 1.5])
slope("sqrt", torch.sqrt, [0.0, 4.0])
slope("rsqrt", torch.rsqrt, [0.25, 4.0])
slope("log", torch.log, [0.0, 2.0])
slope("1 / x", lambda x: 1 / x, [-0.5, 0.0])
slope("x ** 2", lambda x: x**2, [0.0, 3.0])
slope("x ** 1", lambda x: x**1, [0.0, 3.0])
slope("x ** 0", lambda x: x**0, [0.0, 3.0])
slope("x ** 0.5", lambda x: x**0.5, [0.0, 4.0])
slope("x ** 3", lambda x: x**3, [-2.0, 0.0])
slope("x ** x", lambda x: x**x, [1.0, 2.0])
slope("2 ** x", lambda x: 2**x, [0.0, 1.0])
slope("0 ** x", lambda x: torch.zeros(()) ** x, [0.0, 1.0])
slope("clamp 0..1", lambda x: x.clamp(0, 1), [-1.0, 0.0, 0.5, 1.0, 2.0])
slope("max of all, tied", lambda x: x.max(), [1.0, 3.0, 3.0])
slope("min of all, tied", lambda x: x.min(), [1.0, 1.0, 3.0])
slope("max along a dimension, tied", lambda x: x.max(dim=0).values, [3.0, 1.0, 3.0])
slope("maximum of both, tied", lambda x: torch.maximum(x, torch.tensor([1.0, 2.0])), [1.0, 3.0])
slope("minimum of both, tied", lambda x: torch.minimum(x, torch.tensor([1.0, 2.0])), [1.0, 3.0])
slope("norm at zero", lambda x: x.norm(), [0.0, 0.0])
slope("norm", lambda x: x.norm(), [3.0, -4.0])
slope("norm 1", lambda x: x.norm(p=1), [0.0, -4.0])
slope("norm inf, tied", lambda x: x.norm(p=inf), [4.0, -4.0])
slope("prod with a zero", lambda x: x.prod(), [2.0, 0.0, 3.0])
slope("prod with two zeros", lambda x: x.prod(), [0.0, 0.0, 3.0])
slope("std of equal numbers", lambda x: x.std(), [2.0, 2.0])
slope("var of equal numbers", lambda x: x.var(), [2.0, 2.0])
slope("sigmoid far out", torch.sigmoid, [-200.0, 0.0, 200.0])
slope("tanh far out", torch.tanh, [-50.0, 0.0, 50.0])
slope("softplus far out", F.softplus, [-50.0, 0.0, 50.0])
slope("logsigmoid far out", F.logsigmoid, [-50.0, 0.0, 50.0])
slope("exp, overflowing", torch.exp, [0.0, 100.0])
slope("logsumexp of huge", lambda x: torch.logsumexp(x, 0), [1000.0, 1000.0])
slope("softmax[0] with -inf", lambda x: torch.softmax(x, 0)[0], [0.0, 1.0, -inf])
slope("log_softmax[0] of huge", lambda x: torch.log_softmax(x, 0)[0], [0.0, 1000.0])
slope("where hides a nan: no", lambda x: torch.where(x > 0, torch.sqrt(x), torch.zeros(2)), [0.0, 4.0])
slope("masked_fill", lambda x: x.masked_fill(x > 1, 7.0) * 2, [0.0, 4.0])
slope("asin at the edge", torch.asin, [0.0, 1.0])
slope("atan2 at the origin", lambda x: torch.atan2(x[0], x[1]), [0.0, 0.0])
slope("x * 0 * inf", lambda x: x * 0 * inf, [1.0])
slope("nan_to_num", torch.nan_to_num, [nan, 1.0, inf])

x = torch.tensor([nan, 1.0, -inf, inf])
print("isnan", x.isnan().tolist(), "isinf", x.isinf().tolist(), "isfinite", torch.isfinite(x).tolist())
print(
    "max of nan:",
    torch.max(x),
    "argmax:",
    torch.argmax(x).item(),
    "sum:",
    x.sum(),
    "relu:",
    torch.relu(x),
    "clamp:",
    x.clamp(0, 2),
)
print(
    "integer division:",
    torch.tensor([7, -7]) // 2,
    torch.tensor([7, -7]) % 3,
    torch.tensor([7.0, -7.0]) // 2,
    torch.tensor([-7.0]) % 3,
)
try:
    torch.tensor([1]) // 0
except RuntimeError as error:
    print("integer division by zero:", type(error).__name__)
print("mean of nothing:", torch.zeros(0).mean(), "sum:", torch.zeros(0).sum(), "prod:", torch.zeros(0).prod())
