"""Which videos the inputs of a job come to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from fleet.core.source import Source
from fleet.errors import InputNotFoundError
from fleet.storage.location import at, canonical
from fleet.storage.resolve import open_store
from fleet.storage.selection import EVERY_VIDEO, WILDCARDS, InputFilter, check_glob, matches
from fleet.storage.store import Stat, Store

VIDEO_EXTENSIONS = frozenset(
    {".mp4", ".m4v", ".mov", ".3gp", ".mkv", ".webm", ".avi"}
    | {".ts", ".m2ts", ".mts", ".h264", ".264", ".avc", ".h265", ".265", ".hevc"}
)


@dataclass(frozen=True)
class Listing:
    """What the inputs come to: the videos, by URI, and what else lay there, by extension.

    `not_chosen`: how many videos the choice leaves out.
    """

    sources: tuple[Source, ...]
    left: dict[str, int] = field(default_factory=dict)
    not_chosen: int = 0


def expand(inputs: Sequence[str], choice: InputFilter = EVERY_VIDEO) -> Listing:
    """Find the videos that `inputs` name: files, globs, and folders (recursively).

    A file named outright is taken whatever it is called; in folders and globs an extension of
    VIDEO_EXTENSIONS makes a video. Raises InputNotFoundError where an input matches none,
    StorageError where a store does not let itself be listed.
    """
    if not inputs:
        raise InputNotFoundError("No input is named.", "Name videos or folders with --input URI.")
    search = _Search(choice)
    for item in inputs:
        search.look(item)
    found = search.found
    if not found:
        raise InputNotFoundError(
            f"Of the {search.not_chosen} videos that the inputs hold none is chosen.",
            "Check include, exclude and modified_since.",
        )
    left = {suffix: count for suffix, count in sorted(search.left.items()) if count}
    return Listing(tuple(found[uri] for uri in sorted(found)), left, search.not_chosen)


class _Search:
    """Goes through inputs, object by object; only videos are kept."""

    def __init__(self, choice: InputFilter) -> None:
        self.found: dict[str, Source] = {}
        self.left: Counter[str] = Counter()
        self.not_chosen = 0
        self._choice = choice

    def look(self, asked: str) -> None:
        """Take what one input comes to; raises InputNotFoundError where it holds no video."""
        store, path = open_store(canonical(asked))
        outright = _stat(store, path)
        if outright is not None:
            candidates = iter([(outright, PurePosixPath(path).name)])
        else:
            candidates = _below(store, path)
        left: Counter[str] = Counter()
        taken = not_chosen = 0
        for stat, name in candidates:
            suffix = PurePosixPath(stat.path).suffix.lower()
            if outright is None and suffix not in VIDEO_EXTENSIONS:
                left[suffix or "(none)"] += 1
            elif self._choice.takes(name, stat.modified_s):
                taken += 1
                uri = _uri(store, stat.path)
                self.found[uri] = Source(uri, stat.bytes, stat.etag)
            else:
                not_chosen += 1
        if not taken and not not_chosen:
            raise _no_match(asked, left)
        self.left += left
        self.not_chosen += not_chosen


def _stat(store: Store, path: str) -> Stat | None:
    """Look whether an input names one object outright; a bucket or the root of a disk does not."""
    if not path.strip("/"):
        return None
    try:
        return store.stat(path)
    except FileNotFoundError:
        return None


def _below(store: Store, path: str) -> Iterator[tuple[Stat, str]]:
    """Yield what lies in a folder, or matches a glob, with its path below the folder."""
    folder, glob = _split_glob(path)
    if glob:
        _check(glob)
    skipped = len(folder) + 1 if folder.strip("/") else len(folder)
    for stat in store.list(folder):
        name = stat.path[skipped:]
        # What a glob matches may be a folder: then all that lies below it is meant.
        if not glob or matches(f"/{glob}", name) or matches(f"/{glob}/**", name):
            yield stat, name


def _check(glob: str) -> None:
    try:
        check_glob(glob)
    except ValueError as error:
        raise InputNotFoundError(f"An input cannot be searched for: {error}.") from None


def _split_glob(path: str) -> tuple[str, str]:
    """Split a path before its first part with a wildcard: only what lies there is listed."""
    parts = path.split("/")
    number = next((n for n, part in enumerate(parts) if any(c in part for c in WILDCARDS)), None)
    if number is None:
        return path, ""
    return "/".join(parts[:number]), "/".join(parts[number:])


def _uri(store: Store, path: str) -> str:
    return at(store.name, path.lstrip("/")) if store.name else path


def _no_match(asked: str, left: Counter[str]) -> InputNotFoundError:
    if left:
        kinds = ", ".join(f"{count} x {suffix}" for suffix, count in left.most_common(5))
        way_out = "Name a file outright to take it whatever its extension is."
        return InputNotFoundError(f"The input {asked} holds no video, only {kinds}.", way_out)
    way_out = "Check the spelling, or give a file, a folder or a quoted glob such as 'in/*.mp4'."
    return InputNotFoundError(f"The input {asked} matches nothing.", way_out)
