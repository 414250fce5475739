"""What random programs have found, each as the few lines that show it: both libraries must do the same."""

from __future__ import annotations

import pytest

from tests.differential import difference

FOUND = [
    "x = torch.ones(3); x.map_(torch.ones(3), lambda a, b: a + b); x.apply_(lambda v: v + 1); (x, x._version)",
    "torch.geqrf(torch.tensor([[2., 1], [0, 3]], requires_grad=True)).a.requires_grad",
    "torch.geqrf(torch.tensor([[2., 1], [0, 3]], requires_grad=True)).a.sum().backward()",
    "torch.linalg.qr(torch.tensor([[2., 1], [0, 3]], requires_grad=True), mode='r').R.sum().backward()",
    *[f"torch.unique_consecutive(torch.tensor([[[1, 1, 2], [3, 3, 4]]] * 2), dim={d})" for d in range(3)],
    "p = torch.arange(12.).reshape(3, 2, 2); q = torch.nn.utils.rnn.unpad_sequence(p, torch.tensor([2, 1])); q[0].zero_(); (p, q)",
    "torch.nn.utils.rnn.pad_sequence([torch.tensor([1, 2]), torch.tensor([1.5])])",
    "torch.nn.utils.rnn.pad_sequence([torch.tensor([1.5]), torch.tensor([1, 2])])",
    "torch.manual_seed(0); torch.nn.functional.gumbel_softmax(torch.tensor(0.), hard=True)",
    "b = torch.ones(2, 3); c = b.view(3, 2); b.resize_(6); (b._version, c._version)",
    "torch.unravel_index(torch.arange(6).reshape(2, 3), (2, 3, 1))",
    "torch.manual_seed(0); torch.nn.functional.gumbel_softmax(torch.ones(2, 3, 4).permute(2, 0, 1), hard=True)",
    "torch.diagflat(torch.arange(1., 6)) // 0",
    "torch.full((40,), 2.0) // 0",
    "torch.arange(40.) // 3e-8",
    "x = torch.nn.functional.cosine_similarity(torch.ones(2), torch.ones(2), dim=-1); x[True] = 2.0; x",
    "torch.view_copy(torch.ones(2, 3).T, (-1,))",
    "x = torch.ones(4, requires_grad=True); (x * 1).scatter(0, torch.tensor([0]), 0.5, reduce='add').sum().backward()",
    "x = torch.ones(4, requires_grad=True); (x * 1).scatter_(0, torch.tensor([0]), 0.5, reduce='multiply')",
    "x = torch.ones(2, requires_grad=True); torch.autograd.grad(x * 2, [x, torch.ones(2, requires_grad=True)], torch.ones(3, 2), is_grads_batched=True, materialize_grads=True)",
    *[
        f"torch.manual_seed(0); x = torch.ones(4, 2, 2, requires_grad=True); y = torch.nn.{kind}(2, 3)({given})[0]{data}; y.mul_(2); "
        "y.sum().backward(); x.grad"
        for kind in ("RNN", "GRU", "LSTM")
        for given, data in (("x", ""), ("torch.nn.utils.rnn.pack_padded_sequence(x, [4, 3])", ".data"))
        if (kind, data) != ("LSTM", "")  # there PyTorch's fused kernel saves its result, and complains
    ],
    "x = torch.rand(2, 3, 2).transpose(0, 2); torch.nn.functional.cosine_similarity(x, x, dim=-1)",
    "x = torch.rand(3, 2, dtype=torch.float64).expand(4, 3, 2); (x.half(), x.transpose(0, 2).half())",
    "x, w = (torch.tensor(v, requires_grad=True) for v in ([-1.0, 0.0, 2.0, 0.0], [0.3])); y = torch.nn.functional.prelu(x, w); "
    "g = torch.autograd.grad((y**2 + y).sum(), (x, w), create_graph=True); "
    "h = torch.autograd.grad((g[0] * torch.arange(1.0, 5)).sum() + g[1].sum(), (x, w), create_graph=True); "
    "torch.autograd.grad((h[0] * torch.arange(1.0, 5)).sum() + h[1].sum(), (x, w))",
    *[
        f"torch.{call}"
        for call in (
            "zeros(1, 1) @ torch.full((1, 3), torch.inf)",
            "full((3, 1), torch.inf) @ torch.zeros(1, 1)",
            "nn.functional.linear(torch.zeros(1), torch.full((3, 1), torch.inf))",
            "addmm(torch.ones(3), torch.zeros(1, 1), torch.full((1, 3), torch.inf))",
            "einsum('ij,jk->ik', torch.zeros(1, 1), torch.full((1, 3), torch.inf))",
        )
    ],
    "x = torch.rand(2, 3, 2).half().expand(2, -1, -1, -1); (x @ torch.ones(2).half(), x * 2)",
    "x = torch.zeros(3, 4, requires_grad=True); x[3, torch.tensor([3])] = torch.tensor(1.0, dtype=torch.float64)",
    *[
        f"torch.manual_seed(0); x, w = (torch.randn(s, dtype=torch.complex64, requires_grad=True) for s in ((2, 4, 6, 6), {shape})); "
        f"y = torch.nn.functional.conv2d(x, w, groups={groups}); y.backward(y.detach()); (y.detach(), x.grad, w.grad)"
        for groups, shape in ((1, (4, 4, 3, 3)), (2, (4, 2, 3, 3)), (4, (8, 1, 3, 3)), (4, (4, 1, 1, 1)))
    ],
    "torch.nn.functional.conv_tbc(torch.ones(5, 2, 2), torch.ones(2, 2, 3), torch.ones(3))",
    "x = torch.tensor(1.2345).bfloat16(); (format(x, '.2f'), f'{x}', '%.1f' % x)",
    "v = torch.ones(3, requires_grad=True) * 2; y = torch.nn.functional.rrelu(v, training=True); v.neg_(); y.sum().backward()",
    "torch.ones(1, dtype=torch.complex64).real.view(torch.bool)",
    "torch.ones(4, 3).T[:, :1].view(torch.float64)",
    "torch.ones(4, 3).T.view(torch.float64)",
    "torch.ones(3, 4)[:, ::2].view(torch.float64)",
    "x = torch.rand(1, 2, 2, 3).mT; torch.nn.functional.scaled_dot_product_attention(x, x, x).stride()",
    *[f"torch.{name}(torch.ones(2, 2, dtype=torch.bfloat16), 0.5, 1)" for name in ("quantile", "nanquantile")],
    *[
        f"torch.manual_seed(0); x = torch.rand(1, 2, {size}, requires_grad=True); w = torch.rand(4, 1, {kernel}, requires_grad=True); "
        f"torch.nn.functional.conv{n}d(x, w, None, 3, 1, 2, 2).sum().backward(); (x.grad, w.grad)"
        for n, size, kernel in ((2, "2, 2", "2, 1"), (3, "2, 2, 2", "2, 2, 1"))  # taps that read padding alone
    ],
    *[
        f"torch.trapezoid(torch.zeros(2, 0{more}), dx=2.5)"
        for more in ("", ", requires_grad=True", ", dtype=torch.uint8")
    ],
    *[
        f"x = torch.ones(2, 3, 4, 4, 4).to(memory_format=torch.channels_last_3d); torch.nn.functional.{pool}.stride()"
        for pool in ("avg_pool3d(x, 2)", "adaptive_avg_pool3d(x, 2)", "adaptive_max_pool3d(x, 2)", "max_pool3d(x, 2)")
    ],
    *[
        f"x = {x}; y = x.{call}; (y is x, y.stride(), y._is_view(), type(y.grad_fn).__name__)"
        for x in (
            "torch.ones(2, 1, 4, 4, requires_grad=True)",
            "torch.ones(2, 4, 4, 3).permute(0, 3, 1, 2)[:, :, ::2]",
            "torch.ones(2, 3, 4, 5, requires_grad=True).mT",
            "torch.ones(1, 2, 3, 4).to(memory_format=torch.channels_last).reshape(1, 2, 4, 3)",
        )
        for call in (
            "to(memory_format=torch.channels_last)",
            "to(memory_format=torch.contiguous_format)",
            "to(torch.float64, memory_format=torch.channels_last)",
            "double(memory_format=torch.contiguous_format)",
            "float(memory_format=torch.channels_last)",
            "cpu(memory_format=torch.channels_last)",
            "contiguous(memory_format=torch.channels_last)",
            "clone(memory_format=torch.channels_last)",
        )
    ],
    "x = torch.arange(24.0).view(2, 3, 2, 2).requires_grad_(); y = x.to(memory_format=torch.channels_last) ** 3; "
    "g, = torch.autograd.grad(y.sum(), x, create_graph=True); (g * x).sum().backward(); (g, x.grad, x.grad.stride())",
    "x = torch.tensor([1.0, 3, 2]); y = x.max(0); z = torch.min(x, -1); x.neg_(); (y.values, z.values)",
    "x = torch.tensor(1.5); x[()] = x.clone(); x[()] = 2; x",
    *[f"torch.tensor({data})" for data in ("'a'", "['a']", "[1, 'a']", "''", "['']", "[b'a']", "[['a'], 1]")],
    "torch.ones(2).repeat()",
    "x = torch.zeros(2, 3); y = x.T; z = x[1:]; x.share_memory_(); x[1, 2] = 1; (x.is_shared(), x, y, z)",
    *[
        f"torch.cholesky_solve(torch.ones({b}), torch.ones({u}))"
        for b, u in (("3, 1", "2, 2"), ("2, 1", "2, 3"), ("4, 2, 1", "3, 2, 2"))
    ],
    *[f"torch.linalg.vector_norm(torch.ones(2), {ord})" for ord in ("'fro'", "None", "1j", "True")],
    *[
        f"import warnings; w = []; warnings.simplefilter('always'); warnings.showwarning = lambda message, *more: w.append(str(message)[:90]); "
        f"x = torch.ones(1, 2); y = {call}; w"
        for call in (
            "torch.tensor(x)",
            "x.new_tensor(x)",
            "x.var(0)",
            "torch.std_mean(x, 0)",
            "x.std(correction=2)",
            "x.var(0, unbiased=False)",
        )
    ],
    "w = torch.ones(2, requires_grad=True); v = w * 1; "
    "y = torch.utils.checkpoint.checkpoint(lambda t: (t * 2).tanh(), v, use_reentrant=False); v.zero_(); y.sum().backward()",
]


@pytest.mark.parametrize("program", FOUND)
def test_found(program: str) -> None:
    *before, last = program.split("; ")
    found = difference("\n".join([*before, last]), exact=False)
    assert found is None, found
