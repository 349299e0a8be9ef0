"""What is called droppable can be left out of a decode, and nothing else changes."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import cast

import av
from av.video.codeccontext import VideoCodecContext
from generate import Clip, cached, clips
from hypothesis import HealthCheck, given, settings
from truth import probed

from fleet.core.access_unit import NalUnits
from fleet.video.h26x.access_unit import is_droppable
from fleet.video.h26x.annexb import from_sample, split
from fleet.video.h26x.parameter_sets import sub_layers
from fleet.video.index import VideoIndex


def decoded(index: VideoIndex, units: dict[int, NalUnits]) -> dict[int, str]:
    """Decode some rows; the digest of each frame's pixels, by row."""
    context = cast("VideoCodecContext", av.CodecContext.create(index.stream.codec, "r"))
    context.extradata = index.stream.parameter_sets
    context.thread_count = 1
    frames: list[av.VideoFrame] = []
    for row, unit in units.items():
        packet = av.Packet(unit.data)
        packet.pts = row
        frames += context.decode(packet)
    frames += context.decode(None)
    return {
        int(frame.pts or 0): hashlib.sha256(frame.to_ndarray().tobytes()).hexdigest()
        for frame in frames
    }


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(clips(containers=("mp4",)))
def test_frames_are_alike_without_the_droppable_ones(clip_folder: Path, clip: Clip) -> None:
    """Of any stream: B-frames, pyramids, temporal sub-layers, open GOPs."""
    data = cached(clip, clip_folder).read_bytes()
    index = probed(data)
    table, stream = index.packets, index.stream
    units = {
        row: from_sample(data[table.position[row] :][: table.size[row]], stream.nal_length_bytes)
        for row in range(len(table))
    }
    layers = sub_layers(stream.codec, split(stream.parameter_sets))
    kept = {
        row: unit for row, unit in units.items() if not is_droppable(stream.codec, unit, layers)
    }
    whole, thinned = decoded(index, units), decoded(index, kept)
    assert thinned == {row: whole[row] for row in kept}


def test_b_frames_are_droppable(clip_folder: Path) -> None:
    """Without a pyramid, every B-frame is: most of such a stream."""
    data = cached(Clip(b_frames=3, frames=40), clip_folder).read_bytes()
    index = probed(data)
    table = index.packets
    dropped = sum(
        is_droppable("h264", from_sample(data[table.position[row] :][: table.size[row]], 4))
        for row in range(len(table))
    )
    assert dropped > len(table) // 2
