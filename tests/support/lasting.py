"""A cluster over hosts whose head's memory outlives it: in a Redis beside it, or on its own disk.

The first is as cluster/kubernetes/head-survives has it; both are as cluster/README.md has them for plain
hosts.
"""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from hosts import Host, wait_for
from ray_env import CLUSTER
from ray_hosts import RayHosts, ray_hosts

REDIS_PORT = 6379
ADDRESS = "RAY_REDIS_ADDRESS"
STORE, STORE_FOLDER = "RAY_gcs_storage", "RAY_gcs_storage_path"
BUILT_IN = "rocksdb"
WAIT = "RAY_gcs_rpc_server_reconnect_timeout_s"
_WITHOUT_CORES = ("--num-cpus=0", "--include-dashboard=true", "--dashboard-host=0.0.0.0")
_CONFIGURATION = 'requirepass {password}\nsave ""\nappendonly no\nbind 0.0.0.0\nport {port}\n'


class Memory(StrEnum):
    """Where a head keeps what it is to find again."""

    REDIS = "redis"
    """In a Redis on another host, without a disk."""
    DISK = "disk"
    """In a folder of the head's own disk: the store that is embedded in Ray (RocksDB)."""

    @property
    def missing(self) -> str:
        """What is not installed that it takes; empty where nothing is missing."""
        lacks = self is Memory.REDIS and shutil.which("redis-server") is None
        return "redis-server is not installed" if lacks else ""


@dataclass(frozen=True)
class HeadSettings:
    """What `ray start --head` is told of its memory."""

    options: tuple[str, ...]
    """Words of the command."""
    environment: dict[str, str]
    """Variables of the head alone."""


def waiting_s() -> str:
    """Return how long nodes wait for a head, by the component that has its memory survive."""
    text = (CLUSTER / "kubernetes/head-survives/kustomization.yaml").read_text("utf-8")
    return text.partition(WAIT)[2].partition('value: "')[2].partition('"')[0]


def in_redis(cluster: RayHosts) -> HeadSettings:
    """Start a Redis on one more host; return what a head is told of it."""
    host, folder, password = cluster.network.add(), cluster.network.folder, secrets.token_hex(24)
    file = folder / "redis.conf"
    file.write_text(_CONFIGURATION.format(password=password, port=REDIS_PORT))
    host.start(["redis-server", str(file)], folder / "redis.log")
    wait_for(lambda: "Ready to accept" in (folder / "redis.log").read_text(), "Redis")
    address = {ADDRESS: f"{host.address}:{REDIS_PORT}"}
    return HeadSettings((f"--redis-password={password}",), address)


def on_disk(cluster: RayHosts) -> HeadSettings:
    """Return what a head is told that has its memory in a folder of its host."""
    folder = cluster.head.folder / "memory"
    return HeadSettings((), {STORE: BUILT_IN, STORE_FOLDER: str(folder)})


class LastingHead:
    """The head of such a cluster, which can be killed and begun anew."""

    def __init__(self, cluster: RayHosts, memory: Memory) -> None:
        self.cluster = cluster
        settings = in_redis(cluster) if memory is Memory.REDIS else on_disk(cluster)
        cluster.of_head = settings.environment
        self._options = (*_WITHOUT_CORES, *settings.options)

    @property
    def url(self) -> str:
        """The dashboard."""
        return f"http://{self.cluster.head.address}:8265"

    def begin(self) -> None:
        """Start the head, without cores and devices; waits until it can be joined."""
        self.cluster.begin_head(*self._options)

    def kill(self) -> None:
        """Kill all that runs on the head's host."""
        self.cluster.kill_head()


@contextmanager
def lasting_head(folder: Path, memory: Memory) -> Iterator[LastingHead]:
    """Make a cluster of a head alone, which ends with the block."""
    with ray_hosts(folder) as cluster:
        cluster.settings = {WAIT: waiting_s()}
        cluster.network.add()
        head = LastingHead(cluster, memory)
        head.begin()
        yield head


def join(head: LastingHead, devices: int) -> list[Host]:
    """Have so many hosts with a device join, and one that is there for drivers."""
    drivers = head.cluster.join(resources='{"driver": 1}')
    return [drivers, *(head.cluster.join() for _ in range(devices))]
