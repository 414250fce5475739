"""`python -m benchmarks.ops`: every operation on about a million elements, PyTorch's time over microtorch's.

Two processes, one for each framework and on one thread each, are asked in turn for one operation after the other, so what
disturbs the machine disturbs both. What is measured is the processor's time, which other programs do not lengthen: a
call that takes longer than a slice of the scheduler's would else be charged theirs. A row is an expression that both evaluate. `forward` is timed under `no_grad`; `both`
is the call with a graph and the backward pass from a gradient of ones. Above 1, microtorch is faster.
"""

# ruff: noqa: E501 (a table of expressions)

from __future__ import annotations

import argparse
import importlib
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
SLOW = 1 / 3  # what is slower than this needs a reason: see REASONS
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")

POINTWISE = """
    abs acos asin atan ceil cos cosh deg2rad digamma erf erfc exp exp2 expm1 floor frac lgamma log log10 log1p log2 neg
    positive rad2deg reciprocal round rsqrt sgn sigmoid sign sin sinc sinh sqrt square tan tanh trunc nan_to_num
    isnan isinf isfinite isposinf isneginf signbit logit i0
""".split()
SPECIAL = "entr erfcx erfinv i0e i1 i1e log_ndtr ndtr ndtri".split()
PAIRS = """
    add sub mul div atan2 copysign eq ne lt le gt ge fmax fmin fmod remainder floor_divide hypot ldexp logaddexp
    logaddexp2 maximum minimum nextafter pow xlogy heaviside float_power true_divide rsub
""".split()
INTEGERS = "bitwise_and bitwise_or bitwise_xor gcd lcm bitwise_left_shift bitwise_right_shift".split()
REDUCTIONS = """
    sum mean prod amax amin argmax argmin std var logsumexp all any count_nonzero nansum nanmean norm median
    cumsum cumprod logcumsumexp softmax log_softmax sort argsort kthvalue mode nanmedian max min aminmax cummax
""".split()
ACTIVATIONS = """
    relu relu6 elu selu celu gelu silu mish softplus softsign hardtanh hardswish hardsigmoid leaky_relu logsigmoid
    tanhshrink softshrink hardshrink threshold rrelu glu
""".split()
LOSSES = "mse_loss l1_loss smooth_l1_loss huber_loss binary_cross_entropy_with_logits kl_div soft_margin_loss".split()

# The names in the expressions: x, y (1000, 1000) normal; p positive, q in (0, 1), u in (-0.9, 0.9), all float32; i, j
# integers from 1 to 63; b bools; v, w vectors of a million; index (1000, 1000) from 0 to 999, row (1000,); images
# (16, 16, 64, 64); volume (4, 8, 16, 32, 32); sequence (16, 16, 4096); kernel (16, 16, 3, 3); tokens (64, 128, 128);
# classes (1000,); square (200, 200) positive definite; batch (64, 32, 32); z complex (1000, 500).
OPS: dict[str, str] = {
    **{name: f"torch.{name}(p)" for name in POINTWISE},
    "acosh": "torch.acosh(p + 1)", "asinh": "torch.asinh(x)", "atanh": "torch.atanh(u)",
    "logit": "torch.logit(q)", "acos": "torch.acos(u)", "asin": "torch.asin(u)",
    **{f"special.{name}": f"torch.special.{name}(q)" for name in SPECIAL},
    **{name: f"torch.{name}(p, q)" for name in PAIRS},
    "add broadcast": "torch.add(x, x[0])", "mul number": "x * 2.5", "pow 2": "x ** 2", "pow 3": "x ** 3",
    "pow 0.5": "p ** 0.5", "add int": "i + j", "mul int": "i * j", "div int": "i / j", "floor_divide int": "i // j",
    "remainder int": "i % j", "logical_and": "torch.logical_and(b, b)", "logical_not": "torch.logical_not(b)",
    **{name: f"torch.{name}(i, j % 8)" for name in INTEGERS},
    "bitwise_not": "torch.bitwise_not(i)", "float to int": "p.to(torch.int64)", "int to float": "i.float()",
    "float to double": "x.double()", "float to half": "x.half()", "where": "torch.where(b, x, y)",
    "clamp": "torch.clamp(x, -1, 1)", "lerp": "torch.lerp(x, y, 0.3)", "addcmul": "torch.addcmul(x, y, p)",
    "addcdiv": "torch.addcdiv(x, y, p)", "masked_fill": "x.masked_fill(b, 0.0)", "isclose": "torch.isclose(x, y)",
    "complex mul": "z * z", "complex abs": "torch.abs(z)", "complex exp": "torch.exp(z)",
    **{f"{name} rows": f"torch.{name}({'b' if name in ('all', 'any') else 'x'}, dim=1)" for name in REDUCTIONS
       if name not in ("norm", "count_nonzero", "kthvalue")},
    **{f"{name} columns": f"torch.{name}(x, dim=0)" for name in ("sum", "mean", "amax", "softmax", "cumsum", "var")},
    **{f"{name} whole": f"torch.{name}(x)" for name in ("sum", "mean", "max", "std", "norm", "argmax", "median")},
    "kthvalue": "torch.kthvalue(x, 10, dim=1)", "topk": "torch.topk(x, 10, dim=1)", "norm rows": "torch.norm(x, dim=1)",
    "count_nonzero": "torch.count_nonzero(i)", "quantile": "torch.quantile(x, 0.3, dim=1)",
    "unique": "torch.unique(i)", "bincount": "torch.bincount(i.reshape(-1))", "histc": "torch.histc(x, 50)",
    "searchsorted": "torch.searchsorted(v.sort()[0][:1000], x)", "bucketize": "torch.bucketize(x, w[:50].sort()[0])",
    "isin": "torch.isin(i, j[0, :20])", "diff": "torch.diff(x)", "trapezoid": "torch.trapezoid(x)",
    "cdist": "torch.cdist(x[:300, :64], y[:300, :64])", "renorm": "torch.renorm(x, 2, 0, 1.0)",
    # shapes, copies, indices
    "cat": "torch.cat([x, y])", "stack": "torch.stack([x, y], 1)", "clone": "x.clone()", "transpose copy": "x.t().contiguous()",
    "permute copy": "images.permute(0, 2, 3, 1).contiguous()", "flip": "torch.flip(x, (1,))", "roll": "torch.roll(x, 3, 1)",
    "repeat": "x[:500].repeat(2, 1)", "repeat_interleave": "torch.repeat_interleave(x[:500], 2, 0)", "tile": "x[:500].tile(2, 1)",
    "tril": "torch.tril(x)", "rot90": "torch.rot90(x)", "diag_embed": "torch.diag_embed(batch[:, 0])",
    "pad": "F.pad(x, (2, 2, 2, 2))", "pad reflect": "F.pad(images, (2, 2, 2, 2), mode='reflect')",
    "gather": "torch.gather(x, 1, index)", "scatter": "x.scatter(1, index, y)", "scatter_add": "x.scatter_add(0, index, y)",
    "scatter_reduce": "x.scatter_reduce(0, index, y, 'amax')", "index_select": "torch.index_select(x, 0, row)",
    "index rows": "x[row]", "index pairs": "x[row, row]", "index mask": "x[b]", "index_add": "x.index_add(0, row, y)",
    "index_put": "x.index_put((row,), y)", "take": "torch.take(x, index)", "nonzero": "torch.nonzero(b)",
    "masked_select": "torch.masked_select(x, b)", "slice": "x[10:-10, ::2] * 1", "unfold": "v.unfold(0, 10, 5) * 1",
    "take_along_dim": "torch.take_along_dim(x, index, 1)", "meshgrid": "torch.meshgrid(v[:1000], w[:1000], indexing='ij')[0] * 1",
    "arange": "torch.arange(1000000)", "linspace": "torch.linspace(0, 1, 1000000)", "zeros": "torch.zeros(1000, 1000)",
    "eye": "torch.eye(1000)", "full": "torch.full((1000, 1000), 2.0)",
    # random numbers
    "rand": "torch.rand(1000, 1000)", "randn": "torch.randn(1000, 1000)", "randint": "torch.randint(0, 10, (1000, 1000))",
    "randperm": "torch.randperm(1000000)", "bernoulli": "torch.bernoulli(q)", "multinomial": "torch.multinomial(q[0], 500)",
    "dropout": "F.dropout(x, 0.3)", "exponential": "torch.empty(1000, 1000).exponential_()", "normal": "torch.normal(x, p)",
    "poisson": "torch.poisson(p)",
    # products and decompositions
    "matmul": "x @ y", "mv": "x @ v[:1000]", "bmm": "batch @ batch", "dot": "torch.dot(v, w)", "outer": "torch.outer(v[:1000], w[:1000])",
    "addmm": "torch.addmm(x, x, y)", "einsum": "torch.einsum('bij,bjk->bik', batch, batch)", "linear": "F.linear(x, y, v[:1000])",
    "kron": "torch.kron(x[:30, :30], y[:30, :30])", "inverse": "torch.linalg.inv(square)", "det": "torch.linalg.det(square)",
    "solve": "torch.linalg.solve(square, square)", "cholesky": "torch.linalg.cholesky(square)", "qr": "torch.linalg.qr(square)",

    "matrix_exp": "torch.matrix_exp(square / 100)", "pinv": "torch.linalg.pinv(square)", "slogdet": "torch.linalg.slogdet(square)",
    "inverse batch": "torch.linalg.inv(batch + 9 * torch.eye(32))", "cross": "torch.linalg.cross(v[:999999].reshape(-1, 3), w[:999999].reshape(-1, 3))",
    "fft": "torch.fft.fft(x)", "rfft": "torch.fft.rfft(x)", "fft2": "torch.fft.fft2(images)", "stft": "torch.stft(v[:200000], 512, return_complex=True)",
    # networks
    **{name: f"F.{name}(x, {'0.1, 0.0' if name == 'threshold' else ''})" for name in ACTIVATIONS},
    "prelu": "F.prelu(x, v[:1000])", "normalize": "F.normalize(x)", "layer_norm": "F.layer_norm(x, (1000,), v[:1000], w[:1000])",
    "rms_norm": "F.rms_norm(x, (1000,), v[:1000])", "batch_norm 2d": "F.batch_norm(images, None, None, training=True)",
    "group_norm": "F.group_norm(images, 4)", "instance_norm": "F.instance_norm(images)",
    "batch_norm 1d": "F.batch_norm(x, None, None, training=True)", "embedding": "F.embedding(index, x)[:100]",
    "embedding_bag": "F.embedding_bag(index, x)", "one_hot": "F.one_hot(row)",
    **{name: f"F.{name}({'q.log(), q' if name == 'kl_div' else 'x, b.float()' if 'binary' in name else 'x, y.detach().sign()' if name == 'soft_margin_loss' else 'x, y'})" for name in LOSSES},
    "cross_entropy": "F.cross_entropy(x, classes)", "nll_loss": "F.nll_loss(x, classes)", "binary_cross_entropy": "F.binary_cross_entropy(q, b.float())",
    "cosine_similarity": "F.cosine_similarity(x, y)", "pairwise_distance": "F.pairwise_distance(x, y)",
    "triplet_margin_loss": "F.triplet_margin_loss(x, y, p)", "conv1d": "F.conv1d(sequence, kernel[:, :, 0])",
    "conv2d": "F.conv2d(images, kernel, padding=1)", "conv2d stride 2": "F.conv2d(images, kernel, stride=2, padding=1)",
    "conv2d 1x1": "F.conv2d(images, kernel[:, :, :1, :1])", "conv2d depthwise": "F.conv2d(images, kernel[:, :1], groups=16, padding=1)",
    "conv3d": "F.conv3d(volume, kernel[:, :8, :, :, None].expand(16, 8, 3, 3, 3), padding=1)",
    "conv_transpose2d": "F.conv_transpose2d(images, kernel, stride=2)", "max_pool2d": "F.max_pool2d(images, 2)",
    "max_pool2d overlapping": "F.max_pool2d(images, 3, 2, 1)", "avg_pool2d": "F.avg_pool2d(images, 2)", "max_pool1d": "F.max_pool1d(sequence, 2)",
    "max_pool3d": "F.max_pool3d(volume, 2)", "adaptive_avg_pool2d": "F.adaptive_avg_pool2d(images, 7)",
    "adaptive_max_pool2d": "F.adaptive_max_pool2d(images, 7)", "lp_pool2d": "F.lp_pool2d(images.abs() + 1, 2.0, 2)",
    "interpolate nearest": "F.interpolate(images, scale_factor=2)", "unfold images": "F.unfold(images, 3)", "fold": "F.fold(F.unfold(images, 3), 64, 3)",
    "interpolate bilinear": "F.interpolate(images, scale_factor=2, mode='bilinear')", "pixel_shuffle": "F.pixel_shuffle(images, 2)",
    "interpolate bicubic": "F.interpolate(images, scale_factor=2, mode='bicubic')", "local_response_norm": "F.local_response_norm(images, 3)",
    "grid_sample": "F.grid_sample(images, u[:16, :].reshape(16, -1, 2)[:, :484].reshape(16, 22, 22, 2), align_corners=False)",
    "attention": "F.scaled_dot_product_attention(tokens, tokens, tokens)", "attention causal": "F.scaled_dot_product_attention(tokens, tokens, tokens, is_causal=True)",
    "ctc_loss": "F.ctc_loss(sequence.permute(2, 0, 1)[:128].log_softmax(2), i[:16, :20] % 15 + 1, [128] * 16, [20] * 16)",
}  # fmt: skip

NO_GRADIENT = {"floor_divide", "heaviside", "nextafter"}  # in PyTorch: what an autograd call of them raises

# Why an operation may be slower than a third of PyTorch's speed.
_PASSES = "a chain of NumPy calls, each a pass over the data, where PyTorch's vector loop makes one"
_SELECT = "NumPy's choice between two arrays branches for each element; by bit masks it takes four passes"
_VIEW = "PyTorch hands out a view of the gradient, microtorch a contiguous copy"
_SERIAL = "each element waits for the one before it; steps over all rows at once, and the places of the new extremes"
_TAKE = "NumPy has one general loop for indexed reads and additions, with 64-bit places to be computed first"
REASONS: dict[str, str] = {
    **dict.fromkeys("gelu special.i1e".split(), "a polynomial: two passes for each coefficient"),
    **dict.fromkeys("sgn sign hypot silu rrelu softplus".split(), _PASSES),
    **dict.fromkeys(["softmax rows", "log_softmax rows", "layer_norm", "smooth_l1_loss", "huber_loss"], _PASSES),
    **dict.fromkeys("hardtanh relu6 hardswish hardsigmoid leaky_relu hardshrink prelu".split(), _SELECT),
    "logsigmoid": _PASSES, "glu": _PASSES,
    "nextafter": "NumPy calls the C library for each element",
    "float to half": "NumPy converts float16 one at a time",
    "prod rows": "NumPy multiplies one at a time, in order; half a row by the other, call by call, for each row",
    "cummax rows": _SERIAL,
    "stack": _VIEW,
    **dict.fromkeys(["flip", "rot90", "pad reflect"], "NumPy copies backwards, and rows of a few elements, one at a time"),
    **dict.fromkeys("gather scatter index_add grid_sample".split(), _TAKE),
    "adaptive_max_pool2d": "windows of several sizes: a pass over all of them for each offset",
    "outer": "NumPy's loop over short rows; a fresh result's memory",
    "randn": "PyTorch's bits need exact logarithms and cosines, made in several passes",
    "normal": "PyTorch's bits need exact logarithms and cosines, made in several passes",
    "randperm": "the shuffle's exchanges one after the other, found by a sort instead of a loop",
    "poisson": "rejection sampling: one element at a time in Python",
    "eigh": "NumPy's OpenBLAS against MKL",

    "lu": "NumPy has no LU: elimination column by column",
    "nll_loss": "a call of microseconds: its checks are Python",
    "ctc_loss": "the recursion over time is a loop in Python",
}  # fmt: skip


def inputs(torch: Any) -> dict[str, Any]:
    """The tensors that the expressions name."""
    rng = np.random.default_rng(0)

    def normal(*shape: int) -> Any:
        return rng.standard_normal(shape, np.float32)

    made: dict[str, Any] = {
        "x": normal(1000, 1000),
        "y": normal(1000, 1000),
        "p": np.abs(normal(1000, 1000)) + np.float32(0.1),
        "q": rng.uniform(0.01, 0.99, (1000, 1000)).astype(np.float32),
        "u": rng.uniform(-0.9, 0.9, (1000, 1000)).astype(np.float32),
        "i": rng.integers(1, 64, (1000, 1000)),
        "j": rng.integers(1, 64, (1000, 1000)),
        "b": rng.random((1000, 1000)) < 0.5,
        "v": normal(1_000_000),
        "w": normal(1_000_000),
        "index": rng.integers(0, 1000, (1000, 1000)),
        "row": rng.integers(0, 1000, 1000),
        "images": normal(16, 16, 64, 64),
        "volume": normal(4, 8, 16, 32, 32),
        "sequence": normal(16, 16, 4096),
        "kernel": normal(16, 16, 3, 3),
        "tokens": normal(64, 128, 128),
        "classes": rng.integers(0, 1000, 1000),
        "batch": normal(64, 32, 32),
        "z": normal(1000, 500) + 1j * normal(1000, 500),
    }
    a = normal(200, 200)
    made["square"] = a @ a.T + 200 * np.eye(200, dtype=np.float32)
    return {
        name: torch.from_numpy(array.astype(np.complex64) if name == "z" else array) for name, array in made.items()
    }


def timed(call: Any, seconds: float) -> float:
    """The least processor time of a call, in seconds, of those that fit into `seconds` (two at the least)."""
    best, end, count = float("inf"), time.process_time() + seconds, 0
    while count < 2 or time.process_time() < end:
        start = time.process_time()
        call()
        best = min(best, time.process_time() - start)
        count += 1
    return best


def serve(framework: str) -> None:
    """Answer names of operations, a line each, by their times, as JSON."""
    torch = importlib.import_module(framework)
    torch.set_num_threads(1)
    given = inputs(torch)
    names = {"torch": torch, "F": torch.nn.functional, **given}
    floating = [n for n, t in given.items() if t.is_floating_point() or t.is_complex()]
    for line in sys.stdin:
        name, seconds = json.loads(line)
        answer: dict[str, Any] = {}
        try:
            code = compile(OPS[name], name, "eval")
            used = [n for n in floating if re.search(rf"\b{n}\b", OPS[name])]
            with torch.no_grad():
                eval(code, names)
                answer["forward"] = timed(lambda code=code: eval(code, names), seconds)
            leaves = {n: given[n].clone().requires_grad_() for n in used if name not in NO_GRADIENT}
            with_leaves = {**names, **leaves}
            out = eval(code, with_leaves)
            out = next((t for t in out if t.requires_grad), out[0]) if isinstance(out, (tuple, list)) else out
            if out.requires_grad:
                seed = torch.ones_like(out)

                def both(code: Any = code, space: Any = with_leaves, seed: Any = seed, used: Any = leaves) -> None:
                    out = eval(code, space)
                    out = next(t for t in out if t.requires_grad) if isinstance(out, (tuple, list)) else out
                    torch.autograd.grad(out, list(used.values()), seed, allow_unused=True)

                both()
                answer["both"] = timed(both, seconds)
        except Exception as error:
            answer["error"] = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        print(json.dumps(answer), flush=True)


def measure(names: list[str], rounds: int, seconds: float) -> Iterator[dict[str, Any]]:
    """One row an operation: median times of both frameworks, asked in turn, and their ratios."""
    environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, "1")}
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    workers = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "benchmarks.ops", "--serve", framework],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for framework in ("torch", "microtorch")
    ]

    def ask(worker: Any, name: str) -> dict[str, Any]:
        worker.stdin.write(json.dumps([name, seconds]) + "\n")
        worker.stdin.flush()
        return json.loads(worker.stdout.readline())

    try:
        for name in names:
            answers: list[list[dict[str, Any]]] = [[], []]
            for _ in range(rounds):
                for worker, found in zip(workers, answers):
                    found.append(ask(worker, name))
            row: dict[str, Any] = {"op": name, "call": OPS[name]}
            errors = [a["error"] for a in (answers[0][0], answers[1][0]) if "error" in a]
            if errors:
                row["error"] = errors[0]
            for what in ("forward", "both"):
                if all(what in a for found in answers for a in found):
                    times = [statistics.median(a[what] for a in found) for found in answers]
                    row[what] = {"times": times, "ratio": times[0] / times[1]}
            yield row
    finally:
        for worker in workers:
            worker.stdin.close()
            worker.wait()


def main(arguments: list[str] | None = None) -> int:
    """Measure what the command line asks for. Returns 1 if an operation fails or is slow without a reason."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ops", description=__doc__.splitlines()[0])
    parser.add_argument("--ops", default="", help="regular expression that the names contain (default: all)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=0.05, help="for each operation, pass and round")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there")
    parser.add_argument("--serve", metavar="FRAMEWORK", help=argparse.SUPPRESS)
    args = parser.parse_args(arguments)
    if args.serve:
        serve(args.serve)
        return 0
    rows = []
    print(f"{'operation':26} {'forward':>8} {'both':>8}   torch, microtorch (forward, ms)")
    for row in measure([n for n in OPS if re.search(args.ops, n)], args.rounds, args.seconds):
        rows.append(row)
        if "error" in row:
            print(f"{row['op']:26} failed: {row['error'][:120]}", flush=True)
            continue
        ratios = [f"{row[w]['ratio']:8.2f}" if w in row else " " * 8 for w in ("forward", "both")]
        times = ", ".join(f"{1e3 * t:.3g}" for t in row["forward"]["times"])
        slow = any(w in row and row[w]["ratio"] < SLOW for w in ("forward", "both"))
        print(f"{row['op']:26} {ratios[0]} {ratios[1]}   {times}{'   SLOW' if slow else ''}", flush=True)
        if slow and row["op"] not in REASONS:
            row["slow"] = True
    for what in ("forward", "both"):
        ratios = [row[what]["ratio"] for row in rows if what in row]
        if ratios:
            print(
                f"{what}: geometric mean {statistics.geometric_mean(ratios):.2f} over {len(ratios)}, median {statistics.median(ratios):.2f}"
            )
    failed = [row["op"] for row in rows if "error" in row]
    slow_ones = [row["op"] for row in rows if row.get("slow")]
    if failed:
        print("failed:", ", ".join(failed))
    if slow_ones:
        print("slower than a third of PyTorch's speed, without a reason given:", ", ".join(slow_ones))
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1) + "\n")
    return 1 if failed or slow_ones else 0


if __name__ == "__main__":
    sys.exit(main())
