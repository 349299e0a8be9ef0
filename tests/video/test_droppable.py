"""What is called droppable can be left out of a decode, and nothing else changes."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import cast

import av
import numpy as np
import pytest
from av.video.codeccontext import VideoCodecContext
from exact import index_of, sharded
from generate import Clip, cached, clips
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from truth import probed

from fleet.backend.kinds import Opening, open_device
from fleet.core.access_unit import NalUnits
from fleet.core.frames import Picture
from fleet.errors import BrokenVideoError
from fleet.plan.cost import CostModel
from fleet.plan.lease import Lease
from fleet.plan.order import order
from fleet.plan.shard import DoneIntervals, video_work
from fleet.video.h26x.access_unit import is_droppable
from fleet.video.h26x.annexb import from_sample, split
from fleet.video.h26x.parameter_sets import sub_layers
from fleet.video.h26x.sub_layers import layer_picture, needed_pictures
from fleet.video.index import VideoIndex
from fleet.worker.liveness import Liveness
from fleet.worker.needed import ReadUnit, needed_of
from fleet.worker.prefetch import CancelRequestedError, Fetch, FetchPool
from fleet.worker.reading import Reading, Step


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
    if sub_layers(stream.codec, split(stream.parameter_sets)) > 1:
        pictures = [layer_picture(unit) for unit in units.values()]
        needed = needed_pictures(pictures, [p.layer == 0 for p in pictures], is_end=True)
    else:
        needed = [not is_droppable(stream.codec, unit) for unit in units.values()]
    kept = {row: unit for row, unit in units.items() if needed[row]}
    whole, thinned = decoded(index, units), decoded(index, kept)
    assert thinned == {row: whole[row] for row in kept}


LAYERED = st.builds(
    partial(Clip, codec="h265", pyramid=True, frames=40, gop=16),
    b_frames=st.sampled_from((3, 4)),
    temporal_layers=st.sampled_from((2, 3)),
    gop_kind=st.sampled_from(("closed", "open")),
)
PROMISES: dict[str, dict[int, int]] = {"TSA": {}, "STSA": {2: 4, 3: 5}, "TRAIL": {2: 0, 3: 1}}
"""What encoders may call pictures that no picture of their own sub-layer, or above, follows behind."""


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(LAYERED, st.sampled_from(sorted(PROMISES)), st.sets(st.integers(0, 39)), st.integers(1, 40))
def test_sub_layers_that_no_wanted_picture_needs_can_be_left_out(
    clip_folder: Path, clip: Clip, promise: str, rows: set[int], end: int
) -> None:
    """Whatever is wanted, and whether an encoder promises much of its pictures or little.

    What is decoded comes out as in a full decode, all of it; so do the pictures behind a stretch of
    which all may be needed that may be referred to.
    """
    data = cached(clip, clip_folder).read_bytes()
    index = probed(data)
    table, stream = index.packets, index.stream
    units = {
        row: renamed(
            from_sample(data[table.position[row] :][: table.size[row]], stream.nal_length_bytes),
            PROMISES[promise],
        )
        for row in range(len(table))
    }
    pictures = [layer_picture(unit) for unit in units.values()]
    wanted = [row in rows for row in units]
    needed = needed_pictures(pictures[:end], wanted[:end], is_end=False)
    needed += needed_pictures(pictures[end:], wanted[end:], is_end=True)
    kept = {row: unit for row, unit in units.items() if needed[row]}
    whole = decoded(index, units)
    if kept:
        assert decoded(index, kept) == {row: whole[row] for row in kept}
    assert set(kept) >= {row for row in rows if row in units}


def test_of_three_sub_layers_only_the_lowest_is_fed_between_wanted_pictures(
    clip_folder: Path,
) -> None:
    """A picture in four; and of the last few those that lead to the wanted one."""
    clip = Clip(codec="h265", b_frames=3, pyramid=True, frames=40, gop=50, temporal_layers=3)
    index = index_of(cached(clip, clip_folder))
    wanted = np.arange(len(index.order)) == 33
    seen, fetched, fed = sharded(index, [0, len(index.cuts)], wanted)
    assert [number for number, *_ in seen] == [33]
    assert fetched >= 36
    assert fed <= 12


def layered_units(folder: Path) -> tuple[VideoIndex, list[ReadUnit]]:
    """A clip of three sub-layers, and its packets as a worker reads them; none is wanted."""
    clip = Clip(codec="h265", b_frames=3, pyramid=True, frames=40, gop=50, temporal_layers=3)
    data = cached(clip, folder).read_bytes()
    index = probed(data)
    places = zip(index.packets.position.tolist(), index.packets.size.tolist(), strict=True)
    samples = [data[position:][:size] for position, size in places]
    return index, [
        ReadUnit(row, wanted=False, begins=row == 0, nals=from_sample(sample, 4))
        for row, sample in enumerate(samples)
    ]


@pytest.mark.parametrize("sound", [0, 1, 7, 39])
def test_what_cannot_be_read_is_told_once_all_in_front_of_it_was_given(
    clip_folder: Path, sound: int
) -> None:
    """Though it is read ahead: what lies before damage is not lost with it."""
    index, units = layered_units(clip_folder)

    def read() -> Iterator[ReadUnit]:
        yield from units[:sound]
        raise BrokenVideoError("clip.mp4", "It is cut short.")

    given: list[int] = []
    with pytest.raises(BrokenVideoError):  # noqa: PT012 - all in front of it comes first
        for unit, is_needed in needed_of(index.stream, split(index.stream.parameter_sets))(
            read(), True
        ):
            assert is_needed or unit.row
            given.append(unit.row)
    assert given == list(range(sound))


def test_of_a_long_stretch_so_much_is_read_ahead_as_memory_bears(clip_folder: Path) -> None:
    """Some hundred packets, of a stretch without end; few more are fed than of a short one."""
    index, units = layered_units(clip_folder)
    read = 0

    def endless() -> Iterator[ReadUnit]:
        nonlocal read
        for unit in itertools.cycle(units[1:]):
            read += 1
            yield unit

    needed = needed_of(index.stream, split(index.stream.parameter_sets))(endless(), True)
    given = list(itertools.islice(needed, 1000))
    assert read <= 1000 + 256
    assert 250 <= sum(is_needed for _, is_needed in given) <= 333


@contextmanager
def read_whole(folder: Path) -> Iterator[tuple[Iterator[Step], Fetch, Liveness]]:
    """The steps of a worker with a GOP of sub-layers, all of which is read ahead at once."""
    clip = Clip(codec="h265", b_frames=3, pyramid=True, frames=40, gop=50, temporal_layers=3)
    index = index_of(cached(clip, folder))
    wanted = np.ones(len(index.order), np.bool_)
    work = video_work(index, wanted, DoneIntervals([]), CostModel())
    lease = Lease("one", (work.shard(0, len(index.cuts)),))
    made, pulse = order(lease, {index.source.uri: work}), Liveness()
    with ExitStack() as ends:
        readers = ends.enter_context(closing(FetchPool()))
        device = ends.enter_context(closing(open_device(Opening("Ascend310"))))
        fetch = ends.enter_context(closing(Fetch(made, readers)))
        reading = Reading(made, fetch, device, pulse, lambda: False)
        yield ends.enter_context(closing(reading.steps())), fetch, pulse


def test_each_packet_that_is_fed_is_a_sign_of_life(clip_folder: Path) -> None:
    """Whenever it was read: feeding what was read ahead may take long."""
    with read_whole(clip_folder) as (steps, _, pulse):
        beats = []
        for step in steps:
            if isinstance(step, Picture):
                beats.append(pulse.beats)
                step.release()
    assert len(beats) == 40
    assert beats[-1] - beats[0] > 30


def test_a_cancel_is_heard_before_the_next_packet_is_fed(clip_folder: Path) -> None:
    """Though all packets were read by then."""
    with read_whole(clip_folder) as (steps, fetch, _):
        pictures = 0
        with pytest.raises(CancelRequestedError):  # noqa: PT012 - pictures come first
            for step in steps:
                if isinstance(step, Picture):
                    step.release()
                    pictures += 1
                    fetch.stop()
    assert 1 <= pictures < 10


def renamed(unit: NalUnits, kinds: Mapping[int, int]) -> NalUnits:
    """Return an access unit of H.265 with its pictures called by other types."""
    data = bytearray(unit.data)
    for offset in unit.offsets:
        kind = data[offset] >> 1
        data[offset] = kinds.get(kind, kind) << 1 | data[offset] & 0x81
    return NalUnits(bytes(data), unit.offsets)


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
