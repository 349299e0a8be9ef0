"""Decode some frames of a video as a job does, so that frame numbers mean the same."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from fleet.backend.backend import Backend
from fleet.backend.kinds import Opening, open_device
from fleet.core.frames import Picture
from fleet.errors import UsageError
from fleet.plan.cost import CostModel
from fleet.plan.lease import Lease
from fleet.plan.order import ShardOrder, order
from fleet.plan.shard import DoneIntervals, video_work
from fleet.video.index import VideoIndex
from fleet.worker.decode import DecodeLoss, ShardDecoder
from fleet.worker.prefetch import Fetch, FetchPool
from fleet.worker.upright import upright

Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class DecodedFrame(Generic[Made]):
    """One decoded frame."""

    frame: int
    """Its number in the video."""
    pts: int
    """In the stream's time base."""
    time_s: float
    """Seconds from the first frame of the video."""
    made: Made
    """What was made of its picture."""


def decode_frames(
    index: VideoIndex,
    wanted: NDArray[np.bool_],
    chip: str,
    make: Callable[[Picture], Made],
) -> Generator[DecodedFrame[Made]]:
    """Yield the wanted frames as `frames_on` does, on a device of their own of kind `chip`.

    Who may end before the last one closes it, and with it the device.
    """
    with closing(open_device(Opening(chip))) as device:
        yield from frames_on(device, index, wanted, make)


def frames_on(
    device: Backend,
    index: VideoIndex,
    wanted: NDArray[np.bool_],
    make: Callable[[Picture], Made],
) -> Generator[DecodedFrame[Made]]:
    """Yield the wanted frames in presentation order, decoded on a device and upright.

    `wanted`: bool [frames], by frame number. `make`: called with each picture while it lasts. The
    caller closes it before the device.

    Raises VideoError where neither the chip nor the host decodes it, and UsageError where frames
    are damaged.
    """
    work = video_work(index, wanted, DoneIntervals([]), CostModel())
    lost: list[DecodeLoss] = []
    with closing(FetchPool()) as readers:
        lease = Lease("show", (work.shard(0, len(index.cuts)),))
        made = order(lease, {index.source.uri: work})
        (shard,) = made.shards
        fetch = Fetch(made, readers)
        with closing(fetch), closing(device.open_decoder(index.stream)) as channel:
            decoder = ShardDecoder(
                shard, channel, lambda row: fetch.packet(shard, row), lost.append
            )
            for picture in upright(decoder.pictures(), index.stream, device, lost.append):
                try:
                    decoded = _decoded(picture, shard, index, make(picture))
                finally:
                    picture.release()
                yield decoded
    if lost:
        count = sum(len(item.rows) for item in lost)
        message = f"{count:,} frames of {index.source.uri} cannot be decoded: {lost[0].error}"
        raise UsageError(message, "Choose another stretch.")


def _decoded(
    picture: Picture, shard: ShardOrder, index: VideoIndex, made: Made
) -> DecodedFrame[Made]:
    pts = int(shard.packets.pts[picture.row])
    time_s = float((pts - index.start_pts) * index.stream.time_base)
    return DecodedFrame(int(shard.frames[picture.row]), pts, time_s, made)
