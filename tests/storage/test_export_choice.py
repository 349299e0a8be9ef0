"""Which frames and boxes an export has, and where it goes: in every format alike."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from export_truth import Truth, close, edges_of, exported
from scattered import Incomplete, Inside, run_over

import fleet
from fleet.errors import UsageError
from fleet.export.chosen.choice import Choice
from fleet.export.chosen.rows import survey
from fleet.export.formats import FORMATS
from fleet.export.run import Exporting, export_output
from fleet.storage import Folder

CHOICES: dict[
    str, tuple[dict[str, Any], Callable[[dict[str, Any]], bool], Callable[[dict[str, Any]], bool]]
] = {
    "label": (
        {"labels": ("person", "Fußgänger")},
        lambda _: True,
        lambda b: b["label"] in {"person", "Fußgänger"},
    ),
    "score": ({"min_score": 0.5}, lambda _: True, lambda b: b["score"] >= 0.5),
    "camera": ({"cameras": ("2",)}, lambda f: f["camera"] == "2", lambda _: True),
    "uri": ({"uris": ("*.mov",)}, lambda f: f["uri"].endswith(".mov"), lambda _: True),
    "from": (
        {"from_s": Fraction("0.16"), "to_s": Fraction("0.5")},
        lambda f: 0.16 <= f["time_s"] < 0.5,
        lambda _: True,
    ),
}


@pytest.mark.parametrize("name", CHOICES)
def test_a_choice_leaves_out_what_it_says(truth: Truth, tmp_path: Path, name: str) -> None:
    """Frames by cameras, names and times; boxes by labels and scores, of frames that stay."""
    choice, has_frame, has_box = CHOICES[name]
    exported(truth, tmp_path, "jsonl", **choice)
    lines = [json.loads(line) for line in (tmp_path / "frames.jsonl").read_text().splitlines()]
    found = {(x["uri"], x["frame"]): [(b["label"], edges_of(b)) for b in x["boxes"]] for x in lines}
    wanted = {key for key, row in truth.frames.items() if has_frame(row)}
    assert set(found) == wanted
    assert len(wanted) < len(truth.frames) or name in {"label", "score"}
    for key in wanted:
        boxes = sorted((b["label"], edges_of(b)) for b in truth.boxes[key] if has_box(b))
        assert close(sorted(found[key]), boxes)


def test_each_third_frame_is_counted_over_those_that_were_looked_at(
    truth: Truth, tmp_path: Path
) -> None:
    """In each video from its first one; and the wall clock chooses as the table says."""
    exported(truth, tmp_path / "every", "jsonl", every=3)
    lines = (tmp_path / "every" / "frames.jsonl").read_text().splitlines()
    found = [(row["uri"], row["frame"]) for row in map(json.loads, lines)]
    keys = sorted(truth.frames)
    wanted = []
    for uri in sorted(truth.sizes):
        wanted += [key for key in keys if key[0] == uri][::3]
    assert found == wanted
    times = sorted(row["time"] for row in truth.frames.values())
    since, until = times[3], times[-3]
    exported(truth, tmp_path / "time", "jsonl", since=since, until=until)
    lines = (tmp_path / "time" / "frames.jsonl").read_text().splitlines()
    inside = {key for key, row in truth.frames.items() if since <= row["time"] < until}
    assert {(row["uri"], row["frame"]) for row in map(json.loads, lines)} == inside


def test_frames_without_a_chosen_box_stay_away_on_request(truth: Truth, tmp_path: Path) -> None:
    """Of frames with one, all are there."""
    exported(truth, tmp_path, "jsonl", labels=("person",), found_only=True)
    lines = [json.loads(line) for line in (tmp_path / "frames.jsonl").read_text().splitlines()]
    wanted = {
        key for key, boxes in truth.boxes.items() if any(box["label"] == "person" for box in boxes)
    }
    assert {(line["uri"], line["frame"]) for line in lines} == wanted


def test_videos_that_are_read_in_small_groups_come_out_the_same(
    truth: Truth, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many rows are read at once; and from packs as from the parts of leases."""
    exported(truth, tmp_path / "one", "coco")
    monkeypatch.setattr("fleet.export.chosen.rows.ROWS_AT_ONCE", 1)
    exported(truth, tmp_path / "two", "coco")
    files = [
        (tmp_path / n / "annotations" / "instances_default.json").read_bytes()
        for n in ("one", "two")
    ]
    assert files[0] == files[1]


@pytest.mark.parametrize("form", ["coco", "csv"])
def test_what_was_found_inside_boxes_is_exported_too(
    export_home: Path, tmp_path: Path, form: str
) -> None:
    """The objects; boxes that hold nothing are none."""
    output = str(export_home / "inside")
    assert run_over(export_home / "videos", output, Inside()).exit_code == 0
    done = export_output(output, str(tmp_path), Exporting(form))
    assert done.boxes == done.frames == 27
    text = "".join(path.read_text() for path in tmp_path.rglob("*.*"))
    assert "plate" in text
    assert "car" not in text.replace("cam", "")


@pytest.mark.parametrize("form", FORMATS)
def test_the_same_export_again_writes_the_same(truth: Truth, tmp_path: Path, form: str) -> None:
    """Each file, to the byte; every one of them is put through the same door."""
    exported(truth, tmp_path, form)
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert len(before) > 1
    exported(truth, tmp_path, form)
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before


def test_another_choice_does_not_mix_with_what_is_there(truth: Truth, tmp_path: Path) -> None:
    """Nor does a folder that holds something else, or the output itself."""
    exported(truth, tmp_path / "a", "yolo")
    with pytest.raises(UsageError, match="holds another export"):
        exported(truth, tmp_path / "a", "yolo", min_score=0.9)
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "mine.txt").write_text("mine")
    with pytest.raises(UsageError, match="holds something else"):
        exported(truth, tmp_path / "b", "yolo")
    with pytest.raises(UsageError, match="lies in the output"):
        exported(truth, Path(truth.output) / "exported", "yolo")


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ({"labels": ("person",), "from_s": Fraction(10**6)}, "No frame"),
        ({"min_score": 1.5}, "no score"),
        ({"labels": ("person", "persn")}, "has found no persn. It has found .*person"),
        ({"every": 0}, "takes nothing"),
        ({"from_s": Fraction(2), "to_s": Fraction(1)}, "--to 1 is not after --from 2"),
        ({"uris": ("",)}, "a glob is not empty"),
    ],
)
def test_a_choice_of_nothing_is_refused(
    truth: Truth, tmp_path: Path, choice: dict[str, Any], said: str
) -> None:
    """Before anything is written."""
    with pytest.raises(UsageError, match=said):
        exported(truth, tmp_path / "new", "coco", **choice)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("kind", ["memory", "seaweed"])
def test_an_export_goes_to_an_object_store_as_to_a_disk(
    truth: Truth, tmp_path: Path, place: Callable[[str], str], kind: str
) -> None:
    """File by file the same, but for what names the place."""
    exported(truth, tmp_path, "coco")
    folder = Folder(place(kind))
    export_output(truth.output, folder.uri, Exporting("coco"))
    there = {entry.name: folder.read(entry.name) for entry in folder.list()}
    here = {
        str(p.relative_to(tmp_path)): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()
    }
    assert there == here


@pytest.mark.parametrize("form", FORMATS)
def test_boxes_that_lack_a_number_are_left_out_and_counted(
    export_home: Path, tmp_path: Path, form: str
) -> None:
    """In each form; a track that is no number is none of the form's."""
    output = str(tmp_path / "out")
    assert run_over(export_home / "videos", output, Incomplete()).exit_code == 0
    done = export_output(output, str(tmp_path / "in_form"), Exporting(form))
    rows = fleet.read(output).detections.to_table().to_pylist()
    needed = ("score", "class_id", "x1", "y1", "x2", "y2")
    whole = [
        row
        for row in rows
        if all(row[name] is not None and math.isfinite(row[name]) for name in needed)
    ]
    assert 0 < done.boxes == len(whole) < len(rows) == done.boxes + done.left_out


def test_labels_are_those_of_the_videos_that_are_chosen(truth: Truth) -> None:
    """A class that other videos alone have would be one without a box, and shift the numbers."""
    tables, told = fleet.read(truth.output), []
    rows = tables.detections.to_table(columns=["uri", "label", "score"]).to_pylist()
    for chosen in {uri for uri, _ in truth.frames}:
        wanted = {r["label"] for r in rows if r["uri"] == chosen and r["score"] >= 0.85}
        told.append(survey(tables, Choice(uris=(chosen,), min_score=0.85)).labels)
        assert set(told[-1]) == wanted
    assert len(set(told)) > 1
