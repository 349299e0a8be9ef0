"""Every row of the chip's rules on every chip that has it."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from conformance_row import Row
from conformance_table import ROWS, observed, summary

from fleet.ascend.soc import CHIPS

CHIP_PAGE = (Path(__file__).parents[3] / "docs" / "chip.md").read_text("utf-8")
CASES = [
    pytest.param(row, chip, id=f"{row.section.split()[0]}-{row.id}-{chip}")
    for row in ROWS
    for chip in CHIPS
    if row.applies(chip)
]


@pytest.mark.parametrize(("row", "chip"), CASES)
def test_the_chip_does_as_its_row_says(row: Row, chip: str) -> None:
    """The number or the value that the row gives for the chip."""
    assert observed(row, chip) == row.expected[chip]


def test_each_row_stands_once() -> None:
    """By section and name."""
    twice = [name for name, n in Counter((row.section, row.id) for row in ROWS).items() if n > 1]
    assert not twice


def test_each_row_cites_the_page_or_says_why_it_applies_nowhere() -> None:
    """A row that is tried has its rule; one that is not has a reason on each chip."""
    anchors = set(re.findall(r'<a id="([^"]+)">', CHIP_PAGE))
    for row in ROWS:
        if row.probe is None:
            assert all(row.left_out.get(chip) for chip in CHIPS), row.id
        else:
            assert row.rule.removeprefix("docs/chip.md#") in anchors, row.id


def test_the_table_counts_each_row() -> None:
    """The last line sums up the sections."""
    lines = [re.findall(r"(\d+) / (\d+)", line) for line in summary()][1:]
    *sections, total = lines
    for chip in range(len(CHIPS)):
        for part in (0, 1):
            assert sum(int(line[chip][part]) for line in sections) == int(total[chip][part])
