"""Printed tensors, compared with PyTorch's own ``repr`` by string equality."""

from __future__ import annotations

import contextlib
import doctest
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import microtorch
from microtorch import printing
from microtorch.printing import format_number, format_parameter, format_tensor

torch: Any = pytest.importorskip("torch")

INF, NAN = math.inf, math.nan
FLOATS = ["float16", "bfloat16", "float32", "float64"]
INTS = ["uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64"]
COMPLEX = ["complex64", "complex128"]


@pytest.fixture(autouse=True)
def fresh_options() -> Iterator[None]:
    """Every test starts and leaves with the default options and dtype, on both sides."""
    yield
    torch.set_default_dtype(torch.float32)
    for side in (torch, printing):
        side.set_printoptions(profile="default")


@contextlib.contextmanager
def both(**options: Any) -> Iterator[None]:
    with torch._tensor_str.printoptions(**options), printing.printoptions(**options):
        yield


def ours(t: Any) -> str:
    """The text that a Tensor would ask for: a plain array of the same strides, and the flags."""
    values = t.detach()
    if values.dtype in (torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2):
        values = values.float()
    array = np.empty(t.shape) if t.is_meta else values.numpy()
    plain = type(t) in (torch.Tensor, torch.nn.Parameter)
    text = format_tensor(
        array,
        dtype_name=str(t.dtype).removeprefix("torch."),
        requires_grad=t.requires_grad,
        grad_fn_name=None if t.grad_fn is None else type(t.grad_fn).__name__,
        class_name="tensor" if plain else type(t).__name__,
        device="meta" if t.is_meta else None,
        default_dtype_name=str(torch.get_default_dtype()).removeprefix("torch."),
    )
    return format_parameter(text, subclass=not plain) if isinstance(t, torch.nn.Parameter) else text


def check(t: Any) -> None:
    assert ours(t) == repr(t)


# ---------------------------------------------------------------------------------------------------------------------
# Edge cases
# ---------------------------------------------------------------------------------------------------------------------

VALUES: list[Any] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -2.5,
    1e-4,
    9.9e-5,
    1e-5,
    1e8,
    1.5e8,
    100000001.0,
    99999999.0,
    1e300,
    1e-300,
    5e-324,
    NAN,
    INF,
    -INF,
    [0.0],
    [-0.0],
    [0.0, 0.0, -0.0],
    [NAN],
    [NAN, 0.0],
    [NAN, 1.0],
    [NAN, 100.0],
    [NAN, 0.5],
    [INF, -INF, NAN, 0.0, -0.0],
    [INF, 1.0],
    [-INF, 1.0],
    [INF, 1e10],
    [1.0, 2.0, 3.0],
    [1.0, -2.0, 30.0],
    [-1.0, -0.0],
    [-0.00001, 0.5],
    [-0.00001, 0.001],
    [-0.00004, 5.0],
    [0.00005, 0.04],
    [1.0, 1000.0],
    [1.0, 1000.5],
    [1.0, 1001.0],
    [0.001, 1.0],
    [0.001, 1.001],
    [0.1, 99.99999],
    [0.1, 9.99995],
    [9.99995, 0.5],
    [-9.99996, 0.5],
    [1e-4],
    [1e-4, 2e-4],
    [1.0, 1e8],
    [1e8],
    [1e8, 2e8],
    [9.99999e-100, 1.0],
    [9.9999e-101, 1e-99],
    [1e100, 1e99],
    [-1e-100, 1e100],
    [1e100, -1.0],
    [9.99996e99],
    [-3.0, 1e100, 5e-120],
    [[1.0, 2.0], [3.0, 4.0]],
    [[1.5, -2.0], [3.0, 400.0]],
    [[[1.0, 2.0], [3.0, 4.0]], [[5.0, 6.0], [7.0, NAN]]],
    [[[[1.0]]]],
    [[[[1.0], [2.0]]], [[[3.0], [4.0]]]],
]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("values", VALUES, ids=str)
def test_floats(values: Any, dtype: str) -> None:
    t = torch.tensor(values, dtype=getattr(torch, dtype))
    check(t)
    check(t.clone().requires_grad_())
    check(t.clone().requires_grad_() * 1)
    for sci_mode in (True, False):
        with both(sci_mode=sci_mode):
            check(t)


@pytest.mark.parametrize("dtype", COMPLEX)
@pytest.mark.parametrize("values", VALUES, ids=str)
def test_complex(values: Any, dtype: str) -> None:
    part = torch.tensor(values, dtype=torch.float64)
    with np.errstate(invalid="ignore"):
        for t in (
            torch.complex(part, part),
            torch.complex(part, -part),
            torch.complex(part, torch.ones_like(part)),
            torch.complex(torch.full_like(part, -2.5), part),
            torch.complex(part, torch.zeros_like(part)),
            torch.complex(part, torch.full_like(part, -0.0)),
        ):
            check(t.to(getattr(torch, dtype)))


@pytest.mark.parametrize("dtype", INTS)
def test_integers(dtype: str) -> None:
    info = torch.iinfo(getattr(torch, dtype))
    for values in (0, info.max, info.min, [0], [info.min, info.max, 0], [[1, 2], [30, 4]], list(range(100))):
        check(torch.tensor(values, dtype=getattr(torch, dtype)))


def test_bool() -> None:
    for values in (True, False, [True], [False, True], [[True, True], [True, True]], [True] * 40, [True, False] * 40):
        check(torch.tensor(values))


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "float8_e5m2"])
def test_float8(dtype: str) -> None:
    check(torch.tensor([[0.5, 448.0], [-0.0, 1.75]]).to(getattr(torch, dtype)))


@pytest.mark.parametrize("dtype", [*FLOATS, "int64", "int32", "bool", "complex64", "complex128"])
@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (0, 0), (2, 0, 5), (0, 1000, 1000)], ids=str)
def test_empty(shape: tuple[int, ...], dtype: str) -> None:
    t = torch.zeros(shape, dtype=getattr(torch, dtype))
    check(t)
    if t.is_floating_point() or t.is_complex():
        check(t.clone().requires_grad_())
        check(t.clone().requires_grad_() + 1)
    for edgeitems in (0, 1):
        with both(edgeitems=edgeitems):
            check(t)


@pytest.mark.parametrize("default", FLOATS)
def test_default_dtype_goes_unsaid(default: str) -> None:
    torch.set_default_dtype(getattr(torch, default))
    for dtype in [*FLOATS, *INTS, *COMPLEX, "bool"]:
        for shape in ((), (0,), (2, 0), (3,)):
            check(torch.ones(shape, dtype=getattr(torch, dtype)))


SUMMARY_SHAPES: list[tuple[int, ...]] = [
    *[(1000,), (1001,), (100000,), (10, 100), (11, 100), (6, 200), (7, 200), (1001, 1), (1, 1001), (300, 300)],
    *[(7, 100000), (100000, 7), (2, 3, 200), (20, 8, 9), (7, 7, 7, 7), (1, 1, 1, 1001), (6, 6, 6, 6), (6, 1, 7, 40)],
    *[(2,) * 10, (*[1] * 40, 1001), (1,) * 64],
]


@pytest.mark.parametrize("shape", SUMMARY_SHAPES, ids=str)
def test_summary(shape: tuple[int, ...]) -> None:
    size = math.prod(shape)
    check(torch.arange(size).reshape(shape))
    check(torch.arange(size, dtype=torch.float32).reshape(shape))
    check(torch.linspace(-1, 1, size).reshape(shape).requires_grad_())
    check(torch.arange(size).reshape(shape) % 2 == 0)
    check(torch.complex(torch.linspace(-1, 1, size), torch.arange(size) * 100.0).reshape(shape) * 1)


def test_summary_measures_only_what_it_shows() -> None:
    t = torch.ones(2000)
    t[1000] = 1e20
    check(t)
    t[1] = 0.123
    check(t)


@pytest.mark.parametrize("edgeitems", [0, 1, 2, 5, 600])
@pytest.mark.parametrize("threshold", [0, 1, 5, INF])
def test_edgeitems_and_threshold(edgeitems: int, threshold: float) -> None:
    with both(edgeitems=edgeitems, threshold=threshold):
        for shape in ((), (1,), (5,), (30,), (3, 4), (12, 13), (4, 5, 6)):
            t = torch.linspace(-3, 3, math.prod(shape)).reshape(shape)
            for u in (t, t.double(), t * 100 // 1, t.int(), t > 0, torch.complex(t, t * 9), t.clone().requires_grad_()):
                check(u)


@pytest.mark.parametrize("linewidth", [0, 1, 10, 20, 40, 79, 81, 100, 200, 10**6])
def test_linewidth(linewidth: int) -> None:
    with both(linewidth=linewidth):
        for size in (1, 5, 9, 60):
            t = torch.linspace(-3, 3, size)
            check(t.double().requires_grad_())
            check((t.requires_grad_() * 2).reshape(1, size))
            check(torch.complex(t, t).to(torch.complex128).detach())


def test_suffixes_wrap_at_every_length() -> None:
    for size in range(1, 40):
        t = torch.arange(size, dtype=torch.float32)
        check(t)
        check(t.requires_grad_())
        check(t.exp())
        check(t.double())
        check(t.reshape(1, size).double())
        check(t.detach().to(torch.int16))


@pytest.mark.parametrize("precision", [0, 1, 2, 7, 15, 20])
def test_precision(precision: int) -> None:
    with both(precision=precision):
        for values in VALUES:
            check(torch.tensor(values, dtype=torch.float64))
            check(torch.tensor(values, dtype=torch.float64) * (0.1 + 0.3j))


def test_strides_do_not_matter() -> None:
    t = torch.arange(2400, dtype=torch.float32).reshape(40, 60)
    for u in (t.T, t[::3, 1::7], t[:3, :4].T, torch.ones(1).expand(50, 50), t[5], t[:, 5], torch.complex(t, t).T):
        check(u)
    assert format_tensor(np.arange(3, dtype=np.float32)[::-1]) == "tensor([2., 1., 0.])"
    assert format_tensor(np.arange(3, dtype=">i8")) == "tensor([0, 1, 2])"


def test_parameters_and_subclasses() -> None:
    derived = type("Derived", (torch.nn.Parameter,), {})
    sub = type("Sub", (torch.Tensor,), {})
    check(torch.nn.Parameter(torch.ones(2, 3)))
    check(torch.nn.Parameter(torch.ones(30), requires_grad=False))
    check(torch.nn.Parameter(torch.tensor(0.25)))
    check(torch.nn.Parameter(torch.tensor([])))
    check(derived(torch.ones(2, 3)))
    check(torch.linspace(0, 9, 50).reshape(5, 10).as_subclass(sub))
    check(torch.ones(2, 0).as_subclass(sub))


def test_meta_device() -> None:
    for t in (torch.empty(2, 3, device="meta"), torch.empty((), dtype=torch.int64, device="meta")):
        check(t)
    check(torch.empty(2, 0, device="meta", requires_grad=True))


def test_given_contents() -> None:
    t = torch.ones(2, dtype=torch.float64, requires_grad=True)
    text = format_tensor(np.ones(2), requires_grad=True, contents="<shown elsewhere>")
    assert text == t.__repr__(tensor_contents="<shown elsewhere>")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tangent_is_the_last_suffix() -> None:
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(torch.ones(2), torch.zeros(2))
        assert format_tensor(np.ones(2, np.float32), tangent="tensor([0., 0.])") == repr(dual)


def test_more_suffixes_follow_the_dtype() -> None:
    text = format_tensor(np.ones(1), suffixes=["layout=torch.strided"], requires_grad=True)
    assert text == "tensor([1.], dtype=torch.float64, layout=torch.strided, requires_grad=True)"


@pytest.mark.parametrize("spec", ["", ".4f", "10.2e", "+g", ">20", ".3g"])
def test_format_number(spec: str) -> None:
    for values in (0.1, -0.0, 1e10, NAN, INF, 3, True, 1 + 2j):
        t = torch.tensor(values)
        assert format_number(t.numpy(), spec) == format(t, spec)
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        t = torch.tensor(0.1, dtype=dtype)
        assert format_number(t.double().numpy(), spec) == format(t, spec)


def test_format_number_rejects_what_python_rejects() -> None:
    for t, spec in ((torch.tensor(1.5), "d"), (torch.tensor(1j), "d")):
        with pytest.raises(ValueError) as theirs:
            format(t, spec)
        with pytest.raises(ValueError) as mine:
            format_number(t.numpy(), spec)
        assert str(mine.value) == str(theirs.value)


# ---------------------------------------------------------------------------------------------------------------------
# Options
# ---------------------------------------------------------------------------------------------------------------------

OPTION_SETS: list[dict[str, Any]] = [
    {},
    {"precision": 2},
    {"profile": "short"},
    {"profile": "full"},
    {"profile": "full", "threshold": 10},
    {"profile": "no such profile"},
    {"sci_mode": True},
    {"linewidth": 120, "edgeitems": 1},
    {"profile": "default", "sci_mode": False, "precision": 8},
    {"precision": 0, "threshold": 0, "edgeitems": 0, "linewidth": 0},
]


@pytest.mark.parametrize("first", OPTION_SETS, ids=str)
@pytest.mark.parametrize("second", OPTION_SETS, ids=str)
def test_options_add_up_as_in_torch(first: dict[str, Any], second: dict[str, Any]) -> None:
    for options in (first, second):
        torch.set_printoptions(**options)
        printing.set_printoptions(**options)
        assert list(printing.get_printoptions().items()) == list(torch._tensor_str.get_printoptions().items())


def test_printoptions_restores_what_was_there() -> None:
    printing.set_printoptions(precision=2, sci_mode=True)
    before = printing.get_printoptions()
    with pytest.raises(KeyError), printing.printoptions(profile="full"):
        assert printing.get_printoptions()["threshold"] == INF
        assert printing.get_printoptions()["sci_mode"] is None
        raise KeyError
    assert printing.get_printoptions() == before


def test_what_get_returns_is_a_copy() -> None:
    printing.get_printoptions()["precision"] = 99
    assert printing.get_printoptions()["precision"] == 4


# ---------------------------------------------------------------------------------------------------------------------
# Random tensors
# ---------------------------------------------------------------------------------------------------------------------


def random_shape(rng: np.random.Generator) -> tuple[int, ...]:
    kind = rng.random()
    if kind < 0.08:
        return ()
    if kind < 0.13:
        return tuple(int(n) for n in rng.integers(0, 3, rng.integers(1, 4)))
    if kind < 0.4:
        return (int(rng.integers(1, 90)),)
    dims = int(rng.integers(2, 6))
    most = int(200 ** (1 / dims)) + 1 if kind < 0.9 else int(4000 ** (1 / dims)) + 2
    return tuple(int(n) for n in rng.integers(1, most + 1, dims))


def random_floats(rng: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    values: np.ndarray[Any, Any]
    kind = rng.integers(0, 8)
    if kind == 0:
        values = rng.standard_normal(shape)
    elif kind == 1:
        values = rng.integers(-(10 ** int(rng.integers(1, 10))), 10 ** int(rng.integers(1, 10)), shape) * 1.0
    elif kind == 2:
        # Magnitudes mixed over a range as wide as it comes out.
        centre, spread = rng.uniform(-12, 12), rng.uniform(0, 6)
        values = rng.choice([-1.0, 1.0], shape) * 10 ** rng.uniform(centre - spread, centre + spread, shape)
    elif kind == 3:
        # Ratios and magnitudes about the limits between the notations: 1000, 1e8, 1e-4.
        values = rng.choice([1e-4, 1e-1, 1.0, 1e3, 1e5, 1e8], shape) * rng.choice([1.0, 1.0, 1.0001, 0.9999], shape)
    elif kind == 4:
        values = rng.choice([0.0, -0.0, 1.0, -1.0, 0.5], shape)
    elif kind == 5:
        # Rounding up to one more digit.
        values = 10.0 ** rng.integers(-2, 3, shape) - rng.choice([0.0, 1e-5, 4e-5, 6e-5], shape)
    elif kind == 6:
        with np.errstate(over="ignore"):
            values = rng.choice([-1.0, 1.0], shape) * 10 ** rng.uniform(-320, 308, shape)
    else:
        values = np.full(shape, 10 ** rng.uniform(-6, 10)) * rng.choice([1, 1, 2], shape)
    values = np.array(values, dtype=np.float64)
    if rng.random() < 0.3:
        hit = rng.random(shape) < rng.uniform(0, 1)
        values = np.where(hit, rng.choice([0.0, -0.0, INF, -INF, NAN], shape), values)
    return values


def random_tensor(rng: np.random.Generator) -> Any:
    shape = random_shape(rng)
    kind = rng.random()
    if kind < 0.08:
        t = torch.from_numpy(np.array(rng.random(shape) < rng.random()))
    elif kind < 0.3:
        dtype = getattr(torch, str(rng.choice(INTS)))
        info = torch.iinfo(dtype)
        most = int(rng.choice([1, 10, 100, 255, 10**4, 10**9, 2**62]))
        low, high = max(info.min, -most), min(info.max, most)
        t = torch.from_numpy(np.array(rng.integers(low, high, shape, endpoint=True))).to(dtype)
    elif kind < 0.5:
        real, imag = (torch.from_numpy(random_floats(rng, shape)) for _ in range(2))
        t = torch.complex(real, imag).to(getattr(torch, str(rng.choice(COMPLEX))))
    else:
        dtype = str(rng.choice(["float32"] * 4 + FLOATS))
        t = torch.from_numpy(random_floats(rng, shape)).to(getattr(torch, dtype))
    if t.dim() >= 2 and rng.random() < 0.3:
        t = t.transpose(0, 1)
    if t.is_floating_point() or t.is_complex():
        flag = rng.integers(0, 4)
        if flag >= 2:
            t = t.clone().requires_grad_()
        if flag == 3:
            ops: list[Any] = [torch.neg, torch.clone, torch.squeeze]
            t = ops[int(rng.integers(0, 3))](t)
        elif flag == 2 and rng.random() < 0.3:
            t = torch.nn.Parameter(t.detach())
    return t


def random_options(rng: np.random.Generator) -> dict[str, Any]:
    if rng.random() < 0.5:
        return {}
    draws: dict[str, Callable[[], Any]] = {
        "precision": lambda: int(rng.integers(0, 12)),
        "threshold": lambda: [0, 10, 100, 1000, INF][int(rng.integers(0, 5))],
        "edgeitems": lambda: int(rng.integers(0, 6)),
        "linewidth": lambda: int(rng.integers(1, 200)),
        "profile": lambda: str(rng.choice(["default", "short", "full"])),
        "sci_mode": lambda: bool(rng.integers(0, 2)),
    }
    return {name: draw() for name, draw in draws.items() if rng.random() < 0.3}


def compare_random(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    for index in range(count):
        options, t = random_options(rng), random_tensor(rng)
        with both(**options):
            expected, found = repr(t), ours(t)
        assert found == expected, f"tensor {index} of seed {seed}, options {options}"


@pytest.mark.parametrize("seed", range(12))
def test_random(seed: int) -> None:
    compare_random(seed, 100)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1000, 1060))
def test_random_many(seed: int) -> None:
    compare_random(seed, 100)


# ---------------------------------------------------------------------------------------------------------------------
# microtorch's own tensors
# ---------------------------------------------------------------------------------------------------------------------

DTYPES = ["float16", "float32", "float64", "complex64", "complex128", "uint8", "int8", "int16", "int32", "int64", "uint16",
          "uint32", "uint64", "bool"]  # fmt: skip
# one argument -> the same tensor in the graph, in another form or class
FORMS: list[Callable[[Any, Any], Any]] = [
    lambda lib, t: t,
    lambda lib, t: t.requires_grad_(),
    lambda lib, t: -t.requires_grad_() if t.is_floating_point() else t.requires_grad_().clone(),
    lambda lib, t: t.requires_grad_().t() if t.dim() == 2 else t.requires_grad_().unsqueeze(0),
    lambda lib, t: t.requires_grad_().reshape(-1)[:1].sum(),
    lambda lib, t: t.requires_grad_().clone().zero_(),
    lambda lib, t: t.requires_grad_().reshape(-1)[::2],
    lambda lib, t: lib.nn.Parameter(t),
    lambda lib, t: lib.nn.Parameter(t, requires_grad=False),
    lambda lib, t: lib.nn.Parameter(t).flip(-1) if t.dim() else lib.nn.Parameter(t).view(1),
    lambda lib, t: [t, (t, {"a": t})],
]


def random_pair(rng: np.random.Generator) -> tuple[Any, Any]:
    """The same tensor of PyTorch's and of microtorch's."""
    dtype = DTYPES[rng.integers(len(DTYPES))]
    shape = random_shape(rng)
    if dtype.startswith("complex"):
        with np.errstate(all="ignore"):
            array: Any = (random_floats(rng, shape) + 1j * random_floats(rng, shape)).astype(dtype)
    elif dtype == "bool":
        array = rng.random(shape) < 0.5
    elif "int" in dtype:
        info = np.iinfo(dtype)
        top = min(10 ** int(rng.integers(1, 20)), int(info.max))
        array = rng.integers(max(-top, int(info.min)), top, shape, dtype, endpoint=True)
    else:
        with np.errstate(all="ignore"):
            array = random_floats(rng, shape).astype(dtype)
    array = np.ascontiguousarray(array).reshape(shape)
    form = FORMS[rng.integers(len(FORMS))] if array.dtype.kind in "fc" else FORMS[rng.choice([0, -1])]
    return form(torch, torch.from_numpy(array.copy())), form(microtorch, microtorch.from_numpy(array.copy()))


def compare_tensors(seed: int, count: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(count):
        theirs, own = random_pair(rng)
        options = random_options(rng) if rng.random() < 0.5 else {}
        default = str(rng.choice(["float32"] * 3 + ["float64", "float16"]))
        with both(**options):
            for lib in (torch, microtorch):
                lib.set_default_dtype(getattr(lib, default))
            try:
                assert repr(own) == repr(theirs), (options, default)
                assert str(own) == str(theirs)
                if isinstance(theirs, torch.Tensor):
                    assert f"{own}" == f"{theirs}"
            finally:
                for lib in (torch, microtorch):
                    lib.set_default_dtype(lib.float32)


@pytest.mark.parametrize("seed", range(4))
def test_tensors(seed: int) -> None:
    compare_tensors(seed, 100)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 160))
def test_many_tensors(seed: int) -> None:
    compare_tensors(seed, 100)


def test_docstring_examples() -> None:
    assert doctest.testmod(printing).failed == 0
