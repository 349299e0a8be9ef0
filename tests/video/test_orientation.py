"""Streams that ask for their display orientation themselves, in a message before a key."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any, cast

import av
import pytest
from av.packet import Packet
from av.sidedata.sidedata import Type
from av.video.stream import VideoStream
from exact import index_of
from generate import CODECS, Codec, display_matrix, picture_planes

from fleet.core.access_unit import START_CODE, NalUnits
from fleet.video.containers.display_matrix import Turn, turn_of
from fleet.video.h26x.annexb import split
from fleet.video.h26x.orientation import display_orientation

SEI = {"h264": b"\x06", "h265": b"\x4e\x01"}
FIRST_SLICE = {"h264": {1, 5}, "h265": set(range(32))}
ENCODERS = {
    "h264": ("libx264", {"x264-params": "bframes=0:threads=1"}),
    "h265": ("libx265", {"x265-params": "bframes=0:log-level=none:pools=none:frame-threads=1"}),
}
CASES = [(a, h, v) for a in (0, 90, 180, 270) for h in (False, True) for v in (False, True)]


def message(codec: Codec, bits: str) -> bytes:
    """A NAL unit with one message of display orientation."""
    bits = f"{bits}1"
    body = int(bits.ljust(-len(bits) % 8 + len(bits), "0"), 2).to_bytes(-(-len(bits) // 8), "big")
    return (
        START_CODE
        + SEI[codec]
        + bytes((47, len(body)))
        + body.replace(b"\0\0", b"\0\0\3")
        + b"\x80"
    )


def orientation(anticlockwise: int, *, left_right: bool, upside_down: bool) -> str:
    """The bits of a message; it lasts until another."""
    angle = anticlockwise * (1 << 16) // 360
    return f"0{left_right:b}{upside_down:b}{angle:016b}" + "010" + "0"


NOTHING = {
    orientation(degrees, left_right=flips, upside_down=flips)
    for degrees, flips in ((0, False), (180, True))
}
"""Messages that leave pictures as they are stored."""


def before_the_first_slice(data: bytes, codec: Codec, nal: bytes) -> bytes:
    """Put a NAL unit in front of the first slice of a raw stream."""
    for offset in split(data).offsets:
        kind = data[offset] & 31 if codec == "h264" else data[offset] >> 1 & 63
        if kind in FIRST_SLICE[codec]:
            return data[: offset - 3].rstrip(b"\0") + nal + data[offset - 3 :]
    raise AssertionError("there is a slice")


def asking(path: Path, codec: Codec, nal: bytes, matrix: tuple[int, ...] | None = None) -> Path:
    """A video whose first picture has this NAL unit, and its container a display matrix if given."""
    encoder, options = ENCODERS[codec]
    with av.open(str(path), "w") as output:
        stream = cast("VideoStream", output.add_stream(encoder, rate=25, options=options))
        stream.width, stream.height, stream.pix_fmt = 160, 128, "yuv420p"
        stream.set_display_matrix(matrix)
        for picture in (*map(_picture, range(3)), None):
            for packet in stream.encode(picture):
                output.mux(_with(packet, codec, nal) if packet.is_keyframe else packet)
    return path


def _picture(number: int) -> av.VideoFrame:
    picture = av.VideoFrame.from_ndarray(picture_planes(number, 0), "yuv420p")
    picture.pts = number
    return picture


def _with(packet: Packet[Any], codec: Codec, nal: bytes) -> Packet[Any]:
    made: Packet[Any] = Packet(before_the_first_slice(bytes(packet), codec, nal))
    made.pts, made.dts, made.is_keyframe = packet.pts, packet.dts, packet.is_keyframe
    made.time_base, made.stream = packet.time_base, packet.stream
    return made


def libavs_turn(path: Path) -> Turn:
    """The matrix that libav has for the first picture."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    found = cast("Any", frame.side_data)
    if Type.DISPLAYMATRIX not in found:
        return Turn()
    return turn_of(struct.unpack("<9i", bytes(found[Type.DISPLAYMATRIX])))


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(("anticlockwise", "left_right", "upside_down"), CASES)
def test_it_is_heeded_as_libav_does(
    tmp_path: Path, codec: Codec, anticlockwise: int, left_right: bool, upside_down: bool
) -> None:
    """In a raw stream, which is scanned, and in MP4, whose header is read."""
    bits = orientation(anticlockwise, left_right=left_right, upside_down=upside_down)
    for suffix in (codec, "mp4"):
        path = asking(tmp_path / f"clip.{suffix}", codec, message(codec, bits))
        stream = index_of(path).stream
        assert Turn(stream.rotation, stream.mirrored, stream.unheeded) == libavs_turn(path)
        assert (stream.rotation, stream.mirrored) != (0, False) or bits in NOTHING


@pytest.mark.parametrize(("anticlockwise", "rotation"), [(90, 270), (0, 180)])
def test_the_stream_comes_before_its_container(
    tmp_path: Path, anticlockwise: int, rotation: int
) -> None:
    """As in libav; unless it asks for nothing."""
    nal = message("h264", orientation(anticlockwise, left_right=False, upside_down=False))
    path = asking(tmp_path / "clip.mp4", "h264", nal, display_matrix(180))
    assert index_of(path).stream.rotation == libavs_turn(path).rotation == rotation


def test_an_odd_angle_is_told(tmp_path: Path) -> None:
    """And taken as the nearest quarter."""
    nal = message("h264", orientation(320, left_right=False, upside_down=False))
    stream = index_of(asking(tmp_path / "clip.mkv", "h264", nal)).stream
    assert (stream.rotation, stream.unheeded) == (0, "it asks to be turned by 40 degrees")


@pytest.mark.parametrize("bits", ["1", "01"])
def test_a_message_that_is_cancelled_or_cut_says_nothing(bits: str) -> None:
    """Nor does one of another kind."""
    nal = message("h264", bits)
    assert display_orientation("h264", split(nal)) is None
    assert display_orientation("h264", split(nal.replace(b"\x2f", b"\x2e", 1))) is None
    assert display_orientation("hevc", NalUnits(b"", ())) is None
