"""The jobs of a cluster, as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from fleet.core.format import about, duration, percent, rate
from fleet.table.state.run_records import ShareRecord
from fleet.text import one_line
from fleet.views.layout import describe_labels, hang, of_devices


@dataclass(frozen=True)
class Progress:
    """How far a job is by what its run says in its output."""

    done_frames: int
    """Frames that are there."""
    frames: int
    """Frames that are to be there; 0 while nobody knows."""
    frames_per_s: float
    """How fast it is now."""
    left_s: float | None
    """Estimated seconds to its end; None while there is no telling."""
    to_look: int = 0
    """Files that it has not looked at yet; while there are some, `frames` are those planned."""
    lists_on: bool = False
    """Whether it lists further ones."""


@dataclass(frozen=True)
class JobSeen:
    """A job of a cluster. Times are seconds since 1970."""

    id: str
    """Its id, for `fleet logs` and `fleet stop`."""
    state: str
    """pending, running, stopped, succeeded or failed.

    A run that joined by itself is finished, interrupted or the like, as it has said, else ended.
    """
    job: str
    """The name of its job file, or of its class."""
    output: str
    """Where its tables go."""
    joined: bool
    """Whether it is a run that joined by itself, which neither logs nor stop reach."""
    who: str
    """Who started it, from which machine; empty where nobody said so."""
    since_unix_s: float
    """When it was submitted, or joined."""
    ended_unix_s: float | None
    """When it ended; None while it runs."""
    exit_code: int | None
    """The exit code of `fleet run`; None while it runs, and where it never ran."""
    progress: Progress | None
    """How far it is; None where it has ended, or its output cannot be read from here."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """What it is called by."""
    share: ShareRecord | None = None
    """What it has of the devices that it shares with other jobs; None where it shares none."""
    device_s: float | None = None
    """Seconds of devices that it took so far; None where its output cannot be read from here."""
    price: float | None = None
    """What that costs; None where no price is given."""


def render(jobs: Iterable[JobSeen], now_unix_s: float) -> str:
    """Return the text of a list of jobs, 80 columns wide, an id at the beginning of each."""
    lines = []
    for job in jobs:
        lines += [f"{job.id}  {_state(job, now_unix_s)}"]
        lines += hang("    ", f"{one_line(job.job)} -> {one_line(job.output)}")
        lines += hang("    ", "; ".join(_more(job))) if any(_more(job)) else []
    return "\n".join(lines)


def _more(job: JobSeen) -> Iterator[str]:
    if job.labels:
        yield one_line(describe_labels(job.labels))
    if job.who:
        yield f"by {one_line(job.who)}"
    if job.joined:
        yield "joined by itself"
    if job.progress:
        yield _progress(job.progress)
    if shared := job.share:
        yield of_devices(shared.devices, shared.of, shared.weight, shared.weights)
    if job.device_s:
        price = "" if job.price is None else f", {job.price:,.2f}"
        yield f"{duration(job.device_s)} of devices{price}"


def _state(job: JobSeen, now_unix_s: float) -> str:
    if job.ended_unix_s is None:
        return f"{job.state} for {duration(max(0.0, now_unix_s - job.since_unix_s))}"
    took = duration(max(0.0, job.ended_unix_s - job.since_unix_s))
    ago = duration(max(0.0, now_unix_s - job.ended_unix_s))
    code = "" if job.exit_code is None else f", exit code {job.exit_code}"
    return f"{job.state} {ago} ago after {took}{code}"


def _progress(progress: Progress) -> str:
    if not progress.frames:
        return "it has told of no progress yet"
    planned = " planned so far" if progress.to_look or progress.lists_on else ""
    share = percent(progress.done_frames, progress.frames)
    listed = " for what is listed so far" if progress.lists_on else ""
    left = "" if progress.left_s is None else f", about {about(progress.left_s)} left{listed}"
    frames = f"{progress.frames:,} frames{planned}"
    return f"{share} of {frames}, {rate(progress.frames_per_s)} frames/s{left}"
