"""NumPy warns of infinities and NaN (log of 0, overflow), PyTorch does not: nothing is said where it comes from here.

A filter of Python's warnings does that at no cost. A program that sets filters of its own (`simplefilter("error")`,
pytest) would put them before it, and die of an overflow that PyTorch does not mention: so this one is put first again
after each change. (A list of ours in place of `warnings.filters` would be gone at the end of a `catch_warnings` block
that was begun before the import.) NumPy's own settings (`np.errstate`) stay, and so do the warnings of others' code.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any

FILTER: Any = ("ignore", None, RuntimeWarning, re.compile(r"microtorch\."), 0)  # as warnings.filterwarnings makes it


def put_first() -> None:
    """Put the filter before all others, if it is not there."""
    filters: Any = warnings.filters
    if not filters or filters[0] is not FILTER:
        if FILTER in filters:
            filters.remove(FILTER)
        filters.insert(0, FILTER)


def _then_first(changed: Callable[[], None]) -> Callable[[], None]:
    def filters_changed() -> None:
        put_first()
        changed()

    return filters_changed


def install() -> None:
    """Put the filter first now, and whenever `warnings` says that its filters have changed."""
    put_first()
    for name in ("_filters_mutated", "_filters_mutated_lock_held"):  # the latter from Python 3.14 on
        changed = getattr(warnings, name, None)
        if changed is not None:
            setattr(warnings, name, _then_first(changed))
            changed()
