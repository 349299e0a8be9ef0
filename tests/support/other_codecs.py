"""Small videos of the kinds that the chip refuses and the host decodes."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.codec.context import CodecContext
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream
from numpy.typing import NDArray

_TAKES_OVER = "libsvtav1"
"""It makes the process of root that it runs in, and so all that this starts, real-time ones, which
the rest of the machine then waits for: it gets a process of its own."""
_X264 = {"preset": "ultrafast", "x264-params": "keyint=8:bframes=2:b-pyramid=none:scenecut=0"}
_OPEN = {"preset": "ultrafast", "x264-params": "keyint=8:bframes=2:open-gop=1:scenecut=0"}
_FIELDS = {"flags": "+ilme+ildct"}
_VPX = {"lag-in-frames": "12", "auto-alt-ref": "1", "cpu-used": "5"}


@dataclass(frozen=True)
class Kind:
    """How a video is made; equal kinds are equal files."""

    encoder: str
    pix_fmt: str = "yuv420p"
    options: Mapping[str, str] = field(default_factory=dict)
    containers: tuple[str, ...] = ("mp4", "mkv")
    b_frames: int = 0
    size: tuple[int, int] = (160, 128)


KINDS: Mapping[str, Kind] = {
    "mjpeg": Kind("mjpeg", "yuvj420p", containers=("mp4", "mkv", "avi", "mov")),
    "mjpeg 4:2:2": Kind("mjpeg", "yuvj422p", containers=("avi", "mkv")),
    "mjpeg of odd size": Kind("mjpeg", "yuvj420p", containers=("avi",), size=(161, 127)),
    "h264 10 bit": Kind("libx264", "yuv420p10le", _OPEN, ("mp4", "mkv", "ts", "flv")),
    "h264 4:2:2": Kind("libx264", "yuv422p", _X264, ("mp4", "mkv", "ts")),
    "h264 4:4:4 of odd size": Kind("libx264", "yuv444p", _X264, ("mp4",), size=(161, 127)),
    "h264 RGB": Kind("libx264rgb", "rgb24", _X264, ("mp4",)),
    "h264 96x96": Kind("libx264", options=_X264, size=(96, 96)),
    "mpeg4": Kind("mpeg4", containers=("mp4", "mkv", "avi", "ts")),
    "mpeg4 with B": Kind("mpeg4", containers=("mp4", "mkv", "avi", "ts"), b_frames=2),
    "mpeg4 interlaced": Kind("mpeg4", options=_FIELDS, containers=("mp4", "ts"), b_frames=2),
    "mpeg2 interlaced": Kind("mpeg2video", options=_FIELDS, containers=("ts",), b_frames=2),
    "mpeg2": Kind("mpeg2video", containers=("mkv", "avi", "ts")),
    "mpeg2 with B": Kind("mpeg2video", containers=("mp4", "mkv", "avi", "ts", "vob"), b_frames=2),
    "mpeg2 4:2:2": Kind("mpeg2video", "yuv422p", containers=("ts",), b_frames=2),
    "mpeg1": Kind("mpeg1video", containers=("mkv", "mpg"), b_frames=2),
    "vp8": Kind("libvpx", options=_VPX, containers=("webm", "ogv")),
    "vp9": Kind("libvpx-vp9", options=_VPX, containers=("mp4", "webm")),
    "theora": Kind("theora", containers=("ogv",)),
    "av1": Kind("libsvtav1", options={"preset": "12"}, containers=("mp4", "webm")),
    "av1 10 bit": Kind("libsvtav1", "yuv420p10le", {"preset": "12"}, ("mp4",)),
    "prores": Kind("prores_ks", "yuv422p10le", containers=("mov", "mkv")),
    "prores 4444": Kind("prores_ks", "yuva444p10le", {"profile": "4444"}, ("mov",)),
    "dnxhd": Kind("dnxhd", "yuv422p", {"profile": "dnxhr_sq"}, ("mov",), size=(256, 128)),
    "ffv1": Kind("ffv1", containers=("mkv",)),
    "huffyuv": Kind("huffyuv", "yuv422p", containers=("avi",)),
    "jpeg2000": Kind("jpeg2000", containers=("mov", "mkv")),
    "png": Kind("png", "rgb24", containers=("avi",)),
    "cineform": Kind("cfhd", "yuv422p10le", containers=("mov",)),
    "flv1": Kind("flv", containers=("avi", "flv")),
    "h263": Kind("h263", containers=("3gp",), size=(176, 144)),
    "divx 3": Kind("msmpeg4", containers=("avi",)),
    "wmv2": Kind("wmv2", containers=("avi",)),
}
"""By name, each in the containers that it is met in."""

FRAMES, GOP = 30, 8


def made(name: str, container: str, folder: Path) -> Path:
    """Return the file of a kind in a container, encoded when it is first asked for."""
    digest = hashlib.sha256(repr((KINDS[name], container)).encode()).hexdigest()[:20]
    path = folder / f"{digest}.{container}"
    if not path.exists():
        part = folder / f"{digest}-part.{container}"
        if KINDS[name].encoder == _TAKES_OVER:
            command = [sys.executable, __file__, name, str(part)]
            subprocess.run(command, capture_output=True, check=True)
        else:
            _write(KINDS[name], part)
        part.rename(path)
    return path


def _write(kind: Kind, path: Path) -> None:
    if kind.encoder == "theora":
        # PyAV has no encoder for it: `theora_encoder_example -v 3 -k 8` made it of these pictures.
        path.write_bytes(Path(__file__).with_name("theora.ogv").read_bytes())
        return
    width, height = kind.size
    with av.open(str(path), "w") as output:
        options = dict(kind.options)
        stream = cast("VideoStream", output.add_stream(kind.encoder, rate=25, options=options))
        stream.width, stream.height, stream.pix_fmt = width, height, kind.pix_fmt
        stream.codec_context.thread_count = 1
        stream.codec_context.gop_size = GOP
        stream.codec_context.max_b_frames = kind.b_frames
        for number in range(FRAMES):
            picture = av.VideoFrame.from_ndarray(_rgb(number, width, height), "rgb24")
            picture = picture.reformat(format=kind.pix_fmt)
            picture.pts = number
            output.mux(stream.encode(picture))
        output.mux(stream.encode(None))


def _rgb(number: int, width: int, height: int) -> NDArray[np.uint8]:
    """Return picture `number`, RGB u8 [height, width, 3]; no two are alike."""
    y, x = np.mgrid[0:height, 0:width]
    planes = (x * 3 + y * 2 + number * 3, x * 2 + y + number * 5, y * 4 + number * 2)
    pixels = np.stack([plane % 220 for plane in planes], -1).astype(np.uint8)
    left, top = number * 5 % (width - 24), number * 3 % (height - 24)
    pixels[top : top + 24, left : left + 24] = 235 - number
    return pixels


# A P picture of MPEG-4 at 25 a second (5 bits of time) that is not coded: type 01, no second
# passed, marker, time 0, marker, 0, stuffing.
_NOT_CODED = b"\0\0\1\xb6" + bytes([0b01010000, 0b01011111])
_PACKED = b"\0\0\1\xb2DivX503b1393p"


def packed_avi(folder: Path) -> Path:
    """Return an AVI file with each B picture in the packet of the picture before it."""
    packets = _encoded_mpeg4(b_frames=1)
    packets[0] = _marked(packets[0])
    stored: list[bytes] = []
    for data in packets:
        if _kind(data) == 2:
            stored[-1] += data
            stored.append(_NOT_CODED)
        else:
            stored.append(data)
    return _avi(folder / "packed.avi", stored)


def sparse_avi(folder: Path) -> Path:
    """Return an AVI file with a picture that is not coded after each fourth one."""
    stored: list[bytes] = []
    for number, data in enumerate(_encoded_mpeg4(b_frames=0)):
        stored.append(data)
        if number % 4 == 3:
            stored.append(_NOT_CODED)
    return _avi(folder / "sparse.avi", stored)


def _kind(data: bytes) -> int:
    return data[data.index(b"\0\0\1\xb6") + 4] >> 6


def _marked(data: bytes) -> bytes:
    """Return the first packet with the word by which decoders know packed pictures."""
    at = data.index(b"\0\0\1\xb2")
    end = data.index(b"\0\0\1", at + 4)
    return data[:at] + _PACKED + data[end:]


def _encoded_mpeg4(b_frames: int) -> list[bytes]:
    """Return packets in decode order, each key with its headers."""
    encoder = CodecContext.create("mpeg4", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.width, encoder.height, encoder.pix_fmt = 160, 128, "yuv420p"
    encoder.time_base = Fraction(1, 25)
    encoder.gop_size, encoder.max_b_frames, encoder.thread_count = GOP, b_frames, 1
    packets = []
    for number in range(FRAMES):
        picture = av.VideoFrame.from_ndarray(_rgb(number, 160, 128), "rgb24")
        picture = picture.reformat(format="yuv420p")
        picture.pts = number
        packets += encoder.encode(picture)
    return [bytes(packet) for packet in (*packets, *encoder.encode(None))]


def _avi(path: Path, packets: Sequence[bytes]) -> Path:
    if path.exists():
        return path
    with av.open(str(path), "w") as output:
        stream = output.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 128, "yuv420p"
        output.start_encoding()
        for number, data in enumerate(packets):
            packet: av.Packet[Stream] = av.Packet(data)
            packet.stream, packet.time_base = stream, Fraction(1, 25)
            packet.pts = packet.dts = number
            packet.is_keyframe = _kind(data) == 0
            output.mux(packet)
    return path


if __name__ == "__main__":
    _write(KINDS[sys.argv[1]], Path(sys.argv[2]))
