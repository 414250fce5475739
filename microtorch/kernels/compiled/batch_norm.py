"""Batch norm and group norm of images (N, C, places), a channel or a group at a time; sums over images in float64."""

# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import math

from microtorch.kernels.compiled import jit_sums


@jit_sums
def batch_norm(channels, x, weight, bias, eps, out, mean, var, rstd):
    """Standardize some channels by their own statistics, which are written, too."""
    n = x.shape[0] * x.shape[2]
    zero = x.dtype.type(0)
    for k in range(channels.size):
        c = channels[k]
        first, total = x[0, c, 0], 0.0
        for i in range(x.shape[0]):
            row = x[i, c]
            part = zero
            for j in range(row.size):
                part += row[j] - first  # so that the mean of equal numbers is exactly theirs, and the result 0
            total += part
        middle = x.dtype.type(first + total / n)
        square = 0.0
        for i in range(x.shape[0]):
            row = x[i, c]
            part = zero
            for j in range(row.size):
                d = row[j] - middle
                part += d * d
            square += part
        mean[c] = middle
        var[c] = square / n
        rstd[c] = 1 / math.sqrt(square / n + eps)
        scale, shift = rstd[c] * weight[c], bias[c]
        for i in range(x.shape[0]):
            row, to = x[i, c], out[i, c]
            for j in range(row.size):
                to[j] = (row[j] - middle) * scale + shift


@jit_sums
def affine(channels, x, scale, shift, out):
    """x * scale + shift for some channels."""
    for k in range(channels.size):
        c = channels[k]
        a, b = scale[c], shift[c]
        for i in range(x.shape[0]):
            row, to = x[i, c], out[i, c]
            for j in range(row.size):
                to[j] = row[j] * a + b


@jit_sums
def batch_norm_backward(channels, training, wanted, g, x, scale, mean, rstd, out, along, total):
    """For some channels: sum(g h), h the standardized x, into along, sum(g) into total, and if that is wanted the
    gradient of x, scale (g - mean(g) - h mean(g h)), without the means if not training, into out."""
    n = x.shape[0] * x.shape[2]
    zero = x.dtype.type(0)
    for k in range(channels.size):
        c = channels[k]
        m = mean[c]
        level, slope = 0.0, 0.0
        for i in range(x.shape[0]):
            row, up = x[i, c], g[i, c]
            first, second = zero, zero
            for j in range(row.size):
                first += up[j]
                second += up[j] * (row[j] - m)
            level += first
            slope += second
        total[c] = level
        along[c] = slope * rstd[c]
        if not wanted:
            continue
        a = scale[c]
        if training:
            b = x.dtype.type(-a * slope * rstd[c] * rstd[c] / n)
            d = x.dtype.type(-a * level / n)
            for i in range(x.shape[0]):
                row, up, to = x[i, c], g[i, c], out[i, c]
                for j in range(row.size):
                    to[j] = up[j] * a + ((row[j] - m) * b + d)
        else:
            for i in range(x.shape[0]):
                up, to = g[i, c], out[i, c]
                for j in range(up.size):
                    to[j] = up[j] * a


@jit_sums
def group_norm(x, weight, bias, eps, out, mean, rstd):
    """x (images, groups, channels of a group, places); weight and bias (groups, channels of a group)."""
    n = x.shape[2] * x.shape[3]
    zero = x.dtype.type(0)
    for i in range(x.shape[0]):
        for k in range(x.shape[1]):
            first, total = x[i, k, 0, 0], 0.0
            for c in range(x.shape[2]):
                row = x[i, k, c]
                part = zero
                for j in range(row.size):
                    part += row[j] - first  # as above
                total += part
            middle = x.dtype.type(first + total / n)
            square = 0.0
            for c in range(x.shape[2]):
                row = x[i, k, c]
                part = zero
                for j in range(row.size):
                    d = row[j] - middle
                    part += d * d
                square += part
            r = x.dtype.type(1 / math.sqrt(square / n + eps))
            mean[i, k], rstd[i, k] = middle, r
            for c in range(x.shape[2]):
                row, to = x[i, k, c], out[i, k, c]
                scale, shift = r * weight[k, c], bias[k, c]
                for j in range(row.size):
                    to[j] = (row[j] - middle) * scale + shift


@jit_sums
def group_norm_backward(wanted, weight, g, x, mean, rstd, out, along, total):
    """As `group_norm`; sum(g h), h the standardized x, into along and sum(g) into total, for each image and channel."""
    n = x.shape[2] * x.shape[3]
    zero = x.dtype.type(0)
    for i in range(x.shape[0]):
        for k in range(x.shape[1]):
            m, r = mean[i, k], rstd[i, k]
            level, slope = 0.0, 0.0
            for c in range(x.shape[2]):
                row, up = x[i, k, c], g[i, k, c]
                first, second = zero, zero
                for j in range(row.size):
                    first += up[j]
                    second += up[j] * (row[j] - m)
                total[i, k, c] = first
                along[i, k, c] = second * r
                level += first * weight[k, c]
                slope += second * r * weight[k, c]
            if not wanted:
                continue
            b = x.dtype.type(-slope / n * r * r)
            d = x.dtype.type(-level / n * r)
            for c in range(x.shape[2]):
                row, up, to = x[i, k, c], g[i, k, c], out[i, k, c]
                a = r * weight[k, c]
                for j in range(row.size):
                    to[j] = up[j] * a + ((row[j] - m) * b + d)
