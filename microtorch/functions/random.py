"""Random tensors, with PyTorch's signatures: after `manual_seed(s)` PyTorch's own numbers (CPU), bit for bit.

Every function draws from `generator`, or from the default one. The algorithms are in kernels/random.py; the nodes of
the graph in ops/random.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from microtorch import dtypes
from microtorch.autograd.inplace import check_writable, place
from microtorch.autograd.modes import mode
from microtorch.autograd.node import OpNode, written
from microtorch.autograd.state import TensorBase
from microtorch.functions.arguments import bad_call, need_tensor, number_of, numpy_dtype, takes_out
from microtorch.functions.creation import filled_later, finish, like
from microtorch.kernels.batched import check_random_write, running
from microtorch.ops import random as R
from microtorch.random import Generator, default_generator

if TYPE_CHECKING:
    from microtorch._tensor import Tensor


def stream_of(generator: Any, name: str = "") -> Any:
    """What a generator (None: the default one) draws from.

    Raises TypeError if it is no generator.
    """
    if generator is None:
        return default_generator.stream
    if not isinstance(generator, Generator):
        raise TypeError(f"{name}(): argument 'generator' must be torch.Generator, not {type(generator).__name__}")
    return generator.stream


# of a given size -----------------------------------------------------------------------------------------------------


def _sized(name: str, size: tuple[Any, ...], named: dict[str, Any]) -> tuple[Any, ...]:
    """The sizes of rand and randn, which may also come as `size=`."""
    if "size" in named and not size:
        size = (named.pop("size"),)
    if named or not size:
        raise bad_call(name, size, named, [_SIZED, _SIZED.replace("torch.Generator generator, ", "")])
    return size


_OPTIONS = (
    "torch.dtype dtype = None, torch.layout layout = None, torch.device device = None, bool pin_memory = False, "
    "bool requires_grad = False"
)
_SIZED = f"tuple of ints size, *, torch.Generator generator, Tensor out = None, {_OPTIONS}"


def rand(*size: Any, generator: Any = None, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
         requires_grad: bool = False, pin_memory: bool = False, **named: Any) -> Tensor:  # fmt: skip
    """Uniform numbers in [0, 1), of the given size.

    Raises NotImplementedError for integer dtypes.

    >>> import microtorch as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.rand(3)
    tensor([0.4963, 0.7682, 0.0885])
    """
    stream = stream_of(generator, "rand")
    if named or not size:
        size = _sized("rand", size, named)
    t = filled_later("rand", size, dtype, layout, device, out)
    stream.fill(t._data, "uniform")
    return finish(t, requires_grad) if requires_grad else t


def randn(*size: Any, generator: Any = None, out: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
          requires_grad: bool = False, pin_memory: bool = False, **named: Any) -> Tensor:  # fmt: skip
    """Standard normal numbers, of the given size; complex ones have variance 1 in all.

    >>> import microtorch as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.randn(2, 2)
    tensor([[ 1.5410, -0.2934],
            [-2.1788,  0.5684]])
    """
    stream = stream_of(generator, "randn")
    if named or not size:
        size = _sized("randn", size, named)
    t = filled_later("randn", size, dtype, layout, device, out)
    stream.fill(t._data, "normal")
    return finish(t, requires_grad) if requires_grad else t


def randint(
    *args: Any,
    generator: Any = None,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
    **named: Any,
) -> Tensor:
    """randint(low=0, high, size): integers from low to high - 1; int64 unless `dtype` is given.

    >>> import microtorch as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.randint(10, (5,))
    tensor([4, 9, 3, 0, 3])
    """
    low, high, size = _bounds("randint", args, named)
    stream = stream_of(generator, "randint")
    t = filled_later("randint", (size,), dtype or (dtypes.int64 if out is None else None), layout, device, out)
    stream.fill(t._data, "randint", low, high)
    return finish(t, requires_grad)


def _bounds(name: str, args: tuple[Any, ...], named: dict[str, Any]) -> tuple[int, int, Any]:
    """(low, high, size) of randint's forms: (high, size), (low, high, size), any of them by name."""
    values = list(args)
    wanted = ["low", "high", "size"] if len(values) + len(named) == 3 else ["high", "size"]
    given = {**dict(zip(wanted, values)), **named}
    if len(given) != len(values) + len(named) or set(given) != set(wanted):
        raise bad_call(name, args, named, [f"int high, {_SIZED}", f"int low, int high, {_SIZED}"])
    size = given["size"]
    at = len(values)
    if not isinstance(size, (tuple, list)):
        raise TypeError(f"{name}(): argument 'size' (position {at}) must be tuple of ints, not {type(size).__name__}")
    low = number_of(name, given["low"], "low", 1, "int") if "low" in given else 0
    if "low" in given and isinstance(given["high"], (float, bool)):
        raise bad_call(name, args, named, [f"int high, {_SIZED}", f"int low, int high, {_SIZED}"])
    return low, number_of(name, given["high"], "high", at - 1 if at > 1 else None, "int"), size


def randperm(
    n: Any,
    *,
    generator: Any = None,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """A permutation of 0 .. n-1, int64 unless `dtype` is given.

    >>> import microtorch as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.randperm(6)
    tensor([2, 5, 3, 0, 1, 4])
    """
    n = number_of("randperm", n, "n", 1, "int")
    stream = stream_of(generator, "randperm")
    kind = numpy_dtype(dtype) if dtype is not None or out is None else out._data.dtype
    order = stream.randperm(n, np.dtype(np.int64) if kind is None else kind)
    if out is None and layout is None:
        return finish(order, requires_grad, device)
    t = filled_later("randperm", ((n,),), dtypes.of[order.dtype], layout, device, out)
    t._data[...] = order
    return finish(t, requires_grad)


# like another tensor -------------------------------------------------------------------------------------------------


def rand_like(input: Any, *, generator: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
              requires_grad: bool = False, memory_format: Any = None, pin_memory: bool = False) -> Tensor:  # fmt: skip
    """Uniform numbers in [0, 1), with the shape, dtype and order in memory of `input`."""
    stream = stream_of(generator, "rand_like")
    t = like("rand_like", input, dtype, layout, device, memory_format)
    stream.fill(t._data, "uniform")
    return finish(t, requires_grad)


def randn_like(input: Any, *, generator: Any = None, dtype: Any = None, layout: Any = None, device: Any = None,
               requires_grad: bool = False, memory_format: Any = None, pin_memory: bool = False) -> Tensor:  # fmt: skip
    """Standard normal numbers, with the shape, dtype and order in memory of `input`."""
    stream = stream_of(generator, "randn_like")
    t = like("randn_like", input, dtype, layout, device, memory_format)
    stream.fill(t._data, "normal")
    return finish(t, requires_grad)


def randint_like(
    input: Any,
    *args: Any,
    generator: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    memory_format: Any = None,
    pin_memory: bool = False,
    **named: Any,
) -> Tensor:
    """randint_like(input, low=0, high): integers from low to high - 1, with the shape, dtype and order of `input`."""
    need_tensor("randint_like", input)
    low, high, _ = _bounds("randint_like", args, {**named, "size": ()})
    stream = stream_of(generator, "randint_like")
    t = like("randint_like", input, dtype, layout, device, memory_format)
    stream.fill(t._data, "randint", low, high)
    return finish(t, requires_grad)


# from parameters -----------------------------------------------------------------------------------------------------

_NORMAL = (
    "Tensor mean, Tensor std, *, torch.Generator generator = None, Tensor out = None",
    "Tensor mean, float std = 1, *, torch.Generator generator = None, Tensor out = None",
    "float mean, Tensor std, *, torch.Generator generator = None, Tensor out = None",
    f"float mean, float std, tuple of ints size, *, torch.Generator generator = None, Tensor out = None, {_OPTIONS}",
)


def normal(
    mean: Any,
    std: Any = 1.0,
    size: Any = None,
    *,
    generator: Any = None,
    out: Any = None,
    dtype: Any = None,
    layout: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Normal numbers. Of the tensors `mean` and `std`, one may be a number; if both are, `size` says how many.

    >>> import microtorch as torch
    >>> _ = torch.manual_seed(0)
    >>> torch.normal(torch.tensor([0.0, 100.0]), 2.0)
    tensor([ 3.0820, 99.4131])
    """
    stream = stream_of(generator, "normal")
    with_mean, with_std = isinstance(mean, TensorBase), isinstance(std, TensorBase)
    if not with_mean and not with_std:
        if not isinstance(size, (tuple, list)) or not all(isinstance(v, (int, float, np.number)) for v in (mean, std)):
            given = (mean, std) if size is None else (mean, std, size)
            raise bad_call("normal", given, {}, _NORMAL)
        t = filled_later("normal", (size,), dtype, layout, device, out)
        stream.fill(t._data, "normal", float(mean), float(std))
        return finish(t, requires_grad)
    if size is not None:
        raise bad_call("normal", (mean, std, size), {}, _NORMAL)
    if not with_std:
        if not std >= 0:
            raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
    elif std._data.dtype.kind == "c":
        raise RuntimeError("normal expects standard deviation to be non-complex")
    elif std._data.size and not std._data.min() >= 0:
        raise RuntimeError("normal expects all elements of std >= 0.0")
    entry = R.normal_by_both if with_mean and with_std else R.normal_by_mean if with_mean else R.normal_by_std
    shape = (
        _broadcast(mean._data.shape, std._data.shape)
        if with_mean and with_std
        else (mean if with_mean else std)._data.shape
    )
    kind = (mean if with_mean else std)._data.dtype
    if out is not None and out._data.shape != shape:
        _broadcast(shape, out._data.shape)
    return _out(entry(mean, std, stream, shape, kind), out=out)


def _broadcast(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[int, ...]:
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        i = next(i for i in range(1, min(len(a), len(b)) + 1) if a[-i] != b[-i] and 1 not in (a[-i], b[-i]))
        raise RuntimeError(
            f"The size of tensor a ({a[-i]}) must match the size of tensor b ({b[-i]}) at non-singleton dimension "
            f"{max(len(a), len(b)) - i}"
        ) from None


_out: Any = takes_out(lambda result: result)


def bernoulli(input: Any, p: Any = None, *, generator: Any = None, out: Any = None) -> Tensor:
    """1 with the probability that stands in its place in `input` (or with the one probability `p`), else 0.

    >>> import microtorch as torch
    >>> torch.bernoulli(torch.tensor([0.0, 1.0]))
    tensor([0., 1.])
    """
    need_tensor("bernoulli", input)
    stream = stream_of(generator, "bernoulli")
    result = (
        R.bernoulli(input, stream) if p is None else R.bernoulli_p(input, stream, number_of("bernoulli", p, "p", 2))
    )
    return _out(result, out=out)


def multinomial(
    input: Any, num_samples: Any, replacement: bool = False, *, generator: Any = None, out: Any = None
) -> Tensor:
    """Indices drawn with the weights `input`, (n,) or (rows, n): of shape (num_samples,) or (rows, num_samples).

    Raises RuntimeError for weights that are negative, not finite, or all zero.
    """
    need_tensor("multinomial", input)
    count = number_of("multinomial", num_samples, "num_samples", 2, "int")
    if out is not None and out._data.dtype != np.int64:
        raise RuntimeError(f"multinomial expects Long tensor out, got: {dtypes.of[out._data.dtype].type_name}")
    return _out(R.multinomial(input, stream_of(generator, "multinomial"), count, replacement), out=out)


def poisson(input: Any, generator: Any = None) -> Tensor:
    """Poisson numbers of the rates `input`, in its dtype."""
    need_tensor("poisson", input)
    return R.poisson(input, stream_of(generator, "poisson"))


def binomial(count: Any, prob: Any, generator: Any = None) -> Tensor:
    """The number of successes among `count` trials of probability `prob`, for each place."""
    need_tensor("binomial", count, "count")
    need_tensor("binomial", prob, "prob", 2)
    return R.binomial(count, prob, stream_of(generator, "binomial"))


def _standard_gamma(input: Any, generator: Any = None) -> Tensor:
    """Gamma numbers of the shapes `input` and scale 1."""
    return R.standard_gamma(input, stream_of(generator, "_standard_gamma"))


def _sample_dirichlet(input: Any, generator: Any = None) -> Tensor:
    """Points of the simplex with the concentrations `input`, along the last dimension."""
    return R.sample_dirichlet(input, stream_of(generator, "_sample_dirichlet"))


# in place ------------------------------------------------------------------------------------------------------------


def _fill(self: Any, entry: Any, kind: str, generator: Any, *args: Any) -> Tensor:
    """Write what the stream draws into the tensor's memory, and record that its old value is gone."""
    if running.levels:
        check_random_write(self._data)
    stream = stream_of(generator, entry.op.name + "_")
    check_writable(self)
    stream.fill(self._data, kind, *args)
    written(self)
    if self._node is not None and mode.enabled:
        place(self, OpNode(entry.op, (self._node,), (), self._data))
    return self


def uniform_(self: Any, *args: Any, generator: Any = None, **named: Any) -> Tensor:
    """uniform_(from=0, to=1): fill with uniform numbers in [from, to), in place."""
    low, high = _two("uniform_", ("from", "to"), (0.0, 1.0), args, named)
    return _fill(self, R.uniform, "uniform", generator, low, high)


def normal_(self: Any, *args: Any, generator: Any = None, **named: Any) -> Tensor:
    """normal_(mean=0, std=1): fill with normal numbers of that mean and standard deviation, in place."""
    return _fill(self, R.normal, "normal", generator, *_two("normal_", ("mean", "std"), (0.0, 1.0), args, named))


def random_(self: Any, *args: Any, generator: Any = None, **named: Any) -> Tensor:
    """random_(from=0, to=None): fill with integers from `from` to `to` - 1, in place.

    Without bounds: from 0 to the greatest that the dtype holds exactly; random_(from, None): up to the dtype's
    greatest.
    """
    given = dict(zip(("to",) if len(args) == 1 and "to" not in named else ("from", "to"), args), **named)
    forms = ["*, torch.Generator generator = None", "int from, int to, *, torch.Generator generator = None",
             "int to, *, torch.Generator generator = None"]  # fmt: skip
    numbers = [v for k, v in given.items() if not (k == "to" and v is None)]
    if set(given) - {"from", "to"} or len(args) > 2 or any(isinstance(v, (float, bool, str)) for v in numbers):
        raise bad_call("random_", args, named, forms)
    if not given:
        return _fill(self, R.random_any, "random", generator)
    to = None if given.get("to") is None else number_of("random_", given["to"], "to", None, "int")
    if "from" not in given:
        if to is None:
            raise bad_call("random_", args, named, forms)
        return _fill(self, R.random_below, "randint", generator, 0, to)
    return _fill(
        self, R.random_between, "randint", generator, number_of("random_", given["from"], "from", None, "int"), to
    )


def bernoulli_(self: Any, p: Any = 0.5, *, generator: Any = None) -> Tensor:
    """Fill with 1 (probability p, a number or a tensor that broadcasts) and 0, in place."""
    if not isinstance(p, TensorBase):
        return _fill(self, R.bernoulli_fill, "bernoulli", generator, number_of("bernoulli_", p, "p", 1))
    if running.levels:
        check_random_write(self._data)
    stream = stream_of(generator, "bernoulli_")
    check_writable(self)
    stream.fill(self._data, "bernoulli_array", p._data)
    written(self)
    if mode.enabled and (self._node is not None or p._node is not None):
        place(self, OpNode(R.bernoulli_fill_by.op, (self._node, p._node), (), self._data))  # type: ignore[attr-defined]
    return self


def exponential_(self: Any, lambd: Any = 1, *, generator: Any = None) -> Tensor:
    """Fill with exponential numbers of rate lambd, in place."""
    return _fill(self, R.exponential, "exponential", generator, float(number_of("exponential_", lambd, "lambd", 1)))


def cauchy_(self: Any, *args: Any, generator: Any = None, **named: Any) -> Tensor:
    """cauchy_(median=0, sigma=1): fill with Cauchy numbers, in place."""
    return _fill(self, R.cauchy, "cauchy", generator, *_two("cauchy_", ("median", "sigma"), (0.0, 1.0), args, named))


def geometric_(self: Any, p: Any, *, generator: Any = None) -> Tensor:
    """Fill with the numbers of trials up to the first success of probability p, in place."""
    return _fill(self, R.geometric, "geometric", generator, number_of("geometric_", p, "p", 1))


def log_normal_(self: Any, *args: Any, generator: Any = None, **named: Any) -> Tensor:
    """log_normal_(mean=1, std=2): fill with exp of normal numbers of that mean and standard deviation, in place."""
    return _fill(
        self, R.log_normal, "log_normal", generator, *_two("log_normal_", ("mean", "std"), (1.0, 2.0), args, named)
    )


def _two(
    name: str, names: tuple[str, str], values: tuple[float, float], args: tuple[Any, ...], named: dict[str, Any]
) -> list[float]:
    """Two float arguments by position or name (`from` is a keyword of Python: it comes only through **named)."""
    if not named and not args:
        return list(values)
    if len(args) > 2:
        raise TypeError(f"{name}() takes from 0 to 2 positional arguments but {len(args)} were given")
    for k in named:
        if k not in names:
            raise TypeError(f"{name}() got an unexpected keyword argument '{k}'")
        if k in names[: len(args)]:
            raise TypeError(f"{name}() got multiple values for argument '{k}'")
    given = {**dict(zip(names, values)), **named, **dict(zip(names, args))}
    return [float(number_of(name, given[k], k, i + 1 if i < len(args) else None)) for i, k in enumerate(names)]
