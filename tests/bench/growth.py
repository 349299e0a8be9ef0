"""What status, verify and compact of outputs of many parts take: CPU a part, and memory at the peak.

The leases are made up; all that is read and written is as a run writes it. Each command is a
process of its own, so that its memory is its own; its start-up (an output of one part) is taken
off.

python tests/bench/growth.py [--parts N,N,...] [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from made_up import JOB, ORIGIN, builder_of, claimed, table_of

from fleet.core.interval import Interval, LeaseNames
from fleet.storage import Folder
from fleet.table.state.video_manifest import Video

FLEET = Path(sys.executable).with_name("fleet")
COMMANDS = ("status", "verify", "compact", "verify")
LEASES_A_VIDEO = 4
FRAMES = 25
TICKS = 512


@dataclass(frozen=True)
class Cost:
    """What a process took."""

    cpu_s: float
    peak_mb: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", default="1000,10000")
    parser.add_argument("--keep", type=Path, help="where the outputs are made, and stay")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        base = measured(asked.keep or Path(folder), 1)
        for parts in map(int, asked.parts.split(",")):
            for command, cost, floor in zip(
                COMMANDS, measured(asked.keep or Path(folder), parts), base, strict=True
            ):
                ms = 1000 * (cost.cpu_s - floor.cpu_s) / parts
                print(
                    f"{parts:>9,} parts  {command:<8} {cost.cpu_s:7.1f} s of CPU, "
                    f"{ms:6.3f} ms a part, {cost.peak_mb:6,.0f} MB at the peak",
                    flush=True,
                )


def measured(folder: Path, parts: int) -> Sequence[Cost]:
    """Make an output of so many leases, and run each command on it."""
    output = folder / f"{parts}"
    if not output.exists():
        make(output, parts)
    return [run(command, output) for command in COMMANDS]


def run(command: str, output: Path) -> Cost:
    """Run one command of Fleet on an output."""
    with subprocess.Popen(
        [FLEET, command, str(output)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        text = process.stdout.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
    if os.waitstatus_to_exitcode(status):
        sys.exit(f"fleet {command} {output} ended with {status}:\n{text[-3000:]}")
    return Cost(usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1000)


def make(output: Path, parts: int) -> None:
    """Commit so many leases, and close the output."""
    folder = claimed(Folder(str(output)))
    table = table_of(folder)
    videos = [
        video(number, min(LEASES_A_VIDEO, parts - number * LEASES_A_VIDEO))
        for number in range(-(-parts // LEASES_A_VIDEO))
    ]
    state = table.begin_epoch({})
    table.keep_videos(state, videos)
    names = LeaseNames(JOB.digest, state.manifest.epoch)
    writer = table.writer(ORIGIN, "npu/0")
    for number in range(parts):
        of = videos[number // LEASES_A_VIDEO]
        frames = range(number % LEASES_A_VIDEO * FRAMES, (number % LEASES_A_VIDEO + 1) * FRAMES)
        interval = Interval(of.uri, of.etag, frames.start * TICKS, frames.stop * TICKS)
        builder = builder_of(of.uri, frames, 2)
        writer.commit(names([interval]), [interval], builder.tables(), builder.tally())
    table.close((), state.manifest.epoch)


def video(number: int, leases: int) -> Video:
    """Make up a video of so many leases."""
    frames = leases * FRAMES
    uri = f"/archive/camera-{number % 100}/clip-{number:07}.mp4"
    return Video(uri, 1, "v1", 0, frames * TICKS, frames / 25, frames)


if __name__ == "__main__":
    main()
