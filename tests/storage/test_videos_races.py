"""The table of videos where several processes put it at once, and what `verify` says of it."""

from __future__ import annotations

import io
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from indexes import index_of
from made_up import JOB, ORIGIN, SCHEMAS, builder_of, closed, commit_lease, table_of

from fleet.core.interval import Interval, LeaseNames
from fleet.core.loss import Loss
from fleet.core.source import Source
from fleet.errors import StorageError
from fleet.storage import Folder
from fleet.table.parts.videos import DescribedVideo
from fleet.table.state.ownership import claim
from fleet.table.state.read import read
from fleet.table.state.state import TableState
from fleet.table.state.video_manifest import VIDEOS_FILE, Video, read_videos, write_videos
from fleet.table.state.video_progress import put_video_table
from fleet.table.state.video_table import VIDEOS_OBJECT, known_videos
from fleet.video.facts import facts_of

TICKS, FRAMES = 512, 8


@pytest.fixture(params=["memory", "disk", "seaweed"])
def folder(request: pytest.FixtureRequest, place: Callable[[str], str]) -> Folder:
    """An output that a run has begun, in stores of several kinds."""
    made = Folder(place(request.param))
    table_of(made).create(SCHEMAS)
    table_of(made).begin_epoch({})
    return made


def video(uri: str, etag: str = "v1") -> Video:
    """A video of 8 frames, all wanted."""
    return Video(uri, 1000, etag, 0, FRAMES * TICKS, FRAMES / 25, FRAMES)


def described(uri: str, etag: str = "v1") -> DescribedVideo:
    """What a look at it has shown."""
    index = replace(index_of([(0, FRAMES - 1)]), source=Source(uri, 1000, etag))
    return DescribedVideo(index.source, facts_of(index), "vdec")


def keep(folder: Folder, state: TableState, *uris: str, joined: bool = False) -> None:
    """Do what a run does that has looked at its videos."""
    videos, found = map(video, uris), map(described, uris)
    table_of(folder).keep_videos(state, videos, found, joined=joined)


def finish(folder: Folder, *uris: str) -> None:
    """Do all of some videos, and close."""
    closed(folder, [commit_lease(folder, uri, range(FRAMES)) for uri in uris])


def statuses(folder: Folder) -> dict[str, str]:
    """What the table says of each video; raise AssertionError where one has two rows."""
    rows = known_videos(folder, JOB).rows.to_pylist()
    assert len({row["uri"] for row in rows}) == len(rows)
    assert all(row["codec"] == "h264" for row in rows)
    return {row["uri"]: row["status"] for row in rows}


def meanwhile(name: str, *deeds: Callable[[], None]) -> Any:
    """Have others do something each time that this process is about to put an object."""
    real, left = Folder.exchange, list(deeds)

    def exchange(folder: Folder, at: str, data: bytes, etag: str | None) -> bool:
        if at == name and left:
            left.pop(0)()
        return real(folder, at, data, etag)

    return patch.object(Folder, "exchange", exchange)


def test_who_comes_late_does_not_undo_what_is_closed(folder: Folder) -> None:
    """Held up anywhere: what it saw was open, and the output is closed by now."""
    before = table_of(folder).state()
    keep(folder, before, "a")
    finish(folder, "a")
    assert statuses(folder) == {"a": "done"}
    put_video_table(folder, JOB, before)
    assert statuses(folder) == {"a": "done"}


@pytest.mark.parametrize("name", [VIDEOS_FILE, VIDEOS_OBJECT])
def test_who_is_overtaken_sees_what_the_others_put(folder: Folder, name: str) -> None:
    """The videos of both have their rows, and that one is done by now is not undone."""
    state = table_of(folder).state()
    keep(folder, state, "a")

    def other() -> None:
        keep(folder, state, "b", joined=True)
        finish(folder, "a", "b")

    with meanwhile(name, other):
        keep(folder, state, "c", joined=True)
    assert set(read_videos(folder)) == {"a", "b", "c"}
    assert statuses(folder) == {"a": "done", "b": "done", "c": "open"}


@pytest.mark.parametrize("name", [VIDEOS_FILE, VIDEOS_OBJECT])
def test_who_is_overtaken_again_and_again_says_so(folder: Folder, name: str) -> None:
    """Instead of trying for ever."""
    state, real = table_of(folder).state(), Folder.exchange

    def exchange(folder: Folder, at: str, data: bytes, etag: str | None) -> bool:
        return at != name and real(folder, at, data, etag)

    with patch.object(Folder, "exchange", exchange), pytest.raises(StorageError, match="faster"):
        keep(folder, state, "a")


def test_a_video_that_has_changed_has_the_row_of_what_it_is_now(folder: Folder) -> None:
    """What was known of the version before it is not said of this one."""
    keep(folder, table_of(folder).state(), "a")
    finish(folder, "a")
    state = table_of(folder).begin_epoch({"a": "v2"})
    table_of(folder).keep_videos(state, [video("a", "v2")])
    (row,) = known_videos(folder, JOB).rows.to_pylist()
    assert (row["etag"], row["status"], row["codec"]) == ("v2", "open", None)


def lose_first_frame_of_a(folder: Folder) -> None:
    """Commit a lease of one frame, which is lost."""
    table, interval = table_of(folder), Interval("a", "v1", 0, TICKS)
    builder = builder_of("a", [])
    builder.add_error(Loss("a", "vdec", "Broken", "It is broken.", 5, 0, TICKS, 0.0, 0.04, 1))
    lease = LeaseNames(JOB.digest, table.state().manifest.epoch)([interval])
    table.writer(ORIGIN, "npu/0").commit(lease, [interval], builder.tables(), builder.tally())


def test_a_video_that_could_not_be_read_says_why(folder: Folder) -> None:
    """With what an earlier look at the same version has shown."""
    state = table_of(folder).state()
    keep(folder, state, "a")
    table_of(folder).keep_videos(state, [replace(video("a"), unread="the mount is away")])
    (row,) = known_videos(folder, JOB).rows.to_pylist()
    assert (row["status"], row["reason"]) == ("unread", "the mount is away")
    assert (row["codec"], row["frames_wanted"], row["frames_done"]) == ("h264", None, None)


def rewritten(folder: Folder, change: Callable[[pa.Table], pa.Table]) -> None:
    """Put the table with other rows."""
    file = pq.ParquetFile(io.BytesIO(folder.read(VIDEOS_OBJECT)))
    sink = io.BytesIO()
    beside = {key: value for key, value in file.metadata.metadata.items() if b"fleet" in key}
    with pq.ParquetWriter(sink, file.schema_arrow) as writer:
        writer.write_table(change(file.read()))
        writer.add_key_value_metadata(beside)
    folder.put(VIDEOS_OBJECT, sink.getvalue())


def with_status(table: pa.Table) -> pa.Table:
    """Say of all videos that they are done."""
    return table.set_column(3, table.schema.field(3), pa.array(["done"] * len(table)))


DAMAGES = [
    pytest.param(lambda rows: pa.concat_tables([rows, rows]), "it has 2 rows", id="twice"),
    pytest.param(lambda rows: rows.slice(1), "it has 0 rows", id="a row is missing"),
    pytest.param(with_status, "status is done, and should be lost_in_part", id="another status"),
]


@pytest.mark.parametrize(("change", "said"), DAMAGES)
def test_verify_names_the_video_and_a_run_puts_it_right(
    folder: Folder, change: Callable[[pa.Table], pa.Table], said: str
) -> None:
    """By its URI, with what is wrong."""
    keep(folder, table_of(folder).state(), "a", "b")
    lose_first_frame_of_a(folder)
    commit_lease(folder, "a", range(1, FRAMES))
    finish(folder, "b")
    assert table_of(folder).verify().proven
    rewritten(folder, change)
    findings = table_of(folder).verify().findings
    assert {finding.where for finding in findings} <= {"a", "b"}
    assert said in findings[0].detail
    closed(folder)
    assert table_of(folder).verify().proven


def test_a_table_of_that_name_that_a_job_had_stays_the_jobs() -> None:
    """In an output from before there was this one: it is read, proven and compacted."""
    job = replace(JOB, table="videos")
    made = Folder(f"memory://{uuid.uuid4()}")
    claim(made, job, {"videos" if name == JOB.table else name: s for name, s in SCHEMAS.items()})
    table = table_of(made, job)
    epoch = table.begin_epoch({}).manifest.epoch
    write_videos(made, [video("a")])
    receipts = []
    for frames in (range(4), range(4, FRAMES)):
        interval = Interval("a", "v1", frames.start * TICKS, frames.stop * TICKS)
        rows = builder_of("a", frames).tables()
        rows = {"videos" if name == JOB.table else name: part for name, part in rows.items()}
        lease = LeaseNames(job.digest, epoch)([interval])
        tally = builder_of("a", frames).tally()
        receipts.append(table.writer(ORIGIN, "npu/0").commit(lease, [interval], rows, tally))
    table.close(receipts, epoch)
    for _ in range(2):
        assert table.verify().findings == ()
        assert read(made.uri).names == ("videos", "errors", "frames")
        assert read(made.uri).table("videos").count_rows() == FRAMES
        table.compact()
