"""Who is given what: pure choices over what waits, who has room and how fast each device is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from fleet.scheduler.devices import Devices, DeviceState
from fleet.scheduler.lease_state import Entry
from fleet.scheduler.ready_queue import ReadyQueue

WORTH_CUTTING_S = 2.0
"""Seconds of a device below which a lease is not cut for balance: a part file has its cost too."""
MOST_PIECES = 8
OVERDUE = 1.5
"""A lease that takes longer than expected by this factor may never end."""
LEAVING_S = 10.0
"""Before its machine goes away, a device is done with its leases by so many seconds."""
GAIN = 1.3
"""A backup must be expected to end that much earlier than what it is a backup of."""
TWINS_A_DEVICE = 0.02
WASTE = 0.01
"""Share of all work done that backups may spend for nothing, where more than a few run."""


def choose(waiting: ReadyQueue, devices: Devices, device: DeviceState) -> Entry | None:
    """Take what a device is to do next out of what waits; None where that is nothing.

    Suspects go first, and only to a device that holds nothing. A slow device gets the shortest, or
    nothing where others would have it done before.
    """
    if not device.held:
        suspect = waiting.take_suspect()
        if suspect is not None:
            return suspect
    if not devices.is_slow(device):
        return waiting.take(device.uri)
    shortest = waiting.shortest()
    if shortest is None:
        return None
    others_s = waiting.cost_s * devices.pace / max(len(devices) - 1, 1)
    if shortest.cost_s * device.pace > others_s + shortest.cost_s * devices.pace:
        return None
    return waiting.take_shortest()


def pieces_of(entry: Entry, waiting: ReadyQueue, devices: Devices) -> int:
    """Into how many pieces a lease is to be cut so that all who hold nothing have some of it.

    1: it is not. The lease is taken from those that wait already, and not given to anybody yet.
    """
    idle, leases = len(devices.empty), waiting.plain + 1
    if leases >= idle or entry.suspect:
        return 1
    longest = math.floor(entry.cost_s * devices.pace / WORTH_CUTTING_S)
    return max(1, min(math.ceil(idle / leases), entry.gops, MOST_PIECES, longest))


def ends_in_time(devices: Devices, device: DeviceState, now_s: float) -> bool:
    """Whether a device is expected to end what it runs before its machine goes away."""
    if device.leaves_s is None or not device.held:
        return True
    whole_s = device.held[0].cost_s * devices.pace_of(device)
    end_s = max(device.started_s + whole_s, now_s)
    return end_s + LEAVING_S <= device.leaves_s


class Rebalance(StrEnum):
    """How an idle device helps another one.

    `TAKE`: it takes the lease that the other has not begun. `SHARE`: the other ends its lease
    early, and the rest is for whoever is idle. `BACKUP`: it does the same lease as the other.
    """

    TAKE = "take"
    SHARE = "share"
    BACKUP = "back up"


@dataclass(frozen=True)
class RebalanceAction:
    """A lease that is worth helping with; `remains_s`: until the device that has it is done."""

    help: Rebalance
    device: DeviceState
    entry: Entry
    remains_s: float


def rebalance_actions(devices: Devices, now_s: float) -> list[RebalanceAction]:
    """List what idle devices can do where nothing waits, what brings most first.

    First what runs nowhere; then long leases that can be shared without waste; then backups.
    """
    found = (aid for device in devices for aid in _aids(devices, device, now_s))
    order = [Rebalance.TAKE, Rebalance.SHARE, Rebalance.BACKUP]
    return sorted(found, key=lambda aid: (order.index(aid.help), -aid.remains_s))


def _aids(devices: Devices, device: DeviceState, now_s: float) -> Iterable[RebalanceAction]:
    if not device.held:
        return
    running = device.held[0]
    pace = devices.pace_of(device)
    elapsed_s, whole_s = now_s - device.started_s, running.cost_s * pace
    late = elapsed_s > OVERDUE * whole_s + 1.0
    # Of one that is late nothing is known, but that it was not done so far.
    remains_s = elapsed_s if late else max(0.0, whole_s - elapsed_s)
    for entry in device.held[1:]:
        begins_late = remains_s > 0.1 * entry.cost_s * devices.pace
        if begins_late and entry.lease not in device.cancelling and not entry.suspect:
            yield RebalanceAction(Rebalance.TAKE, device, entry, remains_s)
    if running.lease in device.cancelling or running.suspect or len(running.holders) > 1:
        return
    shares = running.gops > 1 and not device.truncating and not late
    if shares and remains_s > 2 * WORTH_CUTTING_S and device.leaves_s is None:
        yield RebalanceAction(Rebalance.SHARE, device, running, remains_s)
    elif remains_s > GAIN * running.cost_s * devices.pace:
        yield RebalanceAction(Rebalance.BACKUP, device, running, remains_s)


@dataclass
class BackupBudget:
    """What backups may cost, and did; in seconds of devices.

    One at a time is always allowed: whoever runs it would be idle otherwise.
    """

    running: int = 0
    started: int = 0
    wasted_s: float = 0.0
    useful_s: float = 0.0

    def allows(self, devices: int) -> bool:
        """Whether one more may be started."""
        if self.running == 0:
            return True
        few = self.running < max(1.0, TWINS_A_DEVICE * devices)
        return few and self.wasted_s <= WASTE * self.useful_s


def assign_actions(
    idle: Sequence[DeviceState], aids: Sequence[RebalanceAction]
) -> list[tuple[DeviceState, RebalanceAction]]:
    """Give each idle device one thing to do; never two the same."""
    seen: set[str] = set()
    chosen = []
    helpers = iter(idle)
    for aid in aids:
        if aid.entry.lease in seen:
            continue
        helper = next(helpers, None)
        if helper is None:
            break
        seen.add(aid.entry.lease)
        chosen.append((helper, aid))
    return chosen
