"""The text of a commit record and of a job's record."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleet.core.interval import Interval, LeaseNames
from fleet.core.receipt import PartFile, Receipt, Tally
from fleet.table.commits.record import CommitRecord, JobRecord, Origin, lease_of, part_name

HEX = st.text("0123456789abcdef", min_size=32, max_size=32)
COUNT = st.integers(0, 2**53)
PTS = st.integers(-(2**62), 2**62)
SECONDS = st.floats(0, 1e9)


@st.composite
def intervals(draw: st.DrawFn) -> Interval:
    """Any stretch of any video."""
    start = draw(PTS)
    return Interval(
        draw(st.text()), draw(st.text()), start, draw(st.integers(start + 1, 2**63 - 1))
    )


tallies = st.builds(
    Tally,
    frames=COUNT,
    rows=COUNT,
    video_s=SECONDS,
    by_label=st.dictionaries(st.text(), COUNT),
    chip_s=st.dictionaries(st.text(), SECONDS),
)


@given(
    HEX,
    st.lists(intervals(), max_size=4),
    tallies,
    st.lists(COUNT, min_size=4, max_size=4),
    st.text(),
)
def test_a_commit_record_reads_back_as_it_was(
    lease: str, covered: list[Interval], tally: Tally, counts: list[int], text: str
) -> None:
    """Whatever the names; only the frames part's own size is told from outside."""
    parts = (
        PartFile("detections", part_name(lease), counts[0], counts[1], "ab" * 32),
        PartFile("frames", part_name(lease), counts[2], counts[3], "cd" * 32),
    )
    receipt = Receipt(lease, tuple(covered), parts, tally, text, 77)
    record = CommitRecord(Origin("ef" * 32, "Ascend310", {text: "12"}), receipt)
    assert CommitRecord.from_json(record.to_json(), counts[3]) == record


def test_a_job_record_reads_back_as_it_was() -> None:
    """With what people compare."""
    record = JobRecord("ab" * 32, "stills", {"sample": "all", "params": {"quality": "90"}})
    assert JobRecord.from_json(record.to_json()) == record


@given(HEX)
def test_a_part_is_named_by_its_lease(lease: str) -> None:
    """And the name tells it."""
    assert lease_of(f"frames/{part_name(lease)}") == lease


@given(st.text())
def test_other_names_are_no_parts(name: str) -> None:
    """The part without rows, a temporary file, a user's own."""
    assert lease_of(name) is None
    lease = LeaseNames("job")([])
    for other in ("schema.parquet", f".part-{lease}.parquet.0a.tmp", f"part-{lease}.parquet.bak"):
        assert lease_of(f"frames/{other}") is None
