"""`torch.quasirandom`: points that fill a cube more evenly than random ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from microtorch import dtypes
from microtorch._missing import missing_names as _missing_names
from microtorch._tensor import Tensor
from microtorch.autograd.state import wrap
from microtorch.functions.random import randint
from microtorch.kernels import sobol
from microtorch.random import Generator

__all__ = ["SobolEngine"]


class SobolEngine:
    """Draws the points of a Sobol sequence in [0, 1)^dimension, the same ones as PyTorch.

    dimension: from 1 to 21201. scramble: with random digits (Owen 1998; here, as in PyTorch, a random shift and random
    triangular matrices, Matousek 1998), taken from the generator of `seed`, else from torch's.
    The direction numbers are SciPy's table (extra `scipy`).
    Raises ValueError for other dimensions, ModuleNotFoundError without SciPy.

    >>> import microtorch as torch
    >>> engine = torch.quasirandom.SobolEngine(dimension=5)
    >>> engine.draw(3)
    tensor([[0.0000, 0.0000, 0.0000, 0.0000, 0.0000],
            [0.5000, 0.5000, 0.5000, 0.5000, 0.5000],
            [0.7500, 0.2500, 0.2500, 0.2500, 0.7500]])
    """

    MAXBIT = sobol.BITS
    MAXDIM = sobol.DIMENSIONS

    def __init__(self, dimension: int, scramble: bool = False, seed: int | None = None) -> None:
        if dimension > self.MAXDIM or dimension < 1:
            raise ValueError(f"Supported range of dimensionality for SobolEngine is [1, {self.MAXDIM}]")
        if not isinstance(dimension, int):
            raise TypeError(f"SobolEngine: dimension must be int, not {type(dimension).__name__}")
        self.seed, self.scramble, self.dimension = seed, scramble, dimension
        self.sobolstate = wrap(sobol.directions(dimension))
        self.shift = wrap(self.sobolstate._data[:, 0] * 0)
        if scramble:
            self._scramble()
        self.quasi = self.shift.clone()
        self._first_point: Tensor = (self.quasi / 2**self.MAXBIT).reshape(1, -1)
        self.num_generated = 0

    def draw(self, n: int = 1, out: Tensor | None = None, dtype: dtypes.dtype | None = None) -> Tensor:
        """The next n points (n, dimension), in the default dtype if none is given: float32 or float64.

        out: a tensor that is resized and gets them.
        Raises RuntimeError for a negative n, and for 0 at the start; NotImplementedError for other dtypes.
        """
        if dtype is None:
            dtype = dtypes.get_default_dtype()
        if not isinstance(n, int):
            raise TypeError(f"_sobol_engine_draw(): argument 'n' (position 2) must be int, not {type(n).__name__}")
        if self.num_generated == 0:
            result = self._first_point.to(dtype)
            if n != 1:
                result = wrap(np.concatenate([result._data, self._next(n - 1, 0, dtype)]))
        else:
            result = wrap(self._next(n, self.num_generated - 1, dtype))
        self.num_generated += n
        if out is not None:
            out.resize_as_(result).copy_(result)
            return out
        return result

    def _next(self, n: int, start: int, dtype: dtypes.dtype) -> NDArray[Any]:
        if n < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}, {self.dimension}]")
        if dtype not in (dtypes.float32, dtypes.float64):
            raise NotImplementedError(f"\"_sobol_engine_draw\" not implemented for '{dtype.type_name}'")
        if n == 0:
            return np.empty((0, self.dimension), dtype.numpy)
        points = sobol.advance(self.sobolstate._data, start, n, self.quasi._data)
        self.quasi = wrap(points[-1].copy())
        result = points.astype(dtype.numpy)
        result *= result.dtype.type(2.0**-self.MAXBIT)
        return result

    def draw_base2(self, m: int, out: Tensor | None = None, dtype: dtypes.dtype | None = None) -> Tensor:
        """The next 2**m points (2**m, dimension).

        Raises ValueError unless the points drawn so far and these are a power of 2 in number: only then are they even.
        """
        n = 2**m
        total = self.num_generated + n
        if total & (total - 1) != 0:
            raise ValueError(
                f"The balance properties of Sobol' points require n to be a power of 2. {self.num_generated} points "
                f"have been previously generated, then: n={self.num_generated}+2**{m}={total}. If you still want to do "
                "this, please use 'SobolEngine.draw()' instead."
            )
        return self.draw(n=n, out=out, dtype=dtype)

    def reset(self) -> SobolEngine:
        """Go back to the start."""
        self.quasi.copy_(self.shift)
        self.num_generated = 0
        return self

    def fast_forward(self, n: int) -> SobolEngine:
        """Leave out n points."""
        start, steps = (0, n - 1) if self.num_generated == 0 else (self.num_generated - 1, n)
        if steps > 0:
            self.quasi = wrap(sobol.skip(self.sobolstate._data, start, steps, self.quasi._data))
        self.num_generated += n
        return self

    def _scramble(self) -> None:
        generator = None if self.seed is None else Generator().manual_seed(self.seed)
        bits = randint(2, (self.dimension, self.MAXBIT), generator=generator)
        self.shift = wrap(bits._data @ (1 << np.arange(self.MAXBIT)))
        matrices = randint(2, (self.dimension, self.MAXBIT, self.MAXBIT), generator=generator)
        sobol.scramble(self.sobolstate._data, matrices._data)

    def __repr__(self) -> str:
        options = [f"dimension={self.dimension}"]
        if self.scramble:
            options.append("scramble=True")
        if self.seed is not None:
            options.append(f"seed={self.seed}")
        return f"{type(self).__name__}({', '.join(options)})"


__getattr__ = _missing_names(__name__)
