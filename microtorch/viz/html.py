"""A graph as one HTML page that needs nothing else: what is in page.js, page.css and layout.js, and the graph as data.

The page draws the graph itself: modules open and close, a search finds, a click tells all about a node, and the steps
of the forward and the backward pass can be played.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from functools import cache
from html import escape
from importlib import resources
from math import prod
from typing import Any

from microtorch.viz.fold import grouped
from microtorch.viz.formulas import formula_text
from microtorch.viz.graph import Graph, Kind, Node, Scope, Stats, Step
from microtorch.viz.style import MICROTORCH, compact, count_text, frame_label, looks, printable, shape_text

_MEANING: dict[Kind, str] = {
    "input": "input", "leaf": "leaf", "op": "operation", "output": "output", "saved": "saved tensor",
}  # fmt: skip

_HELP = """
<h2>Keys</h2><table>
<tr><th>drag, wheel</th><td>move, zoom (also + and -, 0 to see all, shift and arrows)</td></tr>
<tr><th>click</th><td>what a box is; double click, or a frame's name: open and close a module</td></tr>
<tr><th>arrows</th><td>go from box to box: up to what it is made of, down to what uses it</td></tr>
<tr><th>Enter</th><td>open or close the module of the selected box; o, c: all modules</td></tr>
<tr><th>/</th><td>search; n, N: the next and the last one found</td></tr>
<tr><th>space</th><td>play the steps; . and , one forth and back</td></tr>
<tr><th>g, p, t</th><td>colour by gradient; show parameters; dark and light</td></tr>
<tr><th>Esc</th><td>close what is open</td></tr></table>
<p>A dashed border is a view, a red one was written in place, a dashed arrow has no gradient. Red numbers beside boxes
are gradients: a number, or the |norm| of a tensor.</p>"""


def to_html(graph: Graph, title: str = "Computation graph") -> str:
    """The page of a graph.

    >>> page = to_html(Graph(), title="a < b")
    >>> "<h1>a &lt; b</h1>" in page, "http" in page.replace("http://www.w3.org/2000/svg", "")
    (True, False)
    """
    data = json.dumps(page_data(graph), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    data = data.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    title = escape(printable(title, 100))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
{_file("page.css")}</style>
</head>
<body>
<header>
<h1>{title}</h1>
<input id="search" type="search" placeholder="search (/)" aria-label="search">
<button id="next">next</button><span id="count" role="status"></span>
<button id="open">open all</button><button id="close">close all</button><button id="fit">fit</button>
<label><input id="leaves" type="checkbox"> parameters</label>
<label><input id="heat" type="checkbox"> colour by gradient</label>
<span class="grow"></span>{_legend(graph)}
<button id="theme" aria-label="dark or light">◐</button><button id="keys" aria-label="keys">?</button>
</header>
<main>
<svg id="graph" xmlns="http://www.w3.org/2000/svg" tabindex="0" role="application" aria-label="computation graph">
<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">
<path d="M0,0.8 L8,4 L0,7.2 z"/></marker></defs><g id="scene"></g></svg>
<aside id="help" hidden>{_HELP}</aside>
<aside id="details" aria-live="polite" hidden></aside>
</main>
<footer>
<button id="first" aria-label="to the beginning">|◀</button><button id="back" aria-label="one step back">◀</button>
<button id="play" aria-label="play">▶</button><button id="forward" aria-label="one step">▶|</button>
<button id="turn" title="to the first step of the backward pass">backward</button>
<input id="slider" type="range" min="0" max="0" value="0" aria-label="step">
<select id="speed" aria-label="speed"><option value="1500">slow</option><option value="600" selected>normal</option>
<option value="120">fast</option></select>
<div id="status" role="status"></div>
</footer>
<script type="application/json" id="data">{data}</script>
<script>
{_file("layout.js")}</script>
<script>
{_file("page.js")}</script>
</body>
</html>
"""


@cache
def _file(name: str) -> str:
    return (resources.files("microtorch.viz") / name).read_text(encoding="utf-8")


def _legend(graph: Graph) -> str:
    keys = []
    for kind, meaning in _MEANING.items():
        if count := graph.count(kind):
            colours = f"background:var(--{kind});border-color:var(--{kind}-edge)"
            numbers = sum(prod(node.shape or ()) for node in graph.nodes if node.kind == kind)
            title = f' title="{count_text(numbers)} numbers"' if kind == "leaf" else ""
            text = f"{count} {_plural(meaning, count)}"
            keys.append(f'<span class="key"{title}><i style="{colours}"></i>{text}</span>')
    return "".join(keys)


def page_data(graph: Graph) -> dict[str, Any]:
    """What page.js reads: plain lists and dictionaries, with scopes as numbers in place of keys."""
    graph = grouped(compact(graph))
    # the model itself goes without a frame, and so do modules that nothing was recorded in
    keys = [key for key, scope in graph.scopes.items() if scope.path or scope.times > 1]
    number = {key: i for i, key in enumerate(keys)}
    steps = graph.steps or [Step(n) for n in graph.backward_order()]
    # gradients are shown as they arrive
    shown = looks(replace(graph, nodes=[replace(node, grad=None) for node in graph.nodes]), MICROTORCH)
    own: dict[str, int] = {}
    for node in graph.nodes:
        if node.kind == "leaf":
            for key in graph.path(node.scope):
                own[key] = own.get(key, 0) + prod(node.shape or ())
    return {
        "nodes": [
            _node(node, look.lines, number.get(node.scope, -1)) for node, look in zip(graph.nodes, shown)
        ],
        "edges": [
            {"source": e.source, "target": e.target, "position": e.position, "constant": e.constant or e.base,
             "saved": e.saved}
            for e in graph.edges
        ],
        "scopes": [
            _scope(graph, graph.scopes[key], number.get(graph.scopes[key].parent or "", -1), own.get(key, 0))
            for key in keys
        ],
        "forward": graph.forward_order(),
        "steps": [
            {"node": s.node, "incoming": _stats(s.incoming), "outgoing": [_stats(g) for g in s.outgoing]} for s in steps
        ],
        "formulas": {name: formula_text(name) for name in sorted({n.entry for n in graph.nodes if n.entry})},
    }  # fmt: skip


def _node(node: Node, lines: list[str], scope: int) -> dict[str, Any]:
    return {
        "kind": node.kind, "label": node.label, "op": node.op, "name": node.name, "lines": lines, "scope": scope,
        "shape": shape_text(node) if node.shape is not None else "", "dtype": node.dtype, "entry": node.entry,
        "source": node.source, "attrs": node.attrs, "view": node.view, "in_place": node.in_place, "freed": node.freed,
        "saved": [[s.name, str(s.shape), s.dtype, s.nbytes] for s in node.saved],
        "value": _stats(node.value), "grad": _stats(node.grad),
        "text": " ".join([node.label, node.op, node.name, node.scope, node.source, node.entry, node.kind]).lower(),
    }  # fmt: skip


def _scope(graph: Graph, scope: Scope, parent: int, numbers: int) -> dict[str, Any]:
    run = scope.times > 1 and not scope.class_name
    return {
        "label": scope.detail if run else frame_label(graph, scope), "parent": parent, "path": scope.path,
        "class_name": scope.class_name, "detail": "" if run else scope.detail, "run": run,
        "depth": len([key for key in graph.path(scope.key) if key]) - 1,
        "numbers": count_text(numbers) if numbers else "",
    }  # fmt: skip


def _stats(stats: Stats | None) -> dict[str, Any] | None:
    """As JSON has it: NaN and infinity are only in the text."""
    if stats is None:
        return None
    found: dict[str, Any] = {"text": stats.text, "norm": _number(stats.norm)}
    if stats.value is not None:
        found["value"] = _number(stats.value) if isinstance(stats.value, float) else stats.text
    elif math.isfinite(stats.mean):
        found |= {"mean": stats.mean, "low": _number(stats.low), "high": _number(stats.high)}
    return found


def _number(value: float) -> float | str:
    return value if math.isfinite(value) else str(value)


def _plural(word: str, count: int) -> str:
    return word if count == 1 else "leaves" if word == "leaf" else f"{word}s"
