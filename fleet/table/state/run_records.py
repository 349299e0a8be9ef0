"""`_runs/`: what each run says of itself while it lasts, for `fleet status` and for those who join.

`<id>.json` is put anew every few seconds; `<id>-leases.parquet` are the leases that the run means
to do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from fleet.core.json_object import JsonObject, named, optional, several, text
from fleet.parquet.arrays import to_bytes
from fleet.plan.lease import Lease
from fleet.storage import Folder
from fleet.table.diaries.diaries import RUNS_FOLDER, RunDiaries
from fleet.table.state.holder import Holder
from fleet.table.state.run_leases import leases_from_parquet, leases_to_parquet

KEPT = 8
"""Records of runs that are over are deleted but for so many."""
ENDED = frozenset({"finished", "left", "incomplete", "interrupted", "failed"})
HEARTBEAT_S = 5.0
"""How often a run puts its record anew."""
SILENT_S = 60.0
"""A run whose record was not put anew for so long has probably died."""
_RUN = re.compile(rf"{RUNS_FOLDER}/([0-9a-f]{{32}})\.json")
_NAMES_ON_STORAGE = {"backups": "twins"}
_NAMES_HERE = {there: here for here, there in _NAMES_ON_STORAGE.items()}


@dataclass(frozen=True)
class DeviceRecord:
    """A device of a run: frames since it joined, how many a second now, the video it is in.

    `node`: its machine. `state`: working, idle, or draining: its machine goes away. `lease`: what
    it runs. `busy`: by stage, CPU seconds over the seconds of the last lease that it committed.
    `chip_busy`: by engine, its modelled seconds over those of the slowest. `pid`, `memory_bytes`,
    `peak_memory_bytes`: its process, and its device memory. All are empty where they are not known.
    """

    name: str
    frames: int
    frames_per_s: float
    uri: str
    node: str = ""
    state: str = ""
    lease: str = ""
    busy: Mapping[str, float] = field(default_factory=dict)
    chip_busy: Mapping[str, float] = field(default_factory=dict)
    pid: int = 0
    memory_bytes: int = 0
    peak_memory_bytes: int = 0


@dataclass(frozen=True)
class NodeRecord:
    """A machine with devices of a run: how many, how many of them work or drain, and how fast."""

    name: str
    devices: int
    working: int
    draining: int
    frames_per_s: float


@dataclass(frozen=True)
class ShareRecord:
    """What a run is to have of the devices of a cluster that it shares with other jobs."""

    devices: int
    """Its share."""
    of: int
    """How many devices there are for all jobs."""
    weight: float
    """Its weight."""
    weights: float
    """The sum of the weights of all jobs."""


@dataclass(frozen=True)
class RunRecord:
    """What a run says of itself.

    Times are seconds since 1970 by its own clock: for people, never to be compared with another.
    """

    holder: Holder
    state: str
    """preparing, running; finished (all there), left (others work on), incomplete (some inputs
    could not be read), interrupted, failed."""
    updated_unix_s: float
    inputs: tuple[str, ...] = ()
    """As they were asked for."""
    videos: int = 0
    """How many videos are to be there when it is over; likewise the next three."""
    video_s: float = 0.0
    frames: int = 0
    leases: int = 0
    done_video_s: float = 0.0
    """What is there of these by its own account."""
    done_frames: int = 0
    frames_per_s: float = 0.0
    left_s: float | None = None
    """Estimated seconds to the end; None while there is no telling."""
    device_count: int = 0
    devices_lost: int = 0
    devices: tuple[DeviceRecord, ...] = field(default=())
    """The first hundred."""
    done_leases: int | None = None
    """None in the records of an older version."""
    errors: int = 0
    """Rows that went to errors/."""
    lost_frames: int = 0
    """What those cost."""
    backups: int = 0
    """Leases that were given to a second device."""
    wasted_s: float = 0.0
    """What devices spent on attempts that came to nothing."""
    node_count: int = 0
    nodes: tuple[NodeRecord, ...] = field(default=())
    """The first hundred."""
    epoch: int = 0
    """The epoch of the output that it works in; 0 before it knows."""
    beats: int = 0
    """How often the record was put: who watches it sees from this that the run lives."""
    devices_opening: int = 0
    """Devices that have a machine and do not take leases yet."""
    devices_unplaced: int = 0
    """Devices that wait for a machine with room."""
    soc: str = ""
    """The chip that its devices simulate; empty in the records of an older version."""
    share: ShareRecord | None = None
    """What it has of a cluster; None where it shares none."""
    device_s: float = 0.0
    """Seconds of devices that it has held, all of them added up."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """What its job is called by."""
    to_look: int = 0
    """How many files it has yet to look at: they are not in the numbers above."""
    lists_on: bool = False
    """Whether it lists its inputs still, so that more files come than these."""

    @property
    def is_part(self) -> bool:
        """Whether the numbers are of a part of the inputs, as the plan is not whole yet."""
        return self.to_look > 0 or self.lists_on

    @property
    def id(self) -> str:
        """The run's name, the mark on its locks."""
        return self.holder.mark

    @property
    def is_over(self) -> bool:
        """Whether it says so, or its process is known to be gone."""
        return self.state in ENDED or self.holder.lives_here() is False

    def seems_alive(self, now_unix_s: float) -> bool:
        """Return whether it goes on, told by two clocks that may differ: for people alone."""
        return not self.is_over and abs(now_unix_s - self.updated_unix_s) <= SILENT_S


class RunRecords:
    """The records of runs in an output folder."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self.diaries = RunDiaries(folder)

    def put(self, record: RunRecord) -> None:
        """Put what a run says of itself, in the place of what it said before."""
        fields_ = {_NAMES_ON_STORAGE.get(n, n): value for n, value in vars(record).items()}
        written = json.dumps(fields_, ensure_ascii=False, indent=1, default=vars)
        self._folder.put(f"{RUNS_FOLDER}/{record.id}.json", to_bytes(written))

    def read(self) -> list[RunRecord]:
        """Return what runs say of themselves, the latest last; what makes no sense is left out."""
        records = []
        for entry in list(self._folder.list(f"{RUNS_FOLDER}/")):
            name = _RUN.fullmatch(entry.name)
            if name is None:
                continue
            try:
                record = _parse(JsonObject.parse(self._folder.read(entry.name)))
            except (FileNotFoundError, ValueError):
                continue
            # Names of objects are made of it: it is believed only where it is the object's own.
            if record.id == name[1]:
                records.append(record)
        return sorted(records, key=lambda record: record.updated_unix_s)

    def prune(self, over: Iterable[RunRecord]) -> None:
        """Delete the records of runs that are over, but for the latest, and all their leases."""
        several = list(over)
        for record in several:
            self.drop_leases(record.id)
        for record in several[:-KEPT]:
            self._folder.delete(f"{RUNS_FOLDER}/{record.id}.json")
            self.diaries.drop(record.id)

    def put_leases(self, run: str, leases: Iterable[Lease]) -> None:
        """Put the leases that a run means to do."""
        self._folder.put(_leases_name(run), leases_to_parquet(leases))

    def leases(self, run: str) -> list[Lease] | None:
        """Return the leases that a run means to do, in its order; None before it has put them."""
        try:
            data = self._folder.read(_leases_name(run))
        except FileNotFoundError:
            return None
        return leases_from_parquet(data, f"{self._folder.uri}/{_leases_name(run)}")

    def drop_leases(self, run: str) -> None:
        """Take back the leases that a run meant to do."""
        self._folder.delete(_leases_name(run))


def _leases_name(run: str) -> str:
    return f"{RUNS_FOLDER}/{run}-leases.parquet"


def _parse(raw: JsonObject) -> RunRecord:
    """Read a record, whether an older or a newer version put it; raises ValueError for none."""
    no_nodes: tuple[NodeRecord, ...] = ()
    no_labels: Mapping[str, str] = {}
    here = JsonObject({_NAMES_HERE.get(name, name): of for name, of in raw.values.items()})
    record = here.build(
        RunRecord,
        holder=Holder.of(raw.take("holder", JsonObject.of)),
        inputs=raw.take("inputs", several(text)),
        devices=raw.take("devices", several(_device)),
        nodes=raw.take("nodes", several(_node), no_nodes),
        share=raw.take("share", optional(_share), None),
        labels=raw.take("labels", named(text), no_labels),
    )
    if min(record.video_s, record.done_video_s, record.device_s) < 0:
        raise ValueError("its seconds are less than none")
    return record


def _device(value: object) -> DeviceRecord:
    return JsonObject.of(value).build(DeviceRecord)


def _share(value: object) -> ShareRecord:
    return JsonObject.of(value).build(ShareRecord)


def _node(value: object) -> NodeRecord:
    return JsonObject.of(value).build(NodeRecord)
