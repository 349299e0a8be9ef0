"""An output folder and the truth, brought to one list of images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from made_up import JOB, ORIGIN, batch_of, begun, claimed, commit_lease, detections_of, table_of

from fleet.core.interval import Interval, LeaseNames
from fleet.errors import UsageError
from fleet.evaluate.coco import evaluate_scene
from fleet.evaluate.gather import gather
from fleet.evaluate.truth import read_truth
from fleet.storage import Folder
from fleet.table.parts.builder import PartBuilder
from fleet.table.parts.schema import DETECTIONS, output_schemas
from fleet.table.state.ownership import claim
from fleet.table.state.read import read


@pytest.fixture
def out(tmp_path: Path) -> Folder:
    """An output of two videos, three frames each, one box a frame: person, car, dog."""
    folder = claimed(Folder(str(tmp_path / "out")))
    for camera in ("north", "south"):
        commit_lease(folder, f"/archive/{camera}.mp4", range(3))
    return folder


def written(path: Path, rows: list[dict[str, Any]]) -> str:
    """Write rows as Parquet."""
    pq.write_table(pa.Table.from_pylist(rows), path)
    return str(path)


def as_truth(out: Folder) -> list[dict[str, Any]]:
    """The output's own detections as the truth about it."""
    rows: list[dict[str, Any]] = read(out.uri).detections.to_table().to_pylist()
    return [{**row, "ignore": False} for row in rows]


def test_an_output_held_against_itself_is_perfect(out: Folder, tmp_path: Path) -> None:
    """Whatever folder the truth's videos are said to lie in; cameras are the files' stems."""
    rows = [{**row, "uri": f"elsewhere{row['uri'][8:]}"} for row in as_truth(out)]
    scene = gather(read(out.uri), read_truth(written(tmp_path / "truth.parquet", rows)))
    assert scene.labels == ("car", "dog", "person")
    assert (len(scene), scene.videos, scene.light) == (6, 2, None)
    evaluation = evaluate_scene(scene)
    assert evaluation.overall.ap == pytest.approx(1)
    assert evaluation.overall.objects == 6
    assert list(evaluation.by_camera) == ["north", "south"]


def test_truth_of_other_frames_and_detections_of_other_labels_are_left_out(
    out: Folder, tmp_path: Path
) -> None:
    """And counted; so is a video without truth."""
    rows = [row for row in as_truth(out) if "north" in row["uri"] and row["label"] != "dog"]
    elsewhere = [{**rows[0], "frame": 99}, {**rows[0], "uri": "/archive/west.mp4"}]
    truth = read_truth(written(tmp_path / "truth.parquet", rows + elsewhere))
    scene = gather(read(out.uri), truth)
    assert (len(scene), len(scene.truth), len(scene.detections)) == (3, 2, 2)
    assert (scene.left_out.videos, scene.left_out.truth) == (1, 2)
    assert scene.left_out.detections == {"dog": 1}


def test_light_and_camera_come_from_the_truth(out: Folder, tmp_path: Path) -> None:
    """A frame without objects has the light of the one before it, else of the one after."""
    rows = [row for row in as_truth(out) if row["frame"] == 1 or "south" in row["uri"]]
    for row in rows:
        row["camera"] = "gate" if "north" in row["uri"] else None
        row["light"] = "night" if row["frame"] == 2 else "day"
    scene = gather(read(out.uri), read_truth(written(tmp_path / "truth.parquet", rows)))
    assert scene.camera.tolist() == ["gate"] * 3 + ["south"] * 3
    assert scene.light is not None
    assert scene.light.tolist() == ["day", "day", "day", "day", "day", "night"]


def test_a_partition_column_names_the_camera(tmp_path: Path) -> None:
    """The column taken from the path when the job ran."""
    folder = Folder(str(tmp_path / "out"))
    pattern = r"/(?P<camera>[^/]+)/[^/]+$"
    claim(folder, JOB, output_schemas(JOB.table, DETECTIONS, pattern))
    uri = "/archive/gate-7/0001.mp4"
    builder = PartBuilder(JOB.table, DETECTIONS, pattern)
    builder.add_batch(batch_of(uri, range(2)), detections_of([0, 1], [0, 1]))
    interval = Interval(uri, "v1", 0, 1024)
    lease = LeaseNames(JOB.digest, begun(folder).manifest.epoch)([interval])
    writer = table_of(folder).writer(ORIGIN, "npu-0")
    writer.commit(lease, [interval], builder.tables(), builder.tally(), 1000)
    scene = gather(read(folder.uri), read_truth(f"{folder.uri}/detections"))
    assert scene.camera.tolist() == ["gate-7", "gate-7"]


def test_truth_in_several_files_is_one(out: Folder, tmp_path: Path) -> None:
    """A folder of Parquet; what begins with a dot or _ does not count; ignore may be missing."""
    rows = as_truth(out)
    folder = tmp_path / "truth"
    folder.mkdir()
    written(folder / "1.parquet", rows[:2])
    written(
        folder / "2.parquet", [{k: v for k, v in row.items() if k != "ignore"} for row in rows[2:]]
    )
    (folder / "_schema.parquet").write_text("nothing")
    table = read_truth(str(folder))
    assert len(table) == 6
    assert table["ignore"].to_pylist() == [False] * 6


def test_other_archives_are_refused(out: Folder, tmp_path: Path) -> None:
    """Neither video is in the output."""
    rows = [{**row, "uri": f"{row['uri']}.mkv"} for row in as_truth(out)]
    with pytest.raises(UsageError, match="different archives"):
        gather(read(out.uri), read_truth(written(tmp_path / "truth.parquet", rows)))


def test_truth_of_frames_that_were_not_looked_at_is_refused(out: Folder, tmp_path: Path) -> None:
    """The same videos, but not one frame in common."""
    rows = [{**row, "frame": row["frame"] + 100} for row in as_truth(out)]
    with pytest.raises(UsageError, match="No frame of the truth"):
        gather(read(out.uri), read_truth(written(tmp_path / "truth.parquet", rows)))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"label": None}, "label of .* is null in 6 rows"),
        ({"x2": -5.0}, "6 boxes of the truth .* have no area"),
        ({"frame": "first"}, "frame of .* is string, not int64"),
        ({"ignore": None}, "ignore of .* is null"),
    ],
)
def test_what_is_no_truth_is_refused(
    out: Folder, tmp_path: Path, change: dict[str, Any], said: str
) -> None:
    """With the column that is wrong."""
    rows = [{**row, **change} for row in as_truth(out)]
    with pytest.raises(UsageError, match=said):
        read_truth(written(tmp_path / "truth.parquet", rows))


def test_a_truth_that_is_not_there_or_not_parquet_is_refused(out: Folder, tmp_path: Path) -> None:
    """A missing file, an empty folder, a text, a table of other columns."""
    (tmp_path / "text.parquet").write_text("uri,frame,label")
    rows = [{"uri": row["uri"], "box": 1} for row in as_truth(out)]
    other = written(tmp_path / "other.parquet", rows)
    for uri, said in [
        (str(tmp_path / "none.parquet"), "does not exist"),
        (str(tmp_path / "none"), "no .parquet file"),
        (str(tmp_path / "text.parquet"), "is not Parquet"),
        (other, "has no column frame, label, x1, y1, x2, y2"),
    ]:
        with pytest.raises(UsageError, match=said):
            read_truth(uri)
