"""What random programs are made of: each method writes one line of Python, guided by the tensors that there are so far.

A line names tensors `v0`, `v1`, ... and calls `torch`; which library that is, the one who runs it decides. Lines may be
wrong (shapes that do not fit, a dtype that is refused): then both libraries must refuse them with the same error.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import Any

SHAPES = [(4,), (3, 4), (2, 3, 2), (1, 3), (3, 3), (3, 1, 2), (6,), (), (), (2, 0), (0,), (1,), (2, 2), (1, 1), (2, 3)]
DTYPES = ["float32"] * 8 + ["float64"] * 8 + ["int64"] * 4 + ["bool"] * 3 + ["int32", "uint8", "float16"]
FLOATS = ("float32", "float64", "float16")

UNARY = """abs neg exp sin cos tan tanh sigmoid relu floor ceil round trunc frac sign reciprocal square sqrt rsqrt log log1p
log2 log10 exp2 expm1 erf erfc sinh cosh asin acos atan asinh acosh atanh sgn positive isnan isinf isfinite signbit deg2rad
rad2deg nan_to_num sinc logical_not lgamma digamma erfinv logit selu isreal isneginf angle conj i0""".split()
UNARY_TENSOR_ONLY_IN_PLACE = """abs neg exp sin cos tanh sigmoid relu floor ceil round trunc frac sign reciprocal square
sqrt log1p exp2 expm1 erf atan asinh sinh cosh deg2rad""".split()
BINARY = """add sub mul div true_divide floor_divide remainder fmod pow maximum minimum fmax fmin atan2 hypot eq ne lt le gt
ge logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor copysign xlogy logaddexp logaddexp2 heaviside gcd lcm
rsub float_power multiply subtract greater less_equal not_equal divide dist allclose equal isclose""".split()
OPERATORS = ["+", "-", "*", "/", "//", "%", "**", "==", "!=", "<", "<=", ">", ">=", "&", "|", "^"]
BINARY_IN_PLACE = """add_ sub_ mul_ div_ floor_divide_ remainder_ fmod_ pow_ atan2_ bitwise_and_
bitwise_or_ copysign_ xlogy_ clamp_min_ clamp_max_ float_power_""".split()
REDUCE = """sum mean prod amax amin logsumexp nansum nanmean""".split()
REDUCE_ONE = """max min argmax argmin median cumsum cumprod cummax cummin logcumsumexp all any std var norm sort
argsort""".split()
ACTIVATIONS = ["gelu", "silu", "leaky_relu", "elu", "softplus", "hardtanh", "relu6", "hardswish", "hardsigmoid", "mish",
               "logsigmoid", "softsign", "tanhshrink", "celu", "selu", "hardshrink", "softshrink", "relu", "sigmoid", "tanh"]  # fmt: skip


class Grammar:
    """Writes lines for the tensors of `world` (name -> torch's tensor); `shared` tells which variables share memory."""

    def __init__(
        self, rng: random.Random, world: dict[str, Any], shared: Callable[[str, str], bool], views: bool
    ) -> None:
        self.rng, self.world, self.shared = rng, world, shared
        self.names: list[str] = []
        self.count = 0
        parts: list[tuple[float, Callable[[str], str | None]]] = [
            (1.0, self.create), (2.2, self.unary), (3.0, self.binary), (0.7, self.ternary), (2.0, self.reduction),
            (1.3, self.product), (3.5, self.view), (1.5, self.rearranged), (1.6, self.joined), (1.6, self.indexed),
            (1.5, self.scattered), (1.2, self.functional), (0.8, self.cast), (0.7, self.graph), (0.4, self.question),
            (0.2, self.second), (2.0, self.write_pointwise), (2.5, self.write_index), (1.0, self.write_whole),
            (0.3, self.relaid), (0.15, self.noise), (0.5, self.without_grad), (0.3, self.out),
        ]  # fmt: skip
        if views:
            heavy = {self.view: 4, self.write_pointwise: 3, self.write_index: 4, self.write_whole: 3, self.relaid: 2}
            parts = [(w * heavy.get(f, 0.3), f) for w, f in parts]
        self.weights = [w for w, _ in parts]
        self.parts = [f for _, f in parts]

    # choosing ---------------------------------------------------------------------------------------------------------

    def one(self, options: Sequence[Any]) -> Any:
        return options[self.rng.randrange(len(options))]

    def chance(self, p: float) -> bool:
        return self.rng.random() < p

    def new(self) -> str:
        """The name of the variable that this line assigns."""
        return f"v{self.count}"

    def shape(self, name: str) -> tuple[int, ...]:
        return tuple(self.world[name].shape)

    def dtype(self, name: str) -> str:
        return str(self.world[name].dtype).removeprefix("torch.")

    def pick(self, *dtypes: str, dims: int | None = None, least: int = 0) -> str | None:
        """A variable, rather a late one; of these dtypes and so many dimensions if asked, None if there is none."""
        names = self.names
        if dtypes or dims is not None or least:
            names = [
                n for n in names
                if (not dtypes or self.dtype(n) in dtypes) and (dims is None or len(self.shape(n)) == dims)
                and len(self.shape(n)) >= least
            ]  # fmt: skip
        if not names:
            return None
        return self.one(names[-5:]) if self.chance(0.6) else self.one(names)

    def any(self) -> str:
        return self.one(self.names[-5:]) if self.chance(0.6) else self.one(self.names)

    def number(self, x: str | None = None) -> str:
        """A Python number."""
        r = self.rng.random()
        if r < 0.45:
            return str(self.one([0, 1, 2, 3, -1, -2]))
        return str(self.one([0.5, 2.0, -1.5, 0.25, 1.0, 0.0])) if r < 0.95 else str(self.one([True, False]))

    def broadcastable(self, shape: tuple[int, ...], into: bool = False) -> str | None:
        """A variable that broadcasts with a shape (`into`: to that shape)."""
        for name in self.rng.sample(self.names, len(self.names)):
            have = self.shape(name)
            if into and len(have) > len(shape):
                continue
            if all(n in ((1, m) if into else (1, m, n if m == 1 else m)) for n, m in zip(have[::-1], shape[::-1])):
                return name
        return None

    def other(self, x: str) -> str:
        """The second operand for x: mostly one that fits."""
        r = self.rng.random()
        if r < 0.3:
            return self.number(x)
        if r < 0.9:
            return self.broadcastable(self.shape(x)) or x
        return self.any()

    def source(self, x: str, shape: tuple[int, ...]) -> str:
        """What is written into a place of that shape of x; copied if it shares memory with x, for the result would be
        undefined."""
        r = self.rng.random()
        if r < 0.35:
            return self.number(x)
        if r < 0.8:
            name = self.broadcastable(shape, into=True)
            if name is not None:
                return f"{name}.clone()" if self.shared(x, name) else name
        keep = shape[self.rng.randrange(len(shape) + 1) :]
        return f"torch.full({tuple(keep)!r}, {self.one([2, 3])}, dtype=torch.{self.dtype(x)})"

    def axis(self, x: str) -> int:
        d = len(self.shape(x))
        if self.chance(0.02):
            return d + 1
        return self.rng.randrange(-d, d) if d else self.one([0, -1])

    def key(self, shape: tuple[int, ...]) -> str:
        """A random index of a tensor of this shape."""
        rng, parts = self.rng, []
        if not shape:
            return str(self.one(["...", "None", "()", "True", "torch.tensor(True)"]))
        for n in shape[: rng.randint(1, len(shape))]:
            r = rng.random()
            if r < 0.3 and n:
                parts.append(str(rng.randrange(-n, n)))
            elif r < 0.6:
                a = rng.randrange(n + 1)
                step = f"::{self.one([1, 2]) if n > 2 else 1}"
                parts.append(f"{a}:{rng.randrange(a, n + 1)}" if self.chance(0.7) else step)
            elif r < 0.68:
                parts.append(":")
            elif r < 0.75 and n:
                parts.append(str([rng.randrange(-n, n) for _ in range(rng.randint(1, 3))]))
            elif r < 0.81 and n:
                parts.append(f"torch.tensor({[rng.randrange(n) for _ in range(rng.randint(1, 3))]})")
            elif r < 0.87 and n:
                parts.append(f"torch.tensor({[self.chance(0.5) for _ in range(n)]})")
            elif r < 0.93:
                parts.append("None, :")
            elif r < 0.94:
                parts.append(str(n))
            else:
                parts.append(":")
        if self.chance(0.1):
            if self.chance(0.5) and len(parts) == 1:
                parts.insert(0, "...")
            else:
                parts.append("...")
        return ", ".join(parts)

    def distinct(self, x: str) -> bool:
        """True if no two elements are equal: which of equal ones topk takes, PyTorch leaves open."""
        t = self.world[x].detach()
        return len(set(t.reshape(-1).tolist())) == t.numel()

    def literal(self, shape: tuple[int, ...], dtype: str) -> str:
        """A new tensor written out."""
        rng, n = self.rng, math.prod(shape)
        if dtype == "bool":
            values: list[Any] = [self.chance(0.5) for _ in range(n)]
        elif dtype in FLOATS:
            values = [
                round(rng.uniform(-2, 2), 2) if self.chance(0.8) else self.one([0.0, 1.0, -1.0]) for _ in range(n)
            ]
        else:
            values = [rng.randint(0 if dtype == "uint8" else -3, 4) for _ in range(n)]
        flat = f"torch.tensor({values}, dtype=torch.{dtype})"
        return flat if shape == (n,) else f"{flat}.reshape({shape!r})"

    # lines --------------------------------------------------------------------------------------------------------

    def line(self) -> str:
        """The next line."""
        if len(self.names) < 3:
            return self.create("") or ""
        while True:
            made = self.rng.choices(self.parts, self.weights)[0](self.any())
            if made is not None:
                return made

    def create(self, x: str) -> str | None:
        shape, dtype = self.one(SHAPES), self.one(DTYPES)
        if x and self.chance(0.4):
            kind = f", dtype=torch.{self.one(DTYPES)}" if self.chance(0.4) else ""
            made = self.one([
                f"torch.zeros_like({x}{kind})", f"torch.ones_like({x}{kind})", f"torch.full_like({x}, {self.number()}{kind})",
                f"torch.arange({self.one([3, 4, 6, 2.5])}{kind})", f"torch.linspace(-1, 1, {self.one([0, 1, 4])})",
                f"torch.eye({self.one([2, 3])}{kind})", f"{x}.new_zeros({shape!r}{kind})", f"{x}.new_full({shape!r}, 2{kind})",
                f"torch.full({shape!r}, {self.number()})", f"torch.arange(1, 7, 2{kind})", f"torch.tensor({self.number()})",
                f"torch.tril(torch.ones(3, 3{kind}))", f"torch.as_tensor([[1, 2.5], [3, 4]]{kind})",
                f"torch.tensor([{self.number()}, {self.number()}])", f"{x}.new_ones(2, 3)", f"torch.zeros({shape!r}{kind})",
            ])  # fmt: skip
            return f"{self.new()} = {made}"
        needs = dtype in FLOATS and self.chance(0.6)
        clone = ".clone()" if self.chance(0.3) else ""
        return f"{self.new()} = {self.literal(shape, dtype)}{clone}{'.detach().requires_grad_()' if needs else ''}"

    def unary(self, x: str) -> str | None:
        name = self.one(UNARY)
        call = f"{x}.{name}()" if self.chance(0.5) else f"torch.{name}({x})"
        if name == "selu":
            call = f"torch.selu({x})"
        extra = [f"-{x}", f"{x}.clone()", f"~{x}", f"abs({x})", f"torch.round({x}, decimals=1)", f"{x}.contiguous()"]
        return f"{self.new()} = {call if self.chance(0.9) else self.one(extra)}"

    def binary(self, x: str) -> str | None:
        y = self.other(x)
        r = self.rng.random()
        if r < 0.5:
            sign = self.one(OPERATORS)
            made = f"{x} {sign} {y}" if self.chance(0.8) else f"{y} {sign} {x}"
        elif r < 0.9:
            name = self.one(BINARY)
            made = f"torch.{name}({x}, {y})" if self.chance(0.6) or name == "rsub" else f"{x}.{name}({y})"
        elif r < 0.95:
            made = f"torch.div({x}, {y}, rounding_mode={self.one(['floor', 'trunc', None])!r})"
        else:
            made = f"torch.{self.one(['add', 'sub'])}({x}, {y}, alpha={self.one([2, 0.5, -1])})"
        return f"{self.new()} = {made}"

    def ternary(self, x: str) -> str | None:
        y, z = self.other(x), self.other(x)
        a = self.broadcastable(self.shape(x)) or x
        made = self.one([
            f"torch.where({x} > 0, {x}, {y})", f"torch.where({x} > 0, {y}, {z})", f"{x}.clamp({self.one([-1, -0.5, 0])}, {self.one([1, 0.5, 2])})",
            f"torch.addcmul({x}, {a}, {a}, value={self.one([1, 2, 0.5])})", f"torch.addcdiv({x}, {a}, {a} + 3)", f"torch.lerp({x}, {a}, 0.25)",
            f"torch.clamp({x}, min={y})", f"{x}.clamp(max={y})", f"torch.where({a}.bool(), {x}, {a})", f"torch.lerp({x}, {a}, {a})",
            f"{x}.clip(min={a})", f"torch.clamp({x}, {a}, {a} + 1)",
        ])  # fmt: skip
        return f"{self.new()} = {made}"

    def reduction(self, x: str) -> str | None:
        d, axis = len(self.shape(x)), self.axis(x)
        keep = f", keepdim={self.chance(0.5)}"
        r = self.rng.random()
        if r < 0.45:
            name = self.one(REDUCE)
            several = tuple(self.rng.sample(range(d), min(d, self.one([2, 2, 3]))))
            dims = self.one([str(axis), str(axis), f"({axis},)", str(several), str(tuple(i - d for i in several))])
            if name == "logsumexp":
                made = f"{x}.logsumexp({dims}{keep})"
            elif self.chance(0.3):
                made = f"{x}.{name}({self.one(['', '', 'dtype=torch.float64']) if name != 'amax' and name != 'amin' else ''})"
            elif name == "prod":
                made = f"{x}.prod({axis}{keep})"
            else:
                made = f"{x}.{name}({dims}{keep})"
            if self.chance(0.15):
                made = self.one([
                    f"{x}.var({several}{keep})", f"{x}.std({several}{keep}, correction=0)", f"{x}.norm(2, {several}{keep})",
                    f"torch.count_nonzero({x}, {several})", f"{x}.any({several}{keep})", f"{x}.all({several}{keep})",
                    f"torch.var_mean({x}, {several})[0]", f"torch.linalg.vector_norm({x}, 1, {several}{keep})",
                    f"{x}.flip({several})", f"{x}.roll({tuple(1 for _ in several)}, {several})",
                ])  # fmt: skip
        elif r < 0.75:
            name = self.one(REDUCE_ONE)
            if name in ("cumsum", "cumprod", "logcumsumexp"):
                made = f"{x}.{name}({axis})"
            elif name in ("cummax", "cummin"):
                made = f"torch.{name}({x}, {axis}){self.one(['[0]', '.values', '.indices'])}"
            elif name in ("sort", "median"):
                x = f"{x}.clone()" if 0 in self.world[x].stride() else x  # PyTorch's median reads beyond stretched ones
                made = (
                    f"torch.{name}({x}, {axis})[0]" if self.chance(0.7) else f"{x}.{name}()" + "[0]" * (name == "sort")
                )
                if name == "sort" and not self.distinct(x.removesuffix(".clone()")):
                    made = f"torch.sort({x}, stable=True, dim={axis})[0]"  # equal ones, from 17 on, in any order
            elif name == "argsort":
                made = f"torch.argsort({x}, dim={axis}, stable=True)"
            elif name in ("max", "min"):
                made = (
                    f"{x}.{name}({axis}{keep}){self.one(['[0]', '[1]', '.values'])}"
                    if self.chance(0.6)
                    else f"{x}.{name}()"
                )
            elif name in ("std", "var"):
                unbiased = self.one(["", ", correction=0", ", unbiased=False"])
                made = f"{x}.{name}({axis}{unbiased}{keep})" if self.chance(0.7) else f"{x}.{name}()"
            elif name == "norm":
                made = self.one([f"{x}.norm()", f"{x}.norm({self.one([1, 2, 3, 'np.inf', 0])}, {axis}{keep})", f"torch.linalg.vector_norm({x}, {self.one([1, 2, 3])})",
                                 f"{x}.norm(dim={axis}{keep})"])  # fmt: skip
            else:
                made = f"{x}.{name}({axis}{keep})" if self.chance(0.7) else f"{x}.{name}()"
        else:
            made = self.one([
                f"torch.topk({x}, {self.one([1, 1, 2])}, {axis}).values" if self.distinct(x) else f"torch.softmax({x}, {axis})",
                f"torch.softmax({x}, {axis})", f"{x}.log_softmax({axis})", f"torch.count_nonzero({x}, {axis})", f"torch.count_nonzero({x})",
                f"torch.aminmax({x}).min", f"torch.aminmax({x}, dim={axis}{keep}).max",
                f"torch.std_mean({x}, {axis})[1]", f"torch.var_mean({x}, {axis})[0]", f"torch.kthvalue({x}, 1, {axis}).values" if self.distinct(x) else f"{x}.diff(dim={axis})", f"{x}.diff(dim={axis})",
                f"torch.cumulative_trapezoid({x}, dim={axis})", f"{x}.detach().unique()",
                f"torch.bincount({x}.reshape(-1))", f"torch.trace({x})", f"torch.renorm({x}, 2, {axis}, 1.0)",
                f"torch.quantile({x}, 0.5, {axis})" if self.distinct(x) else f"{x}.diff(dim={axis})", f"torch.softmax({x}, {axis}, dtype=torch.float64)", f"torch.nanmedian({x})",
                f"torch.bucketize({x}, torch.tensor([-1., 0., 1.]))", f"torch.searchsorted(torch.tensor([-1., 0., 1.]), {x}, right=True)",
            ])  # fmt: skip
        return f"{self.new()} = {made}"

    def product(self, x: str) -> str | None:
        dtype, shape = self.dtype(x), self.shape(x)
        fits = [n for n in self.names if self.dtype(n) == dtype and self.shape(n) and shape]
        same = [n for n in fits if (self.shape(n)[-2] if len(self.shape(n)) > 1 else self.shape(n)[0]) == shape[-1]]
        y = self.one(same) if same and self.chance(0.8) else self.any()
        twin = next((n for n in reversed(fits) if self.shape(n) == shape), x)
        options = [f"{x} @ {y}", f"torch.matmul({x}, {y})", f"torch.tensordot({x}, {twin}, {len(shape)})", f"torch.inner({x}, {twin})" if shape and shape[-1] > 1 else f"{x} @ {y}",
                   f"{x}.reshape(-1) @ {twin}.reshape(-1)", f"torch.outer({x}.reshape(-1), {y}.reshape(-1))"]  # fmt: skip
        if len(shape) == 1:
            options += [f"torch.dot({x}, {twin})", f"torch.einsum('i,j->ij', {x}, {y})", f"torch.outer({x}, {twin})"]
        if len(shape) == 2:
            options += [f"torch.mm({x}, {y})", f"torch.mm({x}, {twin}.T)", f"{x} @ {x}.mT", f"torch.einsum('ij,kj->ik', {x}, {twin})",
                        f"torch.mv({x}, {y})", f"torch.nn.functional.linear({x}, {twin})", f"torch.addmm({self.other(x)}, {x}, {twin}.t(), beta=0.5, alpha=2)",
                        f"torch.cdist({x}, {twin})", f"torch.einsum('ij->ji', {x})", f"torch.einsum('ij->', {x})", f"torch.linalg.multi_dot([{x}, {twin}.T, {x}])"]  # fmt: skip
            if shape[0] == shape[1]:
                options += [f"torch.det({x} + 5 * torch.eye({shape[0]}, dtype={x}.dtype))", f"torch.einsum('ii->i', {x})", f"torch.linalg.inv({x} + 5 * torch.eye({shape[0]}, dtype={x}.dtype)).clone(memory_format=torch.contiguous_format)",
                            f"torch.linalg.solve({x} + 5 * torch.eye({shape[0]}, dtype={x}.dtype), {twin}).clone(memory_format=torch.contiguous_format)", f"torch.matrix_power({x}, 2)", f"torch.linalg.slogdet({x} + 5 * torch.eye({shape[0]}, dtype={x}.dtype))[1]"]  # fmt: skip
        if len(shape) == 3:
            options += [f"torch.bmm({x}, {twin}.mT)", f"torch.bmm({x}, {y})", f"torch.einsum('bij,bkj->bik', {x}, {twin})", f"torch.baddbmm({self.other(x)}, {x}, {twin}.mT)",
                        f"torch.einsum('...ij->...ji', {x})"]  # fmt: skip
        return f"{self.new()} = {self.one(options)}"

    def view_of(self, x: str) -> str:
        """An expression for a view of x."""
        rng, shape = self.rng, self.shape(x)
        d, numel = len(shape), math.prod(shape)
        options = [f"{x}[{self.key(shape)}]", f"{x}.view(-1)", f"{x}.detach()", f"{x}.unsqueeze({rng.randint(-d - 1, d)})", f"{x}.squeeze()",
                   f"{x}.flatten()", f"{x}.reshape(-1)", f"{x}.expand(2, {', '.join(['-1'] * d)})" if d else f"{x}.expand(2)",
                   f"{x}.view_as({x})", f"{x}[None]", f"{x}.view({', '.join(map(str, shape + (1,)))})", f"torch.atleast_2d({x})", f"{x}[{self.key(shape)}]",
                   f"{x}.ravel()", f"torch.atleast_1d({x})", f"{x}.broadcast_to({(2, *shape)!r})", f"{x}.real", f"{x}.expand_as({self.any()})",
                   f"{x}.reshape({self.one(SHAPES)!r})", f"{x}.view({self.one(SHAPES)!r})"]  # fmt: skip
        if d:
            axis, i, j = rng.randrange(d), rng.randrange(d), rng.randrange(-d, d)
            n = shape[axis]
            order = list(range(d))
            rng.shuffle(order)
            start, stop = sorted((rng.randrange(d), rng.randrange(d)))
            options += [f"{x}.transpose({i}, {j})", f"{x}.permute({', '.join(map(str, order))})", f"{x}.narrow({axis}, 0, {rng.randint(0, n)})",
                        f"{x}.T" if d == 2 else f"{x}.transpose(0, -1)", f"{x}.squeeze({axis})", f"{x}.squeeze(({axis},))", f"{x}.movedim({i}, {j})",
                        f"{x}.flatten({start}, {stop})", f"{x}.unflatten({axis}, (-1, 1))", f"{x}.swapaxes({i}, {j})", f"{x}.view({', '.join(map(str, (1,) + shape))})",
                        f"torch.atleast_3d({x})"]  # fmt: skip
            if n:
                k = rng.randint(1, n)
                options += [f"{x}.select({axis}, {rng.randrange(n)})", f"{x}.unbind({axis})[{rng.randrange(n)}]", f"{x}.split({k}, {axis})[0]",
                            f"{x}.chunk(2, {axis})[0]", f"{x}.unfold({axis}, {k}, {k})", f"{x}.tensor_split(2, {axis})[1]", f"{x}.split([{k}, {n - k}], {axis})[{rng.randrange(2)}]",
                            f"{x}.chunk(2, {axis})[-1]", f"{x}.narrow({axis}, {k - 1}, 1)"]  # fmt: skip
            if d >= 2:
                options += [
                    f"{x}.diagonal({self.one([0, 0, 1, -1])})",
                    f"{x}.mT",
                    f"torch.hsplit({x}, {shape[1]})[0]" if shape[1] else f"{x}.mT",
                ]
            if (
                numel >= 3 and 0 not in self.world[x].stride()
            ):  # (a number of PyTorch's may lie in more memory than it needs)
                options += [f"{x}.as_strided((2,), (1,))", f"torch.as_strided({x}, (1, 3), (3, 1))"]
        return str(self.one(options))

    def view(self, x: str) -> str | None:
        return f"{self.new()} = {self.view_of(x)}"

    def rearranged(self, x: str) -> str | None:
        d, axis, shape = len(self.shape(x)), self.axis(x), self.shape(x)
        options = [f"{x}.flip({axis})", f"{x}.roll({self.one([1, -1, 2])}, {axis})", f"{x}.roll(1)", f"{x}.repeat(2, {', '.join(['1'] * d)})" if d else f"{x}.repeat(2)",
                   f"{x}.repeat_interleave(2, {axis})", f"torch.tile({x}, (2,))", f"torch.tril({x})", f"torch.triu({x}, 1)", f"torch.rot90({x})",
                   f"torch.diag({x})", f"torch.diag_embed({x})", f"{x}.repeat_interleave(2)", f"torch.fliplr({x})", f"torch.flipud({x})",
                   f"torch.diagflat({x})", f"torch.nn.functional.pad({x}, (1, 1))", f"torch.nn.functional.pad({x}, (0, 1), value=2)", f"{x}.expand(3, {', '.join(['-1'] * d)}).contiguous()" if d else f"{x}.clone()",
                   f"torch.meshgrid({x}.reshape(-1), torch.arange(2), indexing='ij')[0]", f"torch.block_diag({x}, {x})", f"{x}.T.contiguous()" if d == 2 else f"{x}.clone()",
                   f"torch.combinations({x}.reshape(-1)[:3])", f"torch.cartesian_prod({x}.reshape(-1)[:3], {x}.reshape(-1)[:2])", f"{x}.transpose(0, -1).clone()" if d else f"{x}.clone()",
                   f"torch.broadcast_tensors({x}, {self.other(x)})[0]"]  # fmt: skip
        if d > 1:
            options += [f"torch.rot90({x}, {self.one([1, 2, 3])}, (0, 1))", f"torch.nn.functional.pad({x}, (1, 0, 0, 1))",
                        f"torch.nn.functional.pad({x}, (-1, 1))" if shape[-1] else f"{x}.clone()"]  # fmt: skip
        return f"{self.new()} = {self.one(options)}"

    def joined(self, x: str) -> str | None:
        shape, axis = self.shape(x), self.axis(x)
        twins = [n for n in self.names if self.shape(n) == shape]
        y = self.one(twins) if self.chance(0.9) else self.any()
        near = [n for n in self.names if shape and len(self.shape(n)) == len(shape) and self.shape(n)[1:] == shape[1:]]
        z = self.one(near) if near else y
        made = self.one([f"torch.cat([{x}, {y}], {axis})", f"torch.stack([{x}, {y}], {axis})", f"torch.cat([{x}, {z}])", f"torch.cat(({z}, {x}, {y}), 0)", f"torch.hstack([{x}, {y}])",
                         f"torch.vstack([{x}, {y}])", f"torch.dstack([{x}, {y}])", f"torch.column_stack([{x}, {y}])", f"torch.stack([{x}, {y}, {x}])", f"torch.cat([{x}, torch.zeros(0)])",
                         f"sum({x}.unbind())" if shape and shape[0] else f"torch.cat([{x}, {z}])", f"torch.cat(torch.split({x}, 1, {axis}), {axis})" if shape and 0 not in shape else f"torch.stack([{x}])",
                         f"torch.stack([t * 2 for t in {x}])" if shape and shape[0] else f"torch.stack([{x}])"])  # fmt: skip
        return f"{self.new()} = {made}"

    def indices(self, shape: tuple[int, ...], n: int) -> str:
        """An int64 tensor of a shape with values below n."""
        values = [self.rng.randrange(n) for _ in range(math.prod(shape))] if n else []
        return f"torch.tensor({values}, dtype=torch.int64)" + (f".reshape({shape!r})" if len(shape) != 1 else "")

    def indexed(self, x: str) -> str | None:
        shape = self.shape(x)
        if self.chance(0.35):
            return f"{self.new()} = {x}[{self.key(shape)}]"
        axis = self.rng.randrange(len(shape)) if shape else 0
        n = shape[axis] if shape else 1
        count = self.rng.randint(1, 3) if n else 0
        part = tuple(
            self.rng.randint(1, m) if i != axis and m else m if i != axis else count for i, m in enumerate(shape)
        )
        made = self.one([
            f"torch.gather({x}, {axis}, {self.indices(part, n)})", f"{x}.index_select({axis}, {self.indices((count,), n)})",
            f"torch.take({x}, {self.indices((count,), math.prod(shape))})" if math.prod(shape) else f"{x}.clone()",
            f"torch.masked_select({x}, {x} > 0)", f"{x}[{x} > 0]", f"torch.nonzero({x})", f"torch.where({x})[0].clone()" if shape else f"{x}.nonzero()",
            f"torch.take_along_dim({x}, {self.indices(part, n)}, {axis})", f"{x}[{self.indices((2, count), shape[0])}]" if shape and shape[0] else f"{x}[None]",
            f"torch.argwhere({x} > 0)", f"{x}.index_select({axis}, {self.indices((count,), n + 1)})", f"{x}[torch.zeros({shape!r}, dtype=torch.bool)]",
        ])  # fmt: skip
        return f"{self.new()} = {made}"

    def scatter_call(self, x: str, end: str) -> str:
        """A call of the scatter family; `end` is "_" for the in-place forms."""
        shape = self.shape(x)
        axis = self.rng.randrange(len(shape)) if shape else 0
        n = shape[axis] if shape else 1
        unique = sorted(self.rng.sample(range(n), self.rng.randint(1, n))) if n else []
        k = len(unique)
        part = tuple(k if i == axis else m for i, m in enumerate(shape))
        index = f"torch.tensor({unique}, dtype=torch.int64)"
        source = self.literal(part, self.dtype(x))
        named = [
            m for m in self.names if self.shape(m) == part and self.dtype(m) == self.dtype(x) and not self.shared(x, m)
        ]
        if named and self.chance(0.5):
            source = self.one(named)
        where = (
            self.indices(part, n)
            if self.chance(0.5)
            else f"{index}.reshape({[k if i == axis else 1 for i in range(len(shape))]!r}).expand({part!r})"
        )
        reduce = self.one(["sum", "prod", "mean", "amax", "amin"])
        include = self.one(["", ", include_self=False"])
        mask = f"{x} > 0" if self.chance(0.7) else f"{self.broadcastable(shape, into=True) or x}.bool()"
        return str(self.one([
            f"{x}.scatter{end}({axis}, {index}.reshape({[k if i == axis else 1 for i in range(len(shape))]!r}).expand({part!r}), {source})",
            f"{x}.scatter{end}({axis}, {where}, {self.number(x)})", f"{x}.scatter_add{end}({axis}, {where}, {source})",
            f"{x}.index_add{end}({axis}, {index}, {source}{self.one(['', ', alpha=2'])})", f"{x}.index_copy{end}({axis}, {index}, {source})",
            f"{x}.index_fill{end}({axis}, {index}, {self.number(x)})", f"{x}.masked_fill{end}({mask}, {self.number(x)})", f"{x}.masked_fill{end}({mask}, torch.tensor({self.number(x)}))",
            f"{x}.masked_scatter{end}({mask}, {self.literal((64,), self.dtype(x)) if math.prod(shape) <= 64 else f'{x}.clone()'})",
            f"{x}.scatter_reduce{end}({axis}, {where}, {source}, '{reduce}'{include})", f"{x}.index_reduce{end}({axis}, {index}, {source}, '{reduce if reduce != 'sum' else 'amax'}'{include})",
            f"{x}.index_put{end}(({self.indices((2,), shape[0])},), {self.literal((), self.dtype(x))}, accumulate=True)" if shape and shape[0] else f"{x}.masked_fill{end}({mask}, 1)",
            f"{x}.index_put{end}(({', '.join(self.indices((2, 2), n) for n in shape)},), {self.literal((2,), self.dtype(x))}, accumulate={self.chance(0.7)})" if shape and 0 not in shape else f"{x}.masked_fill{end}({mask}, 2)",
        ]))  # fmt: skip

    def scattered(self, x: str) -> str | None:
        shape = self.shape(x)
        if shape and shape[0] and self.chance(0.2):
            i = self.rng.randrange(shape[0])
            same = self.broadcastable(shape[1:], into=True)
            part = f"{same}.expand({shape[1:]!r})" if same else f"{x}[{i}]"
            return f"{self.new()} = " + str(self.one([f"torch.select_scatter({x}, {part}, 0, {i})", f"torch.slice_scatter({x}, {part}[None], 0, {i}, {i + 1})",
                                                      f"torch.diagonal_scatter({x}, {x}.diagonal() * 2)" if len(shape) > 1 else f"torch.select_scatter({x}, {part}, 0, {i})"]))  # fmt: skip
        return f"{self.new()} = {self.scatter_call(x, '')}"

    def functional(self, x: str) -> str | None:
        shape, axis = self.shape(x), self.axis(x)
        F = "torch.nn.functional"
        if self.dtype(x) not in FLOATS:
            return None
        twin = self.one([n for n in self.names if self.shape(n) == shape and self.dtype(n) == self.dtype(x)])
        last = shape[-1] if shape else 1
        reduce = self.one(["", ", reduction='sum'", ", reduction='none'"])
        options = [f"{F}.{self.one(ACTIVATIONS)}({x})" for _ in range(6)]
        options += [
            f"{F}.mse_loss({x}, {twin}{reduce})", f"{F}.l1_loss({x}, {twin}{reduce})", f"{F}.smooth_l1_loss({x}, {twin}{reduce})", f"{F}.huber_loss({x}, {twin}{reduce})",
            f"{F}.binary_cross_entropy_with_logits({x}, {twin}.sigmoid(){reduce})", f"{F}.layer_norm({x}, ({last},))", f"{F}.normalize({x}, dim={axis})",
            f"{F}.cosine_similarity({x}, {twin}, dim={axis})", f"{F}.softmin({x}, dim={axis})", f"{F}.glu({x}, {axis})", f"{F}.kl_div({x}, {twin}.sigmoid(), reduction='sum')",
            f"{F}.softmax({x}, dim={axis})", f"{F}.log_softmax({x}, {axis})", f"{F}.leaky_relu({x}, 0.2)", f"{F}.gelu({x}, approximate='tanh')", f"{F}.threshold({x}, 0.1, 2.0)",
            f"{F}.soft_margin_loss({x}, {twin}.sign())", f"{F}.rms_norm({x}, ({last},))" if shape else f"{F}.relu({x})", f"{F}.hardtanh({x}, -0.5, 0.5)", f"{F}.softplus({x}, 2.0, 1.0)",
            f"{F}.triplet_margin_loss({x}, {twin}, {x}.detach() + 1{reduce})", f"{F}.margin_ranking_loss({x}, {twin}, {twin}.sign(){reduce})", f"{F}.gaussian_nll_loss({x}, {twin}, {twin}.exp())",
            f"{F}.hinge_embedding_loss({x}, {twin}.sign(){reduce})", f"{F}.binary_cross_entropy({x}.sigmoid(), {twin}.sigmoid(){reduce})", f"{F}.prelu({x}, torch.tensor([0.2], dtype={x}.dtype))", f"{F}.rrelu({x})", f"{F}.hardsigmoid({x})",
            f"{F}.cosine_embedding_loss({x}, {twin}, torch.tensor(1))" if len(shape) < 3 else f"{F}.celu({x}, 0.5)", f"{F}.logsigmoid({x})", f"{F}.softsign({x})", f"torch.special.expit({x})", f"torch.special.log1p({x})", f"torch.special.xlog1py({x}, {twin})",
            f"{F}.elu({x}, 0.5)", f"torch.special.entr({x})", f"{F}.pairwise_distance({x}, {twin})", f"{F}.poisson_nll_loss({x}, {twin}.exp())", f"{F}.layer_norm({x}, {shape!r})" if shape else f"{F}.relu({x})",
        ]  # fmt: skip
        if len(shape) == 2 and shape[0]:
            target = self.indices((shape[0],), max(last, 1))
            options += [f"{F}.cross_entropy({x}, {target}{reduce})", f"{F}.cross_entropy({x}, {target}, label_smoothing=0.1)", f"{F}.nll_loss({x}.log_softmax(1), {target}{reduce})",
                        f"{F}.embedding({self.indices((2, 2), shape[0])}, {x})", f"{F}.batch_norm({x}, None, None, training=True)", f"{F}.cross_entropy({x}, {twin}.softmax(1))",
                        f"{F}.multi_margin_loss({x}, {target})", f"{F}.one_hot({target}, {last})", f"{F}.max_pool1d({x}, 2)", f"{F}.linear({x}, {self.literal((2, last), self.dtype(x))}, {self.literal((2,), self.dtype(x))})"]  # fmt: skip
        if len(shape) == 2 and 0 not in shape:
            hidden, kind = self.literal((2, last), self.dtype(x)), self.dtype(x)
            options += [f"{F}.instance_norm({x}[None])", f"{F}.linear({F}.relu({F}.linear({x}, {hidden})), {self.literal((3, 2), kind)}, {self.literal((3,), kind)})", f"{F}.bilinear({x}, {x}, {self.literal((2, last, last), kind)})",
                        f"{F}.multilabel_margin_loss({x}, {F}.one_hot({target}, {last}))", f"{F}.multilabel_soft_margin_loss({x}, {twin}.sigmoid().detach(){reduce})", f"{F}.pdist({x})", f"{F}.max_pool2d({x}[None], 1)",
                        f"{F}.embedding_bag({self.indices((2, 2), shape[0])}, {x}, mode={self.one(['sum', 'mean', 'max'])!r})", f"{F}.avg_pool2d({x}[None], 1)", f"{F}.conv2d({x}[None, None], {self.literal((2, 1, 1, 1), kind)})",
                        f"{F}.pad({x}[None], (1, 0), mode='reflect')" if last > 1 else f"{F}.relu({x})", f"{F}.adaptive_max_pool1d({x}, 1)", f"{F}.batch_norm({x}, {self.literal((last,), kind)}, {self.literal((last,), kind)}.abs() + 1)",
                        f"{F}.layer_norm({x}, ({last},), {self.literal((last,), kind)}, {self.literal((last,), kind)})"]  # fmt: skip
        if len(shape) == 3 and 0 not in shape:
            options += [f"{F}.scaled_dot_product_attention({x}, {twin}, {x}, is_causal=True)", f"{F}.max_pool2d({x}, 1)", f"{F}.pixel_unshuffle({x}, 1)", f"{F}.adaptive_max_pool1d({x}, 2)",
                        f"{F}.interpolate({x}, size=3, mode='linear')", f"{F}.instance_norm({x})", f"{F}.conv2d({x}, {self.literal((2, shape[0], 1, 1), self.dtype(x))})", f"{F}.lp_pool1d({x}, 2, 1)", f"{F}.local_response_norm({x}, 2)",
                        f"{F}.fold({x}.transpose(1, 2), (1, {shape[1]}), (1, 1))", f"{F}.conv1d({x}, {self.literal((shape[1], 1, 1), self.dtype(x))}, {self.literal((shape[1],), self.dtype(x))}, groups={shape[1]})"]  # fmt: skip
            w = self.literal((2, shape[1], 1), self.dtype(x))
            options += [f"{F}.conv1d({x}, {w})", f"{F}.avg_pool1d({x}, 2)", f"{F}.max_pool1d({x}, 2, 1)", f"{F}.conv1d({x}, {self.literal((1, shape[1], 2), self.dtype(x))}, padding=1)", f"{F}.adaptive_avg_pool1d({x}, 1)",
                        f"{F}.interpolate({x}, scale_factor=2)", f"{F}.scaled_dot_product_attention({x}, {twin}, {x})", f"{F}.pad({x}, (1, 1), mode='replicate')", f"{F}.conv_transpose1d({x}, {self.literal((shape[1], 2, 2), self.dtype(x))})",
                        f"{F}.unfold({x}[:, None], (1, 1))", f"{F}.batch_norm({x}, None, None, training=True)", f"{F}.group_norm({x}, 1)"]  # fmt: skip
        return f"{self.new()} = {self.one(options)}"

    def cast(self, x: str) -> str | None:
        kind = self.one(DTYPES)
        made = self.one([f"{x}.to(torch.{kind})", f"{x}.{self.one(['float', 'double', 'long', 'bool', 'int', 'half'])}()", f"{x}.type_as({self.any()})", f"{x}.to({self.any()})", f"{x}.type(torch.{kind})"])  # fmt: skip
        return f"{self.new()} = {made}"

    def graph(self, x: str) -> str | None:
        tensor = self.world[x]
        if tensor._is_view() or not tensor.is_leaf or self.chance(0.5):
            return self.one([f"{self.new()} = {x}.detach()", f"{self.new()} = {x}.detach().clone().requires_grad_()", f"{self.new()} = {x}.clone()", f"{x}.retain_grad() if {x}.requires_grad else None",
                             f"{self.new()} = {x}.detach().requires_grad_() if {x}.is_floating_point() else {x}"])  # fmt: skip
        if any(self.shared(n, x) for n in self.names if n != x):
            return None
        return f"{x}.requires_grad_()" if self.chance(0.6) else f"{x}.detach_()"

    def question(self, x: str) -> str | None:
        """What is no tensor: a number, a bool, a list."""
        return f"answer = {self.one([f'{x}.sum().item()', f'{x}.tolist()', f'len({x})', f'bool({x})', f'int({x})', f'float({x})', f'{x}.item()', f'{x}.size()', f'{x}.is_contiguous()', f'{x}.numel()', f'{x}.requires_grad', f'torch.equal({x}, {x})', f'torch.allclose({x}, {self.any()})', f'[t.shape for t in {x}.split(1)]', f'{x}.dim()', f'list({x}.shape)', f'{x} in [{x}]', f'{x}.is_leaf', f'str({x}.dtype)', f'torch.result_type({x}, {self.other(x)})', f'torch.can_cast({x}.dtype, torch.float32)', f'{x}.element_size()'])}"  # fmt: skip

    def second(self, x: str) -> str | None:
        """A gradient inside the program, to be differentiated again."""
        if not self.world[x].requires_grad:
            return None
        leaves = [
            n
            for n in self.names
            if self.world[n].requires_grad and self.world[n].is_leaf and not self.world[n]._is_view()
        ]
        if not leaves:
            return None
        return f"{self.new()} = torch.autograd.grad(({x} * {x}).sum(), {self.one(leaves)}, create_graph=True, allow_unused=True)[0]"

    def write_pointwise(self, x: str) -> str | None:
        shape = self.shape(x)
        if 0 in self.world[x].stride() and self.chance(0.7):
            return f"{x}.add_(1)"
        r = self.rng.random()
        if r < 0.3:
            return f"{x}.{self.one(UNARY_TENSOR_ONLY_IN_PLACE)}_()"
        if r < 0.55:
            return f"{x}.{self.one(BINARY_IN_PLACE)}({self.source(x, shape)})"
        if r < 0.75:
            return f"{x} {self.one(['+=', '-=', '*=', '/=', '**=', '//=', '%=', '&=', '|='])} {self.source(x, shape)}"
        a = f"{x}.detach().clone()"
        return str(self.one([f"{x}.clamp_({self.one([-1, 0])}, {self.one([1, 2])})", f"{x}.lerp_({a}, 0.5)", f"{x}.addcmul_({a}, {a}, value=0.5)", f"{x}.addcdiv_({a}, {a} + 3)", f"{x}.add_({self.source(x, shape)}, alpha=2)",
                             f"{x}.clamp_(min={self.source(x, shape)})", f"torch.nn.functional.relu_({x})", f"torch.nn.functional.leaky_relu_({x}, 0.1)", f"{x}.cumsum_(0)", f"torch.nn.functional.elu_({x})",
                             f"{x}.addmm_({a}, {a}.T)", f"torch.nn.functional.hardtanh_({x})", f"{x}.div_(2, rounding_mode='floor')"]))  # fmt: skip

    def write_index(self, x: str) -> str | None:
        if self.chance(0.3):
            return self.scatter_call(x, "_")
        shape = self.shape(x)
        key = self.key(shape)
        try:
            part = tuple(eval(f"{x}[{key}]", self.world).shape)
        except Exception:
            part = ()
        r = self.rng.random()
        if r < 0.6:
            return f"{x}[{key}] = {self.source(x, part)}"
        if r < 0.85:
            return f"{x}[{key}] {self.one(['+=', '*=', '-='])} {self.source(x, part)}"
        return f"{x}[{x} {self.one(['>', '<', '=='])} {self.one([0, 1])}] = {self.number(x)}"

    def write_whole(self, x: str) -> str | None:
        if 0 in self.world[x].stride():
            return f"{x}.zero_()"
        return str(self.one([f"{x}.zero_()", f"{x}.fill_({self.number(x)})", f"{x}.copy_({self.source(x, self.shape(x))})", f"{x}[...] = {self.source(x, self.shape(x))}", f"{self.view_of(x)}.zero_()",
                             f"{self.view_of(x)}.mul_({self.number(x)})", f"{self.view_of(x)}.copy_({self.number(x)})", f"{x}.fill_(torch.tensor({self.number(x)}))", f"{x}.fill_diagonal_(1)"]))  # fmt: skip

    def relaid(self, x: str) -> str | None:
        if self.world[x].is_leaf and self.world[x].requires_grad:
            return None
        return str(self.one([f"{x}.unsqueeze_(0)", f"{x}.squeeze_()", f"{x}.transpose_(0, -1)", f"{x}.t_()", f"{x}.squeeze_(0)", f"{x}.unsqueeze_(-1)"]))  # fmt: skip

    def noise(self, x: str) -> str | None:
        F = "torch.nn.functional"
        return f"torch.manual_seed({self.rng.randrange(9)}); {self.new()} = " + str(self.one([f"torch.rand_like({x})", f"torch.randn({self.shape(x)!r})", "torch.randperm(4)", f"torch.randint(0, 5, {self.shape(x)!r})", f"{F}.dropout({x}, 0.5)", f"torch.bernoulli(torch.full({self.shape(x)!r}, 0.5))", f"torch.randn_like({x})", f"torch.empty({self.shape(x)!r}).uniform_(-1, 1)", f"{x}.detach().clone().normal_()"]))  # fmt: skip

    def without_grad(self, x: str) -> str | None:
        inner = self.one(
            [
                self.view,
                self.unary,
                self.binary,
                self.write_pointwise,
                self.write_index,
                self.write_whole,
                self.reduction,
            ]
        )(x)
        return f"with torch.{self.one(['no_grad()', 'no_grad()', 'enable_grad()', 'set_grad_enabled(False)'])}: {inner}"

    def out(self, x: str) -> str | None:
        y = self.any()
        if x == y or any(self.shared(n, y) for n in {x, *self.names} - {y}):
            return None
        name = self.one(["exp", "neg", "sigmoid", "sqrt", "abs"])
        return str(self.one([f"torch.{name}({x}, out={y})", f"torch.add({x}, 1, out={y})", f"torch.mul({x}, {x}, out={y})", f"torch.sum({x}, 0, out={y})", f"torch.cat([{x}, {x}], out={y})", f"torch.matmul({x}, {x}, out={y})"]))  # fmt: skip
