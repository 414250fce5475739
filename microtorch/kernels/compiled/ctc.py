"""CTC's sums over paths, state by state (see kernels/ctc.py)."""

from __future__ import annotations

import math

import numpy as np

from microtorch.kernels.compiled import jit, jit_scalar


@jit_scalar
def _either(a, b, c):
    """The logarithm of the sum of three probabilities, given theirs."""
    most = max(a, max(b, c))
    if most == -np.inf:
        most = type(a)(0)
    return math.log(math.exp(a - most) + math.exp(b - most) + math.exp(c - most)) + most


@jit
def forward(log_probs, labels, blank, alpha):
    steps, count, states = alpha.shape
    never = log_probs.dtype.type(-np.inf)
    for n in range(count):
        label = labels[n]
        for s in range(states):
            alpha[0, n, s] = log_probs[0, n, label[s]] if s < 2 else never
        for t in range(1, steps):
            before, now, scores = alpha[t - 1, n], alpha[t, n], log_probs[t, n]
            for s in range(states):
                b = before[s - 1] if s > 0 else never
                c = before[s - 2] if s > 1 and label[s] != blank and label[s] != label[s - 2] else never
                now[s] = _either(before[s], b, c) + scores[label[s]]


@jit
def backward(g, log_probs, losses, alpha, labels, input_lengths, target_lengths, blank, zero_infinity, out):
    count, states = labels.shape
    zero, never = log_probs.dtype.type(0), log_probs.dtype.type(-np.inf)
    beta = np.empty(states + 2, log_probs.dtype)
    for n in range(count):
        label, length, last = labels[n], input_lengths[n], 2 * target_lengths[n]
        loss, factor = losses[n], g[n]
        beta[:] = never
        out[:, n] = zero
        if abs(loss) == np.inf:  # no path has the target
            if not zero_infinity:
                out[:length, n] = np.nan
            continue
        for t in range(length - 1, -1, -1):
            before, scores, result = alpha[t, n], log_probs[t, n], out[t, n]
            for s in range(states):  # upwards: beta[s + 1] and beta[s + 2] are still those of the next time
                if t == length - 1:
                    following = zero if s == last or (s == last - 1 and last > 0) else never
                else:
                    skips = s + 2 < states and label[s + 2] != blank and label[s + 2] != label[s]
                    following = _either(beta[s], beta[s + 1], beta[s + 2] if skips else never)
                beta[s] = following + scores[label[s]]
                occupied = math.exp(before[s] + following + loss)
                if occupied == occupied:
                    result[label[s]] += occupied
            for c in range(result.size):
                result[c] = (math.exp(scores[c]) - result[c]) * factor
