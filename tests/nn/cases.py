"""Cases of one line each: a program, run with torch and with microtorch, whose last expression is compared."""

from __future__ import annotations

from typing import Any

import pytest

from tests.differential import difference


def programs(lines: str, before: str = "") -> list[Any]:
    """A case a line; `before` is run first."""
    return [pytest.param(before, line, id=line[:60]) for line in lines.strip().split("\n")]


def check(before: str, line: str, exact: bool = True) -> None:
    """Compare one case: values, dtypes, grad_fn names, errors and their messages, text."""
    *statements, last = line.split("; ")
    if statements and statements[0].startswith(("with ", "class ")):
        statements, last = ["; ".join(statements)], last
    found = difference("\n".join([before, *statements, last]), strides=False, exact=exact)
    assert found is None, found[-1500:]
