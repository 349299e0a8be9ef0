"""Losses taken up again: what goes, what stays, and what the next run has to do."""

from __future__ import annotations

import threading
import uuid
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from indexes import index_of
from made_up import JOB, ORIGIN, claimed, closed, commit_lease, table_of

from fleet.core.interval import Interval, LeaseNames
from fleet.core.interval_set import EVER, IntervalTable
from fleet.core.loss import Loss
from fleet.core.source import Source
from fleet.errors import NotAVideoError, OutputBusyError, UsageError
from fleet.index_cache.store import IndexStore
from fleet.storage import Folder
from fleet.table.commits.record_table import Covered
from fleet.table.maintenance.reopen import intervals_to_reopen, without
from fleet.table.maintenance.requeue import LossFilter, Requeued
from fleet.table.parts.builder import PartBuilder
from fleet.table.parts.schema import DETECTIONS
from fleet.table.state.holder import Holder
from fleet.table.state.read import read, read_losses
from fleet.table.state.video_manifest import Video, write_videos
from fleet.video.index import VideoIndex

TICKS = 512
GOP = 4


@pytest.fixture(params=["disk", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    """A folder of each kind, taken for the job."""
    uri = str(tmp_path / "out") if request.param == "disk" else f"memory://{uuid.uuid4()}"
    return claimed(Folder(uri))


def index(uri: str, gops: int = 4) -> VideoIndex:
    """Index a video of GOPs of four frames, 512 ticks each."""
    made = index_of([(0, GOP - 1)] * gops, [TICKS * n for n in range(GOP * gops)])
    return replace(made, source=Source(uri, 1000, "v1"))


def store_of(folder: Folder, *uris: str) -> IndexStore:
    """Keep the indexes of videos beside the output, and name them as the job's."""
    store = IndexStore(Folder(f"{folder.uri}/_index"))
    for uri in uris:
        store.add(Source(uri, 1000, "v1"), index(uri))
    store.flush()
    write_videos(folder, [Video(uri, 1000, "v1", 0, 16 * TICKS, 0.64, 16) for uri in uris])
    return store


def loss(uri: str, first: int, last: int, name: str = "BrokenVideo") -> Loss:
    """Lose the frames first <= n < last."""
    times = (first / 25, last / 25)
    return Loss(
        uri, "vdec", name, "broken", 507018, first * TICKS, last * TICKS, *times, last - first
    )


def take_up(folder: Folder, store: IndexStore, asked: LossFilter | None = None) -> Requeued:
    """Requeue without pauses."""
    return table_of(folder).requeue(asked or LossFilter(), store)


def frames(folder: Folder, uri: str) -> list[int]:
    """List the frames of a video that have rows."""
    table = read(folder.uri).frames.to_table()
    pairs = zip(table["uri"].to_pylist(), table["frame"].to_pylist(), strict=True)
    return sorted(frame for of, frame in pairs if of == uri)


def covered(folder: Folder, uri: str) -> list[list[int]]:
    """Tell what is done of a video, in frames."""
    spans = table_of(folder).state().done.spans(uri, "v1")
    return [[int(tick) // TICKS for tick in span] for span in spans]


@pytest.mark.parametrize("packed", [False, True], ids=["parts", "pack"])
def test_only_the_gop_of_the_loss_goes(folder: Folder, packed: bool) -> None:
    """Its good frames go with it, because they will be done again; all else stays."""
    store = store_of(folder, "a", "b")
    commit_lease(folder, "a", range(16), loss=loss("a", 5, 7))
    commit_lease(folder, "b", range(16), loss=loss("b", 0, 1, "JobCodeFailed"))
    if packed:
        table_of(folder).compact(10**9)
    done = take_up(folder, store, LossFilter(reason="brokenvideo"))
    assert replace(done, video_s=0.0) == Requeued(losses=1, videos=1, refused=0, video_s=0.0)
    assert done.video_s == pytest.approx(4 / 25)
    assert covered(folder, "a") == [[0, 4], [8, 16]]
    assert frames(folder, "a") == [*range(4), *range(8, 16)]
    assert (covered(folder, "b"), frames(folder, "b")) == ([[0, 16]], list(range(16)))
    assert [left.uri for left in read_losses(read(folder.uri).errors)] == ["b"]
    total = table_of(folder).state().total
    assert (total.frames, total.rows, total.errors, total.lost_frames) == (28, 28, 1, 1)
    assert total.video_s == pytest.approx(28 / 25)
    assert read(folder.uri).detections.count_rows() == 28


@pytest.mark.parametrize("packed", [False, True], ids=["parts", "pack"])
def test_what_is_done_again_counts_again(folder: Folder, packed: bool) -> None:
    """Under another name, as the epoch is another: whole leases, and remainders of remainders."""
    store = store_of(folder, "a")
    for _ in range(2):
        commit_lease(folder, "a", range(16), loss=loss("a", 5, 7))
        if packed:
            table_of(folder).compact(10**9)
        take_up(folder, store)
        for first, last in ((4, 8),):
            commit_lease(folder, "a", range(first, last), loss=loss("a", 5, 7))
        assert covered(folder, "a") == [[0, 16]]
        take_up(folder, store)
        assert covered(folder, "a") == [[0, 4], [8, 16]]
        commit_lease(folder, "a", range(4, 8), loss=loss("a", 0, 16))
        write_videos(folder, [])
        take_up(folder, store)
        assert covered(folder, "a") == []
        write_videos(folder, [Video("a", 1000, "v1", 0, 16 * TICKS, 0.64, 16)])
    assert frames(folder, "a") == []


def test_without_an_index_all_that_the_lease_covers_of_the_video_goes(folder: Folder) -> None:
    """Where GOPs begin is not known; other leases stay."""
    commit_lease(folder, "a", range(8), loss=loss("a", 5, 7))
    commit_lease(folder, "a", range(8, 16))
    take_up(folder, IndexStore(Folder(f"{folder.uri}/_index")))
    assert (covered(folder, "a"), frames(folder, "a")) == ([[8, 16]], list(range(8, 16)))


def test_a_lease_that_was_given_up_goes_whole(folder: Folder) -> None:
    """Nothing of it is left, and no pack is made for nothing."""
    store = store_of(folder, "a")
    commit_lease(folder, "a", range(4), loss=loss("a", 0, 4, "LOST_HEARTBEAT"), found=0)
    commit_lease(folder, "a", range(4, 16))
    take_up(folder, store)
    assert covered(folder, "a") == [[4, 16]]
    assert not [entry.name for entry in folder.list("frames/part-pack")]


def test_a_video_that_was_refused_is_looked_at_again(folder: Folder) -> None:
    """Its record goes, and so does what is kept of why."""
    store = store_of(folder, "a")
    source = Source("b", 7, "v1")
    store.add(source, NotAVideoError("b", "it is a text."))
    write_videos(folder, [Video("b", 7, "v1", refused=True)])
    refused = Loss("b", "index", "NotAVideo", "it is a text.")
    builder = PartBuilder(JOB.table, DETECTIONS)
    builder.add_error(refused)
    interval = Interval("b", "v1", -EVER, EVER)
    lease = LeaseNames(JOB.digest)([interval])
    writer = table_of(folder).writer(ORIGIN, "driver")
    writer.commit(lease, [interval], builder.tables(), builder.tally())
    assert take_up(folder, store, LossFilter(uri="*b")).refused == 1
    assert len(table_of(folder).state()) == 0
    assert IndexStore(Folder(f"{folder.uri}/_index")).find(source) is None


def test_a_closed_folder_is_open_again(folder: Folder) -> None:
    """Something is missing now."""
    store = store_of(folder, "a")
    closed(folder, [commit_lease(folder, "a", range(16), loss=loss("a", 5, 7))])
    take_up(folder, store)
    assert not table_of(folder).state().closed


def test_nothing_that_is_meant_is_said_to_be_so(folder: Folder) -> None:
    """With what there is; nothing changes."""
    store = store_of(folder, "a")
    assert take_up(folder, store).losses == 0
    commit_lease(folder, "a", range(16), loss=loss("a", 5, 7))
    for asked in (LossFilter("Fire"), LossFilter(uri="*.mkv"), LossFilter("BrokenVideo", "z")):
        with pytest.raises(UsageError, match=r"No loss has .* BrokenVideo \(stage vdec\)"):
            take_up(folder, store, asked)
    assert covered(folder, "a") == [[0, 16]]


@pytest.mark.parametrize(
    ("reason", "uri", "means"),
    [
        ("", "", True),
        ("BrokenVideo", "", True),
        ("vdec", "", True),
        ("507018", "", True),
        ("Broken", "", False),
        ("", "*/camera-1/*", True),
        ("", "x.mp4", True),
        ("", "camera-1", False),
        ("vdec", "*.mkv", False),
    ],
)
def test_losses_are_meant_by_reason_and_place(reason: str, uri: str, means: bool) -> None:
    """A name, stage or code as a whole; a glob of the location or of the file's name."""
    assert LossFilter(reason, uri).means(loss("s3://b/camera-1/x.mp4", 0, 1)) == means


def test_it_waits_for_the_run_to_end(folder: Folder) -> None:
    """While a run leads, nothing is taken from under it."""
    store = store_of(folder, "a")
    commit_lease(folder, "a", range(16), loss=loss("a", 5, 7))
    with (
        table_of(folder).leading(Holder.me("fleet run", JOB.digest, 1.0)),
        pytest.raises(OutputBusyError, match="fleet run"),
    ):
        take_up(folder, store)
    assert covered(folder, "a") == [[0, 16]]
    assert not any(thread.name == "lock" for thread in threading.enumerate())


SPAN = st.tuples(st.integers(0, 39), st.integers(1, 9))


@given(st.lists(SPAN, max_size=4), st.lists(SPAN, min_size=1, max_size=6), st.data())
def test_what_is_taken_up_is_whole_gops_and_whole_losses(
    leases: list[tuple[int, int]], lost: list[tuple[int, int]], data: st.DataObject
) -> None:
    """Whatever is lost where: nothing meant stays, and nothing is left that was half of it."""
    bounds = np.arange(0, 49, GOP)
    cuts = sorted({0, 48, *(start // GOP * GOP for start, _ in leases)})
    intervals = IntervalTable.of([Interval("a", "v1", s, e) for s, e in pairwise(cuts)])
    losses = [Loss("a", "vdec", "X", "", start_pts=s, end_pts=s + n) for s, n in lost]
    meant = data.draw(st.lists(st.sampled_from(losses), min_size=1))
    taken = intervals_to_reopen(
        Covered(intervals, np.arange(len(intervals))), meant, losses, lambda *_: bounds
    )
    gone = {t for spans in taken.values() for s, e in spans.tolist() for t in range(s, e)}
    assert all(tick - tick % GOP + n in gone for tick in gone for n in range(GOP))
    for item in meant:
        assert item.start_pts is not None
        assert item.end_pts is not None
        assert set(range(item.start_pts, item.end_pts)) <= gone
    for start, end in pairwise(cuts):
        for item in losses:
            of_it = set(range(max(start, item.start_pts or 0), min(end, item.end_pts or 0)))
            assert of_it <= gone or not of_it & gone
    kept, changed = without(Covered(intervals, np.arange(len(intervals))), taken)
    left = {t for i in kept.intervals for t in range(i.start_pts, i.end_pts)}
    assert left == set(range(48)) - gone
    assert set(changed.tolist()) == set(taken)
