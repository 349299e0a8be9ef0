"""Hosts that vanish in the middle of a job: the same rows, once each."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hosts import Host
from ray_hosts import NotedRun, RayHosts

from fleet.output.fingerprint import fingerprint


@pytest.mark.parametrize("blow", [Host.off, Host.unplug], ids=["power-off", "cable-pulled"])
def test_a_host_that_vanishes_changes_no_row(
    cluster: RayHosts,
    job: Callable[[Path], dict[str, Any]],
    undisturbed: dict[str, str],
    tmp_path: Path,
    blow: Callable[[Host], None],
) -> None:
    """What it held is done by the other one, be it as a twin before the loss is noticed."""
    cluster.join()
    doomed = cluster.join()
    run = cluster.run(tmp_path / "run", job(tmp_path / "out"))
    device = run.wait_for("Progress", host=doomed.name)[0]["device"]
    run.wait_for("LeaseDone", 2, device=device)
    blow(doomed)
    assert run.end() == 0, run.printed()
    assert fingerprint(str(tmp_path / "out")) == undisturbed
    held, done = (leases(run, kind, device) for kind in ("LeaseStarted", "LeaseDone"))
    assert held - done, "it had nothing in hand when it vanished"


def leases(run: NotedRun, kind: str, device: str) -> set[str]:
    """The leases that a device has notes of one kind about."""
    return {note["lease"] for note in run.matching(kind, device=device)}
