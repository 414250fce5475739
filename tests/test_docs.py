"""The documentation is true: its programs run, its links lead somewhere, what it quotes stands in the code."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_page(page):
    text = page.read_text()
    scope = {}
    for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        if page.name != "viz.md":  # its pictures are compared in test_viz.py
            exec(compile(block, page.name, "exec"), scope)
    for link in re.findall(r"\]\(([^)#]+)", text):
        assert link.startswith("http") or (page.parent / link).exists(), link
    for path in re.findall(r"`(microtorch/[\w/]+(?:\.py)?)`", text):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("page", ["README.md", "docs/design.md", "docs/add_an_op.md"])
def test_quoted_entries_stand_in_the_table(page):
    table = re.sub(r"\s+", " ", (ROOT / "microtorch/ops/pointwise.py").read_text())
    quoted = re.findall(r"[`\n](\w+ = (?:unary|binary)\(.*?\))(?:`|\n```)", (ROOT / page).read_text(), re.DOTALL)
    assert quoted
    for entry in quoted:
        assert re.sub(r"\s+", " ", entry) in table, entry
