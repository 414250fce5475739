"""A graph as one HTML page that needs nothing else: the picture, what is in it, and what the colours mean."""

from __future__ import annotations

from html import escape
from math import prod

from microtorch.viz.graph import Graph, Kind
from microtorch.viz.style import MICROTORCH

_STYLE = """\
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { margin: 0; display: flex; flex-direction: column; height: 100vh; }
header { padding: .6rem 1rem; display: flex; flex-wrap: wrap; gap: .2rem 1.5rem; align-items: baseline; }
h1 { font-size: 1.1rem; margin: 0; }
i { display: inline-block; width: .8em; height: .8em; border: 1px solid; border-radius: 3px; margin-right: .35em; }
main { flex: 1; overflow: auto; background: white; padding: 1rem; text-align: center; }"""

_MEANING: dict[Kind, str] = {"leaf": "leaf tensor", "op": "operation", "output": "output", "saved": "saved tensor"}


def to_html(graph: Graph, svg: str, title: str = "Computation graph") -> str:
    """The page around the picture `svg` of the graph.

    >>> page = to_html(Graph(), "<?xml?><svg></svg>", title="a < b")
    >>> "<h1>a &lt; b</h1>" in page, "<?xml" in page
    (True, False)
    """
    svg = svg[svg.index("<svg") :]  # an XML head has no place inside a page
    keys = []
    for kind, meaning in _MEANING.items():
        if count := graph.count(kind):
            colours = f"background:{MICROTORCH.fill[kind]};border-color:{MICROTORCH.border[kind]}"
            keys.append(f'<span><i style="{colours}"></i>{count} {meaning}{"s" * (count != 1)}</span>')
    elements = sum(prod(node.shape) for node in graph.nodes if node.kind == "leaf" and node.shape is not None)
    keys.append(f"<span>{elements:,} numbers in leaves</span>")
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{escape(title)}</title>
<style>
{_STYLE}
</style>
</head>
<body>
<header><h1>{escape(title)}</h1>{"".join(keys)}</header>
<main>
{svg}</main>
</body>
</html>
"""
