"""Changing what an output holds: packs are put and read back, then one manifest makes them count.

What a reader sees meanwhile: `fleet.read` sees the old parts until the manifest is put, and the
packs from then on. A store cannot exchange several objects at once, so a reader of plain globs
(`detections/*.parquet`) could see both, or neither: while an exchange lasts, an object that is no
Parquet file lies last in each folder, and the reader fails, naming it, instead of reading wrong
rows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace

from fleet.clock import Clock
from fleet.core.receipt import PartFile
from fleet.errors import StorageError, SupersededError
from fleet.parquet.encoding import digest, digest_before_footer, encode
from fleet.storage import Folder
from fleet.table.commits.manifest import Manifest, put_manifest
from fleet.table.commits.pack import (
    DONE_FOLDER,
    REPLACES_KEY,
    PackRecord,
    name_pack,
    pack_part_name,
)
from fleet.table.commits.record import METADATA_KEY, JobRecord
from fleet.table.commits.record_table import to_parquet
from fleet.table.maintenance.exchange import Exchange
from fleet.table.maintenance.garbage import SWITCHING, delete
from fleet.table.parts.schema import FRAMES_TABLE
from fleet.table.published.publish import publish_again
from fleet.table.state.state import TableState, read_state

_TEXT = b"Parts are being brought together here by Fleet. Read again in some seconds.\n"


@dataclass(frozen=True)
class Rewriting:
    """An output, while this process means to rewrite it.

    Its lock keeps others from doing the same work. What keeps them from undoing it is the manifest:
    of two writers that act on the same state, one is told that it came too late.
    """

    folder: Folder
    job: JobRecord
    check: Callable[[], None] = field(repr=False)
    """Raises JobFailedError where a lock that this process needs is lost, or may be by now."""
    clock: Clock = field(repr=False)
    what: str
    """The command that rewrites."""
    pause_s: float
    """How long plain globs are kept out before parts are exchanged, and after."""

    def state(self, committed: Collection[str] = ()) -> TableState:
        """Return what the output holds now; `committed`: see `read_state`."""
        return read_state(self.folder, self.job.tables, committed)

    def publish(self, manifest: Manifest, exchanges: Iterable[Exchange] = ()) -> Manifest:
        """Put the packs of exchanges, and a manifest with them; return it.

        `manifest`: what is to count besides them. Raises SupersededError where another one has its
        number; then nothing has changed. What the exchanges take the place of is deleted last.
        """
        several = iter(exchanges)
        exchange = next(several, None)
        if exchange is None:
            self._put(manifest)
            return manifest
        with self._globs_kept_out():
            made: list[str] = []
            objects: list[str] = []
            while exchange is not None:
                self.check()
                objects += exchange.objects
                if exchange.kept.records.num_rows:
                    made.append(self._put_pack(manifest.number, exchange))
                # It holds the rows of a pack, and is let go before the next one is made.
                exchange = None
                exchange = next(several, None)
            manifest = replace(manifest, packs=(*manifest.packs, *made))
            self._put(manifest)
            self.clock.sleep(self.pause_s)
            delete(self.folder, objects)
        return manifest

    def _put(self, manifest: Manifest) -> None:
        self.check()
        if not put_manifest(self.folder, manifest):
            raise SupersededError(
                f"{self.folder.uri} was changed by another process just now.",
                "Run the command again.",
            )
        self.publish_again()

    def publish_again(self) -> None:
        """Publish what is published already, before anything is deleted that it names."""
        publish_again(self.folder, self.job, self.clock, self.check)

    @contextmanager
    def _globs_kept_out(self) -> Iterator[None]:
        names = [f"{table}/{SWITCHING}" for table in self.job.tables]
        for name in names:
            self.folder.put(name, _TEXT)
        self.clock.sleep(self.pause_s)
        yield
        for name in names:
            self.folder.delete(name)

    def _put_pack(self, number: int, exchange: Exchange) -> str:
        """Put a pack's objects, and read each of them back; return its name."""
        kept = exchange.kept
        leases = kept.records.num_rows
        name = name_pack(number)
        data = to_parquet(kept.records, {REPLACES_KEY: json.dumps(sorted(exchange.replaces))})
        parts = [self._put_part(DONE_FOLDER, f"pack-{name}.parquet", leases, data)]
        origin = {"fleet": self.job.version, "job": self.job.digest, "pack": name}
        for table, rows in kept.tables.items():
            if rows.num_rows and table != FRAMES_TABLE:
                data = encode(rows, {METADATA_KEY: json.dumps(origin)}, in_groups=True)
                parts.append(self._put_part(table, pack_part_name(name), rows.num_rows, data))
        frames = kept.tables[FRAMES_TABLE]
        rows_digest = digest_before_footer(encode(frames, {}, in_groups=True))
        part = PartFile(FRAMES_TABLE, pack_part_name(name), frames.num_rows, 0, rows_digest)
        record = PackRecord(name, self.job.digest, leases, (*parts, part))
        data = encode(frames, {METADATA_KEY: record.to_json()}, in_groups=True)
        self._put_part(part.table, part.name, part.rows, data)
        return name

    def _put_part(self, table: str, name: str, rows: int, data: bytes) -> PartFile:
        part = PartFile(table, name, rows, len(data), digest(data))
        self.folder.put(f"{table}/{name}", data)
        with suppress(FileNotFoundError):
            if digest(self.folder.read(f"{table}/{name}")) == part.sha256:
                return part
        raise StorageError(
            f"{self.folder.uri}/{table}/{name} does not read back as it was put.",
            "Nothing was deleted. Check the store, and run the command again.",
        )
