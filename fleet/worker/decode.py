"""Decode a shard: feed its packets to a decoder, and yield its wanted pictures in display order.

Damage costs only the frames that depend on it: decoding goes on at the next key frame.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from fleet.ascend.codes import Code
from fleet.backend.channel import Channel
from fleet.core.access_unit import AccessUnit, NalUnits
from fleet.core.frames import Picture
from fleet.errors import (
    BrokenVideoError,
    DeviceError,
    DeviceLostError,
    FleetError,
    IndexMistakenError,
    VideoChangedError,
    VideoError,
)
from fleet.plan.order import ShardOrder
from fleet.video.containers.demux import Demuxer
from fleet.video.decode_plan import GopPart
from fleet.video.h26x.h264_chain import ReferenceChain
from fleet.video.h26x.parameter_sets import CODECS
from fleet.worker.index_check import IndexCheck
from fleet.worker.needed import ReadUnit, needed_of


@dataclass(frozen=True, eq=False)
class DecodeLoss:
    """Wanted pictures that were lost."""

    rows: NDArray[np.int64]
    """Their rows in the shard's packets: int64 [n]."""
    error: FleetError
    """Why they were lost."""


class ShardDecoder:
    """Decodes one shard on a channel."""

    def __init__(
        self,
        shard: ShardOrder,
        channel: Channel,
        packet: Callable[[int], bytes],
        lose: Callable[[DecodeLoss], None],
        step: Callable[[], None] = lambda: None,
    ) -> None:
        """Take the shard and its channel.

        `packet`: returns the bytes of a row; what it raises for bytes that could not be read ends
        the decoding, as that says nothing of them; and so does an IndexMistakenError. `lose`:
        called with what is lost. `step`: called before each packet that the channel is given, which
        may have been read long before; what it raises ends the decoding as well.
        """
        self.fed = 0
        """How many packets the channel was given."""
        self._shard = shard
        self._channel = channel
        self._packet = packet
        self._lose = lose
        self._step = step
        self._demuxer = Demuxer(shard.source, shard.stream)
        self._needed = needed_of(shard.stream, self._demuxer.parameter_sets)
        self._gone_on_from = _gone_on_from(shard)
        self._returned: set[int] = set()
        self._chain = _chain(shard, self._demuxer.parameter_sets)
        self._check = _index_check(shard, self._demuxer.parameter_sets)
        self._last_fed = 0
        self._skipped = 0
        self._gap_row: int | None = None

    def pictures(self, parts: Iterable[GopPart] | None = None) -> Iterator[Picture]:
        """Yield the wanted pictures, in presentation order within each run.

        `parts`: fed instead of the shard's own, for a caller that may end early; each is requested
        when the one before it is fed.
        """
        broken = False
        due: list[GopPart] = []
        for part in self._shard.parts if parts is None else parts:
            if part.restart or broken:
                yield from self._drain(due)
                self._channel.reset()
                due = []
            if broken and not part.entry:
                self._lose_all(part)
                continue
            usable = self._without_leading(part) if broken else part
            error = yield from self._decode(due, usable)
            if error and due and part.entry and self._is_damaged_before(usable):
                # The damage of an earlier GOP shows only now; this GOP can begin at its own key.
                yield from self._salvage(due, error)
                self._channel.reset()
                due, usable = [], self._without_leading(part)
                error = yield from self._decode(due, usable)
            due.append(usable)
            broken = error is not None
            if error:
                yield from self._salvage(due, error)
                due = []
        yield from self._drain(due)

    def _decode(
        self, due: list[GopPart], part: GopPart
    ) -> Generator[Picture, None, FleetError | None]:
        """Feed a GOP that continues those in `due`; return the error that ended it, if any.

        Raises what reading raises, see `packet`.
        """
        first = (due or [part])[0].rows[0]
        try:
            is_end = int(part.rows[0]) not in self._gone_on_from
            for unit, is_needed in self._needed(self._units(part, first), is_end):
                if is_needed:
                    yield from self._feed(unit)
                else:
                    self._skipped += 1
        except (VideoChangedError, IndexMistakenError, DeviceLostError):
            raise
        except (DeviceError, VideoError) as error:
            return error
        return None

    def _is_damaged_before(self, part: GopPart) -> bool:
        """Return whether the damage that was found lies in a GOP before this one."""
        row = self._channel.damaged_row
        # A picture that is missing before a key is none of the key's GOP.
        first = int(part.rows[0])
        return (row is not None and row < first) or self._gap_row == first

    def _units(self, part: GopPart, first: int) -> Iterator[ReadUnit]:
        """Read a GOP; `first`: the row with which the decode begins."""
        shard = self._shard
        for row, wanted in zip(part.rows.tolist(), part.wanted.tolist(), strict=True):
            own = self._demuxer.unit(shard.packets, row, self._packet(row))
            begins = row == first
            if self._check is not None:
                self._check.check(own, begins=begins)
            nals = self._demuxer.with_sets(own, int(shard.rows[row]), begins=begins)
            yield ReadUnit(row, wanted, begins, nals)

    def _feed(self, unit: ReadUnit) -> Iterator[Picture]:
        self._step()
        self._check_chain(unit.row, unit.nals, begins=unit.begins)
        self.fed += 1
        key = bool(self._shard.packets.key[unit.row])
        sent = AccessUnit(unit.nals, unit.row, key, unit.wanted)
        yield from self._hand_out(self._channel.send(sent))

    def _check_chain(self, row: int, nals: NalUnits, *, begins: bool) -> None:
        """Raise BrokenVideoError where a picture that this one may refer to is not in the file."""
        if self._chain is None:
            return
        rows = self._shard.rows
        left_out = int(rows[row] - rows[self._last_fed]) - 1 - self._skipped
        if begins:
            self._chain.reset()
            left_out = 0
        continues = self._chain.continues(nals, left_out)
        self._last_fed, self._skipped = row, 0
        if not continues:
            self._gap_row = row
            message = "A picture is missing before this one, which refers to it."
            raise BrokenVideoError(self._shard.source.uri, message)

    def _hand_out(self, pictures: list[Picture]) -> Iterator[Picture]:
        """Yield pictures, noting each; release those that the caller does not take."""
        waiting = deque(pictures)
        try:
            while waiting:
                self._returned.add(waiting[0].row)
                yield waiting.popleft()
        finally:
            for picture in waiting:
                picture.release()

    def _drain(self, due: list[GopPart]) -> Iterator[Picture]:
        """End a run; what was wanted of it and did not come is lost."""
        if not due:
            return
        try:
            yield from self._hand_out(self._channel.drain())
        except DeviceLostError:
            raise
        except DeviceError as error:
            yield from self._salvage(due, error)
            return
        self._record_lost(due, _undecodable("The decoder gave no picture for these packets."))

    def _salvage(self, due: list[GopPart], error: FleetError) -> Iterator[Picture]:
        """Yield what was decoded before the damage, and record the rest of the run as lost."""
        # A drain that finds more damage leaves the pictures before it to the next drain. Only the
        # first error is recorded.
        for _ in range(2):
            with suppress(DeviceError):
                yield from self._hand_out(self._channel.drain())
                break
        self._record_lost(due, error)

    def _record_lost(self, due: list[GopPart], error: FleetError) -> None:
        """Report the wanted pictures of a run that were not returned."""
        wanted = np.concatenate([part.rows[part.wanted] for part in due])
        missing = np.array([row for row in wanted.tolist() if row not in self._returned], np.int64)
        self._returned.clear()
        if len(missing):
            self._lose(DecodeLoss(missing, error))

    def _lose_all(self, part: GopPart) -> None:
        """Report the wanted pictures of a GOP that cannot be decoded without the one before."""
        if part.wanted.any():
            message = "These pictures refer to a stretch before them that could not be decoded."
            self._lose(DecodeLoss(part.rows[part.wanted], _undecodable(message)))

    def _without_leading(self, part: GopPart) -> GopPart:
        """Return a GOP without the pictures shown before its key: what they refer to is lost."""
        pts = self._shard.packets.pts[part.rows]
        leading = pts < pts[0]
        lost = part.rows[leading & part.wanted]
        if len(lost):
            message = "These pictures refer to a stretch before them that could not be decoded."
            self._lose(DecodeLoss(lost, _undecodable(message)))
        return GopPart(part.rows[~leading], part.wanted[~leading], restart=True)


def _gone_on_from(shard: ShardOrder) -> frozenset[int]:
    """Return the first rows of the GOPs behind which decoding goes on without a fresh start."""
    pairs = pairwise(shard.parts)
    return frozenset(int(part.rows[0]) for part, behind in pairs if not behind.restart)


def _index_check(shard: ShardOrder, parameter_sets: NalUnits) -> IndexCheck | None:
    """Return what finds out that the index is wrong, where nobody has looked at the whole file."""
    if shard.looked_through or shard.stream.codec not in CODECS:
        return None
    return IndexCheck(shard.source.uri, shard.stream, parameter_sets)


def _chain(shard: ShardOrder, parameter_sets: NalUnits) -> ReferenceChain | None:
    """Return what finds missing pictures, where some may be missing.

    Not for H.265, whose decoder reports them.
    """
    stream = shard.stream
    if shard.gapless or stream.codec != "h264" or not stream.frame_num_step:
        return None
    return ReferenceChain(parameter_sets, stream.frame_num_step)


def _undecodable(message: str) -> DeviceError:
    code = Code.ERR_VDM_DECODE_FAIL
    return DeviceError(code, code.name, message)
