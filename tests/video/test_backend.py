"""The door to a device: a second kind behind it does a whole job, and nothing goes around it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar

import av
import numpy as np
import pyarrow as pa
import pytest
from clean_aperture import cropped
from generate import Clip, write
from numpy.typing import NDArray
from other_codecs import made
from PIL import Image

import fleet
from fleet.ascend.clock import Reading
from fleet.backend.backend import Backend, Clocks, MemoryUse
from fleet.backend.channel import Channel
from fleet.backend.kinds import KINDS, Opening, open_device
from fleet.core.access_unit import AccessUnit
from fleet.core.frames import Buffer, Colour, Picture
from fleet.core.geometry import Rect, Size
from fleet.core.pixel_format import PixelFormat
from fleet.device import Device
from fleet.errors import UsageError
from fleet.video.stream import StreamInfo

KIND = "Ascend310"


@dataclass(frozen=True, eq=False)
class Sealed:
    """A buffer of another kind of device: no engine of the simulation knows what to do with it."""

    inner: Buffer

    @property
    def size(self) -> Size:
        """As told."""
        return self.inner.size

    def rgb(self, colour: Colour) -> NDArray[np.uint8]:
        """As told."""
        return self.inner.rgb(colour)

    def download(
        self, pixel_format: PixelFormat, width_stride: int, height_stride: int
    ) -> NDArray[np.uint8]:
        """As told."""
        return self.inner.download(pixel_format, width_stride, height_stride)

    def declared(self, size: Size) -> Sealed:
        """As told."""
        return Sealed(self.inner.declared(size))


def sealed(picture: Picture) -> Picture:
    """Hide what a picture is made of."""
    return replace(picture, buffer=Sealed(picture.buffer))


def unsealed(picture: Picture) -> Picture:
    """Show it again; fails for a picture that did not come through the door."""
    assert isinstance(picture.buffer, Sealed)
    return replace(picture, buffer=picture.buffer.inner)


class RecordingChannel:
    """A decoder that notes what it is asked for."""

    def __init__(self, inner: Channel, calls: Counter[str]) -> None:
        self._inner, self._calls = inner, calls

    @property
    def stage(self) -> str:
        """As told."""
        return self._inner.stage

    @property
    def decoded_by(self) -> str:
        """Another one, which must come out in the rows."""
        return "jpegd" if self._inner.decoded_by == "vdec" else self._inner.decoded_by

    @property
    def damaged_row(self) -> int | None:
        """As told."""
        return self._inner.damaged_row

    def send(self, unit: AccessUnit) -> list[Picture]:
        """As told."""
        self._calls["send"] += 1
        return [sealed(picture) for picture in self._inner.send(unit)]

    def drain(self) -> list[Picture]:
        """As told."""
        self._calls["drain"] += 1
        return [sealed(picture) for picture in self._inner.drain()]

    def reset(self) -> None:
        """As told."""
        self._calls["reset"] += 1
        self._inner.reset()

    def close(self) -> None:
        """As told."""
        self._calls["close channel"] += 1
        self._inner.close()


class RecordingDevice:
    """A device of another kind: the methods of `Backend`, no others, over the simulation."""

    def __init__(self, inner: Backend, calls: Counter[str]) -> None:
        self._inner, self._calls = inner, calls

    @property
    def device(self) -> Device:
        """What the job gets."""
        self._calls["device"] += 1
        return self._inner.device

    @property
    def memory(self) -> MemoryUse:
        """As told."""
        return self._inner.memory

    @property
    def clock(self) -> Clocks:
        """As told."""
        return RecordingClock(self._inner.clock, self._calls)

    def open_decoder(self, stream: StreamInfo) -> RecordingChannel:
        """As told."""
        self._calls["open_decoder"] += 1
        return RecordingChannel(self._inner.open_decoder(stream), self._calls)

    def crop(self, picture: Picture, area: Rect) -> Picture:
        """As told."""
        self._calls["crop"] += 1
        return sealed(self._inner.crop(unsealed(picture), area))

    def resize(self, picture: Picture, size: Size) -> Picture:
        """As told."""
        self._calls["resize"] += 1
        return sealed(self._inner.resize(unsealed(picture), size))

    def turn(self, picture: Picture, rotation: int, *, mirrored: bool) -> Picture:
        """As told."""
        self._calls["turn"] += 1
        return sealed(self._inner.turn(unsealed(picture), rotation, mirrored=mirrored))

    def close(self) -> None:
        """As told."""
        self._calls["close"] += 1
        self._inner.close()


class RecordingClock:
    """Clocks that note who looks at them."""

    def __init__(self, inner: Clocks, calls: Counter[str]) -> None:
        self._inner, self._calls = inner, calls

    def stage(self, name: str) -> Any:
        """As told."""
        self._calls["stage"] += 1
        return self._inner.stage(name)

    def snapshot(self) -> Reading:
        """As told."""
        self._calls["snapshot"] += 1
        return self._inner.snapshot()


@dataclass(frozen=True)
class Colours(fleet.FrameJob):
    """What a job can learn of a picture by its public names alone."""

    table: ClassVar[str] = "colours"
    schema: ClassVar[pa.Schema] = pa.schema(
        [("size", pa.string()), ("rgb", pa.binary()), ("buffer", pa.binary())]
    )

    def run(self, opened: Any, batch: fleet.FrameBatch) -> fleet.Rows:
        """Copy each picture to the host."""
        del opened
        columns: dict[str, Any] = {
            "size": [str(picture.size) for picture in batch.pictures],
            "rgb": [picture.rgb().tobytes() for picture in batch.pictures],
            "buffer": [fleet.download(picture).tobytes() for picture in batch.pictures],
        }
        return fleet.Rows(np.arange(len(batch), dtype=np.int32), columns)


def run(folder: Path, output: Path) -> tuple[list[dict[str, Any]], set[str]]:
    """Run the job over all files; return its rows in order, and who decoded frames."""
    job = fleet.Job(Colours(), folder, output, fallback="cpu")
    report = fleet.run(job, on="inline")
    assert not report.total.lost_frames
    table = fleet.read(str(output))
    rows = table.table("colours").to_table().to_pylist()
    by = set(table.frames.to_table().column("decoded_by").to_pylist())
    return sorted(rows, key=lambda row: (row["uri"], row["frame"])), by


@dataclass(frozen=True)
class Keeping(Colours):
    """A job that keeps a picture of each batch."""

    def run(self, opened: Any, batch: fleet.FrameBatch) -> fleet.Rows:
        """Resize one, and forget to release it."""
        opened.vpc.resize(batch.pictures[0], Size(32, 32))
        return super().run(opened, batch)


def test_a_job_that_keeps_pictures_is_told_when_the_device_closes(
    archive: Path, tmp_path: Path
) -> None:
    """Who holds the memory, and how much: 32 x 32 x 3/2 bytes rounded up, for each batch."""
    job = fleet.Job(Keeping(), archive / "cropped.mp4", tmp_path / "out")
    with pytest.warns(fleet.errors.DeviceLeakWarning) as warned:
        fleet.run(job, on="inline")
    (message,) = [str(warning.message) for warning in warned]
    held = "Ascend310:0 was closed while its memory was held: vpc picture 4,704 bytes."
    assert message == f"{held} Release each picture."


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """A file for each way through the door: VDEC, the host's decoder, pictures made upright."""
    folder = tmp_path / "videos"
    folder.mkdir()
    cropped(write(Clip(frames=12), tmp_path / "whole.mp4"), folder / "cropped.mp4")
    turned = Clip(codec="h265", frames=8, rotation=90, sample_aspect=Fraction(3, 2))
    write(turned, folder / "turned.mp4")
    made("mpeg4", "mp4", tmp_path).rename(folder / "old.mp4")
    return folder


def test_a_job_comes_out_the_same_through_another_kind_of_device(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows are equal, all pictures went through the door, and each method was needed."""
    expected, by = run(archive, tmp_path / "simulated")
    assert by == {"vdec", "host"}
    calls: Counter[str] = Counter()
    plain = KINDS[KIND]
    monkeypatch.setitem(KINDS, KIND, lambda opening: RecordingDevice(plain(opening), calls))
    found, by = run(archive, tmp_path / "recorded")
    assert found == expected
    assert by == {"jpegd", "host"}
    needed = {"device", "open_decoder", "send", "drain", "reset", "close channel", "resize"}
    assert needed | {"crop", "turn", "close", "snapshot", "stage"} <= calls.keys()
    assert calls["open_decoder"] == calls["close channel"] >= 3
    assert (calls["crop"], calls["resize"], calls["turn"]) == (12, 8, 8)


def test_a_kind_that_nobody_knows_is_refused_with_those_that_are_known() -> None:
    """By the factory itself, whoever asks."""
    with pytest.raises(UsageError) as refused:
        open_device(Opening("Ascend999"))
    assert "'Ascend999' is no kind of device" in str(refused.value)
    assert all(name in str(refused.value) for name in KINDS)


def test_pictures_of_another_kind_of_device_are_refused_by_the_simulation() -> None:
    """With the number of a resource of another context: no engine may guess at their samples."""
    with open_device(Opening(KIND)).device as device:
        picture = device.jpegd.decode(_jpeg())
        with pytest.raises(fleet.errors.DeviceError) as refused:
            device.vpc.resize(sealed(picture), Size(64, 64))
        assert refused.value.code == 107003
        picture.release()


def test_no_public_field_of_a_picture_is_libavs() -> None:
    """What a job or a worker can reach by name has no frame of libav."""
    with open_device(Opening(KIND)).device as device:
        picture = device.jpegd.decode(_jpeg())
        fields = [getattr(picture, name) for name in dir(picture) if not name.startswith("_")]
        assert not [value for value in fields if isinstance(value, av.VideoFrame)]
        picture.release()


def _jpeg() -> bytes:
    """A small photograph."""
    file = BytesIO()
    Image.new("RGB", (128, 96), (200, 40, 90)).save(file, "JPEG")
    return file.getvalue()
