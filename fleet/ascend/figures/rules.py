"""The rules of the chip: each row of docs/chip.md, and which files of Fleet name it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fleet.errors import UsageError

_PACKAGE = Path(__file__).parents[2]
# An installed Fleet carries the page, a checkout has it beside the package.
_PLACES = (_PACKAGE / "docs" / "chip.md", _PACKAGE.parent / "docs" / "chip.md")
_ROW = re.compile(r'^\| <a id="(?P<id>[\w-]+)"></a>')
_CELLS = re.compile(r"(?<!\\) \| ")
_LINK = re.compile(r"^\[([^\]]+)\]: (\S+)$", re.MULTILINE)
_CITED = re.compile(r"docs/chip\.md#([\w-]+)")
_TRAINING = "train-"
"""Rules of this name are those of training, which is simulated for one chip alone."""
TRAINED_ON = "Ascend910A"


@dataclass(frozen=True)
class Rule:
    """One rule of the chip."""

    id: str
    section: str
    text: str
    basis: str
    """D documented, I inferred, N without a public figure, and of which part."""
    source: str
    """The names of pages, in brackets."""
    files: tuple[str, ...]
    """Files of the package that enforce or model it by its name."""


@dataclass(frozen=True)
class Rules:
    """Rules in the order of the page, and the addresses of the pages that they name."""

    rules: tuple[Rule, ...]
    addresses: Mapping[str, str]


def read_rules(chip: str) -> Rules:
    """Return the rules that concern a chip; raises UsageError where the page is not installed."""
    page = next((place for place in _PLACES if place.is_file()), None)
    if page is None:
        raise UsageError("This Fleet carries no docs/chip.md.", "Install it from its wheel.")
    text, files = page.read_text("utf-8"), _files()
    rules, section = [], ""
    for line in text.splitlines():
        if line.startswith("## "):
            section = line.removeprefix("## ")
        if (row := _ROW.match(line)) and (
            chip == TRAINED_ON or not row["id"].startswith(_TRAINING)
        ):
            rules.append(_rule(row["id"], section, line, files.get(row["id"], ())))
    return Rules(tuple(rules), dict(_LINK.findall(text)))


def _rule(name: str, section: str, line: str, files: tuple[str, ...]) -> Rule:
    _, text, basis, source = _CELLS.split(line.strip().removesuffix(" |"))
    return Rule(name, section, text.replace("\\|", "|"), basis, source, files)


def _files() -> dict[str, tuple[str, ...]]:
    """Map each rule to the files that name it."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for file in sorted(_PACKAGE.rglob("*.py")):
        for name in sorted(set(_CITED.findall(file.read_text("utf-8")))):
            found[name].append(str(file.relative_to(_PACKAGE)))
    return {name: tuple(files) for name, files in found.items()}
