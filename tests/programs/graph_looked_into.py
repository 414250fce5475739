"""What is in the graph: its edges, saved tensors with hooks of their own, tangents as text, tensors as arrays."""

import numpy as np
import torch
import torch.autograd.forward_ad as fwAD

torch.manual_seed(0)


def names(node):
    return [(None if edge is None else edge.name(), index) for edge, index in node.next_functions]


# a tensor is the first operand, wherever it is written
s = torch.ones(3, requires_grad=True).sin()
for result in (2 * s, s * 2, 2 + s, s + 2, torch.ones(3) * s, 1.5 * s + 1, np.float64(2) * s, True + s):
    print(result.grad_fn.name(), names(result.grad_fn), result.dtype)

# hooks on one saved tensor
x = torch.arange(3.0).requires_grad_()
y = x.pow(2)
y.grad_fn._raw_saved_self.register_hooks(lambda t: (print("packed", t), 7)[1], lambda kept: 10.0 * kept * torch.ones(3))
y.sum().backward()
print(x.grad)
z = (x.exp() * x).exp()
z.grad_fn._raw_saved_result.register_hooks(lambda t: t.clone(), lambda t: (print("unpacked"), t)[1])
try:
    z.grad_fn._raw_saved_result.register_hooks(lambda t: t, lambda t: t)
except RuntimeError as error:
    print(error)
z.sum().backward()
print(x.grad)
w = x * x
kept = w.grad_fn._raw_saved_self
w.sum().backward()
try:
    kept.register_hooks(lambda t: t, lambda t: t)
except RuntimeError as error:
    print(type(error).__name__, str(error)[:70])

# arrays: not of a tensor that needs a gradient, unless nothing is recorded
try:
    x.numpy()
except RuntimeError as error:
    print(error)
with torch.no_grad():
    print(x.numpy(), np.asarray(x), x.exp().numpy().sum().round(3))
with torch.inference_mode():
    print(np.array(x))

# tangents
with fwAD.dual_level():
    print(fwAD.make_dual(torch.randn(3, 3), torch.randn(3, 3)))
    print(fwAD.make_dual(torch.ones(2), torch.zeros(2)) * 2)


class Exp(torch.autograd.Function):
    """It has a jvp alone."""

    @staticmethod
    def forward(ctx, x):
        ctx.result = x.exp()
        return ctx.result

    @staticmethod
    def jvp(ctx, tangent):
        return tangent * ctx.result


inputs = torch.randn(3, dtype=torch.float64, requires_grad=True)
print(torch.autograd.gradcheck(Exp.apply, inputs, check_forward_ad=True, check_backward_ad=False))

# the older profiler's names are there without an import
with torch.autograd.profiler.profile() as prof, torch.autograd.profiler.record_function("part"):
    torch.ones(2).exp()
print(sorted(event.key for event in prof.key_averages() if event.key in ("part", "aten::exp")))
