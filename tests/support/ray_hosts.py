"""A Ray cluster over several hosts: one head without devices, workers with one device each."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from hosts import Host, Network, network, wait_for
from ray_env import ray_settings

from fleet.core.run_events import RunEvent

ROOT = Path(__file__).parents[2]
RAY = str(Path(sys.executable).with_name("ray"))
DRIVER = Path(__file__).with_name("noted_run.py")
# A node is a process more than its actors; the plasma store takes what the test machine has little of.
_SMALL = ("--num-cpus=1", "--object-store-memory=80000000", "--disable-usage-stats", "--block")
_STARTED = "Ray runtime started"
STARTS_S = 240.0
"""Ray has so long to start on a host: a head may read its memory first, and this machine do a lot else."""
KINDS = {"", "Node", "Report"} | {kind.__name__ for kind in get_args(RunEvent)}
"""What can be noted; see noted_run.py."""


@dataclass
class NotedRun:
    """A run of a job on the head's host; `notes`: what its observer has seen, as it comes."""

    host: Host
    process: subprocess.Popen[bytes]
    log: Path
    notes_file: Path

    def notes(self, kind: str = "") -> list[dict[str, Any]]:
        """Return what has been noted, of one kind or of all."""
        assert kind in KINDS, f"nothing is noted as {kind}"
        if not self.notes_file.exists():
            return []
        lines = self.notes_file.read_text("utf-8").split("\n")[:-1]
        notes = [json.loads(line) for line in lines]
        return [note for note in notes if kind in ("", note["kind"])]

    def wait_for(self, kind: str, count: int = 1, **values: Any) -> list[dict[str, Any]]:
        """Wait until there are so many notes of a kind with these values."""

        def found() -> list[dict[str, Any]]:
            assert self.process.poll() is None, f"the run ended before {kind}: {self.printed()}"
            return self.matching(kind, **values)

        wait_for(lambda: len(found()) >= count, f"{count} {kind} {values}")
        return found()

    def matching(self, kind: str, **values: Any) -> list[dict[str, Any]]:
        """Give the notes of a kind with these values."""
        return [n for n in self.notes(kind) if all(n.get(k) == v for k, v in values.items())]

    def end(self, most_s: float = 35) -> int:
        """Wait for its end; gives its exit code."""
        try:
            return self.process.wait(most_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the run goes on: {self.printed()}") from None

    def printed(self) -> str:
        """What it has printed."""
        return self.log.read_text("utf-8", errors="replace")


@dataclass
class RayHosts:
    """The cluster: `network.hosts[0]` is its head; `nodes`: what runs `ray start --block`.

    `settings`: what nodes and drivers are started with beside ray.env; `of_head`: the head alone.
    """

    network: Network
    nodes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)
    of_head: dict[str, str] = field(default_factory=dict)

    @property
    def head(self) -> Host:
        """The head's host."""
        return self.network.hosts[0]

    @property
    def address(self) -> str:
        """Where drivers and workers find the cluster."""
        return f"{self.head.address}:6379"

    @property
    def environment(self) -> dict[str, str]:
        """What every node and driver is started with."""
        own = {"RAY_AUTH_MODE": "disabled", "RAY_ADDRESS": self.address}
        # What a submitted job calls `python` is the one that Ray runs with.
        own["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
        # Workers give way to whatever else this machine does, which may be a whole test run.
        return {**ray_settings(), **own, "RAY_worker_niceness": "0", **self.settings}

    def start_head(self, *options: str) -> Host:
        """Start the head, without devices; waits until it can be joined."""
        host = self.network.add()
        self.begin_head(*options)
        return host

    def begin_head(self, *options: str) -> None:
        """Start Ray on the head's host; waits until it can be joined."""
        host, dashboard = self.head, "--include-dashboard=false"
        self._start(host, "--head", "--port=6379", dashboard, *options, more=self.of_head)
        self._wait_until_started(host)

    def kill_head(self) -> None:
        """End every process of the head at once, by SIGKILL; its host stays."""
        self.head.kill()
        self.nodes[self.head.name].wait()

    def join(self, *, wait: bool = True, resources: str = '{"NPU": 1}') -> Host:
        """Start one more host with one device, and have it join."""
        host = self.network.add()
        self._start(host, f"--address={self.address}", f"--resources={resources}")
        if wait:
            self._wait_until_started(host)
        return host

    def terminate(self, host: Host) -> None:
        """Send SIGTERM to the host's `ray start --block`, as who takes a machine away does."""
        (pid,) = host.find("ray start", "--block")
        os.kill(pid, signal.SIGTERM)

    def run(self, folder: Path, job: Mapping[str, Any]) -> NotedRun:
        """Start the job jobs/detect.toml on the head's host; `job`: what to set in it."""
        folder.mkdir(exist_ok=True)
        notes, log = folder / "notes", folder / "log"
        command = [sys.executable, str(DRIVER), str(ROOT / "jobs" / "detect.toml"), str(notes)]
        process = self.head.start([*command, json.dumps(dict(job))], log, self.environment)
        return NotedRun(self.head, process, log, notes)

    def _start(self, host: Host, *options: str, more: Mapping[str, str] | None = None) -> None:
        command = [RAY, "start", f"--node-ip-address={host.address}", *_SMALL, *options]
        # RAY_ADDRESS would have `ray start --head` refuse.
        environment = {**self.environment, "RAY_ADDRESS": "", **(more or {})}
        self.nodes[host.name] = host.start(command, self._log(host), environment)

    def _log(self, host: Host) -> Path:
        return host.folder / "ray.log"

    def _wait_until_started(self, host: Host) -> None:
        def started() -> bool:
            text = self._log(host).read_text("utf-8", errors="replace")
            assert self.nodes[host.name].poll() is None, text
            return _STARTED in text

        wait_for(started, f"Ray on {host.name}", STARTS_S)


@contextmanager
def ray_hosts(folder: Path) -> Iterator[RayHosts]:
    """Make a cluster over hosts; it is empty, and ends with the block."""
    with network(folder) as made:
        yield RayHosts(made)
