"""Which frames and boxes an export has, and where it goes: in every format alike."""

from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ET
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import yaml
from export_truth import Truth, close, edges_of, exported
from scattered import LABELS, Incomplete, Inside, run_over

import fleet
from fleet.errors import UsageError
from fleet.export.chosen.choice import Choice
from fleet.export.chosen.rows import survey
from fleet.export.formats import FORMATS
from fleet.export.place import MARK
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


def labels_of_mot(folder: Path) -> list[str]:
    """The one list that all sequences have."""
    (text,) = {path.read_text() for path in folder.glob("*/gt/labels.txt")}
    return text.splitlines()


def values(path: Path, tag: str, attribute: str = "") -> list[str]:
    """The texts of the elements of a name, or an attribute of theirs, in an XML."""
    root = ET.parse(path).getroot()  # noqa: S314 - our own
    found = root.iter(tag)
    return [str(e.get(attribute) if attribute else e.findtext("name")) for e in found]


def json_in(path: Path) -> Any:
    """What a file of JSON says."""
    return json.loads(path.read_text())


CLASSES: dict[str, Callable[[Path], list[str]]] = {
    "coco": lambda folder: [
        category["name"]
        for category in json_in(folder / "annotations" / "instances_default.json")["categories"]
    ],
    "yolo": lambda folder: list(
        yaml.safe_load((folder / "data.yaml").read_text())["names"].values()
    ),
    "mot": labels_of_mot,
    "cvat": lambda folder: values(folder / "annotations.xml", "label"),
    "labelstudio": lambda folder: values(folder / "config.xml", "Label", "value"),
    "megadetector": lambda folder: list(
        json_in(folder / "detections.json")["detection_categories"].values()
    ),
}
"""How the classes of a form are read, of each that names them."""


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
    with pytest.raises(UsageError, match="holds another export") as refused:
        exported(truth, tmp_path / "a", "yolo", min_score=0.9, labels=("person", "car"))
    assert str(refused.value) == (
        f"{tmp_path / 'a'} holds another export: --label: not given -> person, car; --min-score: "
        "not given -> 0.9. Name another folder, or delete this one."
    )
    with pytest.raises(UsageError, match=r"another export: format: yolo -> coco\. Name"):
        exported(truth, tmp_path / "a", "coco", min_score=0.9)
    for damaged in ("{", "[]", "3", '{"choice": 1}'):
        (tmp_path / "a" / MARK).write_text(damaged)
        with pytest.raises(UsageError, match=rf"or its {MARK} is damaged\. Name another folder"):
            exported(truth, tmp_path / "a", "yolo")
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


def test_classes_are_those_of_the_output_whatever_is_left_out(truth: Truth) -> None:
    """So that exports of it, to train and to validate with, number them alike."""
    tables = fleet.read(truth.output)
    for choice in (
        Choice(),
        Choice(min_score=0.999),
        Choice(cameras=("2",)),
        Choice(every=5),
        Choice(to_s=Fraction("0.05")),
        *(Choice(uris=(uri,), min_score=0.85) for uri in truth.sizes),
    ):
        assert survey(tables, choice).labels == LABELS
    assert survey(tables, Choice(labels=(LABELS[3], LABELS[0]))).labels == (LABELS[0], LABELS[3])


@pytest.mark.parametrize(("name", "labels_in"), CLASSES.items(), ids=list(CLASSES))
def test_each_form_names_all_classes_also_where_few_boxes_are_chosen(
    truth: Truth, tmp_path: Path, name: str, labels_in: Callable[[Path], list[str]]
) -> None:
    """Those without a box as well; with labels chosen these, and no other."""
    exported(truth, tmp_path / "all", name, min_score=0.97)
    assert labels_in(tmp_path / "all") == list(LABELS)
    exported(truth, tmp_path / "some", name, labels=("person", "Fußgänger"), min_score=0.97)
    assert labels_in(tmp_path / "some") == ["person", "Fußgänger"]
