"""Where a job stands, told from its output alone."""

from __future__ import annotations

import shlex
import time
import uuid
from dataclasses import replace
from pathlib import Path

import pytest
from hand_clock import HandClock
from hypothesis import example, given
from hypothesis import strategies as st
from made_up import JOB, begun, claimed, closed, commit_lease, table_of

from fleet.core.interval import Interval
from fleet.core.loss import Loss
from fleet.core.source import Source
from fleet.plan.lease import Lease, Shard
from fleet.storage import Folder
from fleet.table.state.holder import Holder
from fleet.table.state.run_records import (
    KEPT,
    SILENT_S,
    DeviceRecord,
    RunRecord,
    RunRecords,
)
from fleet.table.state.video_manifest import Video, read_videos, write_videos
from fleet.table.status import read_status
from fleet.views.status import render

TICKS = 512


@pytest.fixture(params=["disk", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    """A folder of each kind, taken for the job."""
    uri = str(tmp_path / "out") if request.param == "disk" else f"memory://{uuid.uuid4()}"
    return claimed(Folder(uri))


def videos(folder: Folder) -> None:
    """Have the job cover two videos of 16 frames, one that was refused, one that was not read."""
    write_videos(
        folder,
        [
            Video("a", 1000, "v1", 0, 16 * TICKS, 0.64, 16),
            Video("b", 1000, "v1", 0, 16 * TICKS, 0.64, 16),
            Video("c", 7, "v1", refused=True),
            Video("d", 8, "v1", unread="timed out"),
        ],
    )


def note(state: str, *, age_s: float = 0.0, machine: str = "far/pid:[1]") -> RunRecord:
    """Describe a run somewhere else."""
    now_s = time.time() - age_s
    holder = replace(Holder.me("fleet run", JOB.digest, now_s), machine=machine, host="far-away")
    return RunRecord(
        holder,
        state,
        now_s,
        inputs=("s3://archive",),
        videos=4,
        video_s=1.28,
        frames=32,
        leases=4,
        done_video_s=0.64,
        left_s=40.0,
        frames_per_s=412.0,
        device_count=2,
        devices=(DeviceRecord("npu/0", 7, 206.0, "a"), DeviceRecord("npu/1", 9, 206.0, "b")),
    )


def test_a_job_in_the_middle_is_told_by_video_time(folder: Folder) -> None:
    """What is done, what is left, what went wrong, when something last came, and from whom."""
    videos(folder)
    lost = Loss("b", "vdec", "BrokenVideo", "broken", 0, 0, TICKS, 0.0, 0.04, 1)
    commit_lease(folder, "a", range(16))
    commit_lease(folder, "b", range(8), loss=lost)
    RunRecords(folder).put(note("running", age_s=2))
    status = read_status(table_of(folder))
    assert status.state == "running"
    assert status.video_s == pytest.approx(1.28)
    assert status.done_video_s == pytest.approx(0.96)
    assert (status.videos, status.videos_done, status.refused, status.unread) == (4, 1, 1, 1)
    assert (status.total.frames, status.total.lost_frames, status.leases) == (24, 1, 2)
    assert [(reason.name, reason.losses) for reason in status.losses] == [("BrokenVideo", 1)]
    assert status.last_unix_s == pytest.approx(time.time(), abs=60)
    assert [(d.name, d.leases, d.frames) for d in status.devices] == [("npu/0", 2, 24)]
    text = render(status)
    for words in (
        "Running: ",
        "1 of 2 videos to the end, 1 refused, 1",
        "(75 %)",
        "fleet run on far-away",
        "about 40s left, heard of 2s ago",
        "412 frames/s",
        "1 x vdec: BrokenVideo, 1 frame lost",
    ):
        assert words in text, text
    assert all(len(line) <= 80 for line in text.splitlines() if folder.uri not in line)


def test_a_time_that_was_not_put_down_is_not_told(folder: Folder) -> None:
    """An older Fleet kept none: a device is then named without one."""
    videos(folder)
    commit_lease(folder, "a", range(16), clock=HandClock(unix_s=0.0))
    status = read_status(table_of(folder))
    assert (status.last_unix_s, status.devices[0].last_unix_s) == (None, None)
    assert "1 seen: npu/0\n" in render(status)
    assert "ago" not in render(status)


def test_a_job_that_has_only_begun_has_a_status(folder: Folder) -> None:
    """Nothing is there, and nobody says anything yet."""
    status = read_status(table_of(folder))
    assert (status.state, status.leases, status.last_unix_s) == ("not begun", 0, None)
    assert "run the job's command again" in " ".join(render(status).split())


@pytest.mark.parametrize(
    ("last", "age_s", "state"),
    [
        ("running", 5, "running"),
        ("preparing", 5, "preparing"),
        ("running", SILENT_S + 5, "stopped"),
        ("interrupted", 5, "interrupted"),
        ("failed", 5, "failed"),
    ],
)
def test_a_run_that_is_not_heard_of_has_stopped(
    folder: Folder, last: str, age_s: float, state: str
) -> None:
    """Its machine may be gone; others said how they ended."""
    RunRecords(folder).put(note(last, age_s=age_s))
    assert read_status(table_of(folder)).state == state


def test_a_run_that_died_on_this_machine_is_known_to_have(folder: Folder) -> None:
    """Its process is no more."""
    mine = Holder.me("fleet run", JOB.digest, time.time())
    RunRecords(folder).put(RunRecord(replace(mine, born="1"), "running", time.time()))
    assert read_status(table_of(folder)).state == "stopped"


def test_a_finished_job_says_how_to_go_on(folder: Folder) -> None:
    """To prove it; or to take up what was lost; and compaction changes nothing of that."""
    videos(folder)
    receipts = [commit_lease(folder, uri, range(16)) for uri in "ab"]
    closed(folder, receipts)
    RunRecords(folder).put(note("finished"))
    status = read_status(table_of(folder))
    assert (status.state, status.done_video_s) == ("finished", status.video_s)
    assert "fleet verify" in render(status)
    table_of(folder).compact()
    packed = read_status(table_of(folder))
    assert (packed.total, packed.objects, packed.packs) == (status.total, 2, 2)
    assert "parts       2, 2 of them compacted, of 2 leases" in render(packed)
    begun(folder)
    assert read_status(table_of(folder)).state == "open again"


def test_the_command_of_a_status_ends_in_the_output_itself(folder: Folder) -> None:
    """Whatever the folder is called, if a terminal can show it; typed as Fleet was started."""
    closed(folder, [])
    status = read_status(table_of(folder))

    @given(st.text().filter(str.isprintable))
    @example("/x/w/a: fleet run")
    @example("/x/`fleet stop` it's")
    def holds(uri: str) -> None:
        command = render(replace(status, uri=uri), "python -m fleet").splitlines()[-1]
        assert shlex.split(command) == ["python", "-m", "fleet", "verify", uri]

    holds()


def test_notes_of_old_runs_go(folder: Folder) -> None:
    """But for the latest; those of runs at work stay, and the leases that these mean to do."""
    old = [note("finished", age_s=100 - n) for n in range(KEPT + 3)]
    alive = note("running", age_s=30)
    for each in [*old, alive]:
        RunRecords(folder).put(each)
        RunRecords(folder).put_leases(each.id, [lease("d")])
    RunRecords(folder).prune(record for record in RunRecords(folder).read() if record.is_over)
    assert [left.id for left in RunRecords(folder).read()] == [n.id for n in [*old[3:], alive]]
    assert [RunRecords(folder).leases(n.id) is None for n in [*old, alive]] == [True] * len(old) + [
        False
    ]


def lease(name: str) -> Lease:
    """A lease over two videos, one with a name that is no text."""
    odd = b"caf\xe9.mp4".decode(errors="surrogateescape")
    shards = tuple(
        Shard(Source(uri, 9, "e"), 0, 3, Interval(uri, "e", -5, 2**40), 7, 0.5, 0.25)
        for uri in ("a", odd)
    )
    return Lease(32 * name, shards)


def test_leases_read_back_in_their_order(folder: Folder) -> None:
    """Exactly, whatever the videos are called."""
    leases = [lease("b"), lease("a"), lease("c")]
    assert RunRecords(folder).leases("run") is None
    RunRecords(folder).put_leases("run", leases)
    assert RunRecords(folder).leases("run") == leases
    RunRecords(folder).drop_leases("run")
    assert RunRecords(folder).leases("run") is None


def test_a_note_reads_back_and_a_torn_one_is_left_out(folder: Folder) -> None:
    """The latest word last."""
    first, second = note("finished", age_s=9), note("running")
    RunRecords(folder).put(second)
    RunRecords(folder).put(first)
    folder.put("_runs/torn.json", b'{"holder": ')
    assert RunRecords(folder).read() == [first, second]


def test_videos_read_back(folder: Folder) -> None:
    """All fields, by URI, names that are no text too."""
    odd = b"caf\xe9.mp4".decode(errors="surrogateescape")
    several = [
        Video(odd, 2**40, "e", -9, 2**50, 0.1, 3),
        Video("b", 0, "", refused=True, unread=""),
    ]
    assert read_videos(folder) == {}
    write_videos(folder, several)
    assert read_videos(folder) == {video.uri: video for video in several}
