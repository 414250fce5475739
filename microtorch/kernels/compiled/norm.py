"""Layer norm and RMS norm of rows (rows, columns), forward and backward, a row at a time."""

from __future__ import annotations

import math

from microtorch.kernels.compiled import jit_sums


@jit_sums
def moments(x, eps):
    """The mean of a vector, and 1 / deviation."""
    n, total, square, first = x.dtype.type(x.size), x.dtype.type(0), x.dtype.type(0), x[0]
    for j in range(x.size):
        total += x[j] - first  # so that the mean of equal numbers is exactly theirs, and the result 0
    m = first + total / n
    for j in range(x.size):
        d = x[j] - m
        square += d * d
    return m, x.dtype.type(1) / math.sqrt(square / n + eps)


@jit_sums
def layer_norm(weight, bias, scaled, shifted, eps, x, out, mean, rstd):
    """scaled, shifted: whether there is a weight and a bias (rows of any length stand for none)."""
    for i in range(x.shape[0]):
        row, to = x[i], out[i]
        m, r = moments(row, eps)
        if scaled and shifted:
            for j in range(row.size):
                to[j] = (row[j] - m) * r * weight[j] + bias[j]
        elif scaled:
            for j in range(row.size):
                to[j] = (row[j] - m) * r * weight[j]
        else:
            for j in range(row.size):
                to[j] = (row[j] - m) * r
            if shifted:
                for j in range(row.size):
                    to[j] += bias[j]
        mean[i, 0], rstd[i, 0] = m, r


@jit_sums
def layer_norm_backward(weight, scaled, g, x, mean, rstd, out, weight_sum, bias_sum):
    """out: the gradient of x; weight_sum and bias_sum: what these rows add to those of weight and bias."""
    n, zero = x.dtype.type(x.shape[1]), x.dtype.type(0)
    for i in range(x.shape[0]):
        row, up, to = x[i], g[i], out[i]
        m, r = mean[i, 0], rstd[i, 0]
        level, along = zero, zero
        if scaled:
            for j in range(row.size):
                u = up[j] * weight[j]
                level += u
                along += u * ((row[j] - m) * r)
        else:
            for j in range(row.size):
                level += up[j]
                along += up[j] * ((row[j] - m) * r)
        level /= n
        along /= n
        for j in range(row.size):
            h = (row[j] - m) * r
            u = up[j] * weight[j] if scaled else up[j]
            to[j] = (u - level - h * along) * r
        for j in range(row.size):
            weight_sum[j] += up[j] * ((row[j] - m) * r)
            bias_sum[j] += up[j]


@jit_sums
def rms_norm(weight, scaled, eps, x, out, rstd):
    n = x.dtype.type(x.shape[1])
    one, zero = x.dtype.type(1), x.dtype.type(0)
    for i in range(x.shape[0]):
        row, to = x[i], out[i]
        square = zero
        for j in range(row.size):
            square += row[j] * row[j]
        r = one / math.sqrt(square / n + eps)
        if scaled:
            for j in range(row.size):
                to[j] = row[j] * r * weight[j]
        else:
            for j in range(row.size):
                to[j] = row[j] * r
        rstd[i, 0] = r


@jit_sums
def rms_norm_backward(weight, scaled, g, x, rstd, out, weight_sum):
    n, zero = x.dtype.type(x.shape[1]), x.dtype.type(0)
    for i in range(x.shape[0]):
        row, up, to, r = x[i], g[i], out[i], rstd[i, 0]
        along = zero
        for j in range(row.size):
            u = up[j] * weight[j] if scaled else up[j]
            along += u * row[j]
        along = along * r * r / n
        for j in range(row.size):
            u = up[j] * weight[j] if scaled else up[j]
            to[j] = (u - row[j] * along) * r
        for j in range(row.size):
            weight_sum[j] += up[j] * row[j] * r
