"""The commands of a schedule: each is the real code of a command, in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import pyarrow.dataset as ds
from archive import MENDED, Archive, Indexes, MadeUpSession, target_of
from devices import SimulatedPool
from made_up import JOB
from oracle import Oracle
from reading import bits
from simulated_store import OUTPUT
from world import Violation, World

import fleet
from fleet.core.run_events import LeaseDone, LeaseQuarantined, LeaseTruncated, RunEvent
from fleet.driver.context import Resources
from fleet.driver.retry import Retry
from fleet.driver.run import run_target
from fleet.driver.target.target import JobTarget
from fleet.errors import StorageError
from fleet.index_cache.store import IndexStore
from fleet.scheduler.autoscale import Limits
from fleet.storage import Folder
from fleet.table.commits.record import JobRecord
from fleet.table.maintenance.compact import TARGET_BYTES
from fleet.table.maintenance.finding import Finding
from fleet.table.maintenance.requeue import LossFilter
from fleet.table.table import Table

if TYPE_CHECKING:
    from simulated_clock import SimulatedClock

What = Literal["run", "join", "retry", "compact", "requeue", "verify", "read"]
DEVICES = 2
_FIRST = "frames/schema.parquet"
"""With it, the output is claimed: before that there is nothing to read."""


@dataclass(frozen=True)
class Command:
    """A command that somebody gives."""

    who: str
    what: What
    after_s: float = 0.0
    """Seconds after the schedule begins."""
    host: str = "north"
    skew_s: float = 0.0
    """How far the clock of its machine is off."""
    target_bytes: int = 1 << 30
    """See `compact`."""


class _Promising:
    """An observer of a run: what the run takes for done is promised."""

    def __init__(self, oracle: Oracle) -> None:
        self._oracle = oracle

    def on_event(self, event: RunEvent) -> None:
        """See Observer."""
        if isinstance(event, LeaseDone | LeaseTruncated | LeaseQuarantined):
            self._oracle.acknowledge(event.receipt)


@dataclass(frozen=True)
class Doing:
    """What the commands of a schedule share."""

    world: World
    oracle: Oracle
    archive: Archive

    def do(self, command: Command, clock: SimulatedClock) -> str:
        """Do what a command does, and return what it tells."""
        if command.what not in {"run", "join", "retry"} and _FIRST not in self.world.objects.now:
            return "nothing: there is no output yet"
        match command.what:
            case "run" | "join" | "retry" as what:
                return (
                    self.retry(clock) if what == "retry" else self.run(clock, join=what == "join")
                )
            case "verify":
                return self.verify(clock)
            case "read":
                return self.read()
            case "compact":
                return self.compact(clock, command.target_bytes)
            case "requeue":
                requeued = self._open(clock).requeue(LossFilter(), cast("IndexStore", Indexes()))
                return f"{requeued.losses} losses are taken up again"

    def _open(self, clock: SimulatedClock) -> Table:
        return Table(Folder(OUTPUT), JOB, clock=clock)

    def run(self, clock: SimulatedClock, *, join: bool = False) -> str:
        """Run the job."""
        return self._run(clock, self.archive, JOB, Retry.NOTHING, join=join)

    def retry(self, clock: SimulatedClock) -> str:
        """Run the job with mended code, and have it do again what the former one failed on."""
        return self._run(clock, self.archive.mended, MENDED, Retry.FAILED)

    def _run(
        self,
        clock: SimulatedClock,
        archive: Archive,
        job: JobRecord,
        retry: Retry,
        *,
        join: bool = False,
    ) -> str:
        def load(target: JobTarget) -> MadeUpSession:
            return MadeUpSession(target, target.table.state(), target.table.videos())

        target = target_of(archive, OUTPUT, lambda folder: Table(folder, JOB, clock=clock), job)
        resources = Resources(
            DEVICES, lambda spec: SimulatedPool(self.world, archive, spec), Limits(most=DEVICES)
        )
        report = run_target(
            target,
            resources,
            _Promising(self.oracle),
            join=join,
            retry=retry,
            clock=clock,
            load=load,
        )
        return f"{report.total.frames} frames, {report.total.errors} losses"

    def compact(self, clock: SimulatedClock, target_bytes: int = TARGET_BYTES) -> str:
        """Bring parts together."""
        done = self._open(clock).compact(target_bytes)
        return f"{done.objects_before} objects became {done.objects_after}"

    def verify(self, clock: SimulatedClock) -> str:
        """Prove the output; what is said to be proven must have been so meanwhile."""
        self.oracle.was_whole = self.oracle.is_whole()
        report = self._open(clock).verify()
        if report.proven and not self.oracle.was_whole:
            self.world.fail(Violation("proven", "verify says proven, and it was so at no moment"))
        return "proven" if report.proven else f"not proven: {report.findings[0]}"

    def findings(self, clock: SimulatedClock) -> tuple[Finding, ...]:
        """Return all that `verify` finds."""
        return self._open(clock).verify().findings

    def folder(self) -> Folder:
        """Return the output, as the process that runs has it."""
        return Folder(OUTPUT)

    def read(self) -> str:
        """Read all rows, as a reader that begins again where a part has gone meanwhile."""
        for _ in range(4):
            reading = self.oracle.begin_reading()
            try:
                tables = fleet.read(OUTPUT)
                frames = self._rows(tables.frames)
                boxes = self._rows(tables.detections)
                lost = _losses(tables.errors)
            except StorageError as error:
                self.oracle.drop_reading(reading)
                self.world.say("reads again", error.message)
                continue
            except OSError:
                self.oracle.drop_reading(reading)
                if self.oracle.has_damage:
                    return "nothing: a part is damaged"
                raise
            if boxes != frames:
                about = f"a reader sees frames {frames}, and rows of {boxes}"
                self.world.fail(Violation("torn", about))
            self.oracle.end_reading(reading, frames, lost)
            return f"{sum(span.bit_count() for span in frames.values())} frames"
        return "nothing: each time a part was gone"

    def _rows(self, dataset: ds.Dataset) -> dict[str, int]:
        found: dict[str, int] = {}
        for fragment in dataset.get_fragments():
            self.world.breathe()
            table = fragment.to_table(columns=["uri", "frame"], use_threads=False)
            for uri, frame in zip(*(column.to_pylist() for column in table), strict=True):
                if found.get(uri, 0) >> frame & 1:
                    self.world.fail(
                        Violation("twice", f"a reader sees frame {frame} of {uri} twice")
                    )
                found[uri] = found.get(uri, 0) | 1 << frame
        return found


def _losses(dataset: ds.Dataset) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for fragment in dataset.get_fragments():
        for row in fragment.to_table(use_threads=False).to_pylist():
            span = bits(row["start_pts"], row["end_pts"])
            found[row["uri"]] = found.get(row["uri"], 0) | span
    return found
