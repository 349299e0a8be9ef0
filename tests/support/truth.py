"""What a plain demux and decode of a file by PyAV says, and the index held against it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from fleet.core.source import Source
from fleet.video.containers.limits import WHOLE_BYTES
from fleet.video.containers.mpegts import payload
from fleet.video.index import VideoIndex
from fleet.video.probe.probe import probe


class MemoryReader:
    """A file in memory that notes which ranges are read of it."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.ranges: list[tuple[int, int]] = []

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return len(self.data)

    def read(self, offset: int, length: int) -> bytes:
        """See `RangeReader`."""
        self.ranges.append((offset, length))
        return self.data[offset : offset + length]


@dataclass(frozen=True)
class Truth:
    """Packets in decode order, and the rows in the order in which a decoder gives their frames."""

    data: list[bytes]
    pts: list[int | None]
    key: list[bool]
    order: list[int]
    time_base: object


def probed(data: bytes, name: str = "clip", whole_bytes: int = WHOLE_BYTES) -> VideoIndex:
    """Index a file in memory; see `probe`."""
    return probe(Source(name, len(data), "etag"), MemoryReader(data), whole_bytes)


def truth(path: Path) -> Truth:
    """Demux and decode a file from its start to its end.

    Each packet carries its row through the decoder in place of its pts, which decoders hand on
    unread: so the order is known in containers without timestamps too.
    """
    data: list[bytes] = []
    pts: list[int | None] = []
    key: list[bool] = []
    order: list[int | None] = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        for packet in container.demux(stream):
            if packet.size:
                data.append(bytes(packet))
                pts.append(packet.pts)
                key.append(packet.is_keyframe)
                packet.pts = packet.dts = len(data) - 1
            order += [frame.pts for frame in stream.decode(packet if packet.size else None)]
        return Truth(data, pts, key, [row for row in order if row is not None], stream.time_base)


def extracted(index: VideoIndex, file: bytes, row: int) -> bytes:
    """A packet, taken from the file by what the table says."""
    table, stream = index.packets, index.stream
    position, span = int(table.position[row]), int(table.span[row])
    skip, size = int(table.skip[row]), int(table.size[row])
    data = file[position : position + span]
    if stream.transport_pid:
        data = payload(data, stream.transport_pid, stream.transport_step)
    return data[skip : skip + size]


def assert_true(index: VideoIndex, path: Path) -> Truth:
    """Hold packets, keys, payload and frame numbers against the truth, which is returned."""
    real, file = truth(path), path.read_bytes()
    assert len(index.packets) == len(real.data)
    assert [extracted(index, file, row) for row in range(len(real.data))] == real.data
    assert index.packets.key.tolist() == real.key
    assert index.order.tolist() == real.order
    return real


def assert_same_pts(index: VideoIndex, real: Truth) -> None:
    """The table's pts are the container's."""
    assert index.stream.time_base == real.time_base
    assert index.packets.pts.tolist() == real.pts


def regular(index: VideoIndex) -> bool:
    """Whether frames follow one another at one distance."""
    return len(np.unique(np.diff(index.packets.pts[index.order]))) <= 1
