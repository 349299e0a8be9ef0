"""The address of a cluster, and the locations of a job that its nodes can reach."""

from __future__ import annotations

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
