"""Smaller graphs of the same computation: modules as single boxes, repeated blocks drawn once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from math import prod
from typing import Any

from microtorch.viz.graph import Edge, Graph, Node, Scope, Step

DOTS = "\N{HORIZONTAL ELLIPSIS}"
_WORTH = 5  # how many operations folding must spare
_TRIES = 12  # periods that are tried at each place
_SHARED = 4  # what more items than that use is there for all: its distance means nothing


def simplify(graph: Graph, depth: int | None = None, fold: bool = True, leaves: bool = True) -> Graph:
    """The graph with less in it.

    depth: modules inside so many others are drawn as one box (0: the model itself; None: everything is open).
    fold: equal blocks, one after the other, are drawn once (Scope.times, Node.times say how often they are there).
    leaves: False leaves the parameters out.

    >>> import microtorch as torch
    >>> from microtorch import viz
    >>> net = torch.nn.Sequential(*[torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU()) for _ in range(12)])
    >>> g = viz.graph(net, torch.ones(1, 4))
    >>> len(g.nodes), len(simplify(g).nodes), len(simplify(g, depth=1, fold=False).nodes)
    (50, 6, 14)
    >>> simplify(g).scopes["0"].times
    12
    """
    if depth is not None:
        graph = collapse(graph, lambda key: _level(graph, key) == depth)
    if not leaves:
        graph = _without_leaves(graph)
    return fold_repeats(graph) if fold else graph


def _level(graph: Graph, key: str) -> int:
    return len(graph.path(key)) - ("" in graph.scopes)


def collapse(graph: Graph, closed: Callable[[str], bool]) -> Graph:
    """The graph with one box for each module call whose key is `closed` (and is inside no other such)."""
    box_of: dict[str, str | None] = {"": "" if "" in graph.scopes and closed("") else None}
    for key, scope in graph.scopes.items():
        around = None if scope.parent is None else box_of[scope.parent]
        box_of[key] = around if around is not None else key if closed(key) else None
    inside: dict[str, list[Node]] = defaultdict(list)
    for node in graph.nodes:
        box = box_of.get(node.scope)
        if box is not None and node.kind in ("op", "leaf", "saved", "module"):
            inside[box].append(node)
    nodes: list[Node] = []
    place: dict[int, int] = {}
    boxes: dict[str, int] = {}
    for node in graph.nodes:
        box = box_of.get(node.scope)
        if box is None or node.kind not in ("op", "leaf", "saved", "module"):
            place[node.id] = len(nodes)
            nodes.append(replace(node, id=len(nodes)))
            continue
        if box not in boxes:
            boxes[box] = len(nodes)
            nodes.append(_module_box(graph, box, inside[box], len(nodes)))
        place[node.id] = boxes[box]
    scopes = {key: scope for key, scope in graph.scopes.items() if box_of[key] is None}
    return _joined(graph, nodes, place, scopes, set(boxes.values()))


def _module_box(graph: Graph, key: str, inside: list[Node], number: int) -> Node:
    scope = graph.scopes[key]
    ops = [node for node in inside if node.kind in ("op", "module")]
    last = max(ops, key=lambda node: node.order, default=inside[0])
    numbers = sum(prod(node.shape or ()) for node in inside if node.kind == "leaf")
    return Node(
        number, "module", op=scope.class_name, name=graph.local_name(key) if scope.path else "", shape=last.shape,
        dtype=last.dtype, attrs=(("", scope.detail),) if scope.detail else (), scope=scope.parent or "",
        source=last.source, order=min((node.order for node in ops), default=-1), value=last.value, grad=last.grad,
        count=sum(node.count for node in ops), numbers=numbers + sum(node.numbers for node in inside),
        saved=tuple(kept for node in ops for kept in node.saved),
    )  # fmt: skip


def _joined(
    graph: Graph, nodes: list[Node], place: dict[int, int], scopes: dict[str, Scope], merged: set[int]
) -> Graph:
    """The graph with its nodes in other places: edges between the same two boxes become one if a box is merged."""
    edges: list[Edge] = []
    seen: set[tuple[int, int]] = set()
    for edge in graph.edges:
        a, b = place.get(edge.source), place.get(edge.target)
        if a is None or b is None or (a == b and edge.source != edge.target):
            continue
        if a in merged or b in merged:
            if (a, b) in seen:
                continue
            seen.add((a, b))
        edges.append(replace(edge, source=a, target=b))
    steps = [replace(step, node=place[step.node]) for step in graph.steps if step.node in place]
    return replace(graph, nodes=nodes, edges=edges, scopes=scopes, steps=steps)


def _without_leaves(graph: Graph) -> Graph:
    """Parameters are only counted, at the operations that use them."""
    numbers: dict[int, int] = defaultdict(int)
    gone = {node.id for node in graph.nodes if node.kind == "leaf"}
    for edge in graph.edges:
        if edge.source in gone:
            numbers[edge.target] += prod(graph.nodes[edge.source].shape or ())
    nodes: list[Node] = []
    place: dict[int, int] = {}
    for node in graph.nodes:
        if node.id not in gone:
            place[node.id] = len(nodes)
            nodes.append(replace(node, id=len(nodes), numbers=node.numbers + numbers[node.id]))
    return _joined(graph, nodes, place, graph.scopes, set())


# repeated blocks -----------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Item:
    """A child of a module call: an operation, or a call inside it."""

    key: str | None  # of the call; None for an operation
    nodes: list[int]  # its operations in the order of execution


def fold_repeats(graph: Graph) -> Graph:
    """The graph with each run of equal blocks drawn as its first block."""
    by_scope = _items(graph)
    into = _sources(graph)
    same: dict[int, int] = {}  # a node to the one of the block before it that stands for it
    times: dict[int, int] = {}
    lasts: dict[int, str] = {}  # by the place of a module's box in the order of execution: the last name of its run
    scopes = dict(graph.scopes)
    home: dict[int, str] = {}  # nodes of a run of several items: the call that is made up for the run
    adopted: dict[str, str] = {}  # calls, the same
    for key, items in by_scope.items():
        signs = _signs(graph, items, into)
        for start, period, count in _runs(signs, [len(item.nodes) for item in items]):
            first = items[start : start + period]
            _match(graph, items, start, period, count, into, same)
            if period == 1 and first[0].key is not None:
                own = first[0].key
                last = items[start + count - 1].key or ""
                scopes[own] = replace(scopes[own], times=count, last=graph.local_name(last))
            elif period == 1:
                times[first[0].nodes[0]] = count
                one, last_name = graph.nodes[first[0].nodes[0]], graph.nodes[items[start + count - 1].nodes[0]].name
                if one.kind == "module" and last_name != one.name:
                    lasts[one.order] = last_name
            else:
                made = f"{key}~{start}"
                scopes[made] = Scope(made, "", "", key if key in graph.scopes else None, times=count)
                for item in first:
                    if item.key is None:
                        home[item.nodes[0]] = made
                    else:
                        adopted[item.key] = made
    if not same:
        return graph
    small = _folded(graph, same, times, scopes, home, adopted)
    for node in small.nodes:
        if node.kind == "module" and node.order in lasts:
            node.name = f"{node.name} {DOTS} {lasts[node.order]}"
    return small


def grouped(graph: Graph) -> Graph:
    """The graph with a module call made up around each run of equal blocks, which are all there.

    >>> import microtorch as torch
    >>> from microtorch import viz
    >>> net = torch.nn.Sequential(*[torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.ReLU()) for _ in range(12)])
    >>> g = grouped(viz.graph(net, torch.ones(1, 4)))
    >>> [(scope.detail, scope.times) for scope in g.scopes.values() if not scope.class_name]
    [('0 \u2026 11: Sequential \u00d712', 12)]
    """
    into = _sources(graph)
    scopes, nodes = dict(graph.scopes), list(graph.nodes)
    for key, items in _items(graph).items():
        parent = key if key in graph.scopes else None
        for start, period, count in _runs(_signs(graph, items, into), [len(item.nodes) for item in items]):
            run = items[start : start + period * count]
            made = f"{key}~{start}"
            names = [_name(graph, item) for item in run]
            kinds = names[0].rpartition(": ")[2] if period == 1 else f"{period} steps"
            label = names[0] if period == 1 and run[0].key is None else f"{_bare(names[0])} \u2026 {_bare(names[-1])}"
            scopes[made] = Scope(made, "", "", parent, f"{label}: {kinds} \u00d7{count}", times=count)
            for n, item in enumerate(run):
                home = made
                if period > 1:
                    home = f"{made}~{n // period}"
                    scopes.setdefault(home, Scope(home, f"{n // period + 1} of {count}", "block", made))
                if item.key is None:
                    nodes[item.nodes[0]] = replace(nodes[item.nodes[0]], scope=home)
                else:
                    scopes[item.key] = replace(scopes[item.key], parent=home)
    order: dict[str, Scope] = {}
    for key in scopes:  # each after the one around it
        chain = []
        at: str | None = key
        while at is not None and at in scopes and at not in order:
            chain.append(at)
            at = scopes[at].parent
        for each in reversed(chain):
            order[each] = scopes[each]
    result = replace(graph, nodes=nodes, scopes=order)
    users: dict[int, set[str]] = defaultdict(set)
    for edge in graph.edges:
        users[edge.source].add(nodes[edge.target].scope)
    for node in graph.nodes:
        if node.kind in ("leaf", "saved") and len(users[node.id]) == 1:
            nodes[node.id] = replace(node, scope=next(iter(users[node.id])))
    return result


def _name(graph: Graph, item: _Item) -> str:
    if item.key is None:
        return graph.nodes[item.nodes[0]].label
    return f"{graph.local_name(item.key)}: {graph.scopes[item.key].class_name}"


def _bare(name: str) -> str:
    return name.partition(": ")[0]


def _items(graph: Graph) -> dict[str, list[_Item]]:
    """What is directly in each module call (and outside of all, under ""), in the order of execution."""
    ops = sorted((node for node in graph.nodes if node.kind in ("op", "module")), key=lambda node: node.order)
    found: dict[str, list[_Item]] = defaultdict(list)
    open_calls: dict[str, _Item] = {}
    for node in ops:
        path = graph.path(node.scope)
        for key in path:
            item = open_calls.get(key)
            if item is None:
                item = open_calls[key] = _Item(key, [])
                parent = graph.scopes[key].parent
                if parent is not None or key:  # (not the model itself, which is in nothing)
                    found[parent or ""].append(item)
            item.nodes.append(node.id)
        found[node.scope].append(_Item(None, [node.id]))
    return found


def _sources(graph: Graph) -> dict[int, list[Edge]]:
    into: dict[int, list[Edge]] = defaultdict(list)
    for edge in graph.edges:
        into[edge.target].append(edge)
    for edges in into.values():
        edges.sort(key=lambda edge: edge.position)
    return into


def _signs(graph: Graph, items: list[_Item], into: dict[int, list[Edge]]) -> tuple[list[int], list[int]]:
    """A number for each item: equal for items that compute the same from what stands equally far before them.

    And a second one: equal for items that compute the same, whatever from.
    """
    if len(items) < 2:
        return list(range(len(items))), list(range(len(items)))
    where = {number: i for i, item in enumerate(items) for number in item.nodes}
    users: dict[int, set[int]] = defaultdict(set)
    for i, item in enumerate(items):
        for number in item.nodes:
            for edge in into[number]:
                users[edge.source].add(i)
    numbers: dict[Any, int] = {}
    signs: list[int] = []
    loose: list[int] = []
    for i, item in enumerate(items):
        inner = {number: n for n, number in enumerate(item.nodes)}
        sign: list[Any] = [None if item.key is None else graph.scopes[item.key].class_name]
        roughly = list(sign)
        for number in item.nodes:
            node = graph.nodes[number]
            refs: list[Any] = []
            for edge in into[number]:
                source = graph.nodes[edge.source]
                if source.kind not in ("op", "module"):
                    refs.append((source.kind, source.shape))
                elif edge.source in inner:
                    refs.append((inner[edge.source], edge.index))
                elif edge.source in where and len(users[edge.source]) <= _SHARED:
                    refs.append((where[edge.source] - i, edge.index))
                else:
                    refs.append("far")
            what = (node.op, node.entry, node.shape, node.in_place)
            sign.append((*what, tuple(refs)))
            roughly.append((*what, tuple(inner.get(edge.source) for edge in into[number])))
        signs.append(numbers.setdefault(tuple(sign), len(numbers)))
        loose.append(numbers.setdefault(("roughly", *roughly), len(numbers)))
    return signs, loose


def _runs(both: tuple[list[int], list[int]], weights: list[int]) -> Iterable[tuple[int, int, int]]:
    """Runs of equal stretches: (start, length of a stretch, how many).

    The first stretch may compute from something else, such as the state that a loop begins with.
    """
    signs, loose = both
    places: dict[int, list[int]] = defaultdict(list)
    for i, sign in enumerate(signs):
        places[sign].append(i)
    after = {i: n for own in places.values() for n, i in enumerate(own)}
    i = end = 0
    while i < len(signs):
        best = (0, 0, 0)  # covered, -period, count
        own = places[signs[i]]
        for j in own[after[i] + 1 : after[i] + 1 + _TRIES]:
            period = j - i
            stretch = signs[i:j]
            count = 1
            while signs[i + count * period : j + count * period] == stretch:
                count += 1
            if count > 1 and sum(weights[i:j]) * (count - 1) >= _WORTH:
                best = max(best, (period * count, -period, count))
        if best[0]:
            start, period, stop = i, -best[1], i + best[0]
            while stop < len(signs) and signs[stop] == signs[stop - period]:
                stop += 1
            while start > max(end, i - period) and loose[start - 1] == loose[start - 1 + period]:
                start -= 1
            count = (stop - start) // period
            yield start, period, count
            i = end = start + count * period
        else:
            i += 1


def _match(
    graph: Graph, items: list[_Item], start: int, period: int, count: int, into: dict[int, list[Edge]],
    same: dict[int, int],
) -> None:  # fmt: skip
    """Note for all nodes of a run's later blocks which node of the first block they are."""
    for n in range(1, count):
        for k in range(period):
            block, first = items[start + n * period + k], items[start + k]
            for a, b in zip(block.nodes, first.nodes):
                same[a] = b
                for mine, theirs in zip(into[a], into[b]):
                    kinds = graph.nodes[mine.source].kind, graph.nodes[theirs.source].kind
                    if mine.source != theirs.source and kinds in (("leaf", "leaf"), ("saved", "saved")):
                        same.setdefault(mine.source, theirs.source)


def _folded(
    graph: Graph, same: dict[int, int], times: dict[int, int], scopes: dict[str, Scope], home: dict[int, str],
    adopted: dict[str, str],
) -> Graph:  # fmt: skip
    """The graph of the nodes that stand for themselves."""

    def chief(number: int) -> int:
        while number in same:
            number = same[number]
        return number

    for key, made in adopted.items():
        scopes[key] = replace(scopes[key], parent=made)
    nodes: list[Node] = []
    place: dict[int, int] = {}
    for node in graph.nodes:
        if node.id not in same:
            place[node.id] = len(nodes)
            scope = home.get(node.id, node.scope)
            nodes.append(replace(node, id=len(nodes), scope=scope, times=node.times * times.get(node.id, 1)))
    users: dict[int, set[str]] = defaultdict(set)
    for edge in graph.edges:
        users[chief(edge.source)].add(home.get(chief(edge.target), graph.nodes[chief(edge.target)].scope))
    for node in graph.nodes:  # a parameter goes where the operation goes that alone uses it
        if node.kind in ("leaf", "saved") and node.id in place and len(users[node.id]) == 1:
            (nodes[place[node.id]].scope,) = users[node.id]
    used = {node.scope for node in nodes}
    kept: dict[str, Scope] = {}

    def keep(key: str | None) -> None:
        chain = []
        while key is not None and key in scopes and key not in kept:
            chain.append(key)
            key = scopes[key].parent
        for each in reversed(chain):
            kept[each] = scopes[each]

    for key in scopes:
        if key in used:
            keep(key)
    edges: list[Edge] = []
    seen = {(edge.source, edge.target) for edge in graph.edges}  # what is there anyhow
    for edge in graph.edges:
        a, b = chief(edge.source), chief(edge.target)
        moved = (a, b) != (edge.source, edge.target)
        if moved and (graph.nodes[a].order >= graph.nodes[b].order >= 0 or a == b):
            continue  # from one block to the next: would go back up
        if moved and (a, b) in seen:
            continue
        seen.add((a, b))
        edges.append(replace(edge, source=place[a], target=place[b]))
    steps: list[Step] = [replace(step, node=place[step.node]) for step in graph.steps if step.node in place]
    return replace(graph, nodes=nodes, edges=edges, scopes=kept, steps=steps)
