"""What the parts of an output say of themselves: the text in their footers, read by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TypeVar

from fleet.errors import OutputCorruptError, StorageError, TornPartError
from fleet.parquet.encoding import footer_span, read_footer
from fleet.storage import Entry, Folder
from fleet.table.commits.ahead import results_in_order
from fleet.table.commits.record import METADATA_KEY, ChecksumMismatchError

READ_THREADS = 32
TAIL_BYTES = 16 * 1024
"""Read from the end of a part first: the footer of a lease of some dozen intervals fits."""
T = TypeVar("T")


def _footer_bytes(folder: Folder, entry: Entry) -> bytes:
    tail_bytes = min(TAIL_BYTES, entry.bytes)
    tail = folder.read_range(entry.name, entry.bytes - tail_bytes, tail_bytes)
    span = footer_span(tail)
    if span > entry.bytes:
        raise ValueError(f"its footer is said to be longer than the object, {span} bytes")
    if span > len(tail):
        tail = folder.read_range(entry.name, entry.bytes - span, span)
    return tail[-span:]


def read_record(folder: Folder, entry: Entry, parse: Callable[[bytes, Entry], T]) -> T | None:
    """Read the record in a part's footer; None where the part is gone by now.

    Raises TornPartError where it is no whole Parquet file, or its record was altered;
    OutputCorruptError where it is one without such a record, StorageError where it cannot be read.
    """
    try:
        metadata = read_footer(_footer_bytes(folder, entry)).metadata or {}
    except FileNotFoundError:
        return None
    except StorageError:
        raise
    except OSError as error:
        raise StorageError(f"{folder.uri}/{entry.name} could not be read: {error}") from error
    except ValueError as error:
        raise TornPartError(*_no_record(folder, entry, error)) from error
    try:
        return parse(bytes(metadata.get(METADATA_KEY.encode(), b"")), entry)
    except ChecksumMismatchError as error:
        raise TornPartError(*_no_record(folder, entry, error)) from error
    except ValueError as error:
        raise OutputCorruptError(*_no_record(folder, entry, error)) from error


def _no_record(folder: Folder, entry: Entry, error: Exception) -> tuple[str, str]:
    return (
        f"{folder.uri}/{entry.name} holds no commit record: {error!r}.",
        "Delete this object and run the same command again: what it covers is done again.",
    )


def read_side_by_side(
    folder: Folder, entries: Iterable[Entry], read: Callable[[Folder, Entry], T | None]
) -> Iterator[T]:
    """Read some dozens at a time, and give what is there in the order of `entries`."""
    task = partial(read, folder)
    # A disk answers at once: threads would only stand in each other's way.
    results = (
        results_in_order(task, entries, READ_THREADS, "commits", 4 * READ_THREADS)
        if "://" in folder.uri
        else map(task, entries)
    )
    yield from (found for found in results if found is not None)
