"""The shape of the code: rooms import one way, Ray in one place, no clock in the pure rooms."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FACADE = "fleet"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "fleet").rglob("*.py"))
}
# Who may import whom: each row may import the rows above it, and rooms of one row none of each
# other. A name that ends in .py is a room of one file.
ROWS = [
    ("text.py", "version.py", "memory_limit.py", "clock.py", "guide.py", "loading.py"),
    ("errors.py",),
    ("core",),
    ("storage", "observe"),
    ("parquet", "video"),
    ("index_cache", "ascend", "plan"),
    ("models", "scheduler"),
    ("device.py", "simulate"),
    ("job", "backend"),
    ("table",),
    ("worker", "evaluate", "infer"),
    ("executors", "show"),
    ("driver", "quantise", "report"),
    ("export",),
    ("views", "submit", "chaos", "browse"),
    ("street", "doctor"),
    ("train", "demo"),
    ("cli",),
    ("__main__.py",),
    # The former places of what job files import; nothing of ours imports them.
    ("frames.py", "geometry.py", "output"),
]
PURE = ("core", "observe", "plan", "scheduler", "simulate")
AMBIENT = {"time", "datetime", "random", "os", "socket", "uuid", "secrets", "subprocess", "ray"}
RAY_ROOMS = ("fleet.executors.ray.", "fleet.submit.ray_jobs")
MOST_FILES = 20
# What is told of the chips, without moving a pixel; all other files of fleet/ascend are engines.
FACTS = (
    "fleet.ascend.chips",
    "fleet.ascend.clock",
    "fleet.ascend.codes",
    "fleet.ascend.figures",
    "fleet.ascend.memory",
    "fleet.ascend.soc",
    "fleet.ascend.stream_rules",
    "fleet.ascend.vdec_settings",
)
# Who may import engines: they are parts of the simulation, or simulate by themselves, as training.
ENGINE_USERS = (
    "fleet.ascend",
    "fleet.backend.simulated",
    "fleet.device",
    "fleet.models",
    "fleet.train",
)
# Who may import the simulated device: the door, and what names its type for jobs.
DEVICE_USERS = ("fleet.backend", "fleet.job.frame_job", "fleet.worker.job_boundary")


@cache
def imports(text: str) -> frozenset[str]:
    """Return what a file imports: in functions and for type checkers too."""
    return frozenset(_imports(text))


def _imports(text: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def graph(texts: Mapping[str, str]) -> dict[str, set[str]]:
    """Map each module to the modules of ours that it imports; nobody may import the facade."""
    return {
        module: {name for name in imports(text) if name in texts and name != module}
        for module, text in texts.items()
        if module != FACADE
    }


def folders(modules: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Map each folder to the folders that its files import, itself and its ancestors left out."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for module, targets in modules.items():
        here = folder_of(module)
        found[here] |= {
            folder_of(target)
            for target in targets
            # A package's own file stands for the package, whatever it holds.
            if folder_of(target) != here
        }
    return dict(found)


def folder_of(module: str) -> str:
    """Name the folder that a module's file lies in; a room of one file stands for itself."""
    is_package = MODULES.get(module, Path()).name == "__init__.py"
    return module if is_package or module.count(".") == 1 else module.rpartition(".")[0]


def mutual(needs: Mapping[str, set[str]]) -> set[tuple[str, str]]:
    """List the pairs that import each other."""
    return {(a, b) for a, bs in needs.items() for b in bs if a < b and a in needs.get(b, set())}


def circle(needs: Mapping[str, set[str]]) -> set[str]:
    """Return what is left when all is taken away that needs nothing more: the circles."""
    left = {name: set(of) for name, of in needs.items()}
    while free := [name for name, of in left.items() if not of & set(left)]:
        for name in free:
            del left[name]
    return set(left)


def room_of(module: str) -> str:
    """Name the room of ROWS that a module is in."""
    first = module.split(".")[1]
    return first if (ROOT / "fleet" / first).is_dir() else f"{first}.py"


ROW_OF = {room: number for number, rooms in enumerate(ROWS) for room in rooms}
TEXTS = {module: path.read_text("utf-8") for module, path in MODULES.items()}


@pytest.fixture(scope="module")
def needs() -> dict[str, set[str]]:
    """Who imports whom; read when a test asks, since every process of a run collects this file."""
    return graph(TEXTS)


def test_every_room_has_a_row(needs: dict[str, set[str]]) -> None:
    """A new one is given one in ROWS."""
    assert {room_of(module) for module in needs} <= set(ROW_OF)


def test_imports_run_one_way(needs: dict[str, set[str]]) -> None:
    """No module imports one from a room of a higher row, or of another room in its own row."""
    wrong = {
        (module, target)
        for module, targets in needs.items()
        for target in targets
        if room_of(target) != room_of(module) and ROW_OF[room_of(target)] >= ROW_OF[room_of(module)]
    }
    assert not wrong


def test_no_two_folders_import_each_other(needs: dict[str, set[str]]) -> None:
    """Sub-folders count as well as rooms."""
    assert not mutual(folders(needs))


def test_the_folders_form_no_circle(needs: dict[str, set[str]]) -> None:
    """Not a longer one either."""
    assert not circle(folders(needs))


def test_there_is_no_circle_of_files(needs: dict[str, set[str]]) -> None:
    """Not even one hidden in a function or behind TYPE_CHECKING."""
    assert not circle(needs)


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("fleet.observe.progress", "from fleet.driver.loop import Loop"),
        ("fleet.table.commits.commit", "from fleet.worker.spec import WorkerSpec"),
        ("fleet.ascend.vpc", "    from fleet.models.network import Network"),
    ],
)
def test_each_old_cycle_would_be_seen(needs: dict[str, set[str]], module: str, line: str) -> None:
    """The pairs driver/observe, output/worker and ascend/models, tried again."""
    indented = line.startswith(" ")
    block = f"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n{line}\n" if indented else line
    tried = graph({**TEXTS, module: f"{TEXTS[module]}\n{block}\n"})
    target = next(name for name in tried[module] if name not in needs[module])
    assert ROW_OF[room_of(target)] >= ROW_OF[room_of(module)]
    assert mutual(folders(tried)) or circle(folders(tried))


def test_a_circle_of_files_would_be_seen() -> None:
    """The device and its network, tried again."""
    module = "fleet.models.network"
    tried = graph({**TEXTS, module: f"{TEXTS[module]}\nfrom fleet.device import Device\n"})
    assert {module, "fleet.device"} <= circle(tried)


def test_no_folder_is_crowded() -> None:
    """At most so many files in one; the command has one file a subcommand."""
    counts: defaultdict[Path, int] = defaultdict(int)
    for path in MODULES.values():
        counts[path.parent] += path.name != "__init__.py"
    crowded = {str(folder) for folder, count in counts.items() if count > MOST_FILES}
    assert crowded <= {str(ROOT / "fleet" / "cli")}


def within(module: str, homes: Iterable[str]) -> bool:
    """Return whether a module is one of some modules and folders, or lies in one."""
    return any(module == home or module.startswith(f"{home}.") for home in homes)


def around_the_door(module: str, text: str) -> set[str]:
    """Return what a file imports of the simulated device though it has to go through the door."""
    found = {name for name in imports(text) if name in MODULES}
    engines = {name for name in found if within(name, ["fleet.ascend"]) and not within(name, FACTS)}
    wrong = set() if within(module, ENGINE_USERS) else engines
    if not within(module, DEVICE_USERS):
        wrong |= found & {"fleet.device"}
    if not within(module, ["fleet.backend"]):
        wrong |= {name for name in found if within(name, ["fleet.backend.simulated"])}
    return wrong


def test_engines_are_reached_through_one_door(needs: dict[str, set[str]]) -> None:
    """fleet/backend/, so that a real chip can stand where the simulation stands."""
    wrong = {module: around_the_door(module, TEXTS[module]) for module in needs}
    assert not {module: found for module, found in wrong.items() if found}


@pytest.mark.parametrize(
    "line",
    [
        "from fleet.ascend.vdec import VdecChannel",
        "from fleet.ascend import vpc",
        "from fleet.device import Device",
        "from fleet.backend.simulated.simulation import Simulation",
    ],
)
def test_a_way_around_the_door_would_be_seen(line: str) -> None:
    """From a file of the worker."""
    module = "fleet.worker.pipeline"
    assert around_the_door(module, f"{TEXTS[module]}\n{line}\n")


def test_a_worker_knows_nothing_of_libav() -> None:
    """What a picture is made of, only its device knows."""
    worker = [text for module, text in TEXTS.items() if within(module, ["fleet.worker"])]
    assert worker
    assert not [text for text in worker if "av" in {n.partition(".")[0] for n in imports(text)}]


def test_ray_is_imported_in_one_place() -> None:
    """The pool of actors, and the client that submits."""
    users = [
        module
        for module, text in TEXTS.items()
        if any(name.partition(".")[0] == "ray" for name in imports(text))
    ]
    assert users
    assert all(module.startswith(RAY_ROOMS) for module in users)


def test_pure_rooms_have_no_clock_network_environment_or_chance() -> None:
    """What they decide follows from what they are given."""
    pure = [m for m in MODULES if m.startswith(tuple(f"fleet.{p}" for p in PURE))]
    assert pure
    used = {(m, name.partition(".")[0]) for m in pure for name in imports(TEXTS[m])}
    assert not {(module, name) for module, name in used if name in AMBIENT}


def test_a_room_stays_a_room() -> None:
    """At most 300 lines a file and 45 a function, docstrings left out."""
    assert not {m: text.count("\n") for m, text in TEXTS.items() if text.count("\n") > 300}
    lengths = {(m, name): lines for m, text in TEXTS.items() for name, lines in functions(text)}
    assert lengths
    assert not {function: lines for function, lines in lengths.items() if lines > 45}


def functions(text: str) -> Iterator[tuple[str, int]]:
    """Yield the name and the lines of each function in a file, without its docstring."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0  # type: ignore[operator]
            # Methods of two classes of a file may share a name; the place tells them apart.
            yield f"{node.name}, line {node.lineno}", lines
