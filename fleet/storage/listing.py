"""Which videos the inputs of a job come to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from fleet.errors import InputNotFound
from fleet.storage.place import TROUBLE, canonical, joined, open_filesystem, source_of, trouble
from fleet.video.index import Source

VIDEO_EXTENSIONS = frozenset(
    {".mp4", ".m4v", ".mov", ".3gp", ".mkv", ".webm", ".avi"}
    | {".ts", ".m2ts", ".mts", ".h264", ".264", ".avc", ".h265", ".265", ".hevc"}
)


@dataclass(frozen=True)
class Listing:
    """What the inputs come to: the videos, by URI, and what else lay there, by extension."""

    sources: tuple[Source, ...]
    left: dict[str, int] = field(default_factory=dict)


def expand(inputs: Sequence[str]) -> Listing:
    """Find the videos that `inputs` name: files, globs, and folders (recursively).

    A file named outright is taken whatever it is called; in folders and globs an extension of
    VIDEO_EXTENSIONS makes a video. Raises InputNotFound where an input matches none.
    """
    found: dict[str, Source] = {}
    others: set[str] = set()
    for item in inputs:
        sources, beside = _expand_one(canonical(item), item)
        found.update({source.uri: source for source in sources})
        others |= beside
    if not inputs:
        raise InputNotFound("No input is named.", "Name videos or folders with --input URI.")
    left = _by_suffix(others - set(found))
    return Listing(tuple(found[uri] for uri in sorted(found)), dict(sorted(left.items())))


def _expand_one(uri: str, asked: str) -> tuple[list[Source], set[str]]:
    filesystem, path = open_filesystem(uri)
    try:
        info = filesystem.info(path)
        if info["type"] == "file":
            return [source_of(uri, info)], set()
        entries = filesystem.find(path, detail=True)
        what = "folder"
    except FileNotFoundError:
        entries = _matches(filesystem, path) if any(c in path for c in "*?[") else {}
        what = "pattern"
    except TROUBLE as error:
        raise trouble(f"{asked} could not be listed", error) from error
    sources, beside = _sort_out(uri, entries)
    if not sources:
        raise _no_match(asked, what, _by_suffix(beside))
    return sources, beside


def _matches(filesystem: Any, pattern: str) -> dict[str, Any]:
    """List what a glob matches: files, and all files below the folders that it matches."""
    entries: dict[str, Any] = {}
    for name, info in filesystem.glob(pattern, detail=True).items():
        is_folder = info["type"] == "directory"
        entries.update(filesystem.find(name, detail=True) if is_folder else {name: info})
    return entries


def _sort_out(uri: str, entries: dict[str, Any]) -> tuple[list[Source], set[str]]:
    sources: list[Source] = []
    others: set[str] = set()
    for name, info in entries.items():
        if info["type"] != "file":
            continue
        location = joined(uri, name)
        if _suffix(name) in VIDEO_EXTENSIONS:
            sources.append(source_of(location, info))
        else:
            others.add(location)
    return sources, others


def _suffix(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


def _by_suffix(names: Iterable[str]) -> Counter[str]:
    return Counter(_suffix(name) or "(none)" for name in names)


def _no_match(asked: str, what: str, left: Counter[str]) -> InputNotFound:
    if left:
        kinds = ", ".join(f"{count} x {suffix}" for suffix, count in left.most_common(5))
        way_out = "Name a file outright to take it whatever its extension is."
        return InputNotFound(f"The {what} {asked} holds no video, only {kinds}.", way_out)
    way_out = "Check the spelling, or give a file, a folder or a quoted glob such as 'in/*.mp4'."
    return InputNotFound(f"The input {asked} matches nothing.", way_out)
