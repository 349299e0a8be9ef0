"""What is kept of a video's stream, or of why it has none, reads back as it was."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from indexes import STREAM

from fleet.core.frames import Colour, Matrix, Range
from fleet.core.geometry import Size
from fleet.errors import BrokenVideoError, NotAVideoError, StreamRefusedError, VideoError
from fleet.video.probe.serialize import (
    error_from_json,
    error_to_json,
    is_lasting,
    stream_from_json,
    stream_to_json,
)
from fleet.video.stream import StreamInfo

STREAMS = st.builds(
    StreamInfo,
    codec=st.sampled_from(["h264", "hevc", "vp9"]),
    profile=st.text(max_size=8),
    level=st.sampled_from(["", "4.0", "5.1"]),
    # The largest that a file may claim, see MAX_PIXELS, are 8192 x 8192.
    size=st.builds(Size, st.integers(1, 8192), st.integers(1, 8192)),
    chroma=st.sampled_from(["4:2:0", "4:2:2"]),
    bit_depth=st.sampled_from([8, 10]),
    interlaced=st.booleans(),
    reference_frames=st.integers(0, 16),
    colour=st.builds(Colour, st.sampled_from(Matrix), st.sampled_from(Range), st.booleans()),
    time_base=st.fractions(min_value=Fraction(1, 10**9), max_value=1).filter(bool),
    frame_rate=st.fractions(min_value=0, max_value=1000),
    parameter_sets=st.binary(max_size=200),
    nal_length_bytes=st.sampled_from([0, 1, 2, 4]),
    transport_pid=st.integers(0, 8191),
    transport_step=st.sampled_from([188, 192]),
)


@given(STREAMS)
def test_a_stream_reads_back_as_it_was(stream: StreamInfo) -> None:
    """Every field, exactly."""
    assert stream_from_json(stream_to_json(stream)) == stream


def test_the_configuration_of_another_codec_reads_back() -> None:
    """An index of a version that kept none is made again; those of H.264 stay as they were."""
    stream = replace(STREAM, codec="mpeg4", configuration=b"\0\0\1\x20", codec_tag="XVID")
    text = stream_to_json(stream)
    assert stream_from_json(text) == stream
    fields = json.loads(text)
    del fields["configuration"]
    with pytest.raises(ValueError, match="configuration"):
        stream_from_json(json.dumps(fields))
    assert not {"configuration", "codec_tag"} & json.loads(stream_to_json(STREAM)).keys()
    with pytest.raises(ValueError, match="four characters"):
        replace(STREAM, codec_tag="XVIDX")


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", stream_to_json(STREAM)[:-30]])
def test_what_is_no_stream_is_said_to_be_so(text: str) -> None:
    """In one of three ways that a reader expects."""
    with pytest.raises((ValueError, KeyError, TypeError)):
        stream_from_json(text)


@pytest.mark.parametrize("kind", [NotAVideoError, BrokenVideoError])
def test_why_a_video_has_no_index_reads_back(kind: type[VideoError]) -> None:
    """The class, the message and the way out."""
    error = kind("s3://b/caf\udce9.mp4", "it is a text.", "Leave it out.", 7)
    again = error_from_json(error.uri, error_to_json(error))
    assert is_lasting(error)
    assert type(again) is kind
    assert (str(again), again.code) == (str(error), 7)


def test_what_depends_on_the_chip_does_not_last() -> None:
    """Another chip may take the stream."""
    assert not is_lasting(StreamRefusedError("a", "too wide for this chip."))
