"""How a Ray cluster is come by: no credentials in its address, and what others can read is said."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from fleet.errors import JobFailedError
from fleet.guide import DEVICES_OF_RAY
from fleet.storage import is_exposed, refuse_credentials_in_address

WAY_IN = (
    "Set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH to the cluster's token "
    "(without either, ~/.ray/auth_token is read)."
)
_TOKEN_PATH = "RAY_AUTH_TOKEN_PATH"  # noqa: S105 - the name of a variable


def no_device() -> JobFailedError:
    """Return the error of a run on a cluster that has no device, and is not asked to grow."""
    return JobFailedError(
        "The Ray cluster has no NPU.",
        "Start its nodes with --resources='{\"NPU\": 1}'; or, where it can grow by itself, say how "
        "far: --max-devices N.",
    ).about(DEVICES_OF_RAY)


def too_few_cores(cores: int) -> JobFailedError:
    """Return the error of a run on a cluster of which no node has an NPU and so many cores."""
    return JobFailedError(
        f"No node of the Ray cluster has an NPU and {cores} CPUs, which cores_per_device asks for.",
        "Say --cores-per-device 1; or start its nodes with more, by --num-cpus.",
    ).about(DEVICES_OF_RAY)


def check_ray_address(environment: Mapping[str, str]) -> None:
    """Raise UsageError where the variables that name a cluster carry credentials."""
    for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"):
        refuse_credentials_in_address(environment.get(name, ""), name)


def exposures(address: str, environment: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence for each way in which others may read what lets one into a cluster."""
    if is_exposed(address):
        yield (
            f"{address} is plain HTTP to another machine: everybody on the way can read the job, "
            "the variables passed with it, and the cluster's token. Use https:// or a tunnel."
        )
    path = Path(environment.get(_TOKEN_PATH) or Path.home() / ".ray" / "auth_token")
    try:
        found = path.stat()
    except OSError:
        return
    if found.st_uid == os.getuid() and found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield f"Other users of this machine may read the cluster's token: chmod 600 {path}"
