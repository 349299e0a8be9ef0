"""Where drivers are killed: cluster/local.py, and a cluster over hosts that namespaces play."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from hosts import Host
from killed_drivers import DEVICES, DRIVER, Place
from local_cluster import LocalCluster, local_cluster
from ray_hosts import RayHosts, ray_hosts

from fleet.core.format import plural

_WORDS = ("--max-devices", str(DEVICES))
_OUTSIDE = {"RAY_AUTH_MODE": "disabled", "RAY_ADDRESS": ""}
# Ray deletes what it has unpacked as soon as nothing uses it, rather than at 10 GB of that.
_KEEPS_NOTHING = {
    f"RAY_RUNTIME_ENV_{kind}_CACHE_SIZE_GB": "0" for kind in ("WORKING_DIR", "PY_MODULES")
}
_UNPACKED = "*/_ray_pkg_*"
_MARK = ".unpacked-before"
"""A file that is in a folder which Ray has unpacked, and not in one that it has unpacked anew."""


@dataclass(frozen=True)
class OnThisMachine:
    """cluster/local.py, whose nodes share the folder that Ray unpacks into."""

    cluster: LocalCluster

    def submit(self, job: Path, output: Path, log: Path) -> subprocess.Popen[bytes]:
        """Submit a job, and follow it into a log."""
        words = self.cluster.command("submit", job, "--output", output, *_WORDS)
        with log.open("wb") as out:
            return subprocess.Popen(words, env=self.cluster.environment, stdout=out, stderr=out)

    def drivers(self) -> Sequence[int]:
        """Return the processes that are drivers."""
        return self.cluster.find(*DRIVER)

    @contextmanager
    def sent_files_gone(self, driver: int, /) -> Iterator[None]:
        """Take away what Ray unpacked for a job; it is there again after the block.

        Nodes of this machine share it, and those that are there would not unpack it anew.
        """
        resources = Path(f"/proc/{driver}/cwd").readlink().parents[1]
        unpacked = [path for path in resources.glob(_UNPACKED) if path.is_dir()]
        assert unpacked, f"nothing of what was sent is in {resources}"
        away = [(path, path.with_name(f"away-{path.name}")) for path in unpacked]
        for path, former in away:
            path.rename(former)
        try:
            yield
        finally:
            for path, former in away:
                if path.exists():
                    # Ray has unpacked it anew.
                    shutil.rmtree(former)
                else:
                    former.rename(path)

    def told(self) -> str:
        """Say what became of what was sent."""
        return "What was sent was out of its place until the next driver had begun, each time."


@dataclass
class OnHosts:
    """A head with drivers beside it, hosts with a device each, and a desk that is none of them."""

    cluster: RayHosts
    desk: Host
    deleted: list[bool] = field(default_factory=list)
    """Of each kill with something unpacked where devices are, whether Ray deleted of that itself."""

    def submit(self, job: Path, output: Path, log: Path) -> subprocess.Popen[bytes]:
        """Submit a job from the desk, and follow it into a log."""
        address = ("--address", f"http://{self.cluster.head.address}:8265")
        words = [sys.executable, "-m", "fleet.cli", "submit", str(job), "--output", str(output)]
        return self.desk.start([*words, *address, *_WORDS], log, _OUTSIDE)

    def drivers(self) -> Sequence[int]:
        """Return the processes that are drivers."""
        return self.cluster.head.find(*DRIVER)

    @contextmanager
    def sent_files_gone(self, _driver: int, /) -> Iterator[None]:
        """Delete what Ray unpacked for a job on the host of its driver; it never comes back.

        On hosts with a device Ray itself deletes it, once the driver that used it is gone.
        """
        for path in _unpacked(self.cluster.head):
            shutil.rmtree(path, ignore_errors=True)
        others = [host for host in self.cluster.network.hosts if host is not self.cluster.head]
        marks = [path / _MARK for host in others for path in _unpacked(host)]
        for mark in marks:
            # Ray may delete it just now.
            with suppress(FileNotFoundError):
                mark.touch()
        yield
        if marks:
            self.deleted.append(not all(mark.exists() for mark in marks))

    def told(self) -> str:
        """Say what became of what was sent."""
        return (
            "What was sent was deleted beside the driver, for good, each time. Where devices are, Ray itself "
            f"had deleted it before the next driver had begun {sum(self.deleted)} of the "
            f"{plural(len(self.deleted), 'time')} that it was there."
        )


def _unpacked(host: Host) -> list[Path]:
    """Return the folders into which Ray has unpacked what was sent, on a host."""
    found = (host.folder / "ray").glob(f"session_2*/runtime_resources/{_UNPACKED}")
    return [path for path in found if path.is_dir()]


@contextmanager
def on_this_machine(_folder: Path) -> Iterator[Place]:
    """Run cluster/local.py until the block ends."""
    with local_cluster(DEVICES) as cluster:
        yield OnThisMachine(cluster)


@contextmanager
def on_hosts(folder: Path) -> Iterator[Place]:
    """Run a cluster over hosts until the block ends."""
    with ray_hosts(folder) as cluster:
        cluster.settings = _KEEPS_NOTHING
        cluster.start_head("--include-dashboard=true", "--dashboard-host=0.0.0.0")
        for _ in range(DEVICES):
            cluster.join()
        yield OnHosts(cluster, cluster.network.add())


PLACES: dict[str, Callable[[Path], AbstractContextManager[Place]]] = {
    "local": on_this_machine,
    "hosts": on_hosts,
}
