"""torch.func against PyTorch: nestings of its transforms, on random functions and arguments."""

import itertools

import numpy as np
import pytest
import torch

import microtorch
from tests.differential import difference

DTYPE = {"dtype": torch.float64}


def both(program, *arrays, **options):
    """The results of `program(torch or microtorch, *tensors)`, as lists of arrays: PyTorch's, ours."""
    found = []
    for lib in (torch, microtorch):
        result = program(lib, *[lib.from_numpy(np.array(a)) for a in arrays], **options)
        flat = result if isinstance(result, (tuple, list)) else (result,)
        found.append([t.detach().numpy() for t in flat])
    return found


def agree(program, *arrays, **options):
    want, got = both(program, *arrays, **options)
    assert len(want) == len(got)
    for a, b in zip(want, got):
        assert a.shape == b.shape and a.dtype == b.dtype
        np.testing.assert_allclose(b, a, 1e-7, 1e-9)


rng = np.random.default_rng(0)
W, X, B = rng.standard_normal((4, 3)), rng.standard_normal(3), rng.standard_normal((5, 3))

FUNCTIONS = {
    "tanh of a product": lambda lib, w, x: (w @ x).tanh(),
    "softmax": lambda lib, w, x: lib.softmax(w @ x, 0) * x.sum(),
    "outer and sums": lambda lib, w, x: (w * x.exp()).sum(1) / (1 + (x * x).sum()),
    "indices": lambda lib, w, x: lib.stack([x[0] * w[0, 1], (x[1:] ** 2).sum(), w[:, 2].prod()]),
    "sorted": lambda lib, w, x: (w * x).sort(1).values[:, 0] ** 2,
    "in place": lambda lib, w, x: (w + 0 * x).mul_(x).add_(x.sin()).sum(0),
    "written": lambda lib, w, x: written(lib, w, x),
    "norm": lambda lib, w, x: lib.nn.functional.layer_norm(w * x, (3,)).pow(3).sum(1),
    "solve": lambda lib, w, x: lib.linalg.solve(w.T @ w + lib.eye(3, dtype=w.dtype), x),
}


def written(lib, w, x):
    y = w * 2 + x * 0
    y[1] = x * w[0]
    return (y**2).sum(1)


TRANSFORMS = {
    "jacrev": lambda lib, f: lib.func.jacrev(f),
    "jacfwd": lambda lib, f: lib.func.jacfwd(f),
    "grad of sum": lambda lib, f: lib.func.grad(lambda x: (f(x) ** 2).sum()),
    "jvp": lambda lib, f: lambda x: lib.func.jvp(f, (x,), (x * 0.5,))[1],
    "vjp": lambda lib, f: lambda x: vjp_of(lib, f, x),
    "vmap": lambda lib, f: lambda x: lib.vmap(f)(lib.stack([x, x * 0.5])),
    "value": lambda lib, f: f,
}


def vjp_of(lib, f, x):
    y, back = lib.func.vjp(f, x)
    return back(y * 0.3)[0]


QUICK = ("tanh of a product", "written")
ALL = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow) for name in FUNCTIONS]


@pytest.mark.parametrize("function", ALL)
@pytest.mark.parametrize("outer, inner", list(itertools.product(TRANSFORMS, TRANSFORMS)))
def test_two_transforms(function, outer, inner):
    def program(lib, w, x):
        f = FUNCTIONS[function]
        return TRANSFORMS[outer](lib, TRANSFORMS[inner](lib, lambda x: f(lib, w, x)))(x)

    if (function, inner) in PYTORCH_FAILS or (function, outer, inner) in PYTORCH_FAILS:
        pytest.skip(PYTORCH_FAILS.get((function, inner)) or PYTORCH_FAILS[function, outer, inner])
    agree(program, W, X)


# What cannot be compared, and why. The same values by other transforms (jacrev twice, say) are compared all the same.
NORM = "PyTorch's forward mode takes layer_norm's mean and deviation as constants when it is differentiated again"
PYTORCH_FAILS = {
    ("norm", "jacfwd"): NORM,
    ("norm", "jvp"): NORM,
    ("in place", "jacfwd", "jacfwd"): "PyTorch: ZeroTensors are immutable",
    ("written", "jacfwd", "jacfwd"): "PyTorch: ZeroTensors are immutable",
    ("solve", "vmap", "jacfwd"): "PyTorch's Jacobians of a linear function differ by example",
}


def test_where_pytorch_fails_other_transforms_agree():
    for name in ("norm", "in place", "written"):
        want = both(lambda lib, w, x: lib.func.jacrev(lib.func.jacrev(lambda x: FUNCTIONS[name](lib, w, x)))(x), W, X)
        for outer, inner in itertools.product(("jacfwd", "jacrev"), repeat=2):
            func = microtorch.func
            f = lambda x: FUNCTIONS[name](microtorch, microtorch.from_numpy(W), x)  # noqa: E731
            got = getattr(func, outer)(getattr(func, inner)(f))(microtorch.from_numpy(X))
            np.testing.assert_allclose(got.numpy(), want[0][0], 1e-7, 1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("function", ["tanh of a product", "sorted", "outer and sums"])
@pytest.mark.parametrize("names", list(itertools.product(TRANSFORMS, TRANSFORMS, TRANSFORMS)))
def test_three_transforms(function, names):
    def program(lib, w, x):
        f = lambda x: FUNCTIONS[function](lib, w, x)  # noqa: E731
        for name in names:
            f = TRANSFORMS[name](lib, f)
        return f(x)

    agree(program, W, X)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_vmap_inside_of_backward(function):
    """Gradients through vmap for what is mapped over, what is shared, and what the function captures."""

    def program(lib, w, b):
        w.requires_grad_()
        b.requires_grad_()
        y = lib.vmap(lambda x: FUNCTIONS[function](lib, w, x))(b)
        loss = (y**2).sum() + w.sum() * 3
        first = lib.autograd.grad(loss, (w, b), create_graph=True)
        second = lib.autograd.grad(sum((g**2).sum() for g in first), (w, b))
        return (*first, *second)

    agree(program, W, B)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_gradients_inside_of_vmap_with_captured_parameters(function):
    """Per-example gradients that themselves have gradients with respect to a captured tensor."""

    def program(lib, w, b):
        w.requires_grad_()
        g = lib.vmap(lib.func.grad(lambda x: FUNCTIONS[function](lib, w, x).sum()))(b)
        return g, lib.autograd.grad((g**2).sum(), w)[0]

    agree(program, W, B)


@pytest.mark.parametrize(
    "in_dims, out_dims", list(itertools.product([(0, 0), (1, 0), (-1, None), (None, 1)], [0, 1, -1]))
)
def test_dimensions(in_dims, out_dims):
    def program(lib, x, y):
        return lib.vmap(lambda a, b: (a[:, None] * b[None, :]).cumsum(0), in_dims=in_dims, out_dims=out_dims)(x, y)

    shapes = [(4, 4) if d is not None else (4,) for d in in_dims]
    agree(program, *[rng.standard_normal(s) for s in shapes])


def test_nested_vmap_over_both_arguments():
    def program(lib, x, y):
        kernel = lambda a, b: (-((a - b) ** 2).sum()).exp() + lib.dot(a, b)  # noqa: E731
        return lib.vmap(lib.vmap(kernel, (None, 0)), (0, None))(x, y)

    agree(program, B, rng.standard_normal((2, 3)))


def test_nested_vmap_with_gradients_through_both_levels():
    def program(lib, x, y):
        x.requires_grad_()
        kernel = lambda a, b: (-((a - b) ** 2).sum()).exp() * a[0]  # noqa: E731
        k = lib.vmap(lib.vmap(kernel, (None, 0)), (0, None))(x, y)
        (g,) = lib.autograd.grad((k**2).sum(), x, create_graph=True)
        return k, g, lib.autograd.grad((g**2).sum(), x)[0]

    agree(program, B, rng.standard_normal((2, 3)))


def test_without_a_rule_one_example_after_the_other():
    """Boolean masks give shapes that differ by example: the whole function runs for each. (PyTorch refuses.)"""
    b = microtorch.from_numpy(B)
    got = microtorch.vmap(lambda a: a[a > 0].sum())(b)
    np.testing.assert_allclose(got.numpy(), np.where(B > 0, B, 0).sum(1))


def test_without_a_rule_nothing_outside_is_written_twice():
    count = microtorch.zeros(1)

    def f(a):
        count.add_(1)
        return a[a > 0].sum()

    with pytest.raises(NotImplementedError, match="writes in place"):
        microtorch.vmap(f)(microtorch.from_numpy(B))
    count.zero_()
    microtorch.vmap(lambda a: (count.add_(1), a * 2)[1])(microtorch.from_numpy(B))
    assert count.item() == 1


def test_a_write_of_examples_into_something_shared_is_refused():
    for lib in (torch, microtorch):
        shared, b = lib.zeros(3, dtype=lib.float64), lib.from_numpy(B.copy())
        for write in (shared.add_, shared.mul_, shared.copy_, lambda a: shared.__setitem__(0, a[0])):
            with pytest.raises(RuntimeError):
                lib.vmap(write)(b)
        assert (shared == 0).all()


def test_randomness():
    def program(lib, b, how):
        lib.manual_seed(0)
        return lib.vmap(lambda a: a + lib.rand(3, dtype=lib.float64), randomness=how)(b)

    for how in ("same", "different"):
        agree(program, B, how=how)


def test_results_without_a_graph_need_no_gradient():
    x = microtorch.ones(3)
    w = microtorch.ones(3, requires_grad=True)
    func = microtorch.func
    assert not func.grad(lambda a: (a**3).sum())(x).requires_grad
    assert not func.grad(func.grad(lambda a: a**3))(x[0]).requires_grad
    assert not microtorch.vmap(func.grad(lambda a: a**3))(x).requires_grad
    assert not func.jacfwd(func.jacrev(lambda a: a**3))(x).requires_grad
    assert func.grad(lambda a: (a * w).sum())(x).requires_grad
    with microtorch.no_grad():
        assert not func.grad(lambda a: (a * w).sum())(x).requires_grad
        assert func.grad(lambda a: (a**2).sum())(x).tolist() == [2, 2, 2]


@pytest.mark.parametrize(
    ("transform", "body"),
    [
        (transform, body)
        for transform in ("grad(f)(x)", "vmap(f)(x)", "vjp(f, x)[0]", "jvp(f, (x,), (x,))", "jacfwd(f)(x)")
        for body in ("x.requires_grad_()", "torch.ones(2).requires_grad_()", "x.detach().requires_grad_()",
                     "x.retain_grad()", "x.requires_grad_(False)")
        if "fwd" not in transform and "jvp" not in transform or "retain" not in body
    ],
)  # fmt: skip
def test_what_is_refused_inside_of_transforms(transform, body):
    program = f"x = torch.ones(3)\ndef f(x):\n    {body}\n    return x.sum()\ntorch.func.{transform}"
    assert difference(program) is None


RANDOM = [
    "uniform_()",
    "normal_()",
    "bernoulli_()",
    "bernoulli_(torch.full((3,), 0.5))",
    "exponential_()",
    "random_(5)",
]


@pytest.mark.parametrize("randomness", ["different", "same", "error"])
@pytest.mark.parametrize("tensor", ["torch.zeros(3)", "x.clone()"])
@pytest.mark.parametrize("fill", RANDOM)
def test_random_numbers_in_place(fill, tensor, randomness):
    program = f"torch.vmap(lambda x: {tensor}.{fill} + x, randomness={randomness!r})(torch.arange(6.).reshape(2, 3))"
    assert difference(program, strides=False) is None


NETWORK = """
from_, F = torch.func, torch.nn.functional
m = torch.nn.Sequential(torch.nn.Conv1d(1, 2, 3), torch.nn.BatchNorm1d(2, track_running_stats=False), torch.nn.ReLU(), torch.nn.MaxPool1d(2), torch.nn.Flatten(), torch.nn.Linear(2, 2))
p = {k: v.detach() for k, v in m.named_parameters()}
xs, ys = torch.randn(5, 3, 1, 4), torch.randint(0, 2, (5, 3))
loss = lambda p, x, y: F.cross_entropy(from_.functional_call(m, p, (x,)), y)
"""
ROWS = """
list(from_.vmap(from_.grad(loss), (None, 0, 0))(p, xs, ys).values())
list(from_.vmap(from_.grad(loss), (None, 0, 0), chunk_size=2)(p, xs, ys).values())
list(from_.vmap(from_.grad(loss), (None, 0, 0), out_dims=1)(p, xs, ys).values())
from_.vmap(from_.hessian(lambda w, x: F.conv1d(x, w).pow(2).sum()), (None, 0))(p["0.weight"], xs)
from_.vmap(from_.vjp(lambda x: F.max_pool1d(x, 2), xs[0])[1])(torch.eye(6).reshape(6, 3, 1, 2))[0]
[from_.jacrev(lambda x: F.max_pool1d(x, 2))(xs[0]), from_.jacfwd(lambda x: F.max_pool1d(x, 2))(xs[0])]
[from_.jacrev(lambda w: F.conv1d(xs[0], w))(p["0.weight"]), from_.jacfwd(lambda w: F.conv1d(xs[0], w))(p["0.weight"])]
from_.vmap(from_.hessian(lambda x, y: F.cross_entropy(x, y)))(xs[:, :, 0], ys)
[from_.jacrev(lambda x: F.layer_norm(x, (4,)))(xs[0]), from_.jacfwd(lambda x: F.layer_norm(x, (4,)))(xs[0])]
from_.vmap(from_.jacfwd(lambda w, i: F.embedding(i, w).exp()), (None, 0))(torch.randn(2, 3), ys)
torch.autograd.functional.jacobian(lambda x: F.conv1d(x, p["0.weight"]), xs[0], vectorize=True)
from_.vmap(lambda w, b: F.linear(xs[0].flatten(1), w, b))(torch.randn(3, 2, 4), torch.randn(3, 2))
from_.vmap(lambda p: from_.functional_call(m, p, (xs[0],)))({k: torch.stack([v, 2 * v]) for k, v in p.items()})
"""


@pytest.mark.parametrize("row", ROWS.strip().split("\n"))
def test_networks(row):
    assert difference(NETWORK.strip() + "\n" + row, exact=False, strides=False) is None


def test_per_sample_gradients_without_a_loop(monkeypatch):
    from microtorch.func import batching
    from microtorch.kernels import batched

    def refuse(*args):
        raise AssertionError("example by example")

    monkeypatch.setattr(batched, "_example", refuse)
    monkeypatch.setattr(batching, "_one_by_one", refuse)
    scope = {"torch": microtorch}
    exec(NETWORK, scope)
    found = eval("from_.vmap(from_.grad(loss), (None, 0, 0))(p, xs[:, :2], ys[:, :2])", scope)
    alone = eval("from_.grad(loss)(p, xs[3, :2], ys[3, :2])", scope)
    for name, g in alone.items():
        np.testing.assert_allclose(found[name][3].numpy(), g.numpy(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "call", ["x.sum().item()", "x.tolist()", "F.one_hot(x.long())", "F.one_hot(x.long(), 7)",
             "x if x.sum() > 1 else -x", "F.embedding(x.long(), torch.ones(5, 2))"]
)  # fmt: skip
def test_what_vmap_cannot_do(call):
    program = f"F = torch.nn.functional\ntorch.vmap(lambda x: {call})(torch.arange(6.).reshape(2, 3))"
    assert difference(program, strides=False) is None


@pytest.mark.parametrize("value", ["v", "v * 2", "v.sum()"])
@pytest.mark.parametrize(
    "transform", ["torch.vmap(f)(x)", "torch.vmap(torch.vmap(f))(x)", "torch.func.grad(f)(x)", "f(x)"]
)
def test_what_a_tensor_inside_holds(transform, value):
    program = (
        f"seen = []\ndef f(v):\n    seen.append(torch.func.debug_unwrap({value}))\n    return v.sum()\n{transform}"
    )
    assert difference(f"x = torch.arange(6.).reshape(2, 3)\n{program}\nseen") is None


@pytest.mark.parametrize("function", ["t.sin()", "t.exp()", "t.sin() * t", "t.softmax(0)", "t[0] * t"])
@pytest.mark.parametrize("write", ["x.mul_(2)", "x[0] = 1", "y.mul_(2)", "y[0] = 1"])
def test_writes_after_vmap_are_noticed(function: str, write: str) -> None:
    """What vmap saved of its input or its result, and was written since, is refused by the backward pass."""
    seen = []
    for library in (torch, microtorch):
        leaf = library.tensor([[0.04, 1.0], [0.5, 2.0]], requires_grad=True)
        x = leaf * 1
        y = library.vmap(eval(f"lambda t: {function}"))(x)
        total = y.sum()
        exec(write)
        try:
            total.backward()
            seen.append([[round(v, 4) for v in row] for row in leaf.grad.tolist()])
        except RuntimeError as error:
            assert "modified by an inplace operation" in str(error)
            seen.append("refused")
    assert seen[0] == seen[1]
