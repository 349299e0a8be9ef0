"""`fleet devices`: the simulated chips, their speeds and rules, and those of a running job."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from command import fleet_here

from fleet.ascend.figures.documented import FIGURES
from fleet.ascend.figures.rules import TRAINED_ON, read_rules
from fleet.ascend.soc import CHIPS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "chip.md").read_text("utf-8")
_ROW = re.compile(
    r"^  (?:vdec|vpc|jpegd|jpege|pngd|venc|model) .*? ([DIN]) ([\w-]+)$", re.MULTILINE
)


def test_every_speed_is_compared() -> None:
    """A row for each figure, in 80 columns, and that nothing of it is measured."""
    done = fleet_here("devices", "--rates")
    assert done.returncode == 0, done.stderr
    rows = _ROW.findall(done.stdout)
    assert rows == [(figure.basis, figure.rule) for figure in FIGURES]
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    assert "nothing is measured" in done.stdout


@pytest.mark.parametrize("chip", list(CHIPS))
def test_one_chip_can_be_asked_for(chip: str) -> None:
    """Its rows alone."""
    done = fleet_here("devices", "--rates", "--soc", chip)
    assert len(_ROW.findall(done.stdout)) == sum(figure.chip == chip for figure in FIGURES)
    assert [name for name in CHIPS if f"{name} (simulated)" in done.stdout] == [chip]


def test_without_a_word_the_chips_stand_beside_each_other() -> None:
    """A column each, by its table; what a chip has not is a dash."""
    done = fleet_here("devices")
    assert done.returncode == 0, done.stderr
    assert re.search(r"memory, MB +7,759 +21,534 +32,768\n", done.stdout)
    assert re.search(r"VDEC +480 +2,880 +480\n", done.stdout)
    assert re.search(r"VENC +30 +30 +-\n", done.stdout)
    assert "modelled" in done.stdout


def page_rows() -> list[str]:
    """The ids of the rules of the page."""
    return re.findall(r'^\| <a id="([\w-]+)"></a>', PAGE, re.MULTILINE)


@pytest.mark.parametrize("chip", list(CHIPS))
def test_every_rule_of_the_page_is_printed_with_its_source(chip: str) -> None:
    """Those of training are for the chip that trains; each has its basis and where it is held."""
    done = fleet_here("devices", "--rules", chip)
    assert done.returncode == 0, done.stderr
    printed = re.findall(
        r"^  ([\w-]+) \([DIN].*?\)\n(?:    .*\n)+?    source    \S.*\n(?:     .*\n)*    enforced  \S",
        done.stdout,
        re.MULTILINE,
    )
    expected = [name for name in page_rows() if chip == TRAINED_ON or name[:6] != "train-"]
    assert printed == expected
    assert "  VDEC-perf: https://" in done.stdout


def test_where_a_rule_is_enforced_is_what_the_code_cites() -> None:
    """Files that are there, and name it; most rules have some."""
    found = read_rules(TRAINED_ON).rules
    for rule in found:
        for name in rule.files:
            assert f"docs/chip.md#{rule.id}" in (ROOT / "fleet" / name).read_text("utf-8")
    assert sum(bool(rule.files) for rule in found) > 0.6 * len(found)


def test_an_installed_fleet_carries_the_page() -> None:
    """The wheel has it where it is looked for first."""
    made = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    carried = made["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert carried["docs/chip.md"] == "fleet/docs/chip.md"


def test_rules_of_no_chip_are_refused() -> None:
    """With the names of those that there are."""
    done = fleet_here("devices", "--rules", "Ascend999")
    assert done.returncode == 2
    assert "Ascend310P3" in done.stderr
