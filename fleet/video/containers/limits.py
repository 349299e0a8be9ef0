"""How much is believed of a file: what a few bytes claim may not fill the memory."""

from __future__ import annotations

from fleet.errors import BrokenVideoError
from fleet.video.containers.reader import RangeReader

MOST_PACKETS = 1 << 23
"""Pictures in one video: three days at 30 a second."""
MOST_SAMPLES = 1 << 24
"""Samples that an MP4 index may list over all its tracks."""
MOST_HEADER_BYTES = 512 << 20
"""Read of one file without its payload; an index of `MOST_PACKETS` takes a quarter of a GiB."""
LARGEST_PACKET_BYTES = 64 << 20
"""One coded picture; the largest that the chip decodes is 25 MB uncoded."""
MOST_BETWEEN_BYTES = 1 << 30
"""Read of one file from one picture to the next: a parser holds all of it."""
LARGEST_PTS = 1 << 60
"""Either side of 0, so that nothing that is done with times overflows."""
MOST_PIXELS = 8192 * 8192
"""What libav may allocate a picture of to find out what a stream is."""

CUT = "`ffmpeg -i in -c copy -f segment -segment_time 3600 out%03d.mp4`"


class Budget:
    """Reads of a header, up to `most_bytes` in all; BrokenVideoError beyond that."""

    def __init__(self, uri: str, reader: RangeReader, most_bytes: int = MOST_HEADER_BYTES) -> None:
        self._uri = uri
        self._reader = reader
        self._left_bytes = self._most_bytes = most_bytes

    @property
    def size(self) -> int:
        """How many bytes the object has."""
        return self._reader.size

    def read(self, offset: int, length: int) -> bytes:
        """See `RangeReader`."""
        if length > self._left_bytes:
            raise BrokenVideoError(
                self._uri,
                f"its header is larger than the {self._most_bytes >> 20} MiB that are read of one.",
                f"If the file plays elsewhere, cut it into shorter ones: {CUT}.",
            )
        data = self._reader.read(offset, length)
        self._left_bytes -= len(data)
        return data


class ScanBudget:
    """Reads of a file from end to end; BrokenVideoError where a picture takes too many bytes."""

    def __init__(self, uri: str, reader: RangeReader, most_bytes: int = MOST_BETWEEN_BYTES) -> None:
        self._uri = uri
        self._reader = reader
        self._most_bytes = most_bytes
        self._since_bytes = 0

    @property
    def size(self) -> int:
        """How many bytes the object has."""
        return self._reader.size

    def read(self, offset: int, length: int) -> bytes:
        """See `RangeReader`."""
        if self._since_bytes > self._most_bytes:
            raise BrokenVideoError(
                self._uri,
                f"no picture ends in {self._most_bytes >> 20} MiB of it.",
                "Cut out the stretch without pictures, or leave the file out of the inputs.",
            )
        data = self._reader.read(offset, length)
        self._since_bytes += len(data)
        return data

    def picture(self) -> None:
        """Note that a picture came."""
        self._since_bytes = 0
