"""Each kind of finding that `fleet verify` can make has a heading in what it prints."""

from __future__ import annotations

import ast
from pathlib import Path

from fleet.table.maintenance.finding import Finding
from fleet.views.verify import _KINDS

ROOT = Path(__file__).parents[2] / "fleet"


def kinds() -> set[str]:
    """The kinds that the code writes where it makes a finding."""
    texts = [path.read_text("utf-8") for path in ROOT.rglob("*.py")]
    calls = [
        node
        for text in texts
        # `fleet doctor` has findings of its own.
        if Finding.__module__ in text
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == Finding.__name__
    ]
    first = [call.args[0] for call in calls if call.args]
    return {str(arg.value) for arg in first if isinstance(arg, ast.Constant)}


def test_each_kind_has_a_heading() -> None:
    """Or the report could not be printed at all."""
    assert len(kinds()) > 10
    assert kinds() <= _KINDS.keys()
