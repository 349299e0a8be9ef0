"""The videos that the inputs of a job name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from fleet.core.source import Source
from fleet.errors import InputNotFoundError
from fleet.storage.location import at, canonical, parse_location
from fleet.storage.names import has_dot_part
from fleet.storage.resolve import open_store
from fleet.storage.selection import EVERY_VIDEO, WILDCARDS, InputFilter, check_glob, matches
from fleet.storage.store import Stat, Store

LINK, ODD_NAME = "(link)", "(odd name)"
"""What links, and objects whose address would be that of another object, are counted as."""
VIDEO_EXTENSIONS = frozenset(
    {".mp4", ".m4v", ".mov", ".3gp", ".3g2", ".mkv", ".webm", ".avi", ".flv", ".f4v"}
    | {
        ".ts",
        ".m2ts",
        ".mts",
        ".mpg",
        ".mpeg",
        ".vob",
        ".h264",
        ".264",
        ".avc",
        ".h265",
        ".265",
        ".hevc",
    }
)


@dataclass(frozen=True)
class Listing:
    """The objects that the inputs of a job name."""

    sources: tuple[Source, ...]
    """The videos, sorted by URI."""
    left: dict[str, int] = field(default_factory=dict)
    """Extension, LINK or ODD_NAME -> how many objects are no videos for that."""
    not_chosen: int = 0
    """How many videos the filter leaves out."""


def expand(inputs: Sequence[str], input_filter: InputFilter = EVERY_VIDEO) -> Listing:
    """Find the videos that `inputs` name: files, globs, and folders (recursively).

    A file that is named itself counts as a video under any name; in folders and globs those with an
    extension of VIDEO_EXTENSIONS do. A link that is named itself is followed, one that lies in a
    folder is not: an archive that others fill could lead anywhere by it, or list a video a thousand
    times. Raises InputNotFoundError where an input matches no video, and StorageError where a store
    cannot be listed.
    """
    if not inputs:
        raise InputNotFoundError("No input is named.", "Name videos or folders with --input URI.")
    search = _Search(input_filter)
    for item in inputs:
        search.add(item)
    found = search.found
    if not found:
        raise InputNotFoundError(
            f"Of the {search.not_chosen} videos that the inputs hold none is chosen.",
            "Check include, exclude and modified_since.",
        )
    left = {suffix: count for suffix, count in sorted(search.left.items()) if count}
    return Listing(tuple(found[uri] for uri in sorted(found)), left, search.not_chosen)


class _Search:
    """The videos of several inputs; it visits each object, and keeps only videos."""

    def __init__(self, input_filter: InputFilter) -> None:
        self.found: dict[str, Source] = {}
        self.left: Counter[str] = Counter()
        self.not_chosen = 0
        self._filter = input_filter

    def add(self, given: str) -> None:
        """Add the videos of one input; raises InputNotFoundError where it has none."""
        store, path = open_store(canonical(given))
        outright = _stat(store, path)
        if outright is not None:
            candidates = iter([(outright, PurePosixPath(path).name)])
        else:
            candidates = _below(store, path)
        left: Counter[str] = Counter()
        taken = not_chosen = 0
        for stat, name in candidates:
            kind = _kind(store, stat)
            if outright is None and kind not in VIDEO_EXTENSIONS:
                left[kind] += 1
            elif self._filter.takes(name, stat.modified_s):
                taken += 1
                uri = _uri(store, stat.path)
                self.found[uri] = Source(uri, stat.bytes, stat.etag)
            else:
                not_chosen += 1
        if not taken and not not_chosen:
            raise _no_match(given, left)
        self.left += left
        self.not_chosen += not_chosen


def _kind(store: Store, stat: Stat) -> str:
    """Return the extension of an object, or what else it is counted as."""
    if stat.is_link:
        return LINK
    if has_dot_part(stat.path) or stat.path != _path_of_location(store, stat.path):
        return ODD_NAME
    return PurePosixPath(stat.path).suffix.lower() or "(none)"


def _stat(store: Store, path: str) -> Stat | None:
    """Return the object that an input names itself; None where it names none, or a whole store."""
    if not path.strip("/"):
        return None
    try:
        return store.stat(path)
    except FileNotFoundError:
        return None


def _below(store: Store, path: str) -> Iterator[tuple[Stat, str]]:
    """Yield the objects in a folder, or that match a glob, each with its path below the folder."""
    folder, glob = _split_glob(path)
    if glob:
        _check(glob)
    skipped = len(folder) + 1 if folder.strip("/") else len(folder)
    for stat in store.list(folder):
        name = stat.path[skipped:]
        # A glob may match a folder: then it means all objects below that folder.
        if not glob or matches(f"/{glob}", name) or matches(f"/{glob}/**", name):
            yield stat, name


def _check(glob: str) -> None:
    try:
        check_glob(glob)
    except ValueError as error:
        raise InputNotFoundError(f"An input cannot be searched for: {error}.") from None


def _split_glob(path: str) -> tuple[str, str]:
    """Split a path before its first part with a wildcard: only the folder before it is listed."""
    parts = path.split("/")
    number = next((n for n, part in enumerate(parts) if any(c in part for c in WILDCARDS)), None)
    if number is None:
        return path, ""
    return "/".join(parts[:number]), "/".join(parts[number:])


def _uri(store: Store, path: str) -> str:
    return at(store.name, path.lstrip("/")) if store.name else path


def _path_of_location(store: Store, path: str) -> str:
    """Return the path that the location of an object leads to; slashes at its ends are lost."""
    is_bucket = store.name.rpartition("://")[2]
    return parse_location(at(store.name, path)).path if is_bucket else path


def _no_match(given: str, left: Counter[str]) -> InputNotFoundError:
    if left:
        kinds = ", ".join(f"{count} x {suffix}" for suffix, count in left.most_common(5))
        way_out = "Name a file outright to take it whatever its extension is."
        if LINK in left:
            way_out += " Links in a folder are not followed: name what they lead to."
        return InputNotFoundError(f"The input {given} holds no video, only {kinds}.", way_out)
    way_out = "Check the spelling, or give a file, a folder or a quoted glob such as 'in/*.mp4'."
    return InputNotFoundError(f"The input {given} matches nothing.", way_out)
