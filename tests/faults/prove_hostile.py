"""The proof against hostile archives: `make prove-hostile`.

300 damaged, absurd and lying videos among 30 good ones, in one run on two devices through Ray, with
two faults injected into good ones: a crash, and a spin that holds the GIL. Ends with exit code 0 if
every frame is accounted for.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from accounts import Books, check_books, read_books, references, thumbnails
from damage import Damaged
from generate import Clip
from hostile import GOOD, Archive, Library, hostile, lay_out
from truth import probed
from witness import witness

from fleet.core.run_events import (
    DeviceJoined,
    DeviceLost,
    LeaseDone,
    LeaseSplit,
    RunEvent,
    RunStarted,
)
from fleet.driver.context import Resources
from fleet.driver.report import RunReport
from fleet.driver.run import run_job
from fleet.executors.pool import Pool
from fleet.executors.ray.pool import RayPool
from fleet.executors.ray.session import ray_left_as_found, start_ray
from fleet.scheduler.autoscale import Limits
from fleet.worker.fault_injection import Injection
from fleet.worker.spec import WorkerSpec

SEED, HOSTILE, GOOD_VIDEOS, DEVICES, WATCHDOG_S = 20261122, 300, 30, 2, 3.0
REPLACED_S = 20.0
"""A worker that is not replaced by then stays dead."""
FLAT_BYTES = 64 << 20
"""What the driver may grow by from its plan to its end; a leak of a video each would be more."""


@dataclass
class Notes:
    """What is seen of the run: the driver's memory after each lease, devices, cuts."""

    rss_bytes: list[int] = field(default_factory=list)
    joined_s: list[float] = field(default_factory=list)
    lost_s: list[float] = field(default_factory=list)
    devices: Counter[str] = field(default_factory=Counter)
    reasons: list[str] = field(default_factory=list)

    def on_event(self, event: RunEvent) -> None:
        """Take note."""
        if isinstance(event, RunStarted | LeaseDone):
            self.rss_bytes.append(_rss_bytes())
        if isinstance(event, DeviceJoined | DeviceLost | LeaseSplit):
            self.devices[type(event).__name__] += 1
        if isinstance(event, DeviceJoined):
            self.joined_s.append(time.monotonic())
        if isinstance(event, DeviceLost):
            self.lost_s.append(time.monotonic())
            self.reasons.append(event.cause)

    def slowest_replacement_s(self) -> float:
        """How long a dead worker was missed at most; one that none came for, until now."""
        came_s = self.joined_s[DEVICES:]
        came_s += [time.monotonic()] * (len(self.lost_s) - len(came_s))
        return max(came - lost for came, lost in zip(came_s, self.lost_s, strict=True))


def _rss_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _injections(archive: Archive) -> dict[str, Injection]:
    """A crash on the second GOP of one good video, a spin on the first of another: by URI."""
    crash, spin = [uri for uri, clip in archive.good.items() if clip == GOOD[0]][:2]
    return {
        crash: Injection("exit", crash, _pts(archive.good[crash], crash, gop=1)),
        spin: Injection("spin", spin, _pts(archive.good[spin], spin, gop=0)),
    }


def _pts(clip: Clip, uri: str, gop: int) -> int:
    index = probed(Path(uri).read_bytes(), uri)
    return int(index.packets.pts[index.order[gop * clip.gop + 1]])


def _run(archive: Archive, folder: Path, notes: Notes) -> RunReport:
    def pool(spec: WorkerSpec) -> Pool:
        start_ray(DEVICES)
        return RayPool(replace(spec, injections=tuple(_injections(archive).values())))

    settings = {"devices": DEVICES, "watchdog_s": WATCHDOG_S, "lease_s": 1.0}
    job = thumbnails(folder / "in", folder / "out", **settings)
    with ray_left_as_found():
        return run_job(job, Resources(DEVICES, pool, Limits(most=DEVICES)), notes)


def _take_out_injected(archive: Archive, books: Books) -> None:
    """Check that each injected fault cost its own GOP, and put it right for the other checks."""
    expected = {"exit": ("WorkerDied", 1), "spin": ("ACL_ERROR_RT_LOST_HEARTBEAT", 0)}
    for uri, injection in _injections(archive).items():
        name, gop = expected[injection.kind]
        clip = archive.good.pop(uri)
        (row,) = books.errors.pop(uri)
        lost = set(range(gop * clip.gop, (gop + 1) * clip.gop))
        assert (row["stage"], row["name"], row["frames"]) == ("worker", name, len(lost)), row
        assert set(books.pictures.pop(uri)) == set(range(clip.frames)) - lost
        print(
            f"  injected {injection.kind}: {len(lost)} of {clip.frames} frames lost, {row['message']}"
        )


def _tell(archive: Archive, books: Books, report: RunReport, notes: Notes, wall_s: float) -> None:
    kept = sum(len(books.pictures.get(uri, {})) for uri in archive.bad)
    reasons = Counter((row["stage"], row["name"]) for rows in books.errors.values() for row in rows)
    start, middle, end = (notes.rss_bytes[at] / 2**20 for at in (0, len(notes.rss_bytes) // 2, -1))
    kinds = len({about for item in archive.bad.values() for about in item.about.split("+")})
    print(f"  {len(archive.bad)} hostile videos of {kinds} kinds, {GOOD_VIDEOS} good ones")
    print(f"  exit code {report.exit_code}, {wall_s:.0f} s, {report.leases} leases")
    print(f"  {report.total.frames:,} frames, {kept:,} of them out of hostile videos")
    print(f"  {report.refused_videos} videos refused, {report.total.lost_frames:,} frames lost:")
    for (stage, name), count in reasons.most_common():
        print(f"    {count:4} x {stage}: {name}")
    print(f"  devices: {dict(notes.devices)}, {dict(Counter(notes.reasons))}")
    print(f"  driver memory: {start:.0f} MB at the start, {middle:.0f} MB, {end:.0f} MB at the end")


def main() -> None:
    """Make the archive, run the job, and check everything."""
    folder = Path(tempfile.mkdtemp(prefix="fleet-hostile-"))
    try:
        for name in ("library", "watched"):
            (folder / name).mkdir()
        library, notes = Library(folder / "library"), Notes()
        with witness(folder / "watched") as watched:
            bad: list[Damaged] = hostile(library, watched.canary, watched.port, HOSTILE, SEED)
            archive = lay_out(folder / "in", library, GOOD_VIDEOS, bad)
            expected = references(library, folder / "whole")
            started_s = time.monotonic()
            report = _run(archive, folder, notes)
            wall_s, slowest_s = time.monotonic() - started_s, notes.slowest_replacement_s()
            assert not watched.touched(), "a video made Fleet open something else"
        books = read_books(folder / "out")
        _tell(archive, books, report, notes, wall_s)
        print(f"  a dead worker was replaced within {slowest_s:.1f} s")
        assert report.exit_code == 3
        assert notes.lost_s
        assert slowest_s < REPLACED_S, "a worker stayed dead"
        assert max(notes.rss_bytes) - notes.rss_bytes[0] < FLAT_BYTES
        _take_out_injected(archive, books)
        check_books(archive, books, expected)
        print("every frame is accounted for.")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
