"""An archive that means harm: damaged, absurd and lying videos among good ones, from a seed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from absurd import absurdities
from damage import Damaged, damaged
from generate import Clip, Codec, Container, GopKind, cached
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from poses import lists, nothings, references

Item = TypeVar("Item")

_SHAPES: tuple[tuple[Codec, Container, int, int, GopKind, int], ...] = (
    ("h264", "mp4-front", 40, 10, "closed", 0),
    ("h264", "mp4-front", 30, 6, "open", 3),
    ("h265", "mp4-front", 30, 8, "closed", 2),
    ("h264", "mp4", 30, 6, "closed", 2),
    ("h264", "mp4-fragmented", 32, 8, "closed", 1),
    ("h264", "mp4-edit", 30, 10, "closed", 2),
    ("h264", "mov", 30, 5, "closed", 2),
    ("h265", "mov", 25, 8, "open", 2),
    ("h264", "mkv", 30, 6, "closed", 2),
    ("h265", "mkv", 30, 6, "closed", 2),
    ("h264", "ts", 40, 8, "closed", 2),
    ("h265", "m2ts", 30, 10, "closed", 0),
    ("h264", "avi", 30, 6, "closed", 0),
    ("h264", "raw", 30, 6, "closed", 2),
    ("h265", "raw", 30, 6, "closed", 2),
)
GOOD = tuple(
    Clip(codec=codec, container=container, frames=frames, gop=gop, gop_kind=kind, b_frames=b_frames)
    for codec, container, frames, gop, kind, b_frames in _SHAPES
)
"""The good videos, of one to two seconds each."""
NAMES = (
    "a b  c", "quo'te", 'dou"ble', "new\nline", "tab\tand\x1b[31mcolour", "ünï-видео-影", "..", "a..b",
    "100%", "%2e%2e%2fup", "frame_%04d", "#part?query=1&x", "star*[1]{2}", "-rf", " lead", "a::b",
    "back\\slash", "$(touch x)", "<b>&amp;", "e\u0301clair", "\u202egpj", "😀", "semi;colon,comma",
    "~home",
)  # fmt: skip
"""What files are called."""


@dataclass
class Library:
    """Clips, each encoded once into `folder`."""

    folder: Path
    _read: dict[Clip, bytes] = field(default_factory=dict)

    def __call__(self, clip: Clip) -> bytes:
        """A clip's file."""
        if clip not in self._read:
            self._read[clip] = cached(clip, self.folder).read_bytes()
        return self._read[clip]


@dataclass(frozen=True)
class Archive:
    """What was laid out: by path, the clip of each good file, and what was done to each bad one."""

    good: dict[str, Clip]
    bad: dict[str, Damaged]


def hostile(library: Library, canary: Path, port: int, count: int, number: int) -> list[Damaged]:
    """`count` files: everything made by hand, and as many as it takes made by hypothesis."""
    movie = library(GOOD[0])
    posing = {**lists(canary, port), **references(canary, port, movie), **nothings()}
    made = [Damaged(about, data) for about, data in posing.items()]
    made += absurdities(library)
    made += collect(damaged(library, GOOD), max(0, count - len(made)), number)
    return made[:count]


def collect(strategy: st.SearchStrategy[Damaged], count: int, number: int) -> list[Damaged]:
    """So many examples, the same for the same seed."""
    found: list[Damaged] = []
    rules = settings(
        max_examples=max(1, count * 2),
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )

    @seed(number)
    @rules
    @given(strategy)
    def gather(example: Damaged) -> None:
        found.append(example)

    gather()
    return found[-count:] if count else []  # the first ones are the simplest


def lay_out(folder: Path, library: Library, good: int, bad: Sequence[Damaged]) -> Archive:
    """Write good and bad files under names that mean harm."""
    return Archive(
        {path: clip for path, clip, _ in _written(folder, _good(library, good))},
        {path: item for path, item, _ in _written(folder / "bad", _bad(bad))},
    )


def _good(library: Library, count: int) -> Iterator[tuple[str, Clip, bytes]]:
    for number in range(count):
        clip = GOOD[number % len(GOOD)]
        name = f"cam {number // 6}/{NAMES[number % len(NAMES)]}{number}{clip.suffix}"
        yield name, clip, library(clip)


def _bad(items: Sequence[Damaged]) -> Iterator[tuple[str, Damaged, bytes]]:
    for number, item in enumerate(items):
        yield f"{number:03}{NAMES[number % len(NAMES)]}{item.suffix}", item, item.data


def _written(
    folder: Path, items: Iterator[tuple[str, Item, bytes]]
) -> Iterator[tuple[str, Item, bytes]]:
    for name, item, data in items:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        yield str(path), item, data
