"""Hosts that come, hang, slow down and are taken away with notice, in the middle of a job."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hosts import wait_for
from ray_hosts import NotedRun, RayHosts

from fleet.table.maintenance.content_hash import fingerprint

JobSettings = Callable[[Path], dict[str, Any]]
FIRST_LEASE_S = 5.0
"""How soon a node that has shown up is at work: it starts Python and loads the model first."""


def device_on(run: NotedRun, host: str) -> str:
    """Wait for a device on a host to be at work; gives its name."""

    def working() -> list[dict[str, Any]]:
        assert run.process.poll() is None, run.printed()
        return [note for note in run.matching("Progress", host=host) if note["lease"]]

    return str(wait_for(working, f"work on {host}")[0]["device"])


def test_a_host_that_joins_in_the_middle_is_soon_at_work(
    cluster: RayHosts, job: JobSettings, undisturbed: dict[str, str], tmp_path: Path
) -> None:
    """It gets a lease within seconds of showing up, and the rows are the same."""
    first = cluster.join()
    run = cluster.run(tmp_path / "run", job(tmp_path / "out"))
    device_on(run, first.name)
    late = cluster.join(wait=False)
    (seen,) = run.wait_for("Node", host=late.name)
    device = device_on(run, late.name)
    started = run.matching("LeaseStarted", device=device)[0]
    assert run.end() == 0, run.printed()
    assert fingerprint(str(tmp_path / "out")) == undisturbed
    assert started["at_s"] - seen["at_s"] < FIRST_LEASE_S


def test_a_host_that_hangs_and_comes_back_does_no_harm(
    cluster: RayHosts, job: JobSettings, undisturbed: dict[str, str], tmp_path: Path
) -> None:
    """Its work is given to the other one; awake again, it writes what is there already."""
    cluster.join()
    frozen = cluster.join()
    run = cluster.run(tmp_path / "run", job(tmp_path / "out"))
    device = device_on(run, frozen.name)
    frozen.freeze()
    wait_for(
        lambda: run.matching("DeviceLost", device=device) or run.process.poll() is not None,
        "the loss of a frozen device",
    )
    frozen.thaw()
    assert run.end() == 0, run.printed()
    assert fingerprint(str(tmp_path / "out")) == undisturbed


def test_a_host_that_is_taken_away_with_notice_hands_over_and_nothing_is_redone(
    cluster: RayHosts, job: JobSettings, undisturbed: dict[str, str], tmp_path: Path
) -> None:
    """After SIGTERM what is in hand is committed, the rest is given back, and the node leaves."""
    cluster.join()
    leaving = cluster.join()
    run = cluster.run(tmp_path / "run", job(tmp_path / "out"))
    device = device_on(run, leaving.name)
    run.wait_for("LeaseDone", device=device)
    cluster.terminate(leaving)
    run.wait_for("DeviceDraining", device=device)
    assert run.end() == 0, run.printed()
    assert fingerprint(str(tmp_path / "out")) == undisturbed
    assert not run.notes("LeaseFailed") + run.notes("BackupWasted")
    committed = run.notes("LeaseDone") + run.notes("LeaseTruncated")
    assert sum(note["frames"] for note in committed) == run.notes("Report")[0]["frames"]
    assert lost_in_hand(run, device) == []
    wait_for(lambda: cluster.nodes[leaving.name].poll() is not None, "the node's own end")


def lost_in_hand(run: NotedRun, device: str) -> list[str]:
    """The leases that a device was at, by its own word, and that somebody else committed."""
    at = {note["lease"] for note in run.matching("Progress", device=device) if note["lease"]}
    ended = run.matching("LeaseDone", device=device) + run.matching("LeaseTruncated", device=device)
    return sorted(at - {note["lease"] for note in ended})


def test_a_slow_host_does_less_and_the_rows_are_the_same(
    cluster: RayHosts, job: JobSettings, undisturbed: dict[str, str], tmp_path: Path
) -> None:
    """At a fifth of the speed it gets a smaller share; nobody does a frame twice that counts."""
    quick, slow = cluster.join(), cluster.join()
    run = cluster.run(tmp_path / "run", job(tmp_path / "out"))
    devices = [device_on(run, host.name) for host in (quick, slow)]
    with slow.slowed(5):
        assert run.end() == 0, run.printed()
    assert fingerprint(str(tmp_path / "out")) == undisturbed
    shares = [sum(n["frames"] for n in run.matching("LeaseDone", device=d)) for d in devices]
    assert shares[0] > 1.5 * shares[1]


def test_a_host_without_the_input_mount_is_set_aside(
    cluster: RayHosts, job: JobSettings, undisturbed: dict[str, str], tmp_path: Path, data_dir: Path
) -> None:
    """Within ten leases; others do what it could not, and nothing is lost."""
    cluster.join()
    cluster.join()
    bare = cluster.join()
    bare.hide(data_dir)
    run = cluster.run(tmp_path / "run", job(tmp_path / "out"))
    assert run.end() == 0, run.printed()
    assert fingerprint(str(tmp_path / "out")) == undisturbed
    device = run.matching("DeviceJoined", node=bare.name)[0]["device"]
    failed = run.matching("LeaseFailed", device=device)
    assert 0 < len(failed) <= 10
    assert not run.matching("LeaseDone", device=device)
    assert [note for note in run.notes("Warned") if bare.name in note["text"]], run.printed()
