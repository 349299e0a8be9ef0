"""The index of a video: its stream, its packets and its GOPs, known before any decoding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from fleet.core.source import Source
from fleet.video.stream import StreamInfo

_LEAST, _MOST = int(np.iinfo(np.int64).min), int(np.iinfo(np.int64).max)


@dataclass(frozen=True, eq=False)
class PacketTable:
    """One row a packet of the video stream, in decode order."""

    DTYPES: ClassVar[Mapping[str, type[np.generic]]] = {
        "position": np.int64,
        "span": np.int32,
        "skip": np.int32,
        "size": np.int32,
        "pts": np.int64,
        "display": np.int32,
        "key": np.bool_,
        "entry": np.bool_,
        "shown": np.bool_,
    }
    """The columns in order, and what each one holds, wherever a table is written or read."""
    _CHECKED: ClassVar = [np.dtype(dtype) for dtype in DTYPES.values()]

    position: NDArray[np.int64]
    """The first byte in the file of those to read for this packet."""
    span: NDArray[np.int32]
    """How many bytes to read for it."""
    skip: NDArray[np.int32]
    """In MPEG-TS and -PS, bytes of the extracted payload that come before it; elsewhere 0."""
    size: NDArray[np.int32]
    """How many bytes of the payload the packet takes: all of `span`, but in MPEG-TS and -PS.

    More than there are, where the packet is cut short or not in the file as it was demuxed.
    """
    pts: NDArray[np.int64]
    """When its picture is shown, in the stream's time base."""
    display: NDArray[np.int32]
    """Where pts are equal: pictures are shown in the order of these numbers."""
    key: NDArray[np.bool_]
    """Whether a GOP begins here, by what is said of it."""
    entry: NDArray[np.bool_]
    """Whether decoding may really begin here; as `key`, where no key was found to be none."""
    shown: NDArray[np.bool_]
    """Whether it gives a frame.

    False for packets that only serve decoding or cannot be decoded at all: before an edit list's
    start, before the first key, leading pictures of a stream that was cut in an open GOP.
    """

    def __post_init__(self) -> None:
        columns = [getattr(self, name) for name in self.DTYPES]
        if len(set(map(len, columns))) != 1:
            lengths = dict(zip(self.DTYPES, map(len, columns), strict=True))
            raise ValueError(f"the columns of a packet table are of one length: {lengths}")
        for name, dtype, column in zip(self.DTYPES, self._CHECKED, columns, strict=True):
            if column.dtype != dtype:
                raise ValueError(f"{name} of a packet table is {dtype}, not {column.dtype}")

    def __len__(self) -> int:
        return len(self.position)

    def __repr__(self) -> str:
        return f"PacketTable({len(self)} packets, {int(self.key.sum())} keys)"

    def take(self, rows: NDArray[np.int64]) -> Self:
        """Return the given rows as another table."""
        return type(self)(**{name: getattr(self, name)[rows] for name in self.DTYPES})


@dataclass(frozen=True, eq=False)
class VideoIndex:
    """A video's stream and packets; everything else about its frames follows from these."""

    source: Source
    """The object in storage."""
    container: str
    """The kind of file: mp4, avi, matroska, flv, ogg, mpegts, mpeg, h264, hevc or jpeg."""
    stream: StreamInfo
    packets: PacketTable
    origin: Literal["header", "scan"]
    """Where the packets were found: in the container's header, or by a pass over the whole file.

    After a pass, what is said of keys and parameter sets is known to be so.
    """
    bytes_read: int
    """How many bytes of the object were read to make the index."""

    def as_stored(self) -> VideoIndex:
        """Return the index as if a player showed the pictures as a decoder gives them."""
        stream = self.stream
        return self if stream.is_shown_as_stored else replace(self, stream=stream.as_stored())

    @cached_property
    def order(self) -> NDArray[np.int64]:
        """Return the row of each frame, by frame number: int64 [frames], in presentation order."""
        shown = np.flatnonzero(self.packets.shown)
        pts = self.packets.pts[shown]
        if (pts[1:] > pts[:-1]).all():
            return shown
        return shown[np.lexsort((self.packets.display[shown], pts))]

    @cached_property
    def frame_of_row(self) -> NDArray[np.int64]:
        """Return the frame number of each row, -1 where a packet shows nothing: int64 [packets]."""
        numbers = np.full(len(self.packets), -1, np.int64)
        numbers[self.order] = np.arange(len(self.order))
        return numbers

    @cached_property
    def cuts(self) -> NDArray[np.int64]:
        """Return the rows where a GOP begins: int64 [gops], keys where an exact cut is possible.

        A key is a cut when every earlier packet is shown before it, no later packet is shown before
        the previous cut, and its leading pictures (those that follow it and are shown before it)
        come before the next key. Then each frame belongs to exactly one GOP by its pts alone. Edit
        lists that play parts of a file out of order have keys that are no cuts.
        """
        pts, keys = self.packets.pts, np.flatnonzero(self.packets.key)
        if not len(keys):
            return keys
        # Of a short clip, joining arrays takes longer than what is worked out.
        latest_before, earliest_after = np.empty((2, len(pts) + 1), np.int64)
        latest_before[0], earliest_after[-1] = _LEAST, _MOST
        np.maximum.accumulate(pts, out=latest_before[1:])
        np.minimum.accumulate(pts[::-1], out=earliest_after[-2::-1])
        next_keys = np.empty_like(keys)
        next_keys[:-1], next_keys[-1] = keys[1:], len(pts)
        separate = (latest_before[keys] < pts[keys]) & (earliest_after[next_keys] > pts[keys])
        separate[0] = True
        chosen: NDArray[np.int64] = keys[separate]
        if (earliest_after[chosen[1:]] > pts[chosen[:-1]]).all():
            return chosen
        cuts = [int(keys[0])]
        for key in chosen[1:]:
            if earliest_after[key] > pts[cuts[-1]]:
                cuts.append(int(key))
        return np.array(cuts, np.int64)

    @cached_property
    def gop_of_row(self) -> NDArray[np.int64]:
        """Return the GOP that owns each row's frame: int64 [packets].

        Leading pictures belong to the GOP before.
        """
        gop = self.cuts.searchsorted(np.arange(len(self.packets)), side="right") - 1
        leading = self.packets.pts < self.packets.pts[self.cuts[np.maximum(gop, 0)]]
        return np.maximum(gop - leading, 0)

    @cached_property
    def bounds(self) -> NDArray[np.int64]:
        """Return the pts where each GOP's span begins and the last one ends: int64 [gops + 1]."""
        if not len(self.order):
            return np.zeros(0, np.int64)
        bounds = np.empty(len(self.cuts) + 1, np.int64)
        bounds[:-1] = self.packets.pts[self.cuts]
        # An edit list may hide the last GOPs whole: no frame lies in their spans, which still rise.
        bounds[-1] = max(self.packets.pts[self.order[-1]], bounds[-2]) + 1
        bounds[0] = min(bounds[0], self.start_pts)
        return bounds

    @property
    def start_pts(self) -> int:
        """Return the pts of the first frame, where time_s is 0."""
        return int(self.packets.pts[self.order[0]])

    @cached_property
    def duration_s(self) -> float:
        """Return the seconds from the first frame to the end of the last.

        The last frame lasts as long as the average one.
        """
        count = len(self.order)
        if count < 2:
            return float(1 / self.stream.frame_rate) if self.stream.frame_rate and count else 0.0
        span = int(self.packets.pts[self.order[-1]]) - self.start_pts
        return float(span * self.stream.time_base) * count / (count - 1)

    @property
    def has_b_frames(self) -> bool:
        """Return whether pictures are shown in another order than they are decoded."""
        return bool((np.diff(self.packets.pts) < 0).any())

    @property
    def open_gops(self) -> int:
        """Return how many GOPs after the first begin with leading pictures."""
        gop = np.searchsorted(self.cuts, np.arange(len(self.packets)), side="right") - 1
        return len(np.unique(gop[(gop != self.gop_of_row) & (gop > 0)]))

    def __repr__(self) -> str:
        return f"VideoIndex({self.source.uri}, {len(self.order)} frames, {len(self.cuts)} GOPs)"
