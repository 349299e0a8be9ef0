"""Gather the rows of a scanned file: where each packet lies, and what its picture is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from av.packet import Packet
from av.video.stream import VideoStream

from fleet.core.access_unit import NalUnits
from fleet.errors import BrokenVideoError
from fleet.video.containers.limits import REENCODE
from fleet.video.containers.locate import Locator, not_verbatim
from fleet.video.containers.packet_batch import PacketBatch
from fleet.video.containers.packet_rows import PacketLocations, PacketRows
from fleet.video.h26x.parameter_sets import ParameterSets
from fleet.video.h26x.picture_log import PictureLog
from fleet.video.probe.other_codec import OtherScan
from fleet.video.probe.stream_info import new_sets
from fleet.video.slices.together import Packets, add_packets
from fleet.video.walked.stretch import Stretch

_FEW = 8
_MOST_TOGETHER = 4096
"""Packets of a stretch that are looked at together: what is known meanwhile of each takes 2 kB."""


class ScannedRows:
    """Takes a stream's packets in decode order.

    Packets are taken together where that is certain to give what one by one does.
    """

    def __init__(
        self,
        uri: str,
        stream: VideoStream,
        sets: ParameterSets,
        locator: Locator,
        log: PictureLog | OtherScan,
        stored: Callable[[bytes], bytes],
    ) -> None:
        """Take what finds packets in the file, and what reads them.

        `sets`: the parameter sets of the stream's header. `stored`: gives of a packet what lies in
        the file.
        """
        self.rows = PacketRows()
        self.as_listed = True
        """Whether all packets lie where libav says, with nothing beside them."""
        self._uri = uri
        self._stream = stream
        self._sets = sets
        self._locator = locator
        self._log = log
        self._stored = stored
        self._not_found = 0

    def add(self, batch: PacketBatch, *, may_be_partial: bool) -> None:
        """Append packets; raise BrokenVideoError where they cannot be fetched, or make no sense.

        `may_be_partial`: whether a packet lacks bytes that libav says is corrupt. In transport
        streams it says so of whole pictures beside a lost packet too.
        """
        together = isinstance(self._log, PictureLog) and batch.is_plain
        locations = self._locator.locate_all(batch) if together else None
        if locations is None or not isinstance(self._log, PictureLog):
            self.as_listed = False
            for number, packet in enumerate(batch.packets):
                self._add(packet, batch.part(number), may_be_partial=may_be_partial)
            return
        packets = batch.packets
        self.as_listed &= locations.position.tolist() == batch.positions
        self.rows.extend(
            locations,
            [packet.pts for packet in packets],
            [packet.dts for packet in packets],
            key=[packet.is_keyframe for packet in packets],
            shown=[not packet.is_discard for packet in packets],
        )
        try:
            add_packets(self._log, self._packets(batch, locations))
        except ValueError as error:
            raise _not_kept(self._uri, error) from error

    def _packets(self, batch: PacketBatch, locations: PacketLocations) -> Packets:
        """Return packets to look at, where they lie in the file if that is at hand.

        Start codes are looked for in all that is between the packets, lengths are not.
        """
        if locations.block is None or not self._sets.nal_length_bytes:
            return Packets(batch.data, batch.starts, batch.ends)
        data, base = locations.block
        starts = locations.position - base
        return Packets(data, starts, starts + locations.size)

    def add_stretch(self, stretch: Stretch) -> None:
        """Append packets of H.264 or H.265 that were found without libav; raise as `add` does.

        Their decode times are their presentation times.
        """
        assert isinstance(self._log, PictureLog)
        self.as_listed = False
        locations = PacketLocations.alone(stretch.position, stretch.size)
        self.rows.extend_all(locations, stretch.pts, stretch.pts, stretch.key)
        for part in stretch.parts(_MOST_TOGETHER):
            starts = part.position - part.base
            packets = Packets(part.data, starts, starts + part.size, part.codes)
            try:
                add_packets(self._log, packets)
            except ValueError as error:
                raise _not_kept(self._uri, error) from error

    def _add(self, packet: Packet[Any], data: bytes, *, may_be_partial: bool) -> None:
        key, shown = packet.is_keyframe, not packet.is_discard
        location = self._locator.locate(packet.pos, self._stored(data))
        whole = location.verbatim and not (packet.is_corrupt and may_be_partial)
        place = location if whole else location.incomplete()
        self.rows.add(place, packet.pts, packet.dts, key=key, shown=shown)
        self._not_found += not location.verbatim
        if self._not_found > _FEW:
            self.check_found()
        configuration = None
        if len(self.rows) > 1:
            configuration = new_sets(self._uri, self._stream, self._sets, packet)
        if isinstance(self._log, PictureLog):
            self._read(self._log, data, configuration)
        else:
            self._log.add(data, key=key)

    def _read(self, log: PictureLog, data: bytes, configuration: NalUnits | None) -> None:
        try:
            log.add(data, configuration)
        except ValueError as error:
            raise _not_kept(self._uri, error) from error

    def check_found(self) -> None:
        """Raise BrokenVideoError where most packets were not found in the file."""
        if self._not_found * 2 > len(self.rows):
            raise not_verbatim(self._uri)


def _not_kept(uri: str, error: ValueError) -> BrokenVideoError:
    message = f"its parameter sets cannot be kept: {error}."
    return BrokenVideoError(uri, message, REENCODE)
