"""What a decoder is fed of a shard: access units made of its packets, and none in vain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

from fleet.core.access_unit import NalUnits
from fleet.errors import FleetError
from fleet.plan.order import ShardOrder
from fleet.video.containers.demux import Demuxer
from fleet.video.decode_plan import GopPart
from fleet.video.h26x.access_unit import is_droppable
from fleet.video.h26x.parameter_sets import CODECS, sub_layers
from fleet.video.other_codecs.packet_log import is_between
from fleet.video.references.lean import LeanFeed, Unit
from fleet.worker.index_check import IndexCheck


class ShardFeed:
    """Makes the access units of one shard, in feed order."""

    def __init__(self, shard: ShardOrder, packet: Callable[[int], bytes]) -> None:
        """Take the shard; `packet`: returns the bytes of a row."""
        self._shard = shard
        self._packet = packet
        self._demuxer = Demuxer(shard.source, shard.stream)
        self.parameter_sets = self._demuxer.parameter_sets
        """The stream's parameter sets."""
        codec = shard.stream.codec
        self._sub_layers = sub_layers(codec, self.parameter_sets)
        self._check = _index_check(shard, self.parameter_sets)
        pixels = shard.stream.size.pixels
        self._lean = LeanFeed(codec, pixels, self.parameter_sets, self._sub_layers)
        self._continued = frozenset(
            int(part.rows[0]) for part, later in pairwise(shard.parts) if not later.restart
        )
        self._held: dict[int, bytes] = {}
        self._dropped = 0

    def units(self, part: GopPart, *, begins: bool) -> Iterator[Unit]:
        """Yield what is fed of a GOP; `begins`: whether a decode begins with it.

        What comes before damage is yielded before the damage is raised.
        """
        if begins:
            self._lean.reset()
        packets = list(zip(part.rows.tolist(), part.wanted.tolist(), strict=True))
        looks = not part.wanted.all()
        sizes = self._shard.packets.span[part.rows].tolist()
        at = 0
        while at < len(packets):
            ahead = self._lean.ahead(sizes, at) if looks else 1
            units, error = self._read(packets[at : at + ahead], begins=begins and not at)
            at += ahead
            if ahead == 1:
                self._lean.lose_track()
                yield from units
            else:
                goes_on = at < len(packets) or packets[0][0] in self._continued
                yield from self._lean.lean(units, goes_on=goes_on and error is None)
            if error is not None:
                raise error

    def _read(
        self, packets: Sequence[tuple[int, bool]], *, begins: bool
    ) -> tuple[list[Unit], FleetError | None]:
        """Return the units of some packets, and what ended them early."""
        # Behind damage of a GOP before, this one may be asked for again from its beginning.
        before, self._held = self._held, {}
        units: list[Unit] = []
        try:
            for number, (row, wanted) in enumerate(packets):
                data = before[row] if row in before else self._packet(row)
                self._held[row] = data
                nals = self._nals(row, data, begins=begins and not number)
                if not wanted and self._is_droppable(nals):
                    self._dropped += 1
                    continue
                units.append(Unit(row, nals, wanted, self._dropped))
                self._dropped = 0
        except FleetError as error:
            return units, error
        return units, None

    def _nals(self, row: int, data: bytes, *, begins: bool) -> NalUnits:
        own = self._demuxer.unit(self._shard.packets, row, data)
        if self._check is not None:
            self._check.check(own, begins=begins)
        return self._demuxer.with_sets(own, int(self._shard.rows[row]), begins=begins)

    def _is_droppable(self, nals: NalUnits) -> bool:
        stream = self._shard.stream
        return is_droppable(stream.codec, nals, self._sub_layers) or is_between(
            stream.codec, stream.configuration, nals.data
        )


def _index_check(shard: ShardOrder, parameter_sets: NalUnits) -> IndexCheck | None:
    """Return what finds out that the index is wrong, where nobody has looked at the whole file."""
    if shard.looked_through or shard.stream.codec not in CODECS:
        return None
    return IndexCheck(shard.source.uri, shard.stream, parameter_sets)
