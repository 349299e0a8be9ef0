"""The records that make an output folder what it is, and their text: the job's, and each lease's.

`_JOB.json` names the job. Each lease's frames part carries a commit record in its footer, under the
key `fleet`; the other parts of the lease carry where they come from under the same key.
"""

from __future__ import annotations

import hashlib
import json
import re
from ast import literal_eval
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

from fleet.core.interval import Interval
from fleet.core.json_object import JsonObject, integer, items, named, several, text
from fleet.core.json_text import read_json
from fleet.core.receipt import PartFile, Receipt, Tally
from fleet.parquet.arrays import to_bytes
from fleet.table.commits.stored_names import check_parts, lease_name, table_name
from fleet.table.parts.schema import ERRORS_TABLE, FRAMES_TABLE
from fleet.version import __version__

METADATA_KEY = "fleet"
_SEAL = ', "digest": "'
_SEALED = {"committed_unix_s", "pack"}
"""Fields of records that were never written without a digest."""
_PART = re.compile(r"part-([0-9a-f]{32})(?:-[0-9a-f]{8})?\.parquet")
_UNFINISHED = re.compile(r"\.part-([0-9a-f]{32})(?:-[0-9a-f]{8})?\.parquet\.[0-9a-f]+\.tmp")


def part_name(lease: str) -> str:
    """Name the object, in each table's folder, that holds a lease's rows."""
    return f"part-{lease}.parquet"


def lease_of(name: str) -> str | None:
    """Read the lease from a part's name, as `table/part-...` or `part-...`; None for others."""
    found = _PART.fullmatch(name.rpartition("/")[2])
    return found[1] if found else None


def other_part_name(lease: str, sha256: str) -> str:
    """Name the object that holds a lease's rows where other rows took its usual name."""
    return f"part-{lease}-{sha256[:8]}.parquet"


def unfinished_lease_of(name: str) -> str | None:
    """Read the lease from what a local put leaves behind when it is killed; None for others."""
    found = _UNFINISHED.fullmatch(name.rpartition("/")[2])
    return found[1] if found else None


class ChecksumMismatchError(ValueError):
    """A record that is not as it was written."""


def with_checksum(record: Mapping[str, Any]) -> str:
    """Write a record as JSON whose last field is a digest of the others."""
    text = json.dumps(record, ensure_ascii=False)
    return f'{text[:-1]}{_SEAL}{_digest(text)}"}}'


def verify_checksum(text: str | bytes) -> dict[str, Any]:
    """Read a record.

    Raises ChecksumMismatchError where its digest is another, ValueError where it is no record.
    """
    written = text if isinstance(text, str) else text.decode()
    body, seal, digest = written.rpartition(_SEAL)
    if seal and digest != f'{_digest(f"{body}}}")}"}}':
        raise ChecksumMismatchError("it was changed after it was written")
    raw = read_json(written)
    if not isinstance(raw, dict):
        raise ValueError("it is no record")  # noqa: TRY004 - of a text, not of a caller
    if not seal and _SEALED & raw.keys():
        raise ChecksumMismatchError("its digest was lost")
    return raw


def _digest(text: str) -> str:
    return hashlib.sha256(to_bytes(text)).hexdigest()[:16]


@dataclass(frozen=True)
class JobRecord:
    """Which job an output folder holds.

    `digest`: the job's identity. `table`: the name of its table. `fields`: what people compare
    when two jobs differ, name -> a value that JSON can hold.
    """

    digest: str
    table: str
    fields: Mapping[str, Any]
    version: str = __version__

    @classmethod
    def of(cls, table: str, fields: Mapping[str, Any]) -> Self:
        """Return the record of a job, whose identity is all of its fields."""
        text = json.dumps(fields, sort_keys=True, ensure_ascii=True)
        return cls(hashlib.sha256(text.encode()).hexdigest(), table, fields)

    def written_as(self, other: JobRecord) -> JobRecord:
        """Return it with its parameters as another job writes them, where they are equal.

        A job file has 110.0 where Python may have 110, and both are one job.
        """
        params, others = self.fields.get("params"), other.fields.get("params")
        if params == others or not (isinstance(params, Mapping) and isinstance(others, Mapping)):
            return self
        written = {
            name: others[name] if name in others and _are_equal(value, others[name]) else value
            for name, value in params.items()
        }
        if written == params:
            return self
        return self.of(self.table, {**self.fields, "params": written})

    @property
    def tables(self) -> tuple[str, ...]:
        """The table folders, in the order in which the parts of a lease are put."""
        return (self.table, ERRORS_TABLE, FRAMES_TABLE)

    @property
    def partitions(self) -> str:
        """The pattern by which the job takes columns from paths; empty where it takes none."""
        return str(self.fields.get("partitions", ""))

    def to_json(self) -> str:
        """Write it as `_JOB.json` holds it."""
        head = {"fleet": self.version, "job": self.digest, "table": self.table}
        return json.dumps({**head, "fields": dict(self.fields)}, indent=1, ensure_ascii=False)

    @classmethod
    def from_json(cls, written: str | bytes) -> Self:
        """Read it back; raises ValueError where it is not such a record."""
        raw = JsonObject.parse(written)
        table = raw.take("table", table_name)
        if table in {ERRORS_TABLE, FRAMES_TABLE}:
            raise ValueError(f"{table} is no name for a job's table")
        fields = raw.take("fields", JsonObject.of)
        fields.take("partitions", _pattern, "")
        return cls(raw.take("job", text), table, fields.values, raw.take("fleet", text))


def _are_equal(one: object, other: object) -> bool:
    """Return whether two texts of values, as `repr` writes them, are of equal values."""
    try:
        return one == other or bool(literal_eval(text(one)) == literal_eval(text(other)))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return False


def _pattern(value: object) -> str:
    try:
        return re.compile(text(value)).pattern
    except re.error as error:
        raise ValueError(f"it is no pattern: {error}") from None


@dataclass(frozen=True)
class Origin:
    """What rows come from: the job, the chip, the models (name -> digest), Fleet's version."""

    job: str
    soc: str
    models: Mapping[str, str] = field(default_factory=dict)
    version: str = __version__

    def to_dict(self, lease: str) -> dict[str, Any]:
        """Write it as every part of `lease` carries it."""
        return {
            "fleet": self.version,
            "job": self.job,
            "lease": lease,
            "soc": self.soc,
            "models": dict(self.models),
        }


@dataclass(frozen=True)
class CommitRecord:
    """A lease, committed: where its rows come from, and its receipt.

    The receipt's last part is the frames part that carries this record; its sha256 is that of the
    bytes before its footer, because it cannot contain its own. `committed_unix_s`: when, by the
    clock of whoever committed it, in whole seconds since 1970; 0 where unknown. `was`: the leases
    that this one is a remainder of, whose other stretches were taken out.
    """

    origin: Origin
    receipt: Receipt
    committed_unix_s: int = 0
    was: tuple[str, ...] = ()

    def to_json(self) -> str:
        """Write it as the frames part carries it."""
        receipt = self.receipt
        frames = receipt.parts[-1]
        covered = [[i.uri, i.etag, i.start_pts, i.end_pts] for i in receipt.intervals]
        record = {
            **self.origin.to_dict(receipt.lease),
            "device": receipt.device,
            "committed_unix_s": self.committed_unix_s,
            "peak_rss_bytes": receipt.peak_rss_bytes,
            "intervals": covered,
            "parts": [asdict(part) for part in receipt.parts[:-1]],
            "frames": {"rows": frames.rows, "sha256_before_footer": frames.sha256},
            "tally": asdict(receipt.tally),
            **({"split_into": receipt.split_into} if receipt.split_into else {}),
        }
        return with_checksum(record)

    @classmethod
    def from_json(cls, written: str | bytes, part_bytes: int) -> Self:
        """Read it back from a frames part of `part_bytes` bytes.

        Raises ChecksumMismatchError where it was changed since, ValueError where it is not such a
        record.
        """
        raw = JsonObject.of(verify_checksum(written))
        lease = raw.take("lease", lease_name)
        part = frames_part(raw.take("frames", JsonObject.of), part_name(lease), part_bytes)
        receipt = raw.build(
            Receipt,
            lease=lease,
            intervals=raw.take("intervals", several(_interval)),
            parts=(*raw.take("parts", several(part_file)), part),
            tally=raw.take("tally", JsonObject.of).build(Tally),
        )
        check_parts(lease, receipt.parts)
        origin = raw.build(
            Origin, models=raw.take("models", named(text)), version=raw.take("fleet", text)
        )
        return cls(origin, receipt, raw.take("committed_unix_s", integer, 0))


def part_file(value: object) -> PartFile:
    """Read a part as records list it; raises ValueError where it is none."""
    return JsonObject.of(value).build(PartFile)


def frames_part(raw: JsonObject, name: str, part_bytes: int) -> PartFile:
    """Read what a record says of the frames part that carries it; raises ValueError."""
    sha256 = raw.take("sha256_before_footer", text)
    return PartFile(FRAMES_TABLE, name, raw.take("rows", integer), part_bytes, sha256)


def _interval(value: object) -> Interval:
    uri, etag, start_pts, end_pts = items(value)
    return Interval(text(uri), text(etag), integer(start_pts), integer(end_pts))
