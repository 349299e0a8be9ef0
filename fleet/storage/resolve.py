"""From a location to the store that holds it."""

from __future__ import annotations

import os

from fleet.storage.cloud import open_cloud
from fleet.storage.disk import DiskStore
from fleet.storage.fault_injection import FAULTS_VARIABLE, Faults, Faulty
from fleet.storage.fsspec_store import open_foreign
from fleet.storage.location import CLOUD_SCHEMES, Location, place
from fleet.storage.retry import Retrying
from fleet.storage.store import Store


def open_store(uri: str) -> tuple[Store, str]:
    """Open the store that holds a location: it, and the path within it.

    Raises UsageError where there is no way to open such a location, AccessDeniedError where no
    credentials for it are found.
    """
    where = place(uri)
    store, path = _bare(where)
    # The only place where it is read: a schedule of faults reaches every process by inheritance.
    return _patient(store, os.environ.get(FAULTS_VARIABLE, "")), path


def _bare(where: Location) -> tuple[Store, str]:
    if not where.scheme:
        return _DISK, where.path
    if where.scheme in CLOUD_SCHEMES:
        return open_cloud(where), where.path
    return open_foreign(where)


_DISK = DiskStore()
_PATIENT: dict[tuple[Store, str], Store] = {}


def _patient(store: Store, schedule: str) -> Store:
    """Wrap a store once: whether it has answered before is known of it from then on."""
    key = (store, schedule)
    if key not in _PATIENT:
        faulty = Faulty(store, Faults.parse(schedule)) if schedule else store
        _PATIENT[key] = Retrying(faulty)
    return _PATIENT[key]
