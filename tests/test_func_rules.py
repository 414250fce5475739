"""vmap of one function after the other against PyTorch: the values, the gradients, and that nothing runs example by
example. In each row an expression, and its arguments: `x=4.3.2` holds four examples of shape (3, 2), `w=5.3/` is the same
for all (in_dims None), `i=4.3<5` are integers below 5.
"""

from __future__ import annotations

import re
import sys
import warnings
from typing import Any

import numpy as np
import pytest
import torch

import microtorch
from microtorch.func import batching
from microtorch.kernels import batched

ROWS = """
F.conv2d(x, w, b, padding=1) | x=4.2.3.6.6 w=5.3.3.3/ b=5/
F.conv2d(x, w, b, padding=1, stride=2) | x=4.2.3.6.6 w=4.5.3.3.3 b=4.5
F.conv2d(x, w, b) | x=4.3.6.6 w=5.3.3.3/ b=4.5
F.conv2d(x, w) | x=2.3.6.6/ w=4.5.3.3.3
F.conv2d(x, w) | x=5.3.6.6/ w=4.5.3.3.3 | loops
F.conv2d(x, w, groups=2) | x=4.2.4.6.6 w=4.6.2.3.3
F.conv2d(x, w, groups=2) | x=2.4.6.6/ w=4.6.2.3.3
F.conv1d(x, w, dilation=2) | x=4.2.4.9 w=4.6.4.3
F.conv3d(x, w) | x=4.2.2.4.4.4 w=3.2.2.2.2/
F.conv_transpose2d(x, w, b, stride=2) | x=4.2.3.4.4 w=4.3.2.3.3 b=4.2
F.conv_transpose2d(x, w, stride=2) | x=4.2.3.4.4 w=3.2.3.3/
F.max_pool2d(x, 2) | x=4.2.3.6.6
F.max_pool2d(x, 2, return_indices=True) | x=4.2.3.6.6
F.max_pool1d(x, 3, 1, 1) | x=4.2.3.6
F.avg_pool2d(x, 2) | x=4.2.3.6.6
F.adaptive_avg_pool2d(x, 2) | x=4.2.3.5.5
F.adaptive_max_pool2d(x, 2) | x=4.2.3.5.5
F.nll_loss(x, t) | x=4.3.5 t=4.3<5
F.nll_loss(x, t, ignore_index=2, weight=torch.arange(5.) + 1) | x=4.3.5 t=4.3<5
F.cross_entropy(x, t) | x=4.3.5 t=4.3<5
F.cross_entropy(x, t) | x=4.5 t=4<5
F.cross_entropy(x, t) | x=4.3.5 t=3<5/
F.cross_entropy(x, t, reduction="sum", label_smoothing=0.1) | x=4.3.5 t=4.3<5
F.cross_entropy(x, t, reduction="none", ignore_index=1) | x=4.3.5 t=4.3<5
F.cross_entropy(x, t, ignore_index=1) | x=4.3.5 t=4.3<5
F.cross_entropy(x, t, weight=torch.arange(5.) + 1) | x=4.3.5 t=4.3<5
F.cross_entropy(x, t) | x=4.2.5.3.3 t=4.2.3.3<5
F.binary_cross_entropy_with_logits(x, y) | x=4.3 y=4.3
F.mse_loss(x, y) | x=4.3 y=4.3
F.batch_norm(x, None, None, w, b, True) | x=4.6.3.2.2 w=3/ b=3/
F.batch_norm(x, torch.zeros(3), torch.ones(3) * 2, w, b, False) | x=4.6.3.2.2 w=3/ b=3/
F.batch_norm(x, None, None, w, b, True) | x=4.6.3 w=4.3 b=4.3
F.instance_norm(x) | x=4.6.3.2.2
F.group_norm(x, 2, w, b) | x=4.2.4.3.3 w=4/ b=4/
F.group_norm(x, 2, w, b) | x=4.2.4.3.3 w=4.4 b=4.4
F.layer_norm(x, (4,), w, b) | x=4.2.4 w=4/ b=4/
F.layer_norm(x, (4,), w, b) | x=4.2.4 w=4.4 b=4.4
F.rms_norm(x, (4,), w) | x=4.2.4 w=4/
F.embedding(i, w) | i=4.3<5 w=5.2/
F.embedding(i, w, padding_idx=1) | i=4.3<5 w=4.5.2
F.embedding(i, w) | i=3<5/ w=4.5.2
F.one_hot(i, 5) | i=4.3<5
x[i] | x=4.5.2 i=4.3<5
x[i] | x=4.5.2 i=3<5/
x[i] | x=5.2/ i=4.3<5
x[:, i] | x=4.2.5 i=4.3<5
x[:, i] | x=2.5/ i=4.3<5
x[:, i, :, j] | x=4.2.5.2.5 i=4.3<5 j=4.3<5
x[i, i] | x=4.5.5 i=4.3<5
x[i, :, i] | x=4.5.2.5 i=3<5/
x.gather(0, i) | x=4.5.2 i=4.3.2<5
x.gather(0, i) | x=5.2/ i=4.3.2<5
torch.take_along_dim(x, i, 0) | x=4.5.2 i=4.3.2<5
x.index_select(0, i) | x=4.5.2 i=4.3<5
x.index_select(1, i) | x=4.2.5 i=3<5/
x.scatter_add(0, i, s) | x=4.5.2 i=4.3.2<5 s=4.3.2
x.scatter_reduce(0, i, s, "sum") | x=4.5.2 i=4.3.2<5 s=4.3.2
x.scatter(1, i, s) | x=4.2.5 i=4.2.1<5 s=4.2.1
x.index_add(0, i, s) | x=4.5.2 i=4.3<5 s=4.3.2
x.index_add(1, i, s, alpha=2) | x=4.2.5 i=4.3<5 s=4.2.3
x.index_add(0, i, s) | x=4.5.2 i=3<5/ s=4.3.2
x.index_put((i,), s, accumulate=True) | x=4.5.2 i=4.3<5 s=4.3.2
x.masked_fill(x > 0, 0.0) | x=4.5.2
torch.where(x > 0, x, 0.0) | x=4.5.2
x.sort(0)[0] | x=4.5.2
x.topk(2, 0)[0] | x=4.5.2
x.max(0)[0] | x=4.5.2
x.median(0)[0] | x=4.5
x.cumsum(0) | x=4.5.2
x.logcumsumexp(0) | x=4.5
x.var(0) | x=4.5.2
x.std() | x=4.5
torch.linalg.norm(x) | x=4.5.2
x.logsumexp(-1) | x=4.5.2
F.scaled_dot_product_attention(q, k, v) | q=4.2.3.5 k=4.2.3.5 v=4.2.3.5
F.scaled_dot_product_attention(q, k, v) | q=4.1.2.3.5 k=4.1.2.3.5 v=4.1.2.3.5
F.scaled_dot_product_attention(q, k, v, attn_mask=m) | q=4.2.3.5 k=4.2.3.5 v=4.2.3.5 m=3.3/
F.linear(x, w, b) | x=4.3 w=4.2.3 b=4.2
F.linear(x, w, b) | x=4.5.3 w=2.3/ b=2/
F.gelu(x) | x=4.5.2
F.silu(x) | x=4.5.2
F.glu(x) | x=4.2.4
F.prelu(x, w) | x=4.2.3 w=1/
F.pad(x, (1, 1)) | x=4.5.2
F.pad(x, (1, 1), mode="reflect") | x=4.5.3
F.interpolate(x, scale_factor=2) | x=4.1.2.3.3
F.interpolate(x, scale_factor=2, mode="bilinear") | x=4.1.2.3.3
F.unfold(x, 2) | x=4.1.2.3.3
F.normalize(x, dim=-1) | x=4.2.4
F.cosine_similarity(x, y, dim=-1) | x=4.5.2 y=4.5.2
torch.cdist(x, y) | x=4.5.2 y=4.3.2
torch.linalg.cholesky(x @ x.mT + torch.eye(3)) | x=4.3.3
torch.linalg.det(x) | x=4.3.3
x.tril() | x=4.3.3
x.flip(0) | x=4.3.3
x.diagonal() | x=4.3.3
torch.diag_embed(x) | x=4.3
x.prod(0) | x=4.3
torch.fft.rfft(x).abs() | x=4.2.4
x.repeat_interleave(2, 0) | x=4.2.4
x.unfold(0, 2, 1) | x=4.5
"""


def arguments(text: str, lib: Any) -> tuple[list[str], list[Any], tuple[int | None, ...]]:
    """(names, tensors, in_dims) of a row."""
    names, values, dims = [], [], []
    for n, word in enumerate(text.split()):
        name, shape, high, shared = re.fullmatch(r"(\w)=([\d.]+)(?:<(\d+))?(/?)", word).groups()  # type: ignore[union-attr]
        size, draw = [int(s) for s in shape.split(".")], np.random.RandomState(n)
        values.append(lib.from_numpy(draw.randint(0, int(high), size) if high else draw.randn(*size)))
        names.append(name)
        dims.append(None if shared else 0)
    return names, values, tuple(dims)


def results(expression: str, text: str, lib: Any) -> list[Any]:
    """What vmap gives, and vmap of the gradient of the squares' sum."""
    names, values, dims = arguments(text, lib)
    scope = {"torch": lib, "F": lib.nn.functional}
    lib.set_default_dtype(lib.float64)
    try:
        f = eval(f"lambda {', '.join(names)}: {expression}", scope)

        def loss(*xs: Any) -> Any:
            first = f(*xs)
            return ((first[0] if isinstance(first, tuple) else first) ** 2).sum()

        found = lib.vmap(f, dims)(*values)
        floating = tuple(i for i, v in enumerate(values) if v.is_floating_point())
        grads = lib.func.vmap(lib.func.grad(loss, floating), dims)(*values) if floating else ()
    finally:
        lib.set_default_dtype(lib.float32)
    return [*(found if isinstance(found, tuple) else (found,)), *grads]


@pytest.mark.parametrize("row", ROWS.strip().split("\n"))
def test_all_examples_at_once(row: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expression, text, *loops = row.split(" | ")
    looped: list[str] = []
    example, whole = batched._example, batching._one_by_one

    def noted(value: Any, level: int, i: int) -> Any:
        looped.append(str(sys._getframe(2).f_locals.get("kernel")))
        return example(value, level, i)

    def noted_whole(*args: Any) -> Any:
        looped.append("the whole function")
        return whole(*args)

    monkeypatch.setattr(batched, "_example", noted)
    monkeypatch.setattr(batching, "_one_by_one", noted_whole)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = results(expression, text, torch)
        ours = results(expression, text, microtorch)
    assert len(theirs) == len(ours)
    for a, b in zip(theirs, ours):
        np.testing.assert_allclose(b.detach().numpy(), a.detach().numpy(), rtol=1e-9, atol=1e-9)
    assert bool(looped) == bool(loops), looped[:3]
