"""Pytrees, as in utils/_pytree.py: what only the transforms need."""

from __future__ import annotations

from typing import Any

from microtorch.utils._pytree import TreeSpec, tree_flatten, tree_structure, tree_unflatten


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


class _Star:
    def __repr__(self) -> str:
        return "*"


def treespec_pprint(treespec: TreeSpec) -> str:
    """The structure as a tree that has * for its leaves."""
    return repr(tree_unflatten([_Star()] * treespec.num_leaves, treespec))


__all__ = ["broadcast_prefix", "tree_structure", "treespec_pprint"]
