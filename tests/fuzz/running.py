"""Running a random program in both libraries, line by line, and making a failing one small."""

from __future__ import annotations

import collections
import functools
import random
import re
import types
import warnings
from typing import Any

import numpy as np
import torch

import microtorch
from tests.differential import grad_fn_name, relevant
from tests.fuzz.grammar import Grammar
from tests.fuzz.more import MoreGrammar
from tests.fuzz.wide import WideGrammar

torch.set_num_threads(1)

HUGE = 1e3
"""Results beyond this, or not finite, are mostly thrown away: differences of rounding would be all that is seen."""
ULPS = {"float16": 2e-3, "bfloat16": 1.6e-2, "float32": 4e-6, "float64": 1e-12, "complex64": 4e-6, "complex128": 1e-12}


excuses: collections.Counter[str] = collections.Counter()
"""How often each known difference was met (see `excuse`)."""
unforgiven: set[str] = set()
"""Excuses that are not accepted: `python -m tests.fuzz --without "..."` shows what lies behind one."""


def excuse(reason: str, applies: Any = True) -> bool:
    """True if a difference of this known kind is met; it is counted."""
    if not applies or reason in unforgiven:
        return False
    excuses[reason] += 1
    return True


@functools.lru_cache(4096)
def compiled(line: str) -> types.CodeType:
    return compile(line, "<program>", "exec")


class Run:
    """The state of a program in both libraries."""

    def __init__(self, strict: bool = False, wide: bool = False) -> None:
        self.wide = wide  # of nothing and with complex numbers several errors compete
        self.strict = strict  # compare the names of grad_fn, too
        self.versions: dict[
            str, tuple[int, int]
        ] = {}  # of each tensor when it was made: PyTorch writes into some results
        self.theirs: dict[str, Any] = {"torch": torch, "np": np}
        self.ours: dict[str, Any] = {"torch": microtorch, "np": np}
        self.names: list[str] = []  # of the tensors
        self.lines: list[str] = []
        self.as_it_comes: set[str] = set()  # tensors whose layout is not compared (note_layout)
        self.thin: set[str] = set()  # made of tensors with an axis of size 1 that lies out of order (note_layout)
        self.scale = 1.0  # the largest value so far
        for library in (torch, microtorch):
            library.set_grad_enabled(True)
            library.manual_seed(0)

    def step(self, line: str, picky: bool = False) -> tuple[str | None, bool]:
        """Run a line in both: (how they differ, whether the line is to be kept).

        picky: leave out a line whose new value is huge, without running it in microtorch.
        """
        code = compiled(line)
        shows = (
            re.search(r"as_strided|resize_|rand\w*_like", line)
            and set(re.findall(r"\bv\d+\b", line)) & self.as_it_comes
        )
        if excuse("what shows a layout that is as it comes", shows):
            return None, False
        self.lines.append(line)
        kinds = [str(self.theirs[n].dtype)[6:] for n in re.findall(r"\bv\d+\b", line) if n in self.names]
        kinds += ["float32"] if "out=" in line or "_norm(" in line else []  # integers are computed in it
        self.coarse = max([ULPS.get(k, 0) for k in kinds], default=0.0)  # float64 made of float32 is no better
        target = re.match(r"(?:with .*?: |torch\.manual_seed\(\d+\); )?(v\d+) = ", line)
        new = target.group(1) if target else None
        errors: list[Exception | None] = []
        for world in (self.theirs, self.ours):
            try:
                exec(code, world)
                errors.append(None)
            except Exception as error:
                errors.append(error)
            if picky and world is self.theirs and errors[0] is None and new is not None and huge(world[new]):
                del world[new]
                return None, False
        for library in (torch, microtorch):
            library.set_grad_enabled(True)
        theirs, ours = errors
        if (
            theirs is not None
            and ours is not None
            and excuse("which of two errors of an out= comes first", "out=" in line)
        ):
            return None, False  # PyTorch may have resized it before
        if theirs is not None or ours is not None:
            target = re.match(r"v\d+", line)
            one = (theirs is None) != (ours is None)  # refuses
            empty = any(not self.theirs[n].numel() for n in re.findall(r"\bv\d+\b", line) if n in self.names)
            stretched = bool(set(re.findall(r"\bv\d+\b", line)) & self.as_it_comes)
            if (
                excuse(
                    "a view whose base was written is the leaf that it was",
                    "a leaf Variable" in str(theirs)
                    and ours is None
                    and target
                    and target.group() in self.names
                    and self.theirs[target.group()]._is_view(),
                )
                or excuse(  # zeros that PyTorch has not computed need a gradient, those computed do not
                    "materialized zeros need a gradient",
                    one and "materialize_grads" in line and "does not require grad" in str(theirs or ours),
                )
                or excuse(
                    "which of two refusals of complex numbers comes first",
                    self.wide and not one and any(k.startswith("complex") for k in kinds),
                )
                or excuse("of nothing, one refuses more", empty and one)
                or excuse(
                    "of nothing, which of two errors comes first",
                    empty and self.wide and not one and type(theirs) is not type(ours),
                )
                or excuse(
                    "a view of a layout that is as it comes",
                    stretched
                    and one
                    and re.search("view size is not compatible|more than one element of the", str(theirs or ours)),
                )
                or excuse(  # of an instance_norm in no_grad, for one
                    "a derivative that is a view in PyTorch",
                    stretched and ours is None and "A view was created in no_grad mode" in str(theirs),
                )
                or excuse(
                    "PyTorch's threshold_ and baddbmm_ write where elements share memory",
                    theirs is None and "more than one element of" in str(ours) and re.search("threshold_|mm_", line),
                )
                or excuse(
                    "PyTorch's kron and isin view what they cannot",
                    ours is None and "view size is not" in str(theirs) and re.search(r"kron\(|isin\(", line),
                )
                or excused(theirs, ours, "autograd.grad" in line, new is None)
                or excuse(
                    "a dtype that PyTorch's kernel lacks",
                    not self.strict and "not implemented for" in str(theirs) and type(theirs) is not type(ours),
                )
            ):
                return None, False
            if type(theirs) is not type(ours):
                return f"torch {said(theirs)}, microtorch {said(ours)}", True
        elif new is not None:
            a = self.theirs[new]
            if not isinstance(a, torch.Tensor):
                b = self.ours.pop(new)
                del self.theirs[new]
                return (
                    (None, True)
                    if type(a) is type(b) and plain(a) == plain(b)
                    else (f"torch {a!r}, microtorch {b!r}", True)
                )
            if new not in self.names:
                self.names.append(new)
            self.note_layout(line, new)
            self.versions[new] = a._version, getattr(self.ours[new], "_version", 0)
        if "answer" in self.theirs or "answer" in self.ours:
            a, b = self.theirs.pop("answer", None), self.ours.pop("answer", None)
            asked = re.search(r"(v\d+)\.storage_offset\(\)", line)
            nowhere = asked is not None and not self.theirs[asked.group(1)].numel()
            if plain(a) != plain(b) and not near(a, b) and not excuse("where nothing begins", nowhere):
                return f"torch {a!r}, microtorch {b!r}", True
        if re.match(r"v\d+\.tri[ul]_", line) and excuse(
            "PyTorch's triu_ and tril_ write where elements share memory", 0 in self.theirs[line.split(".")[0]].stride()
        ):
            return None, False
        found = self.compare_all(None if line.startswith("v") and theirs is None and "_(" not in line else "all", new)
        return found, True

    def compare_all(self, which: str | None, new: str | None) -> str | None:
        """Compare the new tensor, or all that there are."""
        names = [new] if which is None and new in self.names else list(self.names)
        for name in names:
            a = self.theirs[name]
            if self.ours[name] is None:  # no gradient at all
                if not excuse("whether a gradient of nothing is recorded", not a.numel()):
                    return f"{name}: torch gives a Tensor, microtorch None"
                self.names.remove(name)
                continue
            apart = self.ours[name].requires_grad != a.requires_grad
            if "materialize_grads" in self.lines[-1]:
                apart |= self.ours[name].is_leaf != a.is_leaf
            if (
                excuse(
                    "whether a derivative that depends on nothing is recorded",
                    apart and re.search(r"autograd\.grad|torch\.func|vmap", self.lines[-1]),
                )
                or excuse("whether a gradient of nothing is recorded", apart and not a.numel())
                or excuse("PyTorch's zero tensors, which forbid writes", a._is_zerotensor())
                or excuse("a view that PyTorch forbids from now on", grad_fn_name(a) == "Invalid")
                or excuse(
                    "integers that require a gradient",
                    a.requires_grad and not (a.is_floating_point() or a.is_complex()),
                )
            ):
                self.names.remove(name)
                continue
            found = self.compare(name, self.theirs[name], self.ours[name])
            if found is not None:
                return f"{name}: {found}"
        return None

    def compare(self, name: str, a: Any, b: Any) -> str | None:
        """How two tensors differ. Where they differ by rounding alone, microtorch's takes torch's values."""
        if not isinstance(b, microtorch.Tensor):
            return f"torch gives a Tensor, microtorch {type(b).__name__}"
        if str(a.dtype) != str(b.dtype):
            return f"dtype {a.dtype}, microtorch {b.dtype}"
        if a.shape != b.shape:
            return f"shape {tuple(a.shape)}, microtorch {tuple(b.shape)}"
        if not a.numel():
            return None  # views of nothing, and their place in the graph, mean nothing
        if a.requires_grad != b.requires_grad:
            return f"requires_grad {a.requires_grad}, microtorch {b.requires_grad}"
        names = grad_fn_name(a), grad_fn_name(b)
        if names[0] != names[1] and (self.strict or names[1] == "Invalid"):
            return f"grad_fn {names[0]}, microtorch {names[1]}"
        if (a.is_leaf, a.retains_grad) != (b.is_leaf, b.retains_grad):
            return f"is_leaf, retains_grad {(a.is_leaf, a.retains_grad)}, microtorch {(b.is_leaf, b.retains_grad)}"
        versions = self.versions[name]
        if a._version - versions[0] != b._version - versions[1]:
            return f"version {a._version - versions[0]} writes later, microtorch {b._version - versions[1]}"
        if relevant(a) != relevant(b):
            if excuse("axes of size 1 out of order", name in self.thin):
                self.as_it_comes.add(name)
            if not excuse("a layout as it comes", name in self.as_it_comes):
                return f"strides {a.stride()}, microtorch {b.stride()}"
        if (
            a._is_view()
            and name not in self.as_it_comes
            and not any("_scatter(" in line for line in self.lines)  # PyTorch copies the memory before the view, too
            and a.storage_offset() != b.storage_offset()
        ):
            return f"storage_offset {a.storage_offset()}, microtorch {b.storage_offset()}"
        x, y = numpy(a), b._data if b.dtype is not microtorch.bfloat16 else b.float().detach()._data
        if x.dtype.kind not in "fc":
            return None if np.array_equal(x, y) else f"values {x.tolist()}, microtorch {y.tolist()}"
        if x.tobytes() == y.tobytes():
            return None
        finite = np.abs(x[np.isfinite(x)])
        self.scale = min(max(self.scale, finite.max(initial=0.0)), HUGE)
        tolerance = max(ULPS[str(a.dtype)[6:]], self.coarse)
        if re.search("bessel_[jy]", self.lines[-1]):
            tolerance = max(tolerance, 1e-6)  # PyTorch's are that far off, also in float64
        if not np.allclose(x, y, tolerance * 4, tolerance * self.scale, equal_nan=True):
            [moves] = torch_moves(self.lines, [], [name])
            small = moves <= 0.1 * (1 + np.abs(x)) if "autograd.grad" not in self.lines[-1] else True  # no jumps
            if moves.shape != x.shape or not (within(x, y, tolerance * (4 + self.scale), moves) & small).all():
                return f"values {x.tolist()}, microtorch {y.tolist()}"
        if re.search("matrix_norm|vector_norm|linalg.cond", self.lines[-1]):
            return None  # a derivative looks for the value among those that it was chosen from
        if y is b._data and 0 in y.strides and b._base is b._storage is None:  # each value once
            once = np.array(x[tuple(slice(0, 1) if s == 0 else slice(None) for s in y.strides)])
            steps = [0 if s == 0 else t for s, t in zip(y.strides, once.strides)]
            b._data = np.lib.stride_tricks.as_strided(once, x.shape, steps)
        elif y.flags.writeable and 0 not in y.strides and y is b._data:
            np.copyto(y, x)
        return None

    def note_layout(self, line: str, new: str) -> None:
        """Note whether the layout of a new tensor is as it comes: a formula of a derivative is several operations.

        PyTorch orders the axes of a result by all strides, also by those of axes of size 1. To NumPy these mean nothing:
        such an array counts as C-contiguous, and its ufuncs give the axis another stride. To look at them before every
        operation would cost all of them, so what is made of such tensors may lie in another order.
        """
        made_of = set(re.findall(r"\bv\d+\b", line)) - {new}
        if "scaled_dot_product" in line and any(0 in self.theirs[n].stride() for n in made_of if n in self.names):
            self.as_it_comes.add(new)
            return
        if made_of & self.as_it_comes or re.search(r"autograd\.(grad|functional)|torch\.func|vmap", line):
            self.as_it_comes.add(new)
        else:
            self.as_it_comes.discard(new)
        if made_of & self.thin or any(out_of_order(self.theirs[n]) for n in made_of if n in self.names):
            self.thin.add(new)
        else:
            self.thin.discard(new)

    def gradients(self, seed: int) -> str | None:
        """Backward from all tensors, each with random weights; compare what the leaves got."""
        self.backward = lines = backward_lines(self.names, seed, {n for n in self.names if self.theirs[n].is_complex()})
        theirs = self.theirs
        errors: list[Exception | None] = [None, None]
        for i, world in enumerate((self.theirs, self.ours)):
            try:
                for line in lines:
                    exec(compiled(line), world)
            except Exception as error:
                errors[i] = error
        if errors[0] is not None or errors[1] is not None:
            if excuse(  # PyTorch gives none, though it says that the view needs one
                "gradients of views made in no_grad",
                errors[0] is None
                and any(t._is_view() and t.is_leaf and t.requires_grad for t in map(theirs.get, self.names)),
            ):
                return None
            if type(errors[0]) is type(errors[1]):
                return None
            if errors[1] is None and excuse(
                "backward, modified in place: PyTorch saves more", "modified by an inplace operation" in str(errors[0])
            ):
                return self.after_writes(lines)
            if excused(*errors, backward=True):
                return None
            folded = "modified by an inplace operation" in str(errors[1]) and errors[0] is None
            if excuse(
                "matmul folds a batch into rows, and saves a copy",
                folded and any(re.search(r" @ |matmul\(", line) for line in self.lines),
            ):
                return None
            return f"backward: torch {said(errors[0])}, microtorch {said(errors[1])}"
        return self.same_gradients(theirs, lines)

    def after_writes(self, lines: list[str]) -> str | None:
        """Compare with the gradients that PyTorch finds if it keeps copies of what is written over."""
        theirs: dict[str, Any] = {"torch": torch, "np": np}
        torch.manual_seed(0)
        with torch.autograd.graph.saved_tensors_hooks(lambda t: t.detach().clone(), lambda t: t):
            for line in [*self.lines, *lines]:
                try:
                    exec(compiled(line), theirs)
                except Exception:
                    if line in lines:
                        return None
                seen(theirs)
        return self.same_gradients(theirs, lines)

    def same_gradients(self, theirs: dict[str, Any], backward: list[str]) -> str | None:
        moves: dict[str, Any] | None = None
        for name in self.names:
            if name not in theirs:
                continue
            a, b = theirs[name].grad, self.ours[name].grad
            if excuse("gradients of nothing", (a is None) != (b is None) and not theirs[name].numel()):
                continue
            inner = not theirs[name].is_leaf and any("create_graph" in line for line in self.lines)
            between = "what a recorded derivative gives to a result, and what to its input, is up to its formula"
            if (a is None) != (b is None):
                if excuse(between, inner):
                    continue
                return f"{name}.grad: torch {a}, microtorch {b}"
            if a is None:
                continue
            if str(a.dtype) != str(b.dtype) or a.shape != b.shape:
                return f"{name}.grad: torch {a.dtype} {tuple(a.shape)}, microtorch {b.dtype} {tuple(b.shape)}"
            x, y = numpy(a), b._data if b.dtype is not microtorch.bfloat16 else b.float()._data
            finite = np.abs(x[np.isfinite(x)])
            kinds = {str(self.theirs[n].dtype)[6:] for n in self.names}
            loose = (
                0.05
                if str(a.dtype) == "torch.float16"
                else 0.3
                if str(a.dtype) == "torch.bfloat16"
                else 2e-3
                if kinds & {"float16", "float32", "bfloat16", "complex64"}
                else 1e-6
            )
            loose *= 1 + finite.max(initial=0.0)
            if np.allclose(x, y, 0, loose, equal_nan=True):
                continue
            if moves is None:
                leaves = [n for n in self.names if theirs[n].grad is not None]
                moves = dict(zip(leaves, torch_moves(self.lines, backward, leaves)))
            if moves[name].shape != x.shape or not within(x, y, loose, moves[name]).all():
                if excuse("nearer to the result in float64 than PyTorch's", nearer(self.lines, backward, name, x, y)):
                    continue
                if excuse(between, inner):
                    continue
                if excuse(  # its second derivative takes mean and variance for constants
                    "PyTorch's third derivative of a batch or layer norm is none",
                    sum(line.count("create_graph") for line in self.lines) > 1
                    and any(re.search("(batch|instance|layer)_?norm", line, re.I) for line in self.lines),
                ):
                    continue
                return f"{name}.grad: values {x.tolist()}, microtorch {y.tolist()}"
        return None


def backward_lines(names: list[str], seed: int, complexes: set[str] = frozenset()) -> list[str]:
    """What ends a program: the sum of some tensors, each with weights, and backward from it."""
    rng = random.Random(seed)
    chosen = [n for n in names if rng.random() < 0.6] or names
    parts = ", ".join(f"torch.view_as_real({n}.resolve_conj())" if n in complexes else n for n in chosen)
    return [
        f"loss = sum((t.double() * torch.arange(1., t.numel() + 1, dtype=torch.float64).reshape(t.shape)).sum() * k "
        f"for k, t in enumerate([{parts}], 1) if t.requires_grad)",
        "if not isinstance(loss, int): loss.backward()",
    ]


def torch_moves(lines: list[str], backward: list[str], names: list[str]) -> list[Any]:
    """How far torch's own results move with the last bits of what they are computed from.

    That bounds what rounding may do to the last line's (a program that ends by `backward`: to the gradients).
    Equal values stay equal, and a zero a zero; inf where a result is finite for some and not for others.
    """
    runs = []
    for trial in range(9):  # the first as it is
        world: dict[str, Any] = {"torch": torch, "np": np}
        torch.manual_seed(0)
        for i, line in enumerate([*lines, *backward]):
            if trial and backward and 0 < i <= len(lines):
                shift(world, set(re.findall(r"\bv\d+\b", lines[i - 1])), trial)
            elif trial and i == len(lines) - 1:
                shift(world, set(world), trial)
            try:
                exec(compiled(line), world)
            except Exception:  # as it did in the program
                pass
            torch.set_grad_enabled(True)
            seen(world)
        found = [world[n].grad if backward else world[n] for n in names]
        runs.append([np.empty(0) if t is None else numpy(t).astype(np.complex128) for t in found])
    moves = []
    for first, *others in zip(*runs):
        others = [o for o in others if o.shape == first.shape]
        with np.errstate(all="ignore"):
            apart = [np.where(first == o, 0, np.abs(first - o)) for o in others]
        apart = [
            np.where(np.isnan(first) & np.isnan(o), 0, np.nan_to_num(d, nan=np.inf)) for d, o in zip(apart, others)
        ]
        moves.append(np.max(apart, axis=0) if apart else np.zeros(first.shape))
    return moves


def nearer(lines: list[str], backward: list[str], name: str, x: Any, y: Any) -> bool:
    """True if y, a gradient in few bits, is much nearer than torch's x to what torch itself finds in float64."""
    world: dict[str, Any] = {"torch": torch, "np": np}
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    for line in [*lines, *backward]:
        try:
            exec(compiled(re.sub(r"torch\.float(32|16)\b|torch\.bfloat16", "torch.float64", line)), world)
        except Exception:  # as it did in the program
            pass
    torch.set_default_dtype(torch.float32)
    grad = world[name].grad
    if grad is None or grad.shape != x.shape:
        return False
    truth = numpy(grad)
    return bool((np.abs(y - truth) <= 0.1 * np.abs(x - truth) + 1e-6 * (1 + np.abs(truth))).all())


def out_of_order(t: Any) -> bool:
    """True if t has an axis of size 1 and other strides than a new tensor's."""
    return 1 in t.shape and t.stride() != torch.empty(t.shape).stride()


def seen(world: dict[str, Any]) -> None:
    """Look at every tensor's grad_fn, as the comparison does: until then PyTorch takes a view for the leaf it was."""
    for t in list(world.values()):
        if isinstance(t, torch.Tensor):
            grad_fn_name(t)


def shift(world: dict[str, Any], names: set[str], trial: int) -> None:
    """Change the last bits of these tensors: each value in a way that depends on the value alone."""
    for name in names:
        t = world.get(name)
        if isinstance(t, torch.Tensor) and (t.is_floating_point() or t.is_complex()) and 0 not in t.stride():
            x = t.detach().resolve_conj().resolve_neg()
            up = torch.sin((x.real if x.is_complex() else x).double() * 1e6 * trial + trial)
            t.data.copy_(x * (1 + up * 2 * torch.finfo(t.dtype).eps))


def within(x: Any, y: Any, tolerance: float, moves: Any) -> Any:
    """Where two arrays agree but for what rounding may do."""
    with np.errstate(all="ignore"):
        apart = np.where(x == y, 0, np.abs(x.astype(np.complex128) - y))
        close = apart <= tolerance + 16 * moves
    return close | (np.isnan(x) & np.isnan(y)) | np.isinf(moves)


def numpy(t: Any) -> Any:
    """A torch tensor's values; as a copy, since memory that NumPy shares cannot be resized any more."""
    t = t.detach().resolve_conj().resolve_neg().clone()
    return (t.float() if t.dtype is torch.bfloat16 else t).numpy()


def huge(t: Any) -> bool:
    if not isinstance(t, torch.Tensor) or not t.numel() or t.dtype is torch.bool:
        return False
    if t.numel() > 2000:
        return True
    try:
        x = numpy(t)
    except RuntimeError:  # a view that torch forbids to use, since its base was written
        return False
    return not bool(np.all(np.abs(x.astype(np.float64) if x.dtype.kind != "c" else x) <= HUGE))


def said(error: Exception | None) -> str:
    return (
        "gives a result"
        if error is None
        else f"raises {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    )


def excused(theirs: Exception | None, ours: Exception | None, backward: bool = False, write: bool = False) -> bool:
    """A difference that is known and meant."""
    text, said_here = str(theirs), str(ours)
    alike, only_theirs, only_ours = type(theirs) is type(ours), ours is None, theirs is None
    return (
        # What a write that is refused has written until then, is not defined; only then is the same error an excuse.
        excuse("a division by zero stops a write", alike and "ZeroDivisionError" in text)
        or excuse("a mean of bools stops a write", alike and write and re.search('"(div_floor|scatter_gather)_', text))
        or excuse("an index out of bounds stops a write", alike and write and "out of bounds" in text)
        or excuse("PyTorch's internal assertions", "INTERNAL ASSERT FAILED" in text)
        or excuse(
            "PyTorch's bugs, two by its own word",
            only_theirs
            and re.search(
                "MKL FFT error|tensor does not have a device|shape '.0.' is invalid|isFloatingType.grad.scalar_type|ZeroTensors are immutable|^setStorage",
                text,
            ),
        )
        or excuse("a leaf detached in place, then written", only_theirs and "moved into the graph interior" in text)
        or excuse(
            "derivatives that PyTorch lacks",
            (only_theirs and "support automatic differentiation for outputs with complex dtype" in text)
            or ("derivative for" in text and "is not implemented" in text)
            or (
                backward
                and "_backward\" not implemented for 'Half'" in text
                and (only_theirs or "modified by an" in said_here)
            ),
        )
        or excuse("products of bools that need no sum", "\"addmm_impl_cpu_\" not implemented for 'Bool'" in said_here)
        or excuse(
            "which of two errors of a backward comes first",
            ("inplace version of" in text and "modified by an inplace operation" in said_here)
            or ("inplace version of" in said_here and "modified by an inplace operation" in text)
            or (backward and "is not implemented" in said_here and "modified by an inplace operation" in text)
            or (backward and "is not implemented" in said_here and re.search("bool tensor|not have a device", text)),
        )
        or excuse("a contraction that needs no sum is a view", only_ours and "Can't detach views" in said_here)
        or excuse(
            "PyTorch's formula subtracts from a bool exponent",
            backward and "bool tensor" in text and (only_theirs or "inplace version of" in said_here),
        )
        or excuse("modified in place: PyTorch saves more", only_theirs and "modified by an inplace operation" in text)
        or excuse(
            "PyTorch's backward writes into expanded memory",
            backward and "more than one element" in text and (only_theirs or "inplace version of" in said_here),
        )
        or excuse(
            "a floor_divide written into a view has no derivative",
            only_ours and "derivative for aten::floor_divide is not implemented" in said_here,
        )
        or excuse("a view that PyTorch forbids when it is used", only_theirs and "has been modified inplace" in text)
    )


def plain(value: Any) -> Any:
    """A value that the two libraries can be compared by."""
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, (torch.dtype, microtorch.dtype)):
        return str(value)
    return value


def near(a: Any, b: Any) -> bool:
    """True for floats, or lists of them, that agree but for rounding."""
    try:
        return bool(np.allclose(np.asarray(a, float), np.asarray(b, float), 1e-4, 1e-4, equal_nan=True))
    except (TypeError, ValueError):
        return False


def shares(run: Run, x: str, y: str) -> bool:
    a, b = run.theirs[x], run.theirs[y]
    return x == y or bool(a.untyped_storage()._cdata == b.untyped_storage()._cdata)


def program(
    seed: int, views: bool = False, strict: bool = False, wide: bool = False, more: bool = False
) -> tuple[list[str], str | None]:
    """The program of a seed and how the libraries differ on it (None: they do not)."""
    rng = random.Random(seed)
    run = Run(strict, wide or more)
    grammar = (MoreGrammar if more else WideGrammar if wide else Grammar)(
        rng, run.theirs, lambda x, y: shares(run, x, y), views
    )
    grammar.names = run.names
    lines: list[str] = []
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for _ in range(rng.randint(5, 40)):
            line = grammar.line()
            picky = rng.random() < 0.97
            found, kept = run.step(line, picky)
            if not kept:
                if found is None and not re.match(r"v\d+ = ", line):
                    return lines, None  # a write that one or both refused may have begun
                continue
            lines.append(line)
            grammar.count += 1
            if found is not None:
                return lines, found
            if picky and any(huge(run.theirs[n]) for n in run.names if "_(" in line or " = " not in line[:8]):
                break
        return lines, run.gradients(seed)


def again(lines: list[str], seed: int, strict: bool = False) -> str | None:
    """How the libraries differ on these lines."""
    run = Run(strict)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for line in lines:
            found, _ = run.step(line)
            if found is not None:
                return found
        return run.gradients(seed)


def kind(found: str | None) -> str | None:
    """What sort of difference it is, without names and numbers."""
    return None if found is None else re.sub(r"v\d+|\b[-\d.e]+|\[.*?\]", "", found)[:90]


def shrunk(lines: list[str], seed: int, strict: bool = False) -> tuple[list[str], str | None]:
    """The program without the lines that its difference does not need."""
    found = again(lines, seed, strict)
    if found is None:
        return lines, None
    size = len(lines) // 2
    while size:
        start = 0
        while start < len(lines):
            fewer = lines[:start] + lines[start + size :]
            less = again(fewer, seed, strict)
            if less is not None and kind(less) == kind(found):
                lines, found = fewer, less
            else:
                start += size
        size //= 2
    return lines, found


def script(lines: list[str], seed: int, found: str) -> str:
    """A failing program as a script that can be run as it stands."""
    body = []
    for line in lines:
        body.append(line)
    names = sorted(set(re.findall(r"\bv\d+\b", "\n".join(lines))), key=lambda n: int(n[1:]))
    tail = []
    if ".grad" in found or found.startswith("backward"):
        tail = [*backward_lines(names, seed), f"for t in ({', '.join(names)},): print(t.grad if t.is_leaf else None)"]
    else:
        tail = [f"print({names[-1]})"] if names else []
    return "\n".join([f"# program {seed}: {found}", "import torch  # or: import microtorch as torch", "", *body, *tail])
