"""`torch.utils._pytree`: lists, tuples, dicts and named tuples as trees, whose leaves are everything else."""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from microtorch._missing import missing_names as _missing_names

PyTree = Any
Context = Any


class _Kind(NamedTuple):
    """How a container is taken apart, (children, context), and put together again."""

    flatten: Callable[[Any], tuple[list[Any], Any]]
    unflatten: Callable[[list[Any], Any], Any]


def _namedtuple_flatten(d: Any) -> tuple[list[Any], Context]:
    return list(d), type(d)


def _namedtuple_unflatten(values: Iterable[Any], context: Context) -> Any:
    return context(*values)


SUPPORTED_NODES: dict[type[Any], _Kind] = {
    list: _Kind(lambda x: (list(x), None), lambda children, _: list(children)),
    tuple: _Kind(lambda x: (list(x), None), lambda children, _: tuple(children)),
    dict: _Kind(lambda x: (list(x.values()), list(x)), lambda children, keys: dict(zip(keys, children))),
    OrderedDict: _Kind(lambda x: (list(x.values()), list(x)), lambda children, keys: OrderedDict(zip(keys, children))),
    defaultdict: _Kind(
        lambda x: (list(x.values()), (x.default_factory, list(x))),
        lambda children, context: defaultdict(context[0], zip(context[1], children)),
    ),
    deque: _Kind(lambda x: (list(x), x.maxlen), lambda children, length: deque(children, length)),
}
_NAMED_TUPLE = _Kind(_namedtuple_flatten, _namedtuple_unflatten)


def register_pytree_node(cls: type[Any], flatten_fn: Any, unflatten_fn: Any, **options: Any) -> None:
    """Treat a class of one's own as a container: flatten_fn(x) -> (children, context), and back."""
    if cls in SUPPORTED_NODES:
        raise ValueError(f"{cls} is already registered as pytree node.")
    SUPPORTED_NODES[cls] = _Kind(flatten_fn, unflatten_fn)


_register_pytree_node = register_pytree_node


def _kind(tree: Any) -> _Kind | None:
    found = SUPPORTED_NODES.get(type(tree))
    if found is None and isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return _NAMED_TUPLE
    return found


class TreeSpec:
    """The containers of a tree, without its leaves."""

    def __init__(self, type: Any, context: Any, children_specs: list[TreeSpec]) -> None:
        self.type, self.context, self.children_specs = type, context, children_specs
        self.num_leaves: int = sum(c.num_leaves for c in children_specs) if type is not None else 1

    def is_leaf(self) -> bool:
        """Whether it is a single leaf."""
        return self.type is None

    def unflatten(self, leaves: Iterable[Any]) -> Any:
        """The tree with these leaves."""
        return tree_unflatten(leaves, self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TreeSpec) and (self.type, self.context, self.children_specs) == (
            other.type,
            other.context,
            other.children_specs,
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self, indent: int = 0) -> str:
        if self.type is None:
            return "*"
        inner = indent + 2
        children = (",\n" + " " * inner).join(c.__repr__(inner) for c in self.children_specs)
        return f"TreeSpec({self.type.__name__}, {self.context}, [{children}])"


def LeafSpec() -> TreeSpec:
    """The TreeSpec of a leaf."""
    return TreeSpec(None, None, [])


def tree_flatten(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> tuple[list[Any], TreeSpec]:
    """The leaves, and the containers to put them into again.

    >>> leaves, spec = tree_flatten({"a": [1, (2, None)]})
    >>> leaves, tree_unflatten(leaves, spec)
    ([1, 2, None], {'a': [1, (2, None)]})
    """
    leaves: list[Any] = []

    def walk(part: Any) -> TreeSpec:
        kind = None if is_leaf is not None and is_leaf(part) else _kind(part)
        if kind is None:
            leaves.append(part)
            return LeafSpec()
        children, context = kind.flatten(part)
        name = type(part) if kind is not _NAMED_TUPLE else tuple
        return TreeSpec(name, context, [walk(child) for child in children])

    spec = walk(tree)
    return leaves, spec


def tree_unflatten(leaves: Iterable[Any], treespec: TreeSpec) -> Any:
    """The tree of these leaves. Raises ValueError if they are too few or too many."""
    leaves = list(leaves)
    if len(leaves) != treespec.num_leaves:
        raise ValueError(
            f"tree_unflatten(leaves, treespec): `leaves` has length {len(leaves)} but the spec refers to a pytree that "
            f"holds {treespec.num_leaves} items ({treespec})."
        )
    waiting = iter(leaves)

    def build(spec: TreeSpec) -> Any:
        if spec.type is None:
            return next(waiting)
        children = [build(child) for child in spec.children_specs]
        named = spec.type is tuple and spec.context is not None
        return (_NAMED_TUPLE if named else SUPPORTED_NODES[spec.type]).unflatten(children, spec.context)

    return build(treespec)


def tree_leaves(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> list[Any]:
    """The leaves."""
    return tree_flatten(tree, is_leaf)[0]


def tree_structure(tree: Any, is_leaf: Callable[[Any], bool] | None = None) -> TreeSpec:
    """The containers."""
    return tree_flatten(tree, is_leaf)[1]


def tree_map(func: Callable[..., Any], tree: Any, *rests: Any, is_leaf: Callable[[Any], bool] | None = None) -> Any:
    """The tree of func(leaf), or of func(leaf, the leaf there in the other trees, ...)."""
    leaves, spec = tree_flatten(tree, is_leaf)
    others = [tree_flatten(rest, is_leaf)[0] for rest in rests]
    return tree_unflatten([func(*each) for each in zip(leaves, *others)], spec)


def tree_map_only(kind: Any, func: Callable[[Any], Any], tree: Any, is_leaf: Any = None) -> Any:
    """The tree with func(leaf) for the leaves of a type (or for which kind(leaf) is true)."""
    wanted = (lambda x: isinstance(x, kind)) if isinstance(kind, (type, tuple)) else kind
    return tree_map(lambda leaf: func(leaf) if wanted(leaf) else leaf, tree, is_leaf=is_leaf)


def tree_all(pred: Callable[[Any], bool], tree: Any) -> bool:
    """Whether pred(leaf) holds for all leaves."""
    return all(map(pred, tree_leaves(tree)))


def tree_any(pred: Callable[[Any], bool], tree: Any) -> bool:
    """Whether pred(leaf) holds for any leaf."""
    return any(map(pred, tree_leaves(tree)))


def broadcast_prefix(tree: Any, spec: TreeSpec) -> list[Any] | None:
    """The leaves of a tree that ends earlier than `spec`, each as often as `spec` has leaves there.

    None if it does not fit.

    >>> broadcast_prefix((0, None), tree_structure(("x", ["y", "z"])))
    [0, None, None]
    """
    children, top = tree_flatten(tree, is_leaf=lambda x: x is not tree)
    if top.is_leaf():
        return [tree] * spec.num_leaves
    if top.type is not spec.type or top.context != spec.context or len(children) != len(spec.children_specs):
        return None
    leaves: list[Any] = []
    for child, child_spec in zip(children, spec.children_specs):
        found = broadcast_prefix(child, child_spec)
        if found is None:
            return None
        leaves += found
    return leaves


__getattr__ = _missing_names(__name__)
