"""The proof that a served output takes no more memory, however long it is looked at: `make prove-browse`.

A thousand different frames of a video are asked for in scattered order, each with its boxes, as JPEG
and every fifth as PNG too, a search and a timeline after every tenth. Ends with exit code 0 if the
server's memory has grown by less than what it may hold between frame 200 and frame 1,000.
"""

from __future__ import annotations

import re
import sys
import tempfile
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

import av
import numpy as np
from browsed import Served, served
from exact import index_of
from recorded import detections_output, record

from fleet.browse.asked import key_of
from fleet.storage import Folder

FRAMES, FIRST, SIDE = 1_000, 200, (640, 360)
STRIDE = 377
"""Without a common divisor with FRAMES: each frame once, far from the one before."""
MOST_MIB = 24
"""Of growth. The files of 800 frames that are held take some 8 of them."""


def main() -> int:
    """Prove it."""
    with tempfile.TemporaryDirectory(prefix="fleet-prove-") as name:
        folder = Path(name)
        path = write_video(folder / "moving.mp4")
        out = detections_output(Folder(str(folder / "out")))
        found: dict[int, Sequence[tuple[str, float]]] = {
            frame: [("person", 0.9), ("car", 0.5)] for frame in range(0, FRAMES, 2)
        }
        record(out, index_of(path), found)
        with served(out.uri) as server:
            grown = ask(server, key_of(str(path)))
            code, _, said = server.end()
    print(f"grown between frame {FIRST:,} and frame {FRAMES:,}: {grown:.1f} MiB of {MOST_MIB}")
    print(f"ended with exit code {code} {said}")
    return int(grown > MOST_MIB or code != 0)


def write_video(path: Path) -> Path:
    """Write a video in which a bright square moves over noise."""
    noise = np.random.default_rng(1).integers(0, 80, (SIDE[1], SIDE[0], 3), np.uint8)
    with av.open(str(path), "w", options={"movflags": "faststart"}) as output:
        stream = output.add_stream("libx264", rate=Fraction(25), options={"g": "25", "crf": "30"})
        assert isinstance(stream, av.VideoStream)
        (stream.width, stream.height), stream.pix_fmt = SIDE, "yuv420p"
        for number in range(FRAMES):
            picture = noise.copy()
            left = number * 7 % (SIDE[0] - 60)
            picture[100:160, left : left + 60] = 230
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
        output.mux(stream.encode(None))
    return path


def ask(server: Served, key: str) -> float:
    """Ask for each frame once: return by how many MiB the server has grown from frame FIRST on."""
    measured = {}
    for count in range(1, FRAMES + 1):
        frame = count * STRIDE % FRAMES
        paths = [f"video/{key}/frame/{frame}", f"video/{key}/at/{frame}"]
        paths += [f"video/{key}/frame/{frame}.png"] * (count % 5 == 0)
        paths += ["search?least=0.6", f"video/{key}/timeline"] * (count % 10 == 0)
        for path in paths:
            answer = server.get(path)
            assert answer.status == 200, (path, answer.body)
        if count % FIRST == 0:
            measured[count] = memory_mib(server.process.pid)
            print(f"after {count:5,} frames: {measured[count]:.1f} MiB", flush=True)
    return measured[FRAMES] - measured[FIRST]


def memory_mib(process: int) -> float:
    """Return how much memory of the machine a process takes."""
    told = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text())
    assert told is not None
    return int(told[1]) / 1024


if __name__ == "__main__":
    sys.exit(main())
