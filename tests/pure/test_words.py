"""Quantities as people write them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.core.format import about, duration, percent, plural, rate, short, size


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.0001, "1ms"),
        (0.043, "43ms"),
        (0.0996, "0.1s"),
        (0.44, "0.4s"),
        (9.94, "9.9s"),
        (9.96, "10s"),
        (59.4, "59s"),
        (59.6, "1m00s"),
        (160, "2m40s"),
        (3599.4, "59m59s"),
        (3599.6, "1h00m"),
        (11520, "3h12m"),
        (359_000, "99h43m"),
        (1_483_200, "412h"),
        (36_000_000, "10,000h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    """Two units at most, and never 60 of the smaller one."""
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.1, "5s"),
        (38, "40s"),
        (89, "90s"),
        (240, "4m"),
        (5300, "88m"),
        (7800, "2h10m"),
        (7190, "2h00m"),
        (216_000, "60h"),
    ],
)
def test_estimates_are_round(seconds: float, text: str) -> None:
    """An estimate to the second would pretend."""
    assert about(seconds) == text


@given(st.floats(0, 1e12))
def test_no_duration_shows_sixty_of_the_smaller_unit(seconds: float) -> None:
    """Whatever the rounding does."""
    for text in (duration(seconds), about(seconds)):
        assert not re.search(r"[hm]60", text)


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (14_200, "14 kB"),
        (999_600, "1.0 MB"),
        (4.2e9, "4.2 GB"),
        (5e16, "50,000 TB"),
    ],
)
def test_sizes(count: float, text: str) -> None:
    """Decimal units, as storage is sold."""
    assert size(count) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 10, "0 %"),
        (0.01, 10, "<1 %"),
        (9.9999, 10, "99 %"),
        (10, 10, "100 %"),
        (3.8, 10, "38 %"),
        (0, 0, "100 %"),
    ],
)
def test_a_share_is_whole_only_when_it_is(part: float, whole: float, text: str) -> None:
    """99.99 % is not 100 %, and a beginning is not 0 %."""
    assert percent(part, whole) == text


def test_numbers_of_things() -> None:
    """One is one."""
    assert [plural(n, "lease") for n in (0, 1, 12000)] == ["0 leases", "1 lease", "12,000 leases"]
    assert plural(2, "copy", "copies") == "2 copies"
    assert [rate(value) for value in (0, 0.44, 7.25, 411.7, 12000)] == [
        "0",
        "0.4",
        "7.2",
        "412",
        "12,000",
    ]


@given(st.text(max_size=50), st.integers(3, 40))
def test_a_shortened_text_fits_and_keeps_its_ends(text: str, width: int) -> None:
    """Where it fits, it stays."""
    cut = short(text, width)
    assert len(cut) <= width
    assert cut[:1] == text[:1]
    assert cut[-1:] == text[-1:]
