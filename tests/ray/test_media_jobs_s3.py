"""Stills and frames in an object store: on Ray, and by a process that is killed and gone on with."""

from __future__ import annotations

import io
import signal
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from generate import Clip, cached
from object_server import use
from PIL import Image
from s3_server import S3Server

import fleet
from fleet.storage import Folder
from fleet.table.table import Table

ROOT = Path(__file__).parents[2]
STRUCK = ROOT / "tests" / "support" / "struck.py"
BUCKET = "media"
IMAGES, CLIPS, PICTURES = 16, 3, 10


def fill(folder: Folder, tmp_path: Path) -> None:
    """Put images and clips of different pictures."""
    for number in range(IMAGES):
        noise = np.random.default_rng(number).integers(0, 255, (9, 12, 3), np.uint8)
        file = io.BytesIO()
        Image.fromarray(noise).resize((321, 243)).save(file, "JPEG")
        folder.put(f"images/{number:02}.jpg", file.getvalue())
    clip = cached(Clip(frames=20), tmp_path).read_bytes()
    for number in range(CLIPS):
        folder.put(f"videos/{number}.mp4", clip)


def settings(place: str, kind: str, output: str) -> dict[str, Any]:
    """What is asked of a job, in short leases."""
    return {"input": f"{place}/{kind}", "output": f"{place}/{output}", "lease_s": 0.05}


def rows(output: str, table: str) -> list[dict[str, Any]]:
    """The rows of a table, in order."""
    found = fleet.read(output).table(table).to_table().to_pylist()
    return sorted(found, key=lambda row: (str(row["uri"]), int(row["frame"])))


def struck(job: Path, fields: dict[str, Any], nth: int) -> subprocess.CompletedProcess[str]:
    """Run a job in a process of its own, which is killed before its change of that number."""
    words = [str(nth), str(int(signal.SIGKILL)), "run", str(job), "--inline", "--devices", "1"]
    named = [word for key, value in fields.items() for word in ("--set", f"{key}={value}")]
    command = [sys.executable, str(STRUCK), *words, *named]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


@pytest.mark.parametrize(
    ("name", "kind", "table", "count"),
    [
        ("stills", "images", "stills", IMAGES),
        ("frames", "videos", "pictures", CLIPS * PICTURES),
    ],
)
def test_a_run_that_is_killed_is_gone_on_with(
    name: str,
    kind: str,
    table: str,
    count: int,
    seaweed: S3Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The rows, and the objects that they name, are those of a run on Ray that nobody killed."""
    seaweed.make_bucket(BUCKET)
    use(seaweed, monkeypatch)
    place = f"s3://{BUCKET}/{uuid.uuid4()}"
    folder, job = Folder(place), ROOT / "jobs" / f"{name}.toml"
    fill(folder, tmp_path)
    whole = fleet.load_job(job, {**settings(place, kind, "whole"), "devices": 2})
    assert fleet.run(whole, on="ray").exit_code == 0
    wanted = rows(whole.output, table)
    assert len(wanted) == count

    changes = int(struck(job, settings(place, kind, "counted"), 0).stdout.splitlines()[-1])
    killed = struck(job, settings(place, kind, "out"), changes * 2 // 3)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    output = f"{place}/out"
    put = {entry.name for entry in folder.list("out/objects/")}
    assert put
    assert len(rows(output, table)) < count

    again = fleet.load_job(job, {**settings(place, kind, "out"), "devices": 1})
    assert fleet.run(again, on="inline").exit_code == 0
    assert rows(output, table) == wanted
    named = {f"out/{row['jpeg']}" for row in wanted}
    assert put | {entry.name for entry in folder.list("out/objects/")} == named
    assert Table.open(output).verify().proven
    assert fleet.run(again, on="inline").leases == 0
