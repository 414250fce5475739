"""Loops around the functions of compiled.math, for the tests of their errors."""

from __future__ import annotations

from typing import Any

import numba

from microtorch.kernels.compiled import math


def _loop(function: Any) -> Any:
    @numba.njit(error_model="numpy", fastmath={"contract"})
    def run(x: Any, out: Any) -> None:
        for i in range(x.size):
            out[i] = function(x[i])

    return run


LOOPS = {n: _loop(getattr(math, n)) for n in ("exp", "expm1", "log", "log1p", "tanh", "sigmoid", "erf")}
