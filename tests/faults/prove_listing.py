"""The proof against hostile folders: part of `make prove-hostile`.

200,000 names with links in circles and outwards, dots, escapes and control characters are listed in
a process of its own, as a run does. Prints how long it takes and how much memory; ends with exit
code 0 if every video was found once, each folder read once, and nothing outside opened.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from maze import make_maze
from witness import witness

NAMES = 200_000
LISTED_S, GROWS_BYTES = 60.0, 512 << 20
"""What the listing may take; a walk that multiplies needs hours, or all memory."""
LIST = """
import json, os, resource, sys, time
from fleet.storage import expand
scan, read = os.scandir, []
os.scandir = lambda path: read.append(path) or scan(path)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
began = time.perf_counter()
listing = expand([sys.argv[1]])
print(json.dumps({
    "s": time.perf_counter() - began,
    "bytes": 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before),
    "read": read, "left": listing.left, "uris": [source.uri for source in listing.sources],
}))
"""


def main() -> None:
    """Make the folder, list it, and check what was found."""
    with tempfile.TemporaryDirectory(prefix="fleet-maze-") as name:
        place = Path(name)
        outside = place / "outside"
        outside.mkdir()
        with witness(outside) as watched:
            maze = make_maze(place / "in", outside, NAMES)
            command = [sys.executable, "-c", LIST, str(maze.folder)]
            listed = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
            assert not watched.touched(), "something outside the folder was opened"
        folders = sorted(path for path, _, _ in os.walk(maze.folder))
        print(f"  {NAMES:,} names in {len(folders):,} folders, {maze.links:,} of them links")
        print(f"  {len(listed['uris']):,} videos, left aside: {listed['left']}")
        print(f"  listed in {listed['s']:.1f} s, {listed['bytes'] / 2**20:.0f} MB more than before")
        assert len(listed["uris"]) == len(maze.videos)
        assert set(listed["uris"]) == maze.videos, "not every video was found, once"
        assert sorted(listed["read"]) == folders, "a folder was read twice, or another one"
        assert listed["left"]["(link)"] == maze.links
        assert listed["s"] < LISTED_S
        assert listed["bytes"] < GROWS_BYTES
        print("every video is listed once, and nothing outside was read.")


if __name__ == "__main__":
    main()
