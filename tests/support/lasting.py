"""A cluster over hosts whose head's memory is in a Redis beside it, as cluster/kubernetes/head-survives."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hosts import Host, wait_for
from ray_env import CLUSTER
from ray_hosts import RayHosts, ray_hosts

REDIS_PORT = 6379
HEAD_STARTS_S = 240
"""A head that begins anew reads its memory first, on a machine that does other things too."""
_WAIT = "RAY_gcs_rpc_server_reconnect_timeout_s"
_CONFIGURATION = 'requirepass {password}\nsave ""\nappendonly no\nbind 0.0.0.0\nport {port}\n'


def missing_redis() -> str:
    """Say that Redis is not installed; empty where it is."""
    return "" if shutil.which("redis-server") else "redis-server is not installed"


def waiting_s() -> str:
    """Return how long nodes wait for a head, by the component that has its memory survive."""
    text = (CLUSTER / "kubernetes/head-survives/kustomization.yaml").read_text("utf-8")
    return text.partition(_WAIT)[2].partition('value: "')[2].partition('"')[0]


class LastingHead:
    """The head of such a cluster, which can be killed and begun anew."""

    def __init__(self, cluster: RayHosts) -> None:
        self.cluster = cluster
        self._redis = cluster.network.add()
        self._password = secrets.token_hex(24)
        self._options = (
            *("--num-cpus=0", "--include-dashboard=true", "--dashboard-host=0.0.0.0"),
            f"--redis-password={self._password}",
        )

    @property
    def url(self) -> str:
        """The dashboard."""
        return f"http://{self.cluster.head.address}:8265"

    def start(self) -> None:
        """Start the Redis, and then the head, without cores and devices."""
        folder = self.cluster.network.folder
        file = folder / "redis.conf"
        file.write_text(_CONFIGURATION.format(password=self._password, port=REDIS_PORT))
        self._redis.start(["redis-server", str(file)], folder / "redis.log")
        wait_for(lambda: "Ready to accept" in (folder / "redis.log").read_text(), "Redis")
        self.cluster.of_head = {"RAY_REDIS_ADDRESS": f"{self._redis.address}:{REDIS_PORT}"}
        self.begin()

    def begin(self) -> None:
        """Start the head; waits until it can be joined."""
        self.cluster.begin_head(*self._options, most_s=HEAD_STARTS_S)

    def kill(self) -> None:
        """Kill all that runs on the head's host."""
        self.cluster.kill_head()


@contextmanager
def lasting_head(folder: Path) -> Iterator[LastingHead]:
    """Make a cluster of a head alone, which ends with the block."""
    with ray_hosts(folder) as cluster:
        cluster.settings = {_WAIT: waiting_s()}
        cluster.network.add()
        head = LastingHead(cluster)
        head.start()
        yield head


def join(head: LastingHead, devices: int) -> list[Host]:
    """Have so many hosts with a device join, and one that is there for drivers."""
    drivers = head.cluster.join(resources='{"driver": 1}')
    return [drivers, *(head.cluster.join() for _ in range(devices))]
