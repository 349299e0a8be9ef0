"""`make prove-report`: the page of an archive, not of an example.

A made-up output of 3,000 videos, 60 cameras and 2 million boxes of 80 labels, one of its videos and
one of its labels called as no page should have to bear: its report is made in less than 60 s and
1 GB, as a process of its own, has less than 8 MB, says as many rows as the table has, and opens in
Chromium in less than 2 s without a request or a word on the console. Ends with 1 where a bound does
not hold.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import numpy as np
from browser import browser
from devtools import opened
from exact import index_of
from made_up import JOB, ORIGIN, batch_of, closed, table_of
from recorded import HOSTILE, write_grays

import fleet
from fleet.core.frames import Detections
from fleet.core.interval import Interval, LeaseNames
from fleet.storage import Folder, expand
from fleet.table.parts.builder import PartBuilder
from fleet.table.parts.schema import DETECTIONS, output_schemas
from fleet.table.state.ownership import claim
from fleet.table.state.video_manifest import Video, write_videos
from fleet.video.index import VideoIndex

VIDEOS, ROWS, CAMERAS, DEVICES, FRAMES = 3_000, 2_000_000, 60, 100, 40
LABELS = (HOSTILE, *(f"label {number}" for number in range(79)))
PATTERN = "(?P<camera>camera-[0-9]+)"
MOST_S, MOST_BYTES, MOST_PAGE_BYTES, MOST_OPEN_S = 60.0, 10**9, 8_000_000, 2.0
VIDEO_S = 4.0
MEASURED = """
import atexit, re, time
from fleet.cli import main

def tell():
    # Not ru_maxrss, which begins with what the process held that started this one.
    print(time.process_time(), re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1])

atexit.register(tell)
main()
"""


def _places(folder: Path) -> Iterator[Path]:
    """Yield where the videos lie; the first one has the name that no page should have to bear."""
    for number in range(VIDEOS):
        camera = folder / f"camera-{number % CAMERAS:02}"
        name = f"clip-{number:05}.mp4"
        yield camera / "<script>alert(1)<" / "script>&\"'.mp4" if number == 0 else camera / name


def make_output(folder: Path) -> Folder:
    """Commit a lease a video, each of the same pictures; rows fall where chance has them."""
    clip = write_grays(folder / "clip.mp4")
    index = index_of(clip)
    job = replace(JOB, fields={**JOB.fields, "soc": "Ascend310", "partitions": PATTERN})
    out = Folder(str(folder / "out"))
    claim(out, job, output_schemas(JOB.table, DETECTIONS, PATTERN))
    table, chance = table_of(out, job), np.random.default_rng(1)
    names = LeaseNames(JOB.digest, table.begin_epoch({}).manifest.epoch)
    counts = np.diff(np.linspace(0, ROWS, VIDEOS + 1).astype(int)).tolist()
    listed = []
    for number, (place, count) in enumerate(zip(_places(folder), counts, strict=True)):
        place.parent.mkdir(parents=True, exist_ok=True)
        os.link(clip, place)
        (source,) = expand([str(place)]).sources
        builder = _rows(source.uri, index, count, chance)
        interval = Interval(source.uri, source.etag, 0, int(index.bounds[-1]))
        tally = replace(builder.tally(), wall_s=3.0, video_s=VIDEO_S)
        writer = table.writer(ORIGIN, f"npu/{number % DEVICES}")
        writer.commit(names([interval]), [interval], builder.tables(), tally, 1000)
        end = int(index.bounds[-1])
        listed.append(Video(source.uri, source.bytes, source.etag, 0, end, VIDEO_S, FRAMES))
    write_videos(out, listed)
    return out


def _rows(uri: str, index: VideoIndex, count: int, chance: np.random.Generator) -> PartBuilder:
    numbers = np.arange(FRAMES)
    batch = replace(
        batch_of(uri, numbers.tolist()),
        pts=index.packets.pts[index.order][numbers],
        time_base=index.stream.time_base,
        start_pts=index.start_pts,
    )
    # Few labels are frequent, as they are in the world.
    classes = chance.integers(0, 80, count) * chance.integers(0, 80, count) // 80
    corner = chance.uniform(0, 100, (count, 2))
    boxes = np.hstack([corner, corner + chance.uniform(5, 120, (count, 2))])
    found = Detections(
        np.sort(chance.integers(0, FRAMES, count)).astype(np.int32),
        boxes.astype(np.float32),
        chance.uniform(0.4, 1, count).astype(np.float32),
        classes.astype(np.int32),
        LABELS,
    )
    builder = PartBuilder(JOB.table, DETECTIONS, PATTERN)
    builder.add_batch(batch, found.rows())
    return builder


def _made(out: Folder, page: Path, title: str) -> bool:
    """Make the page in a process of its own, print its figures; whether the bounds hold."""
    before_s = time.monotonic()
    command = [sys.executable, "-c", MEASURED, "report", out.uri, "--out", str(page)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    took_s = time.monotonic() - before_s
    cpu_s, peak_kib = done.stdout.splitlines()[-1].split()
    peak_bytes, size = int(peak_kib) * 1024, page.stat().st_size
    print(
        f"{title}: the page was made in {took_s:.1f} s ({float(cpu_s):.1f} s of CPU) and"
        f" {peak_bytes / 1e6:.0f} MB, and has {size / 1e6:.2f} MB",
        flush=True,
    )
    return took_s < MOST_S and peak_bytes < MOST_BYTES and size < MOST_PAGE_BYTES


def _opens(page: Path, rows: int) -> bool:
    """Open the page in a browser, print how long it took; whether it is as it should be."""
    program = browser()
    if program is None:
        sys.exit("Chromium is missing: apt-get install chromium")
    with opened(program, page) as tab:
        timing = "performance.getEntriesByType('navigation')[0]"
        open_s = float(tab.run(f"{timing}.loadEventEnd")) / 1000
        told = int(tab.run("document.querySelector('#all-rows data').value"))
        pictures = int(tab.run("document.images.length"))
        text = str(tab.run("document.body.textContent"))
        asked = [url for url in tab.requests if not url.startswith("data:")]
        print(
            f"  it opens in {open_s:.2f} s: {told:,} rows, {pictures} pictures,"
            f" {len(asked) - 1} requests, {len(tab.said)} lines on the console"
        )
        is_quiet = len(asked) == 1 and not tab.said and int(tab.run("document.scripts.length")) == 1
        return open_s < MOST_OPEN_S and told == rows and is_quiet and HOSTILE in text


def prove(folder: Path) -> bool:
    """Make, measure, print; whether all bounds hold."""
    out = make_output(folder)
    rows = fleet.read(out.uri).detections.count_rows()
    print(f"{rows:,} rows of {VIDEOS:,} videos", flush=True)
    held = rows == ROWS
    for title in ("a part a video", "compacted"):
        page = folder / f"{title}.html"
        held &= _made(out, page, title)
        held &= _opens(page, rows)
        if title == "a part a video":
            closed(out)
            table_of(out).compact()
    return bool(held)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory(prefix="fleet-report-") as name:
        sys.exit(not prove(Path(name)))
