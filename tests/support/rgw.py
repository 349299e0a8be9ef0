"""Ceph's S3 gateway on loopback, from Debian's packages: a monitor, an OSD in memory, a gateway."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from s3_server import S3Server, answers, free_ports, wait_until

PROGRAMS = ("radosgw", "radosgw-admin", "ceph-mon", "ceph-osd", "monmaptool", "ceph")


@dataclass(frozen=True)
class Gateway(S3Server):
    """A running gateway, whose buckets may be given a quota."""

    folder: Path = Path()
    """Its data and its configuration."""

    @contextmanager
    def limited(self, bucket: str, objects: int) -> Iterator[None]:
        """Let a bucket have no more than so many objects, until the block ends."""
        at = ["--quota-scope=bucket", f"--bucket={bucket}"]
        _run(self.folder, "radosgw-admin", "quota", "set", *at, f"--max-objects={objects}")
        _run(self.folder, "radosgw-admin", "quota", "enable", *at)
        try:
            yield
        finally:
            _run(self.folder, "radosgw-admin", "quota", "disable", *at)


def missing_program() -> str | None:
    """Name a program that is not installed; None where all are."""
    return next((name for name in PROGRAMS if shutil.which(name) is None), None)


@contextmanager
def rgw_running(folder: Path) -> Iterator[Gateway]:
    """Run it with its data in `folder`, until the block ends."""
    v2, v1, port = free_ports(3)
    for name in ("mon", "osd", "run", "log"):
        (folder / name).mkdir(parents=True)
    (folder / "ceph.conf").write_text(_configuration(folder, v2, v1))
    admin, reader = ((f"AK{secrets.token_hex(9)}", secrets.token_hex(20)) for _ in range(2))
    try:
        _start(folder, v2, v1)
        _add_user(folder, "admin", admin)
        _add_user(folder, "reader", reader)
        _run(folder, "radosgw", "-n", "client.rgw.a", "--rgw-frontends", _frontend(port))
        wait_until(lambda: answers(port), "radosgw")
        yield Gateway(f"http://127.0.0.1:{port}", *admin, reader, folder)
    finally:
        _end_all(folder)


def _frontend(port: int) -> str:
    return f"beast endpoint=127.0.0.1:{port}"


def _start(folder: Path, v2: int, v1: int) -> None:
    fsid = (folder / "ceph.conf").read_text().split("fsid = ")[1].split()[0]
    monmap = str(folder / "monmap")
    address = f"[v2:127.0.0.1:{v2},v1:127.0.0.1:{v1}]"
    _run(None, "monmaptool", "--create", "--fsid", fsid, "--addv", "a", address, monmap)
    _run(folder, "ceph-mon", "-i", "a", "--mkfs", "--monmap", monmap)
    _run(folder, "ceph-mon", "-i", "a")
    disk = str(uuid.uuid4())
    _run(folder, "ceph", "osd", "new", disk)
    _run(folder, "ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", disk)
    _run(folder, "ceph-osd", "-i", "0")


def _add_user(folder: Path, name: str, keys: tuple[str, str]) -> None:
    pair = ["--access-key", keys[0], "--secret-key", keys[1]]
    _run(folder, "radosgw-admin", "user", "create", "--uid", name, "--display-name", name, *pair)


def _run(folder: Path | None, program: str, *arguments: str) -> None:
    settings = ["-c", str(folder / "ceph.conf")] if folder else []
    done = subprocess.run(
        [program, *settings, *arguments], capture_output=True, check=False, timeout=120
    )
    assert done.returncode == 0, f"{program}: {done.stderr.decode()[-2000:]}"


def _end_all(folder: Path) -> None:
    """End the daemons, by the ids that they wrote down."""
    # What they hold is not needed any more.
    for pid in [int(file.read_text()) for file in (folder / "run").glob("*.pid")]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _configuration(folder: Path, v2: int, v1: int) -> str:
    # Without authentication between the daemons, their default of encrypted links cannot work.
    return f"""[global]
fsid = {uuid.uuid4()}
mon host = [v2:127.0.0.1:{v2},v1:127.0.0.1:{v1}]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd crush chooseleaf type = 0
mon allow pool size one = true
osd objectstore = memstore
memstore device bytes = 4294967296
mon max pg per osd = 1000
mon data avail crit = 1
run dir = {folder}/run
admin socket = {folder}/run/$name.$pid.asok
log file = {folder}/log/$name.log
pid file = {folder}/run/$name.pid
mon data = {folder}/mon
osd data = {folder}/osd
"""
