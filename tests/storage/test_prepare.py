"""Setting out the work of an archive: each header is looked at once, and only where need be."""

from __future__ import annotations

import uuid
from contextlib import closing
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from listed_on import StandingListing
from watched import Looks

from fleet.ascend.soc import soc
from fleet.core.interval import Interval, LeaseNames
from fleet.core.interval_set import EVER, DoneIntervals
from fleet.core.source import Source
from fleet.driver.preparing import prepare as preparing
from fleet.driver.preparing.listed import Listed
from fleet.driver.preparing.prepare import (
    HEADERS_A_PROCESS,
    MOST_PROCESSES,
    prepare,
    prepare_in_windows,
    processes_worth,
)
from fleet.driver.preparing.prepared import Known, Prepared
from fleet.errors import (
    BrokenVideoError,
    JobFailedError,
    NotAVideoError,
    StorageError,
    StorageRefusedError,
)
from fleet.index_cache.store import IndexStore
from fleet.plan.index_leases import BYTES_A_HEADER
from fleet.plan.order import order
from fleet.plan.plan import bundle
from fleet.storage import Folder, Search, expand
from fleet.table.state.video_manifest import Video
from fleet.video.index import VideoIndex
from fleet.video.probe.connection import ProbeEndedError
from fleet.video.probe.sandbox import Probes
from fleet.video.sampling import Sampling

CHIP = soc("Ascend310")
SAMPLE = Sampling.parse("every=2")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips of ten frames, a text, and a clip that the chip does not take."""
    folder = tmp_path_factory.mktemp("archive")
    for name, pixels in (("a.mp4", "yuv420p"), ("b.mp4", "yuv420p"), ("deep.mp4", "yuv422p")):
        with av.open(str(folder / name), "w") as output:
            stream = output.add_stream("libx264", rate=Fraction(10))
            assert isinstance(stream, av.VideoStream)
            stream.width, stream.height, stream.pix_fmt = 320, 240, pixels
            for number in range(10):
                gray = np.full((240, 320, 3), 20 * number, np.uint8)
                output.mux(stream.encode(av.VideoFrame.from_ndarray(gray, "rgb24")))
            output.mux(stream.encode(None))
    (folder / "text.mp4").write_text("I am a text.\n" * 100)
    return folder


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> Looks:
    """Watch over the headers."""
    return Looks.watch(monkeypatch)


def look(archive: Path, known: Known, sample: Sampling = SAMPLE) -> Prepared:
    """Prepare, and put what was found out."""
    prepared = prepare(expand([str(archive)]).sources, sample, CHIP, known)
    if known.store is not None:
        known.store.flush()
    return prepared


def refused(prepared: Prepared) -> dict[str, str]:
    """Name the refused videos, and why."""
    return {Path(r.source.uri).name: r.error.name for r in prepared.refused}


def test_the_second_job_over_an_archive_looks_at_no_header(archive: Path, looks: Looks) -> None:
    """Another sampling, the same work as with fresh eyes; broken files are remembered, too."""
    folder = Folder(f"memory://{uuid.uuid4()}")
    fresh = look(archive, Known())
    assert looks.taken() == ["a.mp4", "b.mp4", "deep.mp4", "text.mp4"]
    first = look(archive, Known(store=IndexStore(folder)))
    assert len(looks.taken()) == 4
    second = look(archive, Known(store=IndexStore(folder)), Sampling.parse("all"))
    assert looks.taken() == []
    assert second.bytes_read == 0 < first.bytes_read
    assert (
        refused(first) == refused(second) == {"deep.mp4": "StreamRefused", "text.mp4": "NotAVideo"}
    )
    assert (first.frames, second.frames, fresh.frames) == (10, 20, 10)
    for ours, theirs in zip(first.works, fresh.works, strict=True):
        assert np.array_equal(ours.costs.seconds, theirs.costs.seconds)
        assert ours.shard(0, 1) == theirs.shard(0, 1)


def test_orders_are_spelled_out_from_what_was_kept(archive: Path, looks: Looks) -> None:
    """Packet tables are read again when a lease is handed out, and are the same."""
    folder = Folder(f"memory://{uuid.uuid4()}")
    plain = look(archive, Known())
    look(archive, Known(store=IndexStore(folder)))
    kept = look(archive, Known(store=IndexStore(folder)))
    looks.taken()
    for prepared in (plain, kept):
        assert prepared.todo_frames == 10
    orders = [
        order(lease, {work.source.uri: work for work in prepared.works})
        for prepared in (plain, kept)
        for lease in bundle(prepared.works, LeaseNames("job"), 1, 60)
    ]
    for ours, theirs in zip(orders[: len(orders) // 2], orders[len(orders) // 2 :], strict=True):
        for one, two in zip(ours.shards, theirs.shards, strict=True):
            assert np.array_equal(one.packets.position, two.packets.position)
            assert np.array_equal(one.frames, two.frames)
            assert one.stream == two.stream
    assert looks.taken() == []


def test_a_changed_video_is_looked_at_again(archive: Path, looks: Looks, tmp_path: Path) -> None:
    """Only that one: the key is the location, the size and the etag."""
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / name).write_bytes((archive / name).read_bytes())
    folder = Folder(f"memory://{uuid.uuid4()}")
    look(tmp_path, Known(store=IndexStore(folder)))
    looks.taken()
    (tmp_path / "b.mp4").write_bytes((archive / "a.mp4").read_bytes() + b"more")
    look(tmp_path, Known(store=IndexStore(folder)))
    assert looks.taken() == ["b.mp4"]


def test_what_is_kept_may_be_lost_at_any_time(archive: Path, looks: Looks) -> None:
    """Then it is found out again, also in the middle of a run."""
    folder = Folder(f"memory://{uuid.uuid4()}")
    look(archive, Known(store=IndexStore(folder)))
    store = IndexStore(folder)
    for entry in list(folder.list()):
        folder.delete(entry.name)
    looks.taken()
    prepared = look(archive, Known(store=store))
    assert "a.mp4" in looks.taken()
    assert len(prepared.works) == 2


def done_with(prepared: Prepared) -> Known:
    """Have all of it done."""
    intervals = [video.interval for video in prepared.videos]
    return Known(DoneIntervals(intervals), {video.uri: video for video in prepared.videos})


def test_a_video_that_is_done_is_not_looked_at(archive: Path, looks: Looks) -> None:
    """Not even at its index; refused ones are, so that the reason can be told."""
    first = look(archive, Known())
    looks.taken()
    again = look(archive, done_with(first))
    assert looks.taken() == ["deep.mp4", "text.mp4"]
    assert again.works == ()
    assert again.videos == first.videos
    assert (again.duration_s, again.todo_s, again.todo_frames) == (first.duration_s, 0, 0)


def test_a_video_of_which_some_is_missing_is(archive: Path, looks: Looks) -> None:
    """Or that changed, or that nothing was known of."""
    first = look(archive, Known())
    known = done_with(first)
    a, b = first.videos[:2]
    half = [replace(i, end_pts=i.end_pts // 2) for i in (a.interval,)]
    looks.taken()
    look(archive, Known(DoneIntervals([*half, b.interval]), known.videos))
    assert looks.taken() == ["a.mp4", "deep.mp4", "text.mp4"]
    other = {a.uri: replace(a, etag="another"), b.uri: b}
    look(archive, Known(known.done, other))
    assert "a.mp4" in looks.taken()


def test_a_video_that_cannot_be_read_just_now_is_tried_again(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is kept of it but that it is wanted."""

    def fail(_: Probes, source: Source) -> VideoIndex:
        raise StorageError(f"{source.uri} timed out")

    folder = Folder(f"memory://{uuid.uuid4()}")
    monkeypatch.setattr(Probes, "index", fail)
    failed = look(archive, Known(store=IndexStore(folder)))
    assert all(video.unread and not video.refused for video in failed.videos)
    assert [refusal.error.retryable for refusal in failed.refused] == [True] * 4
    monkeypatch.undo()
    assert len(look(archive, Known(store=IndexStore(folder))).works) == 2


def test_a_video_that_ended_the_process_is_looked_at_again_by_the_next_run(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is refused in this one; but who knows who ended the process: nothing of it is kept."""

    def die(_: Probes, source: Source) -> VideoIndex:
        raise BrokenVideoError(source.uri, "looking at its header ended.") from ProbeEndedError

    folder = Folder(f"memory://{uuid.uuid4()}")
    monkeypatch.setattr(Probes, "index", die)
    assert set(refused(look(archive, Known(store=IndexStore(folder)))).values()) == {"BrokenVideo"}
    monkeypatch.undo()
    assert len(look(archive, Known(store=IndexStore(folder))).works) == 2


def test_what_is_to_be_covered_is_told_of_every_video(archive: Path) -> None:
    """From the first frame to the end of the last; for ever of what is refused."""
    a, b, deep, text = look(archive, Known()).videos
    assert a.video_s == pytest.approx(1.0)
    assert (a.frames, a.refused) == (5, False)
    assert a.start_pts < a.end_pts < EVER
    assert (b.start_pts, b.end_pts) == (a.start_pts, a.end_pts)
    for video in (deep, text):
        assert video == Video(video.uri, video.bytes, video.etag, refused=True)
        assert video.interval == Interval(video.uri, video.etag, -EVER, EVER)
    assert NotAVideoError.name == refused(look(archive, Known()))["text.mp4"]


def test_what_was_looked_at_is_told_before_a_listing_that_breaks(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looks that are in flight are not thrown away, nor is the window that is open."""
    standing = StandingListing(archive, 2, StorageRefusedError("in is on fire."))
    standing.install(monkeypatch)
    monkeypatch.setattr(preparing, "is_window", lambda *_: False)
    monkeypatch.setattr(preparing, "QUIET", 1 << 30)
    ahead = Listed(Search([str(archive)]))
    ahead.begin()
    standing.may_go_on.set()
    told: list[Prepared] = []
    with closing(ahead), pytest.raises(JobFailedError, match="on fire"):
        told.extend(prepare_in_windows(ahead, SAMPLE, CHIP, Known()))
    assert [(window.looked_at, window.is_last) for window in told] == [(2, False)]
    assert len(told[0].videos) == 2


@given(st.lists(st.integers(0, 1 << 40), max_size=300), st.integers(1, 64))
def test_as_many_processes_look_at_headers_as_these_are_worth(sizes: list[int], cores: int) -> None:
    """One for a few; never more than cores, and never one that starting alone would cost more."""
    sources = [Source(str(number), size, "") for number, size in enumerate(sizes)]
    count = processes_worth(sources, cores)
    assert 1 <= count <= min(cores, MOST_PROCESSES)
    assert count <= processes_worth([*sources, Source("more", 0, "")], cores)
    if count > 1:
        assert sum(1 + size / BYTES_A_HEADER for size in sizes) >= count * HEADERS_A_PROCESS
