"""The videos that the inputs of a job name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from heapq import merge
from pathlib import Path, PurePosixPath

from fleet.core.source import Source, Sources, address_of_stream, split_stream
from fleet.errors import InputNotFoundError
from fleet.storage.candidates import EXTENSIONS, Candidate, Media, find_below, find_object
from fleet.storage.location import (
    at,
    canonical,
    has_dot_part,
    is_apple_double,
    is_in_system_folder,
    parse_location,
    suffix_of,
)
from fleet.storage.resolve import open_store
from fleet.storage.selection import EVERY_VIDEO, InputFilter
from fleet.storage.store import Store

LINK, ODD_NAME = "(link)", "(odd name)"
"""What links, and objects whose address would be that of another object, are counted as."""
APPLE_DOUBLE, SYSTEM_FOLDER, MARK = "(AppleDouble)", "(system folder)", "(folder mark)"
"""What files of macOS beside others, what lies in folders of a system, and empty objects that
stand for a folder are counted as."""


@dataclass(frozen=True)
class Listing:
    """The objects that the inputs of a job name."""

    sources: Sequence[Source]
    """The videos, sorted by URI."""
    left: dict[str, int] = field(default_factory=dict)
    """Extension, or LINK and its like -> how many names are no videos for that."""
    not_chosen: int = 0
    """How many videos the filter leaves out."""


def expand(
    inputs: Sequence[str], input_filter: InputFilter = EVERY_VIDEO, media: Media = "videos"
) -> Listing:
    """Find the videos that `inputs` name: files, globs, and folders (recursively).

    A file that is named itself counts as a video under any name, `FILE#stream=N` for one of its
    video streams; in folders and globs those with an extension of `media` do (EXTENSIONS), unless a
    system has put them there. A slash at the end names a folder. A link that is named itself is
    followed, one that lies in a folder is not: an archive that others fill could lead anywhere by
    it, or list a video a thousand times. Raises InputNotFoundError where an input matches no video,
    and StorageError where a store cannot be listed.
    """
    search = Search(inputs, input_filter, media)
    return search.listing(search)


class Search(Iterator[Source]):
    """The videos that inputs name, as their stores list them; see `expand`.

    Each video comes once, and in the order of URIs where the stores list in the order of names, as
    most do. Before the first one comes, each input has shown that it holds one. It visits each
    object, and holds no more than the names of those that have come.
    """

    def __init__(
        self,
        inputs: Sequence[str],
        input_filter: InputFilter = EVERY_VIDEO,
        media: Media = "videos",
    ) -> None:
        if not inputs:
            raise InputNotFoundError(
                "No input is named.", "Name videos or folders with --input URI."
            )
        self.left: Counter[str] = Counter()
        """Extension, or LINK and its like -> how many names so far are no videos for that."""
        self.not_chosen = 0
        """How many videos the filter has left out so far."""
        self._filter = input_filter
        self._media = media
        self._open: dict[str, None] = {}
        self._is_stopped = False
        self._sources = self._each_once(inputs)

    def __next__(self) -> Source:
        """Return the next video; raises as `expand` does."""
        return next(self._sources)

    @property
    def open_inputs(self) -> tuple[str, ...]:
        """The folders and globs among the inputs that are not listed to their end.

        The last one of them stays until files that are named outright have come as well, so that
        there is one until all has come. Where there is none, the stores have nothing more to tell.
        """
        return tuple(self._open)

    def listing(self, sources: Iterable[Source]) -> Listing:
        """Return the listing of all videos that have come."""
        return Listing(Sources(sources).by_uri(), self.left_aside, self.not_chosen)

    @property
    def left_aside(self) -> dict[str, int]:
        """What `Listing.left` is, of what was visited so far."""
        return {kind: count for kind, count in sorted(self.left.items()) if count}

    def stop(self) -> None:
        """Have the search end at the next object, video or not; safe to call from any thread."""
        self._is_stopped = True

    def close(self) -> None:
        """Let go of the stores; nothing comes any more."""
        self._sources.close()

    def _each_once(self, inputs: Sequence[str]) -> Generator[Source, None, None]:
        seen: set[str] = set()
        last = ""
        for source in merge(*map(self._of, inputs), key=lambda source: source.uri):
            # A store lists a name once: only what several inputs name need be remembered.
            if source.uri != last and source.uri not in seen:
                last = source.uri
                if len(inputs) > 1:
                    seen.add(last)
                yield source
        if self._is_stopped:
            return
        self._open.clear()
        if not last:
            raise InputNotFoundError(
                f"Of the {self.not_chosen} {self._media} that the inputs hold none is chosen.",
                "Check include, exclude and modified_since.",
            )

    def _of(self, given: str) -> Iterator[Source]:
        """Yield the videos of one input; raises InputNotFoundError where it has none."""
        address, stream = split_stream(given)
        store, path = open_store(canonical(address))
        is_folder = given.endswith("/")
        outright = None if is_folder else find_object(store, path)
        if outright is not None:
            candidates = iter([Candidate(outright, PurePosixPath(path).name)])
        else:
            self._open[given] = None
            candidates = find_below(
                store,
                path,
                only_folders=is_folder,
                extensions=EXTENSIONS[self._media],
                is_stopped=lambda: self._is_stopped,
            )
        left: Counter[str] = Counter()
        is_empty = True
        for candidate in candidates:
            stat = candidate.stat
            kind = _kind(store, candidate)
            if outright is None and kind not in EXTENSIONS[self._media]:
                left[kind] += 1
                self.left[kind] += 1
                continue
            is_empty = False
            if self._filter.takes(candidate.name, stat.modified_s):
                uri = _uri(store, stat.path)
                uri = uri if stream is None else address_of_stream(uri, stream)
                yield Source(uri, stat.bytes, stat.etag)
            else:
                self.not_chosen += 1
        if self._is_stopped:
            return
        if is_empty:
            raise _no_match(given, left, self._media)
        if len(self._open) > 1:
            self._open.pop(given, None)


def _kind(store: Store, candidate: Candidate) -> str:
    """Return the extension of an object, or what else it is counted as."""
    stat, name = candidate.stat, candidate.name
    suffix = suffix_of(stat.path).lower()
    # Clients take the slash away that ends the name of a folder's mark.
    ends_as_folder = stat.path.endswith("/") or not suffix
    if is_in_system_folder(name):
        return SYSTEM_FOLDER
    if stat.is_link:
        return LINK
    if store.name and not stat.bytes and ends_as_folder:
        return MARK
    if is_apple_double(name):
        return APPLE_DOUBLE
    if has_dot_part(stat.path) or stat.path != _path_of_location(store, stat.path):
        return ODD_NAME
    return suffix or "(none)"


def _uri(store: Store, path: str) -> str:
    return at(store.name, path.lstrip("/")) if store.name else path


def _path_of_location(store: Store, path: str) -> str:
    """Return the path that the location of an object leads to; slashes at its ends are lost."""
    is_bucket = store.name.rpartition("://")[2]
    return parse_location(at(store.name, path)).path if is_bucket else path


def _no_match(given: str, left: Counter[str], media: Media) -> InputNotFoundError:
    if left:
        kinds = ", ".join(f"{count} x {suffix}" for suffix, count in left.most_common(5))
        way_out = "Name a file outright to take it whatever its extension is."
        if LINK in left:
            way_out += " Links in a folder are not followed: name what they lead to."
        other: Media = "images" if media == "videos" else "videos"
        if EXTENSIONS[other] & left.keys():
            way_out = f"Take {other} with --set media={other}. {way_out}"
        what = media.removesuffix("s")
        return InputNotFoundError(f"The input {given} holds no {what}, only {kinds}.", way_out)
    way_out = (
        "Check the spelling, or name others by --input: a file, a folder, or a quoted glob such as "
        "'in/*.mp4'."
    )
    if given.endswith("/"):
        way_out += " A slash at the end names a folder."
    if "[" in given:
        way_out += " Where a glob is to match a bracket, write [[]."
    if Path(given).is_dir():
        return InputNotFoundError(f"The folder {given} is empty.", way_out)
    where = "" if "://" in given or Path(given).is_absolute() else f" in {Path.cwd()}"
    return InputNotFoundError(f"The input {given} matches nothing{where}.", way_out)
