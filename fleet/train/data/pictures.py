"""Frames of a video as the network sees them: decoded, letterboxed and converted as for inference.

Only a band of the canvas of 416x416 is kept, as pictures of 16:9 fill 416x234 of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import numpy as np
from numpy.typing import NDArray

from fleet.ascend.aipp import Aipp
from fleet.ascend.aipp_config import AippConfig
from fleet.ascend.surface import tight
from fleet.backend.kinds import Opening, open_device
from fleet.core.frames import ChannelOrder
from fleet.core.geometry import Placement, Size, letterbox
from fleet.errors import UsageError
from fleet.plan.cost import CostModel
from fleet.plan.lease import Lease
from fleet.plan.order import order
from fleet.plan.shard import DoneIntervals, video_work
from fleet.video.index import VideoIndex
from fleet.worker.decode import DecodeLoss, ShardDecoder
from fleet.worker.prefetch import Fetch, FetchPool
from fleet.worker.upright import upright

Band = NDArray[np.uint8]
"""RGB u8 [256, 416, 3]: rows 80..335 of the canvas."""

CANVAS = Size(416, 416)
BAND = Size(416, 256)
BAND_TOP = 80
CONTENT = letterbox(Size(1920, 1080), CANVAS).paste
"""The area of the canvas that a picture of 16:9 fills."""
BORDER = 130
"""The letterbox's grey (Y, U and V 128) in RGB, after AIPP's conversion from the narrow range."""
_CHIP = "Ascend310"


def canvas_placement(picture: Size) -> Placement:
    """Return where a picture lies on the canvas; raises UsageError unless it is 16:9."""
    placement = letterbox(picture, CANVAS)
    if placement.paste != CONTENT:
        message = f"Training takes pictures of 16:9, and these are {picture}."
        raise UsageError(message, "Leave them out of the archive to train on.")
    return placement


def bands(index: VideoIndex, wanted: NDArray[np.bool_]) -> Iterator[tuple[int, Band]]:
    """Yield the wanted frames (bool by frame number) with their numbers, in presentation order.

    Raises VideoError for streams that the chip does not decode, and UsageError where frames are
    damaged.
    """
    placement = canvas_placement(index.stream.shown_size)
    aipp = Aipp(AippConfig(order=ChannelOrder.RGB), CANVAS, 1, np.uint8)
    work = video_work(index, wanted, DoneIntervals([]), CostModel())
    lost: list[DecodeLoss] = []
    with closing(FetchPool()) as readers, closing(open_device(Opening(_CHIP))) as device:
        lease = Lease("train", (work.shard(0, len(index.cuts)),))
        made = order(lease, {index.source.uri: work})
        (shard,) = made.shards
        fetch = Fetch(made, readers)
        with closing(fetch), closing(device.device.open_vdec(index.stream)) as channel:
            decoder = ShardDecoder(
                shard, channel, lambda row: fetch.packet(shard, row), lost.append
            )
            for picture in upright(decoder.pictures(), index.stream, device, lost.append):
                placed = device.device.vpc.place(picture, placement)
                rgb = aipp.run(tight(placed)[None], picture.colour)[0]
                band = rgb[:, BAND_TOP : BAND_TOP + BAND.height].transpose(1, 2, 0)
                yield int(shard.frames[picture.row]), np.ascontiguousarray(band, np.uint8)
                placed.release()
                picture.release()
    if lost:
        raise UsageError(f"{index.source.uri} is damaged: {lost[0].error}", "Leave it out.")
