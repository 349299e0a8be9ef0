"""What readers may skip of a compacted part: other videos, and labels that are not in a stretch."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
from made_up import LABELS, claimed, closed, commit_lease, table_of

from fleet.parquet import encoding
from fleet.storage import Folder
from fleet.table.maintenance import exchange

VIDEOS = tuple("dbfaec")
FRAMES = 8


@pytest.fixture
def part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The detections of six videos, compacted into row groups of the rows of one; proven."""
    monkeypatch.setattr(encoding, "GROUP_ROWS", FRAMES)
    # Two parts at a time: what is brought together is brought together again.
    monkeypatch.setattr(exchange, "AT_ONCE", 2)
    folder = claimed(Folder(str(tmp_path)))
    for uri in VIDEOS:
        commit_lease(folder, uri, range(FRAMES))
    closed(folder)
    table = table_of(folder)
    assert table.compact(10**9).leases == len(VIDEOS)
    wrong = {finding.kind for finding in table.verify().findings}
    # The leases are of no run, which would have listed its videos.
    assert wrong <= {"not proven", "another version", "missing"}
    (found,) = (tmp_path / "detections").glob("part-pack-*")
    return found


def test_a_video_lies_in_few_row_groups(part: Path) -> None:
    """By the least and the greatest address of each; rows are sorted by video and frame."""
    metadata = pq.read_metadata(part)
    spans = []
    for number in range(metadata.num_row_groups):
        told = metadata.row_group(number).column(0).statistics
        spans.append((told.min, told.max))
    assert spans == [(uri, uri) for uri in sorted(VIDEOS)]
    rows = pq.read_table(part, columns=["uri", "frame"]).to_pylist()
    keys = [(row["uri"], row["frame"]) for row in rows]
    assert keys == [(uri, frame) for uri in sorted(VIDEOS) for frame in range(FRAMES)]


def test_a_label_that_is_not_there_is_told_apart_from_those_that_are(part: Path) -> None:
    """By the Bloom filter of each row group, although it lies between the least and the greatest."""

    def left_out(label: str) -> set[bool]:
        probe = "select bloom_filter_excludes from parquet_bloom_probe(?, 'label', ?)"
        return {bool(row[0]) for row in duckdb.execute(probe, [str(part), label]).fetchall()}

    assert all(left_out(label) == {False} for label in LABELS)
    assert left_out("cow") == {True}
    # All is fetched, or the connection that all share would have a result left.
    found = duckdb.execute(f"select count(*) from '{part}' where label = 'car'").fetchall()  # noqa: S608
    assert found == [(len(VIDEOS) * len(range(1, FRAMES, len(LABELS))),)]
