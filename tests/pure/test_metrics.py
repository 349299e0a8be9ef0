"""What is counted of a run: folded from its events, each lease once."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from urllib.parse import unquote

from hypothesis import given
from hypothesis import strategies as st

from fleet.core.fault import Fault
from fleet.core.lease_summary import LeaseSummary
from fleet.core.loss import Loss
from fleet.core.receipt import Receipt, Tally
from fleet.core.run_events import (
    ELSEWHERE,
    BackupWasted,
    Cause,
    DeviceDraining,
    DeviceJoined,
    DeviceLost,
    LeaseDone,
    LeaseFailed,
    LeaseQuarantined,
    LeaseSplit,
    LeaseStarted,
    LeaseTruncated,
    OutputRefused,
    RunEvent,
    RunStarted,
    VideoRefused,
)
from fleet.observe import metric as known
from fleet.observe.metric import Kind
from fleet.observe.metrics import RunMetrics, Sample

PLAN = RunStarted("s3://bucket/out", 1, 1000, 25000, 10, job="ab" * 32)


FAULT = Fault("vdec", 507, "BrokenVideo", "broken", retryable=False)


TALLY = Tally(
    frames=100,
    lost_frames=2,
    video_s=4.0,
    bytes_read=1000,
    rows=7,
    errors=1,
    wall_s=3.0,
    host_s={"vdec": 1.5, "model": 0.5},
    chip_s={"vdec": 0.25},
)


def receipt(lease: str, tally: Tally = TALLY) -> Receipt:
    """Make a receipt."""
    return Receipt(lease, (), (), tally, "npu/0")


def done(lease: str, device: str = "npu/0", tally: Tally = TALLY) -> LeaseDone:
    """A lease is committed."""
    return LeaseDone(device, lease, receipt(lease, tally))


def started(lease: str, device: str = "npu/0", *, backup: bool = False) -> LeaseStarted:
    """A lease is handed out."""
    return LeaseStarted(device, lease, 4.0, 100, backup)


def drained(events: Sequence[RunEvent]) -> list[Sample]:
    """Fold events and take what came of them."""
    metrics = RunMetrics()
    for event in events:
        metrics.fold(event)
    return metrics.drain()


def values(samples: Sequence[Sample]) -> dict[tuple[str, str], float]:
    """Give values by name and own label."""
    return {(s.metric.name, s.labels.get(s.metric.label, "")): s.value for s in samples}


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_an_output_of_any_name_is_a_label_that_ray_takes(name: str) -> None:
    """Printable ASCII, of which the name comes back; file names that are no text pass as well."""
    for output in (name, os.fsdecode(name.encode("utf-16", "surrogatepass"))):
        labels = {s.labels["output"] for s in drained([replace(PLAN, output=output), done("a")])}
        (label,) = labels
        assert label.isascii()
        assert label.isprintable()
        assert os.fsencode(unquote(label, errors="surrogateescape")) == (
            output.encode("utf-8", "surrogateescape")
        )


def test_a_lease_adds_up_what_its_tally_says() -> None:
    """Frames, losses, rows, bytes, and seconds by stage and engine."""
    found = values(drained([PLAN, done("a"), done("b")]))
    assert found["fleet_frames", ""] == 200
    assert found["fleet_lost_frames", ""] == 4
    assert found["fleet_rows", ""] == 14
    assert found["fleet_read_bytes", ""] == 2000
    assert found["fleet_errors", ""] == 2
    assert found["fleet_leases_done", ""] == 2
    assert found["fleet_video_seconds", ""] == 8
    assert found["fleet_host_cpu_seconds", "vdec"] == 3
    assert found["fleet_modelled_chip_seconds", "vdec"] == 0.5


def test_values_are_labelled_with_job_and_output() -> None:
    """And with what the metric itself is counted by, nothing else."""
    for sample in drained([PLAN, done("a"), LeaseFailed("npu/0", "b", FAULT)]):
        assert set(sample.labels) == set(sample.metric.labels)
        assert sample.labels["job_digest"] == "abababababab"
        assert sample.labels["output"] == "s3://bucket/out"


def test_an_output_that_refuses_is_told_for_as_long_as_it_does() -> None:
    """1 from the first refusal on, also where nothing is said of it; 0 before and after."""
    metrics = RunMetrics()
    seen = []
    for event in (
        PLAN,
        OutputRefused("full", True),
        OutputRefused("", True),
        OutputRefused("", False),
    ):
        metrics.fold(event)
        seen.append(values(metrics.drain())["fleet_output_waits", ""])
    assert seen == [0, 1, 1, 0]


def test_every_lease_time_is_observed_once() -> None:
    """Of a lease and its backup, that of the first."""
    samples = drained([PLAN, done("a"), done("a", "npu/1"), done("b")])
    assert [s.value for s in samples if s.metric is known.LEASE_TIME] == [3.0, 3.0]


def test_a_counter_is_given_only_what_it_grew_by() -> None:
    """Ray adds it up; a gauge is given each time."""
    metrics = RunMetrics()
    metrics.fold(PLAN)
    metrics.fold(done("a"))
    assert values(metrics.drain())["fleet_frames", ""] == 100
    again = metrics.drain()
    assert {sample.metric.kind for sample in again} == {Kind.GAUGE}
    metrics.fold(done("b"))
    assert values(metrics.drain())["fleet_frames", ""] == 100


def test_nothing_is_told_before_the_plan_and_nothing_is_forgotten() -> None:
    """Videos are refused before the output is known."""
    metrics = RunMetrics()
    metrics.fold(VideoRefused(Loss("x", "index", "NotAVideo", "no video")))
    assert metrics.drain() == []
    metrics.fold(PLAN)
    assert values(metrics.drain())["fleet_videos_refused", ""] == 1


def test_what_another_run_did_is_not_counted() -> None:
    """It counts that itself; what this run did as well is in both."""
    found = values(drained([PLAN, done("a", ELSEWHERE)]))
    assert ("fleet_frames", "") not in found
    assert found["fleet_leases", "waiting"] == 9
    found = values(drained([PLAN, done("a", ELSEWHERE), done("a")]))
    assert found["fleet_frames", ""] == 100
    assert found["fleet_leases", "waiting"] == 9


def test_a_lease_given_up_counts_its_loss_and_no_frame() -> None:
    """Its record in frames/ has no row."""
    lost = Tally(lost_frames=100, errors=1, video_s=4)
    found = values(drained([PLAN, LeaseQuarantined(receipt("a", lost), FAULT)]))
    assert ("fleet_frames", "") not in found
    assert ("fleet_leases_done", "") not in found
    assert found["fleet_leases_given_up", ""] == 1
    assert found["fleet_lost_frames", ""] == 100


def test_a_shortened_lease_is_its_front_and_its_rest() -> None:
    """The front is done, the rest waits: one more lease in all."""
    front = LeaseTruncated("npu/0", "a", receipt("front"), LeaseSummary("rest", 3))
    events: list[RunEvent] = [PLAN, started("a"), front]
    found = values(drained(events))
    assert found["fleet_leases_done", ""] == 1
    assert found["fleet_leases_cut", ""] == 1
    assert (found["fleet_leases", "waiting"], found["fleet_leases", "running"]) == (10, 0)
    found = values(drained([*events, started("rest", "npu/1"), done("rest", "npu/1")]))
    assert found["fleet_frames", ""] == 200
    assert found["fleet_leases", "waiting"] == 9


def test_leases_wait_run_or_are_fetched_ahead() -> None:
    """A backup is no further lease; what a lost device held waits again."""
    events: list[RunEvent] = [PLAN, DeviceJoined("npu/0"), DeviceJoined("npu/1")]
    events += [started("a"), started("b"), started("a", "npu/1", backup=True)]
    found = values(drained(events))
    assert [found["fleet_leases", s] for s in ("waiting", "running", "ahead")] == [8, 2, 1]
    assert found["fleet_backups_started", ""] == found["fleet_twins_started", ""] == 1
    found = values(drained([*events, DeviceLost("npu/0", "killed")]))
    assert [found["fleet_leases", s] for s in ("waiting", "running", "ahead")] == [9, 1, 0]
    found = values(drained([*events, done("a"), BackupWasted("npu/1", "a", 2.5)]))
    assert [found["fleet_leases", s] for s in ("waiting", "running", "ahead")] == [8, 1, 0]
    assert found["fleet_wasted_seconds", ""] == 2.5
    assert found["fleet_backups_lost", ""] == found["fleet_twins_lost", ""] == 1


def test_a_lease_that_was_taken_back_is_held_by_its_new_device_alone() -> None:
    """A lease fetched ahead may be given to a device that is free earlier."""
    events: list[RunEvent] = [PLAN, started("a"), started("b"), started("b", "npu/1")]
    found = values(drained(events))
    assert [found["fleet_leases", s] for s in ("waiting", "running", "ahead")] == [8, 2, 0]


def test_devices_are_counted_by_what_they_do() -> None:
    """And those that came, were told to go, and went."""
    events: list[RunEvent] = [PLAN, *(DeviceJoined(f"npu/{n}") for n in range(4))]
    events += [started("a"), DeviceDraining("npu/1", 30), started("b", "npu/1")]
    events += [DeviceLost("npu/2", "done", Cause.RELEASED)]
    events += [DeviceDraining("npu/1", 30, given_back=True)]
    found = values(drained(events))
    states = ("working", "idle", "draining")
    assert [found["fleet_devices", state] for state in states] == [1, 1, 1]
    assert found["fleet_devices_joined", ""] == 4
    assert found["fleet_drain_notices", ""] == 1
    assert found["fleet_devices_left", "released"] == 1


def test_a_cut_lease_is_as_many_as_its_pieces() -> None:
    """However often it is told."""
    cut = LeaseSplit("a", tuple(LeaseSummary(name, 1) for name in "xyz"))
    found = values(drained([PLAN, started("a"), cut, cut]))
    assert found["fleet_leases", "waiting"] == 12
    assert found["fleet_leases_cut", ""] == 1


LEASES = st.sampled_from("abcd")


DEVICES = st.sampled_from(["npu/0", "npu/1", ELSEWHERE])


EVENTS = st.one_of(
    st.just(PLAN),
    st.builds(DeviceJoined, DEVICES),
    st.builds(DeviceDraining, DEVICES, st.floats(0, 100)),
    st.builds(DeviceLost, DEVICES, st.text(), st.sampled_from(Cause)),
    st.builds(LeaseStarted, DEVICES, LEASES, st.just(4.0), st.just(100), st.booleans()),
    st.builds(done, LEASES, DEVICES),
    st.builds(BackupWasted, DEVICES, LEASES, st.floats(0, 100)),
    st.builds(LeaseFailed, DEVICES, LEASES, st.just(FAULT)),
    st.builds(LeaseQuarantined, st.builds(receipt, LEASES), st.just(FAULT)),
    st.builds(
        LeaseTruncated, DEVICES, LEASES, st.builds(receipt, LEASES), st.just(LeaseSummary("r", 1))
    ),
)


@given(st.lists(EVENTS, max_size=40), st.sets(st.integers(0, 40)))
def test_any_order_of_events_counts_each_lease_once(
    events: list[RunEvent], looks: set[int]
) -> None:
    """Whenever it is looked at: nothing is negative, and frames are those of distinct receipts."""
    metrics, total = RunMetrics(), Counter[str]()
    metrics.fold(PLAN)
    told: set[str] = set()
    for number, event in enumerate(events):
        metrics.fold(event)
        if isinstance(event, LeaseDone | LeaseTruncated) and event.device != ELSEWHERE:
            told.add(event.receipt.lease)
        if isinstance(event, LeaseQuarantined):
            told.add(event.receipt.lease)
        if number in looks:
            total.update(_grown(metrics.drain()))
    total.update(_grown(metrics.drain()))
    assert total["fleet_frames"] == 100 * len(told)


def _grown(samples: list[Sample]) -> dict[str, int]:
    assert all(sample.value >= 0 for sample in samples)
    assert all(sample.value > 0 for sample in samples if sample.metric.kind == Kind.COUNTER)
    return {s.metric.name: int(s.value) for s in samples if s.metric is known.FRAMES}
