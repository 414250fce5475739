"""`microtorch warmup`: compile and keep all compiled kernels, so that no later program waits for it.

Each step is a small computation that needs some of them; it runs forward and backward with compiled kernels for every
size, those of `FEW` also with few numbers. What is compiled then stays on disk, where numba finds it again.
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

from microtorch.cli.program import ProgramError
from microtorch.kernels import twins

_DESCRIPTION = """\
Compile the kernels that are faster with numba (pip install microtorch[fast]) and keep them on disk: later programs load
them instead. Without this, each kernel is compiled when a program first needs it."""

# What is computed, from x (n, n), y like it, w (n,), image (2, 4, 12, 12), line (1, 1, 1200, 4), index (n, n) and
# classes (n,) of whole numbers; `layer(module, input)` calls a module made in the dtype.
STEPS: dict[str, list[str]] = {
    "activations": [
        *(f"F.{name}(x)" for name in """
            sigmoid tanh silu logsigmoid softplus mish elu gelu relu leaky_relu hardtanh hardsigmoid hardswish
            hardshrink softshrink""".split()),
        "F.gelu(x, approximate='tanh')", "F.threshold(x, 0.1, 0.0)",
    ],
    "softmax and losses": [
        "F.softmax(x, 1)", "F.log_softmax(x, 1)", "F.cross_entropy(x, classes)", "F.huber_loss(x, y)", "F.glu(x)",
        "F.nll_loss(x, classes)", "x.logsumexp(1)",
    ],
    "normalization": [
        "F.layer_norm(x, (n,), w, w)", "F.rms_norm(x, (n,), w)", "F.group_norm(image, 2)",
        "F.batch_norm(image, None, None, training=True)", "layer(nn.BatchNorm2d(4).eval(), x.reshape(1, 4, n // 4, n))",
    ],
    "indexing": [
        "torch.gather(x, 1, index)", "torch.scatter(x, 1, index, y)", "torch.scatter_add(x, 1, index, y)",
        "F.embedding(classes, x)", "F.embedding_bag(index, x, mode='sum')", "F.embedding_bag(index, x, mode='max')",
        "x.topk(2)[0]", "index.topk(2)[0]", "torch.mode(x.reshape(-1, 8))[0]", "torch.mode(index.reshape(-1, 8))[0]",
    ],
    "numbers": [
        "x.sign()", "x.frac()", "x.erf()", "x.erfc()", "torch.hypot(x, y)", "torch.fmod(x, y)", "x % y",
        "x.detach() // y.detach()", "x.half().float()",
        "torch.outer(w, w)", "x.flip(1)", "F.prelu(x, w)", "torch.nextafter(x.detach(), y.detach())",
        "x.bfloat16().float()",
    ],
    "products, running sums and extremes": [
        "x.prod(1)", *(f"torch.{name}(x, 1)" for name in ("cumsum", "cumprod")),
        *(f"torch.{name}(x, 1)[0]" for name in ("cummax", "cummin")),
    ],
    "random numbers": [
        "torch.randn(300, 300)", "torch.randint(0, 9, (300, 300))", "torch.randperm(100000)",
        "F.dropout(torch.ones(300, 300))",
    ],
    "convolutions": [
        "layer(nn.Conv2d(4, 6, 3, padding=1), image)", "layer(nn.Conv2d(4, 6, 3, stride=2), image)",
        "layer(nn.Conv2d(4, 4, 3, padding=1, groups=4), image)", "layer(nn.Conv2d(4, 6, 1), image)",
        "layer(nn.Conv1d(4, 6, 3), image[:, :, 0])", "layer(nn.ConvTranspose2d(4, 6, 3, stride=2), image)",
    ],
    "pooling": ["F.max_pool2d(image, 2)", "F.max_pool2d(image, 3, 2, 1)"],
    "matrix products": [
        "F.linear(x, y, w)", "torch.bmm(x[None], y[None])", "torch.sparse.mm(x.detach().to_sparse(), y)",
    ],
    "recurrent networks": [
        "layer(nn.LSTM(n, 8), x[:, None])[0]", "layer(nn.LSTM(n, 8, proj_size=4), x[None])[0]",
        "layer(nn.GRU(n, 8), x[None])[0]", "layer(nn.RNN(n, 8), x[None])[0]",
    ],
    "attention": [
        "F.scaled_dot_product_attention(*[image] * 3)",
        "F.scaled_dot_product_attention(*[image] * 3, is_causal=True)",
        "F.scaled_dot_product_attention(*[line] * 3, is_causal=True)",
    ],
    "optimizers": [
        f"step(torch.optim.{call})" for call in (
            "SGD([parameter], 0.1)", "SGD([parameter], 0.1, momentum=0.9)", "Adam([parameter])",
            "RMSprop([parameter])", "Adagrad([parameter])")
    ],
}  # fmt: skip

MANY, A_FEW = 96, 8
"""Sizes n of which x has more numbers than a ufunc of `compiled.ufuncs` is called for, and fewer."""

FEW: list[str] = [
    *STEPS["activations"], *STEPS["softmax and losses"], "F.layer_norm(x, (n,), w, w)", "x.sum()", "x.exp()",
    "F.scaled_dot_product_attention(line[:, :, :1], line, line)", "F.group_norm(x, 2)",
    "layer(nn.BatchNorm1d(n).eval(), x)", "layer(nn.LSTMCell(n, 4), x)[0]", "layer(nn.GRUCell(n, 4), x)",
]  # fmt: skip


def make_parser(prog: str) -> argparse.ArgumentParser:
    """The parser of the command's arguments."""
    parser = argparse.ArgumentParser(prog=prog, description=_DESCRIPTION, allow_abbrev=False)
    parser.add_argument("--all", action="store_true", help="for float64 as well as float32")
    parser.set_defaults(command=_run, parser=parser)
    return parser


def _run(options: argparse.Namespace) -> None:
    try:
        twins.choose("numba")
    except twins.MissingCompiler:
        raise ProgramError("nothing to compile with; it takes numba: pip install microtorch[fast]", 1) from None
    start = time.perf_counter()
    dtypes = ("float32", "float64")[: 1 + options.all]
    steps = [(dtype, step, MANY) for dtype in dtypes for step in _flat(STEPS)]
    steps += [(dtype, step, A_FEW) for dtype in dtypes for step in FEW]
    for dtype, step, n in _progress(steps):
        _compute(step, dtype, n)
    kept, loaded, places = counts()
    for place in sorted(places):
        print(f"The code is kept in {place}")
    seconds = time.perf_counter() - start
    print(f"{kept} kernels compiled, {loaded} loaded that had been before, in {seconds:.0f} s.")


def _flat(steps: dict[str, list[str]]) -> list[str]:
    return [step for family in steps.values() for step in family]


def _progress(steps: list[Any]) -> Iterable[Any]:
    """The steps, with a bar that shows how many are done (tqdm's, if that is installed)."""
    try:
        from tqdm import tqdm
    except ImportError:
        return _counted(steps)
    return tqdm(steps, unit="step", disable=None)


def _counted(steps: list[Any]) -> Iterator[Any]:
    for i, step in enumerate(steps, 1):
        if sys.stderr.isatty():
            print(f"\r{i}/{len(steps)}", end="" if i < len(steps) else "\n", file=sys.stderr, flush=True)
        yield step


def _compute(step: str, dtype: str, n: int = MANY) -> None:
    """One step, forward and backward, and without gradients, in that dtype and with that size n."""
    torch: Any = importlib.import_module("microtorch")
    kind, generator = getattr(torch, dtype), torch.Generator().manual_seed(0)

    def made(*shape: int) -> Any:
        return torch.rand(*shape, generator=generator).to(kind).requires_grad_()

    def layer(module: Any, *inputs: Any) -> Any:
        return module.to(kind)(*inputs)

    def stepped(optimizer: Any) -> Any:
        optimizer.step()
        return optimizer.param_groups[0]["params"][0].detach()

    index = torch.arange(n).repeat(n, 1)
    parameter = made(20000)
    parameter.grad = torch.ones_like(parameter)
    names = {"torch": torch, "nn": torch.nn, "F": torch.nn.functional, "x": made(n, n), "y": made(n, n)}
    names |= {"n": n, "w": made(n), "image": made(2, 4, 12, 12), "index": index, "classes": torch.arange(n)}
    names |= {"line": made(1, 1, 1200, 4)}  # long enough that attention computes its weights again
    names |= {"layer": layer, "step": stepped, "parameter": parameter}
    out = eval(step, names)
    if out.requires_grad:
        out.backward(torch.rand(tuple(out.shape), generator=generator).to(kind))
        with torch.no_grad():
            eval(step, names)


def compiled_kernels() -> dict[str, Any]:
    """All compiled kernels that are kept on disk, by `family.name`."""
    package = importlib.import_module("microtorch.kernels.compiled")
    found = {}
    for module in pkgutil.iter_modules(package.__path__):
        family = importlib.import_module(f"{package.__name__}.{module.name}")
        for name, value in vars(family).items():
            stats = getattr(value, "stats", None)
            if stats is not None and stats.cache_path is not None and value.py_func.__module__ == family.__name__:
                found[f"{module.name}.{name}"] = value
    return found


def counts() -> tuple[int, int, set[str]]:
    """How many kernels this process has compiled, how many it has loaded from disk, and the folders where they are."""
    stats = [kernel.stats for kernel in compiled_kernels().values()]
    compiled = sum(sum(s.cache_misses.values()) for s in stats)
    loaded = sum(sum(s.cache_hits.values()) for s in stats)
    return compiled, loaded, {s.cache_path for s in stats}
