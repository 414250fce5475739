"""Pytrees, as in utils/_pytree.py: what only the transforms need."""

from __future__ import annotations

from microtorch.utils._pytree import TreeSpec, tree_unflatten


class _Star:
    def __repr__(self) -> str:
        return "*"


def treespec_pprint(treespec: TreeSpec) -> str:
    """The structure as a tree that has * for its leaves."""
    return repr(tree_unflatten([_Star()] * treespec.num_leaves, treespec))


__all__ = ["treespec_pprint"]
