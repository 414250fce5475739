"""Connectionist temporal classification (Graves et al., 2006), in logarithms.

The extended labels of a target of length L are blank, l1, blank, l2, ..., blank: 2 L + 1 states. alpha[t, s] is the log
probability of all paths up to time t that end in state s, beta[t, s] of all that begin there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from microtorch.kernels import twins
from microtorch.kernels.pointwise import quiet


def extended(targets: Any, blank: int) -> Any:
    """Targets (N, S) with blanks between: (N, 2 S + 1)."""
    out = np.full((targets.shape[0], 2 * targets.shape[1] + 1), blank, np.int64)
    out[:, 1::2] = targets
    return out


def _skips(labels: Any, blank: int) -> Any:
    """Where a path may come from two states before: to a label that is no blank and not the last label again."""
    allowed = np.zeros(labels.shape, bool)
    allowed[:, 2:] = (labels[:, 2:] != blank) & (labels[:, 2:] != labels[:, :-2])
    return allowed


def _forward(scores: Any, allowed: Any) -> Any:
    """alpha (T, N, states), given the log probability of each state's label at each time."""
    steps, count, states = scores.shape
    padded = np.full((steps, count, states + 2), -np.inf, scores.dtype)  # no path is in the two states before the first
    padded[0, :, 2:4] = scores[0, :, :2]
    skipping = np.full((count, states), -np.inf, scores.dtype)
    for before, now, score in zip(padded, padded[1:, :, 2:], scores[1:]):
        np.logaddexp(before[:, 2:], before[:, 1:-1], now)
        np.copyto(skipping, before[:, :-2], where=allowed)
        np.logaddexp(now, skipping, now)
        now += score
    return np.ascontiguousarray(padded[:, :, 2:])


def _compiled(log_probs: Any, labels: Any) -> Any:
    """The compiled twins, if they take the arrays: NumPy makes several calls for each step."""
    if not log_probs.size or not twins.takes(log_probs):
        return None
    return twins.at_hand("ctc", 64 * len(log_probs) * labels.size)


@quiet
def ctc_loss(
    log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int, zero_infinity: bool
) -> tuple[Any, Any]:
    """-log probability of each target (N, S), given log_probs (T, N, C); and alpha.

    zero_infinity: only for the gradient.
    """
    labels = extended(targets, blank)
    if (fast := _compiled(log_probs, labels)) is not None:
        alpha = np.empty((len(log_probs), *labels.shape), log_probs.dtype)
        fast.forward(log_probs, labels, blank, alpha)
    else:
        alpha = _forward(_label_scores(log_probs, labels), _skips(labels, blank))
    rows = np.arange(labels.shape[0])
    last = alpha[np.maximum(input_lengths - 1, 0), rows]
    end = last[rows, 2 * target_lengths]
    before = np.where(target_lengths > 0, last[rows, np.maximum(2 * target_lengths - 1, 0)], -np.inf)
    losses = -np.logaddexp(end, before)
    losses = np.where(input_lengths == 0, np.where(target_lengths == 0, 0, np.inf), losses)
    return losses.astype(log_probs.dtype), alpha


def _label_scores(log_probs: Any, labels: Any) -> Any:
    """log_probs (T, N, C) at the labels (N, states): (T, N, states)."""
    return log_probs[:, np.arange(labels.shape[0])[:, None], labels]


@quiet
def ctc_loss_backward(
    g: Any,
    log_probs: Any,
    losses: Any,
    alpha: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int,
    zero_infinity: bool,
) -> Any:
    """exp(log_probs) - (probability that the path is at that label then), times g.

    PyTorch's gradient: the first term is what log_softmax's own backward adds anyway (it vanishes there).
    """
    labels = extended(targets, blank)
    if (fast := _compiled(log_probs, labels)) is not None and twins.takes(losses, alpha) and losses.dtype is g.dtype:
        result = np.empty(log_probs.shape, log_probs.dtype)
        lengths = [np.ascontiguousarray(n, np.int64) for n in (input_lengths, target_lengths)]
        fast.backward(
            np.ascontiguousarray(g), log_probs, losses, alpha, labels, *lengths, blank, bool(zero_infinity), result
        )
        return result
    scores = _label_scores(log_probs, labels)
    steps, count, states = scores.shape
    rows = np.arange(count)
    allowed = _skips(labels, blank)
    after = np.zeros_like(allowed)  # a path may go on to two states further
    after[:, :-2] = allowed[:, 2:]
    last = 2 * target_lengths
    padded = np.full((count, states + 2), -np.inf, log_probs.dtype)  # no path is in the two states behind the last
    beta, skipping = padded[:, :-2], np.full((count, states), -np.inf, log_probs.dtype)
    ways = np.empty_like(scores)  # at each time in each state: the log probability of going on from there
    first_end, ends = int(input_lengths.min(initial=steps)), set(input_lengths.tolist())
    for t in range(steps - 1, -1, -1):
        following = ways[t]
        np.logaddexp(beta, padded[:, 1:-1], following)
        np.copyto(skipping, padded[:, 2:], where=after)
        np.logaddexp(following, skipping, following)
        if t + 1 in ends:
            begins = input_lengths - 1 == t
            following[begins] = -np.inf
            following[rows[begins], last[begins]] = 0
            some = begins & (target_lengths > 0)
            following[rows[some], last[some] - 1] = 0
        np.add(following, scores[t], beta)
        if t >= first_end:
            beta[t >= input_lengths] = -np.inf
    ways += alpha  # which holds the scores already
    ways += losses[:, None]
    occupied = np.exp(ways, ways)
    occupied[np.isnan(occupied)] = 0
    result = np.zeros_like(log_probs, order="C")
    classes = log_probs.shape[-1]
    places = np.arange(steps * count).reshape(steps, count, 1) * classes + labels
    np.add.at(result.reshape(-1), places.reshape(-1), occupied.reshape(-1))
    inside = np.arange(steps)[:, None] < input_lengths
    result = np.where(inside[..., None], np.exp(log_probs) - result, 0) * g[:, None]
    never = np.isinf(losses)
    if never.any():
        result = np.where((never & inside)[..., None], 0 if zero_infinity else np.nan, result)
    return result.astype(log_probs.dtype)
