"""The compiled twins as ufuncs, for arrays of few numbers, where a call costs more than the arithmetic.

A compiled function that is told where to write takes 1.5 us for its call and the arrays it needs. A ufunc makes its
results itself: 0.25 us for one that goes element by element, 0.75 for one of rows (NumPy's "generalized" ufuncs).
`of_dtype` has, by their names, the twins of `compiled.activation` and `compiled.loss`, made of the same loops, and what
stands below. Each is made, or read from disk (3 ms), when it is first used.

Those of rows, or with numbers among their arguments, take C-contiguous arrays only, and neither an empty nor a 0-d one:
nobody checks that here.
"""

# mypy: disable-error-code="no-untyped-def,attr-defined"
from __future__ import annotations

import contextlib
import inspect
import math
import os
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import numba
import numpy as np
from numba import carray, types
from numba.extending import intrinsic
from numba.np.ufunc import _internal
from numba.np.ufunc.ufuncbuilder import GUFuncBuilder

from microtorch.kernels import twins
from microtorch.kernels.compiled import _sources, activation, jit, loss, norm, ordered, softmax
from microtorch.kernels.compiled.math import exp64, sigmoid, tanh
from microtorch.kernels.quiet import quiet

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["of_dtype"]

Loop = Callable[..., None]


class _Ufuncs:
    """The ufuncs of one dtype, by name."""

    def __init__(self, dtype: str) -> None:
        self._dtype = dtype

    def __getattr__(self, name: str) -> Any:
        if name in _known:
            made = _of_rows(*_known[name], self._dtype)
        else:
            twin = exp if name == "exp" else getattr(activation, name, None) or getattr(loss, name)
            made = quiet(_of_elements(twin, self._dtype))
        setattr(self, name, made)
        for use in twins.on_ufunc:
            use(np.dtype(self._dtype).char, name, made)
        return made


of_dtype = {"f": _Ufuncs("float32"), "d": _Ufuncs("float64")}


def _kept(compile: Callable[..., Any], function: Any, name: str, **world: Any) -> Any:
    """What `compile(function, cache)` makes of a function that sees `world` among its globals. The code on disk goes by
    the name of the sources that all twins are made from."""
    named: Any = type(function)(function.__code__, {**function.__globals__, **world}, f"{name}_few")
    named.__module__, named.__qualname__ = __name__, f"{named.__name__}_{_sources()[:12]}"
    with alone():
        try:
            return compile(named, True)
        except RuntimeError:  # numba found no place to write, or files that do not belong together
            return compile(named, False)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """One process at a time: numba keeps a function of rows and the loop that calls it in two files, and looks for the
    loop under a name that it takes from the function. With one file by another process it finds none, at address 0."""
    if fcntl is None:
        yield
        return
    with open(os.path.join(tempfile.gettempdir(), f"microtorch-{os.getuid()}.lock"), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


# element by element --------------------------------------------------------------------------------------------------

ARRAYS = ("g", "x", "s", "t", "y", "out")
"""What the twins call their arrays; their other arguments are numbers."""


def _of_elements(twin: Any, dtype: str) -> Any:
    """The ufunc of a twin that computes each element from those in the same place, rounded at each step as written."""
    names = list(inspect.signature(twin.py_func).parameters)
    if not set(names) <= set(ARRAYS):
        sizes = ["(n)" if name in ARRAYS else "()" for name in names]
        kinds = ["T[::1]" if name in ARRAYS else "T" for name in names]
        return _of_rows(f"{','.join(sizes[:-1])}->(n)", ",".join(kinds), twin.py_func, dtype)
    exact = numba.njit(error_model="numpy")(twin.py_func)
    kind, addresses = np.dtype(dtype), types.CPointer(types.intp)
    world = {"twin": exact, "at": _pointer(getattr(types, dtype)), "item": kind.itemsize}

    def compile(function: Loop, cache: bool) -> Any:
        signature = types.void(addresses, addresses, addresses, types.voidptr)
        return numba.cfunc(signature, cache=cache)(function)

    inputs = len(names) - 1
    made = _kept(compile, _loop_of_one if inputs == 1 else _loop_of_two, f"{twin.__name__}_{kind.char}", **world)
    numbers: Any = [[kind.num] * len(names)]
    return _internal.fromfunc(
        twin.__name__, None, [made.address], numbers, inputs, 1, [None], made, _internal.PyUFunc_None
    )


def _pointer(kind: Any) -> Any:
    """A compiled function that makes an address a pointer to numbers of a type."""

    def pointer(typing_context: Any, address: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

        return types.CPointer(kind)(types.intp), generate

    return intrinsic(pointer)


@jit
def exp(x, out):
    """By way of float64, as `kernels.pointwise.exp`: the result is rounded once."""
    for i in range(x.size):
        out[i] = exp64(np.float64(x[i]))


at: Any = _pointer(types.float32)  # these three are what `_of_elements` says
twin: Any = None
item = 4


# NumPy's inner loops (its manual: "UFunc API"): the arguments' addresses, how many numbers, the steps between them.
def _loop_of_one(addresses, counts, steps, _):
    n = counts[0]
    if steps[0] == steps[1] == item:
        twin(carray(at(addresses[0]), n), carray(at(addresses[1]), n))
        return
    for i in range(n):
        twin(carray(at(addresses[0] + i * steps[0]), 1), carray(at(addresses[1] + i * steps[1]), 1))


def _loop_of_two(addresses, counts, steps, _):
    n = counts[0]
    if steps[0] == steps[1] == steps[2] == item:
        twin(carray(at(addresses[0]), n), carray(at(addresses[1]), n), carray(at(addresses[2]), n))
        return
    for i in range(n):
        first, second, out = (
            at(addresses[0] + i * steps[0]),
            at(addresses[1] + i * steps[1]),
            addresses[2] + i * steps[2],
        )
        twin(carray(first, 1), carray(second, 1), carray(at(out), 1))


# rows ----------------------------------------------------------------------------------------------------------------

_known: dict[str, tuple[str, str, Loop]] = {}
"""By name: a ufunc's signature, the types of its arguments (T being its dtype) and what it does."""


class _Builder(GUFuncBuilder):  # type: ignore[misc]  # numba has no types
    def build(self, cres: Any) -> Any:
        made = super().build(cres)
        if not made[1]:
            raise RuntimeError("the two files of a ufunc do not belong together")
        return made


def _of_rows(signature: str, kinds: str, function: Loop, dtype: str) -> Any:
    def compile(function: Loop, cache: bool) -> Any:
        options = {"nopython": True, "fastmath": {"contract", "reassoc"}}
        builder = _Builder(function, signature, cache=cache, targetoptions=options)
        builder.add(f"void({kinds.replace('T', dtype)})")
        return builder.build_ufunc()

    return _kept(compile, function, function.__name__)


def _rows(signature: str, kinds: str) -> Callable[[Any], Any]:
    def decorate(function: Any) -> Any:
        _known[function.__name__] = signature, kinds, getattr(function, "py_func", function)
        return function

    return decorate


@_rows("(n),()->()", "T[::1],int64,T[::1]")
def total(x, lanes, out):
    out[0] = ordered.few(x, lanes)


_rows("(m,n)->(m,n)", "T[:,::1],T[:,::1]")(softmax.softmax)
_rows("(m,n)->(m,n)", "T[:,::1],T[:,::1]")(softmax.log_softmax)
_rows("(m,n),(m,n)->(m,n)", "T[:,::1],T[:,::1],T[:,::1]")(softmax.softmax_backward)
_rows("(m,n),(m,n)->(m,n)", "T[:,::1],T[:,::1],T[:,::1]")(softmax.log_softmax_backward)
_rows("(m,n),(m)->(m),(m,n)", "T[:,::1],int64[::1],T[::1],T[:,::1]")(softmax.cross_entropy)
_rows("(m,n),(m),(m)->(m,n)", "T[:,::1],int64[::1],T[::1],T[:,::1]")(softmax.cross_entropy_backward)


@_rows("(n),(n),(n),(),(p)->(n),(p),(p)", "T[::1],T[::1],T[::1],T,T[::1],T[::1],T[::1],T[::1]")
def layer_norm(x, weight, bias, eps, one, out, mean, rstd):
    """As `compiled.norm.layer_norm`, a row. one: [1], for as many means and deviations."""
    m, r = norm.moments(x, eps)
    for j in range(x.size):
        out[j] = (x[j] - m) * r * weight[j] + bias[j]
    mean[0], rstd[0] = m, r


@_rows("(n),(n),(n),()->(n)", "T[::1],T[::1],T[::1],T,T[::1]")
def normalized(x, weight, bias, eps, out):
    """The result of `layer_norm` alone."""
    m, r = norm.moments(x, eps)
    for j in range(x.size):
        out[j] = (x[j] - m) * r * weight[j] + bias[j]


@_rows("(m,n),(m),(m),()->(m,n)", "T[:,::1],T[::1],T[::1],T,T[:,::1]")
def group_normalized(x, weight, bias, eps, out):
    """Group norm of a group: m channels of n places."""
    m, r = norm.moments(x.reshape(x.size), eps)
    for i in range(x.shape[0]):
        row, to, scale, shift = x[i], out[i], r * weight[i], bias[i]
        for j in range(row.size):
            to[j] = (row[j] - m) * scale + shift


@_rows("(n),(),(),(),(),()->(n)", "T[::1],T,T,T,T,T,T[::1]")
def batch_normalized(x, mean, var, weight, bias, eps, out):
    """Batch norm of a channel by the running statistics."""
    scale = weight * (x.dtype.type(1) / math.sqrt(var + eps))
    shift = bias - mean * scale
    for j in range(x.size):
        out[j] = x[j] * scale + shift


@_rows(
    "(n),(m,n),(m,n),(m,p),(m,p)->(m,n),(n),(n)", "T[::1],T[:,::1],T[:,::1],T[:,::1],T[:,::1],T[:,::1],T[::1],T[::1]"
)
def layer_norm_backward(weight, g, x, mean, rstd, out, weight_sum, bias_sum):
    weight_sum[:] = 0
    bias_sum[:] = 0
    norm.layer_norm_backward(weight, True, g, x, mean, rstd, out, weight_sum, bias_sum)


@_rows("(d),(s,d),(s,e),()->(e),(s)", "T[::1],T[:,::1],T[:,::1],T,T[::1],T[::1]")
def attend(q, k, v, scale, out, p):
    """What one query sees: softmax(k q scale) v, and that softmax."""
    whole, zero = k.shape[0] // 4 * 4, q.dtype.type(0)
    for i in range(0, whole, 4):  # four keys at a time: a sum of one waits for itself at each step
        a, b, c, d = k[i], k[i + 1], k[i + 2], k[i + 3]
        by_a, by_b, by_c, by_d = zero, zero, zero, zero
        for j in range(q.size):
            by_a += q[j] * a[j]
            by_b += q[j] * b[j]
            by_c += q[j] * c[j]
            by_d += q[j] * d[j]
        p[i], p[i + 1], p[i + 2], p[i + 3] = by_a * scale, by_b * scale, by_c * scale, by_d * scale
    for i in range(whole, k.shape[0]):
        score, key = zero, k[i]
        for j in range(q.size):
            score += q[j] * key[j]
        p[i] = score * scale
    rows = p.reshape(1, p.size)
    softmax.softmax(rows, rows)
    out[:] = 0
    for i in range(k.shape[0]):
        share, value = p[i], v[i]
        for j in range(out.size):
            out[j] += share * value[j]


@_rows("(m),(m),(n)->(n),(n)", "T[::1],T[::1],T[::1],T[::1],T[::1]")
def lstm_step(of_input, of_state, cell, hidden, new):
    """The state and cell after one, from the input's and the state's part of the sums of the gates i, f, g, o."""
    n = cell.size
    i, f, g, o = of_input[:n], of_input[n : 2 * n], of_input[2 * n : 3 * n], of_input[3 * n :]
    hi, hf, hg, ho = of_state[:n], of_state[n : 2 * n], of_state[2 * n : 3 * n], of_state[3 * n :]
    for j in range(n):
        new[j] = sigmoid(f[j] + hf[j]) * cell[j]
    for j in range(n):
        new[j] += sigmoid(i[j] + hi[j]) * tanh(g[j] + hg[j])
    for j in range(n):
        hidden[j] = sigmoid(o[j] + ho[j]) * tanh(new[j])


@_rows("(m),(m),(n)->(n)", "T[::1],T[::1],T[::1],T[::1]")
def gru_step(of_input, of_state, state, new):
    """The state after one, from the input's and the state's part of the sums of the gates r, z, n."""
    n = state.size
    r, z, c = of_input[:n], of_input[n : 2 * n], of_input[2 * n :]
    hr, hz, hc = of_state[:n], of_state[n : 2 * n], of_state[2 * n :]
    for j in range(n):
        new[j] = tanh(c[j] + sigmoid(r[j] + hr[j]) * hc[j])
    for j in range(n):
        new[j] += sigmoid(z[j] + hz[j]) * (state[j] - new[j])
