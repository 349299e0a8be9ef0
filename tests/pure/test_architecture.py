"""ARCHITECTURE.md and CONTRIBUTING.md against the code: folders, paths, rows, moves, targets."""

from __future__ import annotations

import ast
import re
import tomllib
from itertools import product
from pathlib import Path

import pytest

from fleet.scheduler.lease_state import MOVES, Move, State
from fleet.version import __version__

ROOT = Path(__file__).parents[2]
FLEET = ROOT / "fleet"
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
FOLDERS = sorted(
    str(path.parent.relative_to(ROOT))
    for path in FLEET.rglob("__init__.py")
    if path.parent != FLEET
)
# A file, below the repository or below fleet/; or a folder, whose name ends in a slash.
PATH = re.compile(
    r"(?<![\w/.<-])(?:(?:[\w-]+/)+[\w-]+\.(?:py|toml)|(?:[\w-]+/)*[\w-]+\.md)\b"
    r"|(?<![\w/.<-])(?:fleet|tests|jobs|cluster|docs)/(?:[\w-]+/)*(?![\w-])"
)
# In a recipe: what the reader is to name.
PLACEHOLDER = "NAME"
MOST_LINES_OF_THE_LISTING = 40


def missing(page: str) -> list[str]:
    """Return the paths that a page names and that are not there."""
    paths = {path for path in PATH.findall(page) if PLACEHOLDER not in path}
    return sorted(p for p in paths if not ((ROOT / p).exists() or (FLEET / p).exists()))


def section(heading: str) -> str:
    """Return what stands under a heading of ARCHITECTURE.md."""
    _, found, rest = ARCHITECTURE.partition(f"\n## {heading}\n")
    assert found
    return rest.partition("\n## ")[0]


def cells(text: str) -> list[list[str]]:
    """Return the rows of the tables in a text, without their heads."""
    lines = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line] for line in lines]
    return [row for row in rows if set(row[0]) != {"-"}]


def rows_of_rooms() -> dict[str, int]:
    """Return the number of each room's row, from 1, as test_rooms.py has them."""
    tree = ast.parse((ROOT / "tests/pure/test_rooms.py").read_text("utf-8"))
    (value,) = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "ROWS"
    ]
    rows: list[tuple[str, ...]] = ast.literal_eval(value)
    return {room: number for number, rooms in enumerate(rows, 1) for room in rooms}


def in_words(value: State | Move) -> str:
    """Return a state or a move as the page writes it."""
    return value.name.lower().replace("_", " ")


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_folder_is_named(folder: str) -> None:
    """Rooms and the folders in them, each by its whole path."""
    assert f"`{folder}/`" in ARCHITECTURE


@pytest.mark.parametrize("page", ["ARCHITECTURE.md", "CONTRIBUTING.md"])
def test_every_path_that_a_page_names_exists(page: str) -> None:
    """Below the repository, or below fleet/."""
    assert not missing((ROOT / page).read_text("utf-8"))


@pytest.mark.parametrize("path", ["fleet/nowhere/", "table/nowhere.py", "NOWHERE.md"])
def test_a_path_that_is_not_there_is_found(path: str) -> None:
    """Wherever it stands in a sentence."""
    assert missing(f"See `{path}`, or fleet/table/table.py and `fleet/`.") == [path]


def test_each_room_has_the_number_of_its_row() -> None:
    """As the test of imports states it; a folder in a room has none."""
    tree = section("The tree, and who may import whom")
    told = [
        *((names, number) for names, number, _ in cells(tree) if number.isdigit()),
        *re.findall(r"^(`fleet/.+) \((\d+)\) are former places", tree, re.MULTILINE),
    ]
    found = {
        name.rstrip("/"): int(number)
        for names, number in told
        for name in re.findall(r"`fleet/([\w./]+)`", names)
    }
    assert found == rows_of_rooms()


def test_the_way_of_a_job_fits_on_a_screen() -> None:
    """It is read at once, or not at all."""
    listing = section("One job, from the command to the report")
    lines = [line for line in listing.splitlines() if line.startswith("    ")]
    assert 20 < len(lines) <= MOST_LINES_OF_THE_LISTING


def test_the_moves_are_those_of_the_ledger() -> None:
    """Each move from each state, and where it leads."""
    states = {in_words(state): state for state in State}
    moves = {in_words(move): move for move in Move}
    told = {}
    for name, before, after, _ in cells(section("The ledger"))[1:]:
        for state, move in product(before.split(", "), [moves[name]]):
            told[states[state], move] = states[after]
    assert told == MOVES


def test_the_picture_of_the_ledger_has_every_state_and_move() -> None:
    """By its name."""
    picture = " ".join(re.findall(r"^    .*$", section("The ledger"), re.MULTILINE))
    for value in (*State, *Move):
        assert re.search(rf"\b{in_words(value)}\b", picture), value


def test_every_make_target_that_is_named_exists() -> None:
    """In the Makefile, whether it stands in a sentence or on a line of its own."""
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z][\w-]*):", makefile, re.MULTILINE))
    named = set(re.findall(r"(?:`|^    )make ([a-z][\w-]*)", CONTRIBUTING, re.MULTILINE))
    assert len(named) > 10
    assert named <= targets


def test_the_version_is_the_same_in_both_places() -> None:
    """As CONTRIBUTING.md says of a release."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == __version__
