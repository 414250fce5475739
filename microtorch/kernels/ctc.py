"""Connectionist temporal classification (Graves et al., 2006), in logarithms.

The extended labels of a target of length L are blank, l1, blank, l2, ..., blank: 2 L + 1 states. alpha[t, s] is the log
probability of all paths up to time t that end in state s, beta[t, s] of all that begin there.
"""

from __future__ import annotations

from typing import Any

import numpy as np

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


def _shifted(a: Any, k: int) -> Any:
    """a moved k states on, -inf moved in."""
    out = np.full_like(a, -np.inf)
    out[:, k:] = a[:, : a.shape[1] - k]
    return out


def _add(a: Any, b: Any) -> Any:
    return np.logaddexp(a, b)


def _forward(scores: Any, allowed: Any) -> Any:
    """alpha (T, N, states), given the log probability of each state's label at each time."""
    alpha = np.full_like(scores, -np.inf)
    alpha[0, :, :2] = scores[0, :, :2]
    for t in range(1, scores.shape[0]):
        before = alpha[t - 1]
        total = _add(before, _shifted(before, 1))
        total = _add(total, np.where(allowed, _shifted(before, 2), -np.inf))
        alpha[t] = total + scores[t]
    return alpha


@quiet
def ctc_loss(
    log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any, blank: int, zero_infinity: bool
) -> tuple[Any, Any]:
    """-log probability of each target (N, S), given log_probs (T, N, C); and alpha.

    zero_infinity: only for the gradient.
    """
    labels = extended(targets, blank)
    scores = _label_scores(log_probs, labels)
    alpha = _forward(scores, _skips(labels, blank))
    rows = np.arange(labels.shape[0])
    last = alpha[np.maximum(input_lengths - 1, 0), rows]
    end = last[rows, 2 * target_lengths]
    before = np.where(target_lengths > 0, last[rows, np.maximum(2 * target_lengths - 1, 0)], -np.inf)
    losses = -_add(end, before)
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
    scores = _label_scores(log_probs, labels)
    steps, count, states = scores.shape
    rows = np.arange(count)
    allowed = _skips(labels, blank)
    after = np.zeros_like(allowed)  # a path may go on to two states further
    after[:, :-2] = allowed[:, 2:]
    last = 2 * target_lengths
    beta = np.full((count, states), -np.inf, log_probs.dtype)
    result = np.zeros_like(log_probs)
    for t in range(steps - 1, -1, -1):
        following = _add(beta, _shifted(beta[:, ::-1], 1)[:, ::-1])
        following = _add(following, np.where(after, _shifted(beta[:, ::-1], 2)[:, ::-1], -np.inf))
        begins = input_lengths - 1 == t
        following[begins] = -np.inf
        following[rows[begins], last[begins]] = 0
        some = begins & (target_lengths > 0)
        following[rows[some], last[some] - 1] = 0
        beta = following + scores[t]
        beta[t >= input_lengths] = -np.inf
        occupied = np.exp(alpha[t] + following + losses[:, None])  # alpha holds the score of t already
        occupied[np.isnan(occupied)] = 0
        np.add.at(result[t], (rows[:, None], labels), occupied)
    inside = np.arange(steps)[:, None] < input_lengths
    result = np.where(inside[..., None], np.exp(log_probs) - result, 0) * g[:, None]
    if zero_infinity:
        result = np.where(np.isinf(losses)[:, None], 0, result)
    return result.astype(log_probs.dtype)
