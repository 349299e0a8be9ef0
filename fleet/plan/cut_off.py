"""What a video's header lists and its file does not have: it ends before, as a broken copy does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.plan.cost import fed_rows
from fleet.video.containers.demux import no_picture, too_few_bytes
from fleet.video.h26x.parameter_sets import CODECS
from fleet.video.index import VideoIndex


@dataclass(frozen=True)
class CutOff:
    """What of a video lies behind the end of its file; `frames`: wanted ones, to be lost at least.

    `message`: what a device will say of the first packet that is not there as a whole.
    """

    frames: int
    message: str


def cut_off(index: VideoIndex, wanted: NDArray[np.bool_], todo: NDArray[np.bool_]) -> CutOff | None:
    """Return what is missing of what is to be done, None for nothing; `todo`: bool by GOP.

    Of MPEG-TS, raw streams and others whose packets were found by reading them, nothing is known to
    be missing.
    """
    packets, end = index.packets, index.source.bytes
    # Less may be read of a packet than it takes: what a pass has found may be cut short.
    ends = packets.position + np.maximum(packets.span, packets.size)
    # In a raw stream, a picture that refers to a lost one is listed as if it lacked a byte.
    is_read = index.stream.transport_pid or index.container in CODECS
    if is_read or not len(packets) or int(ends.max()) <= end:
        return None
    fed, _ = fed_rows(index, wanted)
    gone = fed[(ends[fed] > end) & todo[index.gop_of_row[fed]]]
    if not len(gone):
        return None
    frames = index.frame_of_row[gone]
    first, span = int(packets.position[gone[0]]), int(packets.span[gone[0]])
    why = too_few_bytes(max(0, min(span, end - first)), int(packets.size[gone[0]]))
    return CutOff(int(wanted[frames[frames >= 0]].sum()), no_picture(first, why))
