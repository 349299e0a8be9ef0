"""Whether a job fits into a device is known before it runs, and never less than it then takes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar, cast

import numpy as np
import pyarrow as pa
import pytest
from elementary import encoded
from generate import Clip, write
from other_codecs import made
from PIL import Image
from typer.testing import CliRunner

import fleet
from fleet.ascend.soc import CHIPS, MB
from fleet.backend.kinds import KINDS
from fleet.cli import app
from fleet.core.geometry import Size
from fleet.device import Device
from fleet.driver.ahead_pool import AheadPool
from fleet.driver.outlook.estimate import estimate
from fleet.driver.session import load_session
from fleet.driver.target.device_memory import DeviceMemory
from fleet.driver.target.target import resolve_target
from fleet.errors import JobTooLargeError
from fleet.executors.pool import Pool
from fleet.executors.wrapped_pool import WrappedPool
from fleet.job.code import load_job_class
from fleet.models.compiler.compile import compile_model, read_labels
from fleet.plan.lease import Lease
from fleet.plan.order import LeaseOrder, order
from fleet.scheduler.commands import Assign

JOBS = Path(__file__).parents[2] / "jobs"
ARCHIVES: dict[str, Any] = {
    "h264": Clip(frames=30, b_frames=3, pyramid=True),
    "h265": Clip(codec="h265", frames=30, gop_kind="open"),
    "turned": Clip(frames=20, rotation=90, sample_aspect=Fraction(3, 2)),
    "upside down": Clip(frames=20, rotation=180),
    "host": "mpeg4 with B",
    "deep": "h264 10 bit",
    "still": None,
}


def thumbnails() -> fleet.FrameJob[Device]:
    """A job of the checkout that says what it does on VPC and JPEGE."""
    return job_of("thumbnails.py:Thumbnails")


def job_of(name: str) -> fleet.FrameJob[Device]:
    """A job of the checkout."""
    made: fleet.FrameJob[Device] = load_job_class(name, JOBS)()
    return made


def archive_of(kind: str, folder: Path) -> Path:
    """Make an archive of one video."""
    told = ARCHIVES[kind]
    if isinstance(told, Clip):
        return write(told, folder / "clip.mp4")
    if isinstance(told, str):
        return made(told, "mp4", folder)
    Image.new("RGB", (1024, 682), (200, 40, 90)).save(folder / "still.jpg")
    return folder / "still.jpg"


@pytest.fixture
def devices(monkeypatch: pytest.MonkeyPatch) -> list[Device]:
    """The devices that are opened, whatever their kind."""
    opened: list[Device] = []

    def noting(plain: Any) -> Any:
        def make(opening: Any) -> Any:
            backend = plain(opening)
            opened.append(backend.device)
            return backend

        return make

    for kind, plain in list(KINDS.items()):
        monkeypatch.setitem(KINDS, kind, noting(plain))
    return opened


@pytest.fixture
def small_chip(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give a chip less memory."""

    def shrink(memory_bytes: int) -> None:
        chip = replace(CHIPS["Ascend310"], memory_bytes=memory_bytes)
        monkeypatch.setitem(CHIPS, "Ascend310", chip)

    return shrink


def planned(job: fleet.Job) -> DeviceMemory:
    """What the plan says."""
    found = estimate(load_session(resolve_target(job)), 1).memory
    assert found is not None
    return found


@pytest.mark.parametrize("kind", ["h264", "host"])
def test_what_is_decoded_ahead_is_planned_as_well(
    tmp_path: Path, devices: list[Device], kind: str
) -> None:
    """Of a device of two cores, which decodes one video while it looks at the one before."""
    archive_of(kind, tmp_path)
    turned = ARCHIVES["turned"]
    write(turned, tmp_path / "turned.mp4")
    job = fleet.Job(thumbnails(), tmp_path, tmp_path / "out", fallback="cpu", cores_per_device=2)
    told, alone = planned(job), planned(replace(job, cores_per_device=1))
    assert fleet.run(job, on="inline").total.frames
    (device,) = devices
    assert 0 < device.memory.peak_bytes <= told.total_bytes
    assert told.total_bytes >= alone.total_bytes + dict(told.terms)["pictures decoded ahead"]


def test_a_lease_says_whether_a_device_has_room_to_decode_ahead_in_it(tmp_path: Path) -> None:
    """By its own videos, whatever others take."""
    for kind in ("h264", "h265"):
        write(ARCHIVES[kind], tmp_path / f"{kind}.mp4")
    target = resolve_target(fleet.Job(thumbnails(), tmp_path, tmp_path / "out"))
    small, large = load_session(target).prepare().works
    large = replace(large, picture_bytes=CHIPS["Ascend310"].memory_bytes // 5)
    works = {work.source.uri: work for work in (small, large)}
    given: list[LeaseOrder] = []

    class Noting(WrappedPool):
        def apply(self, _: Assign, order: LeaseOrder) -> None:
            given.append(order)

    is_all_planned = [True]
    told = Noting(cast("Pool", None))
    pool = AheadPool(cast("Pool", told), target, works, lambda: is_all_planned[0])
    for chosen in ([small], [large], [small, large]):
        shards = tuple(work.shard(0, len(work.bounds) - 1) for work in chosen)
        pool.apply(Assign("npu/0", "lease"), order(Lease("lease", shards), works))
    assert [each.has_room_ahead for each in given] == [True, False, False]
    # Headers are looked at still, by the cores that devices leave.
    is_all_planned[0] = False
    shard = small.shard(0, len(small.bounds) - 1)
    pool.apply(Assign("npu/0", "lease"), order(Lease("lease", (shard,)), works))
    assert not given[-1].has_room_ahead


@pytest.mark.parametrize("chip", CHIPS)
@pytest.mark.parametrize("kind", ARCHIVES)
@pytest.mark.parametrize("name", ["thumbnails.py:Thumbnails", "stills.py:Stills"])
def test_a_device_never_holds_more_than_was_planned(
    tmp_path: Path, devices: list[Device], name: str, kind: str, chip: str
) -> None:
    """At its peak, over every way of decoding; channels are counted to the byte."""
    video, output = archive_of(kind, tmp_path), tmp_path / "out"
    job = fleet.Job(job_of(name), video, output, soc=chip, fallback="cpu")
    job = replace(job, media="images") if kind == "still" else job
    told = planned(job)
    assert fleet.run(job, on="inline").total.frames
    (device,) = devices
    assert 0 < device.memory.peak_bytes <= told.total_bytes
    terms = dict(told.terms)
    assert {"4 scaled pictures", "jpege output"} <= terms.keys()
    for holder in {"vpc channel", "vdec channel"} & device.memory.peak_by_holder().keys():
        assert device.memory.peak_by_holder()[holder] == terms[holder]
    assert ("vdec channel" in terms) == (kind in {"h264", "h265", "turned", "upside down"})


def test_a_model_is_counted_as_it_is_loaded(
    tmp_path: Path,
    devices: list[Device],
    small_chip: Any,
    fastestdet_onnx: Path,
    coco_names: Path,
) -> None:
    """With its weights, workspace, inputs and outputs; alone it is refused with its own number."""
    om = compile_model(
        fastestdet_onnx.read_bytes(),
        head="fastestdet",
        labels=read_labels(coco_names.read_text("utf-8"), "coco.names"),
        name="small",
        soc=CHIPS["Ascend310"],
    )
    (tmp_path / "small.om").write_bytes(om)
    video = archive_of("turned", tmp_path)
    fields = {"input": [str(video)], "output": str(tmp_path / "out")}
    job = fleet.load_job(str(JOBS / "detect.toml"), {**fields, "model": str(tmp_path / "small.om")})
    told = planned(job)
    fleet.run(job, on="inline")
    (device,) = devices
    assert device.memory.peak_bytes <= told.total_bytes
    counted = device.memory.peak_by_holder()["model small"]
    assert dict(told.terms)["model small"] == counted
    small_chip(counted)
    with pytest.raises(JobTooLargeError, match=r"models do not fit .*\(245000\).* model small"):
        fleet.run(replace(job, output=str(tmp_path / "other")), on="inline")
    assert not (tmp_path / "other").exists()


def test_a_job_is_refused_where_a_byte_is_missing(tmp_path: Path, small_chip: Any) -> None:
    """Before any frame is decoded, with every term, the number and the way out."""
    job = fleet.Job(thumbnails(), archive_of("h264", tmp_path), tmp_path / "out")
    told = planned(job)
    small_chip(told.total_bytes - 1)
    for ask in (lambda: planned(job), lambda: fleet.run(job, on="inline")):
        with pytest.raises(JobTooLargeError) as refused:
            ask()
        assert refused.value.code == 207001
        text = str(refused.value)
        for part in ("(207001)", "clip.mp4", "Lower the job's `batch`"):
            assert part in text
        for holder, count in told.terms:
            assert f"{holder} {count / MB:,.1f}" in text
    assert not list((tmp_path / "out").rglob("part-*.parquet"))
    small_chip(told.total_bytes)
    assert fleet.run(job, on="inline").total.frames == 30


@pytest.mark.parametrize("chip", CHIPS)
def test_a_stream_that_grows_past_the_memory_costs_what_does_not_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chip: str
) -> None:
    """The plan cannot know of it: the chip's own number at that frame, and all others are there."""
    params = "keyint=6:min-keyint=6:scenecut=0:bframes=2:b-adapt=0:open-gop=0"
    small = encoded("h264", params, 12)
    large = encoded("h264", params, 6, Size(1920, 1088))
    parts = [*small.units, *large.units, *small.units]
    (tmp_path / "grows.h264").write_bytes(b"".join(unit.nals.data for unit in parts))
    job = fleet.Job(job_of("stills.py:Frames"), tmp_path / "grows.h264", tmp_path / "out", soc=chip)
    told = planned(job)
    shrunk = replace(CHIPS[chip], memory_bytes=told.total_bytes)
    monkeypatch.setitem(CHIPS, chip, shrunk)
    report = fleet.run(job, on="inline")
    assert (report.exit_code, report.total.frames, report.total.lost_frames) == (3, 24, 6)
    (row,) = fleet.read(str(tmp_path / "out")).errors.to_table().to_pylist()
    assert (row["stage"], row["code"], row["frames"]) == ("vdec", 0x10006, 6)
    assert "changes from 192x128 to 1920x1088" in row["message"]
    frames = fleet.read(str(tmp_path / "out")).frames.to_table().column("frame").to_pylist()
    assert sorted(frames) == [*range(12), *range(18, 30)]


@dataclass(frozen=True)
class Greedy(fleet.FrameJob):
    """A job that wants more pictures at a time than any chip holds."""

    table: ClassVar[str] = "greedy"
    schema: ClassVar[pa.Schema] = pa.schema([])
    batch: ClassVar[int] = 2_000_000

    def run(self, opened: Any, batch: fleet.FrameBatch) -> fleet.Rows:
        """Return no rows."""
        del opened, batch
        return fleet.Rows(np.zeros(0, np.int32), {})


@pytest.mark.parametrize("chip", CHIPS)
def test_a_batch_that_no_chip_holds_is_refused_on_each(tmp_path: Path, chip: str) -> None:
    """2,000,000 pictures of 160 x 128 are 60 GB."""
    job = fleet.Job(Greedy(), archive_of("h264", tmp_path), tmp_path / "out", soc=chip)
    with pytest.raises(JobTooLargeError, match=r"batch of 2,000,000 58,654\.8"):
        fleet.run(job, on="inline")


def test_the_command_says_what_a_device_holds_and_refuses_with_code_2(
    tmp_path: Path, small_chip: Any
) -> None:
    """`fleet plan` and `fleet run`, in the same words."""
    job_file = JOBS / "thumbnails.toml"
    video, output = archive_of("h264", tmp_path), tmp_path / "out"
    arguments = [str(job_file), "--input", str(video), "--output", str(output)]
    shown = CliRunner().invoke(app, ["plan", *arguments])
    assert shown.exit_code == 0
    text = " ".join(shown.output.split())
    assert "of 7,759.0 MB: vpc channel" in text
    assert "vdec channel" in text
    small_chip(20 * MB)
    for command in ("plan", "run"):
        refused = CliRunner().invoke(app, [command, *arguments])
        assert isinstance(refused.exception, JobTooLargeError)
