"""The deprecated flags size_average and reduce, as a `reduction` by name."""

from __future__ import annotations

import warnings


def legacy_get_string(size_average: bool | None, reduce: bool | None, emit_warning: bool = True) -> str:
    """The name ("none", "mean", "sum") that the two deprecated flags mean."""
    if reduce is None or reduce:
        name = "mean" if size_average is None or size_average else "sum"
    else:
        name = "none"
    if emit_warning:
        warnings.warn(
            f"size_average and reduce args will be deprecated, please use reduction='{name}' instead.", stacklevel=2
        )
    return name
