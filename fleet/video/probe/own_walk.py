"""Go on with a scan without libav, where what it gave so far is what our own way finds.

libav copies all that it reads, and makes an object of each packet. Of a file that is plain, the
headers tell the same. Where anything is not plain, libav reads the file from start to end.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from typing import Any

import numpy as np
from av.packet import Packet
from numpy.typing import NDArray

from fleet.video.containers.limits import MAX_PACKETS, ScanBudget
from fleet.video.containers.packet_batch import PacketBatch
from fleet.video.containers.packet_rows import PacketRows
from fleet.video.containers.reader import BlockFile
from fleet.video.h26x.parameter_sets import CODECS
from fleet.video.h26x.picture_log import PictureLog
from fleet.video.probe.scanned_rows import ScannedRows
from fleet.video.walked import ebml
from fleet.video.walked.access_units import AccessUnits
from fleet.video.walked.matroska import Clusters
from fleet.video.walked.matroska_header import read_header
from fleet.video.walked.stretch import Stretch, UnusualError

TRIAL = 64
"""Packets that libav gives together at first, to be left soon."""
WALKED = frozenset({"matroska", *CODECS})
"""Demuxers whose files are gone through without them."""
_SURE = 8
"""Packets in a row of which libav has to give the times that are expected."""


class OwnWalk:
    """The packets of a file's video stream, as they are found without libav."""

    def __init__(self, file: BlockFile, demuxer: str, log: PictureLog, budget: ScanBudget) -> None:
        self._raw = demuxer if demuxer in CODECS else ""
        self._log = log
        self._file = file
        self._budget = budget
        self._block: int | None = None
        """Where libav says that the first packet's block begins."""

    def agrees(self, batch: PacketBatch) -> bool:
        """Return whether libav may be left behind some packets of it, the first ones or later.

        While it finds out what a stream is, libav gives no decode times. Then those of Matroska are
        the presentation times, as nobody has told it of a delay. Raw streams have none at all.
        """
        if self._block is None:
            self._block = batch.packets[0].pos
        last = batch.packets[-_SURE:]
        return len(last) == _SURE and all(
            (packet.pts is None) == bool(self._raw)
            and packet.pts == packet.dts
            and not packet.is_discard
            for packet in last
        )

    def finish(self, scanned: ScannedRows, libav: Iterator[Packet[Any]]) -> bool:
        """Add all packets behind those that libav gave; `libav`: gives those that it goes on with.

        Return False, with nothing added, where it is plain at once that libav has to go on. Of a
        raw stream, only its parser says whether damaged pictures are keys: where there are any, it
        is asked. Raises UnusualError where libav has to begin again.
        """
        given = len(scanned.rows)
        try:
            for stretch in self._behind(scanned):
                scanned.add_stretch(stretch)
        except UnusualError:
            if len(scanned.rows) > given:
                raise
            return False
        if self._raw and self._log.damaged[given:].any():
            _take_keys(scanned.rows, given, libav)
        return True

    def _behind(self, scanned: ScannedRows) -> Iterator[Stretch]:
        """Yield what comes behind the packets that were scanned, which have to be the first."""
        rows = scanned.rows
        given, key, pts = rows.locations, rows.key, rows.pts
        done, count = 0, len(rows)
        for stretch in self._stretches():
            self._budget.picture()
            same = min(len(stretch), count - done)
            if same:
                place = slice(done, done + same)
                known: list[NDArray[Any]] = [given.position[place], given.size[place], pts[place]]
                found: list[NDArray[Any]] = [stretch.position, stretch.size, stretch.pts]
                if not self._raw:
                    known.append(key[place])
                    found.append(stretch.key)
                if not all(
                    np.array_equal(one, other[:same])
                    for one, other in zip(known, found, strict=True)
                ):
                    raise UnusualError("libav gives other packets")
                done += same
            if same < len(stretch):
                yield stretch.after(same)
            if len(rows) > MAX_PACKETS:
                raise UnusualError("it has more packets than are read")
        if done < count:
            raise UnusualError("libav gives more packets")

    def _stretches(self) -> Iterator[Stretch]:
        if self._raw:
            yield from AccessUnits(self._file, self._raw).stretches()
            return
        block = self._file.peek(self._block or 0, ebml.HEADER_BYTES)
        track, _ = ebml.number(block, 0)
        yield from Clusters(self._file, read_header(self._file), track).stretches()


def _take_keys(rows: PacketRows, begin: int, libav: Iterator[Packet[Any]]) -> None:
    """Have rows from one on say of keys what libav does; raise UnusualError for other packets."""
    sizes, keys = array("q"), bytearray()
    for packet in libav:
        sizes.append(packet.size)
        keys.append(packet.is_keyframe)
    if not np.array_equal(np.array(sizes, np.int64), rows.locations.size[begin:]):
        raise UnusualError("libav gives other packets")
    rows.set_keys(begin, keys)
