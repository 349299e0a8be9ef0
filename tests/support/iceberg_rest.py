"""A REST catalogue of Iceberg tables: the one of SeaweedFS, on loopback."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from s3_server import S3Server, answers, free_ports, wait_until
from seaweed import seaweed_running

WAREHOUSE = "warehouse"
"""The bucket in which the catalogue keeps what it keeps of its tables, and nothing else."""


@dataclass(frozen=True)
class RestCatalogue:
    """A running catalogue, and the store that it keeps its own in."""

    uri: str
    store: S3Server

    @property
    def properties(self) -> dict[str, str]:
        """What a reader gives pyiceberg to open it, and to read what lies in the store."""
        return {
            "type": "rest",
            "uri": self.uri,
            "oauth2-server-uri": f"{self.uri}/v1/oauth/tokens",
            "warehouse": f"s3://{WAREHOUSE}",
            "credential": f"{self.store.access}:{self.store.secret}",
            "s3.endpoint": self.store.endpoint,
            "s3.access-key-id": self.store.access,
            "s3.secret-access-key": self.store.secret,
            "s3.region": "us-east-1",
        }


@contextmanager
def rest_catalogue(weed: str, folder: Path) -> Iterator[RestCatalogue]:
    """Run one until the block ends."""
    *ports, own = free_ports(9)
    with seaweed_running(weed, folder, ports, f"-s3.port.iceberg={own}") as store:
        wait_until(lambda: answers(own), "the catalogue of SeaweedFS")
        master, master_grpc = ports[2:4]
        subprocess.run(
            [weed, "shell", f"-master=127.0.0.1:{master}.{master_grpc}"],
            input=f"s3tables.bucket -create -name {WAREHOUSE} -account 000000000000\nexit\n",
            text=True,
            capture_output=True,
            check=True,
            timeout=60,
        )
        yield RestCatalogue(f"http://127.0.0.1:{own}", store)
