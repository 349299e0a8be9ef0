"""The wall-clock time of rows: from paths and containers, through whole runs."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import pyarrow as pa
import pytest
from command import fleet_here
from digests import Digests
from generate import Clip, Container
from wall_clocks import (
    CONTAINERS,
    CREATED,
    FORM,
    PATTERN,
    SAYS,
    moment,
    recorded,
    rows_of,
    truth,
)

import fleet
from fleet.driver.recheck.recheck import recheck
from fleet.errors import JobFileError, OutputTakenError, UsageError
from fleet.table.table import Table


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Videos in every container, once named by their start and once not; frame rates vary."""
    folder, raw = tmp_path_factory.mktemp("archive"), tmp_path_factory.mktemp("raw")
    for number, container in enumerate(CONTAINERS):
        # AVI has no times; of pictures that are reordered, libav guesses them.
        has_times = container != "avi"
        clip = Clip(
            container=container,
            frames=20,
            gop=5,
            b_frames=2 if has_times else 0,
            vfr=has_times,
            rate=Fraction(30000, 1001) if has_times else Fraction(25),
        )
        name = f"cam{number}/2026-03-29T0{number}3000{clip.suffix}"
        recorded(clip, folder / name, raw, CREATED)
        recorded(clip, folder / "other" / f"{container}{clip.suffix}", raw, CREATED)
    return folder


@pytest.mark.parametrize("lease_s", [0.05, 60])
def test_each_row_has_the_time_of_its_picture(
    tmp_path: Path, archive: Path, lease_s: float
) -> None:
    """By the path where it says so, else by the container; whatever the leases, to the microsecond.

    The run is done in two, and decoded again for comparison.
    """
    fields: dict[str, Any] = {
        "partitions": PATTERN,
        "start": FORM,
        "time_zone": "Europe/Berlin",
        "lease_s": lease_s,
    }
    output = tmp_path / "out"
    half = [str(archive / f"cam{number}") for number in (0, 2, 4)]
    fleet.run(fleet.Job(Digests(), half, str(output), **fields), on="inline")
    job = fleet.Job(Digests(), str(archive), str(output), **fields)
    assert fleet.run(job, on="inline").exit_code == 0
    assert recheck(job, 20, 1).proven
    seen = {table: rows_of(output, table) for table in ("digests", "frames")}
    for number, container in enumerate(CONTAINERS):
        clip = Clip(container=container)
        # Clocks are set ahead at 2 o'clock, which is 1 o'clock in UTC.
        hour = number - 1 if number <= 2 else number - 2
        start = moment("2026-03-29T00:30:00Z") + timedelta(hours=hour)
        path = archive / f"cam{number}" / f"2026-03-29T0{number}3000{clip.suffix}"
        other = archive / "other" / f"{container}{clip.suffix}"
        # The movie header counts in seconds.
        whole = CREATED if container == "mkv" else "2026-01-14T08:00:00Z"
        for rows in (seen[table] for table in seen):
            assert [row["time"] for row in rows[path.name]] == truth(path, start), container
            assert {row["clock"] for row in rows[path.name]} == {"path"}
            times, clocks = ({row[name] for row in rows[other.name]} for name in ("time", "clock"))
            if container in SAYS:
                assert times == set(truth(other, moment(whole))), container
                assert clocks == {"container"}
            else:
                assert (times, clocks) == ({None}, {None})


def test_leases_and_restarts_change_no_byte_of_a_compacted_table(
    tmp_path: Path, archive: Path
) -> None:
    """The same rows, in the same dictionaries."""
    parts = []
    for name, lease_s in (("a", 0.05), ("b", 0.3), ("c", 60.0)):
        job = fleet.Job(Digests(), str(archive), str(tmp_path / name), lease_s=lease_s)
        fleet.run(job, on="inline")
        table = Table.open(job.output)
        Table(table.folder, table.job, pause_s=0).compact()
        parts.append([rows_of(Path(job.output), table) for table in ("digests", "frames")])
    assert parts[0] == parts[1] == parts[2]


def test_apple_s_date_with_a_zone_goes_before_the_header(tmp_path: Path) -> None:
    """It is when recording began; the header may have been written by an export."""
    apple = "2026-01-14T09:30:00+0100"
    recorded(Clip(container="mov"), tmp_path / "in/phone.mov", tmp_path, CREATED, apple)
    job = fleet.Job(Digests(), str(tmp_path / "in"), str(tmp_path / "out"))
    fleet.run(job, on="inline")
    (rows,) = rows_of(tmp_path / "out").values()
    assert rows[0]["time"] == moment(apple)
    assert rows[0]["clock"] == "container"
    (printed,) = fleet_here("index", str(tmp_path / "in")).stdout.split("created")[1:]
    assert printed.strip().startswith("2026-01-14 08:30:00 UTC, as the container says")


@pytest.mark.parametrize("created", ["1970-01-01T00:10:00Z", "2039-12-31T00:00:00Z", ""])
@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_a_container_whose_clock_is_absurd_says_nothing(
    tmp_path: Path, container: Container, created: str
) -> None:
    """Rather than rows in a year that is none of theirs."""
    clip = Clip(container=container)
    recorded(clip, tmp_path / f"in/a{clip.suffix}", tmp_path, created)
    fleet.run(fleet.Job(Digests(), str(tmp_path / "in"), str(tmp_path / "out")), on="inline")
    (rows,) = rows_of(tmp_path / "out").values()
    assert {(row["time"], row["clock"]) for row in rows} == {(None, None)}


def test_rows_are_found_by_their_time(tmp_path: Path, archive: Path) -> None:
    """In SQL, and by Arrow's filters."""
    job = fleet.Job(Digests(), str(archive / "other"), str(tmp_path / "out"))
    fleet.run(job, on="inline")
    rows = [row for of in rows_of(tmp_path / "out").values() for row in of if row["time"]]
    begin, end = moment("2026-01-14T08:00:00.1Z"), moment("2026-01-14T08:00:00.5Z")
    expected = sum(begin <= row["time"] <= end for row in rows)
    assert 0 < expected < len(rows)
    table = duckdb.read_parquet(f"{tmp_path}/out/digests/*.parquet")
    stretch = "time between '2026-01-14 08:00:00.1+00' and '2026-01-14 08:00:00.5+00'"
    assert table.filter(stretch).aggregate("count(*)").fetchall() == [(expected,)]
    dataset = fleet.read(job.output).table("digests")
    time = pa.compute.field("time")
    assert dataset.count_rows(filter=(time >= begin) & (time <= end)) == expected


def test_a_start_that_no_path_has_ends_the_run_before_it_starts(
    tmp_path: Path, archive: Path
) -> None:
    """With what is found there instead; where some have it, the others are counted."""
    output = tmp_path / "out"
    fields: dict[str, Any] = {"partitions": PATTERN, "time_zone": "UTC"}
    job = fleet.Job(Digests(), str(archive), str(output), start="%d.%m.%Y", **fields)
    with pytest.raises(UsageError, match="no video names its start as") as caught:
        fleet.run(job, on="inline")
    assert "the group start is '2026-03-29T003000' there" in caught.value.message
    assert not output.exists()


def test_another_start_is_another_job(tmp_path: Path, archive: Path) -> None:
    """Its rows say other times, so they may not lie in one output."""
    fields: dict[str, Any] = {"partitions": PATTERN, "start": FORM}
    inputs, output = str(archive / "cam0"), str(tmp_path / "out")
    fleet.run(fleet.Job(Digests(), inputs, output, time_zone="UTC", **fields), on="inline")
    other = fleet.Job(Digests(), inputs, output, time_zone="Europe/Berlin", **fields)
    with pytest.raises(OutputTakenError, match="time_zone: UTC -> Europe/Berlin"):
        fleet.run(other, on="inline")


class Clocked(Digests):
    """A job that has a column of the name itself."""

    schema: ClassVar[pa.Schema] = pa.schema([("pixels", pa.string()), ("time", pa.int64())])

    def run(self, opened: Any, batch: fleet.FrameBatch) -> fleet.Rows:
        """Beside the digests, a number."""
        rows = super().run(opened, batch)
        return fleet.Rows(rows.picture, {**rows.columns, "time": batch.frames + 7})


def test_a_column_of_the_job_s_goes_before(tmp_path: Path, archive: Path) -> None:
    """As jobs of earlier versions have them; a start would have no place then."""
    inputs = str(archive / "other" / "mp4.mp4")
    job = fleet.Job(Clocked(), inputs, str(tmp_path / "out"))
    fleet.run(job, on="inline")
    (rows,), (frames,) = (rows_of(tmp_path / "out", t).values() for t in ("digests", "frames"))
    assert [row["time"] for row in rows] == [row["frame"] + 7 for row in rows]
    assert {row["clock"] for row in rows} == {"container"}
    assert frames[0]["time"] == moment("2026-01-14T08:00:00Z")
    named = str(archive / "cam0")
    job = fleet.Job(
        Clocked(), named, str(tmp_path / "no"), partitions=PATTERN, start=FORM, time_zone="UTC"
    )
    with pytest.raises(UsageError, match="digests/ has another column time"):
        fleet.run(job, on="inline")


@pytest.mark.parametrize(
    ("fields", "mistake"),
    [
        ({"start": "epoch"}, "start: it is read from the group `start`"),
        ({"start": "%H", "partitions": PATTERN}, "start: a date is"),
        ({"start": FORM, "partitions": PATTERN}, "time_zone: `start` names no zone"),
        ({"start": FORM, "partitions": PATTERN, "time_zone": "Mars/Port"}, "time_zone: it is no"),
        ({"time_zone": "UTC"}, "time_zone: it has no meaning"),
    ],
)
def test_fields_that_do_not_go_together_are_named(fields: dict[str, Any], mistake: str) -> None:
    """Each in one sentence."""
    with pytest.raises(JobFileError) as caught:
        fleet.Job(Digests(), "in", "out", **fields)
    (found,) = caught.value.mistakes
    assert found.startswith(mistake)
