"""Pictures of graphs: what is read, the DOT text, the layout, the files."""

from __future__ import annotations

import importlib.util
import itertools
import random
import re
import stat
import subprocess
import sys
import textwrap
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

import microtorch as torch
from microtorch import viz
from microtorch.viz import programs
from microtorch.viz.graph import Edge, Graph, Node
from microtorch.viz.layout import Box, curve, layout
from microtorch.viz.style import printable, width

SVG = "{http://www.w3.org/2000/svg}"


def boxes(svg: str) -> dict[str, list[str]]:
    """The lines of text of each node of an SVG, by its title."""
    found = {}
    for group in ET.fromstring(svg).iter(f"{SVG}g"):
        if group.get("class") == "node":
            found[group.findtext(f"{SVG}title") or ""] = [text.text or "" for text in group.iter(f"{SVG}text")]
    return found


@pytest.fixture
def no_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without dot and graphviz-pure."""
    monkeypatch.setattr("shutil.which", lambda *args, **named: None)


# Reading


def test_an_expression() -> None:
    w = torch.ones(3, 2, requires_grad=True)
    b = torch.zeros(2, dtype=torch.float64, requires_grad=True)
    y = w * 2 + b
    g = viz.graph({"loss": y.sum()}, params={"w": w, "b": b, "y": y})
    assert g.nodes == [
        Node(0, "output", name="loss", shape=(), dtype="float64"),
        Node(1, "op", op="SumBackward0", shape=(), dtype="float64"),
        Node(2, "op", op="AddBackward0", name="y", shape=(3, 2), dtype="float64"),
        Node(3, "op", op="MulBackward0", shape=(3, 2), dtype="float32"),
        Node(4, "leaf", name="b", shape=(2,), dtype="float64"),
        Node(5, "leaf", name="w", shape=(3, 2), dtype="float32"),
    ]
    assert g.edges == [Edge(1, 0), Edge(2, 1), Edge(3, 2), Edge(4, 2), Edge(5, 3)]
    assert [node.label for node in g.nodes] == ["loss", "Sum", "Add", "Mul", "b", "w"]
    assert (g.count("op"), g.count("leaf")) == (3, 2)


def test_a_leaf_used_twice_is_one_node_with_two_arrows() -> None:
    x = torch.ones(2, requires_grad=True)
    g = viz.graph((x * x).sum())
    assert g.count("leaf") == 1
    assert g.edges[2:] == [Edge(3, 2), Edge(3, 2)]


def test_several_outputs_share_what_they_share() -> None:
    x = torch.ones(2, requires_grad=True)
    h = x.exp()
    g = viz.graph((h.sum(), h * 2, x, h.sum()))
    assert [node.kind for node in g.nodes].count("output") == 4
    assert g.count("leaf") == 0  # x is drawn as the output that it is
    assert [node.op for node in g.nodes].count("ExpBackward0") == 1


def test_a_leaf_alone_is_a_picture() -> None:
    assert viz.graph(torch.ones(2, requires_grad=True)).nodes == [Node(0, "output", shape=(2,), dtype="float32")]


def test_a_leaf_that_is_gone_keeps_its_shape() -> None:
    x = torch.ones(2, requires_grad=True)
    y = (x + 1).sum()
    del x
    assert viz.graph(y).nodes[-1] == Node(3, "leaf", shape=(2,), dtype="float32")


def test_what_is_saved() -> None:
    x = torch.ones(2, requires_grad=True)
    y = torch.full((2,), 3.0, requires_grad=True)
    z = (x * y).sum()
    g = viz.graph(z, show_attrs=True, show_saved=True)
    mul = next(node for node in g.nodes if node.op == "MulBackward0")
    assert sorted(mul.attrs) == [("x", "[saved tensor]"), ("y", "[saved tensor]")]
    saved = [node for node in g.nodes if node.kind == "saved"]
    assert [(node.name, node.shape) for node in saved] == [("y", (2,)), ("x", (2,))]
    assert [edge for edge in g.edges if edge.saved] == [Edge(node.id, mul.id, saved=True) for node in saved]
    z.backward()
    g = viz.graph(z, show_attrs=True, show_saved=True)
    assert sorted(next(node for node in g.nodes if node.op == "MulBackward0").attrs) == [
        ("x", "[freed]"),
        ("y", "[freed]"),
    ]
    assert g.count("saved") == 0


def test_what_a_function_of_the_user_saves() -> None:
    class Exp(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x.exp())
            return x.exp()

        @staticmethod
        def backward(ctx: Any, grad: Any) -> Any:
            return grad * ctx.saved_tensors[0]

    g = viz.graph(Exp.apply(torch.ones(2, requires_grad=True)), show_attrs=True, show_saved=True)
    assert (g.nodes[1].label, g.nodes[1].attrs) == ("Exp", (("saved_tensors", "[saved tensors]"),))
    assert (g.nodes[3].kind, g.nodes[3].name) == ("saved", "saved_tensors[0]")


@pytest.mark.parametrize("outputs", [3, "x", None, [1.0], {"a": 1}, torch])
def test_what_is_no_tensor_is_refused(outputs: Any) -> None:
    with pytest.raises(TypeError, match="expected a tensor"):
        viz.graph(outputs)


def test_a_tensor_without_a_graph_is_refused() -> None:
    x = torch.ones(2, requires_grad=True)
    with torch.no_grad():
        y = x * 2
    for outputs in (y, torch.ones(2), [y], []):
        with pytest.raises(ValueError, match="there is no graph to draw: the output does not require grad"):
            viz.graph(outputs)


@pytest.mark.parametrize("params", [{"x": 3}, [1, 2], ["ab"]])
def test_bad_params_are_refused(params: Any) -> None:
    with pytest.raises(TypeError, match="params must be a dict of names to tensors, or a module"):
        viz.graph(torch.ones(2, requires_grad=True), params=params)


def test_graphs_of_torch_can_be_read_too() -> None:
    real = pytest.importorskip("torch")
    model = real.nn.Sequential(real.nn.Linear(3, 4), real.nn.ReLU(), real.nn.Linear(4, 1))
    g = viz.graph(model(real.ones(2, 3)).sum(), params=model, show_saved=True)
    names = {node.name for node in g.nodes if node.kind == "leaf"}
    assert names == {"0.weight", "0.bias", "2.weight", "2.bias"}
    assert [node.label for node in g.nodes if node.kind == "op"] == ["Sum", "Addmm", "Relu", "T", "Addmm", "T"]
    assert g.count("saved") > 0


@pytest.mark.parametrize("length", [20_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_a_deep_graph_is_read(length: int) -> None:
    g = viz.graph(_chain(length))
    assert len(g.nodes) == length + 2
    assert g.edges[-1] == Edge(length + 1, length)


# Names


class _Part:
    """A module as far as names go."""

    def __init__(self, **children: Any) -> None:
        self.children = children

    def modules(self) -> Any:
        yield self
        for child in self.children.values():
            if isinstance(child, _Part):
                yield from child.modules()

    def named_parameters(self) -> Any:
        for name, child in self.children.items():
            if isinstance(child, _Part):
                yield from ((f"{name}.{path}", tensor) for path, tensor in child.named_parameters())
            else:
                yield name, child


def test_names_from_the_callers_variables() -> None:
    def tensor() -> Any:
        return torch.ones(1, requires_grad=True)

    class Trainer:
        def __init__(self) -> None:
            self.model = _Part(weight=tensor())

        def step(self, items: list[Any]) -> dict[str, Any]:
            return viz.names_in_frames(sys._getframe())

    fc = _Part(weight=tensor())  # a part of net has its name there
    net = _Part(fc=fc, scale=tensor())
    shift, _hidden, table = tensor(), tensor(), {"w": tensor()}
    names = Trainer().step([tensor(), tensor()])
    expected = {"net.fc.weight": fc.children["weight"], "net.scale": net.children["scale"], "table['w']": table["w"]}
    for name, tensor_named in {**expected, "shift": shift}.items():
        assert names[name] is tensor_named
    assert {"model.weight", "items[0]", "items[1]"} <= set(names)
    assert not {"fc.weight", "_hidden", "self"} & set(names)


# DOT


def test_dot_text() -> None:
    x = torch.ones(2, requires_grad=True)
    assert viz.to_dot(viz.graph({"y": x.exp()}, params={"x": x})) == (
        "digraph {\n"
        '\tgraph [nodesep="0.2" ranksep="0.3"]\n'
        '\tnode [shape="box" style="filled,rounded" fontname="Helvetica" fontsize="12" height="0.3" '
        'margin="0.13,0.06"]\n'
        '\tedge [color="#777777" arrowsize="0.7"]\n'
        '\tn0 [label="y\\n(2,)" fillcolor="#d2efc4" color="#67ab49"]\n'
        '\tn1 [label="Exp\\n(2,)" fillcolor="#eeeeee" color="#b8b8b8"]\n'
        '\tn2 [label="x\\n(2,)" fillcolor="#d3e9fb" color="#62a0d8"]\n'
        "\tn1 -> n0\n"
        "\tn2 -> n1\n"
        "}\n"
    )


NASTY = [
    'say "hi"',
    "back\\slash\\",
    "<b>bold</b>",
    "a & b &lt; c",
    "größe 重み ∇",
    "two\nlines",
    "\x00\x1b",
    "{a|b}",
    "\\N \\G",
    "]]>",
]


@pytest.mark.parametrize("engine", ["dot", "graphviz-pure", "builtin"])
@pytest.mark.parametrize("name", NASTY)
def test_every_name_is_shown_as_it_is(tmp_path: Path, engine: Any, name: str) -> None:
    if engine != "builtin" and engine not in programs.available(".svg"):
        pytest.skip(f"no {engine} here")
    g = Graph([Node(0, "leaf", name=name, shape=(2,)), Node(1, "output", name="end")], [Edge(0, 1)])
    svg = viz.render(g, tmp_path / "x.svg", engine=engine).read_text()
    assert boxes(svg) == {"n0": [printable(name), "(2,)"], "n1": ["end"]}
    page = viz.render(g, tmp_path / "<x>.html", engine=engine).read_text()
    assert "<b>" not in page
    assert "<title>&lt;x&gt;</title>" in page


def test_long_names_are_shortened() -> None:
    assert printable("a" * 500) == "a" * 28 + "..." + "a" * 28
    assert width("重み") == 4


# make_dot


def test_make_dot_looks_as_torchviz() -> None:
    graphviz = pytest.importorskip("graphviz")
    w = torch.ones(3, 2, requires_grad=True)
    dot = viz.make_dot((w * w).sum(), params={"w": w})
    assert isinstance(dot, graphviz.Digraph)
    assert dot.node_attr["fontname"] == "monospace"
    assert dot.graph_attr["size"] == "12,12"
    assert "".join(dot.body) == (
        '\tn0 [label="\\n ()" fillcolor="darkolivegreen1"]\n'
        '\tn1 [label="SumBackward0"]\n'
        '\tn2 [label="MulBackward0"]\n'
        '\tn3 [label="w\\n (3, 2)" fillcolor="lightblue"]\n'
        '\tn4 [label="AccumulateGrad"]\n'
        "\tn1 -> n0\n\tn2 -> n1\n\tn4 -> n2\n\tn4 -> n2\n\tn3 -> n4\n"
    )
    assert dot.source.startswith("digraph {")
    dot.node("mine")  # it can be added to
    assert "mine" in dot.source


PROGRAMS = {
    "mlp": """
        m = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Tanh(), torch.nn.Linear(16, 1))
        result, params = m(torch.ones(1, 8)).mean(), dict(m.named_parameters())""",
    "norms": """
        m = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.ReLU(), torch.nn.MaxPool2d(2))
        result, params = m(torch.ones(2, 1, 6, 6)), dict(m.named_parameters())""",
    "view": """
        w = torch.ones(3, 4, requires_grad=True)
        result, params = (w * 2).view(12), {"w": w}""",
    "two": """
        w = torch.ones(3, 4, requires_grad=True)
        result, params = (w.sum(), w.exp()), {"w": w}""",
    "function": """
        class Exp(torch.autograd.Function):
            @staticmethod
            def forward(ctx, x):
                y = x.exp()
                ctx.save_for_backward(y)
                return y
            @staticmethod
            def backward(ctx, g):
                return g * ctx.saved_tensors[0]
        w = torch.ones(3, 4, requires_grad=True)
        result, params = Exp.apply(w).sum(), {"w": w}""",
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_make_dot_draws_what_it_draws_of_pytorchs_graph(program: str) -> None:
    """The same nodes with the same arrows between them, whoever made the graph."""
    real = pytest.importorskip("torch")
    pytest.importorskip("graphviz")

    def drawn(module: Any) -> list[list[str]]:
        names: dict[str, Any] = {"torch": module}
        exec(textwrap.dedent(PROGRAMS[program]), names)
        body = viz.make_dot(names["result"], names["params"]).body
        nodes = dict(re.fullmatch(r"\t(n\d+) \[(label=.*)\]\n", line).groups() for line in body if "->" not in line)  # type: ignore[union-attr]
        labels = {
            number: text.replace(' style="filled,dashed"', "") for number, text in nodes.items()
        }  # views: ours only
        arrows = [re.fullmatch(r"\t(n\d+) -> (n\d+)(.*)\n", line).groups() for line in body if "->" in line]  # type: ignore[union-attr]
        return [sorted(labels.values()), sorted(f"{labels[a]} -> {labels[b]}{kind}" for a, b, kind in arrows)]

    assert drawn(torch) == drawn(real)


def test_make_dot_shows_what_is_saved() -> None:
    pytest.importorskip("graphviz")
    w = torch.ones(3, requires_grad=True)
    source = viz.make_dot(w.exp().sum(), show_attrs=True, show_saved=True).source
    assert '[label="result\\n (3)" fillcolor="orange"]' in source
    assert '"ExpBackward0\\n----------------------\\nresult: [saved tensor]"' in source
    assert '[dir="none"]' in source


def test_make_dot_draws_itself_without_dot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("graphviz")
    if "graphviz-pure" not in programs.available(".svg"):
        pytest.skip("no graphviz-pure here")
    monkeypatch.setenv("PATH", str(tmp_path))
    dot = viz.make_dot(torch.ones(3, requires_grad=True).sum())
    assert len(boxes(dot.pipe(format="svg", encoding="utf-8"))) == 4
    assert Path(dot.render(tmp_path / "picture", format="png", cleanup=True)).read_bytes().startswith(b"\x89PNG")
    assert set(dot._repr_mimebundle_()) == {"image/svg+xml", "text/plain"}


def test_make_dot_never_breaks_a_notebook(monkeypatch: pytest.MonkeyPatch, no_programs: None, tmp_path: Path) -> None:
    graphviz = pytest.importorskip("graphviz")
    monkeypatch.setenv("PATH", str(tmp_path))
    dot = viz.make_dot(torch.ones(3, requires_grad=True).sum())
    assert dot._repr_mimebundle_() == {"text/plain": dot.source}
    with pytest.raises(graphviz.ExecutableNotFound):
        dot.pipe(format="svg")


def test_make_dot_knows_modules() -> None:
    pytest.importorskip("graphviz")
    torch.manual_seed(0)
    net = torch.nn.Sequential(*[torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Tanh()) for _ in range(8)])
    graph = viz.graph(net, torch.ones(1, 2), backward=True)
    assert viz.make_dot(graph).source.count("subgraph cluster_") == 8 + 16
    assert viz.make_dot(graph, fold=True).source.count("subgraph cluster_") == 3
    assert "Sequential" in viz.make_dot(graph, depth=1).source
    a, b = (torch.tensor(v, requires_grad=True) for v in (2.0, -3.0))
    with viz.recording():
        c = a * b
        c.backward()
    source = viz.make_dot(c, params={"a": a}, values=True).source
    for label in ("a\\n ()\\ndata 2 | grad -3", "MulBackward0\\ndata -6 | grad 1", "\\n ()\\ndata -6"):
        assert f'[label="{label}"' in source
    assert "data" not in viz.make_dot(c).source
    shades = re.findall(r'fillcolor="(#\w+)"', viz.make_dot(graph, gradients=True).source)
    assert len(set(shades)) > 4


# Notebooks


def test_a_notebook_shows_graphs(no_programs: None) -> None:
    w = torch.ones(3, requires_grad=True)
    y = (w * 2).sum()
    bundle = y._repr_mimebundle_()
    assert bundle is not None and bundle["text/plain"] == repr(y)
    assert [lines[0] for lines in boxes(bundle["image/svg+xml"]).values()] == ["output", "Sum", "Mul", "(3,)"]
    for plain in (w, w.detach(), torch.ones(2), torch.ones(2) * 2, torch.tensor(1)):
        assert plain._repr_mimebundle_() is None  # its repr, as always
    shown = viz.graph(y)._repr_mimebundle_()
    assert shown["text/plain"] == "<Graph: 2 operations, 1 leaves, 3 edges>"
    assert len(boxes(shown["image/svg+xml"])) == 4


def test_a_notebook_never_breaks(no_programs: None, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = _chain(20_000)
    assert deep._repr_mimebundle_() is None
    wide = torch.stack([torch.ones(i + 1, requires_grad=True).sum() for i in range(1000)])
    shown = viz.graph(wide)._repr_mimebundle_()
    assert set(shown) == {"text/plain"} and "viz.render(graph, 'graph.html') shows it" in shown["text/plain"]
    monkeypatch.setattr("microtorch.viz.notebook.draw_svg", lambda graph: 1 / 0)
    y = torch.ones(2, requires_grad=True) * 2
    assert y._repr_mimebundle_() == {"text/plain": f"{y!r}\n(not drawn: division by zero)"}
    monkeypatch.setattr("microtorch.viz.notebook.graph", lambda *args, **named: 1 / 0)
    assert y._repr_mimebundle_() is None


def test_ipython_shows_graphs() -> None:
    formatters = pytest.importorskip("IPython.core.formatters")
    formatter = formatters.DisplayFormatter()
    w = torch.ones(3, requires_grad=True)
    assert set(formatter.format((w * 2).sum())[0]) == {"text/plain", "image/svg+xml"}
    assert formatter.format(w)[0] == {"text/plain": repr(w)}


def test_make_dot_without_the_package_names_the_extra() -> None:
    code = (
        "import sys; sys.modules['graphviz'] = None\n"
        "import microtorch as torch; from microtorch import viz\n"
        "x = torch.ones(1, requires_grad=True); print(len(viz.to_dot(viz.graph(x))) > 0)\n"
        "viz.make_dot(x)"
    )
    root = Path(torch.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=False)
    assert done.stdout == "True\n"
    assert 'pip install "microtorch[viz]"' in done.stderr.splitlines()[-1]


# Layout


def _random_graph(seed: int) -> tuple[list[tuple[float, float]], list[tuple[int, int]]]:
    rng = random.Random(seed)
    count = rng.randint(1, 60)
    sizes = [(rng.uniform(20, 200), rng.choice([20.0, 40.0, 90.0])) for _ in range(count)]
    edges = [(rng.randrange(b), b) for b in range(1, count) for _ in range(rng.randint(0, 3))]
    order = rng.sample(range(count), count)
    return sizes, [(order[a], order[b]) for a, b in edges]


def _between(a: float, b: float, low: float, high: float) -> bool:
    return min(a, b) < high - 0.01 and max(a, b) > low + 0.01


def _overlap(a: Box, b: Box) -> bool:
    return (
        _between(a.x - a.width / 2, a.x + a.width / 2, b.x - b.width / 2, b.x + b.width / 2)
        and _between(a.y - a.height / 2, a.y + a.height / 2, b.y - b.height / 2, b.y + b.height / 2)
    )  # fmt: skip


@pytest.mark.parametrize("seed", range(25))
def test_no_boxes_overlap_and_no_arrow_crosses_one(seed: int) -> None:
    sizes, edges = _random_graph(seed)
    placed = layout(sizes, edges)
    assert [(box.width, box.height) for box in placed.boxes] == sizes
    assert not [pair for pair in itertools.combinations(placed.boxes, 2) if _overlap(*pair)]
    for box in placed.boxes:
        assert box.x - box.width / 2 > -0.01
        assert box.x + box.width / 2 < placed.width + 0.01
        assert -0.01 < box.y - box.height / 2
        assert box.y + box.height / 2 < placed.height + 0.01
    for (source, target), line in zip(edges, placed.lines, strict=True):
        first, last = placed.boxes[source], placed.boxes[target]
        assert line[0] == (first.x, first.y + first.height / 2)
        assert line[-1][1] == pytest.approx(last.y - last.height / 2)
        assert abs(line[-1][0] - last.x) < last.width / 2
        assert all(above[1] <= below[1] + 1e-9 for above, below in itertools.pairwise(line))
        points = curve(line)
        for i in range(0, len(points) - 1, 3):  # a curve stays inside the box of its control points
            xs, ys = zip(*points[i : i + 4], strict=True)
            piece = Box((min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2, max(xs) - min(xs), max(ys) - min(ys))
            assert not [box for box in placed.boxes if _overlap(piece, box)]
    assert layout(sizes, edges) == placed


def test_small_layouts() -> None:
    assert layout([], []).boxes == []
    assert layout([(30, 20)], []).boxes == [Box(15, 10, 30, 20)]
    chain = layout([(30, 20)] * 3, [(0, 1), (1, 2)])
    assert [box.x for box in chain.boxes] == [15, 15, 15]
    two = layout([(30, 20)] * 2, [(0, 1), (0, 1)])
    assert two.lines[0][-1] != two.lines[1][-1]  # both arrows of x * x can be seen


def test_a_cycle_is_refused() -> None:
    with pytest.raises(ValueError, match="cycle"):
        layout([(30, 20)] * 2, [(0, 1), (1, 0)])


def test_too_many_long_arrows_are_refused() -> None:
    count = 2000
    edges = [(i, i + 1) for i in range(count - 1)] + [(i, count - 1) for i in range(0, count, 2)]
    with pytest.raises(ValueError, match="too many long arrows"):
        layout([(30, 20)] * count, edges)


# Files


def _chain(length: int) -> Any:
    y = torch.ones(1, requires_grad=True)
    for _ in range(length):
        y = y + 1
    return y


def test_svg_by_our_own_code(tmp_path: Path, no_programs: None) -> None:
    x = torch.ones(2, 3, requires_grad=True)
    path = viz.render((x * x).sum(), str(tmp_path / "x.svg"), params={"x": x})
    svg = path.read_text()
    assert boxes(svg) == {
        "n0": ["output", "data 6"],
        "n1": ["Sum", "()"],
        "n2": ["Mul", "(2, 3)"],
        "n3": ["x", "(2, 3)"],
    }
    assert svg.count('class="edge"') == 4
    assert "xlink" not in svg and "href" not in svg
    page = viz.render((x * x).sum(), tmp_path / "x.html").read_text()
    assert "http" not in page.replace("http://www.w3.org/2000/svg", "")


def test_svg_by_every_program_here(tmp_path: Path) -> None:
    for engine in programs.available(".svg"):
        svg = viz.render(_chain(3), tmp_path / "x.svg", engine=engine).read_text()
        assert [lines[0] for lines in boxes(svg).values()].count("Add") == 3


@pytest.mark.skipif(not programs.available(".png"), reason="nothing here draws PNG")
def test_png(tmp_path: Path) -> None:
    assert viz.render(_chain(3), tmp_path / "x.PNG").read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(not programs.available(".pdf"), reason="nothing here draws PDF")
def test_pdf(tmp_path: Path) -> None:
    assert viz.render(_chain(3), tmp_path / "x.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(("suffix", "hint"), [(".png", "graphviz-pure"), (".pdf", "the `dot` program")])
def test_without_a_program_png_and_pdf_say_what_to_install(
    tmp_path: Path, no_programs: None, suffix: str, hint: str
) -> None:
    path = tmp_path / f"x{suffix}"
    for act in (lambda: viz.check(path), lambda: viz.render(_chain(1), path)):
        with pytest.raises(viz.DrawingError, match=f"nothing here can draw {suffix}.*{hint}"):
            act()
    assert not path.exists()


def test_a_program_that_fails_is_followed_by_our_own_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "dot"
    broken.write_text("#!/bin/sh\necho 'no plugin' >&2\nexit 1\n")
    broken.chmod(broken.stat().st_mode | stat.S_IEXEC)
    monkeypatch.setattr(sys.modules["microtorch.viz.render"], "available", lambda suffix: {"dot": str(broken)})
    assert len(boxes(viz.render(_chain(1), tmp_path / "x.svg").read_text())) == 3
    with pytest.raises(viz.DrawingError, match="no plugin"):
        viz.render(_chain(1), tmp_path / "x.png")
    with pytest.raises(viz.DrawingError, match="no plugin"):
        viz.render(_chain(1), tmp_path / "x.svg", engine="dot")


def test_a_graph_with_many_long_arrows_is_laid_out_by_us(tmp_path: Path) -> None:
    w = y = torch.ones(1, requires_grad=True)
    for _ in range(150):
        y = y * w
    assert viz.render(y, tmp_path / "x.svg", fold=False).read_text().count('class="node"') == 152
    if programs.available(".png"):
        assert viz.render(y, tmp_path / "x.png", fold=False).read_bytes().startswith(b"\x89PNG")


def test_2000_nodes_are_drawn(tmp_path: Path, no_programs: None) -> None:
    assert viz.render(_chain(1998), tmp_path / "x.svg", fold=False).read_text().count('class="node"') == 2000


def test_too_large_a_graph_is_refused_but_for_dot(tmp_path: Path) -> None:
    y = _chain(20)
    with pytest.raises(ValueError, match="the graph has 22 nodes, and a picture of more than 10 shows nothing"):
        viz.render(y, tmp_path / "x.svg", limit=10, fold=False)
    assert "n21" in viz.render(y, tmp_path / "x.dot", limit=10, fold=False).read_text()


@pytest.mark.parametrize("name", ["x", "x.jpg", "x.svg.gz", ".svg"])
def test_other_suffixes_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="suffix must be one of"):
        viz.render(_chain(1), tmp_path / name)


def test_check_finds_a_missing_folder(tmp_path: Path) -> None:
    viz.check(tmp_path / "x.svg")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        viz.check(tmp_path / "nowhere" / "x.svg")
    (tmp_path / "folder.svg").mkdir()
    with pytest.raises(IsADirectoryError, match="is a folder"):
        viz.check(tmp_path / "folder.svg")


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.dot"
    path.write_text("before")

    def fail(*args: Any) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", fail)
        with pytest.raises(OSError, match="disk full"):
            viz.render(_chain(1), path)
    assert path.read_text() == "before"
    assert list(tmp_path.iterdir()) == [path]
    viz.render(_chain(1), path)
    assert path.read_text().startswith("digraph")
    plain = tmp_path / "plain"
    plain.touch()
    assert path.stat().st_mode == plain.stat().st_mode


# Documentation

DOCS = Path(torch.__file__).parents[1] / "docs"


def test_the_programs_in_the_documentation_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("graphviz")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "__main__"}
    blocks = re.findall(r"```python\n(.*?)```", (DOCS / "viz.md").read_text(), re.DOTALL)
    assert len(blocks) >= 7
    for block in blocks:
        exec(compile(block, "viz.md", "exec"), names)
    assert {path.name for path in tmp_path.iterdir()} == {"model.svg", "neuron.svg", "gradients.svg", "d.svg", "g.svg"}


def test_the_pictures_in_the_documentation_are_those_that_are_drawn(tmp_path: Path) -> None:
    """The numbers in them aside, which depend on the machine in the last digit."""
    spec = importlib.util.spec_from_file_location("generate_pictures", DOCS / "generate_pictures.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.main(tmp_path)
    shown = set(re.findall(r"\(pictures/(\S+)\)", (DOCS / "viz.md").read_text()))
    drawn = {path.name: path for path in tmp_path.iterdir()}
    assert set(drawn) == shown == {path.name for path in (DOCS / "pictures").glob("*.svg")}
    for name, path in drawn.items():
        mine, kept = boxes(path.read_text()), boxes((DOCS / "pictures" / name).read_text())
        without_numbers = [
            {key: [line for line in lines if not re.match("data|grad", line)] for key, lines in found.items()}
            for found in (mine, kept)
        ]
        assert without_numbers[0] == without_numbers[1], name
