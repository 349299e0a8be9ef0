"""Proving an output: everything wanted is covered once, and every object is as it was put."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain

import pyarrow as pa

from fleet.errors import OutputBusyError, OutputCorruptError
from fleet.parquet.arrays import to_bytes
from fleet.storage import Folder
from fleet.table.commits.ahead import results_in_order
from fleet.table.commits.record import JobRecord, unfinished_lease_of
from fleet.table.maintenance.checksums import commits_of, objects_to_verify, verify_objects
from fleet.table.maintenance.finding import AGAIN, Finding
from fleet.table.maintenance.gaps import gaps
from fleet.table.maintenance.garbage import SWITCHING, garbage, uncommitted
from fleet.table.maintenance.part_check import ObjectToVerify
from fleet.table.maintenance.verify_videos import videos_findings
from fleet.table.parts.objects import OBJECTS_FOLDER, object_suffixes
from fleet.table.state.holder import Holder
from fleet.table.state.lock import REWRITE_LOCK, read_holder
from fleet.table.state.ownership import SCHEMA_PART, read_schema
from fleet.table.state.state import TableState, read_state
from fleet.table.state.success_marker import vouched_otherwise
from fleet.table.state.success_name import SUCCESS_FILE
from fleet.table.state.video_manifest import Video, left_of, read_wanted

THREADS = 4
"""Objects read at once: they are read whole, and may be large."""
AHEAD = 2 * THREADS
"""Batches of objects that are read, or waiting for it, at most."""
AT_ONCE = 256
"""Small objects whose rows are looked at together, and `AT_ONCE_BYTES` that they have at most."""
AT_ONCE_BYTES = 4_000_000


@dataclass(frozen=True)
class VerificationReport:
    """What was looked at, and all that is wrong.

    `objects`: that hold rows. `busy`: a run is at work: what is missing may not be done yet.
    `to_look`: how many `videos` no run has looked at yet, a finding each. `bytes_read`: of what was
    compared; `not_looked_at`: columns of objects beside the table; `unnamed`: such objects that no
    row names, `unnamed_bytes` of them. None, 0, empty: not asked for, or a run may name them yet.
    """

    uri: str
    findings: tuple[Finding, ...]
    videos: int
    video_s: float
    leases: int
    objects: int
    frames: int
    rows: int
    losses: int
    bytes_read: int
    not_looked_at: tuple[str, ...]
    unnamed: int | None
    unnamed_bytes: int | None
    busy: bool
    to_look: int = 0

    @property
    def proven(self) -> bool:
        """Whether all is there, once, and as it was put."""
        return not self.findings


def verify(
    folder: Folder,
    job: JobRecord,
    *,
    busy: bool,
    read_objects: bool = True,
    on_progress: Callable[[int, int], None] = lambda _, __: None,
) -> VerificationReport:
    """Look for gaps, double cover, and objects that are missing, altered or count for nothing.

    `busy`: whether a run is at work. `read_objects`: read every object, and compare its checksum,
    rows and frames; otherwise only what listings and records tell. `on_progress` is told how many
    of how many objects are read. Raises OutputBusyError where something looks wrong while parts are
    brought into another shape: they may just have been missed.
    """
    holder = read_holder(folder, REWRITE_LOCK)
    state = read_state(folder, job.tables)
    wanted = read_wanted(folder)
    videos = wanted.videos
    schemas, unreadable = _schemas(folder, job, state)
    findings = [
        *unreadable,
        *_lost(state),
        *_strays(job, state, busy=busy),
        *_double(state),
        *gaps(state, wanted),
        *_marker(folder, state, busy=busy),
    ]
    named: set[str] = set()
    if read_objects:
        findings += _read_all(folder, state, videos, named, on_progress)
        if not (findings or busy):
            # Composed of what is damaged or not done yet, the table would be another one.
            findings += videos_findings(folder, job, state)
    if findings:
        _check_at_rest(folder, job, state, holder)
    unnamed = _unnamed(folder, named) if read_objects and not busy else None
    return VerificationReport(
        uri=folder.uri,
        findings=tuple(findings),
        videos=len(videos),
        video_s=sum(video.video_s for video in videos.values()),
        leases=len(state),
        objects=sum(not name.startswith("_") for name in state.objects),
        frames=state.total.frames,
        rows=state.total.rows,
        losses=state.total.errors,
        bytes_read=sum(map(state.sizes.__getitem__, state.objects)) * read_objects,
        not_looked_at=() if read_objects else tuple(chain(*map(object_suffixes, schemas))),
        unnamed=None if unnamed is None else len(unnamed),
        unnamed_bytes=None if unnamed is None else sum(unnamed),
        to_look=sum(not video.is_looked_at for video in videos.values()),
        busy=busy,
    )


def _unnamed(folder: Folder, named: Container[str]) -> list[int]:
    """Return the bytes of each object beside the table that no row names.

    Leases that never ended have put them, or rows named them that are gone since. They are not
    deleted: their names tell no epoch, so that a lease that is done just then may put the same one
    and commit a row that names it, whatever was looked at before.
    """
    return [entry.bytes for entry in folder.list(f"{OBJECTS_FOLDER}/") if entry.name not in named]


def _check_at_rest(
    folder: Folder, job: JobRecord, state: TableState, holder: Holder | None
) -> None:
    """Raise OutputBusyError where the output is, or was meanwhile, brought into another shape.

    `state`, `holder`: what it held, and who had the lock on its shape, when it was looked at first.
    """
    holder, now = holder or read_holder(folder, REWRITE_LOCK), read_state(folder, job.tables)
    gone = [n for n in state.sizes if n not in now.sizes and not unfinished_lease_of(n)]
    if holder is not None or gone or now.manifest.number != state.manifest.number:
        raise OutputBusyError(
            f"The parts of {folder.uri} are being changed by {holder or 'another process'}.",
            "Wait until it ends, and verify then. If it died, `fleet compact` takes over from it.",
        )


def _schemas(
    folder: Folder, job: JobRecord, state: TableState
) -> tuple[list[pa.Schema], list[Finding]]:
    """Return the schemas of the tables, and what is wrong with the parts that give them."""
    schemas, findings = [], []
    for table in job.tables:
        name = f"{table}/{SCHEMA_PART}"
        if name not in state.sizes:
            findings.append(Finding("missing", name, "it gives the columns", AGAIN))
            continue
        try:
            schemas.append(read_schema(folder, table))
        except OutputCorruptError as error:
            way_out = f"Delete {name}, and run the job's command again."
            findings.append(Finding("altered", name, error.message, way_out))
    return schemas, findings


def _lost(state: TableState) -> Iterator[Finding]:
    for name in state.lost:
        detail = f"manifest {state.manifest.number} lists it, and not all of it is there as put"
        yield Finding("missing", name, detail, AGAIN)


def _strays(job: JobRecord, state: TableState, *, busy: bool) -> Iterator[Finding]:
    """Yield objects that do not count: a plain glob reads their rows all the same."""
    left = set(garbage(state))
    for name in state.sizes:
        if name.endswith(f"/{SWITCHING}") or (name in left and not busy):
            way_out = "Run `fleet compact` on the output, or the job's command: they delete it."
            yield Finding("left over", name, "it does not count any more", way_out)
    if not busy:
        for name in set(uncommitted(state, job.tables)) - left:
            detail = "torn, or what its commit names is not there as it was put"
            yield Finding("not committed", name, detail, AGAIN)


def _double(state: TableState) -> Iterator[Finding]:
    covered = state.covered
    for row in covered.intervals.overlaps().tolist():
        uri, _ = covered.intervals.version_of(row)
        span = f"pts {covered.intervals.starts[row]:,} to {covered.intervals.ends[row]:,}"
        lease = state.leases[int(covered.lease[row])]
        detail = f"{span}, in lease {lease[:12]} and another"
        yield Finding("covered twice", uri, detail, AGAIN)


def _marker(folder: Folder, state: TableState, *, busy: bool) -> Iterator[Finding]:
    """Compare `_SUCCESS.json` with what is there."""
    if busy:
        return
    if not state.closed:
        yield Finding("not closed", SUCCESS_FILE, "no run has ended with all of it done", AGAIN)
        return
    others = vouched_otherwise(folder, state)
    if others is None:
        yield Finding("missing", SUCCESS_FILE, "the output is closed, and nothing says so", AGAIN)
        return
    for name in others:
        detail = f"{SUCCESS_FILE} vouches for it as it is not there"
        yield Finding("altered", name, detail, AGAIN)


def _batches(state: TableState) -> Iterator[list[ObjectToVerify]]:
    """Yield what is to be read, in turn: many small objects at once, large ones alone."""
    batch: list[ObjectToVerify] = []
    held = 0
    for what in objects_to_verify(state):
        size = state.sizes.get(what.name, 0)
        if batch and (len(batch) == AT_ONCE or held + size > AT_ONCE_BYTES):
            yield batch
            batch, held = [], 0
        batch.append(what)
        held += size
    if batch:
        yield batch


def _read_all(
    folder: Folder,
    state: TableState,
    videos: Mapping[str, Video],
    named: set[str],
    on_progress: Callable[[int, int], None],
) -> Iterator[Finding]:
    """Read all parts, and note in `named` which objects beside the table their rows name."""
    frames: Counter[str] = Counter()
    unknown: set[str] = set()
    read = 0
    check = partial(verify_objects, folder, state)
    for checked_together in results_in_order(check, _batches(state), THREADS, "verify", AHEAD):
        for checked in checked_together:
            yield from checked.findings
            frames.update(checked.frames)
            unknown |= checked.unknown
            named |= checked.named
            read += checked.objects
        on_progress(read, len(state.objects))
    done = state.done
    for video in videos.values():
        name = to_bytes(video.uri).decode()
        found = frames[name]
        right = found <= video.frames if name in unknown else found == video.frames
        if not (right or video.refused or video.unread or len(left_of(video, done))):
            detail = f"{found:,} frames are there or lost, and {video.frames:,} were wanted"
            parts = ", ".join(commits_of(state, video.uri))
            way_out = f"Delete what tells of it ({parts}), and run the job's command again."
            yield Finding("miscounted", video.uri, detail, way_out)
