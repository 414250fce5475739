"""replace_pattern: find the steps of one graph in another, and put others in their place."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, NamedTuple

from microtorch._missing import missing_names as _missing_names
from microtorch.fx._symbolic_trace import symbolic_trace
from microtorch.fx.graph import Graph
from microtorch.fx.graph_module import GraphModule
from microtorch.fx.node import Node, map_arg


class Match(NamedTuple):
    """One place where a pattern was found: the step that gives its result, and the pattern's steps -> the graph's."""

    anchor: Node
    nodes_map: dict[Node, Node]


def replace_pattern(gm: GraphModule, pattern: Any, replacement: Any) -> list[Match]:
    """Put `replacement` wherever `pattern` is found in a graph, both functions or modules; the places.

    Their parameters are inputs, in the same order. Steps in between must have no users outside of the pattern; places
    do not overlap.

    >>> import microtorch as torch
    >>> traced = torch.fx.symbolic_trace(lambda x: torch.relu(x + 1))
    >>> _ = replace_pattern(traced, lambda x: torch.relu(x), lambda x: torch.sigmoid(x))
    >>> traced(torch.zeros(1))
    tensor([0.7311])
    """
    wanted = _graph_of(pattern)
    put = _graph_of(replacement)
    inputs = [n for n in wanted.nodes if n.op == "placeholder"]
    last = next(n for n in wanted.nodes if n.op == "output")
    anchors = _listed(last.args[0])
    matches: list[Match] = []
    used: set[Node] = set()
    for node in list(gm.graph.nodes):
        found: dict[Node, Node] = {}
        if len(anchors) != 1 or not _same(anchors[0], node, found):
            continue
        inner = {g for p, g in found.items() if p.op != "placeholder"}
        hidden = inner - {node}
        if inner & used or any(user not in inner for g in hidden for user in g.users):
            continue
        used |= inner
        matches.append(Match(node, found))
    replaced: dict[Node, Node] = {}
    for match in matches:
        values: dict[Node, Any] = {
            new: replaced.get(match.nodes_map[old], match.nodes_map[old])
            for new, old in zip((n for n in put.nodes if n.op == "placeholder"), inputs)
            if old in match.nodes_map
        }
        with gm.graph.inserting_before(match.anchor):
            result = gm.graph.graph_copy(put, values)
        if isinstance(result, Node):
            match.anchor.replace_all_uses_with(result)
            replaced[match.anchor] = result
        inner = {g for p, g in match.nodes_map.items() if p.op not in ("placeholder", "output")}
        for node in reversed([n for n in gm.graph.nodes if n in inner]):
            if not node.users:
                gm.graph.erase_node(node)
    gm.recompile()
    return matches


def _graph_of(program: Callable[..., Any] | GraphModule | Graph) -> Graph:
    if isinstance(program, GraphModule):
        return copy.deepcopy(program.graph)
    return program if isinstance(program, Graph) else symbolic_trace(program).graph


def _listed(value: Any) -> list[Node]:
    found: list[Node] = []

    def note(node: Node) -> Node:
        found.append(node)
        return node

    map_arg(value, note)
    return found


def _same(wanted: Any, there: Any, found: dict[Node, Node]) -> bool:
    """True if the steps that lead to one are those that lead to the other; fills `found`."""
    if isinstance(wanted, Node):
        if not isinstance(there, Node):
            return False
        if wanted in found:
            return found[wanted] is there
        if wanted.op == "placeholder":
            found[wanted] = there
            return True
        if wanted.op != there.op or wanted.target != there.target or there in found.values():
            return False
        if not (_same(wanted.args, there.args, found) and _same(wanted.kwargs, there.kwargs, found)):
            return False
        found[wanted] = there
        return True
    if isinstance(wanted, (tuple, list)):
        return (
            type(wanted) is type(there)
            and len(wanted) == len(there)
            and all(_same(w, t, found) for w, t in zip(wanted, there))
        )
    if isinstance(wanted, dict):
        return (
            isinstance(there, dict)
            and wanted.keys() == there.keys()
            and all(_same(w, there[k], found) for k, w in wanted.items())
        )
    return type(wanted) is type(there) and bool(wanted == there)


__getattr__ = _missing_names(__name__)
