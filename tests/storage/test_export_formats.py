"""Each format of an export, read back by its tool's rules, against the table that it is made from."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from export_truth import Found, Truth, check, close, edges_of, exported, in_picture
from pycocotools.coco import COCO
from scattered import LABELS

from fleet.export.chosen.choice import Choice
from fleet.export.formats import FORMATS
from fleet.export.formats.yolo import set_apart
from fleet.export.run import Exporting, export_output


def test_coco_is_what_pycocotools_reads(truth: Truth, tmp_path: Path) -> None:
    """Ids from 1, categories in the order of the model, left, top, width, height; no frame missing."""
    done = exported(truth, tmp_path / "coco", "coco")
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(tmp_path / "coco" / "annotations" / "instances_default.json"))
        results = coco.loadRes([{**a} for a in coco.dataset["annotations"]])
    assert [c["name"] for c in coco.loadCats(coco.getCatIds())] == list(LABELS)
    assert min(coco.getImgIds()) == min(coco.getAnnIds()) == min(coco.getCatIds()) == 1
    names = {c["id"]: c["name"] for c in coco.dataset["categories"]}
    found: Found = {}
    for image in coco.loadImgs(coco.getImgIds()):
        assert (image["width"], image["height"]) == truth.sizes[image["uri"]]
        boxes: list[tuple[str, tuple[float, ...]]] = []
        for a in coco.loadAnns(coco.getAnnIds(image["id"])):
            x, y, w, h = a["bbox"]
            boxes.append((names[a["category_id"]], (x, y, x + w, y + h)))
        found[image["uri"], image["frame"]] = boxes
    check(truth, found)
    assert len({image["file_name"] for image in coco.dataset["images"]}) == len(found)
    assert done.boxes == len(coco.getAnnIds()) == len(results.getAnnIds())
    assert done.left_out > 0
    scores = sorted(a["score"] for a in coco.dataset["annotations"])
    wanted = sorted(b["score"] for boxes in truth.boxes.values() for b in boxes)
    assert scores == pytest.approx(wanted, abs=1e-6)


def test_yolo_has_a_text_a_picture_with_shares_of_its_sides(truth: Truth, tmp_path: Path) -> None:
    """Classes from 0; boxes are cut at the edges, and those outside are left out."""
    exported(truth, tmp_path, "yolo")
    yaml = pytest.importorskip("yaml")
    data = yaml.safe_load((tmp_path / "data.yaml").read_text())
    assert data["names"] == dict(enumerate(LABELS))
    listed = (tmp_path / data["train"]).read_text().split()
    assert len(listed) == len(truth.frames) == len(list((tmp_path / "labels").iterdir()))
    numbers: Counter[int] = Counter()
    total = 0
    for image in listed:
        # As Ultralytics finds them.
        text = tmp_path / image.replace("/images/", "/labels/").replace(".jpg", ".txt")
        for line in text.read_text().splitlines():
            number, *shares = line.split()
            cx, cy, w, h = map(float, shares)
            assert all(0 <= share <= 1 for share in (cx, cy, w, h))
            numbers[int(number)] += 1
            total += 1
    inside = [
        box
        for (uri, _), boxes in truth.boxes.items()
        for box in boxes
        if _visible(box, *truth.sizes[uri])
    ]
    assert total == len(inside)
    assert numbers == Counter(LABELS.index(box["label"]) for box in inside)


def _visible(box: dict[str, Any], width: int, height: int) -> bool:
    return bool(box["x1"] < width and box["x2"] > 0 and box["y1"] < height and box["y2"] > 0)


def test_shares_of_yolo_lead_back_to_the_edges(truth: Truth, tmp_path: Path) -> None:
    """To 0.01 pixel, in the frame that the name of the text says."""
    exported(truth, tmp_path, "yolo", uris=("**/cam1/*",))
    texts = sorted((tmp_path / "labels").iterdir())
    assert texts
    (uri,) = {uri for uri, _ in truth.frames if "cam1" in uri}
    width, height = truth.sizes[uri]
    for text in texts:
        frame = int(text.stem.rpartition("_")[2])
        found = []
        for line in text.read_text().splitlines():
            number, *shares = line.split()
            cx, cy, w, h = map(float, shares)
            edges = (
                (cx - w / 2) * width,
                (cy - h / 2) * height,
                (cx + w / 2) * width,
                (cy + h / 2) * height,
            )
            found.append((LABELS[int(number)], edges))
        wanted = [
            (label, _cut(edges, width, height))
            for label, edges in truth.edges(uri, frame)
            if _visible(dict(zip(("x1", "y1", "x2", "y2"), edges, strict=True)), width, height)
        ]
        assert close(sorted(found), sorted(wanted))


def _cut(edges: tuple[float, ...], width: int, height: int) -> tuple[float, ...]:
    x1, y1, x2, y2 = edges
    return max(x1, 0), max(y1, 0), min(x2, width), min(y2, height)


@pytest.mark.parametrize(
    ("count", "share", "apart"), [(10, 0.2, 2), (2, 0.01, 1), (2, 0.9, 1), (1, 0.5, 0), (5, 0, 0)]
)
def test_whole_videos_are_set_apart(count: int, share: float, apart: int) -> None:
    """So that no frame to validate with is the neighbour of one to train with."""
    videos = [f"/videos/{n}.mp4" for n in range(count)]
    assert len(set_apart(videos, share)) == apart
    assert set_apart(videos, share) == set_apart(videos[::-1], share)


def test_yolo_lists_what_is_set_apart_by_itself(truth: Truth, tmp_path: Path) -> None:
    """The two lists share no video, and together have every frame."""
    export_output(truth.output, str(tmp_path), Exporting("yolo", val_share=0.3))
    assert "val: val.txt\n" in (tmp_path / "data.yaml").read_text()
    lists = [(tmp_path / name).read_text().split() for name in ("train.txt", "val.txt")]
    videos = [{line.rpartition("_")[0] for line in lines} for lines in lists]
    assert not videos[0] & videos[1]
    assert sum(map(len, lists)) == len(truth.frames)


def sequences(folder: Path) -> Iterator[tuple[dict[str, str], list[dict[str, str]], Path]]:
    """The sequences of MOT: what is said of each, its frames, its folder."""
    for ini in sorted(folder.glob("*/seqinfo.ini")):
        head, *lines = ini.read_text().splitlines()
        assert head == "[Sequence]"
        facts = dict(line.split("=", 1) for line in lines)
        with (ini.parent / "frames.csv").open(newline="") as file:
            yield facts, list(csv.DictReader(file)), ini.parent


def test_mot_counts_frames_and_pixels_from_one(truth: Truth, tmp_path: Path) -> None:
    """Frames without gaps; frames.csv says which ones they are."""
    exported(truth, tmp_path, "mot")
    found: Found = {}
    for facts, frames, folder in sequences(tmp_path):
        assert [int(f["number"]) for f in frames] == list(range(1, int(facts["seqLength"]) + 1))
        keys = [(int(f["frame"]), int(f["pts"])) for f in frames]
        (uri,) = {
            uri
            for uri, _ in truth.frames
            if [(n, truth.frames[u, n]["pts"]) for u, n in sorted(truth.frames) if u == uri] == keys
        }
        assert (int(facts["imWidth"]), int(facts["imHeight"])) == truth.sizes[uri]
        labels = (folder / "gt" / "labels.txt").read_text().splitlines()
        for number, _ in keys:
            found[uri, number] = []
        for line in (folder / "det" / "det.txt").read_text().splitlines():
            place, track, x, y, w, h, _, label, *rest = map(float, line.split(","))
            assert (track, rest) == (-1, [-1, -1])
            edges = (x - 1, y - 1, x - 1 + w, y - 1 + h)
            found[uri, keys[int(place) - 1][0]].append((labels[int(label) - 1], edges))
    check(truth, found)
    assert not list(tmp_path.glob("*/gt/gt.txt"))


def test_mot_has_the_tracks_of_a_table_counted_from_one(tracked: Truth, tmp_path: Path) -> None:
    """As many as there are boxes with a place."""
    exported(tracked, tmp_path, "mot")
    lines = [
        line.split(",")
        for path in tmp_path.glob("*/gt/gt.txt")
        for line in path.read_text().splitlines()
    ]
    rows = [box for boxes in tracked.boxes.values() for box in boxes]
    assert len(lines) == len(rows)
    assert Counter(int(line[1]) - 1 for line in lines) == Counter(row["track_id"] for row in rows)
    assert all(line[6] == line[8] == "1" for line in lines)


def test_cvat_has_an_image_a_frame_and_declares_its_labels(tracked: Truth, tmp_path: Path) -> None:
    """Images from 0; four edges; scores and tracks as attributes."""
    exported(tracked, tmp_path, "cvat")
    root = ET.parse(tmp_path / "annotations.xml").getroot()  # noqa: S314 - our own
    assert root.findtext("version") == "1.1"
    assert [label.findtext("name") for label in root.iter("label")] == list(LABELS)
    images = root.findall("image")
    assert [image.get("id") for image in images] == [str(n) for n in range(len(tracked.frames))]
    keys = sorted(tracked.frames)
    found: Found = {}
    for image, key in zip(images, keys, strict=True):
        assert f"/{key[1]:07}.jpg" in str(image.get("name"))
        assert Path(key[0]).stem in str(image.get("name"))
        found[key] = [
            (
                str(box.get("label")),
                tuple(float(str(box.get(edge))) for edge in ("xtl", "ytl", "xbr", "ybr")),
            )
            for box in image.findall("box")
        ]
        for box in image.findall("box"):
            assert {a.get("name") for a in box.findall("attribute")} == {"score", "track"}
    check(tracked, found)
    labels = json.loads((tmp_path / "labels.json").read_text())
    assert [label["name"] for label in labels] == list(LABELS)


def test_label_studio_gets_predictions_in_hundredths(truth: Truth, tmp_path: Path) -> None:
    """Of the sides, as far as boxes lie in the picture: Label Studio refuses what lies outside."""
    exported(truth, tmp_path, "labelstudio")
    found: Found = {}
    for task in json.loads((tmp_path / "tasks.json").read_text()):
        data = task["data"]
        assert data["image"].startswith("/data/local-files/?d=images/")
        width, height = truth.sizes[data["uri"]]
        boxes = found[data["uri"], data["frame"]] = []
        for region in task["predictions"][0]["result"]:
            value = region["value"]
            assert (region["original_width"], region["original_height"]) == (width, height)
            x, y = value["x"] * width / 100, value["y"] * height / 100
            w, h = value["width"] * width / 100, value["height"] * height / 100
            assert min(value["x"], value["y"]) >= 0
            assert max(value["x"] + value["width"], value["y"] + value["height"]) <= 100.00001
            boxes.append((value["rectanglelabels"][0], (x, y, x + w, y + h)))
    assert set(found) == set(truth.frames)
    for key, boxes in found.items():
        assert close(sorted(boxes), in_picture(truth, *key)), key
    config = ET.parse(tmp_path / "config.xml").getroot()  # noqa: S314 - our own
    assert [label.get("value") for label in config.iter("Label")] == list(LABELS)


def test_megadetector_has_an_entry_a_video_whose_boxes_name_their_frames(
    truth: Truth, tmp_path: Path
) -> None:
    """Frames from 0, categories from 1, shares of the sides; frames without a box are listed too."""
    exported(truth, tmp_path, "megadetector")
    data = json.loads((tmp_path / "detections.json").read_text())
    assert float(data["info"]["format_version"]) >= 1.5
    names = data["detection_categories"]
    assert list(names) == [str(n) for n in range(1, len(LABELS) + 1)]
    found: Found = {}
    for entry in data["images"]:
        uri = entry["file"]
        width, height = truth.sizes[uri]
        assert entry["frame_rate"] > 0
        found |= {(uri, number): [] for number in entry["frames_processed"]}
        for d in entry["detections"]:
            x, y, w, h = d["bbox"]
            edges = (x * width, y * height, (x + w) * width, (y + h) * height)
            found[uri, d["frame_number"]].append((names[d["category"]], edges))
    check(truth, found)


def test_csv_and_json_lines_have_the_columns_of_the_tables(tracked: Truth, tmp_path: Path) -> None:
    """Times, cameras and tracks among them; numbers read back are those of the table."""
    exported(tracked, tmp_path / "csv", "csv")
    exported(tracked, tmp_path / "jsonl", "jsonl")
    with (tmp_path / "csv" / "frames.csv").open(newline="") as file:
        frames = list(csv.DictReader(file))
    found: Found = {(row["uri"], int(row["frame"])): [] for row in frames}
    with (tmp_path / "csv" / "detections.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            edges = tuple(float(row[name]) for name in ("x1", "y1", "x2", "y2"))
            found[row["uri"], int(row["frame"])].append((row["label"], edges))
            assert int(row["track"]) == int(row["class_id"])
    check(tracked, found)
    for row in frames:
        frame = tracked.frames[row["uri"], int(row["frame"])]
        assert row["time"] == frame["time"].isoformat()
        assert row["camera"] == frame["camera"]
        assert float(row["time_s"]) == frame["time_s"]
    lines = [json.loads(x) for x in (tmp_path / "jsonl" / "frames.jsonl").read_text().splitlines()]
    check(
        tracked,
        {(x["uri"], x["frame"]): [(b["label"], edges_of(b)) for b in x["boxes"]] for x in lines},
    )
    assert {line["image"] for line in lines} == {row["image"] for row in frames}


@pytest.mark.parametrize("form", FORMATS)
def test_an_output_whose_name_is_no_utf_8_is_exported(
    truth: Truth, tmp_path: Path, form: str
) -> None:
    """Files are UTF-8 all the same, with an escape for each byte of the name that is none."""
    odd = tmp_path / os.fsdecode(b"caf\xe9")
    shutil.copytree(truth.output, odd)
    export_output(str(odd), str(tmp_path / "out"), Exporting(form, Choice()))
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    texts = [path.read_text("utf-8") for path in files if path.suffix != ".parquet"]
    assert texts
    if form == "coco":
        assert any(r"/caf\\udce9, job " in text for text in texts)
