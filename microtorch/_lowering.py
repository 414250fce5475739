"""What a public function is made of below autograd: the calls of `torch.ops.aten` that a TorchDispatchMode sees.

`lowered(func, name)` computes `func(*args, **kwargs)` by such calls. A function that is not named here is one operation
of its own name; one that PyTorch writes in Python is seen through what it calls; questions (a shape) are no operations.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

import microtorch
from microtorch import return_types
from microtorch._ops import OpOverloadPacket, namespace
from microtorch.dtypes import bool_
from microtorch.functions.linalg import best_order
from microtorch.profiler.names import _QUESTIONS, _UNSEEN

aten: Any = namespace("aten")

_PYTHON = frozenset(
    """multi_head_attention_forward interpolate normalize gumbel_softmax local_response_norm lp_pool1d lp_pool2d
    softmin softsign tanhshrink gaussian_nll_loss multilabel_soft_margin_loss triplet_margin_with_distance_loss
    upsample backward grad""".split()
)
"""Functions that are seen through what they call."""

_TO = frozenset("float double half bfloat16 int long short char byte bool cfloat cdouble".split())


# products -------------------------------------------------------------------------------------------------------------


def _matmul(x: Any, y: Any) -> Any:
    """`x @ y` by mm, mv, dot and bmm, as ATen folds axes together (aten/src/ATen/native/LinearAlgebra.cpp)."""
    m, n = x.dim(), y.dim()
    if m == 1 and n == 1:
        return aten.dot(x, y)
    if m == 2 and n == 1:
        return aten.mv(x, y)
    if m == 1 and n == 2:
        return aten.squeeze(aten.mm(aten.unsqueeze(x, 0), y), 0)
    if m == 2 and n == 2:
        return aten.mm(x, y)
    if m >= 3 and n <= 2:  # all rows at once
        rows, shape = aten.view(x, [-1, x.shape[-1]]) if x.is_contiguous() else _copied(x), x.shape[:-1]
        if n == 1:
            return aten._unsafe_view(aten.mv(rows, y), list(shape))
        return aten._unsafe_view(aten.mm(rows, y), [*shape, y.shape[-1]])
    if n >= 3 and m <= 2 and m == 1:
        return aten.squeeze(_matmul(aten.unsqueeze(x, 0), y), -2)
    batch = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    size = math.prod(batch)
    left, right = (_reshaped(aten.expand(t, [*batch, *t.shape[-2:]]), [size, *t.shape[-2:]]) for t in (x, y))
    return aten._unsafe_view(aten.bmm(left, right), [*batch, x.shape[-2], y.shape[-1]])


def _copied(x: Any) -> Any:
    return aten._unsafe_view(aten.clone(x, memory_format=microtorch.contiguous_format), [-1, x.shape[-1]])


def _reshaped(x: Any, shape: Any) -> Any:
    """`x.reshape(shape)`: a view, or of a copy."""
    try:
        x._data.reshape(shape, copy=False)
    except ValueError:
        return aten._unsafe_view(aten.clone(x, memory_format=microtorch.contiguous_format), list(shape))
    return aten.view(x, list(shape))


def _linear(input: Any, weight: Any, bias: Any = None) -> Any:
    if input.dim() == 2 and bias is not None:
        return aten.addmm(bias, input, aten.t(weight))
    if bias is not None and input.dim() == 3 and input.is_contiguous():
        rows = aten.view(input, [-1, input.shape[-1]])
        return aten.view(aten.addmm(bias, rows, aten.t(weight)), [*input.shape[:-1], weight.shape[0]])
    out = _matmul(input, aten.t(weight) if weight.dim() == 2 else weight)
    return out if bias is None else aten.add_(out, bias)


def _multi_dot(*tensors: Any) -> Any:
    """The product of several matrices, in the order of least work."""
    if len(tensors) == 1:
        tensors = tuple(tensors[0])
    if len(tensors) < 3 or any(t.dim() != 2 for t in tensors):
        return aten.linalg_multi_dot(list(tensors)) if len(tensors) != 2 else _matmul(*tensors)
    cuts = best_order([tensors[0].shape[0], *(t.shape[1] for t in tensors)])

    def run(i: int, j: int) -> Any:
        return tensors[i] if i == j else aten.mm(run(i, cuts[i, j]), run(cuts[i, j] + 1, j))

    return run(0, len(tensors) - 1)


def _einsum(equation: Any, *operands: Any) -> Any:
    """One or two operands whose product is that of matrices; others are one operation of that name."""
    if len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = tuple(operands[0])
    if not isinstance(equation, str) or len(operands) != 2 or "." in equation:
        return aten.einsum(equation, *operands)
    left, arrow, out = equation.replace(" ", "").partition("->")
    a, b = left.split(",")
    if not arrow or any(len(set(s)) != len(s) for s in (a, b, out)):
        return aten.einsum(equation, *operands)
    sizes = dict(zip(a + b, [*operands[0].shape, *operands[1].shape]))
    x, y = operands
    for letters, other, which in ((a, b, 0), (b, a, 1)):
        alone = [i for i, c in enumerate(letters) if c not in other and c not in out]
        if alone:
            if which == 0:
                x, a = aten.sum(x, alone), "".join(c for i, c in enumerate(letters) if i not in alone)
            else:
                y, b = aten.sum(y, alone), "".join(c for i, c in enumerate(letters) if i not in alone)
    batch = [c for c in a if c in b and c in out]
    inner = [c for c in a if c in b and c not in out]
    rows, columns = [c for c in a if c not in b], [c for c in b if c not in a]
    if not inner:
        return aten.einsum(equation, *operands)

    def size(letters: list[str]) -> int:
        return math.prod(sizes[c] for c in letters)

    x = aten.permute(x, [a.index(c) for c in (*batch, *rows, *inner)])
    y = aten.permute(y, [b.index(c) for c in (*batch, *inner, *columns)])
    product = aten.bmm(
        _reshaped(x, [size(batch), size(rows), size(inner)]), _reshaped(y, [size(batch), size(inner), size(columns)])
    )
    order = [*batch, *rows, *columns]
    return aten.permute(aten.view(product, [sizes[c] for c in order]), [order.index(c) for c in out])


def _attention(
    query: Any, key: Any, value: Any, attn_mask: Any = None, dropout_p: float = 0.0, is_causal: bool = False,
    scale: float | None = None, enable_gqa: bool = False,
) -> Any:  # fmt: skip
    grown = attn_mask is not None and attn_mask.requires_grad
    if query.dim() == 4 and not dropout_p and not enable_gqa and not grown:
        return aten._scaled_dot_product_flash_attention_for_cpu(
            query, key, value, 0.0, is_causal, attn_mask=attn_mask, scale=scale
        )[0]
    if enable_gqa:
        key = key.repeat_interleave(query.shape[-3] // key.shape[-3], -3)
        value = value.repeat_interleave(query.shape[-3] // value.shape[-3], -3)
    root = math.sqrt(1 / math.sqrt(query.shape[-1]) if scale is None else scale)
    scores = _matmul(aten.mul(query, root), aten.mul(aten.transpose(key, -2, -1), root))
    if is_causal:
        attn_mask = aten.tril(aten.ones([query.shape[-2], key.shape[-2]], dtype=bool_))
    if attn_mask is not None:
        if attn_mask.dtype is bool_:
            attn_mask = microtorch.zeros(attn_mask.shape).masked_fill(attn_mask.logical_not(), -math.inf)
        scores = aten.add(scores, attn_mask)
    weights = aten._softmax(scores, -1, False)
    return _matmul(_dropout(weights, dropout_p) if dropout_p else weights, value)


def _recurrent(name: str) -> Callable[..., Any]:
    """GRUs and simple RNNs: a product for all inputs, and one for each step; those of packed sequences are one call."""
    packet = getattr(aten, name)
    slope = {"rnn_tanh": "tanh", "rnn_relu": "relu"}.get(name)

    def step(given: Any, h: Any, w: Any, b: Any) -> Any:
        own = _linear(h, w, b)
        if slope is not None:
            return getattr(aten, slope)(aten.add(given, own))
        (ri, zi, ni), (rh, zh, nh) = aten.chunk(given, 3, 1), aten.chunk(own, 3, 1)
        r, z = aten.sigmoid(aten.add(ri, rh)), aten.sigmoid(aten.add(zi, zh))
        n = aten.tanh(aten.add(ni, aten.mul(r, nh)))
        return aten.add(aten.mul(aten.sub(h, n), z), n)

    def recurrent(
        input: Any, hx: Any, params: Any, has_biases: Any, num_layers: Any, dropout: float, train: bool,
        bidirectional: Any, batch_first: Any = None,
    ) -> Any:  # fmt: skip
        if batch_first is None:
            packed = (input, hx, params, has_biases, num_layers, dropout, train, bidirectional)
            return packet.data(*packed)
        x, last = aten.transpose(input, 0, 1) if batch_first else input, []
        count, sides = 4 if has_biases else 2, 2 if bidirectional else 1
        for layer in range(num_layers):
            outs = []
            for side in range(sides):
                place = layer * sides + side
                w_ih, w_hh, b_ih, b_hh = (*params[place * count : (place + 1) * count], None, None)[:4]
                given, h, steps = _linear(x, w_ih, b_ih), aten.select(hx, 0, place), []
                for t in range(len(x) - 1, -1, -1) if side else range(len(x)):
                    h = step(aten.select(given, 0, t), h, w_hh, b_hh)
                    steps.append(h)
                outs.append(aten.stack(steps[::-1] if side else steps))
                last.append(h)
            x = outs[0] if sides == 1 else aten.cat(outs, 2)
            if dropout and train and layer + 1 < num_layers:
                x = _dropout(x, dropout)
        return aten.transpose(x, 0, 1) if batch_first else x, aten.stack(last)

    return recurrent


# layers ---------------------------------------------------------------------------------------------------------------


def _dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    if not training or p == 0:
        return input
    noise = aten.div_.Scalar(aten.bernoulli_.float(aten.empty_like(input), 1 - p), 1 - p)
    return aten.mul_(input, noise) if inplace else aten.mul(input, noise)


def _convolution(n: int, transposed: bool) -> Callable[..., Any]:
    def several(value: Any) -> list[int]:
        return [value] * n if isinstance(value, int) else list(value) * (n // len(value))

    def convolve(
        input: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, *rest: Any, **named: Any
    ) -> Any:
        names = ("output_padding", "groups", "dilation") if transposed else ("dilation", "groups")
        named = {**dict(zip(names, rest)), **named}
        dilation, groups = several(named.get("dilation", 1)), named.get("groups", 1)
        extra = several(named.get("output_padding", 0))
        alone = input.dim() == n + 1
        if isinstance(padding, str):
            totals = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:])] if padding == "same" else [0] * n
            if any(t % 2 for t in totals):
                input = aten.constant_pad_nd(input, [s for t in reversed(totals) for s in (0, t % 2)])
            padding = [t // 2 for t in totals]
        x = aten.unsqueeze(input, 0) if alone else input
        sizes = several(stride), several(padding), dilation, transposed, extra, groups
        out = aten.convolution(x, weight, bias, *sizes)
        return aten.squeeze(out, 0) if alone else out

    return convolve


def _cross_entropy(
    input: Any, target: Any, weight: Any = None, size_average: Any = None, ignore_index: int = -100,
    reduce: Any = None, reduction: str = "mean", label_smoothing: float = 0.0,
) -> Any:  # fmt: skip
    number = ("none", "mean", "sum").index(reduction)
    if target.dtype.is_floating_point or label_smoothing or input.dim() > 2:
        return aten.cross_entropy_loss(input, target, weight, number, ignore_index, label_smoothing)
    log = aten._log_softmax(input, 1 if input.dim() > 1 else 0, False)
    return aten.nll_loss_forward(log, target, weight, number, ignore_index)[0]


def _nll_loss(
    input: Any, target: Any, weight: Any = None, size_average: Any = None, ignore_index: int = -100,
    reduce: Any = None, reduction: str = "mean",
) -> Any:  # fmt: skip
    number = ("none", "mean", "sum").index(reduction)
    return aten.nll_loss_forward(input, target, weight, number, ignore_index)[0]


def _softmax(name: str) -> Callable[..., Any]:
    def softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
        if dim is None:
            dim = 0 if input.dim() in (0, 1, 3) else 1
        x = input if dtype is None or dtype == input.dtype else aten._to_copy(input, dtype=dtype)
        return getattr(aten, name)(x, dim, False)

    return softmax


def _loss(name: str) -> Callable[..., Any]:
    def loss(
        input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean", **more: Any
    ) -> Any:
        return getattr(aten, name)(input, target, ("none", "mean", "sum").index(reduction), **more)

    return loss


def _l1_loss(input: Any, target: Any, size_average: Any = None, reduce: Any = None, reduction: str = "mean") -> Any:
    distance = aten.abs(aten.sub(input, target))
    return distance if reduction == "none" else getattr(aten, reduction)(distance)


def _layer_norm(input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    return aten.native_layer_norm(input, list(normalized_shape), weight, bias, eps)[0]


def _group_norm(input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5) -> Any:
    n, c = input.shape[:2]
    return aten.native_group_norm(input, weight, bias, n, c, math.prod(input.shape[2:]), num_groups, eps)[0]


def _batch_norm(
    input: Any, running_mean: Any, running_var: Any, weight: Any = None, bias: Any = None, training: bool = False,
    momentum: float = 0.1, eps: float = 1e-5,
) -> Any:  # fmt: skip
    return aten.native_batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps)[0]


def _max_pool2d(
    input: Any, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False,
    return_indices: bool = False,
) -> Any:  # fmt: skip
    pair = [v if isinstance(v, int) else list(v) for v in (kernel_size, stride or kernel_size, padding, dilation)]
    sizes = [[v, v] if isinstance(v, int) else v for v in pair]
    out = aten.max_pool2d_with_indices(input, *sizes, ceil_mode)
    return out if return_indices else out[0]


def _adaptive_avg_pool2d(input: Any, output_size: Any) -> Any:
    if output_size in (1, (1, 1), [1, 1]):
        return aten.mean(input, [-1, -2], True)
    return aten._adaptive_avg_pool2d(input, output_size)


def _embedding(
    input: Any, weight: Any, padding_idx: int | None = None, max_norm: float | None = None, norm_type: float = 2.0,
    scale_grad_by_freq: bool = False, sparse: bool = False,
) -> Any:  # fmt: skip
    if max_norm is not None:
        with microtorch.no_grad():
            aten.embedding_renorm_(weight, input, max_norm, norm_type)
    if scale_grad_by_freq or sparse:
        return aten.embedding(weight, input, -1 if padding_idx is None else padding_idx, scale_grad_by_freq, sparse)
    return aten.embedding(weight, input, *(() if padding_idx is None else (padding_idx,)))


# shapes ---------------------------------------------------------------------------------------------------------------


def _sizes(args: tuple[Any, ...]) -> list[int]:
    return list(args[0]) if len(args) == 1 and not isinstance(args[0], int) else list(args)


def _reshape(self: Any, *shape: Any, **named: Any) -> Any:
    sizes = list(named["shape"]) if named else _sizes(shape)
    known = math.prod(s for s in sizes if s != -1)
    return _reshaped(self, [self.numel() // max(known, 1) if s == -1 else s for s in sizes])


def _flatten(self: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    n = self.dim()
    if n == 0:
        return aten.view(self, [1])
    start, end = start_dim % n, end_dim % n
    if start == end:
        return self
    return _reshaped(self, [*self.shape[:start], math.prod(self.shape[start : end + 1]), *self.shape[end + 1 :]])


def _view(self: Any, *shape: Any) -> Any:
    if shape and not isinstance(shape[0], (int, tuple, list)):
        return aten.view.dtype(self, *shape)
    return aten.view(self, _sizes(shape))


def _getitem(self: Any, key: Any) -> Any:
    """Numbers select, slices slice, None makes an axis, tensors index."""
    keys = list(key) if isinstance(key, tuple) else [key]
    keys = [microtorch.tensor(k) if isinstance(k, list) else k for k in keys]
    if any(not (k is None or k is Ellipsis or isinstance(k, (int, slice, microtorch.Tensor))) for k in keys):
        return aten.index(self, keys)
    used = sum(
        (k.dim() if k.dtype is bool_ else 1) if isinstance(k, microtorch.Tensor) else 1
        for k in keys if k is not None and k is not Ellipsis
    )  # fmt: skip
    out, dim, indices = self, 0, []
    for k in keys:
        if k is Ellipsis:
            skipped = self.dim() - used
            dim += skipped
            indices += [None] * skipped
        elif k is None:
            out = aten.unsqueeze(out, dim)
            dim += 1
            indices.append(None)
        elif isinstance(k, slice):
            if k != slice(None):
                whole = k.start in (None, 0) and k.stop is None
                stop = 9223372036854775807 if k.stop is None else k.stop
                out = out if whole and k.step in (None, 1) else aten.slice(out, dim, k.start or 0, stop, k.step or 1)
            dim += 1
            indices.append(None)
        elif isinstance(k, int) and not isinstance(k, bool):
            out = aten.select(out, dim, k)
        else:
            indices.append(k)
            dim += k.dim() if k.dtype is bool_ else 1
    if any(i is not None for i in indices):
        while indices and indices[-1] is None:
            indices.pop()
        return aten.index(out, indices)
    return aten.alias(out, out) if out is self else out


def _chunk(self: Any, chunks: int, dim: int = 0) -> Any:
    return aten.split.Tensor(self, -(-self.shape[dim] // chunks), dim)


def _split(self: Any, split_size: Any, dim: int = 0) -> Any:
    if isinstance(split_size, int):
        return aten.split.Tensor(self, split_size, dim)
    return aten.split_with_sizes(self, list(split_size), dim)


def _permuted(self: Any, *dims: Any, **named: Any) -> Any:
    return aten.permute(self, list(named["dims"]) if named else _sizes(dims))


def _T(self: Any) -> Any:
    return aten.permute(self, list(range(self.dim() - 1, -1, -1)))


def _mT(self: Any) -> Any:
    return aten.transpose(self, -2, -1)


def _contiguous(self: Any, memory_format: Any = microtorch.contiguous_format) -> Any:
    return self if self.is_contiguous() else aten.clone(self, memory_format=memory_format)


def _expand(self: Any, *sizes: Any) -> Any:
    return aten.expand(self, _sizes(sizes))


def _to(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
    def to(self: Any, *args: Any, **named: Any) -> Any:
        dtype = getattr(microtorch, name) if name in _TO else named.get("dtype")
        for a in args:
            dtype = a if isinstance(a, microtorch.dtype) else a.dtype if isinstance(a, microtorch.Tensor) else dtype
        if dtype is None or (dtype == self.dtype and not named.get("copy")):
            return original(self, *args, **named)
        return aten._to_copy(self, dtype=dtype)

    return to


def _stack(tensors: Any, dim: int = 0) -> Any:
    return aten.stack(list(tensors), *((dim,) if dim else ()))


def _outer(self: Any, vec2: Any) -> Any:
    return aten.mul(aten.view(self, [-1, 1]), vec2)


def _rdiv(self: Any, other: Any) -> Any:
    return aten.mul(aten.reciprocal(self), other)


def _rsub(self: Any, other: Any) -> Any:
    return aten.rsub.Scalar(self, other) if isinstance(other, (int, float)) else aten.sub(other, self)


def _norm(self: Any, p: Any = "fro", dim: Any = None, keepdim: bool = False, dtype: Any = None) -> Any:
    return aten.linalg_vector_norm(self, 2 if p in ("fro", None) else p, dim, keepdim)


def _item(self: Any) -> Any:
    return aten._local_scalar_dense(self)


def _where(condition: Any, *rest: Any, **named: Any) -> Any:
    if not rest and not named:
        return aten.where.default(condition)
    pair = [*rest, *named.values()]
    pair = [v if isinstance(v, microtorch.Tensor) else aten.scalar_tensor(v) for v in pair]
    return aten.where.self(condition, *pair)


def _moments(name: str) -> Callable[..., Any]:
    def moments(self: Any, dim: Any = None, unbiased: Any = None, keepdim: bool = False, *, correction: Any = 1) -> Any:
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        if unbiased is not None:
            correction = int(unbiased)
        dim = [dim] if isinstance(dim, int) else dim
        return getattr(aten, name).correction(self, dim, correction=correction, keepdim=keepdim)

    return moments


def _setitem(self: Any, key: Any, value: Any) -> None:
    plain = key if isinstance(key, tuple) else (key,)
    if all(k is None or k is Ellipsis or isinstance(k, (int, slice)) for k in plain):
        value = value if isinstance(value, microtorch.Tensor) else microtorch.tensor(value)
        place = _getitem(self, key)
        _ = (
            aten.copy_(place, value)
            if value.dim() or place.dim() == value.dim() == 0
            else aten.fill_.Tensor(place, value)
        )
        return
    aten.index_put_(self, list(plain), value if isinstance(value, microtorch.Tensor) else microtorch.tensor(value))


def _tensor(data: Any, *, requires_grad: bool = False, **options: Any) -> Any:
    with microtorch._C.DisableTorchFunction():
        made = microtorch.tensor(data, **options)
    made = aten.lift_fresh(made)
    return made.requires_grad_() if requires_grad else made


COMPOSED: dict[str, Callable[..., Any]] = {
    "tensor": _tensor,
    "matmul": _matmul,
    "linear": _linear,
    "multi_dot": _multi_dot,
    "chain_matmul": _multi_dot,
    "einsum": _einsum,
    "scaled_dot_product_attention": _attention,
    "dropout": _dropout,
    **{f"conv{n}d": _convolution(n, False) for n in (1, 2, 3)},
    **{f"conv_transpose{n}d": _convolution(n, True) for n in (1, 2, 3)},
    **{name: _recurrent(name) for name in ("gru", "rnn_tanh", "rnn_relu")},
    "cross_entropy": _cross_entropy,
    "nll_loss": _nll_loss,
    "softmax": _softmax("_softmax"),
    "log_softmax": _softmax("_log_softmax"),
    "mse_loss": _loss("mse_loss"),
    "l1_loss": _l1_loss,
    "layer_norm": _layer_norm,
    "group_norm": _group_norm,
    "batch_norm": _batch_norm,
    "max_pool2d": _max_pool2d,
    "adaptive_avg_pool2d": _adaptive_avg_pool2d,
    "embedding": _embedding,
    "reshape": _reshape,
    "flatten": _flatten,
    "view": _view,
    "__getitem__": _getitem,
    "__setitem__": _setitem,
    "chunk": _chunk,
    "split": _split,
    "permute": _permuted,
    "T": _T,
    "mT": _mT,
    "contiguous": _contiguous,
    "expand": _expand,
    "stack": _stack,
    "outer": _outer,
    "ger": _outer,
    "__bool__": lambda self: bool(_item(self)),
    "__int__": lambda self: int(_item(self)),
    "__float__": lambda self: float(_item(self)),
    "__rtruediv__": _rdiv,
    "__rsub__": _rsub,
    "norm": _norm,
    "item": _item,
    "where": _where,
    "var": _moments("var"),
    "std": _moments("std"),
}
_LISTED = {"sum", "mean"}  # an axis is a list of one
_SIZED = frozenset("zeros ones empty rand randn".split())
_NAMED = frozenset("max min median nanmedian sort topk kthvalue mode cummax cummin".split())
_ALIASES = {
    "pow": "pow", "__pow__": "pow", "true_divide": "div", "divide": "div", "multiply": "mul", "subtract": "sub",
    "concat": "cat", "concatenate": "cat", "swapaxes": "transpose", "swapdims": "transpose", "absolute": "abs",
    "__eq__": "eq", "__ne__": "ne", "__and__": "bitwise_and", "__or__": "bitwise_or", "__xor__": "bitwise_xor",
    "__invert__": "bitwise_not", "__floordiv__": "floor_divide", "clip": "clamp",
    "negative": "neg", "greater": "gt", "less": "lt", "greater_equal": "ge", "less_equal": "le", "not_equal": "ne",
}  # fmt: skip


def lowered(func: Any, name: str) -> Callable[..., Any] | None:
    """What computes a public function by operations; None if it is no operation, and computes as it is.

    name: PyTorch's, as "torch.nn.functional.linear".
    """
    getter = name.endswith(".__get__")
    last = name.removesuffix(".__get__").rpartition(".")[2]
    if getter and last not in ("T", "mT", "data"):
        return None
    if last == "data":
        return aten.detach  # type: ignore[no-any-return]
    if last in COMPOSED:
        return COMPOSED[last]
    if last == "to" or last in _TO:
        return _to(last, func)
    original = getattr(func, "__wrapped__", func)
    if last in _PYTHON:
        return original  # type: ignore[no-any-return]
    if last not in _ALIASES and (last in _UNSEEN or last.startswith(_QUESTIONS)):
        return None
    last = _ALIASES.get(last, last)
    if name.startswith(("torch.linalg.", "torch.fft.", "torch.special.")):
        last = f"{name.split('.')[1]}_{last}"
    packet: OpOverloadPacket | None = getattr(aten, last, None)
    if packet is None:
        return None
    return _single(packet, last, original)


def _single(packet: OpOverloadPacket, name: str, original: Any) -> Callable[..., Any]:
    def single(*args: Any, **kwargs: Any) -> Any:
        if kwargs.pop("inplace", False):
            return getattr(aten, name + "_")(*args, **kwargs)
        if isinstance(kwargs.get("reduction"), str) and packet.implementation is not original:
            kwargs["reduction"] = ("none", "mean", "sum").index(kwargs["reduction"])
        kwargs = {k: v for k, v in kwargs.items() if v is not None or k not in ("size_average", "reduce", "out")}
        if name in _LISTED and len(args) > 1 and isinstance(args[1], int):
            args = (args[0], [args[1]], *args[2:])
        elif name in _LISTED and isinstance(kwargs.get("dim"), int):
            args = (args[0], [kwargs.pop("dim")], *args[1:])
        elif name in _SIZED and args and isinstance(args[0], int):
            args = (list(args),)
        result = packet.choose(args, kwargs)(*args, **kwargs)
        if name in _NAMED and type(result) is tuple and len(result) == 2:
            return getattr(return_types, name)(*result)
        return result

    return single
