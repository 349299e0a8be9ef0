"""The public API: its names, and that it is all that jobs need and nothing that Fleet needs."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import fleet

ROOT = Path(__file__).parents[2]


def imported(path: Path) -> set[str]:
    """Return the modules that a file imports anywhere, and what it takes from `fleet` itself."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            if node.module == "fleet":
                found |= {f"fleet.{alias.name}" for alias in node.names}
    return found


def documented() -> list[str]:
    """Return the names in the README's table of what `fleet` exports."""
    text = (ROOT / "README.md").read_text("utf-8")
    table = text.partition("| Name | What it is |\n")[2].partition("\n\n")[0]
    cells = [row.split("|")[1] for row in table.splitlines()[1:]]
    return sorted(name.strip(" `") for cell in cells for name in cell.split(","))


def test_the_documented_names_are_those_that_there_are() -> None:
    """The README's table, `__all__`, `dir` and what can be taken from the module agree."""
    assert documented() == sorted(fleet.__all__) == sorted(dir(fleet))
    for name in fleet.__all__:
        assert getattr(fleet, name) is not None


def test_what_is_no_name_of_the_api_is_not_found() -> None:
    """As in any module."""
    with pytest.raises(AttributeError, match="no attribute 'Sample'"):
        fleet.__getattr__("Sample")


def test_the_typing_test_uses_every_name() -> None:
    """What it does not use, mypy does not check."""
    names = imported(ROOT / "tests" / "typing" / "api.py")
    assert {n for n in names if n.startswith("fleet.")} == {f"fleet.{n}" for n in fleet.__all__}


@pytest.mark.parametrize("path", sorted((ROOT / "jobs").glob("*.py")), ids=lambda path: path.name)
def test_jobs_import_the_public_api_alone(path: Path) -> None:
    """They are what people copy."""
    public = {"fleet", *(f"fleet.{name}" for name in fleet.__all__)}
    assert {name for name in imported(path) if name.partition(".")[0] == "fleet"} <= public


def test_nothing_inside_imports_the_public_api() -> None:
    """It stands above all rooms: what is inside imports from the modules themselves."""
    inside = [path for path in (ROOT / "fleet").rglob("*.py") if path != ROOT / "fleet/__init__.py"]
    assert len(inside) > 300
    assert [str(path) for path in inside if "fleet" in imported(path)] == []


def test_importing_it_loads_nothing_that_takes_long() -> None:
    """Ray, ONNX Runtime and Arrow's datasets are loaded by what needs them."""
    code = "import sys, fleet; fleet.FrameJob; fleet.Rows; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"ray", "onnxruntime", "onnx", "pyarrow.dataset"} & set(done.stdout.split())
