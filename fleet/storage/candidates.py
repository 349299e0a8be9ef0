"""The objects that an input may mean: the one of that name, those of a folder, or of a glob."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Literal

from fleet.errors import InputNotFoundError
from fleet.storage.location import has_dot_part, suffix_of
from fleet.storage.selection import WILDCARDS, check_glob, matches
from fleet.storage.store import Stat, Store

VIDEO_EXTENSIONS = frozenset(
    {".mp4", ".m4v", ".mov", ".3gp", ".3g2", ".mkv", ".webm", ".avi", ".flv", ".f4v", ".ogv"}
    | {".ts", ".m2ts", ".mts", ".mpg", ".mpeg", ".vob"}
    | {".h264", ".264", ".avc", ".h265", ".265", ".hevc"}
)
IMAGE_EXTENSIONS = frozenset({".jpg", ".jpeg"})
Media = Literal["videos", "images"]
"""What is looked for in folders and by globs."""
EXTENSIONS: Mapping[Media, frozenset[str]] = {
    "videos": VIDEO_EXTENSIONS,
    "images": IMAGE_EXTENSIONS,
}
"""How the names end of what is taken there, in lower case."""
_AT_ONCE = 16
_HELD = 1000
"""Candidates that may wait for one before them to be settled."""


@dataclass(frozen=True)
class Candidate:
    """An object that an input may mean."""

    stat: Stat
    """The object. An empty one with a slash at the end of its path is a folder's mark."""
    name: str
    """Its path below the folder that the input names."""


def find_object(store: Store, path: str) -> Stat | None:
    """Return the object of that name; None where there is none, or where it stands for a folder."""
    found = _stat(store, path)
    return None if found is None or _is_mark(store, found) else found


def find_below(
    store: Store,
    path: str,
    *,
    only_folders: bool,
    extensions: AbstractSet[str] = VIDEO_EXTENSIONS,
    is_stopped: Callable[[], bool] = lambda: False,
) -> Iterator[Candidate]:
    """Yield the objects in a folder, or that match a glob.

    What is there under a name with wildcards wins over what the wildcards match. `only_folders`: a
    glob means what lies in the folders that it matches, and no objects that it matches itself.
    `extensions`: of what is looked for; an empty object of another name marks no folder.
    `is_stopped`: asked at each object, whether meant or not; once it says so, nothing more comes.
    Raises InputNotFoundError for a glob that is none.
    """
    folder, glob = _split_glob(store, path)
    if glob:
        _check(glob)
    skipped = len(folder) + 1 if folder.strip("/") else len(folder)

    def is_meant(name: str) -> bool:
        direct = not only_folders and matches(f"/{glob}", name)
        return direct or matches(f"/{glob}/**", name)

    def chosen() -> Iterator[Candidate]:
        for stat in store.list(folder):
            if is_stopped():
                return
            name = stat.path[skipped:]
            # A glob may match a folder: then it means all objects below that folder.
            if not glob or is_meant(name):
                yield Candidate(stat, name)

    return _with_marks(store, chosen(), extensions)


def _with_marks(
    store: Store, candidates: Iterator[Candidate], extensions: AbstractSet[str]
) -> Iterator[Candidate]:
    """Yield candidates; those that turn out to mark a folder get a slash at the end of their path.

    Consoles and tools put an empty object for a folder, with a slash at the end of its name, which
    clients take away: what is left may look like an empty video, or like another object. Several of
    them are asked for at a time; they and what follows them stay in order.
    """
    waiting: deque[Candidate | Future[Candidate]] = deque()
    with ExitStack() as ends:
        threads: ThreadPoolExecutor | None = None
        for candidate in filter(lambda candidate: candidate.name, candidates):
            is_doubtful = bool(store.name) and _may_be_mark(candidate.stat, extensions)
            if is_doubtful and threads is None:
                pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="listing")
                threads = ends.enter_context(pool)
            if is_doubtful and threads:
                waiting.append(threads.submit(_settle, store, candidate))
            else:
                waiting.append(candidate)
            while waiting and (len(waiting) > _HELD or _is_settled(waiting[0])):
                yield _settled(waiting.popleft())
        yield from map(_settled, waiting)


def _is_settled(item: Candidate | Future[Candidate]) -> bool:
    return isinstance(item, Candidate) or item.done()


def _settled(item: Candidate | Future[Candidate]) -> Candidate:
    return item if isinstance(item, Candidate) else item.result()


def _may_be_mark(stat: Stat, extensions: AbstractSet[str]) -> bool:
    if stat.bytes or stat.path.endswith("/") or has_dot_part(stat.path):
        return False
    return suffix_of(stat.path).lower() in extensions


def _settle(store: Store, candidate: Candidate) -> Candidate:
    found = _stat(store, candidate.stat.path)
    if found is None or _is_mark(store, found):
        mark = replace(candidate.stat, path=f"{candidate.stat.path}/")
        return replace(candidate, stat=mark)
    return replace(candidate, stat=found)


def _is_mark(store: Store, stat: Stat) -> bool:
    """Return whether an object is empty and has others below it, as Azure's folders are."""
    if stat.bytes or not store.name:
        return False
    return any(below.path != stat.path for below in islice(store.list(stat.path), 2))


def _stat(store: Store, path: str) -> Stat | None:
    """Return an object by its name; None where there is none, or for a whole store."""
    if not path.strip("/"):
        return None
    try:
        return store.stat(path)
    except FileNotFoundError:
        return None


def _check(glob: str) -> None:
    try:
        check_glob(glob)
    except ValueError as error:
        raise InputNotFoundError(f"An input cannot be searched for: {error}.") from None


def _split_glob(store: Store, path: str) -> tuple[str, str]:
    """Split a path before its first part with a wildcard: only the folder before it is listed.

    A part that is the name of a folder, as `cam[1]` may be, has none.
    """
    parts = path.split("/")
    for number, part in enumerate(parts):
        until = "/".join(parts[: number + 1])
        if any(c in part for c in WILDCARDS) and not _is_folder(store, until):
            folder = "/".join(parts[:number]) or ("/" if path.startswith("/") else "")
            return folder, "/".join(parts[number:])
    return path, ""


def _is_folder(store: Store, path: str) -> bool:
    if not store.name:
        return Path(path).is_dir()
    return next(store.list(path), None) is not None
