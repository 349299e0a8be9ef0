"""Hosts that vanish in the middle of a job: the same rows, once each."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hosts import Host
from ray_env import ray_settings
from ray_hosts import NotedRun, RayHosts

from fleet.table.maintenance.content_hash import fingerprint


@pytest.mark.parametrize("blow", [Host.off, Host.unplug], ids=["power-off", "cable-pulled"])
def test_a_host_that_vanishes_changes_no_row(
    cluster: RayHosts,
    job: Callable[[Path], dict[str, Any]],
    undisturbed: dict[str, str],
    tmp_path: Path,
    blow: Callable[[Host], None],
) -> None:
    """What it held is done by the other one, next to what that has in hand when it is noticed."""
    cluster.join()
    doomed = cluster.join()
    run = cluster.run(tmp_path / "run", job(tmp_path / "out"))
    device = run.wait_for("Progress", host=doomed.name)[0]["device"]
    run.wait_for("LeaseDone", 2, device=device)
    blown_s = time.monotonic()
    blow(doomed)
    assert run.end() == 0, run.printed()
    assert fingerprint(str(tmp_path / "out")) == undisturbed
    taken_over = in_hand(run, device)
    assert taken_over, "it had nothing in hand when it vanished"
    last_s = max(note["at_s"] for note in run.notes("LeaseDone") if note["lease"] in taken_over)
    in_turn = 1 + len(taken_over)
    assert last_s - blown_s < noticed_within_s() + in_turn * longest_lease_s(run)


def in_hand(run: NotedRun, device: str) -> set[str]:
    """The leases that a device was given and did not commit."""
    given, done = (
        {note["lease"] for note in run.matching(kind, device=device)}
        for kind in ("LeaseStarted", "LeaseDone")
    )
    return given - done


def noticed_within_s() -> float:
    """How long Ray may take to notice that a node is gone, as cluster/ray.env has it."""
    set_to = {name: int(value) for name, value in ray_settings().items() if "health_check" in name}
    each_ms = set_to["RAY_health_check_period_ms"] + set_to["RAY_health_check_timeout_ms"]
    return set_to["RAY_health_check_failure_threshold"] * each_ms / 1000


def longest_lease_s(run: NotedRun) -> float:
    """The longest that a lease was in somebody's hands before it was committed."""
    given = {(note["lease"], note["device"]): note["at_s"] for note in run.notes("LeaseStarted")}
    done = ((note["at_s"], (note["lease"], note["device"])) for note in run.notes("LeaseDone"))
    return float(max(at_s - given[key] for at_s, key in done if key in given))
