"""What is read and decoded of a lease, told step by step to what looks at the pictures.

It is the first half of a worker's work, and touches nothing of the second: neither rows, nor the
job, nor any engine but the decoders. So both may run in one thread, or each in its own.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from fleet.backend.backend import Backend
from fleet.core.frames import Picture
from fleet.errors import (
    CredentialsRefusedError,
    FleetError,
    OutputUnwritableError,
    StorageError,
    VideoChangedError,
)
from fleet.plan.order import LeaseOrder, ShardOrder
from fleet.plan.partial import leading, may_stop
from fleet.video.decode_plan import GopPart
from fleet.worker.decode import DecodeLoss, ShardDecoder
from fleet.worker.fault_injection import Injection
from fleet.worker.liveness import Liveness
from fleet.worker.prefetch import Fetch


@dataclass(frozen=True)
class ShardBegun:
    """A shard is decoded from here on."""

    number: int
    """Which of the lease, from 0."""
    stage: str
    """See `fleet.backend.channel.Channel`."""
    decoded_by: str
    """See `fleet.backend.channel.Channel`."""


@dataclass(frozen=True)
class ShardEnded:
    """A shard was decoded as far as it is to be."""

    end: int
    """The part before which it was ended early, 0 where it was not."""
    fed: int
    """How many packets its decoder was given."""


@dataclass(frozen=True)
class ShardUnread:
    """A shard could not be read, which says nothing of its frames."""

    error: FleetError
    """Why: a StorageError, behind which nothing more is read, or a VideoChangedError."""


@dataclass(frozen=True)
class LeaseEnded:
    """A lease is to end before a shard that was not begun."""

    number: int
    """Which one, from 0."""


Step = ShardBegun | Picture | DecodeLoss | ShardEnded | ShardUnread | LeaseEnded
"""Of each shard one ShardBegun, then pictures and losses as they come, then one of the two ends."""
_NO_PARTS = ShardEnded(0, 0)


class Reading:
    """Reads and decodes the shards of one lease."""

    def __init__(
        self,
        order: LeaseOrder,
        fetch: Fetch,
        device: Backend,
        pulse: Liveness,
        has_to_stop: Callable[[], bool],
        injections: Sequence[Injection] = (),
    ) -> None:
        """Take the lease; `has_to_stop`: asked between GOPs, ends it there."""
        self._order = order
        self._fetch = fetch
        self._device = device
        self._pulse = pulse
        self._has_to_stop = has_to_stop
        self._injections = injections

    def steps(self) -> Generator[Step]:
        """Yield what happens; the caller releases pictures.

        Raises what ends the lease: DeviceLostError, CancelRequestedError once `fetch` is stopped,
        CredentialsRefusedError, and what opening a decoder raises.
        """
        for number, shard in enumerate(self._order.shards):
            if number and self._has_to_stop():
                yield LeaseEnded(number)
                return
            try:
                ended = yield from self._decoded(number, shard)
            except (CredentialsRefusedError, OutputUnwritableError):
                raise
            except (StorageError, VideoChangedError) as error:
                yield ShardUnread(error)
                if isinstance(error, StorageError):
                    return
                continue
            yield ended
            if ended.end:
                return

    def _decoded(self, number: int, shard: ShardOrder) -> Generator[Step, None, ShardEnded]:
        if not shard.parts:
            yield ShardBegun(number, "", "")
            return _NO_PARTS
        feed, lost = _Feed(shard, self._has_to_stop), list[DecodeLoss]()
        with closing(self._device.open_decoder(shard.stream)) as channel:
            yield ShardBegun(number, channel.stage, channel.decoded_by)
            packet = partial(self._packet, shard)
            decoder = ShardDecoder(shard, channel, packet, lost.append, self._step)
            for picture in decoder.pictures(feed.parts()):
                # Losses that were found before it come before it.
                yield from _taken(lost)
                yield picture
            yield from _taken(lost)
        return ShardEnded(feed.end, decoder.fed)

    def _step(self) -> None:
        """Count a packet as a step; raise CancelRequestedError once `fetch` is stopped."""
        self._pulse.tick()
        self._fetch.check()

    def _packet(self, shard: ShardOrder, row: int) -> bytes:
        """Give a packet that is decoded next, or soon."""
        with self._pulse.waiting_on_storage():
            data = self._fetch.packet(shard, row)
        for injection in self._injections:
            if (injection.uri, injection.pts) == (shard.source.uri, shard.packets.pts[row]):
                injection.trigger(self._device.device.lose)
        return data


class DecodedShard:
    """The pictures of one shard among the steps of its lease; `ended`: its end, behind them."""

    def __init__(self, steps: Iterator[Step], lose: Callable[[DecodeLoss], None]) -> None:
        self.ended = ShardEnded(0, 0)
        self._steps = steps
        self._lose = lose

    def pictures(self) -> Iterator[Picture]:
        """Yield them; raises the error of a shard that could not be read."""
        for step in self._steps:
            match step:
                case Picture():
                    yield step
                case DecodeLoss():
                    self._lose(step)
                case ShardUnread(error):
                    raise error
                case ShardEnded():
                    self.ended = step
                    return


class _Feed:
    """The parts of a shard, until it has to stop; `end`: the one before which it did, else 0."""

    def __init__(self, shard: ShardOrder, has_to_stop: Callable[[], bool]) -> None:
        self.end = 0
        self._shard = shard
        self._has_to_stop = has_to_stop

    def parts(self) -> Iterator[GopPart]:
        """Yield what is to be fed."""
        for number, part in enumerate(self._shard.parts):
            if self._has_to_stop() and may_stop(self._shard, number):
                self.end = number
                if last := leading(part, self._shard):
                    yield last
                return
            yield part


def _taken(lost: list[DecodeLoss]) -> Iterator[DecodeLoss]:
    taken, lost[:] = list(lost), []
    yield from taken
