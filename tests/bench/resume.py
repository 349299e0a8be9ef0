"""`make prove-resume`: taking up where earlier runs left off, at the size of a real archive.

A million done intervals are read and subtracted in less than 10 s and 1 GB; a video added to an
archive of 10,000 indexed ones is planned, and its first lease handed out, in less than 15 s. The
outputs are made up: their leases were never computed, what is read of them is real. Each timing is
of a process of its own. Ends with 1 where a bound does not hold.
"""

from __future__ import annotations

import hashlib
import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import numpy as np
from generate import Clip, write
from made_up import JOB, ORIGIN, SCHEMAS, begun, claimed

import fleet
from fleet.core.interval import Interval, LeaseNames
from fleet.core.receipt import PartFile, Receipt, Tally
from fleet.core.run_events import LeaseStarted, RunEvent
from fleet.core.source import Source
from fleet.driver.loss_recorder import DRIVER, LossRecorder
from fleet.driver.session import load_session
from fleet.driver.target.target import resolve_target
from fleet.parquet.encoding import digest, digest_before_footer, encode
from fleet.plan.plan import bundle
from fleet.storage import Folder
from fleet.table.commits.record import METADATA_KEY, CommitRecord, part_name
from fleet.table.maintenance.close import checkpoint
from fleet.table.state.state import read_state

INTERVALS, LEASES, VIDEOS, INDEXED = 1_000_000, 10_000, 10_000, 10_000
NAMES = LeaseNames(JOB.digest, 1)
TICKS = 25_600
MOST_S, MOST_BYTES, MOST_PLAN_S = 10.0, 10**9, 15.0
THUMBNAILS = Path(__file__).parents[2] / "jobs" / "thumbnails.toml"


def _intervals(lease: int) -> list[Interval]:
    each, of_video = INTERVALS // LEASES, INTERVALS // VIDEOS
    made = []
    for number in range(lease * each, (lease + 1) * each):
        video, place = divmod(number, of_video)
        uri = f"s3://archive/camera-{video % 100:03}/2026-11-21/{video:07}.mp4"
        etag = hashlib.sha256(str(video).encode()).hexdigest()[:32]
        made.append(Interval(uri, etag, place * TICKS, (place + 1) * TICKS))
    return made


def make_done(output: Path) -> None:
    """Commit LEASES leases over INTERVALS intervals, without rows in `frames`."""
    begun(claimed(Folder(str(output))))
    frames = SCHEMAS["frames"].empty_table()
    rows_digest, found = digest_before_footer(encode(frames, {})), b"made up"
    for number in range(LEASES):
        intervals = _intervals(number)
        lease = NAMES(intervals)
        name = part_name(lease)
        parts = (
            PartFile("detections", name, 10, len(found), digest(found)),
            PartFile("frames", name, 0, 0, rows_digest),
        )
        tally = Tally(frames=50 * len(intervals), video_s=2.0 * len(intervals), rows=10, wall_s=1.0)
        receipt = Receipt(lease, tuple(intervals), parts, tally, f"npu/{number % 64}", 1)
        record = CommitRecord(ORIGIN, receipt, 1_795_386_218)
        (output / "detections" / name).write_bytes(found)
        data = encode(frames, {METADATA_KEY: record.to_json()})
        (output / "frames" / name).write_bytes(data)


def resume(output: str, keep: str) -> dict[str, Any]:
    """Read what is done and subtract it from what is wanted; `keep`: write a snapshot afterwards."""
    folder, began_s, began_cpu_s = Folder(output), time.monotonic(), time.process_time()
    state = read_state(folder, JOB.tables)
    done = state.done
    bounds = np.arange(INTERVALS // VIDEOS + 1, dtype=np.int64) * TICKS
    versions = state.covered.intervals.versions
    covered = sum(int(done.covers(Source(u, 1, e), bounds).sum()) for u, e in versions)
    wall_s, cpu_s = time.monotonic() - began_s, time.process_time() - began_cpu_s
    if keep == "keep":
        checkpoint(folder, state)
    return {"done": covered, "wall_s": wall_s, "cpu_s": cpu_s, "remembered": state.checkpointed}


def _job(folder: Path) -> fleet.Job:
    settings = {"input": [str(folder / "in")], "output": str(folder / "out"), "sample": "keyframes"}
    return fleet.load_job(THUMBNAILS, {**settings, "devices": 2})


def make_archive(folder: Path) -> None:
    """Copy a clip INDEXED times."""
    data = write(Clip(frames=100, gop=25), folder / "clip.mp4").read_bytes()
    for number in range(INDEXED):
        camera = folder / "in" / f"camera-{number % 100:03}"
        camera.mkdir(parents=True, exist_ok=True)
        (camera / f"{number:05}.mp4").write_bytes(data)


def index(folder: str) -> dict[str, Any]:
    """Index the archive, and commit its leases as if all their frames had been lost."""
    target, began_s = resolve_target(_job(Path(folder))), time.monotonic()
    target.table.create(target.schemas)
    prepared = load_session(target).prepare_and_keep()
    wall_s = time.monotonic() - began_s
    recorder = LossRecorder(target.job, target.table.writer(target.origin, DRIVER))
    names = LeaseNames(target.digest, target.table.begin_epoch(target.versions).manifest.epoch)
    for lease in bundle(prepared.works, names, 2, target.job.lease_s):
        recorder.commit(lease.id, lease.intervals, [], lease.video_s)
    left = len(load_session(target).prepare().works)
    return {"videos": len(prepared.works), "wall_s": wall_s, "left": left}


def add(folder: str) -> dict[str, Any]:
    """Run the job once a video has been added: how long it takes to its first lease."""
    began_s, first_s = time.monotonic(), []

    class Watch:
        def on_event(self, event: RunEvent) -> None:
            if isinstance(event, LeaseStarted):
                first_s.append(time.monotonic() - began_s)

    report = fleet.run(_job(Path(folder)), on="ray", observer=Watch())
    return {"first_s": first_s[0], "frames": report.this_run.frames}


def apart(what: str, *arguments: str) -> dict[str, Any]:
    """Do one of these in a process of its own; adds the most memory that it held."""
    command = [sys.executable, __file__, what, *arguments]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return dict(json.loads(said.splitlines()[-1]))


def prove(folder: Path) -> bool:
    """Make, measure, print; whether all bounds hold."""
    make_done(folder / "done")
    held = True
    for title, keep in (("from footers alone", "keep"), ("from a snapshot", "")):
        told = apart("resume", str(folder / "done"), keep)
        print(
            f"{told['done']:,} done intervals of {LEASES:,} leases, {title}: {told['wall_s']:.1f} s"
            f" ({told['cpu_s']:.1f} s of CPU), {told['peak_bytes'] / 1e6:.0f} MB",
            flush=True,
        )
        held &= told["done"] == INTERVALS
        held &= told["wall_s"] < MOST_S and told["peak_bytes"] < MOST_BYTES
    make_archive(folder)
    told = apart("index", str(folder))
    print(f"{told['videos']:,} videos indexed in {told['wall_s']:.1f} s, {told['left']} left to do")
    held &= (told["videos"], told["left"]) == (INDEXED, 0)
    shutil.copy(folder / "clip.mp4", folder / "in" / "new.mp4")
    told = apart("add", str(folder))
    print(f"one video added: its first lease began after {told['first_s']:.1f} s, Ray included")
    held &= told["first_s"] < MOST_PLAN_S and told["frames"] == 4
    return bool(held)


STEPS: dict[str, Callable[..., dict[str, Any]]] = {"resume": resume, "index": index, "add": add}

if __name__ == "__main__":
    if sys.argv[1:]:
        outcome = STEPS[sys.argv[1]](*sys.argv[2:])
        peak_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps({**outcome, "peak_bytes": peak_bytes}))
    else:
        with tempfile.TemporaryDirectory(prefix="fleet-resume-") as name:
            sys.exit(not prove(Path(name)))
