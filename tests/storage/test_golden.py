"""An output folder of an earlier version: what is on storage keeps its names and its meaning."""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import fleet
from fleet.errors import OutputCorruptError
from fleet.table.maintenance.part_rows import less_later
from fleet.table.parts.schema import later_names
from fleet.table.table import Table

GOLDEN = Path(__file__).parents[1] / "golden"
PLACE = Path("/tmp/fleet-golden")  # noqa: S108 - URIs are part of an output
NOT_DONE = "west-2.mp4"
MADE_S = 1_750_000_000
VARYING = re.compile(
    r"[0-9a-f]{32}|[0-9]{6}-[0-9a-f]{16}|[0-9]{14}-[0-9a-f]{8}|(?<=manifest-)[0-9]{6}"
)


@pytest.fixture
def golden() -> Iterator[Path]:
    """The golden output and its videos, at the paths that it tells of; one test at a time."""
    with (PLACE.parent / f"{PLACE.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # One that was killed may have left it.
        shutil.rmtree(PLACE, ignore_errors=True)
        shutil.copytree(GOLDEN, PLACE)
        for video in (PLACE / "videos").iterdir():
            os.utime(video, (MADE_S, MADE_S))
        yield PLACE / "output"
        shutil.rmtree(PLACE)


def expected(table: str, *, all_videos: bool) -> list[str]:
    """The rows of a table, in a fixed order; those of the video that is not done only on demand."""
    rows = json.loads((GOLDEN / "rows.json").read_text("utf-8"))[table]
    return sorted(
        json.dumps(row) for row in rows if all_videos or not row["uri"].endswith(NOT_DONE)
    )


def found(output: Path, table: str) -> list[str]:
    """The rows that readers see now, in the same order."""
    return sorted(map(json.dumps, fleet.read(str(output)).table(table).to_table().to_pylist()))


def run_again() -> fleet.RunReport:
    """Run the golden job on what there is."""
    return fleet.run(fleet.load_job(PLACE / "job.toml"), on="inline")


def door(output: Path) -> Table:
    """The output's door, that does not wait for readers of plain globs."""
    found = Table.open(str(output))
    return Table(found.folder, found.job, pause_s=0)


TABLES = ("facts", "frames", "errors")


def without_lengths(rows: list[dict[str, Any]]) -> list[str]:
    """Return rows in some order, without the lengths of their JPEGs."""
    return sorted(json.dumps({k: v for k, v in row.items() if k != "jpeg_bytes"}) for row in rows)


def test_it_is_read_as_it_was(golden: Path) -> None:
    """Row for row, from packs and parts."""
    tables = fleet.read(str(golden))
    assert tables.finished
    assert tables.leases == 12
    for table in TABLES:
        assert found(golden, table) == expected(table, all_videos=False)


def test_it_is_proven(golden: Path) -> None:
    """Every object is as it was put, by every digest."""
    verdict = door(golden).verify()
    assert verdict.proven, verdict.findings
    assert (verdict.frames, verdict.losses, verdict.leases) == (55, 2, 12)


def test_what_its_runs_said_is_read(golden: Path) -> None:
    """Notes, their devices, and the leases that one of them meant to do."""
    runs = door(golden).runs
    records = runs.read()
    assert [record.state for record in records] == ["finished", "finished"]
    assert sorted(record.done_frames for record in records) == [45, 58]
    assert sum(len(runs.leases(record.id) or ()) for record in records) == 3


def test_a_run_goes_on_where_it_ended(golden: Path) -> None:
    """The same job, by its identity: only the video that was not there is done."""
    report = run_again()
    assert (report.videos, report.already_done, report.this_run.frames) == (6, 12, 8)
    for table in TABLES:
        assert found(golden, table) == expected(table, all_videos=True)
    assert door(golden).verify().proven


def test_it_goes_on_with_the_columns_that_it_was_begun_with(golden: Path) -> None:
    """All parts of a table are alike, so that readers of plain globs need not know of versions."""
    run_again()
    for table in TABLES:
        schemas = {
            pq.read_schema(path).remove_metadata().to_string()
            for path in (golden / table).glob("*.parquet")
        }
        assert len(schemas) == 1
        assert "clock" not in schemas.pop()


def test_what_a_joining_earlier_version_writes_is_compacted_with_the_rest(golden: Path) -> None:
    """In an output that has the columns: null where it wrote none."""
    kept = sorted((golden / "facts").glob("part-*.parquet"))
    for path in golden.glob("*/schema.parquet"):
        path.unlink()
    run_again()
    assert "clock" in pq.read_schema(golden / "facts" / "schema.parquet").names
    assert "clock" not in pq.read_schema(kept[0]).names
    for table in ("facts", "frames"):
        frames = fleet.read(str(golden)).table(table).to_table().select(["uri", "time", "clock"])
        assert frames["time"].null_count == len(frames)
    assert door(golden).verify().proven
    door(golden).compact()
    for table in TABLES:
        seen = fleet.read(str(golden)).table(table).to_table()
        rows = seen.drop_columns(later_names(seen.schema)).to_pylist()
        # An output with the columns gets JPEGs as the chip makes them, of other lengths.
        assert without_lengths(rows) == without_lengths(
            [json.loads(row) for row in expected(table, all_videos=True)]
        )
    assert door(golden).verify().proven


def test_it_has_no_table_of_videos_until_a_run_goes_on(golden: Path) -> None:
    """Then the one of the first run, and its videos that are done already are looked up."""
    assert "videos" not in fleet.read(str(golden)).names
    door(golden).compact()
    assert not (golden / "videos").exists()
    run_again()
    rows = fleet.read(str(golden)).videos.to_table().to_pylist()
    assert sorted(row["uri"] for row in rows) == sorted(
        str(path) for path in (PLACE / "videos").iterdir()
    )
    known = [row for row in rows if row["status"] != "refused"]
    assert len(known) == 5
    assert all(row["codec"] and row["decoded_by"] == "vdec" for row in known)
    counted = sum(row["frames_done"] for row in known)
    assert counted == len(expected("frames", all_videos=True))


def test_it_is_compacted_to_the_same_rows(golden: Path) -> None:
    """Before and after it was gone on with."""
    door(golden).compact()
    for table in TABLES:
        assert found(golden, table) == expected(table, all_videos=False)
    run_again()
    door(golden).compact()
    for table in TABLES:
        assert found(golden, table) == expected(table, all_videos=True)
    assert door(golden).verify().proven


def without_columns(path: Path) -> None:
    """Put a Parquet object with another column in the place of one."""
    pq.write_table(pa.table({"a": [1, None]}), path)


@pytest.mark.parametrize("name", ["_index/*-videos.parquet", "_index/*-packets.parquet"])
def test_a_run_goes_on_without_indexes_that_are_damaged(golden: Path, name: str) -> None:
    """They are made anew, where they are needed."""
    for path in golden.glob(name):
        without_columns(path)
    assert run_again().this_run.frames == 8
    assert found(golden, "frames") == expected("frames", all_videos=True)


def test_a_run_goes_on_without_notes_that_make_no_sense(golden: Path) -> None:
    """They are for people."""
    for note in golden.glob("_runs/*.json"):
        note.write_text(
            note.read_text("utf-8").replace('"since_unix_s": 1', '"since_unix_s": 1e90')
        )
    assert not door(golden).runs.read()
    assert run_again().this_run.frames == 8


@pytest.mark.parametrize("name", ["_JOB.json", "_SUCCESS.json", "_VIDEOS.parquet"])
def test_a_run_names_what_it_needs_and_cannot_read(golden: Path, name: str) -> None:
    """With the way out, and before anything is changed."""
    (golden / name).write_bytes(b'{"job": NaN}')
    with pytest.raises(OutputCorruptError, match=name) as raised:
        run_again()
    assert "Delete this" in raised.value.way_out or "another --output" in raised.value.way_out
    assert (golden / name).read_bytes() == b'{"job": NaN}'


def shapes(output: Path) -> dict[str, Any]:
    """Map each kind of object, by its name without what varies, to the shape of its content."""
    kinds = {}
    for path in sorted(output.rglob("*")):
        if path.is_file():
            kind = VARYING.sub("*", path.relative_to(output).as_posix())
            kinds[kind] = shape_of(path)
    return kinds


def shape_of(path: Path) -> Any:
    """The names in a JSON object, or the schema and the metadata's names of a Parquet file."""
    if path.suffix == ".json":
        return names_in(json.loads(path.read_bytes()))
    file = pq.ParquetFile(path)
    metadata = {key.decode(): value for key, value in (file.metadata.metadata or {}).items()}
    record = names_in(json.loads(metadata["fleet"])) if "fleet" in metadata else None
    schema = less_later(file.schema_arrow).remove_metadata()
    return str(schema), sorted(metadata), record


def names_in(value: Any) -> Any:
    """The names of fields, as deep as they are fixed: not those of counts by label or stage."""
    if isinstance(value, Mapping):
        return {
            name: names_in(of) if not name.endswith(("by_label", "host_s", "chip_s")) else None
            for name, of in value.items()
            if name not in {"busy", "models", "params", "devices", "nodes"}
        }
    return [names_in(value[0])] if isinstance(value, list) and value else None


def test_a_new_output_has_objects_of_the_same_names_and_fields(golden: Path) -> None:
    """What an earlier version wrote and what this one writes cannot be told apart."""
    old = shapes(golden)
    shutil.rmtree(golden)
    late = PLACE / NOT_DONE
    (PLACE / "videos" / NOT_DONE).rename(late)
    west = PLACE / "west-1.ts"
    (PLACE / "videos" / west.name).rename(west)
    run_again()
    door(golden).compact()
    west.rename(PLACE / "videos" / west.name)
    run_again()
    new = shapes(golden)
    for kind in ("_done/parts-*.parquet", "_runs/*-leases.parquet"):
        # The first is put once there are 200 leases, the second while a run lasts.
        old.pop(kind)
    for kind, (schema, metadata, record) in ((k, v) for k, v in old.items() if "parquet" in k):
        now_schema, now_metadata, now_record = new[kind]
        assert set(metadata) <= set(now_metadata), kind
        assert (record or {}).items() <= (now_record or {}).items(), kind
        # Records of leases name their parts now; indexes, of another format, are made anew; every
        # other column is as it was, beside those that are new.
        assert kind.startswith(("_done/", "_index/")) or schema == now_schema, kind
    for kind, names in ((k, v) for k, v in old.items() if k.endswith(".json")):
        assert is_within(names, new[kind]), kind
    of_videos = {"videos/schema.parquet", "videos/videos.parquet"}
    later = {"_done/manifest-*.json", "_runs/*-diary-000000.parquet"}
    assert new.keys() - old.keys() == {*later, *of_videos}


def is_within(old: Any, new: Any) -> bool:
    """Whether every field that was there is there."""
    if isinstance(old, Mapping):
        return isinstance(new, Mapping) and all(
            name in new and is_within(of, new[name]) for name, of in old.items()
        )
    if isinstance(old, list):
        return isinstance(new, list) and is_within(old[0], new[0])
    return bool(old == new)
