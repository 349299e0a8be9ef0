"""Where devices are started after failures, and how many others are believed to use."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fleet.scheduler.placement import SETTLE_S, UNKNOWN, ForeignUsage, NodeBlacklist, StartBackoff

NODES = frozenset({"a", "b"})


def test_a_node_is_let_be_for_longer_with_each_failure_and_then_set_aside() -> None:
    """1 s, 2 s, and the third failure in a row tells why it is not tried again."""
    placing = NodeBlacklist()
    assert not placing.fail("a", "no driver", 10.0)
    assert placing.avoided(10.9) == {"a"}
    assert not placing.avoided(11.0)
    assert not placing.fail("a", "no driver", 11.0)
    assert placing.avoided(12.9) == {"a"}
    assert placing.fail("a", "no firmware", 13.0)
    assert placing.avoided(1e9) == {"a"}
    assert dict(placing.aside) == {"a": "no firmware"}
    assert not placing.fail("a", "again", 14.0), "it is told once"


def test_failures_count_in_a_row() -> None:
    """A device that starts clears its node."""
    placing = NodeBlacklist()
    for now_s in range(0, 500, 100):
        assert not placing.fail("a", "", now_s)
        assert not placing.fail("a", "", now_s + 50)
        placing.succeed("a")
        assert not placing.avoided(now_s + 50)


@given(st.lists(st.integers(0, 20), min_size=1, max_size=20))
def test_devices_that_fail_together_are_one_failure(together: list[int]) -> None:
    """However many start at a time, each turn is one of three, and the next one waits longer."""
    placing, now_s = NodeBlacklist(), 0.0
    for turn, more in enumerate(together, 1):
        told = [placing.fail("a", "", now_s + 0.9 * n / 21) for n in range(more + 1)]
        assert told == [turn == 3] + [False] * more
        assert ("a" in placing.aside) == (turn >= 3)
        now_s += StartBackoff().wait_s(turn)


def test_devices_go_elsewhere_at_once_and_wait_where_there_is_no_elsewhere() -> None:
    """One good node is enough to go on; with none, the wait of one must end first."""
    placing = NodeBlacklist()
    placing.fail("a", "", 0.0)
    assert placing.may_start(NODES, 0.5)
    placing.fail("b", "", 0.4)
    assert not placing.may_start(NODES, 0.5)
    assert placing.may_start(NODES, 1.0)


def test_a_cluster_without_nodes_is_asked_all_the_same() -> None:
    """Nodes may come for what is asked."""
    placing = NodeBlacklist()
    for now_s in (0.0, 10.0, 20.0):
        placing.fail("a", "", now_s)
    assert placing.may_start(frozenset(), 20.0)
    assert not placing.hopeless(frozenset())


def test_it_is_hopeless_once_every_node_is_set_aside() -> None:
    """Not while one of them may still be tried."""
    placing = NodeBlacklist()
    for now_s in (0.0, 10.0, 20.0):
        placing.fail("a", "", now_s)
    assert not placing.hopeless(NODES)
    assert placing.hopeless({"a"})


def test_failures_of_no_known_node_hold_up_everything() -> None:
    """Three in a row, anywhere, with nothing started between them."""
    placing = NodeBlacklist()
    for now_s in (0.0, 5.0):
        assert not placing.fail(UNKNOWN, "", now_s)
        assert not placing.may_start(NODES, now_s)
    placing.succeed("a")
    assert placing.may_start(NODES, 5.0)
    for now_s in (10.0, 20.0, 30.0):
        placing.fail(UNKNOWN, "", now_s)
    assert placing.hopeless(NODES)


@given(st.integers(1, 60))
def test_no_wait_is_longer_than_the_longest(failures: int) -> None:
    """It doubles up to there."""
    backoff = StartBackoff()
    assert backoff.first_s <= backoff.wait_s(failures) <= backoff.longest_s


def test_a_device_that_starts_is_not_taken_for_somebody_elses() -> None:
    """An NPU is in use before our device has told where it is."""
    others = ForeignUsage()
    assert others.update(unaccounted=1, unplaced=0, now_s=0.0) == 1
    assert others.update(unaccounted=3, unplaced=2, now_s=1.0) == 1
    assert others.update(unaccounted=1, unplaced=0, now_s=2.0) == 1
    assert others.update(unaccounted=0, unplaced=0, now_s=3.0) == 0


def test_what_others_take_is_believed_in_the_end() -> None:
    """Also while a device of ours waits for room for ever."""
    others = ForeignUsage()
    others.update(0, 0, 0.0)
    assert others.update(1, 1, 1.0) == 0
    assert others.update(1, 1, SETTLE_S) == 0
    assert others.update(1, 1, 1.0 + SETTLE_S) == 1


@given(st.lists(st.tuples(st.integers(-1, 9), st.integers(0, 5)), min_size=1))
def test_others_use_no_more_than_is_in_use_and_no_less_than_must_be_theirs(
    seen: list[tuple[int, int]],
) -> None:
    """Whatever is seen, in whatever order."""
    others = ForeignUsage()
    for now_s, (unaccounted, unplaced) in enumerate(seen):
        used = others.update(unaccounted, unplaced, float(now_s))
        assert max(0, unaccounted - unplaced) <= used <= max(0, unaccounted)
