"""`fleet devices`: the simulated chips, their speeds and rules, and those of a running job."""

from __future__ import annotations

import re

import pytest
from command import fleet_here

from fleet.ascend.figures.documented import FIGURES
from fleet.ascend.soc import CHIPS

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
