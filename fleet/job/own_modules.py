"""Which modules of the user's own a job's code imports: they are a part of what the job is.

Found in the text alone: nothing is run to find them. What is imported by a computed name is not
seen; what is installed, Fleet and the standard library do not count.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType

from fleet.version import PACKAGE

_INSTALLED = ("site-packages", "dist-packages")


def own_modules(text: str, package: str, namespace: Mapping[str, object]) -> dict[str, Path]:
    """Return the user's own modules that a text imports, and those that they import: name -> file.

    `package`: that the text is in, empty for none. `namespace`: what names in the text stand for
    that it does not import itself, such as those of a class in a notebook.
    """
    tree = _parse(text)
    waiting = [*_imported(tree, package), *_used(tree, namespace)]
    found: dict[str, Path] = {}
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        spec = None if name in seen else _find(name)
        seen.add(name)
        if spec is None or spec.origin is None or not _is_own(spec.origin):
            continue
        found[name] = Path(spec.origin)
        if found[name].suffix == ".py":
            inner = _parent(name) if spec.submodule_search_locations is None else name
            waiting += _imported(_parse(found[name].read_bytes()), inner)
    return found


def _parse(text: str | bytes) -> ast.AST:
    """Read a text; where Python cannot, it imports nothing: who imports it is told why."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return ast.Module([], [])


def _imported(tree: ast.AST, package: str) -> Iterator[str]:
    """Yield the names of what a text may import, and the packages that they are in."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            # What is taken from a package may be a module of it.
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        for name in names:
            parts = name.split(".")
            yield from (".".join(parts[:count]) for count in range(1, len(parts) + 1) if all(parts))


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    base = parts[: len(parts) - node.level + 1]
    return ".".join([*base, *filter(None, [node.module])])


def _used(tree: ast.AST, namespace: Mapping[str, object]) -> Iterator[str]:
    """Yield the modules that the names in a text stand for, or come from."""
    for node in ast.walk(tree):
        value = namespace.get(node.id) if isinstance(node, ast.Name) else None
        name = value.__name__ if isinstance(value, ModuleType) else _home(value)
        if name and name != "__main__":
            yield name


def _home(value: object) -> str:
    name = getattr(value, "__module__", "")
    return name if isinstance(name, str) else ""


def _parent(name: str) -> str:
    return name.rpartition(".")[0]


def _find(name: str) -> ModuleSpec | None:
    """Find a module without importing it or the packages that it is in."""
    loaded: ModuleSpec | None = getattr(sys.modules.get(name), "__spec__", None)
    if loaded is not None:
        return loaded
    parent = _parent(name)
    try:
        if not parent:
            return importlib.util.find_spec(name)
        within = _find(parent)
        if within is None or within.submodule_search_locations is None:
            return None
        return PathFinder.find_spec(name, within.submodule_search_locations)
    except (ImportError, ValueError):
        return None


def _is_own(origin: str) -> bool:
    path = Path(origin)
    if not path.is_file() or any(part in _INSTALLED for part in path.parts):
        return False
    return not any(path.is_relative_to(place) for place in _not_own())


@cache
def _not_own() -> tuple[Path, ...]:
    kinds = ("stdlib", "platstdlib", "purelib", "platlib")
    places = {Path(sysconfig.get_path(kind)) for kind in kinds}
    return (PACKAGE, *places, *(place.resolve() for place in places))
