"""Moments by a wall clock: read from paths and containers, and counted on by pts, exactly."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from indexes import STREAM

from fleet.core.wall_time import EARLIEST_US, LATEST_US, UNKNOWN_TIME, WallTime
from fleet.video.containers.created import creation_us
from fleet.video.moment import EPOCH, unix_us
from fleet.video.probe.serialize import stream_from_json, stream_to_json
from fleet.video.start import StartRule, check_form, check_zone, video_start

US = timedelta(microseconds=1)
PATTERN = r"/cam(?P<camera>\d+)/(?P<start>[^/]+)\.mp4"
ZONES = ("UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia")
BASES = st.one_of(
    st.sampled_from([Fraction(1, 90000), Fraction(1001, 30000), Fraction(1, 12800), Fraction(7)]),
    st.fractions(Fraction(1, 10**12), 1000, max_denominator=10**12),
)
"""Seconds a tick."""


def path(start: str) -> str:
    """The address of a video whose name is a start."""
    return f"s3://archive/cam042/{start}.mp4"


def read(form: str, written: str, zone: str = "") -> datetime | None:
    """What a path is read as."""
    us = StartRule(PATTERN, form, zone).start_us(path(written))
    return None if us is None else EPOCH + us * US


@st.composite
def forms(draw: st.DrawFn) -> str:
    """Formats that name a moment to the microsecond."""
    date = draw(st.sampled_from(("%Y-%m-%d", "%Y%m%d", "%d.%m.%Y", "%Y-%j", "cam %% %Y_%m_%d")))
    clock = draw(st.sampled_from(("T%H%M%S.%f", " %H-%M-%S,%f", "_%H_%M_%S_%f")))
    return f"{date}{clock}{draw(st.sampled_from(('', '%z', ' %z')))}"


@given(forms(), st.integers(-30_000_000_000, 253_000_000_000), st.sampled_from(ZONES), st.data())
def test_a_moment_that_is_written_is_read_to_the_microsecond(
    form: str, second: int, zone: str, data: st.DataObject
) -> None:
    """Whatever the format and the zone; a second of a local time that occurs twice is the first."""
    moment = EPOCH + timedelta(seconds=second, microseconds=data.draw(st.integers(0, 999_999)))
    here = moment.astimezone(ZoneInfo(zone)).replace(fold=0)
    if here.utcoffset() != here.replace(fold=1).utcoffset():
        here = here.astimezone(UTC).astimezone(ZoneInfo(zone))
    written = here.strftime(form)
    if "%z" in form:
        assert read(form, written) == here
    else:
        assert read(form, written, zone) == here


@given(
    st.integers(EARLIEST_US, LATEST_US),
    st.sampled_from([("epoch", 1_000_000), ("epoch_ms", 1000), ("epoch_us", 1)]),
)
def test_what_counts_from_1970_is_read_to_the_microsecond(us: int, unit: tuple[str, int]) -> None:
    """Before 1970 too, and with what is less than a unit as a decimal fraction."""
    form, size = unit
    rest = f".{abs(us) % size:0{len(str(size)) - 1}}" if size > 1 else ""
    written = f"{'-' if us < 0 else ''}{abs(us) // size}{rest}"
    assert read(form, written) == EPOCH + us * US


@pytest.mark.parametrize(
    ("zone", "written", "utc"),
    [
        # Clocks are set back from 3 to 2: the first of the two is meant.
        ("Europe/Berlin", "2026-10-25T023000", "2026-10-25T00:30:00Z"),
        # Clocks are set ahead from 2 to 3: counted on from before.
        ("Europe/Berlin", "2026-03-29T023000", "2026-03-29T01:30:00Z"),
        ("Europe/Berlin", "2026-03-29T030000", "2026-03-29T01:00:00Z"),
        # Half an hour, and a day that there was not.
        ("Australia/Lord_Howe", "2026-04-05T014500", "2026-04-04T14:45:00Z"),
        ("Pacific/Apia", "2011-12-30T120000", "2011-12-30T22:00:00Z"),
        ("UTC", "1969-12-31T235959", "1969-12-31T23:59:59Z"),
    ],
)
def test_a_local_time_that_is_not_one_moment_is_read_by_a_rule(
    zone: str, written: str, utc: str
) -> None:
    """As README states it."""
    assert read("%Y-%m-%dT%H%M%S", written, zone) == datetime.fromisoformat(utc)


@pytest.mark.parametrize(
    ("form", "written"),
    [
        ("%Y-%m-%d", "2026-02-30"),
        ("%Y-%m-%d", "2026-02-03 more"),
        ("%Y-%m-%d", "camera"),
        ("%Y-%m-%dT%H%M%S", "2026-02-03T240000"),
        ("%Y-%m-%dT%H%M%S", "2026-02-03T235960"),
        ("%Y-%m-%d", "0000-01-01"),
        ("%Y-%m-%d%z", "0001-01-01+2300"),
        ("%Y-%m-%dT%H%z", "9999-12-31T23-2300"),
        ("epoch", "12h"),
        ("epoch", "1e9"),
        ("epoch_ms", "9" * 20),
        ("epoch", "\u0661\u0662"),
    ],
)
def test_what_is_no_moment_names_none(form: str, written: str) -> None:
    """Rather than one beside it."""
    names_zone = "%z" in form or "%" not in form
    assert read(form, written, "" if names_zone else "UTC") is None


def test_two_digits_of_a_year_are_those_of_strptime() -> None:
    """From 1969 to 2068."""
    assert read("%y%m%d", "681231", "UTC") == datetime(2068, 12, 31, tzinfo=UTC)
    assert read("%y%m%d", "690101", "UTC") == datetime(1969, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ("%H%M%S", "a date is"),
        ("%Y-%m", "a date is"),
        ("%Y%y-%m-%d", "a date is"),
        ("%Y-%m-%d %j", "a date is"),
        ("now", "a date is"),
        ("%Y-%m-%d %Y", "%Y stands in it twice"),
        ("%Y-%B-%d", "%B is none of"),
        ("%Y-%m-%d %s", "%s is none of"),
        ("%Y-%m-%d%", "% is none of"),
    ],
)
def test_a_format_that_names_no_moment_is_refused(form: str, reason: str) -> None:
    """Before any video is looked at."""
    with pytest.raises(ValueError, match=reason):
        check_form(form, PATTERN)


@pytest.mark.parametrize(
    ("zone", "form", "reason"),
    [
        ("", "%Y-%m-%d", "names no zone"),
        ("UTC", "%Y-%m-%d%z", "no meaning"),
        ("UTC", "epoch", "no meaning"),
        ("UTC", "", "no meaning"),
        ("Europe/Atlantis", "%Y-%m-%d", "IANA"),
        ("../../etc/passwd", "%Y-%m-%d", "IANA"),
        ("Europe", "%Y-%m-%d", "IANA"),
        ("+02:00", "%Y-%m-%d", "IANA"),
        ("a\0b", "%Y-%m-%d", "IANA"),
    ],
)
def test_a_zone_that_is_missing_idle_or_unknown_is_refused(
    zone: str, form: str, reason: str
) -> None:
    """With the way out."""
    with pytest.raises(ValueError, match=reason):
        check_zone(zone, form)


def test_a_group_is_needed_to_read_a_start_from() -> None:
    """Of that very name."""
    with pytest.raises(ValueError, match="group `start`"):
        StartRule("(?P<camera>.)", "epoch")


def test_a_date_and_a_time_of_day_may_lie_apart() -> None:
    """As recorders put them, in folders and names; read in the order of their numbers."""
    pattern = r"(?P<start1>\d{4}-\d\d-\d\d)/001/dav/\d\d/(?P<start2>[\d.]+)-"
    rule = StartRule(pattern, "%Y-%m-%d %H.%M.%S", "Asia/Shanghai")
    us = rule.start_us("/nvr/2026-01-14/001/dav/12/12.05.00-12.10.00[R][0@0][0].dav")
    assert us == unix_us(datetime(2026, 1, 14, 4, 5, tzinfo=UTC))
    assert rule.start_us("/nvr/2026-01-14/001/dav/12/x") is None
    swapped = r"(?P<start2>\d\d\.\d\d\.\d\d)/(?P<start1>\d{4}-\d\d-\d\d)"
    rule = StartRule(swapped, "%Y-%m-%d %H.%M.%S", "Asia/Shanghai")
    assert rule.start_us("/nvr/12.05.00/2026-01-14.mp4") == us


def exactly(start: WallTime, ticks: int, base: Fraction) -> WallTime:
    """The moment, by fractions: the nearest microsecond, halves up."""
    assert start.us is not None
    seconds = ticks * base
    us = start.us + (seconds * 10**6 + Fraction(1, 2)).__floor__()
    return WallTime(us, start.clock) if EARLIEST_US <= us <= LATEST_US else UNKNOWN_TIME


@given(
    st.integers(EARLIEST_US, LATEST_US),
    st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-(10**9), 10**9), max_size=9),
    BASES,
)
@example(0, [2**62, 0, -(2**62)], Fraction(1, 2**40))
def test_times_count_on_exactly(us: int, ticks: list[int], base: Fraction) -> None:
    """One by one, and many at a time, however large numbers become on the way."""
    start = WallTime(us, "path")
    each = [exactly(start, tick, base) for tick in ticks]
    assert [start.after(tick, base) for tick in ticks] == each
    found, known = start.after_each(np.array(ticks, np.int64), base)
    assert found.tolist() == [moment.us or 0 for moment in each]
    assert known.tolist() == [moment.us is not None for moment in each]
    assert found.dtype == np.int64


def test_what_is_not_known_stays_so() -> None:
    """A column of nulls."""
    assert UNKNOWN_TIME.after(5, Fraction(1)) == UNKNOWN_TIME
    found, known = UNKNOWN_TIME.after_each(np.arange(3), Fraction(1))
    assert (found.tolist(), known.tolist()) == ([0] * 3, [False] * 3)


@pytest.mark.parametrize(("us", "clock"), [(None, "path"), (0, ""), (LATEST_US + 1, "path")])
def test_a_moment_is_whole(us: int | None, clock: Any) -> None:
    """It has both, within the years that can be shown."""
    with pytest.raises(ValueError, match=r"moment|years"):
        WallTime(us, clock)


def test_the_path_goes_before_the_container() -> None:
    """And what neither says is not known."""
    created = replace(STREAM, created_us=1)
    rule = StartRule(PATTERN, "epoch")
    assert video_start(path("5"), rule, created) == WallTime(5_000_000, "path")
    assert video_start(path("x"), rule, created) == WallTime(1, "container")
    assert video_start(path("x"), rule, STREAM) == UNKNOWN_TIME
    assert video_start(path("x"), rule, None) == UNKNOWN_TIME
    assert video_start(path("5"), rule, None) == WallTime(5_000_000, "path")
    assert video_start("/elsewhere.mp4", rule, None) == UNKNOWN_TIME


NOW = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({"creation_time": "2026-01-14T08:00:00.123456Z"}, "2026-01-14T08:00:00.123456Z"),
        (
            {
                "creation_time": "2026-01-14T07:00:09.000000Z",
                "com.apple.quicktime.creationdate": "2026-01-14T08:00:00+0100",
            },
            "2026-01-14T07:00:00Z",
        ),
        (
            {
                "creation_time": "2026-01-14T07:00:09.000000Z",
                "com.apple.quicktime.creationdate": "2026-01-14T08:00:00",
            },
            "2026-01-14T07:00:09Z",
        ),
        ({"creation_time": "2026-11-01T12:00:00Z"}, "2026-11-01T12:00:00Z"),
        ({"creation_time": "2026-11-02T00:00:01Z"}, None),
        ({"creation_time": "2036-02-06T06:28:16Z"}, None),
        ({"creation_time": "1904-01-01T00:00:00Z"}, None),
        ({"creation_time": "1970-01-01T00:05:00Z"}, None),
        ({"creation_time": "1980-01-06T00:00:00Z"}, None),
        ({"creation_time": "2026-01-14 08:00:00"}, None),
        ({"creation_time": "yesterday"}, None),
        ({"creation_time": "0000-00-00T00:00:00Z"}, None),
        ({"creation_time": "9999-12-31T23:59:59-12:00"}, None),
        ({"date": "2026-01-14T08:00:00Z"}, None),
        ({}, None),
    ],
)
def test_a_container_is_believed_within_reason(
    metadata: dict[str, str], expected: str | None
) -> None:
    """A zone is needed; clocks that were never set, or are ahead, say nothing."""
    found = creation_us(metadata, unix_us(NOW) or 0)
    assert found == (expected and unix_us(datetime.fromisoformat(expected)))


@given(st.none() | st.integers(EARLIEST_US, LATEST_US))
def test_a_kept_index_keeps_it(us: int | None) -> None:
    """To the microsecond."""
    stream = replace(STREAM, created_us=us)
    assert stream_from_json(stream_to_json(stream)) == stream


def test_the_years_that_can_be_shown_are_those_of_datetime() -> None:
    """From the first to the last microsecond."""
    assert datetime.min.replace(tzinfo=UTC) == EPOCH + EARLIEST_US * US
    assert datetime.max.replace(tzinfo=UTC) == EPOCH + LATEST_US * US
