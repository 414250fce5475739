"""What a notebook shows: a picture beside the text, and never an error."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from microtorch.autograd.node import Leaf, Node
from microtorch.viz.graph import Graph
from microtorch.viz.names import names_in_frames
from microtorch.viz.read import graph
from microtorch.viz.render import draw_svg

_MOST = 5000  # nodes: a larger graph is not looked at just because its tensor is shown


def bundle(read: Graph, text: str) -> dict[str, str]:
    """The text, and the picture if it can be drawn."""
    try:
        return {"text/plain": text, "image/svg+xml": draw_svg(read)}
    except Exception as error:  # whatever it is, a notebook must not break
        return {"text/plain": f"{text}\n(not drawn: {error})"}


def tensor_bundle(tensor: Any) -> dict[str, str] | None:
    """What a notebook shows of a tensor: None (so its repr alone) if it has no graph, or too large a one."""
    try:
        text = repr(tensor)
        node = tensor._node
        if node is None or type(node) is Leaf or _larger_than(node, _MOST):
            return None
        read = graph(tensor, params=names_in_frames(_users_frame(sys._getframe(1))))
    except Exception:  # whatever it is, a notebook must not break: the repr is shown
        return None
    return bundle(read, text)


def _larger_than(root: Node, most: int) -> bool:
    seen, todo = {root}, [root]
    while todo and len(seen) <= most:
        for edge in todo.pop().edges:
            if edge is not None and edge not in seen:
                seen.add(edge)
                todo.append(edge)
    return len(seen) > most


def _users_frame(frame: FrameType | None) -> FrameType | None:
    """The cell's own frame: the frames of IPython below it have the tensor under names of their own."""
    while frame is not None and frame.f_globals.get("__name__") != "__main__":
        frame = frame.f_back
    return frame
