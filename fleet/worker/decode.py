"""Decoding a shard: its packets in feed order through VDEC, its wanted pictures out, in order.

What cannot be decoded costs its own frames: decoding goes on at the next key frame.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fleet.ascend.codes import Code
from fleet.ascend.vdec import VdecChannel
from fleet.core.access_unit import AccessUnit, NalUnits
from fleet.core.frames import Picture
from fleet.errors import (
    BrokenVideoError,
    CredentialsRefusedError,
    DeviceError,
    FleetError,
    StorageError,
    VideoError,
)
from fleet.plan.order import ShardOrder
from fleet.video.containers.demux import Demuxer
from fleet.video.decode_plan import GopPart
from fleet.video.h26x.access_unit import is_droppable
from fleet.video.h26x.h264_chain import ReferenceChain
from fleet.video.h26x.parameter_sets import sub_layers


@dataclass(frozen=True, eq=False)
class DecodeLoss:
    """Wanted pictures that did not come out: their rows in the shard's packets, and why."""

    rows: NDArray[np.int64]
    error: FleetError


class ShardDecoder:
    """Decodes one shard on a channel; `fed` counts the packets given to it.

    `packet`: row -> its bytes. `lose`: told of what does not come out. `last_try`: a store that
    does not answer costs the frames that were asked of it; otherwise its StorageError is raised.
    """

    def __init__(
        self,
        shard: ShardOrder,
        channel: VdecChannel,
        packet: Callable[[int], bytes],
        lose: Callable[[DecodeLoss], None],
        *,
        last_try: bool = False,
    ) -> None:
        self.fed = 0
        self._shard = shard
        self._channel = channel
        self._packet = packet
        self._lose = lose
        # Until then the whole lease is tried again; after that, what cannot be fetched is lost.
        self._mendable: tuple[type[FleetError], ...] = (
            DeviceError,
            VideoError,
            *((StorageError,) if last_try else ()),
        )
        self._demuxer = Demuxer(shard.source, shard.stream)
        self._sub_layers = sub_layers(shard.stream.codec, self._demuxer.parameter_sets)
        self._given: set[int] = set()
        self._chain = _chain(shard, self._demuxer.parameter_sets)
        self._last_fed = 0
        self._dropped = 0

    def pictures(self, parts: Iterable[GopPart] | None = None) -> Iterator[Picture]:
        """Yield the wanted pictures, in presentation order within each run.

        `parts`: fed in place of the shard's own, by who may have to end it early; each is asked for
        when the one before it is fed.
        """
        broken = False
        due: list[GopPart] = []
        for part in self._shard.parts if parts is None else parts:
            if part.restart or broken:
                yield from self._drain(due)
                self._channel.reset()
                due = []
            usable = self._without_leading(part) if broken else part
            error = yield from self._decode(due, usable)
            if error and due and self._lies_before(usable):
                # The damage shows only now: this GOP has a key of its own to begin at.
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
        """Feed a GOP that goes on from those in `due`; gives the error that ended it, if any.

        Raises CredentialsRefusedError: that is no matter of this video.
        """
        first = (due or [part])[0].rows[0]
        try:
            for row, wanted in zip(part.rows.tolist(), part.wanted.tolist(), strict=True):
                yield from self._feed(row, wanted, begins=row == first)
        except CredentialsRefusedError:
            raise
        except self._mendable as error:
            return error
        return None

    def _lies_before(self, part: GopPart) -> bool:
        """Whether what was found damaged belongs to a GOP before this one."""
        row = self._channel.damaged_row
        return row is not None and row < part.rows[0]

    def _feed(self, row: int, wanted: bool, *, begins: bool) -> Iterator[Picture]:
        shard = self._shard
        data = self._packet(row)
        nals = self._demuxer.unit(shard.packets, row, data, begins=begins)
        if not wanted and is_droppable(shard.stream.codec, nals, self._sub_layers):
            self._dropped += 1
            return
        self._check_chain(row, nals, begins=begins)
        self.fed += 1
        key = bool(shard.packets.key[row])
        yield from self._give(self._channel.send(AccessUnit(nals, row, key, wanted)))

    def _check_chain(self, row: int, nals: NalUnits, *, begins: bool) -> None:
        """Raise BrokenVideoError where a picture that this one may refer to is not in the file."""
        if self._chain is None:
            return
        left_out = int(self._shard.rows[row] - self._shard.rows[self._last_fed]) - 1 - self._dropped
        if begins:
            self._chain.reset()
            left_out = 0
        follows = self._chain.continues(nals, left_out)
        self._last_fed, self._dropped = row, 0
        if not follows:
            message = "A picture is missing before this one, which refers to it."
            raise BrokenVideoError(self._shard.source.uri, message)

    def _give(self, pictures: list[Picture]) -> Iterator[Picture]:
        waiting = deque(pictures)
        try:
            while waiting:
                self._given.add(waiting[0].row)
                yield waiting.popleft()
        finally:
            # Only where the job gave up in the middle of a batch.
            for picture in waiting:
                picture.release()

    def _drain(self, due: list[GopPart]) -> Iterator[Picture]:
        """End a run; what was wanted of it and did not come is lost."""
        if not due:
            return
        try:
            yield from self._give(self._channel.drain())
        except DeviceError as error:
            yield from self._salvage(due, error)
            return
        self._settle(due, _undecodable("The decoder gave no picture for these packets."))

    def _salvage(self, due: list[GopPart], error: FleetError) -> Iterator[Picture]:
        """Give what was decoded before the damage, and settle the rest of the run as lost."""
        # A drain that finds more damage leaves what came before it to the next one. A second error
        # would add nothing: the first one says why.
        for _ in range(2):
            with suppress(DeviceError):
                yield from self._give(self._channel.drain())
                break
        self._settle(due, error)

    def _settle(self, due: list[GopPart], error: FleetError) -> None:
        wanted = np.concatenate([part.rows[part.wanted] for part in due])
        missing = np.array([row for row in wanted.tolist() if row not in self._given], np.int64)
        self._given.clear()
        if len(missing):
            self._lose(DecodeLoss(missing, error))

    def _without_leading(self, part: GopPart) -> GopPart:
        """Leave out the pictures shown before the key: what they refer to is lost."""
        pts = self._shard.packets.pts[part.rows]
        leading = pts < pts[0]
        lost = part.rows[leading & part.wanted]
        if len(lost):
            message = "These pictures refer to a stretch before them that could not be decoded."
            self._lose(DecodeLoss(lost, _undecodable(message)))
        return GopPart(part.rows[~leading], part.wanted[~leading], restart=True)


def _chain(shard: ShardOrder, parameter_sets: NalUnits) -> ReferenceChain | None:
    """Follow what may lack pictures; H.265's decoder finds that out by itself."""
    if shard.gapless or shard.stream.codec != "h264":
        return None
    return ReferenceChain(parameter_sets)


def _undecodable(message: str) -> DeviceError:
    code = Code.ERR_VDM_DECODE_FAIL
    return DeviceError(code, code.name, message)
