"""Files: a graph as SVG, PNG, PDF, DOT or HTML, by the best means that this machine has."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, Literal

from microtorch.viz.dot import to_dot
from microtorch.viz.fold import simplify
from microtorch.viz.graph import Graph
from microtorch.viz.html import to_html
from microtorch.viz.layout import lanes_needed
from microtorch.viz.programs import INSTALL, INSTALL_PDF, DrawingError, available, draw
from microtorch.viz.read import graph
from microtorch.viz.style import MICROTORCH, prepared
from microtorch.viz.svg import place, to_svg

SUFFIXES = (".svg", ".png", ".pdf", ".dot", ".gv", ".html")
Engine = Literal["dot", "graphviz-pure", "builtin"]
_LIMIT, _PAGE_LIMIT = 5000, 50_000  # nodes of a picture, and of a page, which shows them a few at a time
# Graphviz's layout makes a node of every row that an edge passes: 8,000 take it 3 seconds, 18,000 half a minute.
_CROWDED = 5000
_MANY = 1500  # nodes: with frames around them dot needs 7 seconds for 2,700, our own layout one


def render(
    what: Any,
    path: str | os.PathLike[str],
    params: Any = None,
    *,
    depth: int | None = None,
    fold: bool = True,
    leaves: bool = True,
    gradients: bool = False,
    engine: Engine | None = None,
    limit: int | None = None,
) -> Path:
    """Draw a graph, or what `graph` makes one of (a tensor, several), to a file; its suffix says in which format.

    depth, fold, leaves: what to leave out, as `simplify` does: the inside of modules below `depth`, the repetitions of
    a block, the parameters. (An .html page has everything, and opens and closes modules itself.)
    gradients: colour the boxes by the size of their gradients, if the graph knows them.

    The picture is drawn by the first there is of Graphviz's `dot`, graphviz-pure, and (for SVG) our own code;
    `engine` chooses one. A graph of very many nodes or long edges, as of an unrolled RNN, is always laid out by our own
    code, which is faster at those. The file is there whole or not at all.

    Raises ValueError for a suffix that is none of .svg .png .pdf .dot .gv .html, and for a graph of more than `limit`
    nodes (5,000, for a page 50,000; DOT text has no limit); DrawingError (a RuntimeError) if nothing here can draw the
    format.

    >>> import tempfile
    >>> import microtorch as torch
    >>> w = torch.ones(3, requires_grad=True)
    >>> render((w * 2).sum(), tempfile.mkdtemp() + "/sum.svg", params={"w": w}).name
    'sum.svg'
    """
    path = Path(path)
    suffix = _suffix(path)
    read = what if isinstance(what, Graph) else graph(what, params=params)
    if suffix == ".html":
        _check_size(read, limit or _PAGE_LIMIT)
        data = to_html(read, title=read.title or path.stem).encode()
    else:
        read = simplify(read, depth, fold, leaves)
        if suffix in (".dot", ".gv"):
            data = to_dot(read, gradients=gradients).encode()
        else:
            _check_size(read, limit or _LIMIT)
            data = _drawn(read, suffix, engine, gradients)
    _write(path, data)
    return path


def draw_svg(graph: Graph) -> str:
    """The graph as SVG text, simplified, by the best means there is.

    Raises ValueError if there is too much of it to show something in a notebook.
    """
    small = simplify(graph)
    if len(small.nodes) > _NOTEBOOK:
        small = simplify(graph, depth=1)
    if len(small.nodes) > _NOTEBOOK:
        raise ValueError(f"the graph has {len(graph.nodes):,} nodes: viz.render(graph, 'graph.html') shows it")
    return _drawn(small, ".svg", None, False).decode()


_NOTEBOOK = 400  # nodes


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


def _check_size(graph: Graph, limit: int) -> None:
    if len(graph.nodes) > limit:
        raise ValueError(
            f"the graph has {len(graph.nodes):,} nodes, and a picture of more than {limit:,} shows nothing: "
            "draw a part of it, write .dot, or raise `limit`"
        )


def _drawn(graph: Graph, suffix: str, engine: Engine | None, gradients: bool) -> bytes:
    """The picture by the first means that works."""
    edges = [(edge.source, edge.target) for edge in graph.edges]
    crowded = len(graph.nodes) > _MANY or lanes_needed(len(graph.nodes), edges) > _CROWDED
    if suffix == ".svg" and (engine == "builtin" or (engine is None and crowded)):
        return to_svg(graph, gradients=gradients).encode()
    placed = place(prepared(graph.without_scopes(), MICROTORCH), gradients=gradients) if crowded else None
    dot = to_dot(graph.without_scopes() if crowded else graph, placed=placed, gradients=gradients)
    failures = []
    for name, program in available(suffix).items():
        if engine in (None, name):
            try:
                return draw(program, dot, suffix, placed=crowded)
            except DrawingError as error:  # such as a dot that was built without PNG
                failures.append(str(error))
    if suffix == ".svg" and engine is None:
        return to_svg(graph, gradients=gradients).encode()
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
