"""Commit records as columns: they read back one by one, and add up all at once."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.core.interval import Interval
from fleet.core.receipt import PartFile, Receipt, Tally
from fleet.table.commits.record import (
    ChecksumMismatchError,
    CommitRecord,
    Origin,
    part_name,
    verify_checksum,
    with_checksum,
)
from fleet.table.commits.record_rows import frames_bytes, names_of, records_of
from fleet.table.commits.record_table import covered, from_parquet, to_parquet, to_table, total

COUNTS = st.integers(0, 10**6)
SECONDS = st.integers(0, 10**6).map(lambda n: n / 64)
LEASES = st.text("0123456789abcdef", min_size=32, max_size=32)
NAMES = st.text(st.characters(codec="utf-8"), max_size=6)
URIS = st.text(max_size=8) | st.just(b"caf\xe9.mp4".decode(errors="surrogateescape"))


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    """Draw a stretch of a video with any name."""
    start = draw(st.integers(-(2**62), 2**62 - 1))
    return Interval(draw(URIS), draw(NAMES), start, draw(st.integers(start + 1, 2**62)))


TALLIES = st.builds(
    Tally,
    frames=COUNTS,
    lost_frames=COUNTS,
    video_s=SECONDS,
    bytes_read=COUNTS,
    rows=COUNTS,
    errors=COUNTS,
    wall_s=SECONDS,
    by_label=st.dictionaries(NAMES, COUNTS, max_size=3),
    host_s=st.dictionaries(NAMES, SECONDS, max_size=3),
    chip_s=st.dictionaries(NAMES, SECONDS, max_size=3),
)


@st.composite
def records(draw: st.DrawFn) -> CommitRecord:
    """Draw a record, of a lease with its own parts or without."""
    lease = draw(LEASES)
    tables = draw(st.sampled_from(["", "frames", "errors frames", "detections frames"])).split()
    name = part_name(lease)
    receipt = Receipt(
        lease=lease,
        intervals=tuple(draw(st.lists(intervals(), max_size=4))),
        parts=tuple(PartFile(t, name, draw(COUNTS), draw(COUNTS), "ab" * 32) for t in tables),
        tally=draw(TALLIES),
        device=draw(NAMES),
        peak_rss_bytes=draw(COUNTS),
    )
    origin = Origin("cd" * 32, "Ascend310", draw(st.dictionaries(NAMES, NAMES, max_size=2)))
    return CommitRecord(origin, receipt, draw(COUNTS), tuple(draw(st.lists(LEASES, max_size=2))))


@given(st.lists(records(), max_size=5))
def test_records_read_back_one_by_one(several: Sequence[CommitRecord]) -> None:
    """Through columns and Parquet, every field, whatever videos are called."""
    table, beside = from_parquet(to_parquet(to_table(several), {"a": "b"}))
    assert list(records_of(table)) == list(several)
    assert beside["a"] == "b"


@given(st.lists(records(), max_size=5))
def test_columns_add_up_to_what_the_records_do(several: Sequence[CommitRecord]) -> None:
    """Tallies, what is covered and by which lease, sizes of frames parts, names."""
    table = to_table(several)
    expected = Tally.total(record.receipt.tally for record in several)
    for name, value in vars(total(table)).items():
        assert (
            dict(value) == dict(getattr(expected, name))
            if isinstance(value, dict)
            else (value == getattr(expected, name))
        )
    spread = covered(table)
    pairs = [(n, i) for n, record in enumerate(several) for i in record.receipt.intervals]
    assert list(zip(spread.lease.tolist(), spread.intervals, strict=True)) == pairs
    sizes = [r.receipt.parts[-1].bytes if r.receipt.parts else -1 for r in several]
    assert frames_bytes(table).tolist() == sizes
    assert names_of(table) == {n for r in several for n in (r.receipt.lease, *r.was)}


def test_a_slice_of_records_is_as_good_as_any() -> None:
    """Arrow's slices share their columns, with an offset."""
    parts = [PartFile("frames", part_name("0" * 32), n, n, "") for n in range(4)]
    several = [
        CommitRecord(
            Origin("a", "b"),
            Receipt("0" * 32, (Interval("a", "", n, n + 1),), (part,), Tally(), ""),
        )
        for n, part in enumerate(parts)
    ]
    table = to_table(several).slice(2)
    assert frames_bytes(table).tolist() == [2, 3]
    assert covered(table).intervals.starts.tolist() == [2, 3]


@pytest.mark.parametrize("data", [b"", b"PAR1", b"not Parquet"])
def test_what_holds_no_records_is_said_to_be_so(data: bytes) -> None:
    """As one kind of error."""
    with pytest.raises(ValueError, match="no records"):
        from_parquet(data)


KEYS = NAMES.filter(lambda name: name != "digest")


@given(st.dictionaries(KEYS, NAMES | st.integers(), max_size=4), st.data())
def test_a_sealed_record_reads_back_or_is_known_to_be_altered(
    record: dict[str, object], data: st.DataObject
) -> None:
    """Any other character in it shows; one without a seal is taken as it is."""
    text = with_checksum({**record, "pack": "1"})
    assert {**verify_checksum(text), "digest": ""} == {**record, "pack": "1", "digest": ""}
    assert verify_checksum('{"a": 1}') == {"a": 1}
    at = data.draw(st.integers(0, len(text) - 1))
    changed = f"{text[:at]}{'x' if text[at] != 'x' else 'y'}{text[at + 1 :]}"
    with pytest.raises((ChecksumMismatchError, ValueError, TypeError)):
        verify_checksum(changed)
