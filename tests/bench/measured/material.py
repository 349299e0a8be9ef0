"""What everybody is measured on: a video and copies of it, many short ones, a long one, a network.

The clip and the network of FLEET_TEST_DATA where it is there; else a street that `fleet street`
renders, and the street detector. All of it is kept in build/bench.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import av
from long_video import repeat

ROOT = Path(__file__).parents[3]
KEPT = ROOT / "build" / "bench"
FLEET = Path(sys.executable).with_name("fleet")
TOWN, FASTESTDET = "town_1080p.mp4", "FastestDet.onnx"
COPIES, TINY, SMALL_TINY = 4, 10_000, 200
TINY_S, SMALL_S, STREET_S = 2.0, 8.0, 32
A_FOLDER = 100
"""How many of the tiny clips share a folder."""
LONG_TIMES = 14
"""So often over, the 1080p clip takes more than 100 MB."""


@dataclass(frozen=True)
class Material:
    """Where it lies, and what the peers must know of it."""

    folder: Path
    """Where it is kept."""
    clip: Path
    """The one video."""
    network: Path
    """The ONNX file that every peer runs."""
    compile_line: tuple[str, ...]
    """What makes Fleet's model of it, but for the output."""
    small: bool
    """Whether it is little of each, for trying out."""

    @property
    def facts(self) -> dict[str, object]:
        """What a reader of the figures must know."""
        with av.open(str(self.clip)) as container:
            stream = container.streams.video[0]
            return {
                "clip": self.clip.name,
                "width": stream.codec_context.width,
                "height": stream.codec_context.height,
                "frames": stream.frames,
                "network": self.network.stem,
                "tiny": self.count_tiny,
                "small": self.small,
            }

    @property
    def every(self) -> int:
        """Every how manyth frame is one a second."""
        with av.open(str(self.clip)) as container:
            rate = container.streams.video[0].average_rate
            return round(rate) if rate else 25

    @property
    def count_tiny(self) -> int:
        """How many tiny clips there are."""
        return SMALL_TINY if self.small else TINY

    def videos(self, which: str) -> Path:
        """Return the folder of the videos of a case, made where it is not there."""
        folder = self.folder / (f"tiny-{self.count_tiny}" if which == "tiny" else which)
        if (folder / "made").is_file():
            return folder / "videos"
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "videos").mkdir(parents=True)
        if which == "long":
            repeat(self.clip, 2 if self.small else LONG_TIMES, folder / "videos" / "long.mp4")
        elif which == "tiny":
            self._make_tiny(folder)
        else:
            for number in range(COPIES if which == "four" else 1):
                shutil.copy(self.clip, folder / "videos" / f"copy-{number}.mp4")
        (folder / "made").touch()
        return folder / "videos"

    def _make_tiny(self, folder: Path) -> None:
        source = cut(self.clip, TINY_S, folder / "source.mp4")
        for number in range(self.count_tiny):
            camera = folder / "videos" / f"camera-{number // A_FOLDER:03}"
            camera.mkdir(exist_ok=True)
            # They are read alike, and take the room of one.
            (camera / f"{number:05}.mp4").hardlink_to(source)


def gather(folder: Path, small: bool) -> Material:
    """Return what there is to measure on, rendered where no clips are given."""
    folder = folder / ("small" if small else "whole")
    folder.mkdir(parents=True, exist_ok=True)
    data = Path(os.environ.get("FLEET_TEST_DATA", "/nowhere")).resolve()
    clip = data / TOWN
    if not clip.is_file():
        clip = _street(folder.parent / "street")
    if small:
        whole, clip = clip, folder / f"begin-of-{clip.name}"
        clip = clip if clip.is_file() else cut(whole, SMALL_S, clip)
    network = data / FASTESTDET
    if network.is_file() and (data / TOWN).is_file():
        labels = ("--labels", str(data / "coco.names"))
        line: tuple[str, ...] = ("compile", str(network), "--head", "fastestdet", *labels)
    else:
        network = ROOT / "jobs" / "street" / "street.onnx"
        line = ("compile", str(network))
    return Material(_of_its_own(folder, clip), clip, network, line, small)


def _of_its_own(folder: Path, clip: Path) -> Path:
    """Return a folder for what is made of one clip: with another one, it is another."""
    return folder / clip.stem


def _street(folder: Path) -> Path:
    """Render one camera, or find it rendered."""
    line = ["street", "--output", str(folder), "--cameras", "1", "--seconds", str(STREET_S)]
    subprocess.run([str(FLEET), *line], check=True)
    return min(folder.rglob("*.mp4"))


def cut(clip: Path, seconds: float, target: Path) -> Path:
    """Copy the packets of a clip's begin, without encoding."""
    made = target.with_suffix(".making.mp4")
    with av.open(str(clip)) as source, av.open(str(made), "w", format="mp4") as output:
        stream = source.streams.video[0]
        copied = output.add_stream_from_template(stream)
        for packet in source.demux(stream):
            if packet.dts is None or packet.time_base is None:
                continue
            if packet.dts * packet.time_base >= seconds:
                break
            packet.stream = copied
            output.mux(packet)
    made.rename(target)
    return target
