"""PyTorch's own operator database (702 operators with samples of their arguments) run on torch and on microtorch.

For every sample: the same values, dtypes and shapes, the same gradients for a fixed random cotangent, the same class of
error.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import functools
import random
import re
import types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

import microtorch

torch.set_num_threads(1)

HERE = Path(__file__).parent
SEED = 42
MODES = (
    "float32",
    "float64",
    "float16",
    "bfloat16",
    "int64",
    "int32",
    "uint8",
    "bool",
    "complex64",
    "complex128",
    "noncontiguous",
    "grad2",
    "errors",
)
UNSET = {
    "empty",
    "empty_like",
    "new_empty",
    "empty_strided",
    "new_empty_strided",
    "empty_permuted",
    "resize_",
    "resize_as_",
}
"""Operators whose values mean nothing: only shape and dtype are compared."""
NOT_UNIQUE = {
    "svd", "linalg.svd", "linalg.eigh", "linalg.eig", "linalg.eigvals", "pca_lowrank", "svd_lowrank", "linalg.ldl_factor",
    "linalg.ldl_factor_ex",
}  # fmt: skip
"""Decompositions that are unique only up to signs, phases or order: what PyTorch's own test makes of them is compared.
"""


TIES = {"sort", "argsort", "msort", "topk", "kthvalue", "mode", "median", "nanmedian"}
"""Operators whose indices among equal elements are PyTorch's choice from one machine to the next: what they point at is
compared."""


FIRST_ONLY = {"nn.functional.linear_cross_entropy.chunked"}
"""Operators whose second derivatives are undefined in PyTorch, by its documentation: the first ones are compared."""


class Missing(Exception):
    """microtorch has no such function."""


class Unsupported(Exception):
    """A sample that cannot be handed over (a dtype or a layout that is out of scope)."""


class Differs(AssertionError):
    """The two disagree."""


@functools.cache
def database() -> dict[str, Any]:
    """Operators by name, as "std" and "std.unbiased"."""
    from torch.testing._internal.common_methods_invocations import op_db

    return {o.name + (f".{o.variant_test_name}" if o.variant_test_name else ""): o for o in op_db}


def out_of_scope() -> dict[str, str]:
    """Patterns of operators that microtorch does not aim at, each with its reason (out_of_scope.txt)."""
    lines = (HERE / "out_of_scope.txt").read_text().splitlines()
    return dict(line.split(None, 1) for line in lines if line.strip() and not line.startswith("#"))


def in_scope() -> dict[str, Any]:
    """The operators that microtorch aims at."""
    patterns = list(out_of_scope())
    return {n: o for n, o in database().items() if not any(fnmatch.fnmatchcase(n, p) for p in patterns)}


def known_failures(mode: str) -> dict[str, str]:
    """The operators that are known to fail in a mode, each with its first failure (known_MODE.txt)."""
    path = HERE / f"known_{mode}.txt"
    if not path.exists():
        return {}
    pairs = [line.split(None, 1) for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]
    return {p[0]: p[1] if len(p) > 1 else "" for p in pairs}


# from torch to microtorch ---------------------------------------------------------------------------------------------


def attribute(root: Any, path: str) -> Any:
    for part in path.split("."):
        root = getattr(root, part, None)
    return root


def rebound(function: Any) -> Any:
    """A function of PyTorch's tests, with `torch` in it meaning microtorch."""
    if not isinstance(function, types.FunctionType) or not function.__module__.startswith(
        ("torch.testing", "tests.", "__main__")
    ):
        return function
    scope = {
        **function.__globals__, "torch": microtorch, "wrapper_set_seed": seeded(microtorch),
        "F": getattr(getattr(microtorch, "nn", None), "functional", None),
    }  # fmt: skip
    for name in function.__code__.co_names:  # helpers beside it
        value = scope.get(name)
        if (
            isinstance(value, types.FunctionType)
            and value is not function
            and value.__module__.startswith("torch.testing")
        ):
            if name != "wrapper_set_seed":
                scope[name] = rebound(value)
    cells = None
    if function.__closure__:
        cells = tuple(types.CellType(to_micro(c.cell_contents, {})) for c in function.__closure__)
    copy = types.FunctionType(function.__code__, scope, function.__name__, function.__defaults__, cells)
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy


def seeded(module: Any) -> Callable[..., Any]:
    def call(function: Any, *args: Any, **kwargs: Any) -> Any:
        module.manual_seed(SEED)
        return function(*args, **kwargs)

    return call


def micro_function(op: Any) -> Callable[..., Any]:
    """The function of microtorch that an operator of the database stands for."""
    function = op.op
    if isinstance(function, types.FunctionType) and function.__module__.startswith("torch.testing"):
        return rebound(function)
    found = attribute(microtorch, op.name)
    if (found is None or isinstance(found, microtorch.dtype)) and "." not in op.name:
        found = getattr(microtorch.Tensor, op.name, None)
    if found is None:
        raise Missing(f"no torch.{op.name}")
    return found


VIEWS = -1


def to_micro(value: Any, memo: dict[int, Any]) -> Any:
    """A torch value as microtorch's: tensors (leaves where they require gradients), dtypes, containers.

    memo: what was converted, by its id. With VIEWS among the ids, views of one memory are so again.
    """
    if isinstance(value, torch.Tensor):
        found = memo.get(id(value))
        if found is None:
            if value.layout is not torch.strided or value.is_quantized or value.ndim > 64:
                raise Unsupported(f"layout {value.layout}, or more dimensions than NumPy has")
            if value._base is not None and VIEWS in memo:
                base = to_micro(value._base, memo)
                found = memo[id(value)] = base.as_strided(value.shape, value.stride(), value.storage_offset())
                return found
            if value.device.type != "cpu":
                raise Unsupported(f"device {value.device}")
            plain = value.detach().resolve_conj().resolve_neg()
            if plain.dtype == torch.complex32:
                raise Unsupported("dtype torch.complex32")
            # (.numpy() would make its storage one that cannot grow, which an `out` among the arguments must)
            array = np.from_dlpack(plain.view(torch.int16) if plain.dtype == torch.bfloat16 else plain)
            if value.numel() > 1 and 0 in array.strides:  # expanded: so is the copy
                one = array[tuple(slice(0, 1) if step == 0 else slice(None) for step in array.strides)].copy()
                strides = [0 if step == 0 else new for step, new in zip(array.strides, one.strides)]
                array = np.lib.stride_tricks.as_strided(one, array.shape, strides)
            elif array.size > 1 and not array.flags.forc and all(step > 0 for step in array.strides):  # with its gaps
                extent = 1 + sum((n - 1) * step // array.itemsize for n, step in zip(array.shape, array.strides))
                gapped = np.lib.stride_tricks.as_strided(np.zeros(extent, array.dtype), array.shape, array.strides)
                gapped[...] = array
                array = gapped
            else:
                array = array.copy("K")
            found = microtorch.from_numpy(array)
            if value.dtype == torch.bfloat16:
                found = found.view(microtorch.bfloat16)
            if value.requires_grad:
                found.requires_grad_()
            memo[id(value)] = found
        return found
    if isinstance(value, torch.dtype):
        name = str(value).removeprefix("torch.")
        kind = getattr(microtorch, name, None)
        if kind is None:
            raise Unsupported(f"dtype {name}")
        return kind
    if isinstance(value, torch.device):
        return str(value)
    if isinstance(value, (torch.layout, torch.memory_format)):
        return getattr(microtorch, str(value).removeprefix("torch."), None)
    if isinstance(value, torch.Size):
        return microtorch.Size(value)
    if isinstance(value, torch.Generator):
        raise Unsupported("Generator")
    if type(value) is torch.nn.PairwiseDistance:
        return microtorch.nn.PairwiseDistance(value.norm, value.eps, value.keepdim)
    if type(value) in (tuple, list):
        return type(value)(to_micro(v, memo) for v in value)
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*(to_micro(v, memo) for v in value))
    if isinstance(value, dict):
        return {k: to_micro(v, memo) for k, v in value.items()}
    if isinstance(value, slice):
        return slice(*(to_micro(v, memo) for v in (value.start, value.stop, value.step)))
    if isinstance(value, types.FunctionType):
        return rebound(value)
    return value


def fresh(value: Any, memo: dict[int, Any]) -> Any:
    """The same arguments with every tensor copied; those that require gradients become leaves."""
    if isinstance(value, torch.Tensor):
        if id(value) not in memo:
            copy = value.detach().clone()
            memo[id(value)] = copy.requires_grad_() if value.requires_grad else copy
        return memo[id(value)]
    if type(value) in (tuple, list):
        return type(value)(fresh(v, memo) for v in value)
    if isinstance(value, dict):
        return {k: fresh(v, memo) for k, v in value.items()}
    return value


def tensors_in(value: Any, kind: type) -> list[Any]:
    """All tensors in a tree of containers, in order."""
    if isinstance(value, kind):
        return [value]
    if isinstance(value, (tuple, list)):
        return [t for v in value for t in tensors_in(v, kind)]
    if isinstance(value, dict):
        return [t for v in value.values() for t in tensors_in(v, kind)]
    return []


# comparing ------------------------------------------------------------------------------------------------------------


def as_torch(t: Any) -> torch.Tensor:
    if str(t.dtype) == "torch.bfloat16":
        return torch.from_numpy(np.array(t.detach().float().numpy())).bfloat16()
    return torch.from_numpy(np.array(t.detach().numpy()))


def close(want: Any, got: Any, truth: Any) -> str:
    """Empty if two tensors agree to torch.testing's tolerances for their dtype, else what is wrong.

    truth: torch's result in a wider dtype. Where torch itself is off by more than the tolerance, microtorch may be off
    by twice as much.
    """
    want = want.detach().resolve_conj().resolve_neg()
    try:
        torch.testing.assert_close(got, want, equal_nan=True, check_stride=False)
    except AssertionError as error:
        lines = [line for line in str(error).splitlines() if line.strip()]
        if isinstance(truth, torch.Tensor) and want.numel() and (want.is_floating_point() or want.is_complex()):
            exact = truth.detach().resolve_conj().resolve_neg()
            off = (want.to(exact.dtype) - exact).abs().nan_to_num(0.0, 0.0, 0.0).max().item()
            try:
                rtol, atol = torch.testing._comparison.default_tolerances(want, got)
                torch.testing.assert_close(got.to(exact.dtype), exact, equal_nan=True, rtol=rtol, atol=atol + 2 * off)
                return ""
            except AssertionError:
                pass
        return "; ".join(lines[1:4] or lines)
    return ""


def compare(want: Any, got: Any, what: str = "value", values: bool = True, truth: Any = None) -> None:
    """Raise Differs unless microtorch's result is torch's."""
    if isinstance(want, torch.Tensor):
        if want.dtype == torch.complex32:
            raise Unsupported(f"dtype {want.dtype}")
        if not isinstance(got, microtorch.Tensor):
            raise Differs(f"{what}: {type(got).__name__} instead of a Tensor")
        if str(want.dtype) != str(got.dtype):
            raise Differs(f"{what}: dtype {got.dtype} instead of {want.dtype}")
        if tuple(want.shape) != tuple(got.shape):
            raise Differs(f"{what}: shape {tuple(got.shape)} instead of {tuple(want.shape)}")
        wrong = close(want, as_torch(got), truth) if values else ""
        if wrong:
            raise Differs(f"{what}: {wrong}")
        return
    if isinstance(want, (tuple, list)):
        if not isinstance(got, (tuple, list)) or len(want) != len(got):
            raise Differs(
                f"{what}: {type(got).__name__} of {len(got) if hasattr(got, '__len__') else '?'}, not {len(want)}"
            )
        for i, (w, g) in enumerate(zip(want, got)):
            compare(w, g, f"{what}[{i}]", values, None if truth is None else truth[i])
        return
    if want is None or isinstance(want, (bool, int, str)):
        if want != got:
            raise Differs(f"{what}: {got!r} instead of {want!r}")
        return
    if isinstance(want, (float, complex)) and not np.isclose(want, got, equal_nan=True):
        raise Differs(f"{what}: {got!r} instead of {want!r}")


def without_ties(op: Any, result: Any, input: Any, dim: int, module: Any) -> Any:
    """The result of an operator of TIES with what its indices point at in place of the indices."""
    index = result if op.name == "argsort" else result[1] if isinstance(result, tuple) else None
    if index is None or not input.ndim:
        return result
    if index.ndim < input.ndim:
        taken = module.take_along_dim(input, index.unsqueeze(dim), dim).squeeze(dim)
    else:
        taken = module.take_along_dim(input, index, dim)
    return taken.detach() if op.name == "argsort" else (result[0], taken.detach())


def has_ties(t: torch.Tensor) -> bool:
    return len(t.unique()) < t.numel()


def cotangent(t: Any, generator: torch.Generator) -> torch.Tensor:
    """A random gradient of a result, the same in every run."""
    return torch.randn(t.shape, dtype=t.dtype, generator=generator)


def float_outputs(result: Any, kind: type) -> list[Any]:
    return [t for t in tensors_in(result, kind) if t.requires_grad]


def gradients(module: Any, outputs: list[Any], inputs: list[Any], seeds: list[Any], create: bool = False) -> list[Any]:
    return list(module.autograd.grad(outputs, inputs, seeds, retain_graph=True, allow_unused=True, create_graph=create))


def torch_gradients(
    result: Any, inputs: list[Any], second: bool, like: list[list[Any]] | None = None
) -> list[list[Any]]:
    """Of all floating results, the gradients for random cotangents; if `second`, the gradients of those, too.

    Returns cotangents and gradients, [seeds, first] or [seeds, first, seeds2, second]. like: an earlier answer, whose
    cotangents are taken.
    """
    outputs = float_outputs(result, torch.Tensor)
    if not outputs or not inputs:
        return []
    generator = torch.Generator().manual_seed(SEED)
    seeds = (
        [cotangent(t, generator) for t in outputs]
        if like is None
        else [s.detach().to(t.dtype) for s, t in zip(like[0], outputs)]
    )
    if second:
        seeds = [s.requires_grad_() for s in seeds]
    try:
        first = gradients(torch, outputs, inputs, seeds, second)
    except RuntimeError as error:
        if re.search("not implemented|not differentiable|does not require grad", str(error)):
            return []
        raise Unsupported(str(error)[:100]) from None
    again = [g for g in first if g is not None and g.requires_grad] if second else []
    if not again:
        return [seeds, first]
    seeds2 = (
        [cotangent(t, generator) for t in again] if like is None else [s.to(t.dtype) for s, t in zip(like[2], again)]
    )
    sources = inputs + seeds
    try:
        found = gradients(torch, again, sources, seeds2)
    except RuntimeError:
        return [seeds, first]  # torch has no second derivative here
    return [seeds, first, seeds2, [torch.zeros_like(s) if g is None else g for g, s in zip(found, sources)]]


def compare_gradients(want: list[list[Any]], got_out: Any, inputs: list[Any], values: bool, truth: Any) -> None:
    """Compare microtorch's gradients with those that `torch_gradients` found."""
    seeds, first = want[:2]
    outputs = float_outputs(got_out, microtorch.Tensor)
    if len(outputs) != len(seeds):
        raise Differs(f"requires_grad: {len(outputs)} results instead of {len(seeds)}")
    seeds_ = [to_micro(s, {}) for s in seeds]
    first_ = gradients(microtorch, outputs, inputs, seeds_, any(s.requires_grad for s in seeds))
    for i, (w, g) in enumerate(zip(first, first_)):
        if (w is None) != (g is None) and (w if g is None else g).numel():  # of no elements: either
            raise Differs(
                f"grad[{i}]: {'None' if g is None else 'a tensor'} instead of {'None' if w is None else 'a tensor'}"
            )
        if w is not None and g is not None:
            compare(w, g, f"grad[{i}]", values, None if truth is None else truth[1][i])
    if len(want) > 2:
        again = [g for w, g in zip(first, first_) if w is not None and w.requires_grad]
        for i, g in enumerate(again):
            if not g.requires_grad:
                raise Differs(f"grad2: grad[{i}] does not require grad")
        sources = inputs + seeds_
        found = gradients(microtorch, again, sources, [to_micro(s, {}) for s in want[2]])
        for i, (w, g) in enumerate(zip(want[3], found)):
            g = microtorch.zeros_like(sources[i]) if g is None else g
            compare(w, g, f"grad2[{i}]", values, None if truth is None else truth[3][i])


WIDER = {
    torch.float16: torch.float64,
    torch.bfloat16: torch.float64,
    torch.float32: torch.float64,
    torch.complex64: torch.complex128,
}


def widened(value: Any, memo: dict[int, Any]) -> Any:
    """The same arguments in a wider dtype."""
    if isinstance(value, torch.Tensor):
        if id(value) not in memo:
            copy = value.detach().to(WIDER.get(value.dtype, value.dtype), copy=True)
            memo[id(value)] = copy.requires_grad_() if value.requires_grad else copy
        return memo[id(value)]
    if isinstance(value, torch.dtype):
        return WIDER.get(value, value)
    if type(value) in (tuple, list):
        return type(value)(widened(v, memo) for v in value)
    if isinstance(value, dict):
        return {k: widened(v, memo) for k, v in value.items()}
    return value


# running --------------------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Result:
    """What became of one operator's samples."""

    name: str
    passed: int = 0
    failed: int = 0
    missing: int = 0
    unsupported: int = 0
    first: str = ""

    @property
    def fine(self) -> bool:
        return not self.failed and not self.missing

    def line(self) -> str:
        state = "ok  " if self.fine else "MISS" if self.missing else "FAIL"
        return f"{state} {self.name:44} {self.passed:4} passed {self.failed:4} failed  {self.first}"


def one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    if type(error) not in (Differs, Missing):
        where = error.__traceback__
        while where is not None and where.tb_next is not None:
            where = where.tb_next
        at = f" [{Path(where.tb_frame.f_code.co_filename).name}:{where.tb_lineno}]" if where is not None else ""
        text = f"{type(error).__name__}: {text}{at}"
    return text[:230]


def samples_of(op: Any, dtype: torch.dtype, limit: int | None, grad: bool, reference: bool = False) -> Iterator[Any]:
    """The first `limit` samples of an operator, the same in every run."""
    torch.manual_seed(SEED)
    np.random.seed(SEED)
    random.seed(SEED)
    source = op.reference_inputs if reference else op.sample_inputs
    for i, sample in enumerate(source("cpu", dtype, requires_grad=grad)):
        if i == limit:
            return
        yield sample


def describe(sample: Any) -> str:
    """The arguments of a sample in a few characters."""

    def short(v: Any) -> str:
        if isinstance(v, torch.Tensor):
            return f"{str(v.dtype).removeprefix('torch.')}{list(v.shape)}"
        if isinstance(v, (tuple, list)):
            return "(" + ", ".join(map(short, v)) + ")"
        return repr(v)[:40]

    parts = [short(sample.input), *map(short, sample.args), *(f"{k}={short(v)}" for k, v in sample.kwargs.items())]
    return ", ".join(parts)[:120]


def compare_names(want: Any, got: Any) -> None:
    """The nodes of the graph must have PyTorch's names, and results with named fields PyTorch's fields."""
    if isinstance(want, tuple) and hasattr(want, "n_fields") and type(want).__name__ != type(got).__name__:
        raise Differs(f"names: a {type(got).__name__} instead of a {type(want).__name__}")
    for w, g in zip(tensors_in(want, torch.Tensor), tensors_in(got, microtorch.Tensor)):
        names = [None if t.grad_fn is None else t.grad_fn.name() for t in (w, g)]
        if names[0] != names[1]:
            raise Differs(f"names: grad_fn {names[1]} instead of {names[0]}")


def compare_strides(want: Any, got: Any) -> None:
    """Results must lie in memory as PyTorch's do (the stride of a dimension of size 1 says nothing)."""
    for i, (w, g) in enumerate(zip(tensors_in(want, torch.Tensor), tensors_in(got, microtorch.Tensor))):
        steps = [[s for s, n in zip(t.stride(), t.shape) if n > 1] if t.numel() else [] for t in (w, g)]
        if steps[0] != steps[1]:
            raise Differs(f"strides: {g.stride()} instead of {w.stride()} in result {i} of shape {tuple(w.shape)}")


# PyTorch's are off by 1e-5 between 4 and 8, in float64 as in float32: the database's own reference, SciPy, says who is right
BY_REFERENCE = {"special.bessel_j0", "special.bessel_y1"}


def referred(op: Any, x: torch.Tensor) -> torch.Tensor:
    """What an operator gives by its reference in PyTorch's database."""
    return torch.from_numpy(np.asarray(op.ref(x.double().numpy())))


def check_sample(
    op: Any, sample: Any, *, second: bool = False, variant: str = "function", names: bool = False, strides: bool = False
) -> None:
    """Run one sample on both; where they differ, torch runs again in a wider dtype to see who is right.

    Raises Differs where they disagree, Missing, Unsupported, or whatever microtorch raises where torch does not.
    """
    args = (sample.input, *sample.args)
    memo: dict[int, Any] = {}
    mine = fresh((args, sample.kwargs), memo)
    memo_: dict[int, Any] = {}
    theirs = to_micro(mine, memo_)
    function, function_ = op.op, None
    if variant == "method":
        function, function_ = op.method_variant, getattr(microtorch.Tensor, op.name, None)
    elif variant == "inplace":
        function = op.inplace_variant
        function_ = rebound(function)
        if isinstance(function, functools.partial):
            function_ = functools.partial(micro_function(op), **function.keywords)
        elif function_ is function:
            function_ = getattr(microtorch.Tensor, op.name.split(".")[-1] + "_", None)
    else:
        function_ = micro_function(op)
    if function_ is None:
        raise Missing(f"no {variant} of {op.name}")
    inputs = list(dict.fromkeys(t for t in tensors_in(mine, torch.Tensor) if t.requires_grad))
    inputs_ = [memo_[id(t)] for t in inputs]
    process = sample.output_process_fn_grad if op.name in NOT_UNIQUE else None

    def of_torch(args: Any, kwargs: Any) -> Any:
        if variant == "inplace":
            args = (args[0].clone(), *args[1:])
        torch.manual_seed(SEED)
        try:
            result = function(*args, **kwargs)
        except Exception as error:
            raise Unsupported(f"torch itself: {error}") from None
        if isinstance(result, torch.Tensor) and result.is_sparse:
            raise Unsupported("sparse result")
        if any(t.dtype == torch.complex32 for t in tensors_in(result, torch.Tensor)):
            raise Unsupported("complex32, which NumPy lacks")
        return result if process is None else process(result)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        want = of_torch(*mine)
        grads = torch_gradients(want, inputs, second)
        if variant == "inplace":
            theirs = ((theirs[0][0].clone(), *theirs[0][1:]), theirs[1])
        if hasattr(microtorch, "manual_seed"):
            microtorch.manual_seed(SEED)
        got = function_(*theirs[0], **theirs[1])
        if process is not None:
            got = rebound(process)(got)
        if op.name in TIES and has_ties(mine[0][0]):
            place = {"kthvalue": 1, "topk": 1}.get(op.name, 0)
            dim = sample.kwargs.get(
                "dim", sample.args[place] if len(sample.args) > place and type(sample.args[place]) is int else -1
            )
            want = without_ties(op, want, mine[0][0], dim, torch)
            got = without_ties(op, got, theirs[0][0], dim, microtorch)
            grads = []  # they depend on which of the equal elements was taken
        values = op.name not in UNSET
        if names:
            compare_names(want, got)
        if strides:
            compare_strides(want, got)

        def check(truth: Any = None, true_grads: Any = None) -> None:
            compare(want, got, "value", values, truth)
            if grads:
                compare_gradients(grads, got, inputs_, values, true_grads)

        try:
            check()
        except Differs as error:
            memo = {}
            wide = widened(mine, memo)
            try:
                truth = of_torch(*wide) if op.name not in BY_REFERENCE else referred(op, mine[0][0])
                true_grads = torch_gradients(truth, [memo[id(t)] for t in inputs], second, grads) if grads else None
            except Unsupported:
                raise error from None
            check(truth, true_grads)


def check_error(op: Any, error_input: Any) -> str | None:
    """Run one call that torch refuses: the same class of error is wanted. Returns a note if only the message
    differs."""
    sample = error_input.sample_input
    args, kwargs = to_micro(((sample.input, *sample.args), sample.kwargs), {VIEWS: True})
    wanted = error_input.error_type
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            op.op(sample.input, *sample.args, **sample.kwargs)
        except wanted as error:
            theirs = error
        except Exception as error:
            raise Unsupported(f"torch raises {type(error).__name__}") from None
        else:
            raise Unsupported("torch raises nothing")
        function = micro_function(op)
        try:
            function(*args, **kwargs)
        except type(theirs) as error:
            text = str(error)
            return None if re.search(error_input.error_regex, text) else f"message {text!r}, not {str(theirs)!r}"
        except NotImplementedError:
            raise
        except Exception as error:
            raise Differs(f"{type(error).__name__}: {error}, instead of {type(theirs).__name__}: {theirs}") from None
    raise Differs(f"no error, instead of {type(theirs).__name__}: {theirs}")


def run(
    name: str, mode: str = "float32", samples: int | None = None, *, variant: str = "function", stop: bool = False,
    reference: bool = False, names: bool = False, strides: bool = False,
) -> Result:  # fmt: skip
    """Run an operator's samples. mode: a dtype, "noncontiguous" (float32), "grad2" (float64, second derivatives) or "errors".

    reference: PyTorch's larger set of samples, with special values; names: compare grad_fn names, too;
    strides: and how results lie in memory.
    """
    op = database()[name]
    result = Result(name)
    if mode == "errors":
        if op.error_inputs_func is None:
            return result
        cases: Iterator[Any] = iter(op.error_inputs("cpu"))
        check: Callable[[Any], Any] = functools.partial(check_error, op)
    else:
        dtype = getattr(torch, {"grad2": "float64", "noncontiguous": "float32"}.get(mode, mode))
        if not op.supports_dtype(dtype, "cpu") or (mode == "grad2" and not op.supports_gradgrad):
            return result
        grad = op.supports_autograd and dtype in op.supported_backward_dtypes("cpu")
        if variant == "inplace":
            grad = grad and op.supports_inplace_autograd
            if op.inplace_variant is None:
                return result
        if variant == "method" and op.method_variant is None:
            return result
        cases = samples_of(op, dtype, samples, grad, reference)
        if mode == "noncontiguous":
            cases = (sample.noncontiguous() for sample in cases)
        second = mode == "grad2" and name not in FIRST_ONLY
        check = functools.partial(check_sample, op, second=second, variant=variant, names=names, strides=strides)
    while True:
        try:
            case = next(cases, None)
        except Exception:  # PyTorch's own generator of samples fails for this dtype
            result.unsupported += 1
            return result
        if case is None:
            return result
        try:
            note = check(case)
        except Unsupported:
            result.unsupported += 1
        except Missing as error:
            result.missing += 1
            result.first = str(error)
            return result
        except Exception as error:
            result.failed += 1
            shown = case.sample_input if mode == "errors" else case
            result.first = result.first or f"{one_line(error)} <- {describe(shown)}"
            if stop:
                return result
        else:
            result.passed += 1
            if note and not result.first:
                result.first = note
