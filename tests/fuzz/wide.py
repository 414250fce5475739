"""More that random programs are made of: complex numbers, linear algebra, layers of every shape, func, hooks, training.

A line may call several functions: what it assigns is a tensor.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

from tests.fuzz.grammar import FLOATS, Grammar

COMPLEX = ("complex64", "complex128")
F = "torch.nn.functional"
COMPLEX_UNARY = """abs angle real imag neg exp log sqrt square sin cos tan sinh cosh tanh reciprocal sgn rsqrt conj_physical
resolve_conj isfinite isnan isreal log2 log10 log1p expm1 asin acos atan asinh acosh atanh sigmoid""".split()
SMOOTH = ["sin", "cos", "tanh", "exp", "sigmoid", "square"]


class WideGrammar(Grammar):
    """The grammar of `--wide`: all of the narrow one, and more."""

    def __init__(
        self, rng: random.Random, world: dict[str, Any], shared: Callable[[str, str], bool], views: bool
    ) -> None:
        super().__init__(rng, world, shared, views)
        wide: list[tuple[float, Callable[[str], str | None]]] = [
            (2.0, self.complex_new), (6.0, self.complex_part), (2.0, self.spectral), (4.0, self.decomposed),
            (5.0, self.convolved), (3.0, self.pooled), (2.5, self.normalized), (3.5, self.lost), (2.5, self.resampled),
            (3.0, self.ordered), (2.0, self.padded), (2.5, self.parts_written), (2.0, self.into_out),
            (2.0, self.transformed), (2.5, self.differentiated_twice), (1.0, self.hooked), (2.0, self.trained),
            (1.0, self.brief),
        ]  # fmt: skip
        self.weights += [w for w, _ in wide]
        self.parts += [f for _, f in wide]

    # help -------------------------------------------------------------------------------------------------------------

    def any(self) -> str:
        """Of the narrow grammar's operations most refuse complex numbers, each in its own words."""
        while True:
            name = super().any()
            if self.dtype(name) not in COMPLEX:
                return name

    def real(self) -> str | None:
        return self.pick("float32", "float64")

    def fresh(self, shape: tuple[int, ...], dtype: str | None = None, grad: float = 0.5) -> str:
        """A new tensor of floats, written out."""
        dtype = dtype or self.one(["float32", "float64", "float64"])
        values = [round(self.rng.uniform(-2, 2), 3) for _ in range(math.prod(shape))]
        made = f"torch.tensor({values}, dtype=torch.{dtype})" + (f".reshape({shape!r})" if len(shape) != 1 else "")
        return made + (".requires_grad_()" if self.chance(grad) and len(shape) == 1 else "")

    def at(self, shape: tuple[int, ...]) -> tuple[str, str]:
        """A float tensor of this shape and its dtype: one of the program's, or a new one."""
        names = [n for n in self.names if self.shape(n) == shape and self.dtype(n) in ("float32", "float64")]
        if names and self.chance(0.5):
            name = self.one(names)
            return name, self.dtype(name)
        sized = [n for n in self.names if math.prod(self.shape(n)) == math.prod(shape) and self.dtype(n) in ("float32", "float64")]  # fmt: skip
        if sized and self.chance(0.7):
            name = self.one(sized)
            return f"{name}.reshape({shape!r})", self.dtype(name)
        dtype = self.one(["float32", "float64"])
        big = [n for n in self.names if self.dtype(n) == dtype and self.shape(n)]
        base = self.fresh(shape, dtype)
        if big and self.chance(0.6):
            return f"({base} + {self.one(big)}.sum())", dtype
        return base, dtype

    # complex ----------------------------------------------------------------------------------------------------------

    def complex_new(self, x: str) -> str | None:
        x = self.real() or x
        if self.dtype(x) not in ("float32", "float64"):
            return None
        shape = self.shape(x)
        twin = self.one([n for n in self.names if self.shape(n) == shape and self.dtype(n) == self.dtype(x)])
        values = [complex(round(self.rng.uniform(-2, 2), 2), round(self.rng.uniform(-2, 2), 2)) for _ in range(4)]
        grad = self.one(["", ".requires_grad_()"])
        made = [f"torch.complex({x}, {twin})", f"torch.polar({x}.abs(), {twin})", f"{x} + 1j * {twin}", f"{x} * (1 + 2j)",
                f"torch.tensor({values}, dtype=torch.{self.one(COMPLEX)}){grad}", f"{x}.to(torch.{self.one(COMPLEX)})"]  # fmt: skip
        if shape and shape[-1] == 2:
            made.append(f"torch.view_as_complex({x}.clone(memory_format=torch.contiguous_format))")
        return f"{self.new()} = {self.one(made)}"

    def complex_part(self, x: str) -> str | None:
        z = self.pick(*COMPLEX)
        if z is None:
            return self.complex_new(x)
        shape = self.shape(z)
        y = self.one(
            [n for n in self.names if self.shape(n) == shape and self.dtype(n) in (*COMPLEX, *FLOATS[:2])] + [z]
        )
        number = self.one(["2", "(1-2j)", "0.5", "1j"])
        other = self.one([y, y, number])
        r = self.rng.random()
        if r < 0.12:
            return self.one([
                f"{z}.mul_({other})", f"{z}.add_({other})", f"{z} *= {number}", f"{z}.real.mul_(2)", f"{z}.imag.zero_()", f"{z}.mul_(1j)",
                f"torch.view_as_real({z})[..., 0] = 1.5", f"{z}.exp_()" if self.chance(0.3) else f"{z}.neg_()", f"{z}.copy_({y})", f"{z}[...] = {number}", f"{z}.sub_({y}, alpha=2)", f"{z}.conj_physical_()",
            ])  # fmt: skip
        made = [
            f"{z}.{self.one(COMPLEX_UNARY)}()" if self.chance(0.5) else f"torch.{self.one(COMPLEX_UNARY)}({z})"
            for _ in range(6)
        ]
        made += [f"{z} + {other}", f"{z} - {other}", f"{z} * {other}", f"{z} / {other}", f"{other} * {z}", f"{other} - {z}", f"{number} / {z}",
                 f"{z} ** 2", f"torch.pow({z}, {self.one(['0.5', '3', '1j'])})", f"torch.view_as_real({z})", f"{z}.conj().clone()", f"{z}.mH.clone()" if len(shape) > 1 else f"{z}.conj().resolve_conj()", self.view_of(z), self.view_of(z),
                 f"{z}.sum()", f"{z}.mean()", f"{z}.prod()" if math.prod(shape) < 10 else f"{z}.sum()", f"{z}.reshape(-1).cumsum(0)", f"{z}.reshape(-1).cumprod(0)", f"{z}.abs().sum()", f"{z}.norm()", f"torch.linalg.vector_norm({z})",
                 f"{z} == {other}", f"{z} != {other}", f"torch.where({z}.real > 0, {z}, {other})", f"torch.cat([{z}.reshape(-1), {y}.reshape(-1)])", f"torch.stack([{z}, {y}])", f"{z}.flip({tuple(range(len(shape)))!r})", f"{z}.to(torch.{self.one(COMPLEX)})",
                 f"{z}.reshape(-1).dot({z}.reshape(-1))", f"torch.vdot({z}.reshape(-1), {z}.reshape(-1))", f"torch.outer({z}.reshape(-1), {z}.reshape(-1))", f"({z} * {z}.conj()).real", f"{z}.{self.one(['T' if len(shape) == 2 else 'mT' if len(shape) > 1 else 'real', 'real', 'imag'])}",
                 f"{z}.detach()", f"{z}.clone()", f"torch.addcmul({z}, {z}, {y})", f"torch.lerp({z}, {z}.conj(), 0.25)", f"{z}.reshape(-1).roll(1)", f"{z}.var()", f"{z}.masked_fill({z}.real > 0, {number})", f"{z}.is_complex()", f"{z}.tolist()", f"torch.allclose({z}, {y})", f"torch.isclose({z}, {z})"]  # fmt: skip
        if len(shape) == 2:
            made += [f"{z} @ {z}.mT", f"{z} @ {z}.mH", f"torch.einsum('ij,kj->ik', {z}, {z})", f"{z}.sum({self.rng.randrange(2)})", f"{z}.cumsum({self.rng.randrange(2)})", f"{z}[{self.key(shape)}]", f"{z}.diagonal()", f"{z}.sum(-1, keepdim=True)"]  # fmt: skip
        made_one = self.one(made)
        return f"{self.new()} = {made_one}"

    def spectral(self, x: str) -> str | None:
        name = self.pick("float32", "float64", *COMPLEX, least=1)
        if name is None or 0 in self.shape(name) or 0 in self.world[name].stride():
            return None
        shape, norm = self.shape(name), self.one(["", ", norm='ortho'", ", norm='forward'"])
        axis, d = self.rng.randrange(-len(shape), len(shape)), len(shape)
        n = self.one(["", f"n={self.rng.randint(1, 6)}, "])
        kind = self.dtype(name) in COMPLEX
        names = (
            ["fft", "ifft", "irfft", "hfft"] if kind else ["fft", "rfft"]
        )  # others of real numbers are conjugated later
        made = [f"torch.fft.{self.one(names)}({name}, {n}dim={axis}{norm})" for _ in range(4)]
        made += [f"torch.fft.fftn({name}{norm})", f"torch.fft.fftshift({name})", f"torch.fft.ifftshift({name}, {axis})", f"torch.fft.ifftn({name}, dim=({axis},){norm})" if kind else f"torch.fft.rfftn({name}{norm})"]  # fmt: skip
        if d > 1:
            made += [f"torch.fft.fft2({name}{norm})", f"torch.fft.rfft2({name}{norm})" if not kind else f"torch.fft.irfft2({name}{norm})"]  # fmt: skip
        return f"{self.new()} = {self.one(made)}"

    # linear algebra ---------------------------------------------------------------------------------------------------

    def decomposed(self, x: str) -> str | None:
        """Of well-conditioned matrices."""
        n, batch = self.one([1, 2, 3]), self.one([(), (), (2,)])
        a, dtype = self.at((*batch, n, n))
        m = f"({a}.tanh() + 4 * torch.eye({n}, dtype=torch.{dtype}))"
        s = f"({m} @ {m}.mT)"
        b = self.fresh((*batch, n, self.one([1, 2])), dtype)
        v = self.fresh((n,), dtype)
        t, _ = f"{self.fresh((3, 2), dtype)}", 0
        made = [f"torch.linalg.solve({m}, {b})", f"torch.linalg.inv({m})", f"torch.linalg.det({m})", f"torch.linalg.slogdet({m})[1]", f"torch.logdet({s})", f"torch.linalg.cholesky({s})",
                f"torch.cholesky_solve({b}, torch.linalg.cholesky({s}))", f"torch.linalg.solve_triangular({m}.tril(), {b}, upper=False)", f"torch.linalg.svdvals({m})", f"torch.linalg.eigvalsh({s})", f"torch.linalg.matrix_power({m}, {self.one([0, 1, 2, 3, -1])})",
                f"torch.linalg.pinv({m})", f"torch.linalg.cond({m})", f"torch.linalg.matrix_norm({m}, {self.one([1, -1, 2, -2, 'np.inf', repr('fro'), repr('nuc')])})", f"torch.linalg.multi_dot([{m}, {m}])" if not batch else f"torch.linalg.inv({m})", f"torch.matrix_exp({a}.tanh())",
                f"torch.linalg.qr({m})[0].abs()", f"torch.linalg.qr({m})[1].abs()", f"torch.linalg.lu_factor({m})[0]", f"torch.linalg.lstsq({m}, {b})[0]", f"torch.linalg.matrix_rank({m})", f"torch.linalg.vecdot({m}, {m})", f"torch.kron({m}, {m})" if not batch else f"torch.linalg.det({m})",
                f"torch.linalg.tensorinv({m}.reshape({n}, 1, {n}, 1), 2)" if not batch else f"torch.trace({m}[0])", f"torch.linalg.eigh({s})[0]", f"torch.linalg.vander({v})", f"torch.cov({t})", f"torch.corrcoef({t}.T)", f"torch.cdist({t}, {t}, p={self.one([1.0, 2.0, 3.0])})" if self.chance(0.5) else f"torch.linalg.cross({self.fresh((2, 3), dtype)}, {self.fresh((1, 3), dtype)})",
                f"torch.linalg.svd({m}, full_matrices=False)[1]", f"torch.addmm({b}, {m}, {b})" if not batch else f"torch.baddbmm({b}, {m}, {b})", f"torch.linalg.householder_product({m}, {v})" if not batch else f"torch.tril({m})", f"torch.linalg.inv_ex({m})[0]", f"torch.linalg.cholesky_ex({s})[0]", f"torch.cholesky_inverse(torch.linalg.cholesky({s}))"]  # fmt: skip
        return f"{self.new()} = {self.one(made)}"

    # layers -----------------------------------------------------------------------------------------------------------

    def convolved(self, x: str) -> str | None:
        d, groups = self.one([1, 1, 2, 2, 3]), self.one([1, 1, 2])
        channels, out = groups * self.one([1, 2]), groups * self.one([1, 2])
        kernel = tuple(self.rng.randint(1, 3 if d < 3 else 2) for _ in range(d))
        dilation, stride = self.one([1, 1, 2]), self.one([1, 1, 2, 3])
        padding = self.rng.randint(0, 2)
        size = tuple(self.rng.randint(2, 5 if d < 3 else 3) for _ in range(d))
        batch = self.one([(), (1,), (2,)])
        a, dtype = self.at((*batch, channels, *size))
        bias = self.one(["None", self.fresh((out,), dtype)])
        if self.chance(0.35):
            w = self.fresh((channels, out // groups, *kernel), dtype)
            extra = self.rng.randint(0, max(stride, dilation) - 1)
            if min((n - 1) * stride - 2 * padding + dilation * (k - 1) + extra + 1 for n, k in zip(size, kernel)) < 1:
                padding = 0  # whether PyTorch refuses a result of nothing depends on which library computes it
            made = f"{F}.conv_transpose{d}d({a}, {w}, {bias}, stride={stride}, padding={padding}, output_padding={extra}, groups={groups}, dilation={dilation})"
        else:
            w = self.fresh((out, channels // groups, *kernel), dtype)
            pad = self.one([str(padding), str(padding), repr("same"), repr("valid")]) if stride == 1 else str(padding)
            made = f"{F}.conv{d}d({a}, {w}, {bias}, {stride}, {pad}, {dilation}, {groups})"
        return f"{self.new()} = {made}"

    def pooled(self, x: str) -> str | None:
        d = self.one([1, 2, 2, 3])
        size = tuple(self.rng.randint(1, 5 if d < 3 else 3) for _ in range(d))
        a, _ = self.at((*self.one([(), (1,), (2,)]), self.one([1, 2]), *size))
        k, stride, ceil = self.rng.randint(1, 3), self.one(["None", "1", "2", "3"]), self.chance(0.4)
        padding = self.rng.randint(0, k // 2)
        dilation = self.one([1, 1, 2])
        if padding and dilation > 1 and 1 in size:  # of windows beyond the image PyTorch's backward writes past its end
            dilation = 1
        made = [f"{F}.max_pool{d}d({a}, {k}, {stride}, {padding}, {dilation}, ceil_mode={ceil})", f"{F}.avg_pool{d}d({a}, {k}, {stride}, {padding}, {ceil}, {self.chance(0.5)})",
                f"{F}.adaptive_avg_pool{d}d({a}, {self.rng.randint(1, 4)})", f"{F}.adaptive_max_pool{d}d({a}, {self.rng.randint(1, 4)})", f"{F}.max_pool{d}d({a}, {k}, {stride}, {padding}, ceil_mode={ceil}, return_indices=True)[1]"]  # fmt: skip
        if d < 3:
            made.append(f"{F}.lp_pool{d}d({a}.abs() + 0.1, 2, {k}, {stride if stride != 'None' else k}, {ceil})")
            made.append(f"{F}.max_unpool{d}d(*{F}.max_pool{d}d({a}, 2, 2, return_indices=True), 2, 2)")
        return f"{self.new()} = {self.one(made)}"

    def normalized(self, x: str) -> str | None:
        channels, size = self.one([2, 4]), self.one([(3,), (2, 2), (3, 2)])
        a, dtype = f"{self.at((2, channels, *size))[0]}.double()", "float64"  # (a sum that all share has gradient 0)
        w, b = (self.one(["None", self.fresh((channels,), dtype)]) for _ in range(2))
        m, v = self.fresh((channels,), dtype, 0), f"{self.fresh((channels,), dtype, 0)}.abs()"
        shape = (channels, *size)[-self.rng.randint(1, len(size) + 1) :]
        lw = self.one(["None", self.fresh(shape, dtype)])
        made = [f"{F}.batch_norm({a}, {m}, {v}, {w}, {b}, {self.chance(0.5)}, 0.1)", f"{F}.batch_norm({a}, None, None, {w}, {b}, True)", f"{F}.layer_norm({a}, {shape!r}, {lw}, {lw})", f"{F}.group_norm({a}, {self.one([1, 2])}, {w}, {b})",
                f"{F}.instance_norm({a}, weight={w}, bias={b})", f"{F}.rms_norm({a}, {shape!r}, {lw})", f"{F}.local_response_norm({a}, {self.rng.randint(1, 4)})", f"{F}.normalize({a}, {self.one([1.0, 2.0, 3.0])}, {self.rng.randrange(3)})", f"torch.renorm({a}, 2, {self.rng.randrange(3)}, 1.0)"]  # fmt: skip
        return f"{self.new()} = {self.one(made)}"

    def lost(self, x: str) -> str | None:
        n, c, size = self.one([1, 3]), self.one([2, 3]), self.one([(), (), (2,)])
        reduction = self.one(["mean", "sum", "none"])
        a, dtype = self.at((n, c, *size))
        target = f"torch.tensor({[self.rng.randrange(c) for _ in range(n * math.prod(size))]}).reshape({(n, *size)!r})"
        w = self.one(["None", f"{self.fresh((c,), dtype, 0)}.abs() + 0.1"])
        y, _ = self.fresh((n, c, *size), dtype), 0
        r = f"reduction={reduction!r}"
        ignore = self.one([-100, 0, 1])
        made = [f"{F}.cross_entropy({a}, {target}, {w}, ignore_index={ignore}, {r}, label_smoothing={self.one([0.0, 0.0, 0.1])})", f"{F}.cross_entropy({a}, {y}.softmax(1), {w}, {r}, label_smoothing={self.one([0.0, 0.2])})", f"{F}.nll_loss({a}.log_softmax(1), {target}, {w}, ignore_index={ignore}, {r})",
                f"{F}.binary_cross_entropy({a}.sigmoid(), {y}.sigmoid(), {r})", f"{F}.binary_cross_entropy_with_logits({a}, {y}.sigmoid(), pos_weight={y}.abs(), {r})", f"{F}.mse_loss({a}, {y}, {r})", f"{F}.smooth_l1_loss({a}, {y}, {r}, beta={self.one([0.5, 1.0, 0.0])})", f"{F}.huber_loss({a}, {y}, {r}, delta={self.one([0.5, 2.0])})",
                f"{F}.kl_div({a}.log_softmax(1), {y}.softmax(1), {r}, log_target=False)", f"{F}.kl_div({a}, {y}, {r}, log_target=True)", f"{F}.poisson_nll_loss({a}, {y}.exp(), log_input={self.chance(0.5)}, full={self.chance(0.5)}, {r})" , f"{F}.gaussian_nll_loss({a}, {y}, {y}.exp(), full={self.chance(0.5)}, {r})", f"{F}.hinge_embedding_loss({a}, {y}.sign(), 0.5, {r})", f"{F}.soft_margin_loss({a}, {y}.sign(), {r})",
                f"{F}.margin_ranking_loss({a}, {y}, {y}.sign(), 0.1, {r})", f"{F}.l1_loss({a}, {y}, {r})"]  # fmt: skip
        if not size:
            made += [f"{F}.multi_margin_loss({a}, {target}, p={self.one([1, 2])}, margin=0.7, weight={w}, {r})", f"{F}.multilabel_soft_margin_loss({a}, ({y} > 0).to({y}.dtype), {w}, {r})", f"{F}.triplet_margin_loss({a}, {y}, {y} + 1, 0.5, {self.one([1.0, 2.0])}, swap={self.chance(0.5)}, {r})", f"{F}.cosine_embedding_loss({a}, {y}, {target}.sign() * 2 - 1, 0.1, {r})", f"{F}.cross_entropy({a}[0], {target}[0], {r})",
                     f"{F}.ctc_loss({self.fresh((4, 2, 3), dtype)}.log_softmax(2), torch.tensor([[1, 2], [2, 1]]), torch.tensor([4, 3]), torch.tensor([2, 1]), {r})", f"{F}.multilabel_margin_loss({a}, torch.tensor({[[0, -1, 1][:c]] * n}), {r})"]  # fmt: skip
        return f"{self.new()} = {self.one(made)}"

    def resampled(self, x: str) -> str | None:
        h, w = self.rng.randint(1, 4), self.rng.randint(1, 4)
        a, dtype = self.at((1, self.one([1, 2]), h, w))
        one, _ = self.at((1, 2, w))
        corners = self.one(["", ", align_corners=True", ", align_corners=False"])
        grid = f"{self.fresh((1, 2, 3, 2), dtype)} * 0.7"
        k, s, p = self.rng.randint(1, 2), self.rng.randint(1, 2), self.rng.randint(0, 1)
        ho, wo = ((n + 2 * p - k) // s + 1 for n in (h, w))
        theta = self.fresh((1, 2, 3), dtype)
        made = [f"{F}.interpolate({a}, size=({self.rng.randint(1, 5)}, {self.rng.randint(1, 5)}), mode={self.one(['bilinear', 'bicubic'])!r}{corners})", f"{F}.interpolate({a}, scale_factor={self.one([0.5, 1.5, 2, 2.3])}, mode={self.one(['nearest', 'nearest-exact'])!r})", f"{F}.interpolate({a}, scale_factor=2, mode='area')", f"{F}.interpolate({one}, size={self.rng.randint(1, 5)}, mode='linear'{corners})",
                f"{F}.interpolate({a}, scale_factor={self.one([1.5, 2, 2.5])}, mode='bilinear'{corners}, recompute_scale_factor={self.one([None, True])})", f"{F}.interpolate({a}, size=({self.rng.randint(1, 5)}, 2), mode={self.one(['bilinear', 'bicubic'])!r}, antialias=True{corners})",
                f"{F}.grid_sample({a}, {grid}, mode={self.one(['bilinear', 'nearest', 'bicubic'])!r}, padding_mode={self.one(['zeros', 'border', 'reflection'])!r}, align_corners={self.chance(0.5)})", f"{F}.affine_grid({theta}, (1, 1, 2, 3), align_corners={self.chance(0.5)})", f"{F}.unfold({a}, {k}, 1, {p}, {s})" if ho > 0 and wo > 0 else f"{F}.relu({a})",
                f"{F}.fold({F}.unfold({a}, {k}, 1, {p}, {s}), ({h}, {w}), {k}, 1, {p}, {s})" if ho > 0 and wo > 0 else f"{F}.relu({a})", f"{F}.pixel_shuffle({self.at((1, 4, h, w))[0]}, 2)", f"{F}.pixel_unshuffle({self.at((1, 1, 2 * h, 2))[0]}.contiguous(), 2)", f"{F}.channel_shuffle({self.at((1, 4, h, w))[0]}, 2)"]  # fmt: skip
        return f"{self.new()} = {self.one(made)}"

    def ordered(self, x: str) -> str | None:
        x = self.pick("float32", "float64", "int64", "int32", least=1) or x
        axis = self.axis(x)
        values = sorted(round(self.rng.uniform(-2, 3), 1) for _ in range(4))
        edges = f"torch.tensor({values}, dtype={x}.dtype)"
        counts = f"torch.tensor({[self.rng.randrange(5) for _ in range(6)]})"
        down = self.chance(0.5)
        made = [f"torch.sort({x}, dim={axis}, descending={down}, stable=True).{self.one(['values', 'indices'])}", f"torch.argsort({x}, dim={axis}, descending={down}, stable=True)", f"torch.unique({x})", f"torch.unique({x}.detach(), return_inverse=True, return_counts=True)[{self.rng.randrange(3)}]", f"torch.unique_consecutive({x}.detach())",
                f"torch.unique({x}.detach(), dim={axis})", f"torch.searchsorted({edges}, {x}.contiguous(), right={down})", f"torch.bucketize({x}, {edges}, right={down}, out_int32={self.chance(0.3)})", f"torch.histc({x}.float(), {self.one([3, 5])}, {self.one(['', '-1, 1'])})".replace(", )", ")"), f"torch.bincount({counts})", f"torch.bincount({counts}, minlength=7)",
                f"torch.bincount({counts}, {self.fresh((6,), None, 0)})", f"torch.histogram({x}.detach().double().reshape(-1), 3, range=(-2., 2.))[0]", f"torch.msort({x}.contiguous())" if self.distinct(x) else f"torch.amax({x})", f"torch.nanquantile({x}.double(), {self.one([0.0, 0.25, 0.5, 1.0])}, {axis}, interpolation={self.one(['linear', 'lower', 'higher', 'midpoint', 'nearest'])!r})", f"torch.quantile({x}.double(), torch.tensor([0.1, 0.6], dtype=torch.float64), {axis})",
                f"torch.isin({x}, {edges})", f"torch.mode({x}, {axis})[0]", f"torch.diff({x}, n=2, dim={axis})", f"torch.cummax({x}, {axis})[{self.rng.randrange(2)}]", f"torch.logcumsumexp({x}.double(), {axis})", f"torch.take_along_dim({x}, torch.argsort({x}, dim={axis}, stable=True), {axis})", f"torch.cumulative_trapezoid({x}.double(), dim={axis})", f"torch.gradient({x}.double(), dim={axis})[0]",
                f"torch.topk({x}, 1, {axis}, {down})[{self.rng.randrange(2)}]" if self.distinct(x) else f"torch.aminmax({x})[0]", f"torch.nanmedian({x}.contiguous(), {axis})[0]"]  # fmt: skip
        return f"{self.new()} = {self.one(made)}"

    def padded(self, x: str) -> str | None:
        d = self.one([1, 1, 2, 3])
        size = tuple(self.rng.randint(1, 4) for _ in range(d))
        a, _ = self.at((*self.one([(1,), (1, 2), (2, 1)]), *size))
        mode = self.one(["constant", "reflect", "replicate", "circular"])
        least = 0 if mode == "circular" else -1  # PyTorch leaves parts of what is cut off and goes round undefined
        pads = tuple(self.rng.randint(least, 3) for _ in range(2 * d))
        value = f", value={self.one([0, 1.5])}" if mode == "constant" else ""
        return f"{self.new()} = {F}.pad({a}, {pads!r}, mode={mode!r}{value})"

    # views, out= ------------------------------------------------------------------------------------------------------

    def parts_written(self, x: str) -> str | None:
        """One of several views, written."""
        shape = self.shape(x)
        if not shape or 0 in shape:
            return None
        axis = self.rng.randrange(len(shape))
        n = shape[axis]
        cut = self.one([f"chunk({self.one([1, 2, 3])}, {axis})", f"split({self.rng.randint(1, n)}, {axis})", f"tensor_split({self.one([1, 2, 3])}, {axis})", f"unbind({axis})", f"tensor_split([{n // 2}], {axis})", f"unsafe_chunk({self.one([1, 2])}, {axis})", f"hsplit({1})", f"detach().unbind({axis})", f"split([{n // 2}, {n - n // 2}], {axis})"])  # fmt: skip
        which = self.one([0, 0, -1])
        r = self.rng.random()
        if r < 0.4 or cut.startswith("unsafe"):  # (autograd does not see what is written into such a piece)
            return f"{self.new()} = {x}.{cut}[{which}]" + ".clone()" * cut.startswith("unsafe")
        write = self.one(["mul_(2)", "zero_()", "add_(1)", "fill_(3)", "neg_()", "clamp_(-1, 1)", "copy_(2 * torch.ones(1))", "t()[...] = 1" if len(shape) == 2 else "zero_()"])  # fmt: skip
        if r < 0.6:
            return f"with torch.no_grad(): {x}.{cut}[{which}].{write}"
        return f"{x}.{cut}[{which}].{write}"

    def into_out(self, x: str) -> str | None:
        """A result written into a new tensor or an old one."""
        x = self.pick("float32", "float64", least=1) or x
        shape, axis = self.shape(x), self.axis(x)
        a = f"{x}.detach()"
        dtype = self.dtype(x)
        calls = [f"torch.{self.one(['sum', 'mean', 'amax', 'prod', 'logsumexp', 'var', 'std', 'argmax', 'nansum'])}({a}, {axis}, keepdim={self.chance(0.5)}", f"torch.{self.one(['cumsum', 'cumprod', 'softmax', 'log_softmax', 'logcumsumexp'])}({a}, {axis}", f"torch.{self.one(['add', 'sub', 'mul', 'div', 'maximum', 'atan2', 'pow', 'remainder', 'eq', 'lt'])}({a}, {self.one(['2', a])}",
                 f"torch.stack([{a}, {a}], {axis}", f"torch.cat([{a}, {a}], {axis}", f"torch.where({a} > 0, {a}, {a}", f"torch.clamp({a}, -1, 1", f"torch.{self.one(['tril', 'triu'])}({a}", f"torch.index_select({a}, {axis}, torch.tensor([0])", f"torch.matmul({a}, {a}", f"torch.norm({a}, 2, {axis}", f"torch.{self.one(['exp', 'sin', 'sigmoid', 'sign', 'floor', 'logical_not'])}({a}", f"torch.addcmul({a}, {a}, {a}", f"torch.lerp({a}, {a}, 0.5", f"torch.any({a}, {axis}"]  # fmt: skip
        out = self.one([f"torch.empty(0, dtype=torch.{self.one([dtype, dtype, 'float64', 'int64', 'bool'])})", f"torch.zeros({shape!r}, dtype=torch.{dtype})", f"torch.zeros({shape[::-1]!r}, dtype=torch.{dtype}).permute({tuple(range(len(shape)))[::-1]!r}).clone()"])  # fmt: skip
        call = self.one(calls)
        if "tri" in call and "permute" in out:  # PyTorch writes beyond the end of its memory
            return None
        return f"{self.new()} = {call}, out={out})"

    # transforms of functions, second derivatives, hooks, training -------------------------------------------------------

    def small_function(self, a: str) -> str:
        """An expression in t of one number for each element."""
        f, g = self.one(SMOOTH), self.one(SMOOTH)
        return self.one([f"t.{f}() * t", f"(t.{f}() + t * t).{g}()", f"t * {a}.detach().reshape(-1)[0] + t.{f}()", f"t.{f}() / (1 + t * t)", f"torch.where(t > 0, t.{f}(), t)", f"t.cumsum(-1).{f}()" , "t.softmax(-1) * t", f"t.flip(-1) * t.{f}()", "t.tan() + t.sin()", "(t * t).sum() * t", "t @ t.mT.contiguous() if t.ndim > 1 else t * t"])  # fmt: skip

    def transformed(self, x: str) -> str | None:
        x = self.pick("float32", "float64", least=1) or x
        if self.dtype(x) not in FLOATS or 0 in self.shape(x) or not self.shape(x):
            return None
        f, a = self.small_function(x), self.one([x, f"{x}.detach()"])
        if 0 in self.world[x].stride():  # PyTorch writes tangents in place
            a += ".clone(memory_format=torch.contiguous_format)"
        scalar, axis = f"lambda t: ({f}).sum()", self.rng.randrange(len(self.shape(x)))
        wide = f"lambda t: {f}"
        made = [f"torch.func.grad({scalar})({a})", f"torch.func.grad_and_value({scalar})({a})[{self.rng.randrange(2)}]", f"torch.func.jvp({wide}, ({a},), (torch.ones_like({a}),))[{self.rng.randrange(2)}]", f"torch.func.vjp({wide}, {a})[1](torch.ones_like(({wide})({a})))[0]", f"torch.func.jacrev({wide})({a}).clone()", f"torch.func.jacfwd({wide})({a}).clone()", f"torch.func.hessian({scalar})({a}).clone()"]  # fmt: skip
        if len(self.shape(x)) > 1:
            made += [f"torch.func.vmap({wide}, {axis})({a})", f"torch.vmap(torch.func.grad({scalar}))({a})", f"torch.vmap({wide}, in_dims={axis}, out_dims=-1)({a}).contiguous()", f"torch.vmap({scalar})({a})"] * 2  # fmt: skip
        return f"{self.new()} = {self.one(made)}"

    def differentiated_twice(self, x: str) -> str | None:
        leaves = [n for n in self.names if self.world[n].requires_grad and self.world[n].is_leaf and self.dtype(n) in ("float32", "float64", *COMPLEX) and not self.world[n]._is_view()]  # fmt: skip
        used = [n for n in self.names if self.world[n].requires_grad]
        if not leaves or not used:
            return None
        leaf, y = self.one(leaves), self.one(used)
        total = f"({y} * {y}).abs().sum()" if self.dtype(y) in COMPLEX else f"({y} * {y}.sin()).sum()"
        once = f"torch.autograd.grad({total}, {leaf}, create_graph=True, allow_unused=True, materialize_grads=True)[0].clone()"
        if self.chance(0.5):
            return f"{self.new()} = {once}"
        return f"{self.new()} = torch.autograd.grad(({once} * 1.0).abs().pow(2).sum(), {leaf}, create_graph=True, allow_unused=True, materialize_grads=True)[0]"

    def hooked(self, x: str) -> str | None:
        if not self.world[x].requires_grad:
            return None
        return self.one([f"{x}.register_hook(lambda g: g * 2) and None", f"{x}.register_hook(lambda g: None) and None", f"{x}.register_hook(lambda g: g.clamp(-1, 1) if not g.is_complex() else g) and None", f"{x}.retain_grad()"])  # fmt: skip

    def trained(self, x: str) -> str | None:
        """A small network, a few steps, one of its parameters."""
        n = self.one([2, 3])
        a, _ = self.at((4, n))
        hidden = self.one([2, 4])
        act = self.one(["ReLU()", "Tanh()", "GELU()", "SiLU()", "Sigmoid()", "ELU()", "LeakyReLU(0.1)", "Softplus()", "Hardswish()", "Dropout(0.3)", "Mish()", "PReLU()"])  # fmt: skip
        norm = self.one(
            [
                "Identity()",
                f"LayerNorm({hidden})",
                f"BatchNorm1d({hidden})",
                f"RMSNorm({hidden})",
                f"GroupNorm(2, {hidden})",
            ]
        )
        layers = f"torch.nn.Linear({n}, {hidden}), torch.nn.{act}, torch.nn.{norm}, torch.nn.Linear({hidden}, 2, bias={self.chance(0.7)})"
        if self.chance(0.25):
            layers = f"torch.nn.Unflatten(1, (1, {n})), torch.nn.Conv1d(1, {hidden}, 2, padding=1), torch.nn.{act}, torch.nn.Flatten(), torch.nn.LazyLinear(2)"
        rate = self.one([0.1, 0.01, 0.05])
        eps = "eps=1e-2"  # what is noise stays small: Adam's first step divides each gradient by itself
        optim = self.one([
            f"SGD(m.parameters(), {rate}, momentum={self.one([0, 0.9])}, weight_decay={self.one([0, 0.1])})", f"SGD(m.parameters(), {rate}, momentum=0.9, nesterov=True)", f"Adam(m.parameters(), {rate}, {eps}, amsgrad={self.chance(0.4)})", f"AdamW(m.parameters(), {rate}, {eps})",
            f"RMSprop(m.parameters(), {rate}, {eps}, centered={self.chance(0.4)}, momentum={self.one([0, 0.5])})", f"Adagrad(m.parameters(), {rate}, {eps})", f"Adadelta(m.parameters(), {eps})", f"Adamax(m.parameters(), {rate}, {eps})", f"NAdam(m.parameters(), {rate}, {eps})", f"RAdam(m.parameters(), {rate}, {eps})", f"ASGD(m.parameters(), {rate})",
        ])  # fmt: skip
        loss = self.one(
            [
                f"{F}.cross_entropy(m(a), torch.tensor([0, 1, 1, 0]))",
                "(m(a) ** 2).mean()",
                f"{F}.smooth_l1_loss(m(a), torch.ones_like(m(a)))",
            ]
        )
        clip = self.one(["", "torch.nn.utils.clip_grad_norm_(m.parameters(), 0.5), "])
        steps = f"[(o.zero_grad(), l.backward(), {clip}o.step()) for _ in range(3) for l in [{loss}]]"
        return (
            f"torch.manual_seed({self.rng.randrange(9)}); {self.new()} = (lambda a: [(m(a), {steps}, torch.cat([p.detach().reshape(-1) for p in m.parameters()])) "
            f"for m in [torch.nn.Sequential({layers}).double()] for m_ in [m(a)] for o in [torch.optim.{optim}]][0][2])({a}.detach().double().tanh())"
        )

    def brief(self, x: str) -> str | None:
        """16-bit floats."""
        kind = self.one(["bfloat16", "bfloat16", "float16"])
        return f"{self.new()} = " + self.one([f"{x}.to(torch.{kind})", f"{x}.{'bfloat16' if kind == 'bfloat16' else 'half'}()", self.literal(self.one([(3,), (2, 3), (4,)]), "float16").replace("float16", kind)])  # fmt: skip
