"""A Ray head of the tests' own, with its dashboard, on free ports of this machine."""

from __future__ import annotations

import http.client
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from s3_server import free_ports, wait_until

RAY = Path(sys.executable).with_name("ray")
_SMALL = (
    *("--num-cpus=1", "--object-store-memory=80000000", "--disable-usage-stats", "--block"),
    *("--no-monitor", "--include-log-monitor=false"),
)


@dataclass(frozen=True)
class Head:
    """A running head. `url`: its dashboard; `address`: of the cluster; `environment`: of clients."""

    url: str
    address: str
    process: subprocess.Popen[bytes]
    environment: Mapping[str, str]

    def fleet(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run the command as a user of the cluster would."""
        return subprocess.run(
            self.command(*arguments),
            env=dict(self.environment),
            capture_output=True,
            text=True,
            check=False,
        )

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        """Start the command; what it prints is one stream."""
        return subprocess.Popen(
            self.command(*arguments),
            env=dict(self.environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def command(self, name: object, *arguments: object) -> list[str]:
        """Write a command line that is told where the cluster is."""
        return [
            *(sys.executable, "-m", "fleet.cli", str(name)),
            *("--address", self.url, *map(str, arguments)),
        ]

    def find(self, *words: str) -> list[int]:
        """Find the processes of this cluster whose command line has all these words."""
        return [
            process
            for process in below(self.process.pid)
            if all(word in command_line(process) for word in words)
        ]


@contextmanager
def ray_head(npus: int, environment: Mapping[str, str] | None = None) -> Iterator[Head]:
    """Run a head with so many NPUs until the block ends; ends no process but its own."""
    port, dashboard, *others = free_ports(6)
    names = (
        "dashboard-agent-listen",
        "dashboard-agent-grpc",
        "runtime-env-agent",
        "ray-client-server",
    )
    around = {key: value for key, value in os.environ.items() if not key.startswith("RAY_ADDRESS")}
    path = f"{RAY.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    around |= {"PATH": path, "RAY_AUTH_MODE": "disabled", **(environment or {})}
    # Ray's sockets lie in there, and their paths may not be long.
    with tempfile.TemporaryDirectory(
        prefix="rh-", dir="/tmp", ignore_cleanup_errors=True
    ) as folder:
        command = [
            *(str(RAY), "start", "--head", f"--port={port}", f"--temp-dir={folder}", *_SMALL),
            *("--include-dashboard=true", f"--dashboard-port={dashboard}"),
            f"--resources={json.dumps({'NPU': npus})}",
            *(f"--{name}-port={number}" for name, number in zip(names, others, strict=True)),
        ]
        log = Path(folder) / "start.log"
        with log.open("wb") as out:
            process = subprocess.Popen(command, env=around, stdout=out, stderr=out)
        try:
            wait_until(_started(process, log, dashboard), "a Ray head")
            yield Head(f"http://127.0.0.1:{dashboard}", f"127.0.0.1:{port}", process, around)
        finally:
            _end(process)


def _started(process: subprocess.Popen[bytes], log: Path, dashboard: int) -> Callable[[], bool]:
    def started() -> bool:
        assert process.poll() is None, log.read_text("utf-8", "replace")
        # 401 comes of one that wants a token.
        return _status(dashboard, "/api/version") in {200, 401}

    return started


def _status(port: int, path: str) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a head and whatever it started, by their numbers."""
    family = [*below(process.pid), process.pid]
    for number in family:
        try:
            os.kill(number, 9)
        except ProcessLookupError:
            continue
    process.wait()


def below(root: int) -> list[int]:
    """List the processes that descend from one."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(entry.read_text("utf-8", "replace").rpartition(")")[2].split()[1])
        except OSError:
            continue
        children.setdefault(parent, []).append(int(entry.parent.name))
    found, waiting = [], [root]
    while waiting:
        more = children.get(waiting.pop(), [])
        found += more
        waiting += more
    return found


def command_line(process: int) -> str:
    """Return the words of a process; empty where there is none."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
