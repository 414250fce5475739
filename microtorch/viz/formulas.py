"""The formula of an operation, as it stands in the table of derivatives."""

from __future__ import annotations

import ast
import inspect
import textwrap
from functools import cache
from typing import Any

from microtorch.autograd.table import table

_LONGEST = 60  # lines


@cache
def formula_text(entry: str) -> str:
    """The source of an entry of the table: its declaration, with the formulas; "" if there is no such entry.

    >>> print(formula_text("mul"))
    mul = binary("mul", np.multiply, scalars=operator.mul, x=lambda xp, g, y: g * y, y=lambda xp, g, x: g * x)
    """
    op = table.get(entry)
    if op is None:
        return ""
    texts = []
    for formula in dict.fromkeys(op.source.values()):
        text = _declaration(formula, entry) or _source(formula)
        if text and text not in texts:
            texts.append(text)
    lines = "\n\n".join(texts).splitlines()
    return "\n".join(lines if len(lines) <= _LONGEST else [*lines[:_LONGEST], "..."])


def _source(function: Any) -> str:
    """The source of a function; "" where there is none (it was typed in, or made by other code)."""
    try:
        return textwrap.dedent(inspect.getsource(inspect.unwrap(function))).strip()
    except (OSError, TypeError):
        return ""


@cache
def _module(name: str) -> tuple[str, dict[str, Any]]:
    """The text of a source file, and the statements at its top that call something with a string first, by it."""
    with open(name, encoding="utf-8") as file:
        text = file.read()
    found: dict[Any, ast.stmt] = {}
    for statement in ast.parse(text).body:
        for call in ast.walk(statement) if isinstance(statement, (ast.Assign, ast.Expr)) else ():
            if isinstance(call, ast.Call) and call.args and isinstance(call.args[0], ast.Constant):
                found.setdefault(call.args[0].value, statement)
    return text, found


def _declaration(formula: Any, entry: str) -> str:
    """The statement that declares the entry, if it is in the file of its formula; its named functions below it."""
    code = getattr(inspect.unwrap(formula), "__code__", None)
    if code is None:
        return ""
    try:
        text, statements = _module(code.co_filename)
    except (OSError, SyntaxError):
        return ""
    statement = statements.get(entry)
    if statement is None:
        return ""
    declared = ast.get_source_segment(text, statement) or ""
    if formula.__name__ != "<lambda>":
        declared += "\n\n" + _source(formula)
    return declared.strip()
