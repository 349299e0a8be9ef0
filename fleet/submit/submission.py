"""What is sent to a cluster, and what is known of what was sent and of the cluster."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_OVER = frozenset({"STOPPED", "SUCCEEDED", "FAILED"})


@dataclass(frozen=True)
class Submission:
    """The state of a job that was submitted to a cluster, or of a run that joined it by itself."""

    id: str
    """The id that Ray gave it, which has another form for a run that joined by itself."""
    state: str
    """PENDING, RUNNING, STOPPED, SUCCEEDED or FAILED, as Ray calls it.

    Ray takes each run that joined by itself for succeeded once it has ended."""
    job: str
    """The name of the job file."""
    output: str
    """The output of the job."""
    since_unix_s: float
    """The time of its start."""
    who: str
    """Who submitted it, from which machine; empty where nobody said so."""
    ended_unix_s: float | None
    """The time of its end; None while it runs."""
    exit_code: int | None
    """The exit code of `fleet run`; None while it runs, and where it never ran."""
    message: str
    """Ray's message about the state."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """What the job is called by."""
    joined_pid: int | None = None
    """The process of a run that joined by itself, as with RAY_ADDRESS; None for a submitted job."""

    @property
    def has_joined(self) -> bool:
        """Return whether it is a run that joined the cluster by itself, from a machine of it."""
        return self.joined_pid is not None

    @property
    def way_to_end(self) -> str:
        """How a run that joined by itself is ended, as the end of a sentence without its stop."""
        process = f"kill -TERM {self.joined_pid}" if self.joined_pid else "kill -TERM"
        return f"end it where {self.who or 'somebody'} has started it, by Ctrl-C or `{process}`"

    @property
    def over(self) -> bool:
        """Return whether it has ended."""
        return self.state in _OVER


@dataclass(frozen=True)
class ClusterSeen:
    """What a cluster is just now."""

    ray_version: str
    """The version of its Ray."""
    hosts: tuple[str, ...]
    """The names of the machines of its nodes, the head's among them, one a node."""
    npus: int
    """How many devices its nodes have."""
    has_driver_nodes: bool
    """Whether it has nodes for drivers, apart from its head."""
    clock_offset_s: float | None
    """By how much its head's clock is ahead of ours, to a second; None where it does not say."""


@dataclass(frozen=True)
class Parcel:
    """All that is sent to a cluster for one job."""

    folder: Path
    """The folder that the job runs in."""
    fleet: Path | None
    """The Fleet that it runs with; None for that of the nodes."""
    command: str
    """The command that runs it."""
    environment: Mapping[str, str]
    """Variables for the driver and for each worker, which everybody can read who reaches the
    cluster's dashboard."""
    job: str
    """The name of the job file, for lists of jobs."""
    output: str
    """The output of the job, for lists of jobs."""
    who: str
    """Who submits it, from which machine, for lists of jobs."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """What the job is called by, for lists of jobs."""
