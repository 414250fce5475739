"""torch.func's corners against PyTorch: what is refused, with what words, and what is printed inside of transforms."""

import pytest

from tests.differential import difference

PROGRAMS = {
    "aux that is no tensor": "torch.func.{0}(lambda x: (x.sum(), {1}), has_aux=True)(torch.ones(3))",
    "aux of a list with a string": "torch.func.{0}(lambda x: (x.sum(), [x, 'abc']), has_aux=True)(torch.ones(3))",
}


@pytest.mark.parametrize("transform", ["grad", "grad_and_value", "jacrev", "jacfwd"])
@pytest.mark.parametrize("value", ["1", "1.5", "None", "x.cos()", "{'a': x, 'b': [x]}"])
def test_aux_must_be_of_tensors(transform, value):
    for code in PROGRAMS.values():
        assert difference(code.format(transform, value), exact=False, strides=False) is None


FUNCTION = """
class F(torch.autograd.Function):
    @staticmethod
    def forward(x): return x
    @staticmethod
    def setup_context(ctx, inputs, output): {save}
    @staticmethod
    def backward(ctx, g): return g
    {rule}
"""


def function(save="pass", rule=""):
    return FUNCTION.format(save=save, rule=rule)


CASES = [
    "torch.func.vjp(torch.sin, torch.ones(3))[1](1.5)",
    "torch.func.jvp(torch.sin, (torch.ones(3),), (torch.ones(3).long(),))",
    "torch.func.jvp(torch.sin, (torch.ones(3).long(),), (torch.ones(3),))",
    "torch.func.functional_call(torch.nn.Linear(1, 1), 3, torch.ones(1, 1))",
    "m = torch.nn.Linear(1, 1)\np = dict(m.named_parameters())\ntorch.func.functional_call(m, (p, p), torch.ones(1, 1))",
    # a tensor made like an example has room for each of them
    "torch.vmap(torch.func.grad(lambda y, x: x.new_zeros(5).copy_(y).sum()))(torch.ones(3, 5), torch.ones(3))",
    "torch.vmap(lambda y, x: x.new_empty((5,)).copy_(y))(torch.ones(3, 5), torch.ones(3))",
    "torch.vmap(lambda y, x: x.new_full((2, 5), 7.0).add_(y))(torch.rand(3, 5), torch.ones(3))",
    "torch.vmap(torch.vmap(lambda y, x: x.new_ones(5).mul_(y)))(torch.rand(3, 2, 5), torch.ones(3, 2))",
    "torch.vmap(torch.vmap(lambda x: x.new_zeros(2), in_dims=1), in_dims=1)(torch.rand(3, 2, 5)).shape",
    # derivatives inside of derivatives that would not see each other
    *(
        f"torch.func.grad(lambda x: torch.autograd.functional.{name}(lambda x: x.sin().sum(), {args}))(torch.tensor(0.5))"
        for name, args in [("jacobian", "x"), ("hessian", "x"), ("vjp", "x"), ("jvp", "x, x"), ("hvp", "x, x")]
    ),
    # what is recorded inside of inference mode
    "with torch.inference_mode(): y = torch.func.grad(lambda x: (x**2).sum())(torch.arange(3.0))\ny",
    "with torch.inference_mode(): y = torch.func.jacrev(torch.func.grad(lambda x: (x**3).sum()))(torch.arange(3.0)), "
    "torch.is_inference_mode_enabled()\ny",
    # inputs that a function returns and saves
    *(
        function(save) + f"{call}"
        for save in (
            "ctx.save_for_backward(inputs[0])",
            "ctx.save_for_backward(output)",
            "ctx.mark_dirty(inputs[0]), ctx.save_for_backward(output)",
            "ctx.save_for_backward(inputs[0].view_as(inputs[0]))",
        )
        for call in (
            "F.apply(torch.tensor(2.0, requires_grad=True).clone())",
            "torch.func.grad(lambda x: F.apply(x.clone()))(torch.tensor(2.0))",
        )
    ),
    # a function's own rule for vmap
    *(
        function(rule=f"vmap = staticmethod(lambda info, dims, x: {result})") + "torch.vmap(F.apply)(torch.rand(2, 3))"
        for result in (
            "x",
            "None",
            "(x, x, 0)",
            "(x[0], (None,))",
            "([x], (0,))",
            "([x, x.sin()], [0, 0])",
            "({'a': x}, {'a': 0})",
            "((x, x), 0)",
            "((x.T, x[0]), (1, None))",
        )
    ),
    function(rule="generate_vmap_rule = True; vmap = staticmethod(lambda info, dims, x: (x, 0))")
    + "torch.vmap(F.apply)(torch.rand(2, 3))",
]


@pytest.mark.parametrize("code", CASES)
def test_program(code):
    assert difference(code, exact=False, strides=False) is None


def printed(nest):
    return f"""
out = []
def f(x): out.append(repr(x * 2)); return x.sum()
x = torch.arange(8.0).reshape(2, 2, 2)
{nest}(x)
out"""


@pytest.mark.parametrize(
    "nest",
    [
        "torch.vmap(f)",
        "torch.vmap(torch.vmap(f))",
        "torch.func.grad(f)",
        "torch.vmap(torch.func.grad(f))",
        "torch.vmap(torch.vmap(torch.func.grad(f)))",
        "torch.func.grad(lambda x: torch.vmap(f)(x).sum())",
        "torch.func.grad(lambda x: torch.func.grad(f)(x).sum())",
    ],
)
def test_printed_inside(nest):
    assert difference(printed(nest)) is None
