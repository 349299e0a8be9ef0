"""The address of a cluster, and the locations of a job that its nodes can reach."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from fleet.errors import UsageError
from fleet.job.job import Job
from fleet.storage import refuse_credentials_in_address

_ALONE = ("memory://",)
"""Schemes of which each process has separate data."""


def check_address(address: str) -> str:
    """Return a dashboard's address without a trailing slash; raises UsageError for others.

    Also for one that carries credentials.
    """
    refuse_credentials_in_address(address, "The cluster's address")
    way_out = "Name the cluster's dashboard, such as http://head:8265."
    if address.startswith("ray://"):
        raise UsageError(f"{address} is for Ray's interactive client.", way_out)
    if not address.startswith(("http://", "https://")):
        raise UsageError(f"{address} is no address of a Ray dashboard.", way_out)
    return address.rstrip("/")


_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_PLACES = ("input", "output", "index_cache")
"""Fields of a job file that name places."""


def may_be_here(address: str) -> bool:
    """Return whether a dashboard's address is one of this machine, be it of a tunnel."""
    return urlsplit(address).hostname in _LOOPBACK


def is_here(hosts: Iterable[str], host: str) -> bool:
    """Return whether all nodes of a cluster are on one machine, the one that is called `host`."""
    return set(hosts) == {host}


def has_relative_paths(fields: Mapping[str, Any]) -> bool:
    """Return whether a job file names a place by a path that starts nowhere."""
    return with_absolute_paths(fields, Path("/")) != dict(fields)


def with_absolute_paths(fields: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return the fields of a job file with its relative paths taken from a folder.

    For a cluster whose nodes are on this machine: there they mean what they mean here.
    """
    return {**fields, **{n: _absolute(fields[n], folder) for n in _PLACES if n in fields}}


def _absolute(value: Any, folder: Path) -> Any:
    if isinstance(value, list | tuple):
        return [_absolute(each, folder) for each in value]
    if not isinstance(value, str) or "://" in value or value.startswith("/") or not value:
        return value
    # Joined as text, as a slash at the end has a meaning.
    return f"{folder}/{value}"


def paths_on_nodes(job: Job) -> tuple[str, ...]:
    """Return the job's absolute local paths, which on a cluster are paths of each node.

    Raises UsageError for a location that has no meaning on another machine.
    """
    cache = [job.index_cache] if job.index_cache else []
    named = [("input", uri) for uri in job.inputs] + [("output", job.output)]
    named += [("index_cache", uri) for uri in cache]
    for field, uri in named:
        _check(field, uri)
    return tuple(uri for _, uri in named if "://" not in uri or uri.startswith("file://"))


def _check(field: str, uri: str) -> None:
    way_out = (
        "Name a place in object storage, such as s3://bucket/folder, or an absolute path that "
        "every node has (a folder that all of them mount)."
    )
    if uri.startswith(_ALONE):
        raise UsageError(f"{field} = {uri} lies in the memory of one process.", way_out)
    if "://" not in uri and not uri.startswith("/"):
        raise UsageError(
            f"{field} = {uri} is a path on this machine, not on the cluster's.", way_out
        )
