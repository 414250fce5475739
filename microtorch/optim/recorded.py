"""Steps that are recorded (`differentiable=True`): the optimizers' kernels run on Tensors in place of arrays.

The kernels (kernels/optim.py) are made of NumPy's functions with `out=`. NumPy lets an argument's class say what its
functions do with it (`__array_ufunc__`, NEP 13, and `__array_function__`, NEP 18); a `Recorded` lets operations of the
table do it, so there is one text of each update for both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from microtorch._tensor import Tensor
from microtorch.autograd.state import wrap
from microtorch.functions.complex import view_as_complex, view_as_real
from microtorch.ops import pointwise as P

_OPERATIONS: dict[Any, Callable[..., Any]] = {
    np.add: P.add,
    np.subtract: P.sub,
    np.multiply: P.mul,
    np.divide: P.div,
    np.sqrt: P.sqrt,
    np.negative: P.neg,
    np.absolute: P.abs,
    np.maximum: P.maximum,
    np.greater: lambda x, y: wrap((x._data > y).astype(x._data.dtype)),
}


class Recorded:
    """A Tensor in an array's place: what is written into it (`out=`) replaces the Tensor."""

    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, where: Any = True) -> Any:
        operands = [self._operand(i) for i in inputs]
        result = _OPERATIONS[ufunc](*operands)
        if out is None:
            return Recorded(result)
        target: Recorded = out[0]
        target.tensor = result if where is True else P.where(where, result, target.tensor)
        return target

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function is np.copyto:  # what PyTorch copies so is cut off from the graph
            target, value = args
            value = value.tensor.detach() if isinstance(value, Recorded) else target.tensor * 0 + value
            target.tensor = P.where(kwargs["where"], value, target.tensor) if "where" in kwargs else value
            return None
        if function is np.clip:
            x, low, high = args
            kwargs["out"].tensor = P.clamp(x.tensor, low, high)
            return kwargs["out"]
        raise NotImplementedError(f"{function.__name__} in a recorded step of an optimizer")

    def _operand(self, value: Any) -> Any:
        if isinstance(value, Recorded):
            return value.tensor
        if isinstance(value, np.ndarray):
            return wrap(value.astype(self.tensor._data.dtype))
        return float(value) if isinstance(value, np.generic) else value

    def __lt__(self, other: float) -> Any:
        less: Any = self.tensor._data < other
        return less

    def __gt__(self, other: float) -> Any:
        greater: Any = self.tensor._data > other
        return greater


class RecordedBlock:
    """One parameter for an optimizer's `update`, as a `Block` (blocks.py) is several."""

    def __init__(
        self, p: Tensor, state: Sequence[Tensor | None], count: Any, fresh: bool, grad: Tensor | None = None
    ) -> None:
        self.owners = [p, *state]
        # copies, since what the graph saves of them must outlive `store`
        self.p, self.g = Recorded(_real(p).clone()), Recorded(_real(p._grad if grad is None else grad))  # type: ignore[arg-type]
        self.state = [None if t is None else Recorded(_real(t).clone()) for t in state]
        self.scratch = [Recorded(self.p.tensor) for _ in range(3)]
        self.count, self.fresh = count, fresh

    def store(self) -> None:
        """Write what became of the parameter and its state into them, as operations of the graph."""
        for owner, now in zip(self.owners, [self.p, *self.state]):
            if owner is not None and now is not None:
                owner.copy_(view_as_complex(now.tensor) if owner.is_complex() else now.tensor)


def _real(t: Tensor) -> Tensor:
    """Complex numbers as pairs, all else as it is."""
    return view_as_real(t) if t.is_complex() else t
