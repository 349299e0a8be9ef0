"""The shape of the code: imports run one way, Ray in one place, no clock in the pure rooms."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "fleet").rglob("*.py"))
}
# From the values at the bottom to the command at the top; a module may import its own level.
LEVELS = [
    ("fleet.errors", "fleet.geometry", "fleet.frames", "fleet.text", "fleet.memory_limit"),
    ("fleet.video.index",),
    ("fleet.video", "fleet.plan"),
    ("fleet.models", "fleet.ascend"),
    ("fleet.storage", "fleet.frame_job", "fleet.output", "fleet.worker.receipt"),
    ("fleet.job", "fleet.job_code", "fleet.identity", "fleet.worker"),
    ("fleet.driver", "fleet.observe", "fleet.evaluate", "fleet.show", "fleet.simulate"),
    ("fleet.street", "fleet.chaos"),
    ("fleet.train", "fleet.demo"),
    ("fleet.cli",),
]
PURE = [
    "fleet.errors",
    "fleet.geometry",
    "fleet.frames",
    "fleet.text",
    "fleet.video.index",
    "fleet.video.sampling",
    "fleet.video.decode_plan",
    "fleet.plan",
    "fleet.models.nms",
    "fleet.driver.events",
    "fleet.driver.ledger",
    "fleet.driver.lease_state",
    "fleet.driver.lease_book",
    "fleet.driver.device_state",
    "fleet.driver.waiting",
    "fleet.driver.balance",
    "fleet.driver.dispatch",
    "fleet.driver.scale",
    "fleet.driver.placing",
    "fleet.driver.outcomes",
    "fleet.driver.totals",
    "fleet.simulate",
    "fleet.driver.watchdog",
    "fleet.chaos.schedule",
    "fleet.evaluate.match",
    "fleet.evaluate.report",
    "fleet.evaluate.scene",
    "fleet.evaluate.score",
    "fleet.train.augment",
    "fleet.train.loss_scale",
    "fleet.train.overflow",
    "fleet.train.scenes",
    "fleet.train.targets",
]
AMBIENT = {"time", "datetime", "random", "os", "socket", "uuid", "secrets", "subprocess", "ray"}


def imports(path: Path) -> Iterator[str]:
    """Yield what a file imports, inside functions too; names for types alone do not count."""
    tree = ast.parse(path.read_text("utf-8"))
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and getattr(block.test, "id", "") == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def level(module: str) -> int:
    """Place a module: the longest matching prefix decides."""
    places = [
        (len(prefix), number)
        for number, prefixes in enumerate(LEVELS)
        for prefix in prefixes
        if module == prefix or module.startswith(f"{prefix}.")
    ]
    assert places, f"{module} has no level: give it one in LEVELS"
    return max(places)[1]


def ours(path: Path) -> set[str]:
    """Name the modules of ours that a file imports."""
    return {name for name in imports(path) if name in MODULES and name != "fleet"}


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"fleet"}))
def test_imports_run_one_way(module: str) -> None:
    """No module imports one from a level above its own."""
    upward = [name for name in ours(MODULES[module]) if level(name) > level(module)]
    assert not upward


def test_there_is_no_import_cycle() -> None:
    """Not even one hidden in a function."""
    graph = {module: ours(path) - {module} for module, path in MODULES.items()}
    # A package's own file is imported with its members; that is no cycle as long as it is bare.
    while free := [module for module, needs in graph.items() if not needs & set(graph)]:
        for module in free:
            del graph[module]
    assert not graph, f"these import each other: {sorted(graph)}"


def test_only_the_ray_pool_imports_ray() -> None:
    """Ray in one place."""
    users = [
        module
        for module, path in MODULES.items()
        if any(name == "ray" or name.startswith("ray.") for name in imports(path))
    ]
    assert all(module.startswith("fleet.driver.ray_") for module in users)
    assert users


@pytest.mark.parametrize(
    "module", [m for m in MODULES if any(m == p or m.startswith(f"{p}.") for p in PURE)]
)
def test_pure_rooms_have_no_clock_network_environment_or_chance(module: str) -> None:
    """What they decide follows from what they are given."""
    used = {name.partition(".")[0] for name in imports(MODULES[module])}
    assert not used & AMBIENT


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_room_stays_a_room(module: str) -> None:
    """At most 300 lines a file and 45 a function, docstrings left out."""
    text = MODULES[module].read_text("utf-8")
    assert text.count("\n") <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0  # type: ignore[operator]
            assert lines <= 45, f"{module}.{node.name} has {lines} lines"
