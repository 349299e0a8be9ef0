"""The modelled clock against every documented speed of each chip (`fleet devices --rates`)."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from fleet.ascend.clock import Clock
from fleet.ascend.figures.documented import FIGURES, HD, Figure
from fleet.ascend.figures.modelled import compare
from fleet.ascend.soc import CHIPS, Ascend310
from fleet.core.geometry import Size
from fleet.device import Device

MOST = 0.10
PAGE = (Path(__file__).parents[2] / "docs" / "chip.md").read_text("utf-8")
DOCUMENTED = [figure for figure in FIGURES if figure.per_s]


def name(figure: Figure) -> str:
    """Name a row in a report."""
    return f"{figure.chip}-{figure.engine}-{figure.size}-{figure.channels}-{figure.per_s}"


def is_near(figure: Figure) -> bool:
    """Whether the clock comes within 10 % of a documented speed."""
    difference = compare(CHIPS[figure.chip], figure).difference
    return difference is not None and abs(difference) <= MOST


@pytest.mark.parametrize("figure", DOCUMENTED, ids=name)
def test_the_clock_is_within_a_tenth_of_each_documented_speed(figure: Figure) -> None:
    """The conditions are those of the row: chip, engine, pictures, channels, copies."""
    assert is_near(figure)


@pytest.mark.parametrize("figure", DOCUMENTED, ids=name)
@pytest.mark.parametrize("factor", [0.8, 1.2])
def test_a_speed_that_is_off_by_a_fifth_is_found(figure: Figure, factor: float) -> None:
    """So the comparison is one, in both directions."""
    assert figure.per_s is not None
    assert not is_near(replace(figure, per_s=figure.per_s * factor))


def test_a_chip_that_is_slower_by_a_fifth_is_found() -> None:
    """What is compared comes from the chip's table, not from the row."""
    vdec = Ascend310.vdec
    slower = replace(vdec, rate=replace(vdec.rate, pixels_per_s=vdec.rate.pixels_per_s * 0.8))
    chip = replace(Ascend310, vdec=slower)
    rows = [f for f in DOCUMENTED if (f.chip, f.engine, f.size) == ("Ascend310", "vdec", HD)]
    off = [f.channels for f in rows if abs(compare(chip, f).difference or 0.0) > MOST]
    assert off == [16, 32]


def test_every_engine_of_each_chip_has_rows() -> None:
    """A speed that no page tells has its row too, without a figure."""
    engines = {"vdec", "vpc", "jpegd", "jpege", "pngd", "venc", "model"}
    for chip in CHIPS.values():
        told = {figure.engine for figure in FIGURES if figure.chip == chip.name}
        assert told == (engines if chip.venc else engines - {"venc"})
    assert all((figure.per_s is None) == (figure.basis == "N") for figure in FIGURES)


def test_every_row_names_a_rule_of_the_page() -> None:
    """The anchor is there."""
    assert {figure.rule for figure in FIGURES} <= set(re.findall(r'<a id="([^"]+)">', PAGE))


def test_channels_that_are_open_share_the_engine() -> None:
    """A picture holds the engine up for less where others decode beside it, down to its limit."""
    clock = Clock()
    seen = []
    for _ in range(3):
        clock.open_channel("vdec")
        seen.append(clock.channels("vdec"))
    clock.close_channel("vdec")
    assert (seen, clock.channels("vdec"), clock.channels("vpc")) == ([1, 2, 3], 2, 1)


def test_scalings_of_a_device_are_those_of_one_channel() -> None:
    """The engines count by the very functions that are compared."""
    with Device(Ascend310) as device:
        figure = Figure("Ascend310", "vpc", Size(640, 480), 1, 1.0, "D", "clock-vpc")
        one_s = 1 / compare(Ascend310, figure).modelled_per_s
        device.vpc._count(Size(640, 480), Size(320, 240))
        assert device.clock.snapshot().chip_s["vpc"] == pytest.approx(one_s)
