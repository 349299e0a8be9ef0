"""From a location to the store that holds it."""

from __future__ import annotations

import os

from fleet.storage.disk import DiskStore
from fleet.storage.fault_injection import FAULTS_VARIABLE, Faults, Faulty
from fleet.storage.location import CLOUD_SCHEMES, Location, parse_location
from fleet.storage.retry import Retrying
from fleet.storage.store import Store


def open_store(uri: str) -> tuple[Store, str]:
    """Return the store that holds a location, and the path within it.

    Raises UsageError where such a location cannot be opened, and AccessDeniedError where no
    credentials for it are found.
    """
    location = parse_location(uri)
    store, path = _open(location)
    # The variable is read only here: a schedule of faults reaches every process by inheritance.
    return _with_retries(store, os.environ.get(FAULTS_VARIABLE, "")), path


def _open(location: Location) -> tuple[Store, str]:
    if not location.scheme:
        return _DISK, location.path
    if location.scheme in CLOUD_SCHEMES:
        # What speaks HTTP takes a while to load, and each process of a run on folders does without.
        from fleet.storage.clients import open_cloud  # noqa: PLC0415

        return open_cloud(location), location.path
    # It loads fsspec, which takes as long as numpy, and what is named is rarely foreign.
    from fleet.storage.fsspec_store import open_foreign  # noqa: PLC0415

    return open_foreign(location)


_DISK = DiskStore()
_RETRYING: dict[tuple[Store, str], Store] = {}


def _with_retries(store: Store, schedule: str) -> Store:
    """Return a store with retries, always the same one: it remembers whether the store answered."""
    key = (store, schedule)
    if key not in _RETRYING:
        faulty = Faulty(store, Faults.parse(schedule)) if schedule else store
        _RETRYING[key] = Retrying(faulty)
    return _RETRYING[key]
