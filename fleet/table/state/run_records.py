"""`_runs/`: what each run says of itself while it lasts, for `fleet status` and for those who join.

`<id>.json` is put anew every few seconds; `<id>-leases.parquet` are the leases that the run means
to do, so that a run which joins it cuts the work in the same way.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fleet.core.interval import Interval
from fleet.core.source import Source
from fleet.parquet.arrays import escaped, numbers, strings, to_bytes, unescaped
from fleet.plan.lease import Lease, Shard
from fleet.storage import Folder
from fleet.table.state.lock import EXPIRES_S, Holder

RUNS_FOLDER = "_runs"
KEPT = 8
"""Notes of runs that are over are deleted but for so many."""
ENDED = frozenset({"finished", "left", "interrupted", "failed"})
_LEASES = "-leases.parquet"
_NAMES_ON_STORAGE = {"backups": "twins"}
_NAMES_HERE = {there: here for here, there in _NAMES_ON_STORAGE.items()}
_SHARD = pa.schema(
    [
        ("lease", pa.string()),
        ("uri", pa.string()),
        ("bytes", pa.int64()),
        ("etag", pa.string()),
        ("first_gop", pa.int64()),
        ("last_gop", pa.int64()),
        ("start_pts", pa.int64()),
        ("end_pts", pa.int64()),
        ("frames", pa.int64()),
        ("video_s", pa.float64()),
        ("cost_s", pa.float64()),
    ]
)


@dataclass(frozen=True)
class DeviceRecord:
    """A device of a run: frames since it joined, how many a second now, the video it is in.

    `node`: its machine. `state`: working, idle, or draining: its machine goes away. `lease`: what
    it runs. `busy`: by stage, CPU seconds over the seconds of the last lease that it committed.
    These are empty where they are not known.
    """

    name: str
    frames: int
    frames_per_s: float
    uri: str
    node: str = ""
    state: str = ""
    lease: str = ""
    busy: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class NodeRecord:
    """A machine with devices of a run: how many, how many of them work or drain, and how fast."""

    name: str
    devices: int
    working: int
    draining: int
    frames_per_s: float


@dataclass(frozen=True)
class RunRecord:
    """What a run says of itself.

    `state`: preparing, running; finished (all there), left (others work on), interrupted, failed.
    `inputs`: as they were asked for. `videos`, `video_s`, `frames`, `leases`: what is to be there
    when it is over, of which `done_video_s` and `done_frames` are there by its own account.
    `left_s`: estimated, None while there is no telling. `done_leases`: None in the notes of an
    older Fleet. `errors`, `lost_frames`: rows that went to errors/, and what they cost. `backups`:
    leases given to a second device; `wasted_s`: what devices spent on attempts that came to
    nothing. `nodes`, `devices`: the first hundred of each; `node_count`, `device_count`: how many
    there are. Times are seconds since 1970 by the run's own clock.
    """

    holder: Holder
    state: str
    updated_unix_s: float
    inputs: tuple[str, ...] = ()
    videos: int = 0
    video_s: float = 0.0
    frames: int = 0
    leases: int = 0
    done_video_s: float = 0.0
    done_frames: int = 0
    frames_per_s: float = 0.0
    left_s: float | None = None
    device_count: int = 0
    devices_lost: int = 0
    devices: tuple[DeviceRecord, ...] = field(default=())
    done_leases: int | None = None
    errors: int = 0
    lost_frames: int = 0
    backups: int = 0
    wasted_s: float = 0.0
    node_count: int = 0
    nodes: tuple[NodeRecord, ...] = field(default=())

    @property
    def id(self) -> str:
        """The run's own name, the mark on its locks."""
        return self.holder.mark

    def is_alive(self, now_s: float) -> bool:
        """Whether the run goes on, as far as can be told."""
        silent = now_s - self.updated_unix_s > EXPIRES_S
        return self.state not in ENDED and not silent and not self.holder.is_dead()


def put_run_record(folder: Folder, note: RunRecord) -> None:
    """Put what a run says of itself, in the place of what it said before."""
    text = json.dumps(_to_json(note), ensure_ascii=False, indent=1)
    folder.put(f"{RUNS_FOLDER}/{note.id}.json", to_bytes(text))


def _to_json(note: RunRecord) -> dict[str, Any]:
    return {_NAMES_ON_STORAGE.get(name, name): value for name, value in asdict(note).items()}


def read_run_records(folder: Folder) -> list[RunRecord]:
    """Read what runs say of themselves, the latest word last; what cannot be read is left out."""
    notes = []
    for entry in list(folder.list(f"{RUNS_FOLDER}/")):
        if not entry.name.endswith(".json"):
            continue
        try:
            notes.append(_parse(json.loads(folder.read(entry.name))))
        except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
            continue
    return sorted(notes, key=lambda note: note.updated_unix_s)


def _parse(raw: dict[str, Any]) -> RunRecord:
    """Make a note of what stands there, whether an older or a newer Fleet put it."""
    parts: dict[str, Any] = {
        "holder": Holder(**raw["holder"]),
        "inputs": tuple(raw["inputs"]),
        "devices": tuple(DeviceRecord(**_known(DeviceRecord, item)) for item in raw["devices"]),
        "nodes": tuple(NodeRecord(**_known(NodeRecord, item)) for item in raw.get("nodes", ())),
    }
    fields_now = {_NAMES_HERE.get(name, name): value for name, value in raw.items()}
    return RunRecord(**_known(RunRecord, fields_now) | parts)


def _known(kind: type, raw: dict[str, Any]) -> dict[str, Any]:
    names = {item.name for item in fields(kind)}
    return {name: value for name, value in raw.items() if name in names}


def prune_run_records(folder: Folder, notes: Sequence[RunRecord], now_s: float) -> None:
    """Delete the notes of runs that are over, but for the latest."""
    over = [note for note in notes if not note.is_alive(now_s)]
    for note in over:
        folder.delete(f"{RUNS_FOLDER}/{note.id}{_LEASES}")
    for note in over[:-KEPT]:
        folder.delete(f"{RUNS_FOLDER}/{note.id}.json")


def put_leases(folder: Folder, run: str, leases: Iterable[Lease]) -> None:
    """Put the leases that a run means to do."""
    rows = [(lease.id, shard) for lease in leases for shard in lease.shards]
    columns: Mapping[str, list[object]] = {
        "lease": [lease for lease, _ in rows],
        "uri": [escaped(shard.source.uri) for _, shard in rows],
        "bytes": [shard.source.bytes for _, shard in rows],
        "etag": [shard.source.etag for _, shard in rows],
        "start_pts": [shard.interval.start_pts for _, shard in rows],
        "end_pts": [shard.interval.end_pts for _, shard in rows],
        **{
            name: [getattr(shard, name) for _, shard in rows]
            for name in ("first_gop", "last_gop", "frames", "video_s", "cost_s")
        },
    }
    arrays = [
        strings(columns[f.name])  # type: ignore[arg-type]
        if pa.types.is_string(f.type)
        else numbers(np.array(columns[f.name], np.float64 if f.name.endswith("_s") else np.int64))
        for f in _SHARD
    ]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_arrays(arrays, schema=_SHARD), sink, compression="zstd")
    folder.put(f"{RUNS_FOLDER}/{run}{_LEASES}", bytes(sink.getvalue()))


def read_leases(folder: Folder, run: str) -> list[Lease] | None:
    """Read the leases that a run means to do, in its order; None before it has put them."""
    try:
        data = folder.read(f"{RUNS_FOLDER}/{run}{_LEASES}")
    except FileNotFoundError:
        return None
    table = pq.ParquetFile(pa.BufferReader(data)).read()
    shards: dict[str, list[Shard]] = {}
    for row in table.to_pylist():
        source = Source(unescaped(row["uri"]), row["bytes"], row["etag"])
        shards.setdefault(row["lease"], []).append(
            Shard(
                source,
                row["first_gop"],
                row["last_gop"],
                Interval(source.uri, source.etag, row["start_pts"], row["end_pts"]),
                row["frames"],
                row["video_s"],
                row["cost_s"],
            )
        )
    return [Lease(lease, tuple(several)) for lease, several in shards.items()]


def drop_leases(folder: Folder, run: str) -> None:
    """Take back the leases that a run meant to do."""
    folder.delete(f"{RUNS_FOLDER}/{run}{_LEASES}")
