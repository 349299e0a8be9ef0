"""Which streams VDEC takes, and what the refusals say."""

from __future__ import annotations

from typing import Any

import pytest
from elementary import stream_info

from fleet.ascend.soc import Ascend310
from fleet.ascend.stream_rules import check_host_stream, check_stream
from fleet.core.geometry import Size
from fleet.errors import StreamRefusedError


@pytest.mark.parametrize(
    ("codec", "facts"),
    [
        ("h264", {"profile": "Constrained Baseline"}),
        ("h264", {"profile": "Baseline"}),
        ("h264", {"profile": "Main", "level": "5.1"}),
        ("h264", {"profile": "High", "interlaced": True}),
        ("h264", {"profile": "", "level": ""}),
        ("h264", {"level": "1b"}),
        ("h264", {"size": Size(128, 128)}),
        ("h264", {"size": Size(4096, 4096)}),
        ("hevc", {"profile": "Main"}),
        ("hevc", {"profile": "Main 10", "bit_depth": 10, "level": "5.1"}),
    ],
)
def test_these_streams_are_taken(codec: str, facts: dict[str, Any]) -> None:
    """They are within docs/chip.md#vdec-codecs and docs/chip.md#vdec-sizes."""
    check_stream(Ascend310, stream_info(codec, **facts))


@pytest.mark.parametrize(
    ("codec", "facts", "code", "says"),
    [
        ("mpeg4", {}, 0x10009, "decodes H.264 and H.265 only; this stream is mpeg4"),
        ("vp9", {}, 0x10009, "this stream is vp9"),
        ("av1", {}, 0x10009, "this stream is av1"),
        ("mjpeg", {}, 0x10009, "this stream is mjpeg"),
        ("h264", {"profile": "High 10", "bit_depth": 10}, 0x10004, r"8 bits; this stream has 10 \(High 10\)"),
        ("h264", {"profile": "High 10"}, 0x10004, "profiles Baseline, .*High, Main; this stream's is High 10"),
        ("h264", {"profile": "High 4:2:2", "chroma": "4:2:2"}, 0x10004, "4:2:0 only; this stream is 4:2:2"),
        ("h264", {"profile": "High 4:4:4 Predictive", "chroma": "4:4:4"}, 0x10004, "this stream is 4:4:4"),
        ("h264", {"profile": "Extended"}, 0x10004, "this stream's is Extended"),
        ("h264", {"level": "5.2"}, 0x10004, "up to level 5.1; this stream's is 5.2"),
        ("hevc", {"level": "6"}, 0x10004, "up to level 5.1; this stream's is 6"),
        ("hevc", {"profile": "Rext", "bit_depth": 12}, 0x10004, "8 or 10 bits; this stream has 12"),
        ("hevc", {"profile": "Rext", "chroma": "4:2:2"}, 0x10004, "this stream is 4:2:2"),
        ("hevc", {"interlaced": True}, 0x10004, "does not decode interlaced H.265"),
        ("h264", {"size": Size(126, 128)}, 0x10006, "128x128 to 4096x4096; this stream's are 126x128"),
        ("hevc", {"size": Size(4098, 2160)}, 0x10006, "this stream's are 4098x2160"),
    ],
)  # fmt: skip
def test_these_streams_are_refused(codec: str, facts: dict[str, Any], code: int, says: str) -> None:
    """Each breaks docs/chip.md#vdec-refused or docs/chip.md#vdec-size-error."""
    with pytest.raises(StreamRefusedError, match=says) as caught:
        check_stream(Ascend310, stream_info(codec, **facts), "s3://videos/a.mp4")
    assert (caught.value.uri, caught.value.code) == ("s3://videos/a.mp4", code)
    assert "ffmpeg -i INPUT" in caught.value.way_out


@pytest.mark.parametrize(
    ("codec", "facts"),
    [
        ("vp9", {}),
        ("prores", {"chroma": "4:2:2", "bit_depth": 10}),
        ("h264", {"profile": "High 10", "bit_depth": 10}),
        ("h264", {"size": Size(10, 6)}),
        ("hevc", {"size": Size(8192, 8192)}),
    ],
)
def test_what_the_host_decodes_is_said_so(codec: str, facts: dict[str, Any]) -> None:
    """Where VPC takes the pictures (docs/chip.md#vpc-input), the refusal names the way out."""
    stream = stream_info(codec, **facts)
    check_host_stream(Ascend310, stream)
    with pytest.raises(StreamRefusedError) as caught:
        check_stream(Ascend310, stream)
    assert "--fallback cpu" in caught.value.way_out


@pytest.mark.parametrize(
    ("codec", "facts", "says"),
    [
        ("wmv3", {}, "Neither Ascend310 nor the host decodes wmv3"),
        ("", {}, "an unknown codec"),
        ("vp9", {"size": Size(8, 8)}, "pictures of 8x8: VPC takes 10x6 to 8192x8192"),
        ("h264", {"size": Size(8194, 4320)}, "pictures of 8194x4320"),
    ],
)
def test_what_neither_takes_is_refused_by_both(
    codec: str, facts: dict[str, Any], says: str
) -> None:
    """And no refusal names a way that leads nowhere."""
    stream = stream_info(codec, **facts)
    for check in (check_stream, check_host_stream):
        with pytest.raises(StreamRefusedError) as caught:
            check(Ascend310, stream)
        assert "--fallback" not in str(caught.value)
        assert "ffmpeg -i INPUT" in caught.value.way_out
    assert says in caught.value.message


@pytest.mark.parametrize(
    ("size", "scale"),
    [(Size(96, 64), "scale=192:128"), (Size(7680, 4320), "scale=4096:2304"), (Size(64, 64), "scale=128:128")],
)  # fmt: skip
def test_a_wrong_size_is_told_the_nearest_right_one(size: Size, scale: str) -> None:
    """The way out keeps the picture's shape and lands inside the chip's range."""
    with pytest.raises(StreamRefusedError) as caught:
        check_stream(Ascend310, stream_info(size=size))
    assert scale in caught.value.way_out
