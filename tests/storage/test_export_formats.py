"""Each format of an export, read back by its tool's rules, against the table that it is made from."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from pycocotools.coco import COCO
from scattered import LABELS, Incomplete, Inside, Scattered, Tracked, archive, run_over

import fleet
from fleet.errors import UsageError
from fleet.export.chosen.choice import Choice
from fleet.export.chosen.rows import survey
from fleet.export.formats import FORMATS
from fleet.export.formats.yolo import set_apart
from fleet.export.run import Exported, Exporting, export_output
from fleet.storage import Folder

Found = dict[tuple[str, int], list[tuple[str, tuple[float, ...]]]]
"""Video and frame -> labels and edges of the boxes that an export has there."""
PX = 0.01
"""How far an edge may lie from where the table has it."""


@dataclass(frozen=True)
class Truth:
    """What the tables say."""

    output: str
    frames: dict[tuple[str, int], dict[str, Any]]
    """Video and frame -> its row in frames/."""
    boxes: dict[tuple[str, int], list[dict[str, Any]]]
    """Video and frame -> its rows in detections/ that have a place."""
    sizes: dict[str, tuple[int, int]]
    """Video -> width and height."""

    def edges(self, uri: str, frame: int) -> list[tuple[str, tuple[float, ...]]]:
        """Label and edges of the boxes of a frame, sorted."""
        return sorted((b["label"], edges_of(b)) for b in self.boxes[uri, frame])


def edges_of(row: dict[str, Any]) -> tuple[float, ...]:
    """The four edges of a row."""
    return tuple(row[name] for name in ("x1", "y1", "x2", "y2"))


def truth_of(output: str) -> Truth:
    """Read the tables of an output whole."""
    tables = fleet.read(output)
    frames = {(row["uri"], row["frame"]): row for row in tables.frames.to_table().to_pylist()}
    boxes: dict[tuple[str, int], list[dict[str, Any]]] = {key: [] for key in frames}
    for row in tables.detections.to_table().to_pylist():
        if all(map(math.isfinite, edges_of(row))):
            boxes[row["uri"], row["frame"]].append(row)
    videos = tables.videos.to_table().to_pylist()
    return Truth(
        tables.uri, frames, boxes, {row["uri"]: (row["width"], row["height"]) for row in videos}
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small archive of three videos, of two cameras."""
    folder = tmp_path_factory.mktemp("export")
    archive(folder / "videos", tmp_path_factory.mktemp("clips"))
    return folder


@pytest.fixture(scope="module")
def truth(home: Path) -> Truth:
    """An output over it, every second frame."""
    report = run_over(home / "videos", str(home / "out"), Scattered())
    assert report.exit_code == 0
    found = truth_of(str(home / "out"))
    assert len(found.frames) == 27
    assert {box["label"] for boxes in found.boxes.values() for box in boxes} == set(LABELS)
    return found


@pytest.fixture(scope="module")
def tracked(home: Path) -> Truth:
    """The same with tracks."""
    assert run_over(home / "videos", str(home / "tracked"), Tracked()).exit_code == 0
    return truth_of(str(home / "tracked"))


def exported(truth: Truth, out: Path, form: str, **choice: Any) -> Exported:
    """Export without pictures."""
    return export_output(truth.output, str(out), Exporting(form, Choice(**choice)))


def close(
    found: list[tuple[str, tuple[float, ...]]], wanted: list[tuple[str, tuple[float, ...]]]
) -> bool:
    """Whether labels and edges are equal, these to PX; both sorted."""
    return [label for label, _ in found] == [label for label, _ in wanted] and all(
        math.isclose(a, b, abs_tol=PX)
        for (_, one), (_, other) in zip(found, wanted, strict=True)
        for a, b in zip(one, other, strict=True)
    )


def check(truth: Truth, found: Found) -> None:
    """Every frame is there, each once, with the table's boxes."""
    assert set(found) == set(truth.frames)
    for key, boxes in found.items():
        assert close(sorted(boxes), truth.edges(*key)), key


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
    """Of the sides, with the picture's address and the configuration of the project."""
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
            boxes.append((value["rectanglelabels"][0], (x, y, x + w, y + h)))
    check(truth, found)
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
def test_what_was_found_inside_boxes_is_exported_too(home: Path, tmp_path: Path, form: str) -> None:
    """The objects; boxes that hold nothing are none."""
    output = str(home / "inside")
    assert run_over(home / "videos", output, Inside()).exit_code == 0
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
    home: Path, tmp_path: Path, form: str
) -> None:
    """In each form; a track that is no number is none of the form's."""
    output = str(tmp_path / "out")
    assert run_over(home / "videos", output, Incomplete()).exit_code == 0
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
