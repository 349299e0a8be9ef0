"""The log of a Delta table, version by version: its schema, and which files are in it; pure.

By https://github.com/delta-io/delta/blob/master/PROTOCOL.md, reader version 1 and writer version 2.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, unquote

import pyarrow as pa

from fleet.table.published.columns import typed_columns
from fleet.table.published.data_files import DataFile
from fleet.version import __version__

LOG_FOLDER = "_delta_log"
_VERSION = re.compile(r"([0-9]{20})\.json")
_READER, _WRITER = 1, 2
_TYPES = {
    pa.string(): "string",
    pa.large_string(): "string",
    pa.binary(): "binary",
    pa.large_binary(): "binary",
    pa.bool_(): "boolean",
    pa.int8(): "byte",
    pa.int16(): "short",
    pa.int32(): "integer",
    pa.int64(): "long",
    pa.float32(): "float",
    pa.float64(): "double",
    pa.date32(): "date",
    pa.timestamp("us", "UTC"): "timestamp",
}
"""Types of Arrow -> those of Delta."""


@dataclass(frozen=True)
class Snapshot:
    """What a Delta table holds."""

    version: int = -1
    """The number of its last version, from 0; -1 where there is none."""
    paths: frozenset[str] = frozenset()
    """The names of its files."""
    schema: str = ""
    """Its schema, as its log writes it."""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    """All that its log says of it beside its files."""


def version_name(version: int) -> str:
    """Return the name of a version's object, below the table's folder."""
    return f"{LOG_FOLDER}/{version:020}.json"


def version_of(name: str) -> int | None:
    """Return the number of the version that an object of a log is; None for others."""
    found = _VERSION.fullmatch(name.rpartition("/")[2])
    return int(found[1]) if found else None


def replay(versions: Mapping[int, bytes]) -> Snapshot:
    """Return what a table holds, by all its versions.

    Raises ValueError where they are no such log, or one of a later protocol.
    """
    if sorted(versions) != list(range(len(versions))):
        raise ValueError("versions of it are missing, as where another system cleans it up")
    schema = ""
    metadata: Mapping[str, Any] = {}
    paths: set[str] = set()
    for number in sorted(versions):
        for line in versions[number].decode().splitlines():
            action = json.loads(line) if line.strip() else {}
            if "protocol" in action:
                _check_protocol(action["protocol"])
            if "metaData" in action:
                metadata, schema = action["metaData"], str(action["metaData"]["schemaString"])
            if "add" in action:
                paths.add(unquote(action["add"]["path"]))
            if "remove" in action:
                paths.discard(unquote(action["remove"]["path"]))
    return Snapshot(len(versions) - 1, frozenset(paths), schema, metadata)


def _check_protocol(protocol: Mapping[str, Any]) -> None:
    reader, writer = protocol["minReaderVersion"], protocol["minWriterVersion"]
    if reader > _READER or writer > _WRITER:
        raise ValueError(f"another system has raised its protocol to {reader}, {writer}")


def next_version(
    before: Snapshot,
    files: Iterable[DataFile],
    schema: pa.Schema,
    *,
    table: str,
    job: str,
    number: int,
    now_ms: int,
) -> bytes | None:
    """Return the version after `before`, in which a table holds these files; None for no change.

    `job`, `number`: the digest of the job, and the manifest that says so. `now_ms`: milliseconds
    since 1970. Two calls never return the same. Raises UsageError for types that Delta has not.
    """
    wanted = {file.path: file for file in files}
    text = schema_text(schema, table)
    added = [wanted[path] for path in sorted(wanted.keys() - before.paths)]
    removed = sorted(before.paths - wanted.keys())
    if not added and not removed and before.schema == text:
        return None
    actions: list[dict[str, Any]] = []
    if before.version < 0:
        actions.append({"protocol": {"minReaderVersion": _READER, "minWriterVersion": _WRITER}})
    if before.schema != text:
        made = {
            "id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{job}/{table}")),
            "name": table,
            "format": {"provider": "parquet", "options": {}},
            "partitionColumns": [],
            "configuration": {},
            "createdTime": now_ms,
        }
        actions.append({"metaData": {**made, **before.metadata, "schemaString": text}})
    actions.append({"txn": {"appId": f"fleet/{job}", "version": number, "lastUpdated": now_ms}})
    actions += [{"remove": _remove(path, now_ms)} for path in removed]
    actions += [{"add": _add(file, now_ms)} for file in added]
    info = {
        "timestamp": now_ms,
        "operation": "WRITE",
        "operationParameters": {"mode": "Overwrite" if removed else "Append"},
        "engineInfo": f"ascend-fleet/{__version__}",
        # So that an answer that was lost is told from another writer's put.
        "txnId": uuid.uuid4().hex,
    }
    lines = (json.dumps(action, ensure_ascii=False) for action in [{"commitInfo": info}, *actions])
    return "".join(f"{line}\n" for line in lines).encode()


def _add(file: DataFile, now_ms: int) -> dict[str, Any]:
    return {
        "path": quote(file.path),
        "partitionValues": {},
        "size": file.bytes,
        "modificationTime": now_ms,
        "dataChange": True,
        "stats": json.dumps({"numRecords": file.rows}),
    }


def _remove(path: str, now_ms: int) -> dict[str, Any]:
    return {"path": quote(path), "deletionTimestamp": now_ms, "dataChange": True}


def schema_text(schema: pa.Schema, table: str) -> str:
    """Return a schema as the log of a Delta table writes it.

    Raises UsageError, naming the column of `table`, for a type that Delta has not.
    """
    columns = []
    for name, kind, about in typed_columns(schema, table, "Delta", _type):
        comment = {"comment": about.decode()} if about else {}
        columns.append({"name": name, "type": kind, "nullable": True, "metadata": comment})
    return json.dumps({"type": "struct", "fields": columns}, ensure_ascii=False)


def _type(kind: pa.DataType) -> Any:
    if pa.types.is_dictionary(kind):
        return _type(kind.value_type)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return {"type": "array", "elementType": _type(kind.value_type), "containsNull": True}
    if kind not in _TYPES:
        raise ValueError(kind)
    return _TYPES[kind]
