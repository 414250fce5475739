"""Still more that random programs are made of: what the other two grammars leave out of torch's public names."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

from tests.fuzz.wide import COMPLEX, F, WideGrammar

POINTWISE = """absolute arccos arccosh arcsin arcsinh arctan arctanh fix isposinf negative special.bessel_j0
special.bessel_j1 special.bessel_y0 special.bessel_y1 special.erfcx special.gammaln special.i0e special.i1 special.i1e
special.log_ndtr special.modified_bessel_i0 special.modified_bessel_i1 special.ndtr special.ndtri special.psi
special.spherical_bessel_j0 special.exp2 special.sinc special.round special.erfinv nn.functional.hardtanh_""".split()
TWO = """arctan2 less greater_equal nextafter igamma igammac ldexp bitwise_left_shift bitwise_right_shift special.zeta
special.gammainc special.gammaincc fmax special.xlogy special.logsumexp""".split()
COPIES = "alias_copy t_copy squeeze_copy".split()


class MoreGrammar(WideGrammar):
    """The grammar of `--more`: the other two, and as much again of what is here."""

    def __init__(
        self, rng: random.Random, world: dict[str, Any], shared: Callable[[str, str], bool], views: bool
    ) -> None:
        super().__init__(rng, world, shared, views)
        more: list[tuple[float, Callable[[str], str | None]]] = [
            (1.5, self.special), (1.5, self.viewed), (1.5, self.copied), (1.0, self.relaid_more), (2.0, self.put),
            (1.0, self.drawn), (1.0, self.listed), (1.0, self.segmented), (1.5, self.packed), (1.5, self.recurrent),
            (1.5, self.asked_of_graph), (1.0, self.called), (1.5, self.multiplied), (1.0, self.factored), (1.0, self.sampled),
            (0.7, self.made), (1.0, self.wrapped), (0.7, self.functions_of_ones_own), (0.7, self.attended),
        ]  # fmt: skip
        self.weights += [w * 2 for w, _ in more]
        self.parts += [f for _, f in more]

    def assigned(self, options: list[str]) -> str:
        return f"{self.new()} = {self.one(options)}"

    def floats(self, least: int = 0) -> str | None:
        return self.pick("float32", "float64", least=least)

    # pointwise, views ---------------------------------------------------------------------------------------------------

    def special(self, x: str) -> str | None:
        y, name, two = self.other(x), self.one(POINTWISE), self.one(TWO)
        a = f"{x}.clone()" if name.endswith("_") else x
        if two == "special.logsumexp":
            y = f"({self.axis(x)},)"
        n = self.one([0, 1, 2, 3])
        return self.assigned([
            f"torch.{name}({a})", f"torch.{name}({a})", f"torch.{name}({a})", f"torch.{two}({x}, {y})", f"torch.{two}({x}, {y})", f"torch.polygamma({n}, {x})", f"torch.mvlgamma({x} + 3, 2)",
            f"torch.special.{self.one(['chebyshev_polynomial_t', 'chebyshev_polynomial_u', 'hermite_polynomial_h', 'hermite_polynomial_he', 'laguerre_polynomial_l', 'legendre_polynomial_p'])}({x}, {n})",
            f"torch.frexp({x}).{self.one(['mantissa', 'exponent'])}", f"torch.clamp_min({x}, {self.number()})", f"torch.clamp_max({x}, {y})", f"{x}.bitwise_not()", f"{x} << 1", f"{x} >> {n}", f"{x}.{self.one(['char', 'short', 'byte'])}()",
            f"torch.special.softmax({x}, {self.axis(x)}, dtype=torch.float64)", f"torch.logaddexp({x}, {y})", f"torch.fill({x}, {self.number()})", f"torch.rsub({x}, {y}, alpha=2)",
            f"{F}.{self.one(['celu', 'selu', 'elu', 'rrelu', 'relu6', 'silu', 'mish', 'hardswish', 'hardsigmoid'])}({x}.clone(), inplace=True)",
        ])  # fmt: skip

    def viewed(self, x: str) -> str | None:
        shape = self.shape(x)
        d = len(shape)
        z = self.pick(*COMPLEX)
        made = [f"{x}.reshape_as({x})", f"{x}.adjoint()" if d > 1 else f"{x}.view_as({x})", f"{x}.narrow_copy(0, 0, 1)", f"{x}.data", f"{x}.detach()[...]", f"{x}.view(torch.{self.one(['int32', 'int64', 'float32', 'uint8', 'bool'])})",
                f"{x}.split_with_sizes([{shape[0] if d else 1}])[0]", f"torch.vsplit({x}, 1)[0]", f"torch.dsplit({x}, 1)[0]", f"torch.unsafe_split({x}, 2)[0].clone()", f"torch.stack([{x}, {x}]).sum_to_size({x}.shape)",
                f"torch.broadcast_to({x}, (2, *{x}.shape))", f"torch.squeeze({x}, 0)", f"torch.unravel_index(torch.arange(3), (2, 3))[{self.rng.randrange(2)}]"]  # fmt: skip
        if d:
            i, j = self.rng.randrange(d), self.rng.randrange(-d, d)
            made += [f"torch.moveaxis({x}, {i}, {j})", f"torch.swapdims({x}, {i}, {j})", f"torch.moveaxis({x}, ({i},), ({j},))", f"{x}.unfold({i}, 2, {self.one([2, 3])})", f"{x}[..., ::2]", f"{x}.select({i}, -1)",
                     f"{x}.index_select({i}, torch.arange({shape[i]})[::2])", f"{x}.tensor_split([1], {i})[1]", f"{x}.unflatten({i}, (1, -1))", f"{x}.narrow({i}, torch.tensor(0), {shape[i]})", f"{x}[{self.key(shape)}].T"]  # fmt: skip
            if 0 not in shape:
                part = tuple(self.rng.randint(1, n) for n in shape)
                made += [f"torch.as_strided({x}.clone(memory_format=torch.contiguous_format), {part!r}, {tuple(math.prod(shape[k + 1 :]) for k in range(d))!r})"] * 2  # fmt: skip
        if z is not None:
            made += [f"{z}.conj().real.clone()", f"torch.view_as_real({z}.conj().resolve_conj())", f"({z}.conj() * {z}).real", f"torch.view_as_complex(torch.view_as_real({z}))", f"{z}.adjoint().clone()" if len(self.shape(z)) > 1 else f"{z}.conj().conj().clone()",
                     f"torch.real({z})", f"torch.imag({z})"]  # fmt: skip
        return self.assigned(made)

    def copied(self, x: str) -> str | None:
        shape = self.shape(x)
        d = len(shape)
        made = [f"torch.{self.one(COPIES)}({x})", f"torch.view_copy({x}, (-1,))", f"torch.unsqueeze_copy({x}, 0)", f"torch.expand_copy({x}, (2, *{x}.shape))", f"torch.constant_pad_nd({x}, (1, 0), {self.number()})", f"torch.{self.one(['concat', 'concatenate', 'row_stack'])}([{x}, {x}])",
                f"torch.as_strided_scatter({x}, {x}.reshape(-1)[:1], (1,), (1,))", f"torch.tril_indices(3, {self.one([2, 3])}, {self.one([-1, 0, 1])})", "torch.triu_indices(2, 3, 1)", f"torch.nonzero_static({x}, size={self.one([2, 4])})", f"torch.trapezoid({x})", f"torch.chain_matmul({x}, {x})", "torch.scalar_tensor(2)",
                f"torch.clone({x}, memory_format=torch.preserve_format)", f"{x}.to({x}.dtype, copy=True)", f"torch.asarray({x})", f"{x}.new_tensor([1, 2])", f"torch.empty_like({x}).fill_(1)", f"{x}.new_empty((2, 2)).zero_()", "torch.empty_strided((2, 2), (1, 2)).fill_(1.5)"]  # fmt: skip
        if d:
            axis = self.rng.randrange(d)
            made += [f"torch.transpose_copy({x}, 0, {axis})", f"torch.permute_copy({x}, {tuple(range(d))[::-1]!r})", f"torch.select_copy({x}, {axis}, 0)", f"torch.slice_copy({x}, {axis}, 0, 2)", f"torch.unbind_copy({x}, {axis})[0]", f"torch.split_copy({x}, 1, {axis})[0]", f"torch.unfold_copy({x}, {axis}, 1, 1)",
                     f"torch.diagonal_copy({x})", f"torch.slice_scatter({x}, {x}[:1], 0, 0, 1)", f"torch.select_scatter({x}, {x}.select({axis}, 0) * 2, {axis}, -1)", f"torch.slice_scatter({x}, torch.zeros_like({x}[::2]), 0, 0, {shape[0]}, 2)",
                     f"torch.index_fill({x}, {axis}, torch.tensor([0]), torch.tensor({self.number()}))", f"torch.diff({x}, dim={axis}, prepend={x}.narrow({axis}, 0, 1))", f"torch.renorm({x}, 1, {axis}, 0.5)", f"torch.cumulative_trapezoid({x}, dim={axis})", f"torch.unique_consecutive({x}.detach(), dim={axis})"]  # fmt: skip
        if d > 1:
            made += [f"torch.diagonal_scatter({x}, torch.zeros_like({x}.diagonal({k})), {k})" for k in (0, 1, -1)]
        return self.assigned(made)

    def relaid_more(self, x: str) -> str | None:
        """In place: another size, another memory."""
        t = self.world[x]
        if t.requires_grad or any(self.shared(n, x) for n in self.names if n != x) or 0 in t.stride():
            return self.one([f"{x}.swapaxes_(0, -1)", f"{x}.swapdims_(0, 0)"]) if not t.requires_grad else None
        shape = self.shape(x)
        fewer = tuple(max(n - 1, 0) for n in shape)
        return self.one([f"{x}.resize_({fewer!r})", f"{x}.resize_as_({self.any()}[:0])", f"{x}.set_({x}.clone())", f"{x}.data = {x}.detach().clone() * 2", f"{x}.resize_({shape[::-1]!r})", f"{x}.as_strided_((1,), (1,))" if t.numel() else f"{x}.t_()", f"{x}.swapaxes_(0, -1)",
                         f"{x}.masked_scatter_({x} > 0, {self.literal((64,), self.dtype(x))})" if t.numel() < 64 else f"{x}.zero_()", f"{x}.apply_(lambda v: v * 2)", f"{x}.map_({x}.clone(), lambda a, b: a + b)", f"{x}.index_fill_(0, torch.tensor([0]), 2)"])  # fmt: skip

    def put(self, x: str) -> str | None:
        """Writes by places of the flattened tensor, and in-place arithmetic of rarer kinds."""
        shape, dtype = self.shape(x), self.dtype(x)
        n, d = math.prod(shape), len(shape)
        if not n or dtype in ("bool", *COMPLEX):
            return None
        count = self.rng.randint(1, min(3, n))
        places = f"torch.tensor({self.rng.sample(range(n), count)})"
        values = self.literal((count,), dtype)
        accumulate = self.chance(0.5)
        made = [f"torch.put({x}, {places}, {values}, accumulate={accumulate})", f"torch.index_put({x}, ({self.indices((2,), shape[0])},), {self.literal((), dtype)})" if d else f"{x}.clone()", f"torch.take({x}, {places}.reshape(-1, 1))", f"torch.masked_scatter({x}, {x} > 0, {self.literal((64,), dtype)})" if n < 65 else f"{x}.clone()"]  # fmt: skip
        if self.chance(0.35):
            return self.assigned(made)
        a = f"{x}.detach().clone()"
        m = f"{a}.reshape(-1)[:1]"
        return self.one([f"{x}.put_({places}, {values}, accumulate={accumulate})", f"{x}.renorm_(2, 0, 1.0)", f"{x}.addr_({x}[0].detach().clone(), {x}[0].detach().clone())" if d == 2 else f"{x}.add_(1)", f"{x}.addmv_({a}, {a}[0])" if d == 2 else f"{x}.mul_(2)", f"{x}.ldexp_({m})", f"{x}.arctan2_({a})", f"{x}.nextafter_({a})", f"{x}.hypot_({a})", f"{x}.absolute_()", f"{x}.negative_()", f"{x}.fix_()",
                         f"{x}.copysign_(-1)", f"{x}.logit_(0.1)", f"{x}.polygamma_(1)", f"{x}.igamma_({a}.abs() + 1)", f"{x}.true_divide_(2)", f"{x}.less_({a})", f"{x}.greater_equal_(1)", f"{x}.bitwise_left_shift_(1)", f"{x}.tril_()", f"{x}.triu_(1)", f"{x}.cumprod_(-1)", f"{x}.erfinv_()", f"{x}.lgamma_()", f"{x}.digamma_()", f"{x}.nan_to_num_(0.5)", f"{x}.sinc_()", f"{x}.i0_()",
                         f"{x}.baddbmm_({a}, {a}.mT)" if d == 3 else f"{x}.sub_(1)", f"{x}.gcd_({a})", f"{x}.lcm_({a})", f"{x}.logical_and_({a})" if not self.world[x].requires_grad else f"{x}.add_(1)", f"{x}.heaviside_({a})", f"{x}.float_power_(2)", f"{x}.scatter_(0, {self.indices((1,) * d, 1)}, {self.number()}, reduce='add')" if d else f"{x}.add_(2)", f"{F}.threshold_({x}, 0.1, 2)", f"{F}.celu_({x})", f"{F}.selu_({x})", f"torch.index_put_({x}, ({places} % {shape[0] if d else 1},), {self.literal((), dtype)})" if d else f"{x}.add_(1)"])  # fmt: skip

    # random numbers -----------------------------------------------------------------------------------------------------

    def drawn(self, x: str) -> str | None:
        x = self.floats() or x
        seed = f"torch.manual_seed({self.rng.randrange(99)})"
        a = f"{x}.detach().clone(memory_format=torch.contiguous_format)"
        p = f"{x}.detach().double().sigmoid()"
        made = [f"{a}.exponential_({self.one([1.0, 2.5])})", f"{a}.geometric_(0.3)", f"{a}.cauchy_()", f"{a}.log_normal_(0.1, 0.5)", f"{a}.normal_(1, 2)", f"{a}.uniform_(2, 3)", f"{a}.random_(0, 9)", f"{a}.random_(7)", f"{a}.bernoulli_(0.4)", f"torch.bernoulli({p})", f"torch.poisson({p} * 4)", f"torch.normal({a}, 0.5)", f"torch.normal(0.5, {p})", f"torch.binomial({p} * 0 + 5, {p})", f"torch.randint_like({x}, 9)", "torch.rand(3, 2)", "torch.randperm(7)",
                f"torch.multinomial(torch.tensor([0.1, 0.5, 0.4]), {self.one([1, 2, 3])}, replacement={self.chance(0.5)})", f"{F}.dropout1d({self.at((2, 3, 2))[0]}, 0.4)", f"{F}.dropout2d({self.at((1, 3, 2, 2))[0]}, 0.4)", f"{F}.alpha_dropout({x}, 0.3, True)", f"{F}.feature_alpha_dropout({self.at((2, 3, 2))[0]}, 0.3, True)", f"{F}.gumbel_softmax({x}, hard={self.chance(0.5)}, dim=-1)", f"{F}.rrelu({x}, training=True)", f"torch.nn.init.{self.one(['normal_', 'uniform_', 'trunc_normal_'])}({a})",
                f"torch.nn.init.{self.one(['xavier_uniform_', 'kaiming_normal_', 'orthogonal_'])}(torch.empty(3, 2))", f"{F}.dropout({x}, 0.2, True)", "torch.randn(4, dtype=torch.complex64)", "torch.randint(-3, 9, (2, 2), dtype=torch.int32)", f"torch.distributions.Normal({a}, 1.5).sample()", "torch.distributions.Categorical(logits=torch.arange(3.)).sample((4,))"]  # fmt: skip
        return f"{seed}; {self.assigned(made)}"

    # lists, segments, packed sequences ------------------------------------------------------------------------------------

    def listed(self, x: str) -> str | None:
        """The foreach functions."""
        x = self.floats() or x  # (of integers among others that require a gradient, PyTorch refuses lists)
        y = f"({x}.detach() + 1)" if not self.world[x].requires_grad else x
        name = self.one("abs exp neg sqrt sin tanh sigmoid ceil log1p erf reciprocal trunc sign".split())
        two = self.one(["add", "sub", "mul", "div", "maximum", "minimum", "clamp_min", "clamp_max"])
        at = self.rng.randrange(2)
        made = [f"torch._foreach_{name}([{x}, {x}])[{at}]", f"torch._foreach_{two}([{x}, {y}], [{x}, {y}])[{at}]", f"torch._foreach_{two}([{x}, {y}], {self.one([2, 0.5])})[{at}]", f"torch._foreach_{two}([{x}, {y}], [2, 0.5])[{at}]", f"torch._foreach_addcmul([{x}], [{x}], [{x}], 0.5)[0]", f"torch._foreach_norm([{x}, {y}], 2)[{at}]", f"torch._foreach_lerp([{x}], [{x}], 0.3)[0]", f"torch._foreach_pow([{x}], 2)[0]",
                f"torch.nn.utils.parameters_to_vector([{x}, {y}])", f"torch.stack(torch.meshgrid({x}.reshape(-1)[:2], {x}.reshape(-1)[:2], indexing='xy'))", f"torch.nn.utils.rnn.pad_sequence([{x}.reshape(-1), {y}.reshape(-1)], batch_first={self.chance(0.5)}, padding_value=1.0)", f"torch.broadcast_tensors({x}, {y})[{at}].clone()", f"torch.block_diag({x}.reshape(-1), {x}.reshape(-1, 1))", f"torch.cartesian_prod({x}.reshape(-1)[:2])", f"torch.atleast_2d({x}, {y})[{at}]", f"torch.hstack(({x}.reshape(-1), {x}.reshape(-1)))"]  # fmt: skip
        if self.chance(0.2) and not self.world[x].requires_grad and 0 not in self.world[x].stride():
            return f"torch._foreach_{self.one(['add', 'mul', 'div'])}_([{x}], 2)"
        return self.assigned(made)

    def segmented(self, x: str) -> str | None:
        x = self.floats(1) or x
        shape = self.shape(x)
        if not shape or not shape[0]:
            return None
        n = shape[0]
        cut = self.rng.randint(0, n)
        reduce = self.one(["sum", "mean", "max", "min", "prod"])
        edges = f"torch.tensor([-1.0, 0.0, 0.5, 2.0], dtype={x}.dtype)"
        b, dtype = self.at((4, 2))
        made = [f"torch.segment_reduce({x}, {reduce!r}, lengths=torch.tensor([{cut}, {n - cut}]))", f"torch.histogram({x}.detach().reshape(-1), {edges})[0]", f"torch.histogramdd({b}.detach(), [2, 3], range=[-1., 1., -2., 2.])[0]", f"torch.histogramdd({b}.detach(), 2)[1][0]", f"torch.bucketize({x}.detach(), {edges}, right={self.chance(0.5)})", f"torch.searchsorted({edges}, {x}.detach().contiguous(), side={self.one(['left', 'right'])!r})",
                f"{F}.embedding_bag({self.indices((5,), n)}, {self.at((n, 2))[0]}, torch.tensor([0, 2]), mode={self.one(['sum', 'mean', 'max'])!r})", f"{F}.embedding({self.indices((2, 2), n)}, {self.at((n, 2))[0]}, padding_idx=0)", f"torch.bincount({self.indices((5,), 4)}, minlength=5)", f"torch.repeat_interleave({x}, {self.indices((n,), 3)}, dim=0)", f"torch.tensordot({x}, {x}, dims=([0], [0]))", f"torch.cov({b}.T, correction={self.one([0, 1])})", f"torch.nanquantile({x}, 0.3)", f"torch.corrcoef({b}.T)",
                f"torch.mode({x}.round(), -1).values", f"torch.kthvalue({x}, 1, -1)[0]" if self.distinct(x) else f"{x}.max(-1)[0]", f"torch.std_mean({x}, 0)[{self.rng.randrange(2)}]", f"torch.cummin({x}, 0)[{self.rng.randrange(2)}]", f"torch.isin({x}.contiguous(), {x}[:1].contiguous(), invert=True)", f"torch.logsumexp({x}, (0,))", f"torch.trapezoid({x}, dim=0)", f"torch.gradient({x}, dim=0, spacing=2.0)[0]" if n > 1 else f"{x}.diff()", f"torch.var({x}, 0, correction=0.5)"]  # fmt: skip
        return self.assigned(made)

    def packed(self, x: str) -> str | None:
        a, dtype = self.at((3, 2, 2))
        first = self.chance(0.5)
        n = 3 if first else 2
        size = 2 if first else 3
        lengths = sorted((self.rng.randint(1, size) for _ in range(n)), reverse=True)
        R = "torch.nn.utils.rnn"
        pack = f"{R}.pack_padded_sequence({a}, torch.tensor({lengths}), batch_first={first})"
        made = [f"{pack}.data", f"{R}.pad_packed_sequence({pack}, batch_first={self.chance(0.5)})[0]", f"{R}.pad_packed_sequence({pack}, total_length=4)[0]", f"{R}.pack_sequence([{a}[0], {a}[1][:1]]).data", f"{R}.unpad_sequence({a}, torch.tensor([2, 1]))[1]", f"{R}.pad_sequence([{a}[0], {a}[1][:1]], padding_side={self.one(['left', 'right'])!r})", f"{pack}.batch_sizes"]  # fmt: skip
        return self.assigned(made)

    def recurrent(self, x: str) -> str | None:
        a = f"{self.at((3, 2, 2))[0]}.double()"
        kind, layers, both = self.one(["RNN", "LSTM", "GRU"]), self.one([1, 1, 2]), self.chance(0.4)
        cell = self.one(["RNNCell", "GRUCell"])
        seed = self.rng.randrange(9)
        extra = (
            self.one(["", ", nonlinearity='relu'"])
            if kind == "RNN"
            else self.one(["", ", proj_size=1"])
            if kind == "LSTM"
            else ""
        )
        made = [f"torch.nn.{kind}(2, 3, {layers}, bidirectional={both}, batch_first={self.chance(0.5)}, bias={self.chance(0.8)}{extra}).double()({a})[0]", f"torch.nn.{cell}(2, 3).double()({a}[0])", f"torch.nn.LSTMCell(2, 3).double()({a}[0])[1]", f"torch.nn.{kind}(2, 3).double()(torch.nn.utils.rnn.pack_padded_sequence({a}, [3, 2]))[0].data",
                f"torch.nn.TransformerEncoderLayer(2, 1, 4, dropout=0.0, norm_first={self.chance(0.5)}, batch_first=True).double()({a})", f"torch.nn.MultiheadAttention(2, {self.one([1, 2])}).double()({a}, {a}, {a})[{self.rng.randrange(2)}]"]  # fmt: skip
        return f"torch.manual_seed({seed}); {self.assigned(made)}"

    # autograd -----------------------------------------------------------------------------------------------------------

    def asked_of_graph(self, x: str) -> str | None:
        leaves = [n for n in self.names if self.world[n].requires_grad and self.world[n].is_leaf and self.dtype(n) in ("float32", "float64") and not self.world[n]._is_view()]  # fmt: skip
        used = [n for n in self.names if self.world[n].requires_grad and self.dtype(n) in ("float32", "float64")]
        if not leaves or not used:
            return None
        leaf, y, other = self.one(leaves), self.one(used), self.one(leaves)
        made = [f"torch.autograd.grad({y}.sum(), {leaf}, retain_graph=True, allow_unused=True, materialize_grads=True)[0]", f"torch.autograd.grad({y}, {leaf}, torch.ones_like({y}), retain_graph=True, allow_unused=True, materialize_grads=True)[0]",
                f"torch.autograd.grad([({y} * {y}).sum(), {y}.mean()], [{leaf}, {other}], retain_graph=True, allow_unused=True, materialize_grads=True)[{self.rng.randrange(2)}]", f"torch.autograd.grad({y}.exp().sum(), {leaf}, retain_graph=True, allow_unused=True)[0] is None", f"torch.autograd.grad({y}, {leaf}, torch.stack([torch.ones_like({y})] * 2), is_grads_batched=True, retain_graph=True, allow_unused=True, materialize_grads=True)[0]" if not any(t.retains_grad for t in map(self.world.get, self.names)) else f"{y}.is_leaf",
                f"torch.autograd.functional.vjp(lambda t: t * t.sin(), {y}.detach())[1]", f"torch.autograd.functional.jacobian(lambda t: t.tanh() * 2, {y}.detach()).sum()", f"torch.autograd.functional.hvp(lambda t: (t ** 3).sum(), {y}.detach(), torch.ones_like({y}))[1]", f"{y}.grad_fn is None", f"{y}.retains_grad"]  # fmt: skip
        if self.chance(0.25):
            return self.one([f"{y}.sum().backward(retain_graph=True)", f"({y} * {y}).mean().backward(retain_graph=True, inputs=[{leaf}])", f"{leaf}.grad = None", f"{y}.register_hook(lambda g: g.clone() * 0.5) and None", f"{leaf}.register_post_accumulate_grad_hook(lambda t: t.grad.mul_(0.5) and None) and None", f"{y}.retain_grad()"])  # fmt: skip
        return self.assigned(made)

    def functions_of_ones_own(self, x: str) -> str | None:
        """autograd.Function, checkpoint, saved tensors' hooks."""
        x = self.floats() or x
        f = self.one(["t.sin() * t", "t.exp() + 1", "(t * 2).tanh()", "t.cumsum(-1) if t.ndim else t"])
        own = "type('Own', (torch.autograd.Function,), {'forward': staticmethod(lambda ctx, t: (ctx.save_for_backward(t), t * t)[1]), 'backward': staticmethod(lambda ctx, g: g * 2 * ctx.saved_tensors[0])})"
        made = [f"{own}.apply({x})", f"{own}.apply({x} * 2)", f"__import__(torch.__name__ + '.utils.checkpoint').utils.checkpoint.checkpoint(lambda t: {f}, {x}, use_reentrant=False)",
                f"(lambda t: torch.where(t > 0, t, t.detach()))({x})", f"{x}.clone().requires_grad_({x}.is_floating_point()).detach_()", f"torch.nn.Parameter({x}.detach().clone()).data * 2"]  # fmt: skip
        if self.chance(0.2):
            return f"with torch.autograd.graph.saved_tensors_hooks(lambda t: t.clone(), lambda t: t): {self.new()} = {x} * {x}.exp()"
        return self.assigned(made)

    def called(self, x: str) -> str | None:
        """Modules by functional_call, and parts of modules."""
        a = f"{self.at((3, 2))[0]}.double()"
        seed = self.rng.randrange(9)
        net = "torch.nn.Linear(2, 3).double()"
        made = [f"(lambda m: torch.func.functional_call(m, {{'weight': m.weight.detach() * 2}}, ({a},)))({net})", f"(lambda m: torch.func.functional_call(m, dict(m.named_parameters()), ({a},)))({net})", f"(lambda m: torch.func.grad(lambda p: torch.func.functional_call(m, p, ({a}.detach(),)).sum())({{k: v.detach() for k, v in m.named_parameters()}})['weight'])({net})", f"(lambda m: torch.nn.utils.parametrizations.weight_norm(m)({a}))({net})",
                f"(lambda m: torch.nn.utils.parametrizations.spectral_norm(m)({a}))({net})", f"(lambda m: [m.load_state_dict({{k: v * 2 for k, v in m.state_dict().items()}}), m({a})][1])({net})", f"torch.nn.Bilinear(2, 2, 1).double()({a}, {a})", "torch.nn.Embedding(3, 2)(torch.tensor([0, 2]))", f"torch.nn.Sequential({net}, torch.nn.Softmax(-1))({a})", f"(lambda m: __import__(torch.__name__ + '.nn.utils.prune').nn.utils.prune.l1_unstructured(m, 'weight', 2)({a}))({net})",
                f"torch.nn.ModuleList([{net}])[0]({a})", f"(lambda m: (m.register_forward_hook(lambda mod, i, o: o * 2), m({a}))[1])({net})", f"(lambda m: (m.register_full_backward_hook(lambda mod, gi, go: None), m({a}))[1])({net})", f"torch.nn.PReLU(2).double()({a})", f"torch.vmap(lambda t: {net.replace('torch.nn.Linear(2, 3)', 'torch.nn.Identity()')}(t) * 2)({a})"]  # fmt: skip
        return f"torch.manual_seed({seed}); {self.assigned(made)}"

    # products, factors ----------------------------------------------------------------------------------------------------

    def multiplied(self, x: str) -> str | None:
        n, m, k = (self.one([1, 2, 3]) for _ in range(3))
        a, dtype = self.at((n, m))
        b, c, v, w = (self.fresh(s, dtype) for s in ((m, k), (n, k), (m,), (n,)))
        batch, other = self.fresh((2, n, m), dtype), self.fresh((2, m, k), dtype)
        beta = f"beta={self.one([0, 1, 0.5])}, alpha={self.one([1, 2, 0.5])}"
        dims = self.one(["ij,jk->ik", "ij,jk->ki", "ij,jk->", "ij,jk->k", "ij,jk->ijk", "ij,jk->j"])
        made = [f"torch.addmv({w}, {a}, {v}, {beta})", f"torch.addr({a}, {w}, {v}, {beta})", f"torch.addbmm({c}, {batch}, {other}, {beta})", f"torch.baddbmm({c}, {batch}, {other}, {beta})", f"torch.addmm({c}, {a}, {b}, {beta})", f"torch.einsum({dims!r}, {a}, {b})", f"torch.einsum('bij,bjk->{self.one(['bik', 'ik', 'kb', 'bki', 'i'])}', {batch}, {other})", f"torch.einsum('ij,j->i', {a}, {v})", f"torch.einsum('...ij,...jk', {batch}, {other})",
                f"torch.einsum('ij,jk,ik->', {a}, {b}, {c})", f"torch.einsum('ij,ij->ij', {a}, {a})", f"torch.tensordot({a}, {b}, 1)", f"torch.tensordot({batch}, {other}, dims=([0, 2], [0, 1]))", f"torch.matmul({batch}, {b})", f"torch.matmul({a}, {other})", f"{v} @ {b}", f"{a} @ {v}", f"{batch} @ {v}", f"{v} @ {other}", f"torch.bmm({batch}, {other})", f"torch.kron({a}, {b})", f"torch.inner({a}, {a})", f"torch.vdot({v}, {v})", f"torch.linalg.multi_dot([{w}, {a}, {b}])", f"torch.ger({w}, {v})", f"torch.linalg.vecdot({a}, {a}, dim=0)", f"{F}.bilinear({a}, {a}, {self.fresh((2, m, m), dtype)})", f"{F}.linear({batch}, {self.fresh((2, m), dtype)}, {self.fresh((2,), dtype)})"]  # fmt: skip
        return self.assigned(made)

    def factored(self, x: str) -> str | None:
        n = self.one([1, 2, 3])
        a, dtype = self.at((n, n))
        m = f"({a}.tanh() + 4 * torch.eye({n}, dtype=torch.{dtype}))"
        s = f"({m} @ {m}.mT)"
        b = self.fresh((n, 2), dtype)
        made = [f"torch.linalg.lu({m})[{self.rng.randrange(3)}]", f"torch.linalg.lu_solve(*torch.linalg.lu_factor({m}), {b})", f"torch.linalg.ldl_factor({s})[0]", f"torch.linalg.eigvals({m}).abs().sum()", f"torch.linalg.solve_ex({m}, {b})[0]", f"torch.linalg.tensorsolve({m}.reshape({n}, 1, {n}), {b}[:, :1])", f"torch.pinverse({m})", f"torch.inverse({m})", f"torch.lu_unpack(*torch.linalg.lu_factor({m}))[{self.rng.randrange(3)}]", f"torch.triangular_solve({b}, {m}.triu())[0]", f"torch.linalg.eig({s})[0].real.sum()",
                f"torch.geqrf({m})[0].abs()", f"torch.linalg.norm({m}, {self.one(['None', repr('fro'), '1', '-1', 'np.inf'])})", f"torch.linalg.vector_norm({m}, {self.one([0, 1, 2, 3.5, 'np.inf', '-np.inf'])}, dim={self.one([0, 1, 'None'])})", f"torch.norm({m}, p={self.one([1, 2, repr('fro'), repr('nuc')])})", f"torch.logdet({s})", f"torch.linalg.diagonal({m})", f"torch.linalg.matmul({m}, {b})", f"torch.linalg.svd({m})[1]", f"torch.svd({m})[1]", f"torch.slogdet({m})[0]", f"torch.cholesky({s})", f"torch.linalg.cross({self.fresh((2, 3), dtype)}, {self.fresh((2, 3), dtype)})", f"torch.cdist({b}, {b}, p={self.one([0.0, 1.0, 1.5, 2.0, 'float(np.inf)'])})",
                f"torch.trace({m})", f"torch.linalg.lstsq({s}, {b}).solution", f"torch.linalg.qr({m}, mode='r')[1].abs()", f"torch.vander({b}[:, 0], {self.one(['None', '2'])})", f"torch.linalg.matrix_power({m}, {self.one([-2, 5])})", f"torch.fft.irfftn(torch.fft.rfftn({m}), s=({n}, {n}))", f"torch.fft.{self.one(['fftfreq', 'rfftfreq'])}({n + 1}, 0.5)", f"torch.fft.{self.one(['ifft2', 'fft2'])}({m}).abs()", f"torch.fft.ihfft({m}).real"]  # fmt: skip
        return self.assigned(made)

    # images -------------------------------------------------------------------------------------------------------------

    def sampled(self, x: str) -> str | None:
        a, dtype = self.at((1, 2, self.one([3, 4]), self.one([3, 4])))
        seq, _ = self.at((5, 2, 2))
        made = [f"{F}.upsample({a}, scale_factor=2)", f"{F}.conv_tbc({seq}, {self.fresh((2, 2, 3), dtype)}.to({seq}.dtype), {self.fresh((3,), dtype)}.to({seq}.dtype), 1)", f"{F}.lp_pool2d({a}.abs() + 1, 3.0, 2)", f"{F}.fractional_max_pool2d({a}, 2, output_size=2, _random_samples=torch.full((1, 2, 2), 0.3, dtype={a}.dtype))", f"{F}.adaptive_max_pool2d({a}, (2, 3), return_indices=True)[1]", f"{F}.unfold({a}, (2, 1), dilation=1, padding=1, stride=(1, 2))", f"{F}.grid_sample({a}, {F}.affine_grid(torch.tensor([[[1., 0.2, 0.], [0.1, 1., 0.3]]], dtype={a}.dtype), (1, 2, 2, 3), align_corners=False), align_corners=False)",
                f"{F}.max_unpool2d(*{F}.max_pool2d({a}, 2, return_indices=True), 2, output_size={a}.shape)", f"torch.nn.ReflectionPad2d(1)({a})", f"torch.nn.ZeroPad2d((1, 0, 2, 1))({a})", f"torch.nn.CircularPad2d(1)({a})", f"{F}.avg_pool2d({a}, (2, 1), (1, 2), (1, 0), divisor_override=3)", f"{F}.interpolate({a}.to(memory_format=torch.channels_last), scale_factor=2)", f"{F}.conv2d({a}.to(memory_format=torch.channels_last), {self.fresh((3, 2, 2, 2), dtype)}.to({a}.dtype))", f"{a}.to(memory_format=torch.channels_last)", f"{F}.batch_norm({a}.to(memory_format=torch.channels_last), None, None, training=True).double()",
                f"torch.stft({self.fresh((16,), 'float64')}, 4, window=torch.hann_window(4, dtype=torch.float64), return_complex=True).abs()", f"torch.istft(torch.stft({self.fresh((16,), 'float64')}, 4, window=torch.ones(4, dtype=torch.float64), return_complex=True), 4, window=torch.ones(4, dtype=torch.float64))", f"torch.{self.one(['hann', 'hamming', 'blackman', 'bartlett', 'kaiser'])}_window({self.one([1, 4, 5])}, periodic={self.chance(0.5)})", f"torch.logspace(0, 1, 4, base={self.one([2.0, 10.0])})"]  # fmt: skip
        return self.assigned(made)

    def attended(self, x: str) -> str | None:
        shape = (1, 2, 3, 2)
        q, dtype = self.at(shape)
        k, v = self.fresh(shape, dtype), self.fresh(shape, dtype)
        mask = self.one(
            [
                "None",
                "torch.ones(3, 3).tril().bool()",
                f"torch.zeros(3, 3, dtype={q}.dtype).masked_fill(torch.ones(3, 3).triu(1).bool(), float('-inf'))",
            ]
        )
        made = [f"{F}.scaled_dot_product_attention({q}, {k}.to({q}.dtype), {v}.to({q}.dtype), attn_mask={mask}, scale={self.one(['None', '0.5'])})", f"{F}.scaled_dot_product_attention({q}, {k}.to({q}.dtype), {v}.to({q}.dtype), is_causal=True)", f"{F}.scaled_dot_product_attention({q}, {k}[:, :1].to({q}.dtype), {v}[:, :1].to({q}.dtype), enable_gqa=True)", f"{F}.softmax({q} @ {q}.mT, -1) @ {q}", f"{F}.cross_entropy({q}.reshape(-1, 2), torch.tensor([0, 1, 1, 0, 1, -100]))", f"{F}.triplet_margin_with_distance_loss({q}, {k}, {v})"]  # fmt: skip
        return self.assigned(made)

    def made(self, x: str) -> str | None:
        kind = self.one(["float32", "float64", "int64", "int32", "bool"])
        return self.assigned([f"torch.arange(0, 1, 0.3, dtype=torch.{kind})", f"torch.linspace(0, 5, 4, dtype=torch.{kind})", f"torch.eye(2, 3, dtype=torch.{kind})", f"torch.full((2,), {self.number()}, dtype=torch.{kind})", f"torch.tensor([[1, 0], [2, 3]], dtype=torch.{kind})", f"torch.from_numpy(np.arange(6).reshape(2, 3)).to(torch.{kind})", "torch.frombuffer(bytearray(8), dtype=torch.int32)", f"torch.ones(2, 3, dtype=torch.{kind}).to_dense()", f"torch.zeros(2, 2, dtype=torch.{kind}, requires_grad={kind in ('float32', 'float64')})", f"torch.logspace(0, 2, 3, dtype=torch.{kind})", f"torch.empty((2, 3), dtype=torch.{kind}).fill_(1)", "torch.heaviside(torch.tensor([-1., 0.]), torch.tensor(0.5))"])  # fmt: skip

    def wrapped(self, x: str) -> str | None:
        """Questions, printed text among them."""
        kind = self.one(["int32", "float16", "bool"])
        asked = self.one([f'repr({x}.detach())', f'str({x}.detach())', f'{x}.is_same_size({x})', f'{x}.nbytes', f'{x}.is_signed()', f'{x}.storage_offset()', f'{x}.ndimension()', f'{x}.nelement()', f'{x}.itemsize', f'torch.promote_types({x}.dtype, torch.{kind})', f'torch.broadcast_shapes({x}.shape, (1,))', f'torch.is_tensor({x})', f'torch.is_nonzero({x})', f'{x}.is_conj()', f'{x}.is_set_to({x})', f'{x}.shape.numel()', f'{x}.stride()' if self.one([0, 1]) else f'{x}.dim()', f'torch.numel({x})', f'torch.typename({x})', f'{x}.get_device()', f'hash({x}) == id({x})', f'{x}.type()', f'[v.item() for v in {x}.reshape(-1)]', f"format({x}.detach().sum(), '.2f')", f'{x}.detach().numpy().tolist()', f'len(list({x}))', f'round(float({x}.detach().double().sum()), 3)', f'torch.finfo({x}.dtype).bits', f'torch.iinfo({x}.dtype).max'])  # fmt: skip
        return f"answer = {asked}"
