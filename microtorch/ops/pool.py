"""Pooling, and linear maps along dimensions (adaptive averages, resizing)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from microtorch.autograd.table import op, unary
from microtorch.kernels import pool as K, reduce as KR
from microtorch.kernels.strides import c_order, image_format, suggested_format
from microtorch.ops.reduce import _mean_x

# maxima: the tap of each window's largest element is kept, one byte each ---------------------------------------------
max_pool_backward = unary("max_pool_backward", K.max_pool_backward,
                          x=lambda xp, g, tap, kernel, stride, padding, dilation:
                              xp.max_pool_take(g, tap, kernel, stride, padding, dilation))  # fmt: skip
max_pool_take = unary("max_pool_take", K.max_pool_take,
                      x=lambda xp, g, x_shape, tap, kernel, stride, padding, dilation:
                          xp.max_pool_backward(g, x_shape, tap, kernel, stride, padding, dilation))  # fmt: skip


def _max_pool_x(xp: Any, g: Any, x_shape: Any, tap: Any, kernel: Any, stride: Any, padding: Any, dilation: Any) -> Any:
    return xp.max_pool_backward(g, x_shape, tap, kernel, stride, padding, dilation)


def _max_pool(name: str, grad_name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The entries for one number of dimensions: values alone, and with their places."""
    lay = image_format if name == "max_pool1d" else suggested_format
    values = op(name, lay(K.max_pool), inputs="x", residuals=["tap"], grad_name=grad_name, x=_max_pool_x,
                unrecorded=lay(K.max_pool_values))  # fmt: skip
    both = op(
        f"{name}_with_indices",
        lay(K.max_pool_with_indices, 2),
        inputs="x",
        outputs=2,
        residuals=["tap"],
        grad_name=grad_name,
        x=_max_pool_x,
    )
    return values, both


max_pool1d, max_pool1d_with_indices = _max_pool("max_pool1d", "SqueezeBackward1")
max_pool2d, max_pool2d_with_indices = _max_pool("max_pool2d", "MaxPool2DWithIndicesBackward0")
max_pool3d, max_pool3d_with_indices = _max_pool("max_pool3d", "MaxPool3DWithIndicesBackward0")

# elements named by their place ---------------------------------------------------------------------------------------
take_flat = unary("take_flat", K.take_flat, x=lambda xp, g, x_shape, index: xp.put_flat(g, x_shape, index))
put_flat = unary("put_flat", K.put_flat, x=lambda xp, g, index: xp.take_flat(g, index))


def _lay(name: str) -> Any:
    """How a result lies in memory: PyTorch's kernels for volumes know C order alone, but for max_pool3d's."""
    return image_format if name.endswith("1d") else suggested_format if name.endswith("2d") else c_order


def _adaptive_max_pool(name: str, grad_name: str) -> Callable[..., Any]:
    return op(name, _lay(name)(K.adaptive_max_pool_kept, 2), inputs="x",
              outputs=2, residuals=["places"], grad_name=grad_name,
              x=lambda xp, g, x_shape, places: xp.put_flat(g, x_shape, places))  # fmt: skip


def _fractional_max_pool(name: str, grad_name: str) -> Callable[..., Any]:
    return op(
        name,
        lambda x, kernel, out, samples: (lambda v, i: (v, i, i))(*K.fractional_max_pool(x, kernel, out, samples)),
        inputs="x",
        outputs=2,
        residuals=["places"],
        grad_name=grad_name,
        x=lambda xp, g, x_shape, places: xp.put_flat(g, x_shape, places),
    )


fractional_max_pool2d = _fractional_max_pool("fractional_max_pool2d", "FractionalMaxPool2DBackward0")
fractional_max_pool3d = _fractional_max_pool("fractional_max_pool3d", "FractionalMaxPool3DBackward0")
adaptive_max_pool1d = _adaptive_max_pool("adaptive_max_pool1d", "SqueezeBackward1")
adaptive_max_pool2d = _adaptive_max_pool("adaptive_max_pool2d", "AdaptiveMaxPool2DBackward0")
adaptive_max_pool3d = _adaptive_max_pool("adaptive_max_pool3d", "AdaptiveMaxPool3DBackward0")


def _unpool(name: str, grad_name: str) -> Callable[..., Any]:
    return unary(name, suggested_format(K.unpool), x=lambda xp, g, index: xp.take_flat(g, index), grad_name=grad_name)


max_unpool1d = _unpool("max_unpool1d", "SqueezeBackward1")
max_unpool2d = _unpool("max_unpool2d", "MaxUnpool2DBackward0")
max_unpool3d = _unpool("max_unpool3d", "MaxUnpool3DBackward0")

# averages -------------------------------------------------------------------------------------------------------------
avg_pool_backward = unary(
    "avg_pool_backward",
    K.avg_pool_backward,
    x=lambda xp, g, kernel, stride, padding, ceil_mode, count_padding, override: xp.avg_pool2d(
        g, kernel, stride, padding, ceil_mode, count_padding, override
    ),
)


def _avg_pool(name: str, grad_name: str) -> Callable[..., Any]:
    return unary(
        name,
        _lay(name)(K.avg_pool),
        grad_name=grad_name,
        x=lambda xp, g, x_shape, kernel, stride, padding, ceil_mode, count_padding, override: xp.avg_pool_backward(
            g, x_shape, kernel, stride, padding, ceil_mode, count_padding, override
        ),
    )


avg_pool1d = _avg_pool("avg_pool1d", "SqueezeBackward1")
avg_pool2d = _avg_pool("avg_pool2d", "AvgPool2DBackward0")
avg_pool3d = _avg_pool("avg_pool3d", "AvgPool3DBackward0")

# linear maps along the last dimensions -------------------------------------------------------------------------------
map_axes_backward = unary("map_axes_backward", K.map_axes_backward, x=lambda xp, g, maps: xp.map_axes(g, maps))
map_axes = unary("map_axes", K.map_axes, x=lambda xp, g, maps: xp.map_axes_backward(g, maps))


def _mapping(name: str, grad_name: str) -> Callable[..., Any]:
    return unary(name, _lay(name)(K.map_axes), x=lambda xp, g, maps: xp.map_axes_backward(g, maps), grad_name=grad_name)


adaptive_avg_pool1d = _mapping("adaptive_avg_pool1d", "SqueezeBackward1")
adaptive_avg_pool2d = _mapping("adaptive_avg_pool2d", "AdaptiveAvgPool2DBackward0")
adaptive_avg_pool3d = _mapping("adaptive_avg_pool3d", "AdaptiveAvgPool3DBackward0")


def _mean_of_axes(name: str, grad_name: str) -> Callable[..., Any]:
    lay = image_format if name == "mean_of_axis" else suggested_format
    return unary(name, lay(KR.mean), grad_name=grad_name,
                 x=_mean_x)  # fmt: skip


mean_of_axis = _mean_of_axes("mean_of_axis", "SqueezeBackward1")
mean_of_axes = _mean_of_axes("mean_of_axes", "MeanBackward1")
