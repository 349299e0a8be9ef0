"""Elementary streams for the device tests: access units and what is known of their stream."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import numpy as np
from av.bitstream import BitStreamFilterContext
from av.codec.context import CodecContext
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from fleet.ascend.surface import planes
from fleet.core.access_unit import AccessUnit
from fleet.core.frames import Colour
from fleet.core.geometry import Size
from fleet.video.h26x.annexb import split
from fleet.video.stream import StreamInfo

SMALL = Size(192, 128)


@dataclass(frozen=True)
class Elementary:
    """A stream, its access units in decode order (all wanted), and each one's pts."""

    stream: StreamInfo
    units: tuple[AccessUnit, ...]
    pts: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.units)

    @property
    def keys(self) -> list[int]:
        """The rows where decoding may begin."""
        return [unit.row for unit in self.units if unit.key]

    def gop(self, key: int) -> list[AccessUnit]:
        """A GOP as it is decoded on its own: without its leading pictures, with the next one's."""
        end = next((other for other in self.keys if other > key), len(self))
        after = next((other for other in self.keys if other > end), len(self))
        own = [row for row in range(key, end) if self.pts[row] >= self.pts[key]]
        leading = [row for row in range(end, after) if self.pts[row] < self.pts[end]]
        return [self.units[row] for row in [*own, *([end, *leading] if leading else [])]]

    def owned(self, key: int) -> set[int]:
        """The rows of the pictures that a GOP decoded on its own is there for."""
        end = next((other for other in self.keys if other > key), len(self))
        return {unit.row for unit in self.gop(key) if unit.row != end}


def stream_info(codec: str = "h264", size: Size = SMALL, **changes: object) -> StreamInfo:
    """A plain stream that the chip decodes, with some of its facts changed."""
    plain = StreamInfo(
        codec=codec,
        profile="High" if codec == "h264" else "Main",
        level="4.0",
        size=size,
        chroma="4:2:0",
        bit_depth=8,
        interlaced=False,
        reference_frames=4,
        colour=Colour(),
        time_base=Fraction(1, 25),
        frame_rate=Fraction(25),
        parameter_sets=b"",
        nal_length_bytes=0,
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


@cache
def demuxed(path: Path, most: int) -> Elementary:
    """The first packets of a real clip."""
    packets: list[tuple[bytes, bool, int]] = []
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        codec = video.codec_context
        bridge = BitStreamFilterContext(f"{codec.name}_mp4toannexb", video)
        for packet in container.demux(video):
            units = bridge.filter(packet) if packet.size else []
            packets += [(bytes(unit), unit.is_keyframe, unit.pts or 0) for unit in units]
            if len(packets) >= most:
                break
        size = Size(codec.width, codec.height)
    sets = parameter_sets(codec.name, packets[0][0])
    return _elementary(stream_info(codec.name, size, parameter_sets=sets), packets)


@cache
def encoded(
    codec: str, params: str, frames: int = 40, size: Size = SMALL, pixels: str = "yuv420p"
) -> Elementary:
    """A generated stream: `codec` h264 or hevc, `params` as x264 and x265 take them."""
    encoder = _encoder({"h264": "libx264", "hevc": "libx265"}[codec], size, pixels)
    key = "x264-params" if codec == "h264" else "x265-params"
    pools = "" if "pools=" in params else ":pools=none"
    quiet = "" if codec == "h264" else f":log-level=none:frame-threads=1{pools}"
    encoder.options = {"preset": "veryfast", key: params + quiet}
    packets = []
    for number in range(frames):
        packets += encoder.encode(moving_picture(number, size, pixels))
    packets += encoder.encode(None)
    depth = 10 if "10" in pixels else 8
    info = stream_info(codec, size, bit_depth=depth)
    return _elementary(info, [(bytes(p), p.is_keyframe, p.pts or 0) for p in packets])


def moving_picture(number: int, size: Size, pixels: str = "yuv420p") -> av.VideoFrame:
    """Picture `number` of a generated stream: coloured blocks that move."""
    seed = np.random.default_rng(5)
    blocks = seed.integers(0, 256, (size.height // 8, size.width // 8, 3), np.uint8)
    image = np.roll(np.kron(blocks, np.ones((8, 8, 1), np.uint8)), (number * 3, number * 5), (0, 1))
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "rgb24")
    frame = frame.reformat(format=pixels)
    frame.pts = number
    frame.time_base = Fraction(1, 25)
    return frame


def samples(surface: av.VideoFrame) -> list[NDArray[np.uint8]]:
    """A copy of what a surface shows, plane by plane."""
    return [view.copy() for view in planes(surface)]


def nal_units(data: bytes) -> list[bytes]:
    """The NAL units of an access unit, without start codes."""
    return data.replace(b"\x00\x00\x00\x01", b"\x00\x00\x01").split(b"\x00\x00\x01")[1:]


def annex_b(nals: Iterable[bytes]) -> bytes:
    """An access unit of these NAL units."""
    return b"".join(b"\x00\x00\x00\x01" + nal for nal in nals)


def parameter_sets(codec: str, data: bytes) -> bytes:
    """The parameter sets in an access unit, in Annex-B form."""
    if codec == "h264":
        return annex_b(nal for nal in nal_units(data) if nal[0] & 31 in {7, 8})
    return annex_b(nal for nal in nal_units(data) if nal[0] >> 1 & 63 in {32, 33, 34})


def without_nal(data: bytes, kind: int) -> bytes:
    """An H.264 access unit without its NAL units of one type."""
    return annex_b(nal for nal in nal_units(data) if nal[0] & 31 != kind)


def _encoder(name: str, size: Size, pixels: str) -> VideoCodecContext:
    encoder = CodecContext.create(name, "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = size.width, size.height, pixels
    encoder.time_base, encoder.framerate = Fraction(1, 25), Fraction(25)
    encoder.thread_count = 1
    return encoder


def _elementary(info: StreamInfo, packets: list[tuple[bytes, bool, int]]) -> Elementary:
    units = (
        AccessUnit(split(data), row, key, wanted=True) for row, (data, key, _) in enumerate(packets)
    )
    return Elementary(info, tuple(units), tuple(pts for _, _, pts in packets))


def changed(unit: AccessUnit, data: bytes) -> AccessUnit:
    """Return an access unit with other bytes."""
    return replace(unit, nals=split(data))


def without_vui(sps: bytes) -> bytes:
    """A Main profile H.264 SPS (one NAL unit, no start code) that ends before its VUI.

    What it then leaves unsaid is, among others, how far pictures are reordered.
    """
    raw = sps.replace(b"\x00\x00\x03", b"\x00\x00")
    bits = "".join(f"{byte:08b}" for byte in raw)
    at = 32  # the NAL header, profile, constraints and level
    for _ in range(2):  # id, frame number length
        at = _after_ue(bits, at)
    assert bits[at] == "1", "picture order count type 0"
    for _ in range(3):  # that type, its length, reference frames
        at = _after_ue(bits, at)
    at += 1  # gaps allowed
    for _ in range(2):  # width and height in macroblocks
        at = _after_ue(bits, at)
    assert bits[at : at + 3] == "110", "frames only, direct 8x8, not cropped"
    assert bits[at + 3] == "1", "it has a VUI"
    kept = bits[: at + 3] + "01"
    kept += "0" * (-len(kept) % 8)
    return bytes(int(kept[start : start + 8], 2) for start in range(0, len(kept), 8))


def _after_ue(bits: str, at: int) -> int:
    zeros = bits.index("1", at) - at
    return at + 2 * zeros + 1
