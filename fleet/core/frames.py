"""The values that a frame becomes on its way, one type a step; each checks itself when it is made.

AccessUnit (`fleet.core.access_unit`) -> Picture -> FrameBatch -> Detections -> Rows
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fractions import Fraction
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fleet.core.geometry import Size
from fleet.core.html_view import boxes
from fleet.core.pixel_format import PixelFormat


class Allocation(Protocol):
    """Something that occupies device memory until it is freed."""

    def free(self) -> None:
        """Free the memory; a second call does nothing."""


class Matrix(StrEnum):
    """Which standard's colour matrix a picture's YUV was made with."""

    BT601 = "bt601"
    BT709 = "bt709"


class Range(StrEnum):
    """Whether luma spans 16..235 (narrow, "tv") or 0..255 (wide, "pc", "full")."""

    NARROW = "narrow"
    WIDE = "wide"


class ChannelOrder(StrEnum):
    """Which colour comes first in a model's three input channels."""

    RGB = "rgb"
    BGR = "bgr"


@dataclass(frozen=True)
class Colour:
    """How a picture's YUV is to be read."""

    matrix: Matrix = Matrix.BT601
    range: Range = Range.NARROW
    declared: bool = False
    """Whether the stream or its container names the matrix; else it is a default."""

    def __str__(self) -> str:
        return f"{self.matrix} {self.range}{'' if self.declared else ' (not declared)'}"


class Buffer(Protocol):
    """The samples of a picture where its device keeps them; what it is made of, only that knows."""

    @property
    def size(self) -> Size:
        """The pixels shown."""

    def rgb(self, colour: Colour) -> NDArray[np.uint8]:
        """Return the pixels as RGB in the host's memory, u8 [height, width, 3]."""

    def download(
        self, pixel_format: PixelFormat, width_stride: int, height_stride: int
    ) -> NDArray[np.uint8]:
        """Return the samples with the layout of device memory, u8 [rows, width_stride]."""

    def declared(self, size: Size) -> Buffer:
        """Return the top left part of the same buffer."""


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture in device memory, u8: YUV 4:2:0 semi-planar (NV12) where nothing else is said.

    Such a buffer takes width_stride * height_stride * 3 / 2 bytes. `rgb` copies it to the host.
    """

    size: Size
    """The pixels shown."""
    width_stride: int
    """Bytes a row, as the chip lays them out."""
    height_stride: int
    """Rows of the luma plane, as the chip lays them out."""
    colour: Colour
    """How to read the samples."""
    row: int
    """See `AccessUnit`."""
    buffer: Buffer
    """The samples."""
    memory: Allocation
    """Accounts for the buffer."""
    pixel_format: PixelFormat = PixelFormat.NV12
    """The order of samples in the buffer."""

    def __post_init__(self) -> None:
        row_bytes = self.size.width * self.pixel_format.layout.pixel_bytes
        if self.width_stride < row_bytes or self.height_stride < self.size.height:
            raise ValueError(
                f"strides {self.width_stride}x{self.height_stride} do not hold {self.size}"
            )
        if self.buffer.size != self.size:
            raise ValueError(f"the buffer is not of {self.size}: {self.buffer}")

    def __repr__(self) -> str:
        strides = f"{self.width_stride}x{self.height_stride}"
        return f"Picture(row={self.row}, {self.size}, strides {strides}, {self.colour})"

    def _repr_png_(self) -> bytes:
        """Return what a notebook shows: the picture, as PNG; for one that is not released yet."""
        # Workers do without it.
        from PIL import Image  # noqa: PLC0415

        out = io.BytesIO()
        Image.fromarray(self.rgb()).save(out, "png")
        return out.getvalue()

    def rgb(self) -> NDArray[np.uint8]:
        """Return its pixels as RGB in the host's memory: u8 [height, width, 3], 0..255.

        The samples are read as `colour` says. The host converts them; no engine of the chip does.
        """
        return self.buffer.rgb(self.colour)

    def release(self) -> None:
        """Free its device memory; the picture may not be used afterwards."""
        self.memory.free()


def download(picture: Picture) -> NDArray[np.uint8]:
    """Copy a picture's buffer with the layout of device memory: u8 [rows, ws].

    NV12 has hs * 3/2 rows, chroma from row hs on. ws and hs are the picture's strides; samples
    between the picture and its strides are zero. A reader that takes them for picture sees the
    well-known green strip (docs/chip.md#memory-padding).
    """
    strides = picture.width_stride, picture.height_stride
    return picture.buffer.download(picture.pixel_format, *strides)


def declared(picture: Picture, size: Size) -> Picture:
    """Return the top left part of a picture as one of `size`, in the same buffer and strides.

    A program declares a size smaller than the buffer's where an engine takes even sides alone.
    Releasing either picture frees the buffer of both. Raises ValueError for a larger size.
    """
    if size.width > picture.size.width or size.height > picture.size.height:
        raise ValueError(f"{picture} holds no picture of {size}")
    if size == picture.size:
        return picture
    return replace(picture, size=size, buffer=picture.buffer.declared(size))


@dataclass(frozen=True, eq=False)
class FrameBatch:
    """Some frames of one video, in presentation order, their pictures on the device."""

    uri: str
    """The video."""
    pictures: tuple[Picture, ...]
    """One a frame, all of one size and one colour."""
    frames: NDArray[np.int64]
    """Frame numbers, counted from 0 in presentation order over the whole video: int64 [n]."""
    pts: NDArray[np.int64]
    """When each frame is shown, in `time_base`: int64 [n]."""
    time_base: Fraction
    """Seconds a tick of pts."""
    start_pts: int
    """The pts of the video's first frame, where time_s is 0."""

    def __post_init__(self) -> None:
        if not len(self.pictures) == len(self.frames) == len(self.pts) > 0:
            raise ValueError(
                f"a batch needs as many frame numbers ({len(self.frames)}) and pts "
                f"({len(self.pts)}) as pictures ({len(self.pictures)}), and at least one"
            )
        if len({(picture.size, picture.colour) for picture in self.pictures}) > 1:
            raise ValueError(f"the pictures of a batch share one size and colour: {self.pictures}")

    def __len__(self) -> int:
        return len(self.pictures)

    def __repr__(self) -> str:
        return f"FrameBatch({len(self)} x {self.size}, frames {self.frames[0]}..{self.frames[-1]})"

    @property
    def size(self) -> Size:
        """Return the size of its pictures."""
        return self.pictures[0].size

    def singly(self) -> Iterator[FrameBatch]:
        """Yield each frame as a batch of one."""
        for at, picture in enumerate(self.pictures):
            one = slice(at, at + 1)
            yield replace(self, pictures=(picture,), frames=self.frames[one], pts=self.pts[one])

    @property
    def time_s(self) -> NDArray[np.float64]:
        """Return the seconds from the first frame of the video: float64 [n]."""
        return np.multiply(self.pts - self.start_pts, float(self.time_base), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Rows:
    """What a job returns for a batch: rows of its table."""

    picture: NDArray[np.int32]
    """The position in the batch of each row's frame, in any order: int32 [m]."""
    columns: Mapping[str, Any]
    """The table's columns by name, m values each."""

    def __post_init__(self) -> None:
        wrong = {name: len(c) for name, c in self.columns.items() if len(c) != len(self.picture)}
        if wrong:
            raise ValueError(f"columns of another length than {len(self.picture)} rows: {wrong}")

    def __len__(self) -> int:
        return len(self.picture)


@dataclass(frozen=True, eq=False)
class Detections:
    """Boxes found in a batch."""

    picture: NDArray[np.int32]
    """The position in the batch of each box's frame: int32 [m]."""
    xyxy: NDArray[np.float32]
    """x1, y1, x2, y2 in source pixels: float32 [m, 4]."""
    score: NDArray[np.float32]
    """How certain each box is, 0..1: float32 [m]."""
    class_id: NDArray[np.int32]
    """Each box's class, a position in `labels`: int32 [m]."""
    labels: tuple[str, ...] = field(repr=False)
    """The names of all classes."""

    def __post_init__(self) -> None:
        count = len(self.picture)
        if self.xyxy.shape != (count, 4) or not len(self.score) == len(self.class_id) == count:
            raise ValueError(
                f"{count} detections need boxes [{count}, 4], not {list(self.xyxy.shape)}, "
                f"and as many scores ({len(self.score)}) and classes ({len(self.class_id)})"
            )

    def __len__(self) -> int:
        return len(self.picture)

    @property
    def label(self) -> list[str]:
        """Return the label of each detection."""
        return [self.labels[class_id] for class_id in self.class_id.tolist()]

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the first boxes."""
        return boxes(self.picture.tolist(), self.label, self.score.tolist(), self.xyxy.tolist())

    def take(self, chosen: NDArray[np.bool_] | NDArray[np.integer[Any]]) -> Detections:
        """Return the detections of a mask or of indices, in that order."""
        return replace(
            self,
            picture=self.picture[chosen],
            xyxy=self.xyxy[chosen],
            score=self.score[chosen],
            class_id=self.class_id[chosen],
        )

    def rows(self) -> Rows:
        """Return these detections as rows of the detections/ table."""
        x1, y1, x2, y2 = self.xyxy.T
        columns = {
            "label": self.label,
            "class_id": self.class_id,
            "score": self.score,
            "x1": x1,
            "y1": y1,
            "x2": x2,
            "y2": y2,
        }
        return Rows(self.picture, columns)
