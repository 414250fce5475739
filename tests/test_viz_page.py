"""The HTML page in a real browser: it loads, folds, finds, steps, and looks as it should."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import microtorch as torch
from microtorch import nn, viz
from microtorch.viz.html import page_data
from microtorch.viz.nested import nested
from tests.browser import Browser, executable
from tests.test_viz_layout import random_graph
from tests.test_viz_record import Model

pytestmark = pytest.mark.slow  # a browser takes a second to start
needs_browser = pytest.mark.skipif(executable() is None, reason="no Chromium here")


@pytest.fixture(scope="module")
def tab() -> Iterator[Browser]:
    if executable() is None:
        pytest.skip("no Chromium here")
    with Browser() as browser:
        yield browser


@pytest.fixture
def show(tab: Browser, tmp_path: Path) -> Iterator[Callable[[Any], Browser]]:
    def load(graph: Any) -> Browser:
        tab.load(viz.render(graph, tmp_path / "page.html"))
        return tab

    yield load
    assert tab.errors() == []
    assert [url for url in tab.requests() if not url.startswith(("file:", "data:"))] == []


def frame(tab: Browser) -> None:
    """Wait until what was asked for is drawn."""
    tab.js("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(0))))")


def model_graph() -> viz.Graph:
    torch.manual_seed(0)
    return viz.graph(Model(12), torch.tensor([[1, 2, 3]]), backward=True)


def labels(tab: Browser) -> list[str]:
    """The first lines of the boxes that are in the window."""
    frame(tab)
    found: list[str] = tab.js("[...document.querySelectorAll('.box text:first-of-type')].map(t => t.textContent)")
    return sorted(found)


def middle(tab: Browser, key: str) -> tuple[float, float]:
    """Where a box is in the window."""
    frame(tab)
    x, y = tab.js(
        f"(() => {{ const r = document.querySelector('[data-key=\"{key}\"] rect').getBoundingClientRect();"
        "return [r.x + r.width / 2, r.y + r.height / 2]; })()"
    )
    return x, y


def test_what_is_seen_first(show: Callable[[Any], Browser]) -> None:
    tab = show(model_graph())
    dots, times = "\N{HORIZONTAL ELLIPSIS}", "\N{MULTIPLICATION SIGN}"
    closed = "\N{BLACK RIGHT-POINTING SMALL TRIANGLE}"
    assert labels(tab) == sorted(
        [
            "embed.weight",
            "tokens",
            "Embedding",
            f"{closed} layers.0 {dots} layers.11: Block {times}12",
            "Linear",
            "output",
        ]
    )
    assert tab.js("document.title") == "Model"


def test_modules_open_and_close(show: Callable[[Any], Browser]) -> None:
    tab = show(model_graph())
    run = tab.js("DATA.scopes.findIndex(scope => scope.run)")
    tab.click(*middle(tab, f"s{run}"), count=2)
    assert tab.js("page.view.boxes.filter(box => box.scope).length") == 12
    first = tab.js("DATA.scopes.findIndex(scope => scope.path === 'layers.0')")
    tab.click(*middle(tab, f"s{first}"), count=2)
    tab.js("page.fit()")
    assert {"LayerNorm", "Relu", "Add", "up.weight"} <= set(labels(tab))
    tab.click(*middle(tab, f"s{first}"))  # now a frame: its inside selects it
    assert tab.js("document.querySelector('#details h2').textContent") == "layers.0: Block"
    tab.js(f"page.toggle({first})")
    assert "LayerNorm" not in labels(tab)
    tab.js("page.openAll()")
    assert tab.js("page.view.boxes.length") == len(model_graph().nodes)
    tab.js("page.closeAll()")
    assert tab.js("page.view.boxes.filter(box => box.scope).length") == 1


def test_a_click_tells_all(show: Callable[[Any], Browser]) -> None:
    graph = model_graph()
    tab = show(graph)
    number = next(node.id for node in graph.nodes if node.label == "Relu" and node.scope == "layers.3")
    tab.js(f"page.reveal({number})")
    text = tab.js("document.getElementById('details').innerText")
    for part in (
        "ReluBackward0",
        "layers.3: Block",
        "(1, 3, 16)",
        "called at test_viz_record.py:",
        "return x + self.down(self.up(self.norm(x)).relu())",
        'relu = unary("relu"',
        "saved for backward: 192 B",
        "norm",
    ):
        assert part in text, part
    tab.js("document.querySelector('#details .link').click()")  # what it is made of
    assert tab.js("document.querySelector('#details h2').textContent") == "Linear"


def test_search(show: Callable[[Any], Browser]) -> None:
    tab = show(model_graph())
    tab.key("/")
    for letter in "layers.7 add":
        tab.key(letter)
    assert tab.js("document.getElementById('count').textContent") == "1 found"
    tab.key("Enter")
    assert tab.js("document.querySelector('#details h2').textContent") == "Add"
    assert "layers.7" in tab.js("document.getElementById('details').innerText")
    frame(tab)
    assert tab.js("document.querySelectorAll('.box.found').length") == 1
    x, y = middle(tab, tab.js("page.state.selected"))
    assert 0 < x < tab.width and 0 < y < tab.height
    tab.key("Escape")
    tab.key("Escape")
    assert tab.js("page.state.selected") is None


def test_steps_show_gradients_arriving_and_adding_up(show: Callable[[Any], Browser]) -> None:
    a = torch.tensor(2.0, requires_grad=True)
    with viz.recording():
        b = a * 3
        c = b * a
        d = (b + c) * 1
        d.backward()
    tab = show(viz.graph({"d": d}, params={"a": a, "b": b}))
    said = []
    badges: dict[str, str] = {}
    for step in range(1, tab.js("page.order.length") + 1):
        tab.key(".")
        said.append(tab.js("document.getElementById('status').textContent"))
        frame(tab)
        assert tab.js("document.querySelectorAll('.box.now').length") == 1
        for label, badge in tab.js(
            "[...document.querySelectorAll('.box')].map(b => [b.querySelector('text').textContent,"
            "b.querySelector('.grad').textContent])"
        ):
            if badge:
                badges[f"{step} {label}"] = badge
    assert said == [
        "forward 1 of 4: Mul gives 6",
        "forward 2 of 4: Mul gives 12",
        "forward 3 of 4: Add gives 18",
        "forward 4 of 4: Mul gives 18",
        "backward 1 of 5: Mul receives 1, sends to Add 1",
        "backward 2 of 5: Add receives 1, sends to Mul 1, Mul 1",
        "backward 3 of 5: Mul receives 1, sends to Mul 2, a 6",
        "backward 4 of 5: Mul receives 3, sends to a 9",
        "backward 5 of 5: a takes the gradient 15",
    ]
    nabla = "\N{NABLA}"
    assert badges["7 a"] == f"{nabla} 6 (1 of 2)"
    assert badges["8 a"] == f"{nabla} 15 (2 of 2)"
    assert badges["9 a"] == f"{nabla} 15"
    tab.key(",")
    assert tab.js("page.state.step") == len(said) - 1
    tab.js("page.goToStep(0)")
    frame(tab)
    assert tab.js("[...document.querySelectorAll('.grad')].every(g => !g.textContent)")


def test_play(show: Callable[[Any], Browser]) -> None:
    tab = show(viz.graph(nn.Linear(2, 2), torch.ones(1, 2), backward=True))
    tab.js("document.getElementById('speed').value = '120'")
    tab.key(" ")
    end = time.time() + 10
    while tab.js("page.state.step < page.order.length || page.state.playing") and time.time() < end:
        time.sleep(0.05)
    assert tab.js("page.state.step === page.order.length && !page.state.playing")


def test_the_keyboard_goes_everywhere(show: Callable[[Any], Browser]) -> None:
    tab = show(model_graph())
    tab.key("ArrowDown")
    seen = [tab.js("page.state.selected")]
    for _ in range(8):
        tab.key("ArrowUp")
        seen.append(tab.js("page.state.selected"))
    assert len(set(seen)) >= 4
    run = tab.js("'s' + DATA.scopes.findIndex(scope => scope.run)")
    tab.js(f"page.select('{run}')")
    tab.key("Enter")
    assert tab.js("page.view.boxes.filter(box => box.scope).length") == 12
    before = tab.js("page.camera.scale")
    tab.key("+")
    assert tab.js("page.camera.scale") > before
    tab.key("0")
    frame(tab)
    assert tab.js("[...document.querySelectorAll('.box')].length === page.view.boxes.length")  # all are in the window
    for key, element in (("?", "help"),):
        tab.key(key)
        assert not tab.js(f"document.getElementById('{element}').hidden")
    tab.key("Escape")
    tab.key("p")
    assert tab.js("page.state.leaves") is False
    assert "embed.weight" not in labels(tab)


def test_it_looks_as_it_should_in_light_and_dark(show: Callable[[Any], Browser]) -> None:
    graph = viz.graph(nn.Linear(2, 2), torch.ones(1, 2), backward=True)
    tab = show(graph)
    colours = {"leaf": "#d3e9fb", "input": "#fff3c4", "output": "#d2efc4", "op": "#eeeeee"}
    dark = {"leaf": "#1c3a54", "input": "#463c15", "output": "#23401a", "op": "#2e3038"}
    for palette, page in ((colours, "#ffffff"), (dark, "#17181c")):
        frame(tab)
        image = tab.screenshot()
        for node in graph.nodes:
            x, y = middle(tab, f"n{node.id}")
            box = tab.js(f"page.view.byKey.get('n{node.id}').height * page.camera.scale")
            pixel = image[int(y - box / 2 + 3), int(x)]
            assert "#{:02x}{:02x}{:02x}".format(*pixel) == palette[node.kind], node
        assert "#{:02x}{:02x}{:02x}".format(*image[140, 15]) == page
        ink = image[int(y) - 20 : int(y) + 20, int(x) - 40 : int(x) + 40].astype(int).sum(2)
        assert ink.max() - ink.min() > 300  # there is text that can be read
        tab.key("t")
    tab.key("t")
    tab.js("document.getElementById('heat').click()")
    frame(tab)
    shades = set(tab.js("[...document.querySelectorAll('.box rect')].map(r => r.style.fill)"))
    assert len(shades) >= 3


def test_the_system_may_be_dark(tab: Browser, tmp_path: Path) -> None:
    path = viz.render(torch.ones(2, requires_grad=True) * 2, tmp_path / "x.html")
    tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    try:
        tab.load(path)
        frame(tab)
        assert tuple(tab.screenshot()[140, 15]) == (0x17, 0x18, 0x1C)
    finally:
        tab.call("Emulation.setEmulatedMedia", features=[])


def test_names_do_no_harm(show: Callable[[Any], Browser]) -> None:
    bad = "</script><img src=x onerror=\"console.error('harm')\">&amp;'\u2028"
    x = torch.ones(2, requires_grad=True)
    with viz.recording():
        y = x * 2
    graph = viz.graph({bad: y}, params={bad + "x": x})
    graph.title = bad
    tab = show(graph)
    assert any("<img src=x" in label for label in labels(tab))
    assert tab.js("document.querySelectorAll('img').length") == 0
    tab.js("page.reveal(0); page.goToStep(1)")
    assert tab.js("document.querySelectorAll('img').length") == 0


def test_nan_and_infinity_are_shown(show: Callable[[Any], Browser]) -> None:
    x = torch.tensor([0.0, 1.0], requires_grad=True)
    tab = show(viz.graph(x.log().sum() / 0.0, backward=True))
    tab.js("document.getElementById('heat').click(); page.goToStep(page.order.length)")
    frame(tab)
    assert "inf" in tab.js("document.getElementById('status').textContent")


def test_small_pages(show: Callable[[Any], Browser]) -> None:
    tab = show(torch.ones(1, requires_grad=True))
    assert labels(tab) == ["output"]
    tab.key(".")
    tab.key("ArrowDown")
    tab.key("Enter")


def test_the_page_lays_out_as_python_does(show: Callable[[Any], Browser]) -> None:
    tab = show(torch.ones(1, requires_grad=True))
    for seed in range(60):
        sizes, edges, groups, inside = random_graph(seed)
        placed = nested(sizes, edges, groups, inside)
        given = json.dumps([sizes, edges, [{"parent": g.parent, "label": g.label} for g in groups], inside])
        found = tab.js(f"nested(...{given})")
        for mine, theirs in ((placed.boxes, found["boxes"]), (placed.frames, found["frames"])):
            assert [(b["x"], b["y"], b["width"], b["height"]) for b in theirs] == [
                pytest.approx((b.x, b.y, b.width, b.height)) for b in mine
            ]
        for line, other in zip(placed.lines, found["lines"], strict=True):
            assert [tuple(point) for point in other] == [pytest.approx(point) for point in line]


def test_5000_nodes(show: Callable[[Any], Browser]) -> None:
    blocks = [nn.TransformerEncoderLayer(8, 2, 16, batch_first=True) for _ in range(150)]
    graph = viz.graph(nn.Sequential(*blocks), torch.ones(1, 3, 8), backward=True)
    assert len(graph.nodes) >= 5000
    start = time.perf_counter()
    tab = show(graph)
    frame(tab)
    assert time.perf_counter() - start < 20
    start = time.perf_counter()
    tab.js("page.openAll()")
    frame(tab)
    assert tab.js("page.view.boxes.length") == len(graph.nodes)
    tab.js("page.fit()")
    frame(tab)
    assert tab.js("document.querySelectorAll('.far').length") > 0
    assert time.perf_counter() - start < 30
    start = time.perf_counter()
    tab.js("page.goToStep(DATA.forward.length)")
    for _ in range(20):
        tab.js("page.goToStep(page.state.step + 1)")
        frame(tab)
    assert time.perf_counter() - start < 20
    assert tab.js("page.state.step") == len(graph.forward_order()) + 20


def test_the_data_of_the_page() -> None:
    data = page_data(model_graph())
    json.dumps(data, allow_nan=False)
    assert all(-1 <= node["scope"] < len(data["scopes"]) for node in data["nodes"])
    assert all(scope["parent"] < i for i, scope in enumerate(data["scopes"]))
    assert "layer_norm = op(" in data["formulas"]["layer_norm"]
    assert "def _layer_norm(" in data["formulas"]["layer_norm"]
