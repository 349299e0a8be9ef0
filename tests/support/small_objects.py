"""Outputs with one of every kind of small object, to be damaged, as objects by name."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
from hand_clock import HandClock
from indexes import index_of
from made_up import JOB, claimed, commit_lease

from fleet.core.interval import Interval
from fleet.core.loss import Loss
from fleet.core.source import Source
from fleet.index_cache.store import INDEX_FOLDER, IndexStore
from fleet.parquet.encoding import digest, encode
from fleet.plan.lease import Lease, Shard
from fleet.storage import Folder
from fleet.table.commits.record import METADATA_KEY, JobRecord, verify_checksum, with_checksum
from fleet.table.commits.record_rows import records_of
from fleet.table.state.holder import Holder
from fleet.table.state.lock import LEADER_LOCK, REWRITE_LOCK
from fleet.table.state.run_records import DeviceRecord, NodeRecord, RunRecord, RunRecords
from fleet.table.state.video_manifest import Video
from fleet.table.table import Table

Objects = Mapping[str, bytes]
VIDEOS = ("memory://in/a.mp4", "memory://in/b.mp4")
GOLDEN = Path(__file__).parents[1] / "golden" / "output"
INDEX = index_of([(0, 4), (0, 4), (0, 4)], [512 * n for n in range(15)])
NOW_S = 1_750_000_000.0


def made() -> Objects:
    """An output with one of every kind of small object, as this version writes it."""
    folder = claimed(Folder(f"memory://{uuid.uuid4()}"))
    table = door(folder, JOB)
    table.begin_epoch({})
    a, b = VIDEOS
    committed = [commit_lease(folder, a, range(n, n + 5), clock=HandClock(NOW_S)) for n in (0, 5)]
    table.compact()
    committed.append(commit_lease(folder, a, range(10, 15)))
    loss = Loss(b, "vdec", "Broken", "It is broken.", 5, 512, 1024, 0.04, 0.08, 1)
    committed.append(commit_lease(folder, b, range(15), loss=loss))
    state = table.state()
    table.checkpoint(record for record in records_of(state.records) if record.receipt.parts)
    b_of_16 = Video(b, 15_000, "v1", 0, 7680, 0.6, 16)
    table.keep_videos(state, [Video(a, 15_000, "v1", 0, 7680, 0.6, 15), b_of_16])
    table.close(committed, state.manifest.epoch)
    put_sides(folder)
    return taken(folder)


def put_sides(folder: Folder) -> None:
    """Put locks that are held, a run's notes and leases, and kept indexes."""
    holder = replace(Holder.me("fleet run", JOB.digest, NOW_S), machine="elsewhere", host="h")
    for name in (LEADER_LOCK, REWRITE_LOCK):
        folder.put(name, holder.to_bytes())
    device = DeviceRecord("npu/0", 9, 2.5, VIDEOS[0], "node", "working", "x", {"vdec": 0.5})
    nodes = (NodeRecord("node", 1, 1, 0, 2.5),)
    runs = RunRecords(folder)
    runs.put(
        RunRecord(holder, "running", NOW_S, VIDEOS, 2, 1.2, 30, 4, devices=(device,), nodes=nodes)
    )
    source = Source(VIDEOS[0], 15_000, "v1")
    shard = Shard(source, 0, 1, Interval(source.uri, "v1", 0, 2560), 5, 0.2, 0.1)
    runs.put_leases(holder.mark, [Lease("ab" * 16, (shard,))])
    store = IndexStore(Folder(f"{folder.uri}/{INDEX_FOLDER}"))
    for uri in VIDEOS:
        store.add(Source(uri, 15_000, "v1"), replace(INDEX, source=Source(uri, 15_000, "v1")))
    store.flush()


def golden() -> Objects:
    """An output that version 0.1 wrote."""
    return {
        path.relative_to(GOLDEN).as_posix(): path.read_bytes()
        for path in sorted(GOLDEN.rglob("*"))
        if path.is_file()
    }


def taken(folder: Folder) -> Objects:
    """Take the objects out of a folder."""
    objects = {entry.name: folder.read(entry.name) for entry in folder.list()}
    fsspec.filesystem("memory").rm(folder.uri.removeprefix("memory:/"), recursive=True)
    return objects


def door(folder: Folder, job: JobRecord) -> Table:
    """Return the door to an output, without pauses and with a clock that is moved by hand."""
    return Table(folder, job, clock=HandClock(NOW_S), pause_s=0, conditional=True)


def vouched(objects: Objects, name: str) -> Objects:
    """Make the record that names an object tell of its bytes, as who put both would."""
    told = dict(objects)
    for commit in (each for each in objects if each.startswith("frames/part-")):
        file = pq.ParquetFile(pa.BufferReader(objects[commit]))
        record = verify_checksum(file.metadata.metadata[METADATA_KEY.encode()])
        for part in record["parts"]:
            if f"{part['table']}/{part['name']}" == name:
                part |= {"bytes": len(objects[name]), "sha256": digest(objects[name])}
                record.pop("digest", None)
                told[commit] = encode(file.read(), {METADATA_KEY: with_checksum(record)})
    return told
