"""Paths, cameras, labels, job names and classes of any text, in every command that meets them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import pytest
import tomli_w
from any_text import ANY_TEXT
from command import fleet_here
from generate import Clip, write

import fleet

EVERYTHING = "".join(ANY_TEXT)
"""Eight scripts, emoji, quotes, newlines and an option, in one name of less than 255 bytes."""
FORMATS = ("coco", "yolo", "mot", "cvat", "labelstudio", "megadetector", "csv", "jsonl")
JOB = """
from dataclasses import dataclass
import numpy as np
from fleet import DETECTIONS, FrameJob, Rows

@dataclass(frozen=True)
class Find(FrameJob):
    word: str
    table = "detections"
    schema = DETECTIONS

    def run(self, opened, batch):
        print(self.word)
        many = len(batch)
        box = {"x1": 4.0, "y1": 4.0, "x2": 60.0, "y2": 50.0, "score": 0.9, "class_id": 0}
        columns = {name: [box[name]] * many for name in box}
        every = np.arange(many, dtype=np.int32)
        return Rows(every, {**columns, "label": [self.word] * many})
"""


@dataclass(frozen=True)
class Place:
    """A job and its output, whose names hold any text."""

    home: Path
    job: Path
    output: Path

    def fleet(self, *words: object) -> str:
        """Run the command in the folder of the job; return what it prints."""
        done = fleet_here(*words, folder=self.home)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A video of each text below a camera of that name, and a run over all of them."""
    home = tmp_path_factory.mktemp("any") / EVERYTHING
    clip = write(Clip(frames=10), tmp_path_factory.mktemp("clip") / "clip.mp4")
    for text in ANY_TEXT:
        camera = home / "in" / f"camera={text}"
        camera.mkdir(parents=True)
        shutil.copyfile(clip, camera / f"{text}.mp4")
    job = home / f"{EVERYTHING}.toml"
    (home / f"{EVERYTHING}.py").write_text(JOB, "utf-8")
    fields = {
        "job": f"{EVERYTHING}.py:Find",
        "input": [str(home / "in").replace("[", "[[]")],
        "output": str(home / "out"),
        "partitions": "camera=(?P<camera>[^/]+)/",
        "job_labels": {EVERYTHING.replace("=", ""): EVERYTHING},
        "params": {"word": EVERYTHING},
    }
    job.write_text(tomli_w.dumps(fields), "utf-8")
    made = Place(home, job, home / "out")
    made.fleet("run", job, "--inline")
    return made


def test_every_row_has_its_texts(place: Place) -> None:
    """As they were given, in rows, videos and records."""
    tables = fleet.read(str(place.output))
    rows = tables.detections.to_table().to_pylist()
    assert {row["camera"] for row in rows} == set(ANY_TEXT)
    assert {row["label"] for row in rows} == {EVERYTHING}
    assert {Path(row["uri"]).stem for row in rows} == set(ANY_TEXT)
    (record,) = (place.output / "_runs").glob("*.json")
    assert EVERYTHING in json.loads(record.read_text("utf-8"))["labels"].values()


LOOKS = {
    "plan": ("plan", "JOB"),
    "status": ("status", "OUT"),
    "top": ("top", "OUT", "--once"),
    "verify": ("verify", "OUT"),
    "deep": ("verify", "OUT", "--deep", "2", "JOB"),
    "index": ("index", f"in/camera={ANY_TEXT[1]}/{ANY_TEXT[1]}.mp4"),
    "trace": ("trace", "OUT", "--out", f"{EVERYTHING}.json"),
    "show": ("show", "OUT", "--uri", f"{ANY_TEXT[0]}.mp4", "--at", "0", "--out", "one.png"),
    "clips": ("clips", "OUT", "--label", EVERYTHING, "--out", f"clips {ANY_TEXT[3]}"),
    "doctor": ("doctor", "--input", "in", "--output", "out"),
    "publish": ("publish", "OUT"),
    "requeue": ("requeue", "OUT"),
    "compact": ("compact", "OUT"),
}


@pytest.mark.parametrize("look", LOOKS)
def test_a_command_says_what_it_says_of_any_text(place: Place, look: str) -> None:
    """It succeeds, without a traceback."""
    named = {"OUT": place.output, "JOB": place.job}
    place.fleet(*(named.get(word, word) for word in LOOKS[look]))


class _Text(HTMLParser):
    """What a page says."""

    def __init__(self) -> None:
        super().__init__()
        self.said = ""

    def handle_data(self, data: str) -> None:
        self.said += data


def test_the_report_says_every_text(place: Place) -> None:
    """Nothing in it is taken for HTML."""
    place.fleet("report", place.output, "--out", f"{EVERYTHING}.html")
    page = (place.home / f"{EVERYTHING}.html").read_text("utf-8")
    parser = _Text()
    parser.feed(page)
    said = " ".join(parser.said.split())
    for text in ANY_TEXT[1:4]:
        assert " ".join(text.split()) in said


@pytest.mark.parametrize("form", FORMATS)
def test_an_export_names_each_video_and_class(place: Place, form: str) -> None:
    """In each form; filtered by a camera of any text."""
    out = place.home / f"{form} {ANY_TEXT[2]}"
    camera = ("--camera", ANY_TEXT[1], "--label", EVERYTHING)
    printed = place.fleet("export", place.output, "--format", form, "--out", out, *camera, "--json")
    assert json.loads(printed)["boxes"] == 10


def test_a_python_that_names_files_in_ascii_alone_says_so(place: Place) -> None:
    """In a sentence, whatever meets the name: the job's module, a folder, an output."""
    ascii_alone = {**os.environ, "LC_ALL": "C", "PYTHONUTF8": "0"}
    (place.home.parent / "job.toml").write_text(tomli_w.dumps({"job": "\u8857.py:Find"}), "utf-8")
    for words in (
        ("run", "job.toml", "--inline", "--input", "in", "--output", "out"),
        ("run", place.job, "--inline"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "fleet.cli", *map(str, words)],
            env=ascii_alone,
            cwd=place.home.parent,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2, done.stderr
        assert "Traceback" not in done.stderr
        assert "set LC_ALL to a locale of UTF-8" in " ".join(done.stderr.split())
