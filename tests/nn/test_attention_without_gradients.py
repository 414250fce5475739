"""nn.MultiheadAttention where no backward pass will come: one entry, in PyTorch another way, too."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch

import microtorch

torch.set_num_threads(1)

LENGTH, BATCH, SIZE = 5, 2, 12


def run(
    T: Any, dtype: str, batch_first: bool, inputs: str, padding: Any, mask: Any, heads: int, bias: bool, batched: bool,
    **options: Any,
) -> tuple[Any, Any]:  # fmt: skip
    """The result and the weights in framework T."""
    T.manual_seed(0)
    kind, rng = getattr(T, dtype), np.random.default_rng(0)
    net = T.nn.MultiheadAttention(SIZE, heads, batch_first=batch_first, bias=bias).to(kind).eval()
    shape = ((BATCH, LENGTH) if batch_first else (LENGTH, BATCH)) if batched else (LENGTH,)
    a, b, c = (T.tensor(rng.standard_normal((*shape, SIZE)), dtype=kind) for _ in range(3))
    hidden, ahead = np.zeros((BATCH, LENGTH), bool), np.triu(np.ones((LENGTH, LENGTH), bool), 1)
    hidden[0, 3:] = True
    masks = {
        None: None,
        "bool": T.tensor(ahead),
        "hidden": T.tensor(hidden),
        "added": T.tensor(-5.0 * hidden, dtype=kind),
        "numbers": T.tensor(rng.standard_normal((BATCH * heads, LENGTH, LENGTH)), dtype=kind),
    }
    given = {"one": (a, a, a), "memory": (a, b, b), "three": (a, b, c)}[inputs]
    with T.no_grad():
        result: tuple[Any, Any] = net(*given, key_padding_mask=masks[padding], attn_mask=masks[mask], **options)
    return result


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("batched", [True, False])
@pytest.mark.parametrize("heads", [2, 3])
@pytest.mark.parametrize("inputs", ["one", "memory", "three"])
@pytest.mark.parametrize("batch_first", [True, False])
def test_as_torch(twin: str, batch_first: bool, inputs: str, heads: int, batched: bool, dtype: str) -> None:
    """Values, strides and what is None, with all masks; one query only sees hidden keys in none of them."""
    flags = (True, False)
    for padding, mask, bias, wanted, average in itertools.product(
        (None, "hidden", "added") if batched else (None,), (None, "bool", "numbers"), flags, flags, flags
    ):
        if mask == "numbers" and not batched:
            continue
        options = {"need_weights": wanted, "average_attn_weights": average}
        theirs, ours = (
            run(T, dtype, batch_first, inputs, padding, mask, heads, bias, batched, **options)
            for T in (torch, microtorch)
        )
        for a, b in zip(theirs, ours):
            assert (a is None) == (b is None)
            if a is not None:
                assert a.shape == b.shape and a.stride() == b.stride()
                np.testing.assert_allclose(b.numpy(), a.numpy(), rtol=2e-5, atol=2e-6 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize("wrong", ["padding", "mask", "value"])
def test_errors_as_torch(wrong: str) -> None:
    """What does not fit is refused in the same words as by the recorded way."""
    messages = []
    for T in (torch, microtorch):
        net, x = T.nn.MultiheadAttention(4, 2).eval(), T.zeros(3, 2, 4)
        options = {
            "padding": {"key_padding_mask": T.zeros(2, 4, dtype=T.bool)},
            "mask": {"attn_mask": T.zeros(3, 4, dtype=T.bool)},
        }.get(wrong, {})
        with T.no_grad(), pytest.raises(Exception) as caught:  # noqa: PT011 (compared with torch's below)
            net(x, x, x[:2] if wrong == "value" else x, **options)
        messages.append((type(caught.value), str(caught.value)))
    assert messages[0] == messages[1]
