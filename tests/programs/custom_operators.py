"""Operations of one's own by torch.library, and PyTorch's own by their names in torch.ops.aten."""

from collections.abc import Sequence
from typing import List, Optional, Tuple

import numpy as np
import torch
from torch import Tensor
from torch.library import Library, custom_op, define, impl, infer_schema, register_autograd, register_fake


def told(call):
    try:
        print(call())
    except Exception as error:
        print(type(error).__name__, str(error).split("\n\n")[0][:300])


@custom_op("mylib::numpy_sin", mutates_args=())
def numpy_sin(x: Tensor) -> Tensor:
    return torch.from_numpy(np.sin(x.detach().numpy()))


print(numpy_sin, numpy_sin(torch.ones(2)), torch.ops.mylib.numpy_sin, torch.ops.mylib.numpy_sin.default)
print(repr(torch.ops.mylib.numpy_sin), repr(torch.ops.mylib.numpy_sin.default), torch.ops.mylib.numpy_sin.overloads())
print(
    torch.ops.mylib.numpy_sin.default._schema,
    torch.ops.mylib.numpy_sin.default.name(),
    torch.ops.mylib.numpy_sin.default.namespace,
)
x = torch.tensor([0.5, 1.0], requires_grad=True)
y = numpy_sin(x)
print(y)
told(lambda: y.sum().backward())


def save(ctx, inputs, output):
    ctx.save_for_backward(inputs[0])


numpy_sin.register_autograd(lambda ctx, g: g * ctx.saved_tensors[0].cos(), setup_context=save)
y = numpy_sin(x)
y.sum().backward()
print(y, x.grad, torch.ops.mylib.numpy_sin(x))
(first,) = torch.autograd.grad(numpy_sin(x).sum(), x, create_graph=True)
print(torch.autograd.grad(first.sum(), x))
print(torch.autograd.gradcheck(numpy_sin, torch.randn(3, dtype=torch.float64, requires_grad=True)))


@numpy_sin.register_fake
def _(x):
    return torch.empty_like(x)


for call in (lambda: numpy_sin(3), lambda: numpy_sin(), lambda: numpy_sin(x, x), lambda: numpy_sin(z=x), lambda: torch.ops.mylib.nope,
             lambda: torch.ops.nolib.foo, lambda: torch.ops.mylib.numpy_sin.foo):  # fmt: skip
    told(call)


@custom_op("mylib::increase", mutates_args={"x"})
def increase(x: Tensor, by: float = 1.0) -> None:
    x.add_(by)


a = torch.zeros(2)
print(increase(a), a, a._version, increase(a, by=3), a, torch.ops.mylib.increase.default._schema)
told(lambda: increase.register_autograd(lambda ctx: None))


@custom_op("mylib::two", mutates_args=())
def two(x: Tensor, n: int, s: str = "a", o: Optional[Tensor] = None, *, scale: float = 0.5) -> Tuple[Tensor, Tensor]:
    return x.clone() * n, x.clone() + n + scale


print(two(torch.ones(2), 3), two(torch.ones(2), 3, scale=2.0), torch.ops.mylib.two.default._schema)


def keep(ctx, inputs, keyword_only_inputs, output):
    ctx.n = inputs[1]
    print(len(inputs), keyword_only_inputs, type(output))


two.register_autograd(lambda ctx, a, b: (a * ctx.n + b, None, None, None), setup_context=keep)
p, q = two(x, 4)
x.grad = None
(p + q).sum().backward()
print(p, q, x.grad)


@custom_op("mylib::add_all", mutates_args=())
def add_all(xs: List[Tensor], weights: Sequence[float]) -> Tensor:
    return sum(w * x for w, x in zip(weights, xs))


def weights_of(ctx, inputs, output):
    ctx.weights = inputs[1]


add_all.register_autograd(lambda ctx, g: ([w * g for w in ctx.weights], None), setup_context=weights_of)
b = torch.ones(2, requires_grad=True)
total = add_all([x, b], [2.0, 3.0])
x.grad = None
total.sum().backward()
print(total, x.grad, b.grad, torch.ops.mylib.add_all.default._schema)


@custom_op("mylib::same", mutates_args=())
def same(x: Tensor) -> Tensor:
    return x


try:
    same(torch.ones(2))
except RuntimeError as error:
    print("refused", "may not alias" in str(error))
told(lambda: custom_op("mylib::bare", lambda x: x, mutates_args=()))

define("mylib::cube", "(Tensor x, float s=1.0) -> Tensor")


@impl("mylib::cube", "cpu")
def cube(x, s=1.0):
    return x**3 * s


print(torch.ops.mylib.cube(torch.full((2,), 2.0)), torch.ops.mylib.cube(x, s=2.0), torch.ops.mylib.cube.default._schema)
register_autograd("mylib::cube", lambda ctx, g: (3 * g * ctx.saved_tensors[0] ** 2, None), setup_context=save)
register_fake("mylib::cube", lambda x, s=1.0: torch.empty_like(x))
z = torch.ops.mylib.cube(x)
x.grad = None
z.sum().backward()
print(z, x.grad)

lib = Library("letters", "DEF")
lib.define("negative(Tensor x) -> Tensor")
lib.impl("negative", lambda x: -2 * x, "CompositeImplicitAutograd")
print(torch.ops.letters.negative(x))
lib.define("pair(Tensor x, int k) -> (Tensor, Tensor)")


@impl(lib, "pair", "CPU")
def pair(x, k):
    return x + k, x - k


print(torch.ops.letters.pair(x.detach(), 1), torch.ops.letters.pair.default._schema)
with torch.library._scoped_library("more", "FRAGMENT") as more:
    more.define("f(Tensor x) -> Tensor")
    print(torch.ops.more.f)
print(infer_schema(two._init_fn, mutates_args=()), infer_schema(increase._init_fn, mutates_args={"x"}))


@numpy_sin.register_kernel("cpu")
def _(x):
    return torch.from_numpy(np.sin(x.detach().numpy())) + 100


print(numpy_sin(torch.ones(2)))

# PyTorch's own ----------------------------------------------------------------------------------------------------------
aten = torch.ops.aten
torch.manual_seed(0)
x, w, b = torch.randn(2, 3), torch.randn(4, 3), torch.randn(4)
one, two_ = torch.ones(1, 1, 3, 3), torch.ones(1, 1, 2, 2)
print(
    aten,
    aten.add,
    aten.add.Tensor,
    repr(aten.add.Tensor),
    aten.mm.default._overloadpacket is aten.mm,
    aten.add.Tensor.name(),
)
for call in """
aten.add(x, x) | aten.add.Tensor(x, 1) | aten.mm(x, w.t()) | aten.t(x) | aten.addmm(b, x, w.t()) | aten.relu(x) | aten._softmax(x, -1, False)
aten.sum.dim_IntList(x, [0], True) | aten.sum(x) | aten.mean.dim(x, [1]) | aten.linear(x, w, b) | aten.view(x, [3, 2]) | aten.transpose.int(x, 0, 1)
aten.convolution(one, two_, None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1) | aten.native_layer_norm(x, [3], None, None, 1e-5)
aten.convolution_backward(two_, one, two_, [1], [1, 1], [0, 0], [1, 1], False, [0, 0], 1, [True, True, True])
aten.select.int(x, 0, 1) | aten.slice.Tensor(x, 0, 0, 1) | aten.unsqueeze(x, 0) | aten.cat([x, x], 1) | aten.gelu(x) | aten.bmm(x[None], x.t()[None])
aten.embedding(w, torch.tensor([1, 2])) | aten.max_pool2d_with_indices(one, [2, 2]) | aten.threshold_backward(x, x, 0) | aten.expand(b, [2, 4])
aten.index.Tensor(x, [None, torch.tensor([1])]) | aten.add_.Tensor(x.clone(), x) | aten.full([2, 2], 1.5) | aten._log_softmax(x, 1, False)
aten.nll_loss_forward(aten._log_softmax(x, 1, False), torch.tensor([0, 1]), None, 1, -100) | aten.mse_loss(x, x + 1, 1) | aten.mse_loss(x, x + 1, 2)
aten.pow.Tensor_Scalar(x, 2) | aten.var.correction(x, [1], correction=0) | aten.native_dropout(x, 0.5, False) | aten.topk(x, 1) | aten.max.dim(x, 1)
aten.where.self(x > 0, x, x) | aten.clamp(x, min=0) | aten._to_copy(x, dtype=torch.float64) | aten.permute(x, [1, 0]) | aten.max(x) | aten.argmax(x)
aten.sigmoid_backward(x, x) | aten.tanh_backward(x, x) | aten._softmax_backward_data(x, x, 1, torch.float32) | aten._local_scalar_dense(b[0] * 0)
aten.upsample_nearest2d(two_, [4, 4]) | aten.index_put_(x.clone(), [torch.tensor([0])], torch.zeros(3)) | aten.nope
""".replace("\n", " | ").split(" | "):
    if call:
        print(call)
        told(lambda: eval(call))
