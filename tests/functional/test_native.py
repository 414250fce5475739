"""The functions of `torch` itself that are called otherwise than those of nn.functional, beside torch's."""

import pytest

from tests.nn.cases import check, programs

CASES = """
v = torch.ones(3); torch.batch_norm(torch.randn(2, 3, 4, 4), v, None, v * 0, v, True, .1, 1e-5, True)
torch.batch_norm(torch.randn(2, 3), None, None, None, None, False, .1, 1e-5, True)
torch.instance_norm(torch.randn(2, 3, 4), None, None, None, None, False, .1, 1e-5, True)
v = torch.ones(3); torch.instance_norm(torch.randn(2, 3, 4), v, v, v * 0, v, True, .1, 1e-5, True)
torch.layer_norm(torch.randn(2, 3), (3,), None, None, 1e-5, False)
torch.group_norm(torch.randn(1, 4), 4, None, None, 1e-5, False)
torch.dropout(torch.ones(4, 4), .5, True)
torch.dropout(torch.ones(4), 1.5, True)
torch.alpha_dropout(torch.ones(4), .5, True)
torch.feature_dropout(torch.ones(4, 4, 2), .5, True)
torch.feature_alpha_dropout(torch.ones(4, 4, 2), .5, True)
x = torch.ones(4); torch.dropout_(x, .5, True); x
w = torch.eye(3).requires_grad_(); torch.embedding(w, torch.tensor([0, 2]), 2).sum().backward(); w.grad
torch.kl_div(torch.zeros(3), torch.ones(3) / 3)
torch.kl_div(torch.zeros(3), torch.ones(3) / 3, 2)
torch.kl_div(torch.zeros(3), torch.ones(3) / 3, reduction='mean')
torch.max_pool2d(torch.randn(2, 3, 4, 4, requires_grad=True), 2)
torch.max_pool1d_with_indices(torch.randn(3, 4), 2)
torch.adaptive_max_pool1d(torch.randn(3, 4), 2)
torch.native_dropout(torch.ones(3, requires_grad=True), .5, True)
x = torch.ones(1, 3, 4, requires_grad=True); y = torch.adaptive_avg_pool1d(x, 1); y.sin().sum().backward(); (y, x.grad)
torch.native_dropout(torch.ones(3), .5, False)
torch.native_dropout(torch.ones(3), 1., True)
x = torch.ones(4, requires_grad=True); torch.native_dropout(x, .5, True)[0].sum().backward(); x.grad
torch.convolution(torch.randn(1, 2, 3, 3), torch.ones(2, 2, 2, 2), None, [1, 1], [0, 0], [1, 1], False, [0, 0], 1)
torch.convolution(torch.randn(1, 2, 3, 3), torch.ones(2, 2, 2, 2), None, [1, 1], [0, 0], [1, 1], True, [0, 0], 1)
torch.grid_sampler(torch.randn(2, 1, 3, 3), torch.zeros(2, 1, 1, 2), 1, 2, True)
torch.affine_grid_generator(torch.randn(1, 2, 3), [1, 1, 2, 2], True)
torch.constant_pad_nd(torch.ones(2, 3), [1, 1], 2)
torch.constant_pad_nd(torch.ones(2, 3), [1, 1, 1], 2)
x = torch.ones(3, 2); torch.embedding_renorm_(x, torch.tensor([1]), 1., 2.); x
torch.hinge_embedding_loss(torch.ones(2), torch.ones(2))
torch.margin_ranking_loss(torch.ones(2), torch.ones(2), torch.ones(2), .5, 2)
torch.triplet_margin_loss(torch.ones(2, 2), torch.zeros(2, 2), torch.ones(2, 2))
torch.cosine_embedding_loss(torch.ones(2, 3), torch.ones(2, 3), torch.ones(2), 0., 1)
torch.poisson_nll_loss(torch.ones(2), torch.ones(2), True, False, 1e-8, 1)
torch.ctc_loss(torch.ones(4, 2, 3).log_softmax(2), torch.tensor([[1, 2], [1, 1]]), [4, 4], [2, 2], 0, 2, False)
torch.binary_cross_entropy_with_logits(torch.ones(2), torch.zeros(2))
torch.native_layer_norm(torch.randn(2, 3, 4, requires_grad=True), [4], None, None, 1e-5)
torch.native_group_norm(torch.randn(2, 3, 4, requires_grad=True), None, None, 2, 3, 4, 1, 1e-5)
torch.native_batch_norm(torch.randn(2, 3, requires_grad=True), None, None, None, None, True, .1, 1e-5)
torch.native_batch_norm(torch.randn(2, 3, 4), None, None, torch.zeros(3), torch.ones(3), False, .1, 1e-5)
torch.native_layer_norm(torch.randn(3, 2).half(), [2], None, None, 1e-5)[1].dtype
"""

BATCH_NORM = """
y = m(x); m.running_var.fill_(3.); y.sum().backward()
y = m(x); _ = m.train()(torch.randn(5, 2)); y.sum().backward(); x.grad
x = torch.zeros(0, 2, 3, requires_grad=True); m(x).sum().backward(); (x.grad, m.weight.grad, m.running_mean)
x = torch.zeros(0, 2, requires_grad=True); m.train()(x).sum().backward(); (x.grad, m.weight.grad, m.running_mean)
"""
SETUP = "m = torch.nn.BatchNorm1d(2).eval(); x = torch.ones(2, 2, requires_grad=True)"


@pytest.mark.parametrize(("before", "line"), programs(CASES) + programs(BATCH_NORM, SETUP))
def test_native(before: str, line: str) -> None:
    check(before, line, exact=False)
