"""Names that somebody else has written into an output: none of them becomes a path elsewhere.

Whoever can write to a shared output must not have files deleted, read or written outside it in the
name of those who use it, nor objects of other leases.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_up import JOB, SCHEMAS, claimed, commit_lease, table_of

from fleet.core.interval import Interval
from fleet.core.receipt import PartFile
from fleet.core.source import Source
from fleet.errors import OutputCorruptError
from fleet.index_cache.batch import read_batches
from fleet.index_cache.store import INDEX_FOLDER, IndexStore
from fleet.parquet.encoding import encode
from fleet.plan.lease import Lease, Shard
from fleet.storage import Folder
from fleet.table.commits.checkpoint import read_checkpoints
from fleet.table.commits.commit import read_commit
from fleet.table.commits.manifest import manifest_name
from fleet.table.commits.pack import PackRecord, pack_part_name, read_pack
from fleet.table.commits.record import METADATA_KEY, part_name, with_checksum
from fleet.table.commits.record_table import from_parquet, to_parquet
from fleet.table.state.holder import Holder
from fleet.table.state.ownership import JOB_FILE, read_job
from fleet.table.state.run_records import RunRecord, RunRecords

VICTIM = "victim.parquet"
LEASE = "ab" * 16
OTHER = "cd" * 16
PACK = f"000007-{'0' * 16}"
ESCAPES = ("..", "../..", "/tmp", ".", "", "a/b", "frames/..", "a\\b", "x\0", "_runs")  # noqa: S108
"""What a table's folder is not called."""
FOREIGN = (
    f"../../{VICTIM}",
    f"/tmp/{VICTIM}",  # noqa: S108
    f"../../part-{LEASE}.parquet",
    f"part-{OTHER}.parquet",
    f"part-{LEASE}.parquet/../{VICTIM}",
    f"part-{LEASE}-../../../.parquet",
    f"part-{LEASE}.parquet\n",
    "_JOB.json",
    "",
)
"""What no part of a lease, nor of a pack, is called."""


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    """An output beside a file that is none of its business."""
    for place in (tmp_path, tmp_path / "out"):
        place.mkdir(exist_ok=True)
        (place / VICTIM).write_bytes(b"precious")
    (tmp_path / "out" / "shared").mkdir()
    yield claimed(Folder(str(tmp_path / "out" / "shared")))
    assert (tmp_path / VICTIM).read_bytes() == b"precious"
    assert (tmp_path / "out" / VICTIM).read_bytes() == b"precious"


def planted_commit(folder: Folder, **changed: Any) -> None:
    """Put a frames part whose record is sealed as it should be, but for what it names."""
    record = {
        "fleet": "0.1.0",
        "job": JOB.digest,
        "lease": LEASE,
        "soc": "Ascend310",
        "models": {},
        "device": "npu/0",
        "committed_unix_s": 1,
        "peak_rss_bytes": 0,
        "tally": {},
        "intervals": [["a", "v1", 0, 9]],
        "parts": [],
        "frames": {"rows": 0, "sha256_before_footer": ""},
        **changed,
    }
    data = encode(SCHEMAS["frames"].empty_table(), {METADATA_KEY: with_checksum(record)})
    folder.put(f"frames/{part_name(LEASE)}", data)


def sibling(table: str = JOB.table, name: str = part_name(LEASE)) -> dict[str, Any]:
    """A part, as a record lists it."""
    return asdict(PartFile(table, name, 1, 8, ""))


def test_a_commit_that_names_its_own_parts_is_believed(folder: Folder) -> None:
    """The attacks below differ from it only in the name."""
    planted_commit(folder, parts=[sibling()])
    (entry,) = folder.list(f"frames/{part_name(LEASE)}")
    assert read_commit(folder, entry)


@pytest.mark.parametrize(
    "parts",
    [*([sibling(table=table)] for table in ESCAPES), *([sibling(name=name)] for name in FOREIGN)],
)
def test_a_commit_record_names_only_parts_of_its_lease(
    folder: Folder, parts: list[dict[str, Any]]
) -> None:
    """Else whoever rewrites the lease would delete what is named."""
    planted_commit(folder, parts=parts)
    (entry,) = folder.list(f"frames/{part_name(LEASE)}")
    with pytest.raises(OutputCorruptError, match="holds no commit record"):
        read_commit(folder, entry)
    table = table_of(folder)
    for command in (table.state, table.compact, table.verify):
        with pytest.raises(OutputCorruptError):
            command()


@pytest.mark.parametrize(
    "name", ["../x", "x", "", LEASE[:-1], f"{LEASE}\n", 7, None, LEASE.upper()]
)
def test_a_commit_record_is_of_a_lease(folder: Folder, name: object) -> None:
    """Its name becomes that of an object."""
    planted_commit(folder, lease=name)
    (entry,) = folder.list(f"frames/{part_name(LEASE)}")
    with pytest.raises(OutputCorruptError):
        read_commit(folder, entry)


def records_of_one(folder: Folder) -> pa.Table:
    """The records of a lease with parts of its own."""
    commit_lease(folder, "a", range(4))
    return table_of(folder).state().records


def with_part(records: pa.Table, change: Callable[[dict[str, Any]], None]) -> pa.Table:
    """Change the first part of the first record."""
    rows = records.to_pylist()
    change(rows[0]["parts"][0])
    return pa.Table.from_pylist(rows, schema=records.schema)


def test_records_of_many_leases_are_checked_as_one_is(folder: Folder) -> None:
    """A checkpoint is a copy, which anybody could have put: it is passed over, as damage is."""
    records = records_of_one(folder)
    lease = records["lease"][0].as_py()
    attacks = [
        *((lambda part, t=table: part.update(table=t)) for table in ESCAPES),
        *((lambda part, n=name: part.update(name=n)) for name in FOREIGN),
    ]
    for attack in attacks:
        changed = with_part(records, attack)
        with pytest.raises(ValueError, match=r"that is none|after another lease"):
            from_parquet(to_parquet(changed))
        name = f"_done/parts-{'0' * 32}.parquet"
        folder.put(name, to_parquet(changed))
        listed = {entry.name: entry for entry in folder.list("_done/")}
        sizes = {lease: records["parts"][0].as_py()[-1]["bytes"]}
        assert not len(read_checkpoints(folder, listed, sizes))
        folder.delete(name)
    assert from_parquet(to_parquet(records))[0].equals(records)
    usual = with_part(records, lambda part: part.update(name=None))
    assert len(from_parquet(to_parquet(usual))[0]) == 1


@pytest.mark.parametrize("lease", ["../../x", "", "x" * 32, None])
def test_a_row_of_records_is_of_a_lease(folder: Folder, lease: str | None) -> None:
    """Its name becomes that of objects."""
    records = records_of_one(folder)
    named = records.set_column(0, records.schema.field(0), pa.array([lease], pa.string()))
    with pytest.raises(ValueError, match=r"the name of a lease that is none|nulls"):
        from_parquet(to_parquet(named))


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [PartFile("_done", "../../victim.parquet", 1, 8, "")],
        [PartFile("_done", "manifest-000001.json", 1, 8, "")],
        *([PartFile(table, pack_part_name(PACK), 1, 8, "")] for table in ESCAPES),
        *([PartFile(JOB.table, name, 1, 8, "")] for name in (*FOREIGN, part_name(LEASE))),
    ],
)
def test_a_pack_names_only_its_own_objects(folder: Folder, parts: list[PartFile]) -> None:
    """And among them the records of its leases."""
    done = PartFile("_done", f"pack-{PACK}.parquet", 1, 8, "")
    first = [] if [part.table for part in parts] in ([], ["_done"]) else [done]
    frames = PartFile("frames", pack_part_name(PACK), 0, 0, "")
    record = PackRecord(PACK, JOB.digest, 1, (*first, *parts, frames))
    data = encode(SCHEMAS["frames"].empty_table(), {METADATA_KEY: record.to_json()})
    folder.put(f"frames/{frames.name}", data)
    (entry,) = folder.list(f"frames/{frames.name}")
    with pytest.raises(OutputCorruptError):
        read_pack(folder, entry)


@pytest.mark.parametrize(
    "changed",
    [
        {"packs": ["../../victim"]},
        {"packs": [PACK, f"{PACK}/../x"]},
        {"leases": ["../../victim"]},
        {"leases": [LEASE, "zz" * 16]},
        {"leases": [7]},
    ],
)
def test_a_manifest_lists_packs_and_leases_only(folder: Folder, changed: dict[str, Any]) -> None:
    """Their names become those of objects."""
    record = {
        "fleet": "0.1.0",
        "job": JOB.digest,
        "number": 1,
        "epoch": 1,
        "closed": False,
        "why": "",
        "mark": "",
        "packs": [],
        "leases": [],
        **changed,
    }
    folder.put(manifest_name(1), with_checksum(record).encode())
    with pytest.raises(OutputCorruptError, match="does not say what the output holds"):
        table_of(folder).state()


@pytest.mark.parametrize("table", ["..", "../out", "/etc", "a/b", "", ".", "A", "_runs"])
def test_the_job_of_an_output_has_a_table_of_its_own(folder: Folder, table: str) -> None:
    """It is the folder that is listed and cleared."""
    folder.put(JOB_FILE, replace(JOB, table=table).to_json().encode())
    with pytest.raises(OutputCorruptError, match="does not say which job"):
        read_job(folder)


def test_a_run_is_believed_only_under_its_own_name(folder: Folder) -> None:
    """Its mark is a part of the names of objects that others delete once it is over."""
    runs = RunRecords(folder)
    mine = Holder.me("fleet run", JOB.digest, 0.0)
    for mark in (f"../../{VICTIM}", f"../{uuid.uuid4().hex}", "", "/x", uuid.uuid4().hex):
        data = json.dumps(asdict(RunRecord(replace(mine, mark=mark), "finished", 0.0)))
        folder.put(f"_runs/{uuid.uuid4().hex}.json", data.encode())
    runs.put(RunRecord(mine, "finished", 0.0))
    assert [record.id for record in runs.read()] == [mine.mark]
    runs.prune(runs.read() * 20)


@pytest.mark.parametrize("name", ["../../victim", "", "x", f"{LEASE}/../x"])
def test_leases_that_another_run_offers_have_names_of_leases(folder: Folder, name: str) -> None:
    """Who joins commits under these names."""
    shard = Shard(Source("a", 9, "v1"), 0, 1, Interval("a", "v1", 0, 9), 9, 1.0, 1.0)
    runs = RunRecords(folder)
    runs.put_leases(OTHER, [Lease(name, (shard,))])
    with pytest.raises(OutputCorruptError, match="is the name of no lease"):
        runs.leases(OTHER)


def test_only_batches_of_indexes_are_merged_and_deleted(folder: Folder) -> None:
    """An object of another name stays, whatever it holds."""
    indexes = Folder(f"{folder.uri}/{INDEX_FOLDER}")
    store = IndexStore(indexes)
    for number in range(33):
        store.add(Source(f"{number}.mp4", 1, "v"), None)
        store.flush()
    (first, *_) = (entry.name for entry in indexes.list() if "-videos" in entry.name)
    copy = pq.read_table(pa.BufferReader(indexes.read(first)))
    sink = pa.BufferOutputStream()
    pq.write_table(copy, sink)
    for name in ("mine-videos.parquet", "sub/mine-videos.parquet", f"x{first}"):
        indexes.put(name, bytes(sink.getvalue()))
    assert len(list(read_batches(indexes))) == 33
    again = IndexStore(indexes)
    again.tidy()
    assert not indexes.exists(first)
    assert indexes.exists("mine-videos.parquet")
    assert indexes.exists("sub/mine-videos.parquet")
