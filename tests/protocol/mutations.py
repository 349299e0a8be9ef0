"""Faults that the protocol once had, or could have, put back one by one: schedules must find each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from mutations_of_plans import Patch, listed_for_all, names_for_all, window_for_all

from fleet.clock import Clock
from fleet.core.fault import Fault
from fleet.core.receipt import PartFile
from fleet.driver import retry
from fleet.parquet.encoding import digest, encode
from fleet.storage import Folder
from fleet.storage.retry import Retrying
from fleet.table.commits.commit import Writer
from fleet.table.commits.manifest import Manifest, manifest_name
from fleet.table.commits.record import part_name
from fleet.table.maintenance import close, compact, exchange, garbage, rewriting, vacuum
from fleet.table.maintenance.exchange import Exchange
from fleet.table.maintenance.requeue import Requeued
from fleet.table.maintenance.rewriting import Rewriting
from fleet.table.state import own_leases
from fleet.table.state.holder import Holder
from fleet.table.state.lock import EXPIRES_S, Lock, LockGuard
from fleet.table.state.state import TableState, read_state
from fleet.table.table import Table


@dataclass(frozen=True)
class Mutation:
    """A fault."""

    name: str
    about: str
    patches: Callable[[], Iterable[Patch]]
    """What it replaces: an object, an attribute's name, another value."""

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Have the fault for as long as the context lasts."""
        patches = [patch.object(target, name, value) for target, name, value in self.patches()]
        _begin(patches)
        _applied.append(patches)
        try:
            yield
        finally:
            _applied.remove(patches)
            _end(patches)


_applied: list[list[Any]] = []
"""The patches of the faults that are put back, in their order."""


@contextmanager
def sound() -> Iterator[None]:
    """Have no fault for as long as the context lasts: what is kept from schedule to schedule."""
    for patches in reversed(_applied):
        _end(patches)
    try:
        yield
    finally:
        for patches in _applied:
            _begin(patches)


def _begin(patches: Iterable[Any]) -> None:
    for each in patches:
        each.start()


def _end(patches: Sequence[Any]) -> None:
    for each in reversed(patches):
        each.stop()


def _frames_overwritten() -> Iterable[Patch]:
    create = Writer._create

    def put(self: Writer, name: str, data: bytes) -> bool:
        if not name.startswith("frames/"):
            return create(self, name, data)
        self._folder.put(name, data)
        return True

    yield Writer, "_create", put


def _siblings_overwritten() -> Iterable[Patch]:
    def put(self: Writer, table: str, lease: str, rows: Any) -> PartFile:
        data = encode(rows, {"fleet": "{}"})
        self._folder.put(f"{table}/{part_name(lease)}", data)
        return PartFile(table, part_name(lease), rows.num_rows, len(data), digest(data))

    yield Writer, "_put", put


def _own_receipts() -> Iterable[Patch]:
    create = Writer._create

    def believe(self: Writer, name: str, data: bytes) -> bool:
        return create(self, name, data) or name.startswith("frames/")

    yield Writer, "_create", believe


def _manifests_overwritten() -> Iterable[Patch]:
    def put(folder: Folder, manifest: Manifest) -> bool:
        folder.put(manifest_name(manifest.number), manifest.to_bytes())
        return True

    yield rewriting, "put_manifest", put


def _deleted_first() -> Iterable[Patch]:
    publish = Rewriting.publish

    def delete_and_publish(
        self: Rewriting, manifest: Manifest, exchanges: Iterable[Exchange] = ()
    ) -> Manifest:
        several = list(exchanges)
        garbage.delete(self.folder, [name for each in several for name in each.objects])
        return publish(self, manifest, several)

    yield Rewriting, "publish", delete_and_publish


def _not_read_back() -> Iterable[Patch]:
    def put(self: Rewriting, table: str, name: str, rows: int, data: bytes) -> PartFile:
        self.folder.put(f"{table}/{name}", data)
        return PartFile(table, name, rows, len(data), digest(data))

    yield Rewriting, "_put_part", put


def _clocks_compared() -> Iterable[Patch]:
    def is_free(self: Lock, seen: Any) -> bool:
        holder: Holder | None = seen.holder
        return holder is None or holder.expires_unix_s < self._clock.unix_s()

    def renew(self: Lock) -> None:
        _extend(self)
        self._write_over()

    def take(self: Lock) -> None:
        _extend(self)
        original(self)

    def _extend(lock: Lock) -> None:
        clock: Clock = lock._clock
        lock.holder = replace(
            lock.holder,
            expires_unix_s=clock.unix_s() + EXPIRES_S,
            renewals=lock.holder.renewals + 1,
        )

    original = Lock.take
    yield Lock, "_is_free", is_free
    yield Lock, "renew", renew
    yield Lock, "take", take
    yield LockGuard, "check", lambda _: None


def _sealed_unread() -> Iterable[Patch]:
    yield close, "check_epoch", lambda *_: None
    yield close, "check_there", lambda *_: None
    yield close, "check_whole", lambda *_: None


def _swept_by_listing() -> Iterable[Patch]:
    collect = garbage.collect

    def sweep(folder: Folder, tables: Any, state: TableState) -> None:
        garbage.delete(folder, garbage.uncommitted(state, tables))
        collect(folder, tables, state)

    for module in (close, compact, vacuum):
        yield module, "collect", sweep


def _epochs_ignored() -> Iterable[Patch]:
    yield Manifest, "counts", lambda self, lease: not self.closed or lease in self.leases


def _damage_rewritten() -> Iterable[Patch]:
    # Neither the digest of a part is looked at, nor those of the pages in it.
    yield exchange, "is_as_put", lambda *_: True
    yield exchange, "decode_rows", lambda data: pq.ParquetFile(pa.BufferReader(data)).read()
    yield exchange, "check_part_rows", lambda *_: None


def _versions_by_etag() -> Iterable[Patch]:
    yield Retrying, "version", lambda _, result: result.etag


def _unreached_lost() -> Iterable[Patch]:
    yield Fault, "is_unreached", property(lambda _: False)


def _conditions_believed() -> Iterable[Patch]:
    # The property of the class, and what it found out before.
    yield Table, "conditional", property(lambda _: True)


def _torn_counted() -> Iterable[Patch]:
    objects: Callable[[TableState], set[str]] = TableState.__dict__["objects"].func

    def there(self: TableState) -> set[str]:
        return {name for name in objects(self) if name in self.sizes}

    yield own_leases, "_whole", lambda records, _: np.ones(len(records), np.bool_)
    yield TableState, "objects", property(there)


def _listings_believed() -> Iterable[Patch]:
    def read(folder: Folder, tables: Any, _: Any = ()) -> TableState:
        return read_state(folder, tables)

    yield rewriting, "read_state", read


def _guards_blind() -> Iterable[Patch]:
    yield LockGuard, "check", lambda _: None


def _all_retried() -> Iterable[Patch]:
    yield retry, "JOB_STAGES", frozenset({"job", "vdec"})


def _none_retried() -> Iterable[Patch]:
    yield Table, "requeue", lambda *_: Requeued(0, 0, 0, 0.0)


MUTATIONS: Mapping[str, Mutation] = {
    mutation.name: mutation
    for mutation in (
        Mutation("frames overwritten", "the last commit of a lease counts", _frames_overwritten),
        Mutation(
            "siblings overwritten", "attempts share their siblings' names", _siblings_overwritten
        ),
        Mutation("own receipts", "whoever commits believes its own receipt", _own_receipts),
        Mutation(
            "manifests overwritten", "the last writer of a manifest wins", _manifests_overwritten
        ),
        Mutation("deleted first", "what is replaced goes before the manifest", _deleted_first),
        Mutation("not read back", "packs are not read back", _not_read_back),
        Mutation("clocks compared", "locks expire by the clock on the wall", _clocks_compared),
        Mutation("sealed unread", "an output is closed without a look at it", _sealed_unread),
        Mutation(
            "swept by listing", "what a listing does not show as committed goes", _swept_by_listing
        ),
        Mutation("epochs ignored", "leases of former epochs count", _epochs_ignored),
        Mutation("damage rewritten", "a rewrite does not compare digests", _damage_rewritten),
        Mutation("etags for versions", "a store's versions are taken for etags", _versions_by_etag),
        Mutation("unreached is lost", "what cannot be read just now is given up", _unreached_lost),
        Mutation(
            "conditions believed", "a careless store is taken for a sound one", _conditions_believed
        ),
        Mutation("torn counted", "a lease counts without its siblings", _torn_counted),
        Mutation(
            "listings believed", "known commits are not asked for by name", _listings_believed
        ),
        Mutation(
            "window for all", "a window of the archive is taken for all of it", window_for_all
        ),
        Mutation(
            "names for all", "the names that are listed are taken for all of them", names_for_all
        ),
        Mutation("listed for all", "a plan ends with what is listed by then", listed_for_all),
        Mutation("all retried", "a retry takes up what no mended code can mend", _all_retried),
        Mutation("none retried", "a retry leaves the losses where they are", _none_retried),
        Mutation("guards blind", "a holder believes in its lock for ever", _guards_blind),
    )
}
