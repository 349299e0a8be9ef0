"""Leases whose inputs could not be read: tried elsewhere, then left; nodes that cannot read."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleet.core.fault import FETCH_STAGE, Fault
from fleet.core.lease_summary import LeaseSummary
from fleet.core.receipt import Receipt, Tally
from fleet.core.run_events import (
    DeviceJoined,
    DeviceLost,
    Event,
    LeaseCancelled,
    LeaseDone,
    LeaseFailed,
    LeaseTruncated,
    Tick,
)
from fleet.scheduler.commands import Assign, Cancel, Command, Release, SetNodeAside
from fleet.scheduler.lease_state import SchedulingPolicy, State
from fleet.scheduler.ledger import Ledger

GONE = Fault(FETCH_STAGE, 0, "VideoChanged", "it is gone", retryable=True)
ALONE = SchedulingPolicy(backups=False)


def ledger_of(leases: int, policy: SchedulingPolicy = ALONE) -> Ledger:
    """A ledger of so many leases of four GOPs, the longest first."""
    return Ledger([LeaseSummary(f"{n:03}", 4, float(leases - n)) for n in range(leases)], policy)


def done(lease: str) -> Receipt:
    """A receipt of nothing."""
    return Receipt(lease, (), (), Tally(), "x")


class Cluster:
    """Devices that do what they are told at once; those of some nodes cannot read."""

    def __init__(self, ledger: Ledger, nodes: dict[str, str], blind: set[str]) -> None:
        self.ledger = ledger
        self.nodes = nodes
        self.blind = blind
        self.failed: list[tuple[str, str]] = []
        self.aside: list[str] = []
        self.held: dict[str, list[str]] = {device: [] for device in nodes}
        self.now_s = 0.0
        for device, node in nodes.items():
            self.tell(DeviceJoined(device, node))

    def tell(self, event: Event) -> None:
        """Hand an event in, and take what is wanted done."""
        self.now_s += 0.1
        for command in self.ledger.handle(event, self.now_s):
            self.obey(command)
        self.ledger.validate()

    def obey(self, command: Command) -> None:
        """Do as told, but for what takes time."""
        match command:
            case Assign(device, lease):
                self.held[device].append(lease)
            case Cancel(device, lease):
                self.held[device].remove(lease)
                self.tell(LeaseCancelled(device, lease, 0.0))
            case Release(device):
                self.held.pop(device)
                self.tell(DeviceLost(device, "released"))
            case SetNodeAside(node):
                self.aside.append(node)
            case _:
                raise AssertionError(command)

    def step(self, device: str) -> None:
        """Let a device end what it runs."""
        if not self.held.get(device):
            self.tell(Tick())
            return
        lease, node = self.held[device].pop(0), self.nodes[device]
        if node in self.blind:
            self.failed.append((node, lease))
            self.tell(LeaseFailed(device, lease, GONE))
        else:
            self.tell(LeaseDone(device, lease, done(lease)))


def test_a_lease_that_nobody_can_read_is_left_and_not_lost() -> None:
    """After so many attempts, on every node."""
    cluster = Cluster(ledger_of(1), {"a": "one", "b": "two"}, {"one", "two"})
    while not cluster.ledger.finished:
        for device in ("a", "b"):
            cluster.step(device)
    assert cluster.ledger.state("000") is State.UNREACHED
    assert len(cluster.failed) == 3
    assert {node for node, _ in cluster.failed} == {"one", "two"}
    assert not cluster.aside


def test_a_node_that_reads_nothing_that_others_can_is_set_aside() -> None:
    """Within a few leases, however fast it fails; the others do everything."""
    cluster = Cluster(ledger_of(40), {"a": "good", "b": "blind", "c": "blind"}, {"blind"})
    for turn in range(10_000):
        if cluster.ledger.finished:
            break
        # The blind ones are thirty times as fast.
        cluster.step("a" if turn % 31 == 30 else ("b", "c")[turn % 2])
    assert cluster.aside == ["blind"]
    assert len(cluster.failed) <= 10
    assert cluster.ledger.count(State.DONE) == 40
    # One that comes back there is let go at once.
    cluster.held["d"] = []
    cluster.tell(DeviceJoined("d", "blind"))
    assert "d" not in cluster.held


def test_what_the_first_node_cannot_read_is_tried_by_one_that_joins_later() -> None:
    """It was left for the next run, as nobody else was there; the run still goes on."""
    cluster = Cluster(ledger_of(6), {"a": "blind"}, {"blind"})
    while cluster.ledger.count(State.UNREACHED) < 3:
        cluster.step("a")
    cluster.nodes["b"], cluster.held["b"] = "good", []
    cluster.tell(DeviceJoined("b", "good"))
    while not cluster.ledger.finished:
        cluster.step("b")
        cluster.step("a")
    assert cluster.ledger.count(State.DONE) == 6


def test_a_node_that_is_there_first_and_reads_nothing_waits_for_others() -> None:
    """However fast it fails, it has failed ten times at most when somebody else has come."""
    cluster = Cluster(ledger_of(40), {"a": "blind"}, {"blind"})
    for _ in range(200):
        cluster.step("a")
    cluster.nodes["b"], cluster.held["b"] = "good", []
    cluster.tell(DeviceJoined("b", "good"))
    while not cluster.ledger.finished:
        cluster.step("a")
        cluster.step("b")
    assert len(cluster.failed) <= 10
    assert cluster.aside == ["blind"]
    assert cluster.ledger.count(State.DONE) == 40


def test_a_node_that_stays_alone_waits_once_and_then_tries_everything() -> None:
    """Nobody has come in half a minute: what it cannot read is left for the next run."""
    cluster = Cluster(ledger_of(40), {"a": "blind"}, {"blind"})
    while not cluster.ledger.finished:
        cluster.step("a")
    assert cluster.ledger.count(State.UNREACHED) == 40
    assert cluster.now_s < ALONE.rest_s + 40 * 3


def test_a_node_that_reads_some_is_kept() -> None:
    """What is missing for all says nothing of it."""
    cluster = Cluster(ledger_of(30), {"a": "one", "b": "two"}, set())
    missing = {f"{n:03}" for n in range(0, 30, 3)}
    while not cluster.ledger.finished:
        for device in ("a", "b"):
            held = cluster.held[device]
            cluster.blind = {"one", "two"} if held and held[0] in missing else set()
            cluster.step(device)
    assert not cluster.aside
    assert cluster.ledger.count(State.UNREACHED) == 10
    assert cluster.ledger.count(State.DONE) == 20


def test_what_is_left_of_a_lease_is_tried_elsewhere() -> None:
    """The videos that could be read are done; the rest remembers where it failed."""
    ledger = ledger_of(1)
    ledger.handle(DeviceJoined("a", "one"), 0)
    ledger.handle(DeviceJoined("b", "two"), 0)
    rest = LeaseSummary("rest", 1, 0.25)
    commands = ledger.handle(LeaseTruncated("a", "000", done("000"), rest, GONE), 1)
    ledger.validate()
    assert commands == [Assign("b", "rest")]
    assert ledger.state("000") is State.DONE


@given(
    st.lists(st.sampled_from("abc"), max_size=60), st.sets(st.sampled_from(["one", "two", "three"]))
)
def test_every_lease_ends_whatever_nodes_cannot_read(order: list[str], blind: set[str]) -> None:
    """Done where any node can read, else left; never given up."""
    cluster = Cluster(ledger_of(6), {"a": "one", "b": "two", "c": "three"}, blind)
    for device in [*order, *"abc" * 200]:
        cluster.step(device)
    assert cluster.ledger.finished
    expected = State.UNREACHED if len(blind) == 3 else State.DONE
    assert cluster.ledger.count(expected) == 6
