"""The pool on a cluster whose nodes come, drain, break and go."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa
import pytest
import ray
from accounts import read_books, thumbnails
from index_strikes import CLIPS, IndexStrike, write_clips
from pool_hands import BROKEN, PATIENCE_S, Hands, Nodes
from ray import cloudpickle
from ray._private.worker import global_worker
from ray.cluster_utils import Cluster

import fleet
from fleet import FrameJob
from fleet.core.frames import FrameBatch, Rows
from fleet.core.interval import Interval
from fleet.core.progress import Progress
from fleet.core.receipt import Receipt, Tally
from fleet.core.run_events import (
    Cause,
    DeviceDraining,
    DeviceJoined,
    DeviceLost,
    LeaseCancelled,
    LeaseDone,
    NodeSetAside,
)
from fleet.errors import JobFailedError, UsageError
from fleet.executors.ray.actor import DeviceActor
from fleet.executors.ray.listed import Listed
from fleet.executors.ray.pool import RayPool
from fleet.executors.ray.session import join_ray
from fleet.scheduler.commands import Cancel, Release, Truncate
from fleet.table.table import Table
from fleet.worker.prefetch import CancelRequestedError
from fleet.worker.spec import WorkerSpec
from fleet.worker.task_queue import Task

PREEMPTION = 2
"""DRAIN_NODE_REASON_PREEMPTION, in Ray's autoscaler.proto."""


PREFIX = (Interval("a.mp4", "v1", 0, 512),)


@dataclass(frozen=True)
class Nothing(FrameJob):
    """A job that is never run."""

    table: ClassVar[str] = "nothing"
    schema: ClassVar[pa.Schema] = pa.schema([])

    def run(self, opened: Any, batch: FrameBatch) -> Rows:
        """Not called."""
        raise NotImplementedError


SPEC = WorkerSpec(Nothing(), "job", "memory://nowhere", "Ascend310", "", {}, {})


REFUSED = replace(SPEC, job_digest="job with a model for another chip")


class Stand(DeviceActor):
    """A worker without a device, whose long leases end only when it is told so."""

    def open(self) -> Progress:
        """Open nothing; on a broken node that ends the process."""
        if os.environ.get(BROKEN):
            os._exit(7)
        if self._spec.job_digest == REFUSED.job_digest:
            raise UsageError("The model is not for this chip.")
        return self._stand()

    def _run(self, task: Task) -> Receipt:
        self._line.begin(task)
        lease = task.order.lease
        receipt = Receipt(lease, (), (), Tally(), self._name)
        while lease.startswith("long"):
            if task.fetch.stopped:
                raise CancelRequestedError
            if task.truncated:
                return replace(receipt, intervals=PREFIX)
            time.sleep(0.02)
        return receipt

    @ray.method(concurrency_group="control")
    def progress(self) -> Progress:  # type: ignore[override]  # Ray wraps methods
        """Tell which lease it is at."""
        return self._stand()

    def _stand(self) -> Progress:
        return Progress(self._name, self._line.computing, "", 0, 0.0)

    def close(self) -> None:
        """Close nothing."""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A cluster whose head has no NPU, and this process connected to it."""
    log = logging.getLogger("ray._private.accelerators.npu")
    level = log.level
    log.setLevel(logging.CRITICAL)
    # Workers do not see the folder of the tests.
    here = sys.modules[__name__]
    cloudpickle.register_pickle_by_value(here)  # type: ignore[no-untyped-call]
    bare = {
        "num_cpus": 0,
        "include_dashboard": False,
        "include_log_monitor": False,
        "no_monitor": True,
    }
    made = Cluster(initialize_head=True, head_node_args=bare)
    ray.init(address=made.address, logging_level=logging.ERROR, log_to_driver=False)
    try:
        yield made
    finally:
        ray.shutdown()
        made.shutdown()  # type: ignore[no-untyped-call]
        cloudpickle.unregister_pickle_by_value(here)  # type: ignore[no-untyped-call]
        log.setLevel(level)


@pytest.fixture(scope="module")
def nodes(cluster: Cluster) -> Nodes:
    """What is left by one test is there for the next one."""
    return Nodes(cluster)


@pytest.fixture
def hands(cluster: Cluster) -> Iterator[Hands]:
    """A pool without a device so far."""
    assert cluster.address
    with closing(RayPool(SPEC, Stand)) as pool:
        yield Hands(pool)


def test_devices_come_with_their_nodes_and_are_let_go(hands: Hands, nodes: Nodes) -> None:
    """Demand waits for a node, is taken back where it is not wanted, and NPUs are given back."""
    nodes.only()
    assert join_ray(Listed("", "", "")) == 0
    hands.until_there(0)
    hands.pool.set_target(2)
    hands.until_awaited(0, 2)
    nodes.add()
    first = hands.until(DeviceJoined)
    assert first.node
    hands.until_there(1)
    hands.pool.set_target(1)
    hands.until_awaited(0, 0)
    nodes.add()
    hands.until_there(2)
    assert [type(event) for event in hands.told] == [DeviceJoined], "one was wanted no more"
    hands.pool.set_target(2)
    second = hands.until(DeviceJoined, 2)
    assert second.node != first.node
    hands.pool.tell(Release(first.device))
    hands.pool.set_target(1)
    lost = hands.until(DeviceLost)
    assert (lost.device, lost.cause) == (first.device, Cause.RELEASED)
    end_s = time.monotonic() + PATIENCE_S
    while ray.available_resources().get("NPU", 0) < 1:  # type: ignore[no-untyped-call]
        assert time.monotonic() < end_s, "the NPU is given back"
        time.sleep(0.1)
    assert hands.pool.capacity == 2
    hands.give(second.device, "short")
    assert hands.until(LeaseDone).lease == "short"
    assert len([event for event in hands.told if isinstance(event, DeviceJoined)]) == 2


def test_leases_are_put_down_and_ended_early_when_told(hands: Hands, nodes: Nodes) -> None:
    """One that runs, and one that waits behind it; and the device goes on."""
    nodes.only(1)
    hands.pool.set_target(1)
    device = hands.until(DeviceJoined).device
    hands.give(device, "long-1")
    hands.until_at("long-1")
    for lease in ("long-2", "long-3"):
        hands.give(device, lease)
    hands.pool.tell(Cancel(device, "long-2"))
    waiting = hands.until(LeaseCancelled)
    assert (waiting.lease, waiting.wall_s) == ("long-2", 0.0)
    hands.pool.tell(Cancel(device, "long-1"))
    running = hands.until(LeaseCancelled, 2)
    assert running.lease == "long-1"
    assert running.wall_s > 0
    hands.pool.tell(Truncate(device, "long-3"))
    truncated = hands.until(LeaseDone)
    assert (truncated.lease, truncated.receipt.intervals) == ("long-3", PREFIX)


def drain(node: Any, seconds: float) -> None:
    """Give notice that a node is going to be taken away."""
    worker: Any = global_worker
    deadline_ms = int((time.time() + seconds) * 1000)
    assert worker.gcs_client.drain_node(node.node_id, PREEMPTION, "taken", deadline_ms)[0]


def test_a_device_on_a_node_that_drains_goes_on_and_is_replaced(hands: Hands, nodes: Nodes) -> None:
    """Notice is given once; leases are still done; the death is nobody's fault."""
    (node,) = nodes.only(1)
    hands.pool.set_target(1)
    device = hands.until(DeviceJoined).device
    drain(node, 60)
    notice = hands.until(DeviceDraining)
    assert notice.device == device
    assert 0 < notice.left_s <= 60
    hands.until_there(0)
    hands.give(device, "short")
    assert hands.until(LeaseDone).lease == "short"
    hands.give(device, "long")
    nodes.add()
    assert hands.until(DeviceJoined, 2).device != device, "another one before this one is gone"
    nodes.remove(node)
    lost = hands.until(DeviceLost)
    assert (lost.device, lost.cause) == (device, Cause.TAKEN)
    assert len([event for event in hands.told if isinstance(event, DeviceDraining)]) == 1


def test_what_the_job_is_to_blame_for_is_not_tried_elsewhere(
    cluster: Cluster, nodes: Nodes
) -> None:
    """A model that a chip refuses is refused by the next one too."""
    nodes.only(1)
    assert cluster.address
    with closing(RayPool(REFUSED, Stand)) as pool:
        pool.set_target(1)
        with pytest.raises(UsageError, match="not for this chip"):
            Hands(pool).until(DeviceJoined)


def test_where_every_node_is_broken_the_run_fails_in_words(hands: Hands, nodes: Nodes) -> None:
    """It names the node and what happened there."""
    nodes.only(broken=1)
    hands.pool.set_target(1)
    with pytest.raises(
        JobFailedError, match=r"No device can be started on any node.*process ended"
    ):
        hands.until(DeviceJoined)


def test_a_node_where_nothing_starts_is_set_aside_and_the_work_goes_elsewhere(
    hands: Hands, nodes: Nodes
) -> None:
    """With its reason; the run goes on as long as there is another node."""
    (bad,) = nodes.only(broken=1)
    hands.pool.set_target(1)
    end_s = time.monotonic() + PATIENCE_S
    while bad.node_id not in hands.pool._placing._failed:
        assert time.monotonic() < end_s
        hands.told += hands.pool.poll(0.1)
    nodes.add()
    assert hands.until(DeviceJoined)
    hands.pool.set_target(2)
    aside = hands.until(NodeSetAside)
    assert "its process ended" in aside.reason
    assert hands.told.count(aside) == 1
    assert hands.pool.poll(0.2) == []


def test_a_run_goes_on_where_a_node_dies_that_looks_at_headers(
    nodes: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it had in hand another one does; each frame is there once, as in a run of one process."""
    archive = write_clips(tmp_path / "in")
    fleet.run(thumbnails(archive, tmp_path / "alone", devices=1), on="inline")
    strike = IndexStrike(nodes.only(2)[0], nodes.remove)
    strike.set_up(monkeypatch)
    report = fleet.run(thumbnails(archive, tmp_path / "out", devices=1), on="ray")
    assert (report.exit_code, report.videos) == (0, CLIPS)
    # Of its process one may hear before one hears of the node.
    assert [event.cause for event in strike.lost] in ([Cause.TAKEN], [Cause.DIED])
    done = {event.lease: event for event in strike.done}
    assert len(done) == len(strike.done)
    assert done.keys() >= set(strike.had), "what it had is done again"
    assert sum(len(e.looked.seen) for e in strike.done) + len(strike.here) == CLIPS
    assert all(event.looked.batch for event in strike.done)
    pictures = read_books(tmp_path / "out").pictures
    assert pictures == read_books(tmp_path / "alone").pictures
    assert Table.open(str(tmp_path / "out")).verify().proven
