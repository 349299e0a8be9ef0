"""A picture that is missing from an H.264 stream is noticed, and none is missed that is there."""

from __future__ import annotations

from pathlib import Path

import pytest
from generate import Clip, cached, clips
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from truth import probed

from fleet.core.access_unit import NalUnits
from fleet.video.containers.demux import Demuxer
from fleet.video.h26x.access_unit import is_droppable
from fleet.video.h26x.annexb import split
from fleet.video.h26x.h264_chain import ReferenceChain
from fleet.video.index import VideoIndex


def units(data: bytes) -> tuple[VideoIndex, list[NalUnits]]:
    """Index a file, and take its packets out of it, as they are fed to a decoder."""
    index = probed(data)
    table, demuxer = index.packets, Demuxer(index.source, index.stream)
    return index, [
        demuxer.with_sets(
            demuxer.unit(table, row, data[start : start + span]), row, begins=row == 0
        )
        for row, (start, span) in enumerate(zip(table.position, table.span, strict=True))
    ]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(clips(codecs=("h264",)), st.data())
def test_a_missing_picture_is_noticed_before_the_next_key(
    clip_folder: Path, clip: Clip, data: st.DataObject
) -> None:
    """Any GOPs, B-pyramids, containers: one that others refer to, and no false alarm."""
    index, whole = units(cached(clip, clip_folder).read_bytes())
    chain = ReferenceChain(split(index.stream.parameter_sets))
    assert all(chain.continues(unit, 0) for unit in whole)
    keys = index.packets.key
    lost = [
        row
        for row in range(1, len(whole) - 1)
        if not (keys[row] or keys[row + 1] or is_droppable("h264", whole[row]))
    ]
    if not lost:
        return
    row = data.draw(st.sampled_from(lost), label="lost")
    for known, expected in ((0, False), (1, True)):
        chain = ReferenceChain(split(index.stream.parameter_sets))
        assert all(chain.continues(unit, 0) for unit in whole[:row])
        assert chain.continues(whole[row + 1], known) is expected
        assert all(chain.continues(unit, 0) for unit in whole[row + 2 :])


@pytest.mark.parametrize("name", ["town_1080p.mp4", "town_h264_opengop.mkv"])
def test_nothing_is_missing_from_a_real_clip(data_dir: Path, name: str) -> None:
    """As phones and editors write them, with B-pyramids and open GOPs."""
    index, whole = units((data_dir / name).read_bytes())
    chain = ReferenceChain(split(index.stream.parameter_sets))
    assert all(chain.continues(unit, 0) for unit in whole)


def test_a_picture_that_cannot_be_read_is_no_gap(clip_folder: Path) -> None:
    """The decoder says what is wrong with it, better than a number could."""
    index, whole = units(cached(Clip(container="ts"), clip_folder).read_bytes())
    chain = ReferenceChain(split(index.stream.parameter_sets))
    assert all(chain.continues(unit, 0) for unit in whole[:3])
    assert chain.continues(split(b"\0\0\0\1\x41" + b"\0" * 8), 0)
    assert chain.continues(whole[4], 0)
