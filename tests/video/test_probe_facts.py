"""What the index says of a stream, against what libav and the encoder say."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest
from generate import Clip, cached, encode
from truth import probed

from fleet.core.frames import Colour, Matrix, Range
from fleet.core.geometry import Size
from fleet.video.h26x.annexb import split
from fleet.video.h26x.parameter_sets import sub_layers
from fleet.video.stream import StreamInfo

X265 = "log-level=none:pools=none:frame-threads=1"


def described(path: Path) -> StreamInfo:
    """What the index says."""
    return probed(path.read_bytes()).stream


@pytest.mark.parametrize(
    ("codec", "pix_fmt", "options", "profile"),
    [
        ("libx264", "yuv420p", {"profile": "baseline"}, "Constrained Baseline"),
        ("libx264", "yuv420p", {"profile": "main"}, "Main"),
        ("libx264", "yuv420p", {"profile": "high"}, "High"),
        ("libx264", "yuv420p10le", {}, "High 10"),
        ("libx264", "yuv422p", {}, "High 4:2:2"),
        ("libx264", "yuv444p", {}, "High 4:4:4 Predictive"),
        ("libx265", "yuv420p", {}, "Main"),
        ("libx265", "yuv420p10le", {}, "Main 10"),
        ("libx265", "yuv422p10le", {}, "Main 4:2:2 10"),
        ("libx265", "yuv444p", {}, "Main 4:4:4"),
    ],
)
@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_profile_level_chroma_and_depth_are_libavs(
    tmp_path: Path, codec: str, pix_fmt: str, options: dict[str, str], profile: str, suffix: str
) -> None:
    """The parameter sets are read as libav reads them, wherever a container puts them."""
    path = tmp_path / f"clip.{suffix}"
    extra = {"x265-params": X265} if codec == "libx265" else {}
    encode(path, codec, {"preset": "veryfast", "level": "3.1", **options, **extra}, pix_fmt)
    found = described(path)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        assert found.codec == context.name
        assert found.size == Size(context.width, context.height)
        assert found.bit_depth == stream.format.components[0].bits
        assert float(found.level) == context.level / (10 if codec == "libx264" else 30)
        if not profile.startswith("Main 4"):  # libav calls all of these Rext
            assert found.profile == stream.profile
    assert found.profile == profile
    assert found.chroma == {"0": "4:2:0", "2": "4:2:2", "4": "4:4:4"}[pix_fmt[5]]
    assert not found.interlaced
    assert found.nal_length_bytes == (0 if suffix == "ts" else 4)


@pytest.mark.parametrize("references", [1, 3, 5])
def test_reference_frames_are_what_the_encoder_was_told(tmp_path: Path, references: int) -> None:
    """The chip's memory for a stream hangs on this number."""
    path = tmp_path / "clip.mp4"
    encode(path, "libx264", {"refs": str(references), "bf": "0"})
    assert described(path).reference_frames == references


def test_interlaced_h264_is_called_so(tmp_path: Path) -> None:
    """A stream that may hold fields (frame_mbs_only_flag 0)."""
    path = tmp_path / "clip.mp4"
    encode(path, "libx264", {"x264-params": "tff=1"})
    assert described(path).interlaced


@pytest.mark.parametrize(
    ("codec", "params", "colour"),
    [
        ("libx264", "", Colour()),
        ("libx264", "colormatrix=bt709", Colour(Matrix.BT709, Range.NARROW, declared=True)),
        (
            "libx264",
            "colormatrix=smpte170m:fullrange=on",
            Colour(Matrix.BT601, Range.WIDE, declared=True),
        ),
        ("libx265", ":colormatrix=bt709", Colour(Matrix.BT709, Range.NARROW, declared=True)),
        (
            "libx265",
            ":colormatrix=bt2020nc:range=full",
            Colour(Matrix.BT709, Range.WIDE, declared=True),
        ),
    ],
)
def test_colour_is_the_streams(tmp_path: Path, codec: str, params: str, colour: Colour) -> None:
    """Matrix and range follow the VUI; a matrix that the chip lacks goes to the nearest."""
    path = tmp_path / "clip.mp4"
    name = codec.removeprefix("lib")
    text = (X265 if name == "x265" else "threads=1:") + params
    encode(path, codec, {"preset": "ultrafast", f"{name}-params": text.rstrip(":")})
    assert described(path).colour == colour


@pytest.mark.parametrize("container", ["mp4", "mkv", "ts", "avi", "raw"])
@pytest.mark.parametrize("rate", [Fraction(10), Fraction(25), Fraction(30000, 1001)])
def test_frame_rate_is_exact(clip_folder: Path, container: str, rate: Fraction) -> None:
    """However coarse the container's time base."""
    clip = Clip(container=container, rate=rate, frames=40)  # type: ignore[arg-type]
    assert described(cached(clip, clip_folder)).frame_rate == rate


def test_frame_rate_of_irregular_frames_is_the_average(clip_folder: Path) -> None:
    """Frames over the time from first to last."""
    index = probed(cached(Clip(vfr=True, frames=48), clip_folder).read_bytes())
    pts = index.packets.pts[index.order]
    seconds = float(int(pts[-1] - pts[0]) * index.stream.time_base)
    assert float(index.stream.frame_rate) == pytest.approx(47 / seconds, rel=0.01)


def test_sub_layers_are_counted(clip_folder: Path) -> None:
    """A stream of two temporal sub-layers says so, and H.264 has one."""
    clip = Clip(codec="h265", b_frames=3, pyramid=True, temporal_layers=2)
    layered = described(cached(clip, clip_folder))
    plain = described(cached(Clip(), clip_folder))
    assert sub_layers(layered.codec, split(layered.parameter_sets)) == 2
    assert sub_layers(plain.codec, split(plain.parameter_sets)) == 1


@pytest.mark.parametrize(
    ("codec", "suffix", "pix_fmt", "name"),
    [
        ("mpeg4", "avi", "yuv420p", "mpeg4"),
        ("mpeg4", "mp4", "yuv420p", "mpeg4"),
        ("libvpx-vp9", "mkv", "yuv420p", "vp9"),
        ("mjpeg", "mov", "yuvj420p", "mjpeg"),
        ("mpeg2video", "ts", "yuv420p", "mpeg2video"),
    ],
)
def test_codecs_that_the_chip_will_refuse_are_indexed(
    tmp_path: Path, codec: str, suffix: str, pix_fmt: str, name: str
) -> None:
    """The chip says which rule; the index says what it is."""
    path = tmp_path / f"clip.{suffix}"
    encode(path, codec, {"deadline": "realtime"} if codec == "libvpx-vp9" else {}, pix_fmt)
    index = probed(path.read_bytes())
    assert index.stream.codec == name
    assert index.stream.size == Size(160, 128)
    assert index.stream.parameter_sets == b""
    assert len(index.order) == 40


def test_a_cover_picture_is_no_video(tmp_path: Path) -> None:
    """The first stream of moving pictures is taken, not the picture attached in front of it."""
    still, film, path = tmp_path / "a.mp4", tmp_path / "b.mp4", tmp_path / "c.mp4"
    encode(still, "mjpeg", {}, "yuvj420p")
    encode(film, "libx264", {})
    with av.open(str(still)) as a, av.open(str(film)) as b, av.open(str(path), "w") as output:
        cover = output.add_stream_from_template(a.streams.video[0])
        cover.disposition = av.stream.Disposition.attached_pic
        moving = output.add_stream_from_template(b.streams.video[0])
        first = next(a.demux(video=0))
        first.stream = cover
        output.mux(first)
        for packet in b.demux(video=0):
            if packet.size:
                packet.stream = moving
                output.mux(packet)
    index = probed(path.read_bytes())
    assert index.stream.codec == "h264"
    assert len(index.order) == 40
