"""What users write against the public API; mypy checks it in `make check`, nothing runs it.

An ignored error is one that users must see: mypy complains here once it does not find it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, assert_type

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

import fleet
from fleet import (
    CLASSES,
    DETECTIONS,
    INNER_DETECTIONS,
    Candidates,
    ChannelOrder,
    Classes,
    CompiledModel,
    Detections,
    Device,
    Fit,
    FrameBatch,
    FrameJob,
    Head,
    InnerDetections,
    Job,
    Network,
    Picture,
    Rows,
    RunReport,
    Sampling,
    Size,
    __version__,
    declared,
    download,
    errors,
    head,
    load_job,
    object_column,
    read,
    run,
)


@dataclass(frozen=True)
class Detect(FrameJob[Network]):
    """A job that keeps a network on the device."""

    model: CompiledModel
    threshold: float = 0.4

    table: ClassVar[str] = "detections"
    schema: ClassVar[pa.Schema] = DETECTIONS

    def open(self, device: Device) -> Network:
        """Load the model."""
        return assert_type(device.load(self.model), Network)

    def run(self, opened: Network, batch: FrameBatch) -> Detections:
        """Detect."""
        return assert_type(opened.detect(batch, self.threshold), Detections)


@dataclass(frozen=True)
class Cascade(FrameJob[tuple[Network, Network]]):
    """A job that looks into the boxes of one network with another."""

    model: CompiledModel
    inner: CompiledModel

    table: ClassVar[str] = "inner_detections"
    schema: ClassVar[pa.Schema] = INNER_DETECTIONS

    def open(self, device: Device) -> tuple[Network, Network]:
        """Load both."""
        return device.load(self.model), device.load(self.inner)

    def run(self, opened: tuple[Network, Network], batch: FrameBatch) -> Rows:
        """Detect, choose, and detect inside."""
        outer, inner = opened
        boxes = assert_type(outer.detect(batch, 0.4), Detections)
        chosen = assert_type(boxes.take(boxes.score > 0.5), Detections)
        found = assert_type(inner.detect_in(batch, chosen, expand=0.2), InnerDetections)
        return assert_type(found.rows(), Rows)


@dataclass(frozen=True)
class Describe(FrameJob[Network]):
    """A job that names what it sees, and whose columns its parameters decide."""

    model: CompiledModel
    vectors: int = 0

    table: ClassVar[str] = "seen"
    schema: ClassVar[pa.Schema] = CLASSES

    def columns(self) -> pa.Schema:
        """Replace the schema."""
        return pa.schema([("vector", pa.list_(pa.float32(), self.vectors))])

    def open(self, device: Device) -> Network:
        """Load the model."""
        return device.load(self.model)

    def run(self, opened: Network, batch: FrameBatch) -> Rows:
        """Classify, or embed."""
        found = assert_type(opened.classify(batch, top=3, scores="none"), Classes)
        assert_type(opened.embed(batch), NDArray[np.float32])
        assert_type(opened.dimensions, int)
        return assert_type(found.rows(), Rows)


@head("means")
@dataclass(frozen=True)
class Means(Head):
    """A head of a user's own."""

    order: ChannelOrder = ChannelOrder.BGR
    fit: Fit = Fit.STRETCH
    share: float = 0.5

    def decode(
        self, outputs: Sequence[NDArray[np.float32]], canvas: Size, threshold: float
    ) -> list[Candidates]:
        """Return no boxes."""
        assert_type(canvas.width, int)
        del threshold
        none = np.zeros(0, np.float32)
        return [Candidates(none.reshape(0, 4), none, none.astype(np.int32)) for _ in outputs[0]]


assert_type(Means().share, float)


@head("nothing")
class Nothing:  # type: ignore[type-var]
    """What is no head."""


@dataclass(frozen=True)
class Shrink(FrameJob):
    """A job that does not override open: it gets the device."""

    table: ClassVar[str] = "small"
    schema: ClassVar[pa.Schema] = pa.schema(
        [("jpeg", pa.binary()), object_column("yuv", ".yuv", "as it is in memory")]
    )

    def run(self, opened: Device, batch: FrameBatch) -> Rows:
        """Resize and encode."""
        assert_type(batch.size, Size)
        assert_type(batch.frames, NDArray[np.int64])
        assert_type(batch.time_s, NDArray[np.float64])
        jpegs = [self._encode(opened, picture) for picture in batch.pictures]
        yuvs = [assert_type(download(picture).tobytes(), bytes) for picture in batch.pictures]
        return Rows(np.arange(len(batch), dtype=np.int32), {"jpeg": jpegs, "yuv": yuvs})

    def _encode(self, device: Device, picture: Picture) -> bytes:
        assert_type(picture.rgb(), NDArray[np.uint8])
        even = assert_type(declared(picture, Size(64, 48)), Picture)
        small = device.vpc.resize(even, Size(32, 32))
        return assert_type(device.jpege.encode(small), bytes)


@dataclass(frozen=True)
class Pair(FrameJob[tuple[Device, Network]]):
    """A job that keeps two things."""

    model: CompiledModel

    table: ClassVar[str] = "pair"
    schema: ClassVar[pa.Schema] = pa.schema([])

    def open(self, device: Device) -> tuple[Device, Network]:
        """Keep both."""
        return device, device.load(self.model)

    def run(self, opened: tuple[Device, Network], batch: FrameBatch) -> Rows:
        """Do nothing."""
        device, network = opened
        assert_type(device, Device)
        assert_type(network, Network)
        del batch
        return Rows(np.zeros(0, np.int32), {})


class Disagreeing(FrameJob[Network]):
    """What open returns and what run takes are not what the job says."""

    def open(self, device: Device) -> Device:  # type: ignore[override]
        """Return something else."""
        return device

    def run(self, opened: str, batch: FrameBatch) -> Rows:  # type: ignore[override]
        """Take something else."""
        raise NotImplementedError


class Unnamed(FrameJob):
    """A job that does not say what it opens."""

    def open(self, device: Device) -> Network:  # type: ignore[override]
        """Return what plain FrameJob does not open."""
        return device.load("street.om")

    def run(self, opened: Device, batch: FrameBatch) -> dict[str, str]:  # type: ignore[override]
        """Return what is neither Rows nor Detections."""
        raise NotImplementedError


def jobs() -> list[Job]:
    """Make jobs in each way that there is."""
    return [
        Job(work=Detect("m.om"), inputs=["v"], output="o", sample="fps=1"),
        Job(Shrink(), "clips", Path("out"), Sampling.parse("every=5"), devices=2),
        Job(Pair("m.om"), [Path("a"), "b"], "o", deadline_s="2h", lease_s=30, include="*.mp4"),
        load_job("job.toml"),
        load_job(Path("job.toml"), {"sample": "fps=1", "params.threshold": 0.3}),
    ]


def mistakes() -> None:
    """Write what must not type-check."""
    Job(Detect("m.om"), ["v"])  # type: ignore[call-arg]
    Job(Detect, ["v"], "o")  # type: ignore[arg-type]
    Job(Shrink(), ["v"], "o", sample=1)  # type: ignore[arg-type]
    Job(Shrink(), ["v"], "o", devices="all")  # type: ignore[arg-type]
    run(jobs()[0], on="local")  # type: ignore[arg-type]


def results(job: Job) -> Any:
    """Run a job and read what it found."""
    assert_type(job.sample, Sampling)
    assert_type(job.inputs, tuple[str, ...])
    try:
        report = run(job, on="inline")
    except errors.JobFileError as error:
        assert_type(error.mistakes, tuple[str, ...])
        raise
    except errors.FleetError as error:
        assert_type(error.way_out, str)
        raise
    assert_type(report, RunReport)
    assert_type(report.exit_code, int)
    assert_type(report.output, str)
    assert_type(__version__, str)
    assert_type(fleet.__version__, str)
    tables = read(report.output)
    return [tables.detections, tables.frames, tables.errors, tables.table("detections")]
