"""Random programs of views, writes in place and indexing, run by torch and by microtorch line by line.

    python -m tests.fuzz.views --programs 2000 --start 0     # programs 0 .. 1999; prints those that differ

After every line all variables must agree (values, shapes, strides, versions, names of grad_fn), or both must have raised the same
error; at the end the gradients of the leaves must agree. A program is its seed: a difference can be printed and run again.
"""

from __future__ import annotations

import argparse
import random
import warnings
from typing import Any

import numpy as np
import torch

import microtorch
from tests.differential import compare, grad_fn_name, text

SHAPES = [(4,), (3, 4), (2, 3, 2), (1, 3), (2, 2), (3, 1, 2), (6,), ()]


class Program:
    """A program that grows line by line, guided by what torch has made so far."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.lines: list[str] = []
        self.worlds: list[dict[str, Any]] = [{"torch": torch, "np": np}, {"torch": microtorch, "np": np}]
        self.names: list[str] = []
        self.leaves: list[str] = []

    def shape(self, name: str) -> tuple[int, ...]:
        return tuple(self.worlds[0][name].shape)

    def new(self) -> str:
        name = f"v{len(self.names)}"
        self.names.append(name)
        return name

    def pick(self) -> str:
        return self.rng.choice(self.names[-5:] if self.rng.random() < 0.7 else self.names)

    def source_for(self, x: str, shape: tuple[int, ...]) -> str:
        """`value_for`, as a copy if it shares memory with x: what overlapping writes give is not defined."""
        value = self.value_for(shape)
        name = value.split(".")[0]
        if name in self.names and name != x:
            a, b = (getattr(self.worlds[1][n]._storage, "memory", self.worlds[1][n]._data) for n in (name, x))
            if np.shares_memory(a, b):
                return f"{value}.clone()"
        return value

    def value_for(self, shape: tuple[int, ...]) -> str:
        """An expression that broadcasts to a shape: a number, a variable, a part of one, or a new tensor."""
        r = self.rng.random()
        if r < 0.3:
            return str(self.rng.choice([1, 2.0, -1.5, 0]))
        for name in self.rng.sample(self.names, min(4, len(self.names))):
            have = self.shape(name)
            if len(have) <= len(shape) and all(n in (1, m) for n, m in zip(have[::-1], shape[::-1])):
                return name
        if r < 0.8:
            name = self.pick()
            if self.worlds[0][name].numel() and len(self.shape(name)):
                return f"{name}.reshape(-1)[{self.rng.randrange(self.worlds[0][name].numel())}]"
        keep = shape[self.rng.randrange(len(shape) + 1) :]
        return f"torch.full({tuple(keep)!r}, {self.rng.choice([2.0, 0.5])}, dtype=torch.float64)"

    def key(self, shape: tuple[int, ...]) -> str:
        """A random index of a tensor of this shape."""
        rng, parts = self.rng, []
        if not shape:
            return rng.choice(["...", "None"])
        for n in shape[: rng.randint(1, len(shape))]:
            r = rng.random()
            if r < 0.3 and n:
                parts.append(str(rng.randrange(-n, n)))
            elif r < 0.6:
                a = rng.randrange(n + 1)
                parts.append(
                    f"{a}:{rng.randrange(a, n + 1)}"
                    if rng.random() < 0.7
                    else f"::{rng.choice([1, 2]) if n > 2 else 1}"
                )
            elif r < 0.7:
                parts.append(":")
            elif r < 0.8 and n:
                parts.append(str([rng.randrange(n) for _ in range(rng.randint(1, 3))]))
            elif r < 0.87 and n:
                parts.append(f"torch.tensor({[rng.random() < 0.5 for _ in range(n)]})")
            elif r < 0.93:
                parts.append("None, :")
            else:
                parts.append(":")
        if rng.random() < 0.1:
            parts.insert(0, "...") if rng.random() < 0.5 and len(parts) == 1 else parts.append("...")
        return ", ".join(parts)

    def view(self, x: str) -> str:
        rng, shape = self.rng, self.shape(x)
        d = len(shape)
        numel = int(np.prod(shape))
        choices = [f"{x}[{self.key(shape)}]", f"{x}.view(-1)", f"{x}.detach()", f"{x}.unsqueeze({rng.randint(0, d)})", f"{x}.squeeze()",
                   f"{x}.flatten()", f"{x}.reshape(-1)", f"{x}.expand(2, {', '.join(['-1'] * d)})" if d else f"{x}.expand(2)", f"{x}.data",
                   f"{x}.view_as({x})", f"{x}[None]", f"{x}.view({', '.join(map(str, shape + (1,)))})"]  # fmt: skip
        if d:
            axis = rng.randrange(d)
            n = shape[axis]
            i, j = rng.randrange(d), rng.randrange(d)
            order = list(range(d))
            rng.shuffle(order)
            choices += [f"{x}.transpose({i}, {j})", f"{x}.permute({', '.join(map(str, order))})", f"{x}.narrow({axis}, 0, {rng.randint(0, n)})",
                        f"{x}.T" if d == 2 else f"{x}.transpose(0, -1)"]  # fmt: skip
            if n:
                k = rng.randint(1, n)
                choices += [f"{x}.select({axis}, {rng.randrange(n)})", f"{x}.unbind({axis})[{rng.randrange(n)}]", f"{x}.split({k}, {axis})[0]",
                            f"{x}.chunk(2, {axis})[0]", f"{x}.unfold({axis}, {k}, {k})", f"{x}.tensor_split(2, {axis})[1]"]  # fmt: skip
            if d >= 2:
                choices += [f"{x}.diagonal({rng.choice([0, 0, 1])})"]
            if numel >= 3:
                choices += [f"{x}.as_strided((2,), (1,))", f"torch.as_strided({x}, (1, 3), (3, 1))"]
        return rng.choice(choices)

    def value(self, x: str) -> str:
        """An expression that makes a new tensor."""
        rng, shape = self.rng, self.shape(x)
        y = self.pick()
        choices = [f"{x} * 2", f"{x} + {self.value_for(shape)}", f"{x} * {self.value_for(shape)}", f"{x}.clone()", f"{x}.sigmoid()", f"{x} ** 2",
                   f"{x}[{self.key(shape)}] * 1.5", f"torch.where({x} > 0, {x}, {self.value_for(shape)})", f"{x}.masked_fill({x} > 1, 0.5)",
                   f"torch.stack([{x}, {x}])", f"{x}.contiguous()", f"{x}.tanh()", f"torch.zeros_like({x})", f"{x} + {y}"]  # fmt: skip
        if shape:
            choices += [
                f"{x}.sum(0)",
                f"torch.cat([{x}, {x}])",
                f"{x}.flip(0)",
                f"{x}.index_select(0, torch.tensor([0, 0]))",
            ]
        return rng.choice(choices)

    def write(self, x: str) -> str:
        """A statement that writes into x."""
        rng, shape = self.rng, self.shape(x)
        choices = [f"{x}.add_({self.source_for(x, shape)})", f"{x}.mul_({self.source_for(x, shape)})", f"{x}.sub_({self.source_for(x, shape)})",
                   f"{x} += {self.source_for(x, shape)}", f"{x} *= {self.source_for(x, shape)}", f"{x}.zero_()", f"{x}.fill_({rng.choice([1, 0.5])})",
                   f"{x}.copy_({self.source_for(x, shape)})", f"{x}.sigmoid_()", f"{x}.tanh_()", f"{x}.clamp_(-1, 2)", f"{x}.neg_()", f"{x}.pow_(2)",
                   f"{x}.masked_fill_({x} > 0, 0.25)", f"{x}[{x} > 0] = 0.75", f"{x}.div_(2)", f"{x}.relu_()", f"{x}.exp_()",
                   f"{x}.lerp_({x}.detach().clone(), 0.5)", f"{x}.addcmul_({x}, {x})"]  # fmt: skip
        for _ in range(8):
            key = self.key(shape)
            try:
                part = tuple(eval(f"{x}[{key}]", self.worlds[0]).shape)
            except Exception:
                part = ()
            choices += [f"{x}[{key}] = {self.source_for(x, part)}", f"{x}[{key}] += {rng.choice([1, 2.5])}"]
        if shape and shape[0]:
            i = rng.randrange(shape[0])
            choices += [f"{x}.index_fill_(0, torch.tensor([{i}]), 0.5)", f"{x}.index_add_(0, torch.tensor([{i}]), {x}[{i}:{i + 1}] * 2)",
                        f"{x}.index_copy_(0, torch.tensor([{i}]), {x}[{i}:{i + 1}].clone())", f"{x}.scatter_(0, torch.zeros({shape!r}, dtype=torch.int64), 0.5)",
                        f"{x}.index_put_((torch.tensor([{i}]),), torch.tensor(2., dtype=torch.float64), accumulate=True)",
                        f"{x}.transpose_(0, -1)", f"{x}.squeeze_()", f"{x}.masked_scatter_({x} > 0, torch.ones(64, dtype=torch.float64))"]  # fmt: skip
        choices += [f"{x}.unsqueeze_(0)"]
        if self.worlds[0][x].is_leaf:  # of a leaf, only the values
            choices = [c for c in choices if "squeeze_" not in c and "transpose_" not in c]
        if (
            0 in self.worlds[0][x].stride()
            or self.worlds[1][x]._data.base is not None
            and 0 in self.worlds[1][x]._data.strides
        ):
            choices = [f"{x}.add_(1)", f"{x}.zero_()", f"{x}.fill_(2)"]
        return rng.choice(choices)

    def line(self) -> str:
        """The next line."""
        rng = self.rng
        if len(self.names) < 2 or rng.random() < 0.08:
            shape, needs = rng.choice(SHAPES), rng.random() < 0.6
            values = [rng.choice([-1.0, 0.5, 1.0, 2.0, 0.0]) for _ in range(int(np.prod(shape)))]
            name = self.new()
            if needs:
                self.leaves.append(name)
            return f"{name} = torch.tensor({values}, dtype=torch.float64).reshape({shape!r}).clone(){'.requires_grad_()' if needs else ''}"
        x = self.pick()
        r = rng.random()
        if r < 0.34:
            made = self.view(x)
            return f"{self.new()} = {made}"
        if r < 0.5:
            made = self.value(x)
            return f"{self.new()} = {made}"
        if r < 0.9:
            return self.write(x)
        if r < 0.94:
            return f"with torch.no_grad(): {self.write(x)}"
        if r < 0.95:
            made = self.view(x)
            return f"with torch.no_grad(): {self.new()} = {made}"
        if r < 0.96:
            return f"{x}.requires_grad_()" if self.worlds[1][x]._storage is None else f"{x}.neg()"
        if r < 0.98:
            return f"{x}.retain_grad() if {x}.requires_grad else None"
        return f"{x}.detach_()" if self.worlds[1][x]._storage is None else f"{x}.abs()"

    def step(self) -> tuple[str | None, bool]:
        """Run one more line in both worlds: (how they differ, whether it raised)."""
        line = self.line()
        self.lines.append(line)
        errors: list[Exception | None] = []
        for world in self.worlds:
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    exec(line, world)
                errors.append(None)
            except Exception as error:
                errors.append(error)
        return self.after(errors), errors[0] is not None

    def after(self, errors: list[Exception | None]) -> str | None:
        theirs, ours = errors
        if theirs is not None and ours is None and "has been modified inplace" in str(theirs):
            return None  # torch raises when such a view is used, microtorch in the backward
        if theirs is not None or ours is not None:
            if str(ours).startswith("shape mismatch: indexing tensors") and type(theirs) is type(ours):
                return None  # of masks, torch names the numbers of true elements
            if type(theirs) is not type(ours):
                return f"torch {theirs and text(theirs)!r}, microtorch {ours and type(ours).__name__} {ours and text(ours)!r}"
            assert theirs is not None and ours is not None
            return None if text(theirs) == text(ours) else f"torch says {text(theirs)!r}, microtorch {text(ours)!r}"
        for name in self.names:
            a, b = self.worlds[0][name], self.worlds[1][name]
            if grad_fn_name(a) == "Invalid" == grad_fn_name(b):
                continue
            found = compare(a, b, exact=False)
            if found is None and a._version != b._version:
                found = f"version {a._version}, microtorch {b._version}"
            if found is None and a.numel() and a.storage_offset() != b.storage_offset():
                found = f"storage_offset {a.storage_offset()}, microtorch {b.storage_offset()}"
            if (
                found is None
                and grad_fn_name(a) != "Invalid"
                and (a.is_leaf, a.retains_grad) != (b.is_leaf, b.retains_grad)
            ):
                found = f"is_leaf, retains_grad {(a.is_leaf, a.retains_grad)}, microtorch {(b.is_leaf, b.retains_grad)}"
            if found is not None:
                return f"{name}: {found}"
        return None

    def gradients(self) -> str | None:
        """Run backward in both worlds, and compare what the leaves and those that retain their gradient got."""
        self.lines.append(
            f"loss = sum((t * torch.arange(1., t.numel() + 1, dtype=torch.float64).reshape(t.shape)).sum() * k for k, t in "
            f"enumerate([{', '.join(self.names)}], 1) if t.requires_grad)"
        )
        self.lines.append("loss.backward()")
        errors: list[Exception | None] = [None, None]
        for i, world in enumerate(self.worlds):
            try:
                exec(self.lines[-2], world)
                if isinstance(world["loss"], int):
                    return None
                exec(self.lines[-1], world)
            except Exception as error:
                errors[i] = error
        if errors[0] is not None or errors[1] is not None:
            same = type(errors[0]) is type(errors[1])
            return None if same else f"backward: torch {errors[0]!r}, microtorch {errors[1]!r}"
        found = self.after(errors)
        if found is not None:
            return found
        for name in self.names:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                a, b = self.worlds[0][name].grad, self.worlds[1][name].grad
            found = compare(a, b, strides=False, exact=False)
            if found is not None:
                return f"{name}.grad: {found}"
        return None


def differs(seed: int, steps: int = 14) -> str | None:
    """How the two worlds differ on the program of this seed; None if they agree."""
    program = Program(seed)
    torch.set_grad_enabled(True)
    microtorch.set_grad_enabled(True)
    for _ in range(steps):
        found, raised = program.step()
        if found is not None:
            return "\n".join([f"# program {seed}", *program.lines, f"#   {found}"])
        if raised:
            return None
    found = program.gradients()
    return None if found is None else "\n".join([f"# program {seed}", *program.lines, f"#   {found}"])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.views", description=__doc__)
    parser.add_argument("--programs", type=int, default=1000)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--show", type=int, default=5, help="print at most so many that differ")
    options = parser.parse_args()
    bad = 0
    for seed in range(options.start, options.start + options.programs):
        try:
            found = differs(seed)
        except Exception as error:
            found = f"# program {seed}: CRASH {type(error).__name__}: {error}"
        if found is not None:
            bad += 1
            if bad <= options.show:
                print(found, end="\n\n")
    print(f"{bad} of {options.programs} programs differ")


if __name__ == "__main__":
    main()
