"""What the operator database does not reach: side effects, deprecated flags, names in the graph, second derivatives."""

import warnings

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import microtorch
import microtorch.nn.functional as MF
from tests.differential import difference

torch.set_num_threads(1)

NAMES = {"F": lambda library: library.nn.functional}


def agree(code, **more):
    found = difference(code, exact=False, **{**NAMES, **more})
    assert found is None, found


def numbers(*shape, seed=0):
    a = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return lambda library: library.from_numpy(a.copy())


def doubles(*shape, seed=0):
    a = np.random.default_rng(seed).normal(size=shape)
    return lambda library: library.from_numpy(a.copy())


# statistics and tables that are written --------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(6, 4), (6, 4, 5), (3, 4, 5, 2)])
def test_running_statistics(shape):
    agree(
        """
mean, var = torch.zeros(4), torch.ones(4)
for _ in range(3): F.batch_norm(x, mean, var, None, None, True, 0.3)
after = F.batch_norm(x, mean, var)
(mean, var, after, mean._version, var._version)
""",
        x=numbers(*shape),
    )


def test_running_statistics_of_instance_norm():
    agree(
        """
mean, var = torch.zeros(4), torch.ones(4)
for _ in range(3): F.instance_norm(x, mean, var, w, w * 2)
(mean, var, F.instance_norm(x, mean, var, w, w * 2, use_input_stats=False))
""",
        x=numbers(3, 4, 5, 2),
        w=numbers(4),
    )


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("create", [True, False])
def test_statistics_may_change_between_forward_and_backward(create, training):
    """In training they are not what the gradient needs; in evaluation PyTorch takes them as they are by then."""
    code = f"""
mean, var = torch.zeros(4), torch.ones(4)
x = x.requires_grad_()
out = F.batch_norm(x, mean, var, None, None, {training})
F.batch_norm(x.detach() * 3 + 1, mean, var, None, None, True)
torch.autograd.grad((out * w).sum(), x, create_graph={create})[0].detach()
"""
    agree(code, x=numbers(6, 4), w=numbers(6, 4, seed=1))


def test_embedding_limits_norms_in_place():
    agree(
        """
out = F.embedding(torch.tensor([[0, 2], [2, 1]]), w, max_norm=0.5, norm_type={norm})
(out, w, w._version)
""".replace("{norm}", "2.0"),
        w=numbers(4, 3),
    )
    agree("(F.embedding(torch.tensor([3]), w, max_norm=0.5, norm_type=1.0), w)", w=numbers(4, 3))
    agree("(F.embedding_bag(torch.tensor([[3, 1]]), w, max_norm=0.5), w)", w=numbers(4, 3))


@pytest.mark.parametrize("options", ["", ", padding_idx=1", ", padding_idx=-1", ", scale_grad_by_freq=True",
                                     ", padding_idx=2, scale_grad_by_freq=True"])  # fmt: skip
def test_gradient_of_embedding(options):
    agree(
        f"""
w.requires_grad_()
F.embedding(torch.tensor([[0, 2, 1], [2, 1, 2]]), w{options}).pow(2).sum().backward()
w.grad
""",
        w=numbers(4, 3),
    )


# in place --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call", ["F.relu(h, True)", "F.relu_(h)", "F.leaky_relu(h, 0.1, True)", "F.elu(h, 0.7, True)", "F.selu(h, True)",
             "F.celu(h, 1.3, True)", "F.hardtanh(h, -0.5, 0.5, True)", "F.relu6(h, True)", "F.threshold(h, 0.1, 7., True)",
             "F.silu(h, True)", "F.mish(h, True)", "F.hardsigmoid(h, True)", "F.hardswish(h, True)", "F.elu_(h)",
             "F.rrelu(h, inplace=True)", "F.hardtanh_(h)", "F.leaky_relu_(h)", "F.selu_(h)", "F.celu_(h)",
             "F.threshold_(h, 0., 1.)"]
)  # fmt: skip
def test_in_place(call):
    agree(
        f"""
x.requires_grad_()
h = x * 2
out = {call}
(h * x).sum().backward()
(out is h, h, x.grad, h._version)
""",
        x=numbers(4, 5),
    )


# deprecated flags and warnings -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flags", ["size_average=False", "size_average=True", "reduce=False", "reduce=True",
                                   "size_average=False, reduce=False", "size_average=False, reduce=True"])  # fmt: skip
@pytest.mark.parametrize("call", ["mse_loss(x, y", "l1_loss(x, y", "smooth_l1_loss(x, y", "cross_entropy(x, t",
                                  "nll_loss(x, t", "binary_cross_entropy_with_logits(x, y", "kl_div(x, y",
                                  "multi_margin_loss(x, t", "soft_margin_loss(x, y", "poisson_nll_loss(x, y"])  # fmt: skip
def test_deprecated_flags(call, flags):
    agree(f"F.{call}, {flags})", x=numbers(3, 4), y=numbers(3, 4, seed=1), t=lambda library: library.tensor([1, 0, 3]))


def warned(code, library, **names):
    scope = {"torch": library, "F": library.nn.functional, **{k: v(library) for k, v in names.items()}}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        eval(code, scope)
    return [(w.category, str(w.message)) for w in caught]


@pytest.mark.parametrize(
    "code", ["F.mse_loss(x, x[:1])", "F.l1_loss(x, x[:1])", "F.mse_loss(x, x, size_average=False)", "F.softmax(x)",
             "F.log_softmax(x)", "F.softmin(x)", "F.dropout2d(x[None])", "F.dropout2d(x)", "F.dropout3d(x)",
             "F.kl_div(x, x)", "F.upsample_nearest(x[None, None], 4)",
             "F.grid_sample(x[None, None], torch.zeros(1, 2, 2, 2))", "F.affine_grid(torch.ones(1, 2, 3), (1, 1, 2, 2))",
             "F.gumbel_softmax(x, eps=1e-3)"]
)  # fmt: skip
def test_warnings(code):
    assert warned(code, microtorch, x=numbers(3, 4)) == warned(code, torch, x=numbers(3, 4))


# classification: every combination ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape, target", [((5,), ()), ((4, 5), (4,)), ((3, 5, 2), (3, 2)), ((2, 5, 3, 2), (2, 3, 2))])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_cross_entropy(shape, target, weighted, smoothing):
    rng = np.random.default_rng(0)
    x, w = rng.normal(size=shape), rng.random(5)
    for ignore in (-100, 2):
        t = rng.integers(0, 5, target)
        t = np.where(rng.random(target) < 0.3, ignore, t)
        for reduction in ("mean", "sum", "none"):
            options = {"reduction": reduction, "ignore_index": ignore, "label_smoothing": smoothing}
            tx, mx = torch.tensor(x, requires_grad=True), microtorch.from_numpy(x.copy()).requires_grad_()
            theirs = F.cross_entropy(tx, torch.tensor(t), torch.tensor(w) if weighted else None, **options)
            ours = MF.cross_entropy(mx, microtorch.tensor(t), microtorch.from_numpy(w) if weighted else None, **options)
            np.testing.assert_allclose(ours.detach().numpy(), theirs.detach().numpy(), 1e-10)
            theirs.sum().backward()
            ours.sum().backward()
            np.testing.assert_allclose(mx.grad.numpy(), tx.grad.numpy(), 1e-9, 1e-12)


def test_cross_entropy_of_large_scores():
    agree("F.cross_entropy(torch.tensor([[1e4, -1e4, 0.]]), torch.tensor([1]))")
    agree("F.cross_entropy(torch.tensor([[float('inf'), 0.]]), torch.tensor([1]))")
    agree("F.cross_entropy(torch.tensor([[float('-inf'), 0.]]), torch.tensor([0]))")
    agree("F.cross_entropy(torch.zeros(0, 3), torch.zeros(0, dtype=torch.long))")
    agree("F.cross_entropy(torch.zeros(2, 3), torch.tensor([-100, -100]))")


# names that a graph shows --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "call", ["F.linear(x, x)", "F.linear(x, x, x[0, :3])", "F.linear(x3, x)", "F.linear(x3, x, x[0, :3])", "F.relu6(x)",
             "F.leaky_relu(x)", "F.elu(x)", "F.selu(x)", "F.celu(x)", "F.gelu(x)", "F.gelu(x, approximate='tanh')",
             "F.silu(x)", "F.mish(x)", "F.softplus(x)", "F.softsign(x)", "F.logsigmoid(x)", "F.hardtanh(x)",
             "F.hardsigmoid(x)", "F.hardswish(x)", "F.tanhshrink(x)", "F.softshrink(x)", "F.hardshrink(x)", "F.glu(x)",
             "F.softmax(x, 1)", "F.log_softmax(x, 1)", "F.softmin(x, 1)", "F.dropout(x)", "F.threshold(x, 0, 1)",
             "F.prelu(x, x[0, :1])", "F.rrelu(x, training=True)", "F.embedding(torch.tensor([1]), x)",
             "F.layer_norm(x, (4,))", "F.rms_norm(x, (4,))", "F.batch_norm(x, None, None, training=True)",
             "F.group_norm(im, 3)", "F.instance_norm(im)", "F.local_response_norm(im, 3)", "F.conv2d(im, im[:1, :, :3, :3])",
             "F.conv2d(im, im[:1, :, :3, :3], padding='same')", "F.conv_transpose2d(im, im.transpose(0, 1)[:, :, :3, :3])",
             "F.max_pool2d(im, 2)", "F.max_pool1d(x3, 2)", "F.avg_pool1d(x3, 2)", "F.avg_pool2d(im, 2)",
             "F.adaptive_avg_pool2d(im, 3)", "F.adaptive_avg_pool2d(im, 1)", "F.adaptive_max_pool2d(im, 2)",
             "F.adaptive_avg_pool1d(x3, 2)", "F.lp_pool2d(im, 2., 2)", "F.pad(im, (1, 1))",
             "F.pad(im, (1, 1, 1, 1), mode='reflect')", "F.pad(im, (1, 1, 1, 1), mode='replicate')",
             "F.interpolate(im, scale_factor=2)", "F.interpolate(im, scale_factor=2, mode='bilinear')",
             "F.interpolate(im, scale_factor=2, mode='bicubic')", "F.interpolate(im, scale_factor=2, mode='area')",
             "F.interpolate(x3, scale_factor=2, mode='linear')", "F.pixel_unshuffle(im, 2)", "F.unfold(im, 3)",
             "F.mse_loss(x, y)", "F.mse_loss(x, y, reduction='none')", "F.l1_loss(x, y)", "F.l1_loss(x, y, reduction='sum')",
             "F.smooth_l1_loss(x, y)", "F.huber_loss(x, y)", "F.binary_cross_entropy(x.sigmoid(), y)",
             "F.binary_cross_entropy_with_logits(x, y)", "F.kl_div(x, y)", "F.nll_loss(x, t)", "F.cross_entropy(x, t)",
             "F.cross_entropy(im, torch.zeros(2, 8, 8, dtype=torch.long))", "F.cosine_similarity(x, y)",
             "F.multi_margin_loss(x, t)", "F.soft_margin_loss(x, y)", "F.pairwise_distance(x, y)", "F.normalize(x)",
             "F.scaled_dot_product_attention(x3, x3, x3)", "F.scaled_dot_product_attention(im, im, im)", "F.pdist(x)",
             "F.grid_sample(im, torch.zeros(2, 4, 4, 2), align_corners=False)",
             "F.embedding_bag(torch.tensor([[0, 1]]), x)", "F.max_unpool2d(*F.max_pool2d(im, 2, return_indices=True), 2)"]
)  # fmt: skip
def test_grad_fn_names(call):
    agree(
        f"""
x.requires_grad_(), x3.requires_grad_(), im.requires_grad_()
{call}.grad_fn.name()
""",
        x=numbers(3, 4),
        x3=numbers(2, 3, 4),
        im=numbers(2, 3, 8, 8),
        y=lambda library: library.ones(3, 4) / 3,
        t=lambda library: library.tensor([0, 1, 2]),
    )


# multi-head attention ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("mask", ["None", "m", "m.tril() > -9", "torch.zeros(4, 4, 5).double()"])
@pytest.mark.parametrize("keys", ["None", "torch.tensor([[False] * 4 + [True], [False] * 5])"])
def test_multi_head_attention(need_weights, mask, keys):
    options = (
        "bias_k=bk, bias_v=bk, add_zero_attn=True, "
        if need_weights
        else "bias_k=None, bias_v=None, add_zero_attn=False, "
    )
    agree(
        f"""
w.requires_grad_(), q.requires_grad_()
mask = {mask}
mask = ~mask if mask is not None and mask.dtype == torch.bool else mask
out, weights = F.multi_head_attention_forward(q, k, k, 6, 2, w, b, {options} dropout_p=0.0, out_proj_weight=w[:6], out_proj_bias=b[:6], need_weights={need_weights}, attn_mask=mask, key_padding_mask={keys})
out.pow(2).sum().backward()
(out, weights, w.grad, q.grad)
""",
        q=doubles(4, 2, 6),
        k=doubles(5, 2, 6, seed=1),
        w=doubles(18, 6, seed=2),
        b=doubles(18, seed=3),
        bk=doubles(1, 1, 6, seed=4),
        m=doubles(4, 5, seed=5),
    )


def test_multi_head_attention_unbatched_and_separate():
    names = {"q": doubles(4, 6), "k": doubles(5, 6, seed=1), "w": doubles(18, 6, seed=2), "b": doubles(18, seed=3)}
    common = "bias_k=None, bias_v=None, add_zero_attn=False, dropout_p=0.0, out_proj_weight=w[:6], out_proj_bias=b[:6]"
    agree(f"F.multi_head_attention_forward(q, k, k, 6, 3, w, b, {common})", **names)
    agree(f"F.multi_head_attention_forward(q, q, q, 6, 3, w, b, {common}, average_attn_weights=False)", **names)
    agree(
        f"F.multi_head_attention_forward(q, k, k, 6, 3, None, b, {common}, use_separate_proj_weight=True, "
        "q_proj_weight=w[:6], k_proj_weight=w[6:12], v_proj_weight=w[12:])",
        **names,
    )
    agree(
        f"F.multi_head_attention_forward(q, q, q, 6, 3, w, b, {common}, is_causal=True, need_weights=False, "
        "attn_mask=torch.full((4, 4), float('-inf')).double().triu(1))",
        **names,
    )


# second derivatives of what the database reaches by its first samples only, or not at all ---------------------------------------


def points(*shape):
    return microtorch.from_numpy(np.random.default_rng(1).uniform(-0.9, 0.9, shape)).requires_grad_()


@pytest.mark.parametrize(
    "function, shapes",
    [
        (lambda x: MF.pad(x, (1, 2, 0, 1), mode="reflect"), [(1, 2, 4, 4)]),
        (lambda x: MF.pad(x, (1, 2, 0, 1, 1, 1), mode="reflect"), [(1, 1, 3, 3, 4)]),
        (lambda x: MF.pad(x, (1, 2, 0, 1, 1, 1), mode="replicate"), [(1, 1, 2, 2, 3)]),
        (lambda x: MF.interpolate(x, size=(3, 5)), [(1, 1, 2, 3)]),
        (lambda x: MF.interpolate(x, size=(3, 2, 4)), [(1, 1, 2, 2, 3)]),
        (lambda x: MF.interpolate(x, size=(3, 5), mode="nearest-exact"), [(1, 1, 2, 3)]),
        (lambda x: MF.interpolate(x, size=(3, 2, 4), mode="nearest-exact"), [(1, 1, 2, 2, 3)]),
        (lambda x: MF.interpolate(x, size=(2, 3), mode="bilinear", antialias=True), [(1, 1, 5, 6)]),
        (lambda x: MF.interpolate(x, size=(2, 3), mode="bicubic", antialias=True), [(1, 1, 5, 6)]),
        (lambda x: MF.interpolate(x, size=(2, 3), mode="lanczos", antialias=True), [(1, 1, 7, 6)]),
        (lambda x: MF.adaptive_avg_pool2d(x, 1), [(1, 2, 3, 3)]),
        (lambda x: MF.affine_grid(x, (2, 1, 3, 2), align_corners=False), [(2, 2, 3)]),
        (lambda x, g: MF.grid_sample(x, g, align_corners=True), [(1, 2, 3, 3, 3), (1, 2, 2, 2, 3)]),
        (lambda x: MF.nll_loss(x, microtorch.tensor([[1, 0], [2, 1]])), [(2, 3, 2)]),
        (lambda w: MF.embedding_bag(microtorch.tensor([[0, 2], [1, 1]]), w, mode="max"), [(3, 2)]),
        (lambda q, k, v: MF.scaled_dot_product_attention(q, k, v), [(1, 2, 3, 2), (1, 2, 3, 2), (1, 2, 3, 2)]),
        (lambda q, k, v, m: MF.scaled_dot_product_attention(q, k, v, m), [(2, 3, 2), (2, 4, 2), (2, 4, 3), (3, 4)]),
        (lambda x, w, b: MF.conv2d(x, w, b, (2, 1), (1, 2), (1, 2), 2), [(1, 4, 5, 5), (2, 2, 3, 2), (2,)]),
        (lambda x, w, b: MF.conv_transpose1d(x, w, b, 2, 1, 1), [(2, 2, 4), (2, 3, 3), (3,)]),
        (lambda x, w, b: MF.batch_norm(x, None, None, w, b, True), [(4, 2, 3), (2,), (2,)]),
        (lambda x, w, b: MF.layer_norm(x, (3,), w, b), [(4, 3), (3,), (3,)]),
        (lambda x, w, b: MF.group_norm(x, 2, w, b), [(2, 4, 3), (4,), (4,)]),
        (lambda x: MF.gelu(x), [(5,)]),
        (lambda x: MF.cross_entropy(x, microtorch.tensor([1, 0, 2])), [(3, 4)]),
    ],
)
def test_second_derivatives(function, shapes):
    inputs = tuple(points(*s) for s in shapes)
    assert microtorch.autograd.gradcheck(function, inputs)
    assert microtorch.autograd.gradgradcheck(function, inputs)


@pytest.mark.parametrize("name", ["sum", "mean", "amax", "amin", "std", "logsumexp", "count_nonzero"])
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (2, 3, 64, 64), (2, 3, 100, 100), (64, 64)])
def test_reductions_along_dimensions_in_any_order(name, shape):
    """dim=(-1, -2) is dim=(-2, -1), for small arrays and for those that are reduced another way."""
    x = torch.arange(float(np.prod(shape))).mul(0.37).sin().reshape(shape)
    mine = microtorch.tensor(x.numpy())
    for dim in ((-1, -2), (-2, -1), (1, 0), (0, -1), (-1, 0), (-1,), (0,), (*range(len(shape)),)):
        for more in ({}, {"keepdim": True}) if name != "count_nonzero" else ({},):
            want, got = getattr(x, name)(dim, **more), getattr(mine, name)(dim, **more)
            assert tuple(got.shape) == tuple(want.shape), (dim, more)
            np.testing.assert_allclose(got.numpy(), want.numpy(), rtol=2e-4, atol=2e-4, err_msg=f"{dim} {more}")


# what random programs found ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["reflect", "replicate"])
@pytest.mark.parametrize(
    ("shape", "pads"),
    [((1, 1, 4), (1, 3, 0, -1)), ((1, 2, 4), (1, 3, -1, -1)), ((1, 2, 4), (-2, -2)), ((1, 2, 2, 4), (1, 3, -1, -1, 0, 0)),
     ((1, 3, 4), (-2, -2, -3, 0)), ((1, 2, 3, 4), (-2, -2, -3, 0, -1, -1)), ((1, 2, 4), (-4, -4))],
)  # fmt: skip
def test_padding_that_leaves_nothing(mode, shape, pads):
    if mode == "reflect" and len(pads) == 6 and pads[0] > 0:  # PyTorch's gradient is memory that it has not written
        return
    agree(
        f"x = torch.ones{shape}.requires_grad_()\ny = F.pad(x, {pads}, mode={mode!r})\ny.sum().backward()\n(y, x.grad)"
    )


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("mode", ["nearest", "nearest-exact"])
@pytest.mark.parametrize("factor", [1.1, 1.3, 2.1, 2.3, 2.9])
def test_nearest_neighbours_of_sizes_kept_or_doubled(factor, mode, channels_last):
    layout = ".to(memory_format=torch.channels_last)" if channels_last else ""
    for n in (1, 2, 3, 4, 5):
        x = f"x = torch.arange({6.0 * n}).reshape(1, 3, 2, {n}){layout}.requires_grad_()"
        agree(
            f"{x}\ny = F.interpolate(x, scale_factor={factor}, mode={mode!r})\n(y * y).sum().backward()\n(y, x.grad.contiguous())"
        )


@pytest.mark.parametrize(
    "program",
    [
        "F.avg_pool3d(torch.ones(1, 2, 1, 2), 2, 3, 1)",
        "F.avg_pool3d(torch.ones(1, 3, 1, 1), 3, 1, 1, True)",
        "F.conv_transpose1d(torch.ones(1, 2), torch.ones(1, 1, 1), None, 1, 2)",
        "F.hardtanh(torch.ones(2, dtype=torch.complex64))",
        "F.relu6(torch.ones(2, dtype=torch.complex64))",
        "torch.where(torch.ones(2) > 0, torch.ones(2), torch.ones(2), out=torch.zeros(2, dtype=torch.float64))",
        "torch.logcumsumexp(torch.ones(2), 0, out=torch.zeros(2, dtype=torch.float64))",
        "torch.softmax(torch.ones(2), 0, out=torch.zeros(2, dtype=torch.float64))",
        "torch.angle(torch.ones(2, 3, 4, dtype=torch.complex64).mT).stride()",
        "a = torch.ones(3)\na.mul_(torch.tensor(1.5, dtype=torch.bfloat16))\na += torch.tensor(2., dtype=torch.float16)\na",
        "y = torch.tensor([.01, .74, -1.15], dtype=torch.float64, requires_grad=True)\n"
        "z = torch.tensor([.01, .74, -1.15])\nz %= y\nz.sum().backward()\n(z, y.grad)",
        "y = torch.tensor([.01, .74, -1.15], dtype=torch.float64, requires_grad=True)\n"
        "z = torch.tensor([.01, .74, -1.15])\nz.fmod_(y)\nz.sum().backward()\n(z, y.grad)",
        "torch.where(torch.tensor([1., 0, 2], dtype=torch.bfloat16))[0]",
        "torch.where(torch.tensor(1., dtype=torch.bfloat16))[0]",
        "[torch.matrix_power(torch.ones(3, 2, 2).mT, n).stride() for n in (0, 1, 2)]",
        "x = torch.tensor([4., -2])\nx.expand(2, 2).index_put_((torch.tensor([0, 1]),), torch.tensor(-3.), accumulate=True)\nx",
        "x = torch.tensor([4., -2])\nx.expand(2, 2).index_put_((torch.tensor([0, 0]),), torch.tensor(1.), accumulate=True)\nx",
        *(
            f"x = torch.tensor([0., -.5, .5], dtype=torch.float64, requires_grad=True)\n"
            f"g, = torch.autograd.grad({f}(x).sum(), x, create_graph=True)\ntorch.autograd.grad(g.sum(), x)[0]"
            for f in ("F.elu", "F.selu", "F.celu")
        ),
        "x = torch.zeros(3, requires_grad=True)\n"
        "y = F.huber_loss(x, torch.arange(3.), weight=torch.arange(1., 4))\n(y, torch.autograd.grad(y, x)[0])",
        *(
            f"x, g = torch.ones({shape}, requires_grad=True), torch.zeros({points}, requires_grad=True)\n"
            "y = F.grid_sample(x, g, align_corners=False)\n(y, *torch.autograd.grad(y.sum(), (x, g)))"
            for shape, points in (
                ("2, 0, 4, 5", "2, 3, 3, 2"),
                ("0, 3, 4, 5", "0, 3, 3, 2"),
                ("2, 1, 4, 5", "2, 0, 3, 2"),
            )
        ),
        # the parameters are of single precision, and so are their gradients, whatever the input's is
        "x = torch.arange(24.).view(2, 3, 4).half() / 7\nw = torch.arange(1., 4, requires_grad=True)\n"
        "F.batch_norm(x, None, None, w, None, True).float().cos().sum().backward()\nw.grad",
        "torch.func.hessian(lambda t: t.cumsum(-1).exp().sum())(torch.ones(2, 2, requires_grad=True)).detach()",
        "x = torch.ones(3, requires_grad=True)\n"
        "torch.autograd.grad(torch.ones(2, requires_grad=True).sum(), x, create_graph=True, materialize_grads=True)",
    ],
)
def test_found_by_random_programs(program):
    agree(program)
