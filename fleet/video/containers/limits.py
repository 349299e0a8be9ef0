"""Limits on what a file may claim: a few bytes of it must not be able to fill the memory."""

from __future__ import annotations

from fleet.core.source import Source
from fleet.errors import BrokenVideoError
from fleet.video.containers.reader import RangeReader

MAX_PACKETS = 1 << 23
"""Pictures in one video: three days at 30 a second."""
MAX_SAMPLES = 1 << 24
"""Samples that an MP4 index may list over all its tracks."""
MAX_HEADER_BYTES = 512 << 20
"""Read of one file without its payload; an index of `MAX_PACKETS` takes a quarter of a GiB."""
MAX_PACKET_BYTES = 64 << 20
"""One coded picture; the largest that the chip decodes is 25 MB uncoded."""
MAX_PICTURE_DISTANCE_BYTES = 1 << 30
"""Read of one file from one picture to the next: a parser keeps all of it in memory."""
WHOLE_BYTES = 1 << 20
"""Files up to so many bytes are looked at whole for their index, and read by one request."""
MAX_PTS = 1 << 60
"""The largest pts on either side of 0, so that no arithmetic with times overflows."""
MAX_PIXELS = 8192 * 8192
"""The largest picture that libav may allocate to find out what a stream is."""

REMUX = "Rewrite it without re-encoding: `ffmpeg -i in -c copy out.mp4`."
REENCODE = "Re-encode it: `ffmpeg -i in -c:v libx264 out.mp4`."
CUT_COMMAND = "`ffmpeg -i in -c copy -f segment -segment_time 3600 out%03d.mp4`"


def is_held(source: Source) -> bool:
    """Return whether a small file is read whole at once; of most stills the head is enough."""
    is_still = source.uri.lower().endswith((".jpg", ".jpeg"))
    return source.bytes <= WHOLE_BYTES and not is_still


class HeaderBudget:
    """Reads a header, up to `max_bytes` in all; raises BrokenVideoError beyond that."""

    def __init__(self, uri: str, reader: RangeReader, max_bytes: int = MAX_HEADER_BYTES) -> None:
        self._uri = uri
        self._reader = reader
        self._left_bytes = self._max_bytes = max_bytes

    @property
    def size(self) -> int:
        """Return how many bytes the object has."""
        return self._reader.size

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes as `RangeReader.read` does."""
        if length > self._left_bytes:
            raise BrokenVideoError(
                self._uri,
                f"its header is larger than the {self._max_bytes >> 20} MiB that are read of one.",
                f"If the file plays elsewhere, cut it into shorter ones: {CUT_COMMAND}.",
            )
        data = self._reader.read(offset, length)
        self._left_bytes -= len(data)
        return data


class ScanBudget:
    """Reads a file from end to end; raises BrokenVideoError where a picture is too far away."""

    def __init__(
        self, uri: str, reader: RangeReader, max_bytes: int = MAX_PICTURE_DISTANCE_BYTES
    ) -> None:
        self._uri = uri
        self._reader = reader
        self._max_bytes = max_bytes
        self._since_bytes = 0

    @property
    def size(self) -> int:
        """Return how many bytes the object has."""
        return self._reader.size

    def read(self, offset: int, length: int) -> bytes:
        """Return bytes as `RangeReader.read` does."""
        if self._since_bytes > self._max_bytes:
            raise BrokenVideoError(
                self._uri,
                f"no picture ends in {self._max_bytes >> 20} MiB of it.",
                "Cut out the stretch without pictures, or leave the file out of the inputs.",
            )
        data = self._reader.read(offset, length)
        self._since_bytes += len(data)
        return data

    def picture(self) -> None:
        """Count from here on: a picture has come."""
        self._since_bytes = 0
