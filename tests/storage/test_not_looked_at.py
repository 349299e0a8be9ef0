"""A video that no run has looked at is told of as that: neither as read in vain, nor as done."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path

import pytest
from made_up import JOB, SCHEMAS, closed, commit_lease, table_of

from fleet.browse.asked import Listed
from fleet.browse.desk import Desk
from fleet.core.source import Source
from fleet.report.build import Asked, make_report
from fleet.report.coverage import Coverage, covered, summary
from fleet.storage import Folder
from fleet.table.state.video_manifest import Video, not_looked_at, write_videos
from fleet.table.state.video_table import known_videos
from fleet.table.status import read_status
from fleet.views.status import render
from fleet.views.verify import render as render_proof

TICKS = 512
DONE = Video("a", 1000, "v1", 0, 16 * TICKS, 0.64, 16)
FAILED = Video("b", 1000, "v1", unread="timed out")
WAITING = [not_looked_at(Source(name, 1000, "v1")) for name in ("c", "d", "e", "f")]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A closed output of which one video is done, and one could not be read; four came since."""
    folder = Folder(str(tmp_path / "out"))
    table_of(folder).create(SCHEMAS)
    write_videos(folder, [DONE, FAILED])
    closed(folder, [commit_lease(folder, "a", range(16))])
    write_videos(folder, [DONE, FAILED, *WAITING])
    return folder


def coverage_of(folder: Folder) -> Coverage:
    """Return what a report says of coverage."""
    table = table_of(folder)
    return covered(read_status(table), table.tables(), list(table.videos().values()))


def test_it_is_no_reading_that_failed(folder: Folder) -> None:
    """Proof, report and the table videos/ know those from the one that could not be read."""
    gaps = {f.where: f.detail for f in table_of(folder).verify().findings if f.kind == "not done"}
    waiting = dict.fromkeys("cdef", "no run has looked at it yet")
    assert gaps == {"b": "it could not be read: timed out", **waiting}
    assert coverage_of(folder).unread == [("b", "timed out")]
    table_of(folder).tell_of_videos()
    rows = {row["uri"]: row for row in known_videos(folder, JOB).rows.to_pylist()}
    assert (rows["b"]["status"], rows["b"]["reason"]) == ("unread", "timed out")
    assert {(rows[uri]["status"], rows[uri]["reason"]) for uri in "cdef"} == {("open", None)}
    assert rows["c"]["frames_wanted"] is None


def test_an_output_is_not_whole_before_all_is_looked_at(folder: Folder) -> None:
    """Though it was closed when there was less to do, and all of that is done."""
    write_videos(folder, [DONE])
    assert read_status(table_of(folder)).finished
    assert summary(coverage_of(folder)).startswith("Everything that was asked for is there")
    write_videos(folder, [DONE, *WAITING])
    status = read_status(table_of(folder))
    assert (status.finished, status.videos, status.unread, status.to_look) == (False, 1, 0, 4)
    assert "(100 % of what was looked at)" in render(status)
    assert "4 not looked at yet" in render(status)
    assert "Not looked at yet: 4 videos. To go on, run" in render(status)
    assert not coverage_of(folder).is_whole
    assert "of video that was looked at is there; 4 videos not looked at yet." in summary(
        coverage_of(folder)
    )
    assert b"<span>videos not looked at yet</span>" in make_report(Asked(folder.uri)).html


def test_a_proof_counts_what_waits_apart(folder: Folder) -> None:
    """It is no finding among those of what was looked at, and is not covered."""
    told = render_proof(table_of(folder).verify()).splitlines()
    assert told[0] == f"Not proven, 1 finding, 4 videos not looked at yet: {folder.uri}"
    assert told[2] == "  to cover    0.6s in 2 videos, 4 not looked at yet"
    write_videos(folder, [DONE, *WAITING])
    told = render_proof(table_of(folder).verify()).splitlines()
    assert told[0] == f"Not proven, 4 videos not looked at yet: {folder.uri}"
    assert told[2] == "  to cover    0.6s in 1 video, 4 not looked at yet"
    write_videos(folder, [DONE])
    assert render_proof(table_of(folder).verify()).splitlines()[2].startswith("  covered ")


def test_it_waits_in_the_browser(folder: Folder) -> None:
    """Beside the one that could not be read; a tile counts those that wait."""

    async def asked(desk: Desk) -> None:
        tiles = {what: count for count, what, _ in (await desk.output())["tiles"]}
        assert tiles["videos not looked at yet"] == "4"
        assert tiles["videos not readable"] == "1"
        states = {v["uri"]: (v["state"], v["why"]) for v in desk.videos(Listed())["videos"]}
        assert states["b"] == ("unread", "timed out")
        assert {states[uri] for uri in "cdef"} == {("waiting", "")}

    with closing(Desk(folder.uri)) as desk:
        asyncio.run(asked(desk))
