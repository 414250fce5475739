"""Other frameworks that record gradients, on the three workloads that all of them can express, with plain SGD.

`python -m benchmarks --peers` times those that are installed (benchmarks/peers.txt), each in a process of its own.
The frameworks that compile (JAX by jit, tinygrad by TinyJit) do so before the clock starts.
"""

from __future__ import annotations

import importlib
import importlib.util
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

Step = Callable[[], Any]

NAMES = ("torch", "microtorch", "jax", "tinygrad", "mygrad", "autograd", "micrograd")
WORKLOADS = {
    "mlp_tiny": "MLP 32-64-32-1, batch 128, MSE, SGD",
    "mlp_mnist": "MLP 784-256-128-10, batch 64, ReLU, cross-entropy, SGD",
    "scalar_graph": "y = y * a + b a thousand times, and backward",
}
SIZES = {"mlp_tiny": (128, (32, 64, 32, 1)), "mlp_mnist": (64, (784, 256, 128, 10))}
RATE = 0.01


def data(workload: str) -> tuple[Any, Any, list[Any]]:
    """Inputs, targets (numbers, or one-hot labels) and the weights and biases in turn, as float32 arrays."""
    batch, sizes = SIZES[workload]
    rng = np.random.default_rng(0)
    x = rng.standard_normal((batch, sizes[0])).astype(np.float32)
    if workload == "mlp_tiny":
        y = rng.standard_normal((batch, 1)).astype(np.float32)
    else:
        y = np.eye(sizes[-1], dtype=np.float32)[rng.integers(0, sizes[-1], batch)]
    parameters = []
    for n, m in itertools.pairwise(sizes):
        parameters += [(rng.standard_normal((n, m)) / n**0.5).astype(np.float32), np.zeros(m, np.float32)]
    return x, y, parameters


def by_torch(torch: Any, workload: str) -> Step:
    """PyTorch's way, for it and for microtorch."""
    if workload == "scalar_graph":
        a, b, x = (torch.tensor(v, requires_grad=True) for v in (1.001, 0.001, 1.0))

        def chain() -> Any:
            y = x
            for _ in range(1000):
                y = y * a + b
            y.backward()
            value = x.grad.item()
            x.grad = a.grad = b.grad = None
            return value

        return chain
    x, y, arrays = data(workload)
    inputs, targets = torch.tensor(x), torch.tensor(y)
    parameters = [torch.tensor(p, requires_grad=True) for p in arrays]
    optimizer = torch.optim.SGD(parameters, lr=RATE)

    def step() -> Any:
        h = inputs
        for w, b in zip(parameters[:-2:2], parameters[1:-2:2]):
            h = torch.relu(h @ w + b)
        h = h @ parameters[-2] + parameters[-1]
        if workload == "mlp_tiny":
            loss = ((h - targets) ** 2).mean()
        else:
            loss = -(torch.log_softmax(h, 1) * targets).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def by_function(np_like: Any, value_and_grad: Any, jit: Any, workload: str, loop: Any = None) -> Step:
    """HIPS autograd's way, which is JAX's: the gradient of a function of arrays."""
    if workload == "scalar_graph":

        def chain(x: Any, a: Any, b: Any) -> Any:
            if loop is not None:
                return loop(0, 1000, lambda _, y: y * a + b, x)
            y = x
            for _ in range(1000):
                y = y * a + b
            return y

        compute = jit(value_and_grad(chain))
        return lambda: float(compute(1.0, 1.001, 0.001)[1])
    x, y, arrays = data(workload)

    def loss(parameters: Any) -> Any:
        h = x
        for i in range(0, len(arrays) - 2, 2):
            h = np_like.maximum(np_like.dot(h, parameters[i]) + parameters[i + 1], 0)
        h = np_like.dot(h, parameters[-2]) + parameters[-1]
        if workload == "mlp_tiny":
            return np_like.mean((h - y) ** 2)
        top = np_like.max(h, axis=1, keepdims=True)
        logs = h - top - np_like.log(np_like.sum(np_like.exp(h - top), axis=1, keepdims=True))
        return -np_like.mean(np_like.sum(logs * y, axis=1))

    compute = value_and_grad(loss)

    def update(parameters: Any) -> Any:
        value, grads = compute(parameters)
        return value, [p - RATE * g for p, g in zip(parameters, grads)]

    compiled, state = jit(update), [arrays]

    def step() -> Any:
        value, state[0] = compiled(state[0])
        return float(value)

    return step


def by_tinygrad(workload: str) -> Step:
    """tinygrad, its steps captured by TinyJit; it needs a C compiler (clang)."""
    tinygrad = importlib.import_module("tinygrad")
    Tensor = tinygrad.Tensor
    if workload == "scalar_graph":

        def chain() -> Any:
            x, a, b = (Tensor(v) for v in (1.0, 1.001, 0.001))
            y = x
            for _ in range(1000):
                y = y * a + b
            return y.gradient(x)[0].item()

        return chain
    x, y, arrays = data(workload)
    inputs, targets = Tensor(x), Tensor(y)
    parameters = [Tensor(p) for p in arrays]
    optimizer = tinygrad.nn.optim.SGD(parameters, lr=RATE)

    @tinygrad.TinyJit
    @Tensor.train()
    def compiled() -> Any:
        h = inputs
        for w, b in zip(parameters[:-2:2], parameters[1:-2:2]):
            h = (h @ w + b).relu()
        h = h @ parameters[-2] + parameters[-1]
        if workload == "mlp_tiny":
            loss = ((h - targets) ** 2).mean()
        else:
            loss = -(h.log_softmax(1) * targets).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss.realize()

    return lambda: compiled().item()


def by_mygrad(workload: str) -> Step:
    """MyGrad."""
    mg = importlib.import_module("mygrad")
    if workload == "scalar_graph":

        def chain() -> Any:
            x, a, b = (mg.tensor(v) for v in (1.0, 1.001, 0.001))
            y = x
            for _ in range(1000):
                y = y * a + b
            y.backward()
            return float(x.grad)

        return chain
    x, y, arrays = data(workload)
    parameters = [mg.tensor(p) for p in arrays]

    def step() -> Any:
        h: Any = x
        for w, b in zip(parameters[:-2:2], parameters[1:-2:2]):
            h = mg.maximum(mg.matmul(h, w) + b, 0)
        h = mg.matmul(h, parameters[-2]) + parameters[-1]
        if workload == "mlp_tiny":
            loss = mg.mean((h - y) ** 2)
        else:
            top = h.data.max(1, keepdims=True)
            logs = h - top - mg.log(mg.sum(mg.exp(h - top), axis=1, keepdims=True))
            loss = -mg.mean(mg.sum(logs * y, axis=1))
        loss.backward()
        for p in parameters:
            p.data -= RATE * p.grad
            p.null_grad()
        return loss.item()

    return step


def by_micrograd(workload: str) -> Step:
    """micrograd, which has single numbers only."""
    if workload != "scalar_graph":
        raise NotImplementedError("micrograd has no arrays")
    Value = importlib.import_module("micrograd.engine").Value
    sys.setrecursionlimit(100_000)

    def chain() -> Any:
        x, a, b = Value(1.0), Value(1.001), Value(0.001)
        y = x
        for _ in range(1000):
            y = y * a + b
        y.backward()
        return x.grad

    return chain


def build(name: str, workload: str) -> Step:
    """The workload's step on one of the peers."""
    if name in ("torch", "microtorch"):
        return by_torch(importlib.import_module(name), workload)
    if name == "jax":
        jax = importlib.import_module("jax")
        return by_function(jax.numpy, jax.value_and_grad, jax.jit, workload, jax.lax.fori_loop)
    if name == "autograd":
        autograd = importlib.import_module("autograd")
        return by_function(importlib.import_module("autograd.numpy"), autograd.value_and_grad, lambda f: f, workload)
    return {"tinygrad": by_tinygrad, "mygrad": by_mygrad, "micrograd": by_micrograd}[name](workload)


def timed(name: str, workload: str, seconds: float) -> dict[str, Any]:
    """The median time of a step, and the value of the third one."""
    step = build(name, workload)
    for _ in range(3):
        value = step()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 5:
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return {"time": statistics.median(times), "value": float(value)}


def table(seconds: float, threads: int) -> Iterator[str]:
    """Lines of a Markdown table: a row for each peer that is installed, a column for each workload."""
    yield f"| | {' | '.join(WORKLOADS.values())} |"
    yield "|---|" + "---|" * len(WORKLOADS)
    for name in NAMES:
        if importlib.util.find_spec(name) is None:
            yield f"| {name} | {' | '.join(['not installed'] * len(WORKLOADS))} |"
            continue
        cells = []
        for workload in WORKLOADS:
            command = [sys.executable, "-m", "benchmarks.peers", name, workload, str(seconds)]
            variables = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
            root = str(Path(__file__).resolve().parents[1])
            env = {**os.environ, **dict.fromkeys(variables, str(threads)), "PYTHONPATH": root}
            done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
            if done.returncode:
                cells.append((done.stderr.strip().splitlines() or ["failed"])[-1].split(": ", 1)[-1])
            else:
                found = json.loads(done.stdout.splitlines()[-1])
                cells.append(f"{found['time'] * 1e3:.3g} ms ({found['value']:.5g})")
        yield f"| {name} | {' | '.join(cells)} |"


if __name__ == "__main__":
    print(json.dumps(timed(sys.argv[1], sys.argv[2], float(sys.argv[3]))))
