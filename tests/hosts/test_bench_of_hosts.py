"""The bench itself: what the hosts have of their own, and what befalls them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hosts import Host, Network, missing_for_hosts, network, wait_for


@pytest.fixture
def net(tmp_path: Path) -> Iterator[Network]:
    """Two hosts, without Ray."""
    if reason := missing_for_hosts():
        if os.environ.get("CI"):
            pytest.fail(f"{reason} (CI must have it)")
        pytest.skip(reason)
    with network(tmp_path / "hosts") as made:
        made.add()
        made.add()
        yield made


def printed(host: Host, script: str, log: Path) -> str:
    """Run a script on a host; gives what it prints."""
    host.start(["bash", "-c", script], log).wait(20)
    return log.read_text().strip()


def reaches(host: Host, other: Host, log: Path) -> bool:
    """Whether a connection from a host to another is answered, be it by a refusal."""
    probe = f"timeout 2 bash -c '< /dev/tcp/{other.address}/9' 2>&1 || true"
    return "refused" in printed(host, probe, log)


def test_hosts_have_names_processes_and_shared_memory_of_their_own(
    net: Network, tmp_path: Path
) -> None:
    """What one has, the other does not see; the machine's network is as it was."""
    one, other = net.hosts
    booleans = "touch /dev/shm/mark /tmp/ray/mark; hostname; cat /proc/1/cmdline | wc -c"
    assert printed(one, booleans, tmp_path / "log").startswith("h0\n")
    assert printed(other, "ls /dev/shm /tmp/ray; hostname", tmp_path / "log").endswith("\nh1")
    assert "mark" not in printed(other, "ls /dev/shm /tmp/ray", tmp_path / "log")
    ours = subprocess.run(["ip", "addr"], capture_output=True, text=True, check=True).stdout
    assert one.address not in ours


def test_a_pulled_cable_cuts_a_host_off_until_it_is_put_back(net: Network, tmp_path: Path) -> None:
    """Packets vanish: nobody refuses anything."""
    one, other = net.hosts
    assert reaches(one, other, tmp_path / "log")
    other.unplug()
    assert not reaches(one, other, tmp_path / "log")
    other.plug()
    assert reaches(one, other, tmp_path / "log")


def test_frozen_processes_stand_still_and_power_off_ends_them(net: Network, tmp_path: Path) -> None:
    """All of one host, none of the other."""
    one, other = net.hosts
    started = [host.start(["sleep", "599"], tmp_path / host.name) for host in (one, other)]
    (awake,) = wait_for(lambda: asleep(one), "a sleeper")
    (sleeper,) = wait_for(lambda: asleep(other), "a sleeper")
    other.freeze()
    wait_for(lambda: state(sleeper) == "T", "all stopped")
    assert state(awake) == "S"
    other.thaw()
    wait_for(lambda: state(sleeper) == "S", "all going on")
    other.off()
    assert started[1].wait(10)
    assert started[0].poll() is None


def asleep(host: Host) -> list[int]:
    """The host's sleeping `sleep`."""
    return [pid for pid in host.find("sleep", "599") if state(pid) == "S"]


def state(pid: int) -> str:
    """What the kernel says a process does: S sleeps, T is stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]


def test_all_ends_with_the_block(tmp_path: Path) -> None:
    """No process of a host is left."""
    if reason := missing_for_hosts():
        pytest.skip(reason)
    with network(tmp_path / "hosts") as made:
        sleeper = made.add().start(["sleep", "599"], tmp_path / "log")
    assert sleeper.wait(10)
