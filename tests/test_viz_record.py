"""What recording adds to a graph: modules, lines, values, the backward pass; and graphs with less in them."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import numpy as np
import pytest

import microtorch as torch
from microtorch import nn, viz
from microtorch.autograd import engine
from microtorch.autograd.modes import mode
from microtorch.autograd.node import watched
from microtorch.nn.modules import _hooks
from microtorch.viz.fold import collapse, grouped
from microtorch.viz.graph import Edge, Graph, Node, Stats
from microtorch.viz.style import compact


class Block(nn.Module):
    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width)

    def forward(self, x: Any) -> Any:
        return x + self.down(self.up(self.norm(x)).relu())


class Model(nn.Module):
    """Blocks between a tied embedding and head."""

    def __init__(self, blocks: int = 4) -> None:
        super().__init__()
        self.embed = nn.Embedding(11, 8)
        self.layers = nn.ModuleList([Block() for _ in range(blocks)])
        self.head = nn.Linear(8, 11, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, tokens: Any) -> Any:
        x = self.embed(tokens)
        for layer in self.layers:
            x = layer(x)
        return self.head(x)


def ops(graph: Graph) -> list[tuple[str, str]]:
    """Operations in the order of execution, each with its module."""
    return [(graph.nodes[n].label, graph.nodes[n].scope) for n in graph.forward_order()]


def by_name(graph: Graph, name: str) -> Node:
    return next(node for node in graph.nodes if node.name == name)


# Modules


def test_a_module_and_its_input() -> None:
    g = viz.graph(Model(1), torch.tensor([[1, 2, 3]]))
    assert ops(g) == [
        ("Embedding", "embed"),
        ("LayerNorm", "layers.0.norm"),
        ("Linear", "layers.0.up"),
        ("Relu", "layers.0"),
        ("Linear", "layers.0.down"),
        ("Add", "layers.0"),
        ("Linear", "head"),
    ]
    assert g.title == "Model"
    assert list(g.scopes) == ["", "embed", "layers.0", "layers.0.norm", "layers.0.up", "layers.0.down", "head"]
    block = g.scopes["layers.0"]
    assert (block.path, block.class_name, block.parent, block.call) == ("layers.0", "Block", "", 1)
    assert g.scopes["layers.0.up"].detail == "in_features=8, out_features=16, bias=True"
    assert [g.local_name(key) for key in g.scopes] == ["Model", "embed", "layers.0", "norm", "up", "down", "head"]
    assert g.path("layers.0.up") == ["", "layers.0", "layers.0.up"]


def test_parameters_are_where_they_are_used() -> None:
    g = viz.graph(Model(1), torch.tensor([[1, 2, 3]]))
    assert by_name(g, "layers.0.up.weight").scope == "layers.0.up"
    assert by_name(g, "embed.weight").scope == ""  # used by the embedding and by the head


def test_inputs_are_nodes() -> None:
    class Two(nn.Module):
        def forward(self, tokens: Any, scale: Any, *, extra: Any) -> Any:
            return nn.functional.embedding(tokens, torch.ones(5, 2, requires_grad=True)) * scale["a"] + extra[0]

    tokens, scale, extra = torch.tensor([1, 2]), torch.ones(2), torch.ones(2)
    g = viz.graph(Two(), tokens, {"a": scale}, kwargs={"extra": [extra]})
    inputs = {node.name: node for node in g.nodes if node.kind == "input"}
    assert set(inputs) == {"tokens", "scale['a']", "extra[0]"}
    assert [(e.target, e.constant) for e in g.edges if e.source == inputs["tokens"].id] == [
        (next(node.id for node in g.nodes if node.label == "Embedding"), True)
    ]
    assert not any(e.constant for e in g.edges if e.source == inputs["scale['a']"].id)
    assert not scale.requires_grad and scale.grad_fn is None


def test_data_that_has_a_name_is_shown_where_it_is_used() -> None:
    w = torch.ones(3, 2, requires_grad=True)
    data = torch.arange(24.0).reshape(8, 3)
    batch, target, unused = data[2:6], torch.ones(4, 2), torch.ones(3)
    loss = nn.functional.mse_loss(batch @ w, target)
    names = {"batch": batch, "target": target, "unused": unused, "w": w}
    g = viz.graph(loss, params=names)
    uses = {(g.nodes[e.source].name, g.nodes[e.target].label) for e in g.edges if e.constant}
    assert uses == {("batch", "Mm"), ("target", "MseLoss")}
    g = viz.graph(loss, params={"data": data})  # an operation keeps a part of it
    assert [(node.name, node.shape) for node in g.nodes if node.kind == "input"] == [("data", (8, 3))]
    two = torch.randint(0, 5, (2, 4))
    rows = torch.ones(5, 2, requires_grad=True)
    y = nn.functional.embedding(two[0], rows) * nn.functional.embedding(two[1], rows)
    g = viz.graph(y, params={"first": two[0], "second": two[1]})
    order = [g.nodes[e.source].name for n in g.forward_order() for e in g.edges if e.target == n and e.constant]
    assert order == ["first", "second"]


def test_an_input_may_be_written_in_place() -> None:
    class Writes(nn.Module):
        def forward(self, x: Any) -> Any:
            x.mul_(2)
            return x.sum()

    g = viz.graph(Writes(), torch.ones(2))
    assert [node.label for node in g.nodes if node.in_place] == ["Mul"]


@pytest.mark.parametrize(
    ("returns", "names"),
    [
        (lambda y: y, ["output"]),
        (lambda y: (y, y + 1), ["output[0]", "output[1]"]),
        (lambda y: {"loss": y.sum(), "rest": [y, {"deep": y * 2}]}, ["loss", "rest[0]", "rest[1].deep"]),
    ],
)
def test_outputs_of_all_kinds(returns: Any, names: list[str]) -> None:
    class Out(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(2, 2)

        def forward(self, x: Any) -> Any:
            return returns(self.fc(x))

    g = viz.graph(Out(), torch.ones(1, 2))
    assert [node.name for node in g.nodes if node.kind == "output"] == names


def test_a_picture_changes_nothing() -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    torch.manual_seed(3)
    first = torch.rand(3)
    torch.manual_seed(3)
    viz.graph(net, torch.randn(4, 3, generator=torch.Generator().manual_seed(0)), backward=True)
    assert torch.equal(torch.rand(3), first)
    for name, tensor in net.state_dict().items():
        assert torch.equal(tensor, before[name]), name
    assert all(p.grad is None for p in net.parameters())
    assert net.training


def test_nothing_is_noted_and_nothing_left_behind() -> None:
    net = nn.Sequential(nn.Linear(3, 2), nn.Tanh())
    viz.graph(net, torch.ones(1, 3), backward=True)
    blocks = len(watched)

    class Fails(nn.Module):
        def forward(self, x: Any) -> Any:
            raise KeyError("inside")

    with pytest.raises(KeyError, match="inside"):
        viz.graph(nn.Sequential(nn.Linear(3, 3), Fails()), torch.ones(1, 3))
    assert len(watched) == blocks
    assert mode.recorder is None
    assert engine.before_backward == []
    assert not _hooks.global_forward_hooks and not _hooks.global_forward_pre_hooks
    y = net(torch.ones(1, 3))
    assert y._node is not None and y._node.notes is None and y._node.hooks is None
    y.sum().backward()
    assert y._node.notes is None
    with viz.recording():
        z = net(torch.ones(1, 3)).sum()
        z.backward()
    assert z._node is not None and z._node.hooks is None  # those that watched the pass are gone
    assert set(net[0].weight._node.notes or {}) == {"pass"}


def test_modules_called_again_and_inside_each_other() -> None:
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.Sequential(nn.Linear(2, 2), nn.Tanh())

        def forward(self, x: Any) -> Any:
            return self.a(self.a(x))

    g = viz.graph(Twice(), torch.ones(1, 2))
    assert ops(g) == [("Linear", "a.0"), ("Tanh", "a.1"), ("Linear", "a.0#2"), ("Tanh", "a.1#2")]
    assert [(s.path, s.call, s.parent) for s in g.scopes.values()][4:] == [
        ("a", 2, ""),
        ("a.0", 2, "a#2"),
        ("a.1", 2, "a#2"),
    ]
    assert by_name(g, "a.0.weight").scope == ""  # both calls use it


def test_a_module_with_an_unhappy_name() -> None:
    net = nn.Module()
    net.add_module("a#2", nn.Linear(2, 2))
    net.add_module("a", nn.Tanh())
    net.forward = lambda x: net.a(net.a(getattr(net, "a#2")(x)))  # type: ignore[method-assign]
    g = viz.graph(net, torch.ones(1, 2))
    assert [scope.path for scope in g.scopes.values()] == ["", "a#2", "a", "a"]
    assert len({scope.key for scope in g.scopes.values()}) == 4


def test_recording_names_modules_by_their_variables() -> None:
    generator, judge = nn.Linear(2, 2), nn.Sequential(nn.Linear(2, 1))
    with viz.recording(D=judge):
        loss = judge(generator(torch.ones(1, 2))).sum() + judge(torch.ones(1, 2)).sum()
        loss.backward()
    g = viz.graph(loss)
    assert set(g.scopes) == {"generator", "D", "D.0", "D#2", "D.0#2"}
    assert len(g.steps) == len(g.backward_order())


def test_a_function_of_the_user_is_in_its_module() -> None:
    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * 2

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            return grad * 2

    class Uses(nn.Module):
        def forward(self, x: Any) -> Any:
            return Double.apply(x)

    g = viz.graph(nn.Sequential(nn.Linear(2, 2), Uses()), torch.ones(1, 2))
    assert ops(g)[-1] == ("Double", "1")
    double = g.nodes[g.forward_order()[-1]]
    assert [(s.name, s.shape, s.nbytes) for s in double.saved] == [("saved_tensors[0]", (1, 2), 8)]


def test_other_threads_are_not_recorded() -> None:
    net = nn.Linear(2, 2)
    found: list[Any] = []
    with viz.recording():
        thread = threading.Thread(target=lambda: found.append(net(torch.ones(1, 2))))
        thread.start()
        thread.join()
    assert found[0]._node.notes is None


# Lines, values, marks, saved tensors


def test_the_line_of_the_call() -> None:
    x = torch.ones(2, requires_grad=True)
    with viz.recording():
        y = torch.exp(x)  # this line
        z = nn.Linear(2, 1)(y)
    lines = [node.source for node in viz.graph(z).nodes if node.kind == "op"]
    assert lines[1].startswith("test_viz_record.py:")
    assert lines[1].endswith(": y = torch.exp(x)  # this line")
    assert lines[0].endswith(": z = nn.Linear(2, 1)(y)")  # the user's line, not the one in nn.Linear


def test_values_and_gradients_as_micrograd_draws_them() -> None:
    a, b = (torch.tensor(v, requires_grad=True) for v in (2.0, -3.0))
    with viz.recording():
        c = a * b
        d = c + a
        d.backward()
    g = viz.graph(d, params={"a": a, "b": b})
    found = {node.name or node.label: (node.value.value, node.grad.value) for node in g.nodes[1:]}  # type: ignore[union-attr]
    assert found == {"Add": (-4.0, 1.0), "Mul": (-6.0, 1.0), "a": (2.0, -2.0), "b": (-3.0, 2.0)}
    svg = viz.to_svg(g)
    assert "data -6 | grad 1" in svg and "data 2 | grad -2" in svg


def test_values_that_operations_keep_are_known_without_recording() -> None:
    x = torch.tensor(2.0, requires_grad=True)
    y = (x * 3).exp()
    z = y * y
    g = viz.graph(z)
    assert {n.label: n.value.value for n in g.nodes if n.value} == {  # what is kept: exp's result, and so mul's input
        "output": pytest.approx(np.exp(6.0) ** 2, rel=1e-5),
        "Exp": pytest.approx(np.exp(6.0), rel=1e-6),
        "leaf": 2.0,
    }


def test_bfloat16() -> None:
    x = torch.tensor([2.0, 1.0], dtype=torch.bfloat16, requires_grad=True)
    data = torch.ones(2, dtype=torch.bfloat16)
    with viz.recording():
        y = (x * 3 * data).sum()
        assert by_name(viz.graph(y, params={"data": data}), "data").kind == "input"
        y.backward()
    g = viz.graph(y, params={"x": x, "data": data})
    leaf = by_name(g, "x")
    assert (leaf.dtype, leaf.grad) == ("bfloat16", Stats.of(np.array([3.0, 3.0])))
    assert g.nodes[0].value == Stats.of(np.array(9.0))
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)).bfloat16()
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    g = viz.graph(net, torch.randn(4, 2).bfloat16(), backward=True)
    assert all(torch.equal(tensor, before[name]) for name, tensor in net.state_dict().items())
    assert [step.node for step in g.steps] == g.backward_order()
    assert g.nodes[g.steps[-1].node].kind == "input"


def test_retained_gradients() -> None:
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = x * 3
    y.retain_grad()
    (y * y).sum().backward()
    node = viz.graph(y).nodes[1]
    assert node.grad is not None and node.grad.norm == pytest.approx(np.hypot(6.0, 12.0))
    assert node.value is not None and node.value.high == 6.0


def test_views_and_writes_are_marked() -> None:
    x = torch.ones(4, requires_grad=True)
    with viz.recording():
        y = x * 1
        y.view(2, 2).mul_(2)
        z = y.exp_()[1:].reshape(3, 1).t().contiguous()
    g = viz.graph(z.sum())
    marks = {
        node.op: (node.view, node.in_place) for node in g.nodes if node.kind == "op" and (node.view or node.in_place)
    }
    assert marks["CopySlices"] == (False, True)
    assert marks["ExpBackward0"] == (False, True)
    assert marks["SliceBackward0"] == (True, False)
    assert marks["TBackward0"] == (True, False)
    assert not any(node.op == "CloneBackward0" and node.view for node in g.nodes)
    svg = viz.to_svg(g)
    assert "stroke-dasharray" in svg and "(in place)" in svg


def test_a_reshape_that_copies_is_no_view() -> None:
    x = torch.ones(2, 3, requires_grad=True)
    y = x.t().reshape(6)
    y.view(6)  # gives its node a storage
    assert [node.view for node in viz.graph(y).nodes if node.kind == "op"] == [False, True]


def test_saved_bytes() -> None:
    x, w = torch.ones(5, 3), torch.ones(4, 3, requires_grad=True)
    z = nn.functional.linear(x, w).tanh().sum()
    g = viz.graph(z)
    kept = {node.label: [(s.name, s.shape, s.dtype, s.nbytes) for s in node.saved] for node in g.nodes if node.saved}
    assert kept == {"Linear": [("x", (5, 3), "float32", 60)], "Tanh": [("out", (5, 4), "float32", 80)]}
    assert g.saved_bytes == 140
    z.backward()
    g = viz.graph(z)
    assert g.saved_bytes == 0
    assert [node.freed for node in g.nodes if node.label == "Tanh"] == [True]


def test_saved_tensors_that_hooks_packed() -> None:
    with torch.autograd.graph.saved_tensors_hooks(lambda t: t.numpy(force=True).copy(), torch.from_numpy):
        y = torch.ones(3, requires_grad=True).exp()
    assert [(s.name, s.nbytes) for s in viz.graph(y).nodes[1].saved] == [("out", 12)]


def test_stats() -> None:
    nothing = Stats.of(np.zeros((0, 3)))
    assert (nothing.size, nothing.norm, nothing.value) == (0, 0.0, None)
    many = np.random.default_rng(0).normal(size=200_000).astype(np.float32).reshape(2, 100_000).T
    found = Stats.of(many)
    expected = (np.linalg.norm(many.astype(float)), many.astype(float).mean(), many.min(), many.max())
    assert (found.norm, found.mean, found.low, found.high) == pytest.approx(expected)
    assert Stats.of(np.array([3 + 4j, 0])).norm == 5.0
    assert Stats.of(np.array(1 + 2j)).value == 1 + 2j
    assert Stats.of(np.array([True, False])).norm == 1.0
    assert np.isnan(Stats.of(np.array([np.nan, 1.0])).norm)
    big = Stats.of(np.full(4, 3e38, np.float32))
    assert big.norm == pytest.approx(6e38, rel=1e-6)  # no overflow on the way


# The backward pass


def test_steps_are_what_the_engine_did() -> None:
    model = Model()
    g = viz.graph(model, torch.tensor([[1, 2, 3]]), backward=True)
    assert [step.node for step in g.steps] == g.backward_order()
    model(torch.tensor([[1, 2, 3]])).sum().backward()
    grads = {name: p.grad.norm().item() for name, p in model.named_parameters()}
    for name, norm in grads.items():
        node = by_name(g, name)
        assert node.grad is not None and node.grad.norm == pytest.approx(norm, rel=1e-5)
    into = {edge.source: edge for edge in g.edges}
    add = next(n for n in g.nodes if n.label == "Add")
    step = next(s for s in g.steps if s.node == add.id)
    assert [stats is not None and stats.norm for stats in step.outgoing] == [step.incoming and step.incoming.norm] * 2
    assert into


def test_steps_of_a_graph_that_was_not_run() -> None:
    x = torch.ones(2, requires_grad=True)
    y = x * x
    g = viz.graph((y * x).sum())
    assert g.steps == []
    assert [g.nodes[n].label for n in g.forward_order()] == ["Mul", "Mul", "Sum"]
    assert [g.nodes[n].label for n in g.backward_order()] == ["Sum", "Mul", "Mul", "leaf"]


def test_gradients_of_an_indexed_tensor() -> None:
    """What the engine adds in place, a part of a gradient, is shown whole to hooks."""
    x = torch.arange(4.0, requires_grad=True)
    seen: list[Any] = []
    y = x[1:3]
    y.grad_fn.register_hook(lambda gi, go: seen.append(gi[0]))
    (y * 2).sum().backward()
    assert seen[0].tolist() == [0.0, 2.0, 2.0, 0.0]
    g = viz.graph(x[1:3] * 2, backward=True)
    slice_step = next(s for s in g.steps if g.nodes[s.node].label == "Slice")
    assert slice_step.outgoing[0] is not None and slice_step.outgoing[0].size == 4


def test_two_backward_passes_are_two() -> None:
    """The newest pass through a graph is told, also where two losses share a part."""
    g_weight, d_weight = (torch.tensor(v, requires_grad=True) for v in (2.0, 3.0))
    with viz.recording():
        fake = g_weight * 5
        d_loss = fake.detach() * d_weight
        d_loss.backward()
        g_loss = fake * d_weight
        g_loss.backward()
    first, second = viz.graph(d_loss), viz.graph(g_loss)
    assert len(first.steps) <= 2 and len(second.steps) == 4
    assert [n.grad.value for n in second.nodes if n.kind == "leaf"] == [20.0, 15.0]  # type: ignore[union-attr]


def test_a_backward_inside_a_backward() -> None:
    """A checkpoint computes its part again, and runs a backward pass of its own."""
    from microtorch.utils.checkpoint import checkpoint

    net = nn.Sequential(nn.Linear(3, 3), nn.Tanh())
    w = torch.ones(3, requires_grad=True)
    with viz.recording(net=net):
        loss = (checkpoint(net, w * torch.ones(2, 3), use_reentrant=True) * 2).sum()
        loss.backward()
    assert w.grad is not None and net[0].weight.grad is not None
    g = viz.graph(loss, params={"w": w})
    assert [step.node for step in g.steps] == g.backward_order()
    assert by_name(g, "w").grad == Stats.of(w.grad.numpy())


def test_transforms_work_while_recording() -> None:
    def f(x: Any) -> Any:
        return (x.sin() * x).sum()

    x = torch.arange(6.0).reshape(2, 3)
    work = [
        lambda: torch.func.grad(f)(x),
        lambda: torch.func.vmap(torch.func.grad(f))(x),
        lambda: torch.func.hessian(f)(x[0]),
        lambda: torch.func.jvp(f, (x,), (x,))[1],
        lambda: torch.autograd.functional.jacobian(lambda x: x.sin(), x),
        lambda: torch.autograd.grad(
            (y := x.clone().requires_grad_()).sin(), y, torch.ones(5, 2, 3), is_grads_batched=True
        )[0],
    ]
    plain = [function() for function in work]
    with viz.recording():
        recorded = [function() for function in work]
    for a, b in zip(plain, recorded, strict=True):
        assert torch.equal(a, b)


def test_a_backward_of_a_backward() -> None:
    x = torch.tensor(3.0, requires_grad=True)
    with viz.recording():
        (grad,) = torch.autograd.grad(x**3, x, create_graph=True)
        grad.backward()
    g = viz.graph(grad, params={"x": x})
    assert g.nodes[g.steps[-1].node].name == "x"
    assert by_name(g, "x").grad == Stats.of(np.float32(18.0))


def test_backward_needs_a_graph_that_is_not_freed() -> None:
    x = torch.ones(2, requires_grad=True)
    y = x.exp().sum()
    y.backward()
    assert len(viz.graph(y).nodes) == 4
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        viz.graph(y, backward=True)
    assert x.grad is not None and x.grad.tolist() == pytest.approx([np.e, np.e])
    assert mode.recorder is None


def test_hooks_that_make_a_cycle_and_hooks_of_the_user() -> None:
    def draw() -> Any:
        x = torch.ones(2, requires_grad=True)
        y = x * 2
        y.register_hook(lambda grad: grad * 2 if y is not None else grad)  # holds the tensor whose node holds it
        g = viz.graph(y.sum(), backward=True)
        assert len(g.nodes) == 4
        assert g.nodes[-1].grad == Stats.of(np.array([4.0, 4.0], np.float32))
        assert y._node is not None and y._node.hooks is not None and len(y._node.hooks.tensor) == 1
        return weakref.ref(y._node)

    node = draw()
    gc.collect()
    assert node() is None


# What is refused


def test_what_cannot_be_drawn_says_why() -> None:
    with pytest.raises(
        TypeError, match=r"inputs are for a module; what is drawn is a Tensor \(name tensors by params=\)"
    ):
        viz.graph(torch.ones(1, requires_grad=True), {"x": 1})
    frozen = nn.Linear(2, 2).requires_grad_(False)
    g = viz.graph(frozen, torch.ones(1, 2))  # its input is followed instead
    assert [(node.kind, node.name) for node in g.nodes] == [
        ("output", "output"),
        ("op", ""),
        ("input", "input"),
        ("input", "weight"),
    ]

    class Nothing(nn.Module):
        def forward(self, x: Any) -> Any:
            return None

    with pytest.raises(TypeError, match="Nothing returned NoneType, in which there is no tensor"):
        viz.graph(Nothing(), torch.ones(1))

    class Cut(nn.Module):
        def forward(self, x: Any) -> Any:
            return x.detach() * 2

    with pytest.raises(ValueError, match="there is no graph to draw"):
        viz.graph(Cut(), torch.ones(1))


def test_names_with_quotes_html_and_unicode() -> None:
    bad = '"</script><b>&\\n重み\u2028'
    net = nn.Module()
    net.add_module(bad, nn.Sequential(nn.Linear(2, 2), nn.Tanh()))
    net.forward = lambda x: getattr(net, bad)(x)  # type: ignore[method-assign]
    g = viz.graph(net, torch.ones(1, 2))
    for text in (viz.to_svg(g), viz.to_html(g)):
        assert "<b>" not in text
    assert "</script><b>" not in viz.to_html(g)
    import xml.etree.ElementTree as ET

    titles = [e.text for e in ET.fromstring(viz.to_svg(g)).iter("{http://www.w3.org/2000/svg}title")]
    assert any("</script><b>&" in (title or "") for title in titles)


# Graphs with less in them


def test_collapsing_to_a_depth() -> None:
    g = viz.graph(Model(2), torch.tensor([[1, 2, 3]]))
    top = viz.simplify(g, depth=1, fold=False)
    boxes = {node.name: node for node in top.nodes if node.kind == "module"}
    assert set(boxes) == {"embed", "layers.0", "layers.1", "head"}
    assert (boxes["layers.0"].op, boxes["layers.0"].count, boxes["layers.0"].shape) == ("Block", 5, (1, 3, 8))
    assert boxes["layers.0"].numbers == sum(p.numel() for p in Block().parameters())
    assert [node.name for node in top.nodes if node.kind == "leaf"] == ["embed.weight"]
    assert set(top.scopes) == {""}
    names = [top.nodes[e.source].name + ">" + top.nodes[e.target].name for e in top.edges]
    assert len(names) == len(set(names))
    whole = viz.simplify(g, depth=0)
    assert [node.kind for node in whole.nodes] == ["output", "module", "input"]
    assert whole.nodes[1].numbers == sum(p.numel() for p in Model(2).parameters())
    for graph in (top, whole):
        assert [node.id for node in graph.nodes] == list(range(len(graph.nodes)))


def test_repeated_blocks_are_folded() -> None:
    g = viz.graph(Model(12), torch.tensor([[1, 2, 3]]))
    small = viz.simplify(g)
    assert small.scopes["layers.0"].times == 12
    assert small.scopes["layers.0"].last == "layers.11"
    assert "layers.1" not in small.scopes
    one = viz.graph(Model(1), torch.tensor([[1, 2, 3]]))
    assert sorted(node.label for node in small.nodes) == sorted(
        node.label.replace("layers.11.", "layers.0.") for node in one.nodes
    )
    flow = {(small.nodes[e.source].label, small.nodes[e.target].label) for e in small.edges}
    assert flow == {(one.nodes[e.source].label, one.nodes[e.target].label) for e in one.edges}
    assert "layers.0 \N{HORIZONTAL ELLIPSIS} layers.11: Block \N{MULTIPLICATION SIGN}12" in viz.to_dot(small)


def test_boxes_of_modules_are_folded() -> None:
    small = viz.simplify(viz.graph(Model(12), torch.tensor([[1, 2, 3]])), depth=1)
    modules = {node.name: (node.op, node.times) for node in small.nodes if node.kind == "module"}
    assert modules == {
        "embed": ("Embedding", 1),
        "layers.0 \N{HORIZONTAL ELLIPSIS} layers.11": ("Block", 12),
        "head": ("Linear", 1),
    }


def test_blocks_that_differ_are_not_folded() -> None:
    model = Model(4)
    model.layers[2].up, model.layers[2].down = nn.Linear(8, 24), nn.Linear(24, 8)
    small = viz.simplify(viz.graph(model, torch.tensor([[1, 2, 3]])))
    assert {key: scope.times for key, scope in small.scopes.items() if scope.class_name == "Block"} == {
        "layers.0": 2,
        "layers.2": 1,
        "layers.3": 1,
    }


def test_steps_of_a_loop_are_folded_without_modules() -> None:
    w = torch.ones(3, 3, requires_grad=True)
    h = torch.ones(2, 3, requires_grad=True)
    start = h
    for _ in range(20):
        h = torch.tanh(h @ w) * 2
    g = viz.graph(h.sum(), params={"w": w, "h": start})
    small = viz.simplify(g)
    assert [node.label for node in small.nodes if node.kind == "op"] == ["Sum", "Mul", "Tanh", "Mm"]
    assert [scope.times for scope in small.scopes.values()] == [20]
    assert sum(e.source == by_name(small, "w").id for e in small.edges) == 1
    chain = start
    for _ in range(500):
        chain = chain + 1
    assert [node.times for node in viz.simplify(viz.graph(chain)).nodes] == [1, 500, 1]


def test_folded_graphs_are_whole_and_acyclic() -> None:
    """Random programs: every edge of the folded graph is one of the graph, and it can be laid out."""
    rng = np.random.default_rng(0)
    for _ in range(30):
        pool = [torch.ones(2, requires_grad=True)]
        pattern = [tuple(rng.integers(-4, 0, 2)) for _ in range(rng.integers(1, 6))]
        for _ in range(rng.integers(1, 12)):
            for a, b in pattern:
                pool.append(
                    pool[max(a, -len(pool))] * pool[max(b, -len(pool))] if rng.random() < 0.97 else pool[-1].tanh()
                )
        g = viz.graph(pool[-1])
        small = viz.simplify(g)
        labels = {(g.nodes[e.source].op, g.nodes[e.target].op) for e in g.edges}
        assert {(small.nodes[e.source].op, small.nodes[e.target].op) for e in small.edges} <= labels
        ends = {node.id for node in small.nodes} - {e.source for e in small.edges}
        assert {small.nodes[n].kind for n in ends} == {"output"}
        viz.to_svg(small)
        total = sum(node.times for node in small.nodes if node.kind == "op")
        assert total <= g.count("op")


def test_parameters_can_be_left_out() -> None:
    g = viz.simplify(viz.graph(nn.Sequential(nn.Linear(3, 4), nn.ReLU()), torch.ones(1, 3)), leaves=False)
    assert [(node.kind, node.numbers) for node in g.nodes] == [("output", 0), ("op", 0), ("op", 16), ("input", 0)]
    assert "16 parameters" in viz.to_dot(g)


def test_modules_of_one_operation_go_without_a_frame() -> None:
    g = compact(viz.graph(Model(1), torch.tensor([[1, 2, 3]])))
    assert set(g.scopes) == {"", "layers.0"}
    assert {(node.label, node.name, node.scope) for node in g.nodes if node.kind == "op"} >= {
        ("Linear", "up", "layers.0"),
        ("Linear", "head", ""),
        ("Relu", "", "layers.0"),
    }


def test_grouped_blocks_are_all_there() -> None:
    g = grouped(compact(viz.graph(Model(12), torch.tensor([[1, 2, 3]]))))
    (run,) = [scope for scope in g.scopes.values() if scope.times > 1]
    inside = [scope for scope in g.scopes.values() if scope.parent == run.key]
    assert [scope.path for scope in inside] == [f"layers.{i}" for i in range(12)]
    assert g.count("op") == 12 * 5 + 2
    seen: set[str] = set()
    for scope in g.scopes.values():
        assert scope.parent is None or scope.parent in seen
        seen.add(scope.key)


def test_collapse_of_one_call_only() -> None:
    g = collapse(viz.graph(Model(2), torch.tensor([[1, 2, 3]])), lambda key: key == "layers.1")
    assert [node.name for node in g.nodes if node.kind == "module"] == ["layers.1"]
    assert "layers.0" in g.scopes


def test_a_graph_made_by_hand() -> None:
    g = Graph([Node(0, "output"), Node(1, "op", op="AddBackward0", order=3)], [Edge(1, 0)])
    assert repr(g) == "<Graph: 1 operations, 0 leaves, 1 edges>"
    assert g.forward_order() == g.backward_order() == [1]
    assert viz.simplify(g, depth=1).nodes == g.nodes
