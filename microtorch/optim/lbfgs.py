"""L-BFGS."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from microtorch._tensor import Tensor
from microtorch.autograd.modes import enable_grad
from microtorch.autograd.node import written
from microtorch.autograd.state import wrap
from microtorch.kernels.bfloat16 import zeros
from microtorch.kernels.quiet import silence
from microtorch.optim.optimizer import Optimizer, ParamsT, check_lr, chosen, number

Array = NDArray[Any]


class LBFGS(Optimizer):
    """L-BFGS (Nocedal 1980; Nocedal and Wright, Numerical Optimization, algorithm 7.4), in the manner of minFunc.

    `step(closure)` makes up to max_iter iterations, with up to max_eval (1.25 max_iter) calls of the closure, until no
    gradient is above tolerance_grad or the loss or parameters change by less than tolerance_change. history_size: how
    many steps the approximation of the inverse Hessian remembers. line_search_fn: None (steps of lr) or "strong_wolfe".
    The state belongs to the first parameter. Raises ValueError for several parameter groups.

    >>> import microtorch as torch
    >>> x = torch.tensor([3.0, -2.0], requires_grad=True)
    >>> optimizer = torch.optim.LBFGS([x], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = ((x - 1) ** 2).sum()
    ...     loss.backward()
    ...     return loss
    >>> optimizer.step(closure)
    tensor(13., grad_fn=<SumBackward0>)
    >>> x
    tensor([1.0000, 1.0000], requires_grad=True)
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_lr(lr)
        if max_eval is None:
            max_eval = max_iter * 5 // 4
        defaults = chosen(
            locals(), "lr", "max_iter", "max_eval", "tolerance_grad", "tolerance_change", "history_size",
            "line_search_fn",
        )  # fmt: skip
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    # the parameters as one vector ------------------------------------------------------------------------------------

    def _gradient(self) -> Array:
        """All gradients as one vector, complex ones as pairs of numbers; zeros where there is none."""
        parts = []
        for p in self.param_groups[0]["params"]:
            part = zeros(p._data.size, p._data.dtype) if p._grad is None else p._grad._data.reshape(-1)
            parts.append(part.view(part.real.dtype) if part.dtype.kind == "c" else part)
        return np.concatenate(parts)

    def _move(self, t: Any, d: Array) -> None:
        """Add t d to the parameters."""
        start = 0
        for p in self.param_groups[0]["params"]:
            a = p._data
            n = a.size * (2 if a.dtype.kind == "c" else 1)
            part = float(t) * d[start : start + n].astype(a.real.dtype, copy=False)
            a += part.view(a.dtype).reshape(a.shape)
            written(p)
            start += n

    def _values(self) -> list[Array]:
        return [p._data.copy() for p in self.param_groups[0]["params"]]

    def _set(self, values: list[Array]) -> None:
        for p, value in zip(self.param_groups[0]["params"], values):
            p._data[...] = value
            written(p)

    # the iterations --------------------------------------------------------------------------------------------------

    def step(self, closure: Callable[[], Any]) -> Any:  # type: ignore[override]
        """Iterate, and return the first loss. closure: computes the loss and its gradients anew, and returns it."""

        def evaluate() -> Any:
            with enable_grad():
                return closure()

        with silence():
            return self._iterate(evaluate)

    def _iterate(self, closure: Callable[[], Any]) -> Any:
        group = self.param_groups[0]
        lr, tolerance = number(group["lr"]), group["tolerance_change"]
        state = self.state[group["params"][0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first_loss = closure()
        loss = float(first_loss)
        evaluations = 1
        state["func_evals"] += 1
        g = self._gradient()
        if abs(g).max() <= group["tolerance_grad"]:
            return first_loss

        memory = _Memory(state, group["history_size"])
        d, t, before = memory.d, memory.t, memory.g
        iteration = 0
        while iteration < group["max_iter"]:
            iteration += 1
            state["n_iter"] += 1
            if state["n_iter"] == 1:
                d = -g
                memory.forget()
            else:
                memory.add(g - before, d * _scalar(t, d))
                d = memory.direction(g)
            before, loss_before = g.copy(), loss
            t = min(1.0, 1.0 / abs(g).sum()) * lr if state["n_iter"] == 1 else lr
            slope = g.dot(d)
            if slope > -tolerance:
                break
            calls = 0
            flat = False
            if group["line_search_fn"] is not None:
                if group["line_search_fn"] != "strong_wolfe":
                    raise RuntimeError("only 'strong_wolfe' is supported")
                start = self._values()

                def at(t: Any, d: Array = d, start: list[Array] = start) -> tuple[float, Array]:
                    self._move(t, d)
                    value = float(closure())
                    gradient = self._gradient()
                    self._set(start)
                    return value, gradient

                loss, g, t, calls = strong_wolfe(at, t, d, loss, g, slope, max_ls=group["max_eval"] - evaluations)
                self._move(t, d)
                flat = abs(g).max() <= group["tolerance_grad"]
            else:
                self._move(t, d)
                if iteration != group["max_iter"]:
                    loss = float(closure())
                    g = self._gradient()
                    flat = abs(g).max() <= group["tolerance_grad"]
                    calls = 1
            evaluations += calls
            state["func_evals"] += calls
            if (
                iteration == group["max_iter"]
                or evaluations >= group["max_eval"]
                or flat
                or abs(d * _scalar(t, d)).max() <= tolerance
                or abs(loss - loss_before) < tolerance
            ):
                break
        memory.store(d, t, before, loss_before)
        return first_loss


def _scalar(t: Any, like: Array) -> Any:
    """A number for arithmetic with an array, which keeps its dtype."""
    return like.dtype.type(t)


class _Memory:
    """The last steps s and changes y of the gradient: the inverse Hessian as L-BFGS sees it. The state's tensors."""

    def __init__(self, state: dict[str, Any], size: int) -> None:
        self.state, self.size = state, size

        def array(value: Any) -> Any:
            return value._data if isinstance(value, Tensor) else value

        self.d, self.g = array(state.get("d")), array(state.get("prev_flat_grad"))
        t = array(state.get("t"))
        self.t = t[()] if isinstance(t, np.ndarray) else t
        self.changes: list[Array] = [array(y) for y in state.get("old_dirs") or []]
        self.steps: list[Array] = [array(s) for s in state.get("old_stps") or []]
        self.ro: list[Any] = [array(r)[()] for r in state.get("ro") or []]
        scale = array(state.get("H_diag"))
        self.scale: Any = scale[()] if isinstance(scale, np.ndarray) else scale
        self.al: list[Any] | None = state.get("al")

    def forget(self) -> None:
        self.changes, self.steps, self.ro, self.scale = [], [], [], 1

    def add(self, y: Array, s: Array) -> None:
        """Remember a step and what it changed, if the curvature along it is positive."""
        ys = y.dot(s)
        if ys > 1e-10:
            if len(self.changes) == self.size:
                for remembered in (self.changes, self.steps, self.ro):
                    remembered.pop(0)
            self.changes.append(y)
            self.steps.append(s)
            self.ro.append(1.0 / ys)
            self.scale = ys / y.dot(y)

    def direction(self, g: Array) -> Array:
        """-H g, by the two loops over the remembered steps."""
        if self.al is None:
            self.al = [None] * self.size
        q = -g
        for i in reversed(range(len(self.changes))):
            self.al[i] = self.steps[i].dot(q) * self.ro[i]
            q += -self.al[i] * self.changes[i]
        r = q * self.scale
        for i in range(len(self.changes)):
            be = self.changes[i].dot(r) * self.ro[i]
            r += (self.al[i] - be) * self.steps[i]
        return r

    def store(self, d: Any, t: Any, g: Any, loss: float) -> None:
        def tensor(value: Any) -> Any:
            return wrap(np.asarray(value)) if isinstance(value, (np.ndarray, np.generic)) else value

        state = self.state
        if self.al is not None:
            state["al"] = [tensor(a) for a in self.al]
        state["d"], state["t"] = tensor(d), tensor(t)
        state["old_dirs"] = [tensor(y) for y in self.changes]
        state["old_stps"] = [tensor(s) for s in self.steps]
        state["ro"] = [tensor(r) for r in self.ro]
        state["H_diag"] = tensor(self.scale)
        state["prev_flat_grad"] = tensor(g)
        state["prev_loss"] = loss


def cubic_interpolate(x1: Any, f1: Any, g1: Any, x2: Any, f2: Any, g2: Any, bounds: Any = None) -> Any:
    """Where the cubic with these values and slopes at x1 and x2 is least, within the bounds (x1 and x2 if None).

    Nocedal and Wright, equation 3.59.
    """
    low, high = bounds if bounds is not None else ((x1, x2) if x1 <= x2 else (x2, x1))
    d1 = g1 + g2 - 3 * (f1 - f2) / (x1 - x2)
    square = d1 * d1 - g1 * g2
    if not square >= 0:
        return (low + high) / 2.0
    d2 = np.sqrt(square)
    if x1 <= x2:
        least = x2 - (x2 - x1) * ((g2 + d2 - d1) / (g2 - g1 + 2 * d2))
    else:
        least = x1 - (x1 - x2) * ((g1 + d2 - d1) / (g1 - g2 + 2 * d2))
    return min(max(least, low), high)


def strong_wolfe(
    at: Callable[[Any], tuple[float, Array]],
    t: Any,
    d: Array,
    f: float,
    g: Array,
    slope: Any,
    c1: float = 1e-4,
    c2: float = 0.9,
    tolerance_change: float = 1e-9,
    max_ls: int = 25,
) -> tuple[float, Array, Any, int]:
    """A step t along d that meets the strong Wolfe conditions (Nocedal and Wright, algorithms 3.5 and 3.6).

    at(t): loss and gradient there. f, g, slope: at 0. Returns loss, gradient, t, and how often `at` was called.
    """
    largest = abs(d).max()
    f_new, g_new = at(t)
    calls = 1
    slope_new = g_new.dot(d)

    # Go on until the step, or an interval that has one in it, is found. Each end: (t, loss, gradient, slope).
    last = (0, f, g, slope)
    done = False
    iterations = 0
    ends: list[Any] = []
    while iterations < max_ls:
        here = (t, f_new, g_new, slope_new)
        if f_new > f + c1 * t * slope or (iterations > 1 and f_new >= last[1]):
            ends = [last, here]
            break
        if abs(slope_new) <= -c2 * slope:
            ends = [here]
            done = True
            break
        if slope_new >= 0:
            ends = [last, here]
            break
        limits = (t + 0.01 * (t - last[0]), t * 10)
        t = cubic_interpolate(last[0], last[1], last[3], t, f_new, slope_new, limits)
        last = here
        f_new, g_new = at(t)
        calls += 1
        slope_new = g_new.dot(d)
        iterations += 1
    if iterations == max_ls:
        ends = [(0, f, g, slope), (t, f_new, g_new, slope_new)]

    # Make the interval smaller until one of its points is good enough.
    little = False  # whether the last point was close to an end
    low, high = (0, 1) if ends[0][1] <= ends[-1][1] else (1, 0)
    while not done and iterations < max_ls:
        a, b = ends
        if abs(b[0] - a[0]) * largest < tolerance_change:
            break
        t = cubic_interpolate(a[0], a[1], a[3], b[0], b[1], b[3])
        left, right = min(a[0], b[0]), max(a[0], b[0])
        margin = 0.1 * (right - left)
        if min(right - t, t - left) < margin:
            if little or t >= right or t <= left:
                t = right - margin if abs(t - right) < abs(t - left) else left + margin
                little = False
            else:
                little = True
        else:
            little = False
        f_new, g_new = at(t)
        calls += 1
        slope_new = g_new.dot(d)
        iterations += 1
        if f_new > f + c1 * t * slope or f_new >= ends[low][1]:
            ends[high] = (t, f_new, g_new, slope_new)
            low, high = (0, 1) if ends[0][1] <= ends[1][1] else (1, 0)
        else:
            if abs(slope_new) <= -c2 * slope:
                done = True
            elif slope_new * (ends[high][0] - ends[low][0]) >= 0:
                ends[high] = ends[low]
            ends[low] = (t, f_new, g_new, slope_new)
    t, f_new, g_new, _ = ends[low]
    return f_new, g_new, t, calls
