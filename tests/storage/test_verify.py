"""Proving an output: what is wrong is found, named, and mended by the way out that is given."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from made_up import JOB, ORIGIN, begun, builder_of, claimed, closed, commit_lease, table_of

from fleet.clock import SYSTEM_CLOCK
from fleet.core.interval import Interval, LeaseNames
from fleet.core.loss import Loss
from fleet.errors import OutputBusyError
from fleet.storage import Folder
from fleet.table.commits.record import part_name
from fleet.table.maintenance.garbage import SWITCHING
from fleet.table.maintenance.verify import VerificationReport
from fleet.table.state.holder import Holder
from fleet.table.state.lock import REWRITE_LOCK, locked
from fleet.table.state.run_records import RunRecord, RunRecords
from fleet.table.state.state import TableState
from fleet.table.state.video_manifest import Video, left_of, read_videos, write_videos

TICKS = 512


@pytest.fixture(params=["disk", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    """A finished output of each kind: two videos of 16 frames, one loss, one video refused."""
    uri = str(tmp_path / "out") if request.param == "disk" else f"memory://{uuid.uuid4()}"
    folder = claimed(Folder(uri))
    fill(folder)
    return folder


def fill(folder: Folder) -> None:
    """Do what a run does: what is missing, and close."""
    write_videos(folder, [video("a"), video("b")])
    state = begun(folder, {"a": "v1", "b": "v1"})
    if not len(state):
        commit_lease(folder, "a", range(7))
        commit_lease(folder, "a", range(8, 16))
    for missing in read_videos(folder).values():
        for start, end in left_of(missing, table_of(folder).state().done).tolist():
            frames = range(start // TICKS, end // TICKS)
            if missing.uri == "a" and frames == range(7, 8):
                lost_frame(folder, state.manifest.epoch)
            else:
                commit_lease(folder, missing.uri, frames, found=2)
    closed(folder)


def lost_frame(folder: Folder, epoch: int) -> None:
    """Commit a lease that covers one frame, and lost it."""
    builder = builder_of("a", [])
    loss = Loss("a", "vdec", "BrokenVideo", "broken", 0, 7 * TICKS, 8 * TICKS, 0.28, 0.32, 1)
    builder.add_error(loss)
    interval = Interval("a", "v1", 7 * TICKS, 8 * TICKS)
    lease = LeaseNames(JOB.digest, epoch)([interval])
    writer = table_of(folder).writer(ORIGIN, "npu-0")
    writer.commit(lease, [interval], builder.tables(), replace(builder.tally(), video_s=1 / 25))


def video(uri: str, etag: str = "v1", frames: int = 16) -> Video:
    """A video of 16 frames, all wanted."""
    return Video(uri, 1000, etag, 0, 16 * TICKS, 0.64, frames)


def prove(folder: Folder) -> VerificationReport:
    """Verify, reading everything."""
    return table_of(folder).verify()


def kinds(verdict: VerificationReport) -> set[str]:
    """Name what is wrong."""
    return {finding.kind for finding in verdict.findings}


def names(folder: Folder, prefix: str) -> list[str]:
    """Name the objects below a prefix that hold rows."""
    return sorted(e.name for e in folder.list(prefix) if "part-" in e.name)


@pytest.mark.parametrize("packed", [False, True], ids=["parts", "pack"])
def test_a_whole_output_is_proven(folder: Folder, packed: bool) -> None:
    """With the counts of what was proven; compaction does not change them."""
    if packed:
        table_of(folder).compact()
    verdict = prove(folder)
    assert verdict.proven, verdict.findings
    assert (verdict.videos, verdict.leases, verdict.frames, verdict.losses) == (2, 4, 31, 1)
    assert verdict.video_s == pytest.approx(1.28)
    assert verdict.bytes_read > 0
    assert table_of(folder).verify(read_objects=False).bytes_read == 0


def cut(name: str) -> Callable[[Folder], None]:
    """Cut the last byte off an object."""
    return lambda folder: folder.put(name_in(folder, name), folder.read(name_in(folder, name))[:-1])


def flip(name: str) -> Callable[[Folder], None]:
    """Change one byte of the rows of the object that has the most."""

    def harm(folder: Folder) -> None:
        largest = max(names(folder, name), key=lambda part: len(folder.read(part)))
        data = bytearray(folder.read(largest))
        data[40] ^= 1
        folder.put(largest, bytes(data))

    return harm


def alter(name: str) -> Callable[[Folder], None]:
    """Change what a commit says of itself."""

    def harm(folder: Folder) -> None:
        data = folder.read(name_in(folder, name))
        assert data.count(b'"soc": "Ascend310"') == 1
        folder.put(
            name_in(folder, name), data.replace(b'"soc": "Ascend310"', b'"soc": "Ascend31O"')
        )

    return harm


def drop(name: str) -> Callable[[Folder], None]:
    """Delete an object."""
    return lambda folder: folder.delete(name_in(folder, name))


def name_in(folder: Folder, prefix: str) -> str:
    """Name the first object below a prefix."""
    return names(folder, prefix)[0] if prefix.endswith("/") else prefix


def put_rows(folder: Folder, state: TableState) -> None:
    """Put a part of a lease that is not committed, as a worker does before its commit."""
    lease = LeaseNames(JOB.digest, state.manifest.epoch)([])
    folder.put(f"detections/{part_name(lease)}", b"PAR1 some rows")


HARMS: list[tuple[str, Callable[[Folder], None], str]] = [
    ("a byte of rows is another", flip("detections/"), "altered"),
    ("a byte of frames is another", flip("frames/"), "altered"),
    ("rows are cut off", cut("detections/"), "not committed"),
    ("rows are gone", drop("detections/"), "not done"),
    ("a commit is torn", cut("frames/"), "not committed"),
    ("a commit is altered", alter("frames/"), "not committed"),
    ("a commit is gone", drop("frames/"), "not done"),
    ("losses are gone", drop("errors/"), "not done"),
    ("a table has no schema", drop("errors/schema.parquet"), "missing"),
    ("a table's schema is torn", cut("errors/schema.parquet"), "altered"),
    (
        "rows without a commit",
        lambda folder: folder.put(f"detections/{part_name('0' * 32)}", b"PAR1 some rows"),
        "left over",
    ),
    ("rows without a commit, while open", lambda f: put_rows(f, begun(f)), "not committed"),
    (
        "an exchange broke off",
        lambda folder: folder.put(f"frames/{SWITCHING}", b"not Parquet"),
        "left over",
    ),
    (
        "a stretch done twice",
        lambda f: void((begun(f), commit_lease(f, "a", range(6, 9)))),
        "covered twice",
    ),
    ("never closed", lambda f: void(begun(f)), "not closed"),
]


def void(_: object) -> None:
    """Take no interest."""


@pytest.mark.parametrize(("harm", "kind"), [h[1:] for h in HARMS], ids=[h[0] for h in HARMS])
def test_each_harm_is_found(folder: Folder, harm: Callable[[Folder], None], kind: str) -> None:
    """And every finding names a way out."""
    harm(folder)
    verdict = prove(folder)
    assert kind in kinds(verdict), verdict.findings
    assert all(finding.way_out for finding in verdict.findings)


@pytest.mark.parametrize("harm", [h[1] for h in HARMS], ids=[h[0] for h in HARMS])
def test_the_way_out_mends_it(folder: Folder, harm: Callable[[Folder], None]) -> None:
    """Deleting what it says to delete, and running the job again."""
    harm(folder)
    for finding in prove(folder).findings:
        if finding.way_out.startswith("Delete "):
            folder.delete(finding.way_out.removeprefix("Delete ").partition(",")[0])
    claimed(folder)
    fill(folder)
    assert prove(folder).proven


def test_what_is_left_of_a_video_is_told_in_seconds(folder: Folder) -> None:
    """And a video that nobody has begun, as a whole."""
    write_videos(folder, [video("a"), video("b"), video("c")])
    folder.delete(next(n for n in names(folder, "frames/") if lease_of("a", 8, 16) in n))
    found = {f.where: f.detail for f in prove(folder).findings if f.kind == "not done"}
    assert found["a"] == "0.32 of 0.64 s missing: 0.32 to 0.64 s"
    assert found["c"] == "0.64 of 0.64 s missing: 0.00 to 0.64 s"


def lease_of(uri: str, first: int, last: int) -> str:
    """Name the lease of a stretch."""
    return LeaseNames(JOB.digest, 1)([Interval(uri, "v1", first * TICKS, last * TICKS)])


def test_frames_that_do_not_add_up_are_found(folder: Folder) -> None:
    """All is covered, but a frame that was wanted is neither there nor lost."""
    write_videos(folder, [video("a"), video("b", frames=17)])
    (finding,) = prove(folder).findings
    assert (finding.kind, finding.where) == ("miscounted", "b")
    assert lease_of("b", 0, 16) in finding.way_out


def test_a_video_that_could_not_be_read_is_not_done(folder: Folder) -> None:
    """The reason is told."""
    unread = Video("c", 1, "v1", unread="the store did not answer")
    write_videos(folder, [video("a"), video("b"), unread])
    (finding,) = prove(folder).findings
    assert finding.detail == "it could not be read: the store did not answer"


def test_rows_of_another_version_are_found(folder: Folder) -> None:
    """The video changed since."""
    write_videos(folder, [video("a", etag="v2"), video("b")])
    assert kinds(prove(folder)) == {"not done", "another version"}


def test_an_output_without_a_list_of_videos_is_not_proven(folder: Folder) -> None:
    """Nobody knows what was wanted."""
    folder.delete("_VIDEOS.parquet")
    assert kinds(prove(folder)) == {"not proven"}


def test_while_a_run_is_at_work_its_open_parts_are_no_fault(folder: Folder) -> None:
    """What is missing is, but may just not be done yet."""
    holder = Holder.me("fleet run", JOB.digest, time.time())
    RunRecords(folder).put(RunRecord(holder, "running", time.time()))
    begun(folder)
    folder.put(f"detections/{part_name('0' * 32)}", b"PAR1 some rows")
    verdict = prove(folder)
    assert verdict.proven
    assert verdict.busy


def test_damage_is_not_told_while_parts_change_hands(folder: Folder) -> None:
    """It may be none; what is whole is proven all the same."""
    holder = Holder.me("fleet compact", JOB.digest, 1.0)
    with locked(folder, REWRITE_LOCK, holder, SYSTEM_CLOCK, conditional=True):
        assert prove(folder).proven
        folder.put(f"frames/{SWITCHING}", b"not Parquet")
        with pytest.raises(OutputBusyError, match="changed by fleet compact"):
            prove(folder)
    assert kinds(prove(folder)) == {"left over"}
