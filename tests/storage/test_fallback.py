"""`fallback = "cpu"`: a job over an archive of which the chip refuses a part."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import av
import pyarrow as pa
import pytest
from exact import eight_bit
from generate import Clip, write
from other_codecs import FRAMES, made

import fleet
from fleet.ascend.soc import Ascend310
from fleet.ascend.surface import tight
from fleet.core.interval import Interval
from fleet.core.interval_set import EVER, DoneIntervals
from fleet.core.run_events import RunEvent
from fleet.driver.outlook.estimate import estimate
from fleet.driver.preparing.prepare import prepare
from fleet.driver.preparing.prepared import Known
from fleet.driver.session import load_session
from fleet.driver.target.identity import identify
from fleet.driver.target.target import resolve_target
from fleet.errors import JobFileError
from fleet.observe.progress import ProgressState
from fleet.table.table import Table
from fleet.views.plan import render as render_plan
from fleet.views.summary import render


@dataclass(frozen=True)
class Digests(fleet.FrameJob[fleet.Device]):
    """The samples of each picture, after VPC has seen it at half its size."""

    table: ClassVar[str] = "digests"
    schema: ClassVar[pa.Schema] = pa.schema([("digest", pa.string()), ("half", pa.string())])

    def run(self, opened: fleet.Device, batch: fleet.FrameBatch) -> fleet.Rows:
        """Return one row a frame."""
        whole, half = [], []
        for picture in batch.pictures:
            size = fleet.Size(picture.size.width // 2, picture.size.height // 2)
            small = opened.vpc.resize(picture, size)
            whole.append(hashlib.sha256(tight(picture).tobytes()).hexdigest())
            half.append(str(small.size))
            small.release()
        return fleet.Rows(pa.array(range(len(batch))).to_numpy(), {"digest": whole, "half": half})


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Videos of which the chip takes none: VP9, MJPEG, H.264 of 10 bits and of 96x96."""
    folder = tmp_path_factory.mktemp("archive")
    for name, container in (("vp9", "webm"), ("mjpeg", "avi"), ("h264 10 bit", "mp4")):
        made(name, container, folder)
    made("h264 96x96", "mkv", folder)
    return folder


@pytest.fixture
def job(archive: Path, tmp_path: Path) -> fleet.Job:
    """The job that refuses them."""
    return fleet.Job(Digests(), str(archive), str(tmp_path / "out"), "every=3")


def on_host(job: fleet.Job) -> fleet.Job:
    """The same job, with the fallback."""
    return fleet.Job(job.work, job.inputs, job.output, job.sample, fallback="cpu")


def nv12(path: Path, every: int) -> list[str]:
    """Digests of the frames that PyAV decodes one after another."""
    found = []
    with av.open(str(path)) as container:
        for frame in list(container.decode(video=0))[::every]:
            samples = eight_bit(frame).reformat(format="nv12", src_color_range=2, dst_color_range=2)
            found.append(hashlib.sha256(samples.to_ndarray().tobytes()).hexdigest())
    return found


def test_without_it_they_are_refused_with_the_way_out(job: fleet.Job) -> None:
    """The message that is recorded names the option."""
    report = fleet.run(job, on="inline")
    assert (report.exit_code, report.refused_videos, report.host_videos) == (3, 4, 0)
    errors = fleet.read(job.output).errors.to_table().to_pylist()
    assert len(errors) == 4
    assert all("--fallback cpu" in error["message"] for error in errors)


def test_with_it_they_have_rows_like_any_other(job: fleet.Job, archive: Path) -> None:
    """Each wanted frame once, with the samples of a sequential decode, through VPC."""
    report = fleet.run(on_host(job), on="inline")
    assert (report.exit_code, report.host_videos, report.host_frames) == (0, 4, 4 * FRAMES // 3)
    assert "on the host: 4 videos, 40 frames" in render(report)
    assert set(report.this_run.host_s) >= {"host decode", "vpc"}
    assert "vdec" not in report.this_run.chip_s
    rows = fleet.read(job.output).table("digests").to_table().to_pylist()
    for path in archive.iterdir():
        mine = sorted((r["frame"], r["digest"]) for r in rows if r["uri"] == str(path))
        assert mine == list(zip(range(0, FRAMES, 3), nv12(path, 3), strict=True))
    assert not Table.open(job.output).verify().findings


class Watching:
    """Follows a run as a terminal does."""

    def __init__(self) -> None:
        self.progress = ProgressState()

    def on_event(self, event: RunEvent) -> None:
        """Add an event."""
        self.progress.fold(event, 0)


def test_each_frame_says_what_decoded_it(job: fleet.Job, tmp_path: Path) -> None:
    """So that they can be counted apart, also after a compact; the job's rows are as many."""
    chip = write(Clip(frames=FRAMES, gop=8), tmp_path / "chip.mp4")
    inputs = (*job.inputs, str(chip))
    both = fleet.Job(job.work, inputs, job.output, job.sample, fallback="cpu", lease_s=0.05)
    watching = Watching()
    report = fleet.run(both, on="inline", observer=watching)
    for _ in range(2):
        frames = fleet.read(job.output).frames.to_table(columns=["uri", "decoded_by"]).to_pylist()
        by = {Path(row["uri"]).name: row["decoded_by"] for row in frames}
        assert by.pop("chip.mp4") == "vdec"
        assert set(by.values()) == {"host"}
        by_host = sum(row["decoded_by"] == "host" for row in frames)
        assert by_host == report.host_frames == watching.progress.snapshot(0).host_frames
        table = Table.open(job.output)
        Table(table.folder, table.job, pause_s=0).compact()


def test_what_was_refused_is_taken_up_by_a_run_with_it(job: fleet.Job) -> None:
    """In the same output: it is the same job; the records of the refusals are gone."""
    fleet.run(job, on="inline")
    assert identify(job).record == identify(on_host(job)).record
    planned = estimate(load_session(resolve_target(on_host(job))), 1)
    assert (planned.todo.videos, planned.on_host) == (4, planned.todo)
    report = fleet.run(on_host(job), on="inline")
    assert (report.exit_code, report.total.frames, report.total.errors) == (0, 40, 0)
    assert not Table.open(job.output).verify().findings
    again = fleet.run(job, on="inline")
    assert (again.exit_code, again.this_run.frames, again.refused_videos) == (0, 0, 0)


def test_a_plan_says_how_much_needs_it(job: fleet.Job) -> None:
    """Videos and time, with the option and without."""
    without = estimate(load_session(resolve_target(job)), 1)
    assert without.for_host.videos == 4
    text = " ".join(render_plan(without, None).split())
    assert "in 4 videos (100 %) refused by the chip; --fallback cpu" in text
    planned = estimate(load_session(resolve_target(on_host(job))), 1)
    assert (planned.on_host.videos, planned.on_host.frames) == (4, 40)
    assert planned.on_host.video_s == pytest.approx(without.for_host.video_s)
    assert "vdec" not in planned.chip_s
    assert planned.chip_s["copy"] > 0


def test_a_video_that_was_begun_with_it_is_ended_without_it(job: fleet.Job) -> None:
    """Recorded as refused, it would be covered twice."""
    target = resolve_target(job)
    known = Known(DoneIntervals([]), fallback="cpu")
    prepared = prepare(target.listing.sources, job.sample, Ascend310, known)
    assert len(prepared.on_host) == 4
    shards = [work.shard(0, 1) for work in prepared.works]
    begun = Known(DoneIntervals([shard.interval for shard in shards]))
    at_work = Known(at_work=frozenset(shard.source.uri for shard in shards))
    for now in (begun, at_work):
        again = prepare(target.listing.sources, job.sample, Ascend310, now)
        assert (len(again.on_host), len(again.refused)) == (4, 0)
    recorded = DoneIntervals([Interval(s.uri, s.etag, -EVER, EVER) for s in target.listing.sources])
    settled = prepare(target.listing.sources, job.sample, Ascend310, Known(recorded))
    assert (len(settled.works), len(settled.refused)) == (0, 4)


def test_another_word_for_it_is_refused(archive: Path, tmp_path: Path) -> None:
    """There are two."""
    with pytest.raises(JobFileError, match="'none' or 'cpu'"):
        fleet.Job(Digests(), str(archive), str(tmp_path), fallback="gpu")  # type: ignore[arg-type]
