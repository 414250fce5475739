"""`Variable`: what a tensor with a graph was called before PyTorch 0.4. Calling it gives a tensor."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from microtorch import dtypes
from microtorch.autograd.node import require_grad
from microtorch.autograd.state import TensorBase, storage_of, wrap


class VariableMeta(type):
    """Makes every tensor an instance of Variable."""

    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, TensorBase)

    def __call__(cls, data: Any = None, requires_grad: bool = False, volatile: bool | None = None) -> Any:
        """A leaf tensor that shares the memory of `data`.

        Raises TypeError for what is no tensor, RuntimeError for integers that should require a gradient.
        """
        if data is None:
            data = wrap(np.empty((0,), dtypes.default.float))
        if not isinstance(data, TensorBase):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        if volatile is not None:
            message = "volatile was removed and now has no effect. Use `with torch.no_grad():` instead."
            warnings.warn(message, stacklevel=2)
        t = wrap(data._data)
        t._storage = storage_of(data)
        if requires_grad:
            if t._data.dtype.kind not in "fc":
                raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
            require_grad(t)
        return t


class Variable(metaclass=VariableMeta):
    """The old name of Tensor.

    >>> import microtorch as torch
    >>> torch.autograd.Variable(torch.ones(2), requires_grad=True)
    tensor([1., 1.], requires_grad=True)
    """
