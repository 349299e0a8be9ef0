"""Inputs and output: whether they can be read and written, how fast, and whose clock differs."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from email.utils import parsedate_to_datetime
from pathlib import Path

import requests

from fleet.core.format import duration, plural, size
from fleet.doctor.finding import Finding, State, well
from fleet.errors import CredentialsRefusedError, StorageError
from fleet.storage import Folder, Reader, expand
from fleet.storage.credentials import s3_access
from fleet.storage.folder import PROBE_PREFIX
from fleet.storage.resolve import open_store

OFFSET_S = 5.0
"""From here on a clock that differs is worth a note: `fleet status` and `top` tell ages by it."""
REFUSED_S = 15 * 60.0
"""Stores that sign requests refuse those whose clock differs by more."""
SLOW_S = 0.5
_SKEWED = "RequestTimeTooSkewed"
_PATIENCE_S = 5.0
_FIRST_BYTES = 64 << 10


def examine_input(uris: Sequence[str]) -> Iterator[Finding]:
    """Yield whether the inputs can be listed, and the first video be read."""
    began_s = time.monotonic()
    try:
        sources = expand(uris).sources
    except CredentialsRefusedError as error:
        yield from _judge_refused(uris[0], "the input's store", error)
        raise
    listed_s = time.monotonic() - began_s
    what = f"{plural(len(sources), 'video')}, {size(sum(s.bytes for s in sources))}"
    yield well("input", f"{what}, listed in {duration(listed_s)}")
    began_s = time.monotonic()
    data = Reader(sources[0]).read(0, min(sources[0].bytes, _FIRST_BYTES))
    took_s = time.monotonic() - began_s
    said = f"{size(len(data))} of {sources[0].uri} in {duration(took_s)}"
    yield judge_speed("reading", said, took_s)


def judge_speed(what: str, said: str, took_s: float) -> Finding:
    """Return what is to be said of a request that took so many seconds; pure."""
    if took_s < SLOW_S:
        return well(what, said)
    way_out = "The store is slow or far: run where it is near, on nodes of its region."
    return Finding(what, State.WARNING, said, way_out)


def examine_output(uri: str) -> Iterator[Finding]:
    """Yield whether the output can be written, keeps conditions, and has this machine's time.

    A small object is put and deleted there; nothing else is changed.
    """
    with _left_as_found(uri):
        folder = Folder(uri)
        name = f"{PROBE_PREFIX}{uuid.uuid4().hex}"
        began_s = time.monotonic()
        try:
            folder.put(name, b"fleet doctor looks whether it can write here.")
        except StorageError as error:
            yield from _judge_refused(uri, "the output's store", error)
            # What was tried is of no interest, but where.
            raise type(error)(error.message.replace(f"/{name}", ""), error.way_out) from None
        try:
            took_s = time.monotonic() - began_s
            now_unix_s = time.time()
            store, path = open_store(f"{folder.uri}/{name}")
            modified_s = store.stat(path).modified_s
        finally:
            folder.delete(name)
        yield judge_speed("output", f"{folder.uri} takes an object in {duration(took_s)}", took_s)
        if modified_s is not None:
            yield judge_clock("clock", "the output's store", modified_s - now_unix_s)
        yield judge_conditions(folder.check_writable().conditional)


def judge_conditions(conditional: bool) -> Finding:
    """Return what is to be said of a store that keeps conditions, or does not; pure."""
    if conditional:
        return well(
            "conditional", "puts keep their conditions, so that runs cannot harm each other"
        )
    said = "This store has no conditional puts that hold: --join, compact and requeue are refused."
    way_out = "See that one run alone works on the output, or take another store."
    return Finding("conditional", State.WARNING, said, way_out)


def judge_clock(what: str, of: str, offset_s: float) -> Finding:
    """Return what is to be said of a clock that is ahead of ours by so many seconds; pure.

    Times of a store are whole seconds, cut off.
    """
    off_s = abs(offset_s)
    if off_s <= OFFSET_S:
        return well(what, f"that of {of} and this one differ by {OFFSET_S:.0f} s at most")
    said = (
        f"The clock of {of} is {duration(off_s)} {'ahead of' if offset_s > 0 else 'behind'} ours."
    )
    way_out = "Set the clocks, as by chrony or systemd-timesyncd."
    if off_s > REFUSED_S:
        said += " Stores refuse requests whose time is off by more than a quarter of an hour."
        return Finding(what, State.BAD, said, way_out)
    return Finding(what, State.WARNING, said, way_out)


def _judge_refused(uri: str, of: str, error: StorageError) -> Iterator[Finding]:
    """Yield by how much a store's clock differs, where that is why it refuses."""
    if _SKEWED not in error.message:
        return
    access = s3_access(uri, os.environ)
    if access is None:
        return
    endpoint = access.endpoint or f"https://s3.{access.region}.amazonaws.com"
    with suppress(requests.RequestException, TypeError, ValueError):
        # Who is asked need not know us to say what time it is.
        answer = requests.head(endpoint, timeout=_PATIENCE_S)
        told = parsedate_to_datetime(answer.headers.get("Date", ""))
        yield judge_clock("clock", of, told.timestamp() - time.time())


@contextmanager
def _left_as_found(uri: str) -> Iterator[None]:
    """Remove the empty folders that were made of a local path meanwhile."""
    path = Path(uri.removeprefix("file://")).absolute() if _is_local(uri) else None
    missing = [p for p in (path, *path.parents) if not p.exists()] if path else []
    try:
        yield
    finally:
        for folder in missing:
            with suppress(OSError):  # somebody has put something there
                folder.rmdir()


def _is_local(uri: str) -> bool:
    return "://" not in uri or uri.startswith("file://")
