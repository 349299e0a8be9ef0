"""cluster/local.py, running on free ports of this machine, and its processes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ray_env import CLUSTER
from ray_head import RAY, below, command_line
from s3_server import wait_until

STARTS_S = 240.0
_READY = "Ctrl-C ends the cluster"


@dataclass(frozen=True)
class LocalCluster:
    """A running cluster."""

    url: str
    """Its dashboard."""
    process: subprocess.Popen[bytes]
    """What keeps it, whose descendants all its processes are."""
    environment: Mapping[str, str]
    """The environment of clients."""

    def command(self, name: str, *arguments: object) -> list[str]:
        """Return a command line of Fleet that is told where the cluster is."""
        fleet = (sys.executable, "-m", "fleet.cli", name)
        return [*fleet, "--address", self.url, *map(str, arguments)]

    def find(self, *words: str) -> list[int]:
        """Return the processes of this cluster whose command line has all these words."""
        found = [pid for pid in below(self.process.pid) if command_line(pid)]
        return [pid for pid in found if all(word in command_line(pid).split() for word in words)]


@contextmanager
def local_cluster(devices: int) -> Iterator[LocalCluster]:
    """Run an elastic cluster of at most so many devices until the block ends."""
    around = {key: value for key, value in os.environ.items() if not key.startswith("RAY_ADDRESS")}
    path = f"{RAY.parent}{os.pathsep}{os.environ.get('PATH', '')}"
    # Ray's sockets lie in the folder, and their paths may not be long.
    with tempfile.TemporaryDirectory(prefix="rl-", dir="/tmp") as folder:
        around |= {"PATH": path, "RAY_AUTH_MODE": "disabled", "TMPDIR": folder}
        around |= {"RAY_worker_niceness": "0"}
        log = Path(folder) / "log"
        command = [sys.executable, str(CLUSTER / "local.py"), "--max-devices", str(devices)]
        with log.open("wb") as out:
            process = subprocess.Popen(command, env=around, stdout=out, stderr=out)
        try:
            wait_until(
                lambda: _READY in log.read_text() or process.poll() is not None, "it", STARTS_S
            )
            found = re.search(r"--address (http://\S+)", log.read_text("utf-8"))
            assert found, log.read_text("utf-8")
            yield LocalCluster(found[1], process, around)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)
