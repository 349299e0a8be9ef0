"""Objects beside the table: named by what they come from, put before the rows that name them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

import fleet
from fleet import Device, FrameBatch, FrameJob, Rows, errors, object_column
from fleet.executors import patient_pool
from fleet.storage import Folder
from fleet.storage.location import is_object_name
from fleet.table.maintenance.verify import verify
from fleet.table.parts.builder import PartBuilder
from fleet.table.parts.objects import is_as_named, object_name
from fleet.table.table import Table
from fleet.views.verify import render

IMAGES = 12


@dataclass(frozen=True)
class Grey(FrameJob[Device]):
    """Two columns of objects; every third image has none in the second."""

    table: ClassVar[str] = "grey"
    schema: ClassVar[pa.Schema] = pa.schema(
        [object_column("luma", ".raw"), object_column("mean", ".txt"), ("width", pa.int32())]
    )

    def run(self, opened: Device, batch: FrameBatch) -> Rows:
        """Take each picture to pieces."""
        del opened
        rgb = [picture.rgb() for picture in batch.pictures]
        columns: dict[str, Any] = {
            "luma": [each[..., 1].tobytes() for each in rgb],
            "mean": [b"%d" % each.mean() if each.mean() >= 80 else None for each in rgb],
            "width": [picture.size.width for picture in batch.pictures],
        }
        return Rows(np.arange(len(batch), dtype=np.int32), columns)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder of plain images, from black to white, with names that need care."""
    folder = tmp_path / "in put#1"
    folder.mkdir()
    for number in range(IMAGES):
        grey = np.full((64, 96, 3), number * 20, np.uint8)
        Image.fromarray(grey).save(folder / f"ä {number}%.jpg")
    return folder


def run(images: object, output: str) -> tuple[fleet.RunReport, list[dict[str, Any]]]:
    """Run the job; its report and its rows by video."""
    job = fleet.Job(Grey(), str(images), output, media="images", devices=2, lease_s=0.05)
    report = fleet.run(job, on="inline")
    rows = fleet.read(output).table("grey").to_table().to_pylist()
    return report, sorted(rows, key=lambda row: str(row["uri"]))


@pytest.mark.parametrize("kind", ["disk", "seaweed"])
def test_objects_are_put_and_named(kind: str, images: Path, place: Callable[[str], str]) -> None:
    """Each name is that of an object which holds what it says; None stays null; all is proven."""
    output = f"{place(kind)}/out"
    report, rows = run(images, output)
    assert (report.exit_code, len(rows)) == (0, IMAGES)
    folder = Folder(output)
    names = [row[column] for row in rows for column in ("luma", "mean") if row[column]]
    assert len(names) == len(set(names)) == IMAGES + 8
    assert {entry.name for entry in folder.list("objects/")} == set(names)
    assert all(is_as_named(name, folder.read(name)) for name in names)
    assert [row["mean"] for row in rows].count(None) == 4
    assert all(name.startswith("objects/luma/") and "%20" in name for name in names[:1])
    table = Table.open(output)
    assert table.verify().proven
    table.compact()
    assert {entry.name for entry in folder.list("objects/")} == set(names)
    assert table.verify().proven
    again, same = run(images, output)
    assert (again.leases, same) == (0, rows)


def test_a_second_output_has_the_same_objects(images: Path, tmp_path: Path) -> None:
    """They depend on the source, the frame and the content: leases done twice put the same."""
    _, rows = run(images, str(tmp_path / "a"))
    _, others = run(images, str(tmp_path / "b"))
    assert rows == others


def test_objects_that_are_gone_or_changed_are_found(images: Path, tmp_path: Path) -> None:
    """`fleet verify` reads each object that a row names."""
    output = str(tmp_path / "out")
    _, rows = run(images, output)
    (tmp_path / "out" / rows[0]["luma"]).unlink()
    (tmp_path / "out" / rows[1]["luma"]).write_bytes(b"other")
    findings = {(found.kind, found.where) for found in Table.open(output).verify().findings}
    assert {("missing", rows[0]["luma"]), ("altered", rows[1]["luma"])} <= findings


def test_a_quick_look_says_that_objects_were_not_looked_at(images: Path, tmp_path: Path) -> None:
    """It names their columns, and vouches for the parts alone; the whole look leaves none out."""
    output = str(tmp_path / "out")
    run(images, output)
    quick, whole = (Table.open(output).verify(read_objects=read) for read in (False, True))
    assert quick.not_looked_at == ("luma", "mean")
    assert "every part there" in render(quick)
    assert "named in luma, mean" in render(quick)
    assert not whole.not_looked_at
    assert "not looked at" not in render(whole)


def test_objects_that_no_row_names_are_counted(images: Path, tmp_path: Path) -> None:
    """Those of a picture that was replaced, and of a lease that never ended; nothing is wrong."""
    output = tmp_path / "out"
    _, before = run(images, str(output))
    table = Table.open(str(output))
    assert (table.verify().unnamed, table.verify().unnamed_bytes) == (0, 0)
    assert "no row names" not in render(table.verify())
    grey = next(path for path in images.iterdir() if path.name.endswith(" 3%.jpg"))
    Image.fromarray(np.full((64, 96, 3), 200, np.uint8)).save(grey)
    _, after = run(images, str(output))
    gone = {row[c] for row in before for c in ("luma", "mean") if row[c]}
    gone -= {row[c] for row in after for c in ("luma", "mean") if row[c]}
    assert len(gone) == 1
    left = object_name("luma", "never/done.jpg", 7, b"twelve bytes", ".raw")
    (output / left).parent.mkdir(parents=True)
    (output / left).write_bytes(b"twelve bytes")
    found = table.verify()
    assert found.proven
    assert (found.unnamed, found.unnamed_bytes) == (2, 64 * 96 + 12)
    assert "2 objects of 6.2 kB beside the table that no row names" in render(found)
    assert table.verify(read_objects=False).unnamed is None
    table.compact()
    assert (output / left).is_file()


def test_while_a_run_is_at_work_nobody_calls_an_object_left_over(
    images: Path, tmp_path: Path
) -> None:
    """A row may name it any moment now."""
    run(images, str(tmp_path / "out"))
    table = Table.open(str(tmp_path / "out"))
    found = verify(table.folder, table.job, busy=True)
    assert (found.unnamed, found.unnamed_bytes) == (None, None)


def test_what_cannot_be_put_leaves_no_row(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the objects' folder takes nothing the run fails, and no row names what is not there."""
    monkeypatch.setattr(patient_pool, "GIVE_UP_S", 1.0)
    monkeypatch.setattr(patient_pool, "FIRST_WAIT_S", 0.2)
    output = tmp_path / "out"
    run(images, str(output))
    (images / "later.jpg").write_bytes(next(images.iterdir()).read_bytes())
    (output / "objects").rename(tmp_path / "objects")
    (output / "objects").write_bytes(b"a file where a folder should be")
    with pytest.raises(errors.JobFailedError):
        run(images, str(output))
    assert fleet.read(str(output)).table("grey").count_rows() == IMAGES
    (output / "objects").unlink()
    (tmp_path / "objects").rename(output / "objects")
    report, rows = run(images, str(output))
    assert (report.exit_code, len(rows)) == (0, IMAGES + 1)


@given(st.text(min_size=1), st.integers(0, 10**9), st.binary())
@example("s3://bucket/../a//b/./c.jpg", 0, b"")
@example("/" + "ü" * 300 + "/" + "x/" * 500 + "y.mp4#stream=1", 3, b"x")
@example("..", 1, b"")
def test_every_source_gives_a_name_that_stores_take(uri: str, frame: int, data: bytes) -> None:
    """Whatever a source is called: relative, no empty parts, not too long, told by its content."""
    name = object_name("jpeg", uri, frame, data, ".jpg")
    assert is_object_name(name.replace("//", "/")), name
    assert len(name.encode()) < 1000
    assert max(len(part.encode()) for part in name.split("/")) < 255
    assert is_as_named(name, data)
    assert not is_as_named(name, data + b"!")


def test_only_bytes_are_objects() -> None:
    """Anything else is the job's mistake, and so is a table in the place of the objects."""
    with pytest.raises(errors.UsageError, match="cannot end"):
        object_column("jpeg", "jpg")
    with pytest.raises(errors.UsageError, match="cannot be called objects"):
        PartBuilder("objects", Grey.schema)
