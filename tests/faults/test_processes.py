"""Devices that are processes of this machine: what they are told, how they end, what that costs."""

from __future__ import annotations

import os
import signal
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import pytest
from generate import Clip
from pixel_leases import GOP, GOPS, Pixels, lease_of
from process_hands import Hands, give, until_gone

from fleet.core.run_events import (
    Cause,
    DeviceJoined,
    DeviceLost,
    DevicesAwaited,
    LeaseCancelled,
    LeaseDone,
)
from fleet.executors.processes.pool import ProcessPool
from fleet.plan.lease import Lease
from fleet.plan.order import LeaseOrder, order
from fleet.scheduler.commands import Cancel, Release, Truncate
from fleet.worker.spec import WorkerSpec


@dataclass(frozen=True)
class Leaving:
    """Ends its process, after some words."""

    how: Literal["exit", "interrupt"]

    def __call__(self, _: int) -> None:
        """End it."""
        os.write(2, "kein Gerät\n".encode())
        if self.how == "exit":
            os._exit(3)
        raise KeyboardInterrupt("pressed by nobody")


@pytest.fixture
def lease(tmp_path: Path) -> tuple[Lease, Any]:
    """A lease of ten GOPs in two clips."""
    return lease_of(Clip(frames=GOP * GOPS, gop=GOP), tmp_path)


@pytest.fixture
def orders(lease: tuple[Lease, Any]) -> list[LeaseOrder]:
    """A lease for each of the clips, and one for both."""
    whole, works = lease
    alone = [Lease(f"{shard.interval.uri[-5]}", (shard,)) for shard in whole.shards]
    return [order(each, works) for each in (*alone, whole)]


def test_a_core_that_no_device_has_work_for_reads_ahead_for_one_that_has(
    spec: WorkerSpec, orders: list[LeaseOrder], tmp_path: Path
) -> None:
    """Once it had nothing to do for a while; the receipt tells of it."""
    made = replace(orders[0], has_room_ahead=True)
    with closing(ProcessPool(spec, most=2, cores=2)) as pool:
        hands = Hands(pool)
        pool.set_target(1)
        device = hands.until(DeviceJoined).device
        give(hands, device, made)
        # With each question the pool has another look; what it tells arrives before the next one.
        for _ in range(4):
            hands.until_at(device, made.lease)
        (tmp_path / "go").touch()
        assert hands.until(LeaseDone).receipt.frames_ahead > 0


def test_leases_are_put_down_and_ended_early_when_told(
    hands: Hands, orders: list[LeaseOrder], tmp_path: Path
) -> None:
    """One that runs, and one that waits behind it; and the device goes on."""
    first, second, both = orders
    hands.pool.set_target(1)
    device = hands.until(DeviceJoined).device
    assert hands.pool.capacity == 3
    give(hands, device, first)
    hands.until_at(device, first.lease)
    give(hands, device, second)
    hands.pool.tell(Cancel(device, second.lease))
    waiting = hands.until(LeaseCancelled)
    assert (waiting.lease, waiting.wall_s) == (second.lease, 0.0)
    give(hands, device, both)
    hands.pool.tell(Truncate(device, both.lease))
    hands.pool.tell(Cancel(device, first.lease))
    # What is told and what is asked arrive in turn; the second answer was asked for after the first.
    for _ in range(2):
        hands.until_at(device, first.lease)
    (tmp_path / "go").touch()
    assert hands.until(LeaseCancelled, 2).lease == first.lease
    done = hands.until(LeaseDone)
    assert done.lease == both.lease
    assert done.receipt.tally.frames == GOP
    give(hands, device, second)
    assert hands.until(LeaseDone, 2).receipt.tally.frames == GOP * GOPS
    assert not hands.of(DeviceLost)


def test_devices_come_and_go_with_what_is_wanted(
    hands: Hands, orders: list[LeaseOrder], tmp_path: Path
) -> None:
    """Those that start are taken back, those that are there are let go, idle or at work."""
    hands.pool.set_target(3)
    hands.pool.set_target(2)
    hands.until(DeviceJoined, 2)
    idle, busy = (joined.device for joined in hands.of(DeviceJoined))
    pids = [hands.pid(device) for device in (idle, busy)]
    hands.pool.set_target(1)
    hands.turn()
    assert not hands.of(DeviceLost), "what has come is let go by Release alone"
    hands.pool.set_target(0)
    give(hands, busy, orders[0])
    hands.until_at(busy, orders[0].lease)
    for device in (idle, busy):
        hands.pool.tell(Release(device))
    hands.until(DeviceLost, 2)
    assert {(lost.device, lost.cause) for lost in hands.of(DeviceLost)} == {
        (idle, Cause.RELEASED),
        (busy, Cause.RELEASED),
    }
    for pid in pids:
        until_gone(pid)
    (tmp_path / "go").touch()
    hands.pool.set_target(1)
    again = hands.until(DeviceJoined, 3).device
    assert again not in {idle, busy}
    give(hands, again, orders[0])
    assert hands.until(LeaseDone).device == again


def test_what_is_on_its_way_is_told_once_it_changes(hands: Hands) -> None:
    """From the first look on, so that a run says what it waits for."""
    hands.pool.set_target(3)
    hands.turn()
    on_its_way = 3 - len(hands.of(DeviceJoined))
    assert hands.awaited == ([DevicesAwaited(on_its_way, 0)] if on_its_way else [])
    hands.until(DeviceJoined, 3)
    hands.turn()
    counts = [awaited.opening for awaited in hands.awaited]
    assert counts == sorted(set(counts), reverse=True)
    assert not counts or counts[-1] == 0
    os.kill(hands.pid(hands.of(DeviceJoined)[0].device), signal.SIGKILL)
    hands.until(DeviceLost)
    hands.until(DeviceJoined, 4)
    hands.turn()
    again = [awaited.opening for awaited in hands.awaited[len(counts) :]]
    assert again in ([1, 0], [])


def test_a_killed_worker_is_replaced(hands: Hands, orders: list[LeaseOrder]) -> None:
    """Idle or at work: the lease that it ran is named, and how it ended."""
    hands.pool.set_target(1)
    device = hands.until(DeviceJoined).device
    os.kill(hands.pid(device), signal.SIGKILL)
    lost = hands.until(DeviceLost)
    assert (lost.device, lost.cause, lost.ran) == (device, Cause.DIED, "")
    assert "SIGKILL" in lost.reason
    second = hands.until(DeviceJoined, 2).device
    give(hands, second, orders[0])
    hands.until_at(second, orders[0].lease)
    os.kill(hands.pid(second), signal.SIGSEGV)
    lost = hands.until(DeviceLost, 2)
    assert (lost.device, lost.cause, lost.ran) == (second, Cause.DIED, orders[0].lease)
    assert lost.reason == "its process ended in a crash of native code (SIGSEGV)"
    assert hands.until(DeviceJoined, 3).device not in {device, second}


def test_ctrl_c_and_sigterm_are_left_to_the_driver(
    hands: Hands, orders: list[LeaseOrder], tmp_path: Path
) -> None:
    """Also where they reach each process, as from a service manager."""
    hands.pool.set_target(1)
    device = hands.until(DeviceJoined).device
    assert os.getsid(hands.pid(device)) != os.getsid(0), "a terminal's Ctrl-C does not reach it"
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(hands.pid(device), number)
    (tmp_path / "go").touch()
    give(hands, device, orders[0])
    assert hands.until(LeaseDone).device == device
    assert not hands.of(DeviceLost)


@pytest.mark.parametrize(
    ("how", "code", "words"),
    [("exit", 3, "kein Gerät"), ("interrupt", 1, "KeyboardInterrupt: pressed by nobody")],
)
def test_a_job_that_ends_its_worker_is_quoted(
    spec: WorkerSpec,
    orders: list[LeaseOrder],
    how: Literal["exit", "interrupt"],
    code: int,
    words: str,
) -> None:
    """And does not keep the run waiting for an answer."""
    with closing(ProcessPool(replace(spec, work=Pixels(Leaving(how))), most=1)) as pool:
        hands = Hands(pool)
        pool.set_target(1)
        give(hands, hands.until(DeviceJoined).device, orders[0])
        lost = hands.until(DeviceLost)
    assert lost.cause is Cause.DIED
    ended = f"its process ended by itself (exit code {code})"
    assert lost.reason == f"{ended}; it wrote last: {words}"
