"""Scaled dot-product attention (Vaswani et al., 2017): softmax(q k^T scale + mask) v, over the last two dimensions.

The scores of all queries with all keys are never there at once: they are made for some heads or some queries at a time,
as many as stay in the processor's cache, and used up. What is kept of them for the backward pass is the logarithm of
the sum of each row, by which it makes the weights again: Dao et al., https://arxiv.org/abs/2205.14135. Where queries
see earlier keys only, what lies above the diagonal is not computed but within a block. Where there are few scores in
all, their weights are kept.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from microtorch.kernels import products, small, threads, twins
from microtorch.kernels.half import in_single, keeping_statistics
from microtorch.kernels.linalg import linear
from microtorch.kernels.numbers import operand
from microtorch.kernels.pointwise import quiet
from microtorch.kernels.quiet import silence
from microtorch.kernels.scratch import scratch
from microtorch.kernels.softmax import row_max, softmax

BLOCK = 1 << 17
"""Scores at a time: two such blocks are in use in the backward pass."""
SHARED = 1 << 16
"""Scores from which on several threads are worth their start."""
ONE = 1 << 14
"""Numbers in the keys up to which one query goes over them in one call."""
QUERIES = 64
"""The least number of queries that are cut off a longer row of them."""

_MOST = 60.0
"""Scores that are less need not be shifted: the sum of their exponentials is finite."""
_LEAST = 1e-8
"""The least sum of exponentials that were not shifted: what they lost is less than 1e-37 of it."""


@quiet
def attention_weights(q: Any, k: Any, mask: Any, scale: float, causal: bool) -> Any:
    """softmax(q k^T scale + mask) along the keys; a query that may see no key gets zeros.

    mask: None, True where a key may be seen, or added numbers. causal: query i sees the keys up to i only.
    """
    if q.shape[-2] == 1:
        scores = np.matmul(q * small.scalar(scale, q.dtype), k.swapaxes(-1, -2))
    else:
        left, right = _roots(q, scale)
        scores = products.matmul(q * left, (k * right).swapaxes(-1, -2))
    if mask is not None:
        hide, mask = _bound(mask, scores.dtype)
        scores = hide(scores, mask)
    length, sources = scores.shape[-2:]
    if scores.size:
        rows, masked = scores.reshape(-1, sources), causal or mask is not None
        steps = _steps(scores)
        sums = None if steps is _NUMPY else np.empty(len(rows), scores.dtype)
        steps.softmax_rows(rows, sums, masked, 0, length if causal else 0)
    return scores


def _steps(scores: Any) -> Any:
    """The passes over scores: compiled or NumPy's."""
    return (
        twins.of("attention") or _NUMPY if twins.FEWER * scores.size >= twins.least and twins.takes(scores) else _NUMPY
    )


def _bound(mask: Any, dtype: Any) -> tuple[Any, Any]:
    """How a mask acts on scores: the operation and its second operand."""
    if mask.dtype.kind != "b":
        return np.add, mask
    return np.fmin, np.where(mask, dtype.type(np.inf), dtype.type(-np.inf))  # (the least of NaN and -inf: -inf)


def _roots(q: Any, scale: float) -> tuple[Any, Any]:
    """What queries and keys are multiplied by: the root of the scale, as PyTorch does it, for smaller products."""
    root = q.dtype.type(math.sqrt(abs(scale)))
    return root if scale >= 0 else -root, root


def softmax_rows(scores: Any, sums: Any, masked: bool, first: int, queries: int) -> None:
    """Softmax of each row, in place; log(sum(exp)) of each into `sums`, if that is not None.

    masked: a row may be -inf throughout. It becomes zeros, and its sum inf, by which `weights` makes zeros again.
    queries: if not 0, as many rows each are queries of which the i-th sees first + i + 1 keys, and gets zeros for more.
    """
    if sums is None and not masked and small.may_exp(scores):
        np.exp(scores, scores)
        scores /= small.added(scores)[:, None]
        return
    _hide(scores, first, queries)
    if _unshifted(scores, sums):
        return
    top = row_max(scores, -1)
    if masked:
        top[top == -np.inf] = 0
    scores -= top
    np.exp(scores, out=scores)
    total = small.row_sums(scores)[:, None]
    if masked:
        total[total == 0] = np.inf
    scores /= total
    if sums is not None:
        np.add(np.log(total), top, out=sums[:, None])


def _unshifted(scores: Any, sums: Any) -> bool:
    """Whether `softmax_rows` has been computed without taking off the largest of each row, which takes longest in
    NumPy where rows are short: no score is so large, no row's are all so small, that exp of it must not be taken."""
    if scores.shape[1] > small.FEW or not scores.size or not scores.flags.c_contiguous or scores.dtype.char not in "fd":
        return False
    flat = scores.reshape(scores.size)
    if not flat[flat.argmax()] < _MOST:
        return False
    exponentials = np.exp(scores, scratch("exponentials", scores.size, scores.dtype).reshape(scores.shape))
    total = small.added(exponentials)
    if not total[total.argmin()] > _LEAST:
        return False
    np.divide(exponentials, total[:, None], scores)
    if sums is not None:
        np.log(total, sums)
    return True


def weights(scores: Any, sums: Any, first: int, queries: int) -> None:
    """The softmax that `softmax_rows` made, again, in place of the same scores."""
    _hide(scores, first, queries)
    scores -= sums[:, None]
    np.exp(scores, out=scores)


def _hide(scores: Any, first: int, queries: int) -> None:
    """-inf for the keys that a query does not see."""
    if queries:
        corner = scores.reshape(-1, queries, scores.shape[1])[:, :, first:]
        np.fmin(corner, _bounds(queries, corner.shape[2], scores.dtype), out=corner)  # (of NaN and -inf: -inf)


@functools.lru_cache(16)
def _bounds(queries: int, keys: int, dtype: Any) -> Any:
    return np.where(np.tri(queries, keys, dtype=bool), dtype.type(np.inf), dtype.type(-np.inf))


def slopes(p: Any, g: Any) -> None:
    """The gradients of scores from those of their softmax p, in place of g: p (g - sum(p g))."""
    g -= np.vecdot(p, g)[:, None]
    g *= p


class _NUMPY:
    """The passes over scores in NumPy, by the names of their compiled twins."""

    softmax_rows = staticmethod(softmax_rows)
    weights = staticmethod(weights)
    slopes = staticmethod(slopes)


class _Problem:
    """One attention: its arrays with two leading axes, the batch's and the heads', and how its scores are cut.

    A piece is (batch, heads, runs of queries): all queries of some heads, or of one head in several runs.
    """

    def __init__(self, q: Any, k: Any, v: Any, mask: Any, noise: Any, scale: float, causal: bool) -> None:
        self.lead, self.length, self.sources = q.shape[:-2], q.shape[-2], k.shape[-2]
        if not self.lead == k.shape[:-2] == v.shape[:-2]:
            self.lead = np.broadcast_shapes(self.lead, k.shape[:-2], v.shape[:-2])
        self.shape = (*self.lead, self.length, self.sources)
        if mask is not None:
            self.shape = np.broadcast_shapes(self.shape, mask.shape)
            self.lead = self.shape[:-2]
            self.hide, mask = _bound(mask, q.dtype)
        self.q, self.k, self.v = (self.split(a, (*self.lead, *a.shape[-2:])) for a in (q, k, v))
        self.mask, self.noise = (None if a is None else self.split(a, self.shape) for a in (mask, noise))
        self.causal, self.masked = causal, causal or mask is not None
        self.left, self.right = _roots(q, scale)
        self.dtype = q.dtype

    def split(self, a: Any, shape: tuple[int, ...]) -> Any:
        """A view of that shape with four axes; a copy if more than two leading ones cannot be joined."""
        if a.shape != shape:
            a = np.broadcast_to(a, shape)
        if a.ndim <= 4:
            return a if a.ndim == 4 else a[(None,) * (4 - a.ndim)]
        return a.reshape(-1, *a.shape[-3:])

    def pieces(self) -> Iterator[tuple[slice, slice, list[slice]]]:
        """All pieces."""
        batch, heads = self.q.shape[:2]
        one = self.length * self.sources
        if one > BLOCK:
            count = max(1, min(one // BLOCK, self.length // QUERIES))
            edges = [self.length * i // count for i in range(count + 1)]
            runs = [slice(a, b) for a, b in itertools.pairwise(edges)]
            for i in range(batch):
                for j in range(heads):
                    yield slice(i, i + 1), slice(j, j + 1), runs
            return
        whole = [slice(0, self.length)]
        some = max(1, BLOCK // max(one, 1))
        if some < heads:
            for i in range(batch):
                for j in range(0, heads, some):
                    yield slice(i, i + 1), slice(j, j + some), whole
            return
        for i in range(0, batch, some // heads):
            yield slice(i, i + some // heads), slice(0, heads), whole

    def run(self, work: Callable[[Any, Any, list[slice]], None]) -> None:
        """Do all pieces, on several threads if there are enough."""
        pieces = list(self.pieces())
        count = min(threads.count(), len(pieces)) if math.prod(self.shape) > SHARED else 1
        if count == 1:
            for piece in pieces:
                work(*piece)
            return

        def part(start: int) -> Callable[[], None]:
            def do() -> None:
                with silence():  # (a thread has its own)
                    for piece in pieces[start::count]:
                        work(*piece)

            return do

        with threads.with_serial_blas():
            threads.run([part(i) for i in range(count)])

    def scores(self, q: Any, k: Any, at: tuple[Any, Any, slice], use: str) -> Any:
        """The scores of the queries `at` (which q holds) with the keys k that they see, in scratch memory."""
        shape = (*q.shape[:-1], k.shape[-2])
        result = scratch(use, math.prod(shape), self.dtype).reshape(shape)
        products.matmul(q, k.swapaxes(-1, -2), out=result)
        if self.mask is not None:
            self.hide(result, self.mask[at][..., : shape[-1]], out=result)
        return result

    def seen(self, rows: slice) -> tuple[int, int, int]:
        """How many keys those queries may see; and the arguments `first` and `queries` of `softmax_rows`."""
        if not self.causal:
            return self.sources, 0, 0
        return min(rows.stop, self.sources), rows.start, rows.stop - rows.start


def _attended(out: Any, q: Any, k: Any, v: Any, mask: Any, noise: Any, scale: float, causal: bool) -> Any:
    """The result, in `out`; and either the weights before dropout or the logarithms of their rows' sums."""
    if q.shape[-2] == 1 and mask is None and noise is None and not causal and (fast := twins.few(q)) is not None:
        if 0 < k.size <= ONE and q.shape[:-2] == k.shape[:-2] == v.shape[:-2] and twins.takes(q, k, v):
            _, p = fast.attend(q[..., 0, :], k, v, operand(scale, q), out[..., 0, :])
            return out, p[..., None, :], None
    if out.size * k.shape[-2] <= BLOCK * v.shape[-1] or not k.shape[-2]:
        p = attention_weights(q, k, mask, scale, causal)
        products.matmul(p if noise is None else p * noise, v, out=out)
        return out, p, None
    problem = _Problem(q, k, v, mask, noise, scale, causal)
    sums = np.zeros((*problem.q.shape[:2], problem.length), problem.dtype)
    result = problem.split(out, out.shape)

    def work(batch: slice, heads: slice, runs: list[slice]) -> None:
        k, v = problem.k[batch, heads] * problem.right, problem.v[batch, heads]
        for rows in runs:
            at, (seen, *corner) = (batch, heads, rows), problem.seen(rows)
            scores = problem.scores(problem.q[at] * problem.left, k[:, :, :seen], at, "scores")
            flat, masked = scores.reshape(-1, seen), problem.masked
            _steps(scores).softmax_rows(flat, sums[at].reshape(-1), masked, *corner)
            if problem.noise is not None:
                scores *= problem.noise[at][..., :seen]
            products.matmul(scores, v[:, :, :seen], out=result[at])

    problem.run(work)
    return out, None, sums


@keeping_statistics
@quiet
def attention(q: Any, k: Any, v: Any, mask: Any, noise: Any, scale: float, causal: bool) -> Any:
    """The result; and either the weights before dropout or the logarithms of their rows' sums.

    noise: what dropout multiplies the weights by, or None.
    """
    lead = q.shape[:-2]
    if mask is not None or not lead == k.shape[:-2] == v.shape[:-2]:
        lead = np.broadcast_shapes(lead, k.shape[:-2], v.shape[:-2], () if mask is None else mask.shape[:-2])
    out = np.empty((*lead, q.shape[-2], v.shape[-1]), q.dtype)
    return _attended(out, q, k, v, mask, noise, scale, causal)


@keeping_statistics
@quiet
def flash_attention(q: Any, k: Any, v: Any, mask: Any, noise: Any, scale: float, causal: bool) -> Any:
    """As `attention`, of four-dimensional arrays; the result's axes are in q's order, as PyTorch's."""
    out = np.empty_like(q)
    return _attended(out, q, k, v, mask, noise, scale, causal)


@in_single
@quiet
def attended(q: Any, k: Any, v: Any, mask: Any, noise: Any, scale: float, causal: bool) -> Any:
    """The result of `attention` alone, where no backward pass will come."""
    if noise is None and mask is None and not causal and (out := _one_query(q, k, v, scale)) is not None:
        return out
    if noise is None and type(q) is type(k) is type(v) is np.ndarray and q.dtype.char in "fd":
        if (out := _at_once(q, k, v, mask, scale, causal, "C")) is not None:
            return out
    return attention(q, k, v, mask, noise, scale, causal)[0]


@in_single
@quiet
def flash_attended(q: Any, k: Any, v: Any, mask: Any, noise: Any, scale: float, causal: bool) -> Any:
    """The result of `flash_attention` alone, where no backward pass will come."""
    if mask is None and not causal and (out := _one_query(q, k, v, scale)) is not None:
        return out
    if type(q) is type(k) is type(v) is np.ndarray and q.dtype.char in "fd":
        if (out := _at_once(q, k, v, mask, scale, causal, "K")) is not None:
            return out
    return flash_attention(q, k, v, mask, noise, scale, causal)[0]


ONCE = 1 << 16
"""Scores up to which they are made all at once where none are kept."""


def _one_query(q: Any, k: Any, v: Any, scale: float) -> Any:
    """The result for one query by a ufunc; None if there are more, or no ufunc takes them."""
    shape = k.shape
    if q.shape[-2] != 1 or not 0 < k.size <= ONE or (fast := twins.few(q)) is None or q.shape[:-2] != shape[:-2]:
        return None
    if shape != v.shape or not (type(k) is type(v) is np.ndarray and q.dtype is k.dtype is v.dtype):
        return None
    if not (k.flags.c_contiguous and v.flags.c_contiguous):
        return None
    out = np.empty(q.shape, q.dtype)  # (owns its memory: whoever makes views of it is sooner done)
    fast.attend(q[..., 0, :], k, v, operand(scale, q), out[..., 0, :])
    return out


def _at_once(q: Any, k: Any, v: Any, mask: Any, scale: float, causal: bool, order: Any) -> Any:
    """The result for few scores, whose weights nobody needs: heads by heads compiled, or in NumPy with the sums of the
    weights divided out at the end. None: not here."""
    (length, size), (sources, width), lead = q.shape[-2:], v.shape[-2:], q.shape[:-2]
    count = q.size * sources
    if not lead == k.shape[:-2] == v.shape[:-2] or not 0 < count <= ONCE * size or not width or q.ndim > 4:
        return None
    shape = (*lead, length, width)
    if twins.FEWER * count >= twins.least and _alike(q, k, v) and (fast := _compiled(q.dtype)) is not None:
        out = np.empty_like(q) if order == "K" and width == size else np.empty(shape, q.dtype)
        if out.strides[-1] == out.itemsize:
            bound, hides = _NOTHING, False
            if mask is not None:
                hides = mask.dtype.kind == "b"
                bound = _bound(mask, q.dtype)[1]
                bound = bound.astype(q.dtype, copy=False)[(None,) * (4 - mask.ndim)]
            elif q.dtype != bound.dtype:
                bound = bound.astype(q.dtype)
            options = np.array([scale, hides, causal], q.dtype)
            fast.attend(*[a[(None,) * (4 - a.ndim)] if a.ndim < 4 else a for a in (q, k, v)], bound, options,
                        out[(None,) * (4 - out.ndim)])  # fmt: skip
            return out
    if mask is not None and mask.ndim > q.ndim:
        return None
    added = mask is not None and mask.dtype.kind != "b"
    few = max(count, count // size * width) < products.LEAST * twins.least and count < products.POOLED
    rows, columns = q * small.scalar(scale, q.dtype), k.swapaxes(-1, -2)
    scores = np.matmul(rows, columns, order="C") if few else products.matmul(rows, columns)
    if added:
        scores += mask
    flat = scores.reshape(scores.size)
    shown = causal or (mask is not None and not added)  # a query may see few keys, those with the least scores
    if not small.may_exp(flat) and not (flat[flat.argmax()] < _MOST and (not shown or flat[flat.argmin()] > -_MOST)):
        return None
    np.exp(flat, flat)
    if causal:
        scores *= _seen(length, sources, q.dtype)
    if mask is not None and not added:
        scores *= mask
    total = small.row_sums(scores.reshape(-1, sources))
    if shown:
        total[total == 0] = 1  # a query that sees no key gets zeros
    elif not total[total.argmin()] > _LEAST:
        return None
    out = np.empty_like(q) if order == "K" and width == size else np.empty(shape, q.dtype)
    (np.matmul if few else products.matmul)(scores, v, out=out)
    if small.few(out):
        flat = out.reshape(out.size)
        flat /= total.repeat(width)
    else:
        out /= total.reshape(*lead, length, 1)
    return out


_NOTHING = np.empty((0, 0, 0, 0), np.float32)


def _alike(*arrays: Any) -> bool:
    return all(a.dtype is arrays[0].dtype for a in arrays)


@functools.cache
def _compiled(dtype: Any) -> Any:
    """The twin of whole attentions, made for the dtype; None if the compiled products are no faster than BLAS."""
    fast = twins.of("attention")
    if fast is None or not fast.FASTER:
        return None
    fast.prepare(dtype)
    return fast


@functools.lru_cache(16)
def _seen(queries: int, keys: int, dtype: Any) -> Any:
    """1 for the keys that a query sees, 0 for those after it."""
    return np.tri(queries, keys, dtype=dtype)


@in_single
@quiet
def attention_backward(
    g: Any, needs: Any, q: Any, k: Any, v: Any, mask: Any, noise: Any, scale: float, causal: bool, p: Any, sums: Any
) -> list[Any]:  # fmt: skip
    """The gradients of q, k, v and mask, by the weights p or the logarithms of their rows' sums."""
    if p is not None:
        return _backward_by_weights(g, needs, q, k, v, noise, scale, p)
    problem = _Problem(q, k, v, mask, noise, scale, causal)
    up, sums = problem.split(g, g.shape), sums.reshape(*problem.q.shape[:2], problem.length)
    scored = needs[0] or needs[1] or needs[3]
    shapes = [(*problem.lead, *a.shape[-2:]) for a in (q, k, v)]
    gq, gk, gv = (
        None if not need else np.empty_like(a) if a.shape == shape and a.ndim < 5 else np.empty(shape, a.dtype)
        for need, a, shape in zip(needs, (q, k, v), shapes)
    )
    gmask = np.zeros(problem.shape, q.dtype) if needs[3] else None
    to_q, to_k, to_v, to_mask = (None if a is None else problem.split(a, a.shape) for a in (gq, gk, gv, gmask))

    def work(batch: slice, heads: slice, runs: list[slice]) -> None:
        k, v = problem.k[batch, heads] * problem.right, problem.v[batch, heads]
        for i, rows in enumerate(reversed(runs)):  # those that see most keys first: they write, the others add
            at, (seen, *corner) = (batch, heads, rows), problem.seen(rows)
            q, g = problem.q[at] * problem.left, up[at]
            p = problem.scores(q, k[:, :, :seen], at, "scores")
            _steps(p).weights(p.reshape(-1, seen), sums[at].reshape(-1), *corner)
            dropped = p if problem.noise is None else p * problem.noise[at][..., :seen]
            if to_v is not None:
                _put(to_v[batch, heads], dropped, g, not i)
            if not scored:
                continue
            gp = scratch("slopes", p.size, p.dtype).reshape(p.shape)
            products.matmul(g, v[:, :, :seen].swapaxes(-1, -2), out=gp)
            if problem.noise is not None:
                gp *= problem.noise[at][..., :seen]
            _steps(p).slopes(p.reshape(-1, seen), gp.reshape(-1, seen))
            if to_mask is not None:
                to_mask[at][..., :seen] = gp
            if to_q is not None:
                products.matmul(gp, k[:, :, :seen], out=to_q[at])
                to_q[at] *= problem.left
            if to_k is not None:
                q *= problem.right
                _put(to_k[batch, heads], gp, q, not i)

    problem.run(work)
    return [gq, gk, gv, gmask, None]


def _backward_by_weights(g: Any, needs: Any, q: Any, k: Any, v: Any, noise: Any, scale: float, p: Any) -> list[Any]:
    """The gradients of q, k, v and mask, all scores at once."""
    dropped = p if noise is None else p * noise
    gv = products.matmul(dropped.swapaxes(-1, -2), g) if needs[2] else None
    if not (needs[0] or needs[1] or needs[3]):
        return [None, None, gv, None, None]
    gp = products.matmul(g, v.swapaxes(-1, -2))
    if noise is not None:
        gp *= noise
    _steps(p).slopes(p.reshape(-1, p.shape[-1]), gp.reshape(-1, p.shape[-1]))
    gq = products.matmul(gp, k) if needs[0] else None
    gk = products.matmul(gp.swapaxes(-1, -2), q) if needs[1] else None
    for part in (gq, gk):
        if part is not None:
            part *= part.dtype.type(scale)
    return [gq, gk, gv, gp if needs[3] else None, None]


def _put(to: Any, scores: Any, rows: Any, first: bool) -> None:
    """Add scores^T rows to the gradients of the keys that were seen; if it is the first, write them."""
    seen = scores.shape[-1]
    if not first:
        to[:, :, :seen] += products.matmul(scores.swapaxes(-1, -2), rows)
        return
    products.matmul(scores.swapaxes(-1, -2), rows, out=to[:, :, :seen])
    to[:, :, seen:] = 0


# several heads between projections, where no backward pass will come -----------------------------------------------


@quiet
def multi_head(
    query: Any, key: Any, value: Any, w_in: Any, b_in: Any, w_out: Any, b_out: Any, mask: Any, padding: Any, heads: int,
    causal: bool, weighted: bool, average: bool,
) -> list[Any]:  # fmt: skip
    """query (L, N, E), key and value (S, N, E), w_in (3 E, E) for all three: the result (L, N, E); and the weights (N,
    heads, L, S) or their mean over the heads, if they are asked for.

    mask (L, S) or (N heads, L, S) and padding (N, S): numbers that are added to the scores. Arrays whose batch is in
    memory the first axis are computed as they lie; the result lies so, too, as in PyTorch, if all three are one array.
    """
    size, batch = query.shape[2], query.shape[1]
    if query is key is value:
        q, k, v = _projected(query, w_in, b_in, 3, heads)
    else:
        first, others = (b_in[:size], b_in[size:]) if b_in is not None else (None, None)
        (q,) = _projected(query, w_in[:size], first, 1, heads)
        if key is value:
            k, v = _projected(key, w_in[size:], others, 2, heads)
        else:
            halves = (None, None) if others is None else (others[:size], others[size:])
            (k,) = _projected(key, w_in[size : 2 * size], halves[0], 1, heads)
            (v,) = _projected(value, w_in[2 * size :], halves[1], 1, heads)
    if mask is not None:
        mask = mask if mask.ndim == 2 else mask.reshape(batch, heads, *mask.shape[1:])
    if padding is not None:
        padding = padding[:, None, None]
        mask = padding if mask is None else mask + padding
    if weighted:
        scores = products.matmul(q * small.scalar(math.sqrt(heads / size), q.dtype), k.swapaxes(-1, -2))
        if mask is not None:
            scores += mask
        scores = softmax(scores, -1)
        found = products.matmul(scores, v, out=np.empty_like(q))
    else:
        found = flash_attended(q, k, v, mask, None, math.sqrt(heads / size), causal)
    turned = _turned(query)
    found = found.transpose(0, 2, 1, 3) if turned else found.transpose(2, 0, 1, 3)
    out = linear(found.reshape(*found.shape[:2], size), w_out, b_out)
    if turned:
        out = out.swapaxes(0, 1)
        if not query is key is value or heads % 2 or b_in is None:
            out = np.ascontiguousarray(out)
    if not weighted:
        return [out]
    if average:
        scores = np.add.reduce(scores, 1)
        scores /= scores.dtype.type(heads)
    return [out, scores]


def _turned(x: Any) -> bool:
    """Whether the second of three axes is in memory the first."""
    return x.strides[0] < x.strides[1] and x.shape[1] > 1  # type: ignore[no-any-return]


def _projected(x: Any, weight: Any, bias: Any, parts: int, heads: int) -> list[Any]:
    """The parts of x (L, N, E) weight^T + bias, each by heads: (N, heads, L, E / heads)."""
    turned = _turned(x)
    rows = linear(x.swapaxes(0, 1) if turned else x, weight, bias)
    by_head = rows.reshape(*rows.shape[:2], parts, heads, x.shape[2] // heads)
    order = (2, 0, 3, 1, 4) if turned else (2, 1, 3, 0, 4)
    return list(by_head.transpose(order))
