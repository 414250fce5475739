"""torch.masked's reductions and softmax; causal biases and kernels for scaled_dot_product_attention."""

import warnings

import torch
import torch.nn.functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.attention.bias import CausalVariant, causal_lower_right, causal_upper_left


def told(call):
    try:
        print(call())
    except Exception as error:
        print(type(error).__name__, str(error)[:300])


torch.manual_seed(0)
x = torch.randn(3, 4)
m = torch.tensor([[1, 0, 1, 1], [0, 0, 0, 0], [1, 1, 1, 1]]).bool()
for name in "sum prod mean amax amin argmax argmin logsumexp median norm var std softmax log_softmax softmin normalize cumsum cumprod".split():
    f = getattr(torch.masked, name)
    first = (2.0,) if name in ("norm", "normalize") else ()
    print(name)
    for dim in (0, 1, None, (0, 1)):
        if not (name.startswith("arg") and dim == (0, 1)):
            told(lambda: f(x, *first, dim=dim, mask=m))
    told(lambda: f(x, *first, 1, mask=m))
    told(lambda: f(x, *first, dim=1))
    told(lambda: f(x, *first, dim=1, mask=m[0]))
    told(lambda: f(x, *first, dim=1, mask=m, dtype=torch.float64))
    told(lambda: f((x * 10).long(), *first, dim=1, mask=m))
    told(lambda: f(x, *first, dim=5, mask=m))
    if not name.startswith("arg"):
        y = x.clone().requires_grad_()
        f(y, *first, dim=1, mask=m).nan_to_num(0, 0, 0).sum().backward()
        print(y.grad)
told(lambda: torch.masked.sum(x, (0, 0), mask=m))
told(lambda: torch.masked.sum(x, 1, keepdim=True, mask=m[None]))
print(torch.masked.logaddexp(x, 2 * x, input_mask=m, other_mask=m), torch.masked.is_masked_tensor(x))

for bias in (causal_upper_left(3, 5), causal_lower_right(3, 5), causal_upper_left(4, 4)):
    print(
        type(bias),
        bias,
        repr(bias.variant),
        bias.seq_len_q,
        bias.seq_len_kv,
        isinstance(bias, torch.Tensor),
        bias.dtype,
        bias.shape,
    )
q = torch.randn(1, 2, 3, 8, requires_grad=True)
k, v = torch.randn(1, 2, 5, 8), torch.randn(1, 2, 5, 8)
for bias in (causal_upper_left(3, 5), causal_lower_right(3, 5)):
    out = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    q.grad = None
    out.square().sum().backward()
    print(f"{out.sum().item():.4f} {q.grad.sum().item():.4f}")
    told(lambda: F.scaled_dot_product_attention(q, k, v, attn_mask=bias, is_causal=True))
    print(f"{F.scaled_dot_product_attention(q, k, v, bias, scale=0.3).sum().item():.4f}")
    plain = F.scaled_dot_product_attention(q, k, v, attn_mask=bias._materialize())
    print(torch.allclose(out, plain))
with warnings.catch_warnings(record=True) as seen:
    warnings.simplefilter("always")
    print(causal_lower_right(5, 3), [str(w.message) for w in seen])
print(list(CausalVariant))
for kernels in (SDPBackend.MATH, [SDPBackend.FLASH_ATTENTION, SDPBackend.MATH], SDPBackend.EFFICIENT_ATTENTION, "math"):
    try:
        with sdpa_kernel(kernels):
            print(f"{F.scaled_dot_product_attention(q, k, v).sum().item():.4f}")
    except Exception as error:
        print(type(error).__name__, error)
