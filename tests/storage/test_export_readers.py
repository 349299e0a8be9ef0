"""Exports as the tools themselves read them, where these are installed; Fleet does without them.

COCO is read by pycocotools in `test_export_formats.py`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from export_truth import Found, Truth, check, close, in_picture
from scattered import LABELS

from fleet.core.frames import Picture
from fleet.export.chosen.choice import Choice
from fleet.export.picture_job import PNG
from fleet.export.run import Exporting, export_output
from fleet.show.decode import decode_frames
from fleet.show.video import open_recorded


def reader(name: str) -> Any:
    """Return a module of a tool, which Fleet does not depend on."""
    return pytest.importorskip(name, reason=f"{name} is no part of Fleet; pip installs it")


def exported(truth: Truth, out: Path, form: str) -> None:
    """Export everything, with pictures that keep each bit."""
    export_output(truth.output, str(out), Exporting(form, Choice(), pictures=True, suffix=PNG))


def source_frames(truth: Truth) -> dict[tuple[str, int], np.ndarray]:
    """The frames that were looked at, as `fleet show` decodes them before it draws."""
    found = {}
    for uri in truth.sizes:
        video = open_recorded(truth.output, uri)
        wanted = np.zeros(len(video.index.order), np.bool_)
        wanted[[frame for of, frame in truth.frames if of == uri]] = True
        for frame in decode_frames(video.index, wanted, video.chip, Picture.rgb):
            found[uri, frame.frame] = frame.made
    return found


@pytest.mark.parametrize("form", ["yolo", "coco"])
def test_supervision_reads_boxes_and_pictures(truth: Truth, tmp_path: Path, form: str) -> None:
    """Of YOLO, whose boxes end at the edges, and of COCO; each pixel is that of the source."""
    sv = reader("supervision")
    exported(truth, tmp_path, form)
    if form == "yolo":
        folders = str(tmp_path / "images"), str(tmp_path / "labels")
        dataset = sv.DetectionDataset.from_yolo(*folders, str(tmp_path / "data.yaml"))
    else:
        annotations = tmp_path / "annotations" / "instances_default.json"
        dataset = sv.DetectionDataset.from_coco(str(tmp_path / "images"), str(annotations))
    assert dataset.classes == list(LABELS)
    pixels = source_frames(truth)
    seen = set()
    for path, image, boxes in dataset:
        place = Path(path)
        (key,) = (
            key
            for key, rgb in pixels.items()
            if f"{key[1]:07}" in place.name
            and Path(key[0]).stem in path
            and np.array_equal(rgb, image[:, :, ::-1])
        )
        found = sorted(
            (LABELS[number], tuple(edges))
            for number, edges in zip(boxes.class_id.tolist(), boxes.xyxy.tolist(), strict=True)
        )
        wanted = in_picture(truth, *key) if form == "yolo" else truth.edges(*key)
        assert close(found, wanted), key
        seen.add(key)
    assert seen == set(truth.frames)


@pytest.mark.filterwarnings("ignore")  # motmetrics is older than the pandas of today
def test_motmetrics_reads_detections_and_tracks(tracked: Truth, tmp_path: Path) -> None:
    """By frames that frames.csv names; a comparison of the tracks with themselves is without fault."""
    mm = reader("motmetrics")
    exported(tracked, tmp_path, "mot")
    total = 0
    for folder in (path.parent for path in tmp_path.glob("*/seqinfo.ini")):
        labels = (folder / "gt" / "labels.txt").read_text().splitlines()
        lines = [line.split(",") for line in (folder / "frames.csv").read_text().splitlines()]
        numbers = {int(line[0]): int(line[lines[0].index("frame")]) for line in lines[1:]}
        (uri,) = (uri for uri in tracked.sizes if folder.name.startswith(Path(uri).stem + "-")
                  and {f for u, f in tracked.frames if u == uri} == set(numbers.values()))  # fmt: skip
        read = mm.io.loadtxt(str(folder / "gt" / "gt.txt"), fmt="mot16", min_confidence=1)
        found: Found = {(uri, frame): [] for frame in numbers.values()}
        for (frame, track), row in read.iterrows():
            assert labels[int(row.ClassId) - 1] == LABELS[track - 1]
            x, y = row.X, row.Y
            box = labels[int(row.ClassId) - 1], (x, y, x + row.Width, y + row.Height)
            found[uri, numbers[frame]].append(box)
        for key, boxes in found.items():
            assert close(sorted(boxes), tracked.edges(*key)), key
            total += len(boxes)
    assert total == sum(map(len, tracked.boxes.values()))


def test_datumaro_reads_cvat(tracked: Truth, tmp_path: Path) -> None:
    """All labels, and the boxes of each picture."""
    datumaro = reader("datumaro")
    exported(tracked, tmp_path, "cvat")
    dataset = datumaro.Dataset.import_from(str(tmp_path), "cvat")
    labels = [label.name for label in dataset.categories()[datumaro.AnnotationType.label]]
    assert labels == list(LABELS)
    items = sorted(dataset, key=lambda item: int(item.attributes["frame"]))
    found: Found = {}
    for item, key in zip(items, sorted(tracked.frames), strict=True):
        found[key] = [(labels[a.label], tuple(a.points)) for a in item.annotations]
    check(tracked, found)


def test_label_studio_takes_tasks_and_predictions(truth: Truth, tmp_path: Path) -> None:
    """By the configuration that is exported with them."""
    interface = reader("label_studio_sdk.label_interface").LabelInterface
    exported(truth, tmp_path, "labelstudio")
    config = interface((tmp_path / "config.xml").read_text())
    config.validate()
    tasks = json.loads((tmp_path / "tasks.json").read_text())
    assert len(tasks) == len(truth.frames)
    for task in tasks:
        predictions = task.pop("predictions")
        assert config.validate_task(task)
        assert predictions
        for prediction in predictions:
            assert config.validate_prediction(prediction, return_errors=True) == []


def test_megadetector_finds_its_results_valid(truth: Truth, tmp_path: Path) -> None:
    """And has the boxes that the table has, from the sides of each video."""
    module = reader("megadetector.postprocessing.validate_batch_results")
    export_output(truth.output, str(tmp_path), Exporting("megadetector"))
    options = module.ValidateBatchResultsOptions()
    options.raise_errors, options.return_data = True, True
    data = module.validate_batch_results(str(tmp_path / "detections.json"), options)
    assert not data["validation_results"]["errors"]
    found: Found = {key: [] for key in truth.frames}
    for entry in data["images"]:
        width, height = truth.sizes[entry["file"]]
        for box in entry["detections"]:
            x, y, w, h = box["bbox"]
            edges = (x * width, y * height, (x + w) * width, (y + h) * height)
            label = data["detection_categories"][box["category"]]
            found[entry["file"], box["frame_number"]].append((label, edges))
    check(truth, found)
