"""Files: a graph as SVG, PNG, PDF, DOT or HTML, by the best means that this machine has."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, Literal

from microtorch.viz.dot import to_dot
from microtorch.viz.graph import Graph, graph
from microtorch.viz.html import to_html
from microtorch.viz.layout import lanes_needed
from microtorch.viz.programs import INSTALL, INSTALL_PDF, DrawingError, available, draw
from microtorch.viz.svg import place, to_svg

SUFFIXES = (".svg", ".png", ".pdf", ".dot", ".gv", ".html")
Engine = Literal["dot", "graphviz-pure", "builtin"]
# Graphviz's layout makes a node of every row that an edge passes: 8,000 take it 3 seconds, 18,000 half a minute.
_CROWDED = 5000


def render(
    graph_or_outputs: Any,
    path: str | os.PathLike[str],
    params: Any = None,
    *,
    engine: Engine | None = None,
    limit: int = 5000,
) -> Path:
    """Draw a graph, or the graph behind a tensor (as `graph` takes it), to a file; its suffix says in which format.

    The picture is drawn by the first there is of Graphviz's `dot`, graphviz-pure, and (for SVG and HTML) our own code;
    `engine` chooses one. A graph with very many long edges, as of an unrolled RNN, is always laid out by our own code,
    which is faster at those. The file is there whole or not at all.

    Raises ValueError for a suffix that is none of .svg .png .pdf .dot .gv .html, and for a graph of more than `limit`
    nodes (DOT text has no limit); DrawingError (a RuntimeError) if nothing here can draw the format.

    >>> import tempfile
    >>> import microtorch as torch
    >>> w = torch.ones(3, requires_grad=True)
    >>> render((w * 2).sum(), tempfile.mkdtemp() + "/sum.svg", params={"w": w}).name
    'sum.svg'
    """
    path = Path(path)
    suffix = _suffix(path)
    read = graph_or_outputs if isinstance(graph_or_outputs, Graph) else graph(graph_or_outputs, params)
    _write(path, _picture(read, suffix, path.stem, engine, limit))
    return path


def check(path: str | os.PathLike[str]) -> None:
    """Raise what `render` would raise for this file whatever the graph; FileNotFoundError if its folder is missing."""
    path = Path(path)
    suffix = _suffix(path)
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.absolute().parent}")
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder")
    if suffix in (".png", ".pdf") and not available(suffix):
        raise _nothing_draws(suffix)


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise ValueError(f"cannot draw {path.name!r}: its suffix must be one of {' '.join(SUFFIXES)}")
    return suffix


def _picture(graph: Graph, suffix: str, title: str, engine: Engine | None, limit: int) -> bytes:
    if suffix in (".dot", ".gv"):
        return to_dot(graph).encode()
    if len(graph.nodes) > limit:
        raise ValueError(
            f"the graph has {len(graph.nodes):,} nodes, and a picture of more than {limit:,} shows nothing: "
            "draw a part of it, write .dot, or raise `limit`"
        )
    if suffix == ".html":
        return to_html(graph, _drawn(graph, ".svg", engine).decode(), title).encode()
    return _drawn(graph, suffix, engine)


def _drawn(graph: Graph, suffix: str, engine: Engine | None) -> bytes:
    """The picture by the first means that works."""
    edges = [(edge.source, edge.target) for edge in graph.edges]
    crowded = lanes_needed(len(graph.nodes), edges) > _CROWDED
    if suffix == ".svg" and (engine == "builtin" or (engine is None and crowded)):
        return to_svg(graph).encode()
    dot = to_dot(graph, placed=place(graph) if crowded else None)
    failures = []
    for name, program in available(suffix).items():
        if engine in (None, name):
            try:
                return draw(program, dot, suffix, placed=crowded)
            except DrawingError as error:  # such as a dot that was built without PNG
                failures.append(str(error))
    if suffix == ".svg" and engine is None:
        return to_svg(graph).encode()
    raise DrawingError("; ".join(failures)) if failures else _nothing_draws(suffix, engine)


def _nothing_draws(suffix: str, engine: Engine | None = None) -> DrawingError:
    which = "nothing here" if engine is None else f"engine {engine!r} is not here, or cannot"
    draws = "can draw" if engine is None else "draw"
    install = INSTALL_PDF if suffix == ".pdf" else INSTALL
    return DrawingError(f"{which} {draws} {suffix}: {install}; .svg, .html and .dot need nothing")


def _write(path: Path, data: bytes) -> None:
    """Write a file in one step: a reader sees the old one or the new one, never a part."""
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.absolute().parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)  # mkstemp's own mode lets nobody else read it
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
