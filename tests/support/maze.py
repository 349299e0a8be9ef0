"""A folder that means harm: names of every kind, links in circles, links that lead out of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

ODD = (
    "..mp4",
    "...mp4",
    "..mp4..mp4",
    "\x1b[2J\x1b]0;owned\x07.mp4",
    "two\nlines.mp4",
    "a\\..\\b.mp4",
    "%2e%2e%2f.mp4",
    "\u202egpj.mp4",
    "-rf.mp4",
    " .mp4",
    os.fsdecode(b"\xff\xfe.mp4"),
    "?token=hidden&sig=x.mp4",
    "$(id).mp4",
    "n" * 250 + ".mp4",
)
"""Names of files, each of them possible on a disk."""
A_FOLDER = 500
"""Names in a folder."""


@dataclass(frozen=True)
class Maze:
    """A folder and what is in it."""

    folder: Path
    videos: frozenset[str]
    """The paths of the files in it that are videos by their names."""
    links: int
    """How many links there are."""


def make_maze(folder: Path, outside: Path, names: int) -> Maze:
    """Make a maze of so many names, whose links lead to `outside` among other places.

    Of a hundred names ten are links: to folders above, to the folder itself, to each other, to
    files of it, out of it by absolute and by relative paths, and nowhere.
    """
    videos: set[str] = set()
    made = links = 0
    place = folder
    while made < names:
        # Every fourth folder lies within the one before it.
        place = (place if (made // A_FOLDER) % 4 else folder) / f"cam{made // A_FOLDER:05}"
        place.mkdir(parents=True)
        made += 1
        for number in range(min(A_FOLDER - 1, names - made)):
            path = str(place / _name(number))
            if number % 10 == 9:
                os.symlink(_targets(folder, outside, place)[number // 10 % 10], path)  # noqa: PTH211
                links += 1
            else:
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
                if path.endswith(".mp4"):
                    videos.add(path)
            made += 1
    return Maze(folder, frozenset(videos), links)


def _name(number: int) -> str:
    if number < len(ODD) and number % 10 != 9:
        return ODD[number]
    return f"{number:03}.mp4" if number % 3 else f"{number:03}.txt"


def _targets(folder: Path, outside: Path, place: Path) -> tuple[str | Path, ...]:
    up = os.path.relpath(outside, place)
    return (
        *(".", "..", "../..", folder, outside, up, "/"),
        *("000.txt", "no such file", outside / "secret.mp4"),
    )
