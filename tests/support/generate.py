"""Small videos of every shape that the product must read exactly, made with x264 and x265."""

from __future__ import annotations

import hashlib
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal, cast

import av
import numpy as np
from av.video.stream import VideoStream
from hypothesis import strategies as st
from numpy.typing import NDArray

Codec = Literal["h264", "h265"]
Container = Literal[
    "mp4", "mp4-front", "mp4-fragmented", "mp4-edit", "mov", "mkv", "ts", "m2ts", "avi", "raw"
]
GopKind = Literal["closed", "open", "radl"]

CODECS: tuple[Codec, ...] = ("h264", "h265")
CONTAINERS: tuple[Container, ...] = (
    "mp4", "mp4-front", "mp4-fragmented", "mp4-edit", "mov", "mkv", "ts", "m2ts", "avi", "raw",
)  # fmt: skip
WIDTH, HEIGHT = 160, 128


@dataclass(frozen=True)
class Clip:
    """How a generated video is made; equal clips are equal files.

    `gop`: the longest distance of two keys, in pictures. `gop_kind`: `open` has leading pictures
    that need the GOP before, `radl` (H.265) has leading pictures that do not. `scenes`: pictures
    after which the content jumps and the encoder may set a key; 0 never. `vfr`: irregular pts.
    `temporal_layers`: H.265 sub-layers. `hidden`: pictures an edit list cuts off in front
    (container mp4-edit). `rotation`, `mirrored`, `sample_aspect`: see StreamInfo; the container says
    the first two, in mp4, mov and mkv.
    """

    codec: Codec = "h264"
    container: Container = "mp4"
    frames: int = 30
    gop: int = 12
    gop_kind: GopKind = "closed"
    b_frames: int = 2
    pyramid: bool = False
    scenes: int = 0
    vfr: bool = False
    rate: Fraction = Fraction(25)
    temporal_layers: int = 1
    hidden: int = 5
    plain: bool = False
    """Whether fewer of the codec's tools are used, which other parameter sets say."""
    refreshed: bool = False
    """Whether H.264 has a stripe of intra blocks that moves, `gop` pictures long, and one key."""
    rotation: int = 0
    mirrored: bool = False
    sample_aspect: Fraction = Fraction(1)

    def __post_init__(self) -> None:
        if self.gop_kind == "radl" and (self.codec == "h264" or self.scenes):
            raise ValueError(f"H.264 has no RADL, and x265 crashes on it at scene cuts: {self}")
        if self.container == "avi" and (self.codec == "h265" or self.vfr):
            raise ValueError(f"libav writes no H.265 to AVI, which has no timestamps: {self}")

    @property
    def suffix(self) -> str:
        """How its file's name ends."""
        if self.container == "raw":
            return f".{self.codec}"
        return "." + self.container.split("-")[0]

    @property
    def name(self) -> str:
        """A file name that no other clip has."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:20] + self.suffix


def write(clip: Clip, path: Path) -> Path:
    """Encode the clip into `path`."""
    with av.open(str(path), "w", format=_muxer(clip), options=_muxer_options(clip)) as output:
        stream = _stream(output, clip)
        for picture in _frames(clip):
            _mux(output, stream, clip, picture)
        _mux(output, stream, clip, None)
    return path


def cached(clip: Clip, folder: Path) -> Path:
    """The clip's file in `folder`, encoded when it is first asked for."""
    path = folder / clip.name
    if not path.exists():
        write(clip, path.with_suffix(".part")).rename(path)
    return path


@st.composite
def clips(
    draw: st.DrawFn,
    codecs: tuple[Codec, ...] = CODECS,
    containers: tuple[Container, ...] = CONTAINERS,
) -> Clip:
    """Any clip that an encoder and a muxer can make."""
    codec = draw(st.sampled_from(codecs))
    container = draw(st.sampled_from(containers))
    if container == "avi":
        codec = "h264"  # libav's AVI muxer knows no tag for H.265
    scenes = draw(st.sampled_from((0, 0, 7, 10)))
    no_radl = codec == "h264" or scenes > 0
    kinds: tuple[GopKind, ...] = ("closed", "open") if no_radl else ("closed", "open", "radl")
    b_frames = draw(st.integers(0, 4))
    pyramid = b_frames > 1 and draw(st.booleans())
    return Clip(
        codec=codec,
        container=container,
        # x265 writes wild decode times for streams shorter than its reordering.
        frames=draw(st.integers(4 if b_frames else 1, 48)),
        gop=draw(st.sampled_from((1, 2, 5, 8, 12, 25))),
        gop_kind=draw(st.sampled_from(kinds)),
        b_frames=b_frames,
        pyramid=pyramid,
        scenes=scenes,
        vfr=container not in {"avi", "raw"} and draw(st.booleans()),
        rate=draw(st.sampled_from((Fraction(25), Fraction(10), Fraction(30000, 1001)))),
        temporal_layers=draw(st.sampled_from(_layers(codec, b_frames, pyramid=pyramid))),
        hidden=draw(st.integers(1, 9)),
    )


def _layers(codec: Codec, b_frames: int, *, pyramid: bool) -> tuple[int, ...]:
    """Return how many sub-layers x265 can spread so many B-frames over."""
    if codec == "h264" or b_frames < 2:
        return (1,)
    return (1, 2, 3) if pyramid else (1, 2)


def picture_planes(number: int, scenes: int) -> NDArray[np.uint8]:
    """Picture `number` in yuv420p: u8 [HEIGHT * 3 / 2, WIDTH]; no two are alike."""
    scene = number // scenes if scenes else 0
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    texture = (x * (3 + scene * 5 % 11) + y * (2 + scene * 7 % 13) + number * 3 + scene * 90) % 200
    planes = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
    planes[:HEIGHT] = 20 + texture
    left, top = number * 5 % (WIDTH - 24), number * 3 % (HEIGHT - 24)
    planes[top : top + 24, left : left + 24] = 235 - number % 60
    planes[HEIGHT:] = 90 + (number * 2 + scene * 40) % 80
    return planes


def _muxer(clip: Clip) -> str:
    names = {"mkv": "matroska", "ts": "mpegts", "m2ts": "mpegts", "avi": "avi", "mov": "mov"}
    if clip.container == "raw":
        return "h264" if clip.codec == "h264" else "hevc"
    return names.get(clip.container, "mp4")


def _muxer_options(clip: Clip) -> dict[str, str]:
    return {
        "mp4-front": {"movflags": "+faststart"},
        "mp4-fragmented": {"movflags": "+frag_keyframe+empty_moov+default_base_moof"},
        "m2ts": {"mpegts_m2ts_mode": "1"},
    }.get(clip.container, {})


def _stream(output: av.container.OutputContainer, clip: Clip) -> VideoStream:
    encoder = "libx264" if clip.codec == "h264" else "libx265"
    stream = cast(
        "VideoStream", output.add_stream(encoder, rate=clip.rate, options=_encoder_options(clip))
    )
    stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
    stream.codec_context.time_base = _time_base(clip)
    stream.codec_context.thread_count = 1
    if clip.rotation or clip.mirrored:
        stream.set_display_matrix(display_matrix(clip.rotation, mirrored=clip.mirrored))
    if clip.sample_aspect != 1:
        stream.codec_context.sample_aspect_ratio = clip.sample_aspect
    return stream


def display_matrix(degrees: float, *, mirrored: bool = False) -> tuple[int, ...]:
    """The matrix by which a player mirrors pictures if so, then turns them clockwise."""
    cos, sin = (round(of(math.radians(degrees)) * 65536) for of in (math.cos, math.sin))
    a, b = (-cos, -sin) if mirrored else (cos, sin)
    return a, b, 0, -sin, cos, 0, 0, 0, 1 << 30


def _encoder_options(clip: Clip) -> dict[str, str]:
    both: dict[str, Any] = {
        "keyint": clip.gop,
        # x265 makes RADL pictures only in front of keys at a fixed distance.
        "min-keyint": clip.gop if clip.gop_kind == "radl" else 1,
        "scenecut": 40 if clip.scenes else 0,
        "bframes": clip.b_frames,
        "b-adapt": 0,
        "open-gop": int(clip.gop_kind == "open"),
    }
    if clip.codec == "h264":
        both |= {"b-pyramid": "normal" if clip.pyramid else "none", "threads": 1}
        both |= {"cabac": 0, "8x8dct": 0} if clip.plain else {}
        both |= {"intra-refresh": 1} if clip.refreshed else {}
        return {"preset": "veryfast", "crf": "30", "x264-params": _joined(both)}
    both |= {
        "b-pyramid": int(clip.pyramid),
        "radl": min(2, clip.b_frames) if clip.gop_kind == "radl" else 0,
        "temporal-layers": clip.temporal_layers if clip.temporal_layers > 1 else 0,
        "log-level": "none",
        "pools": "none",
        "frame-threads": 1,
        **({"signhide": 0, "tmvp": 0, "sao": 0} if clip.plain else {}),
    }
    return {"preset": "ultrafast", "crf": "32", "x265-params": _joined(both)}


def _joined(options: dict[str, Any]) -> str:
    return ":".join(f"{name}={value}" for name, value in options.items())


def _time_base(clip: Clip) -> Fraction:
    return 1 / clip.rate / (8 if clip.vfr else 1)


def _frames(clip: Clip) -> Iterator[av.VideoFrame]:
    jitter = np.random.default_rng(clip.frames).integers(-3, 4, clip.frames)
    for number in range(clip.frames):
        picture = av.VideoFrame.from_ndarray(picture_planes(number, clip.scenes), "yuv420p")
        picture.pts = number * 8 + int(jitter[number]) + 3 if clip.vfr else number
        picture.time_base = _time_base(clip)
        yield picture


def _mux(
    output: av.container.OutputContainer,
    stream: VideoStream,
    clip: Clip,
    picture: av.VideoFrame | None,
) -> None:
    hidden = min(clip.hidden, clip.frames - 1) if clip.container == "mp4-edit" else 0
    shift = hidden * (8 if clip.vfr else 1)
    for packet in stream.encode(picture):
        assert packet.pts is not None
        assert packet.dts is not None
        packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
        output.mux(packet)


def sound_only() -> bytes:
    """An MP4 file that holds half a second of sound and no picture."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as output:
        stream = output.add_stream("aac", rate=16000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), "fltp", "mono")
        sound.sample_rate = 16000
        output.mux(stream.encode(sound))
        output.mux(stream.encode(None))
    return file.getvalue()


def encode(path: Path, codec: str, options: dict[str, str], pix_fmt: str = "yuv420p") -> None:
    """Forty pictures in the container that the name asks for."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 160, 128, pix_fmt  # type: ignore[union-attr]
        stream.codec_context.thread_count = 1
        for number in range(40):
            grey = np.full((128 * 3 // 2, 160), 40 + number * 4, np.uint8)
            picture = av.VideoFrame.from_ndarray(grey, "yuv420p").reformat(format=pix_fmt)
            picture.pts = number
            output.mux(stream.encode(picture))  # type: ignore[union-attr,arg-type]
        output.mux(stream.encode(None))  # type: ignore[union-attr]
