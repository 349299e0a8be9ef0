"""What accidents and enemies do to a small object of an output: drawn from a seeded generator."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fleet.parquet.encoding import encode
from fleet.table.commits.record import METADATA_KEY, verify_checksum

RAW = "\ue000"
"""Marks text that is to stand in JSON as it is: numbers that Python's own writer never writes."""
_NUMBERS = [
    *(f"{RAW}{text}{RAW}" for text in ("NaN", "Infinity", "-Infinity", "1e400", "1e308", "1e-320")),
    *(
        0,
        -1,
        1.5,
        2**31,
        2**53 + 1,
        2**62 + 1,
        2**63 - 1,
        2**63,
        -(2**63),
        2**80,
        10**25,
        -(10**25),
    ),
]
_TEXTS = [
    "",
    "\0",
    "x" * 70_000,
    "../../x",
    "\udcff\ud800",
    "\x1b[2J\r\n",
    "a\\",
    '"',
    "1/0",
    "1e9999",
]
_OTHERS: list[Any] = [
    None,
    True,
    False,
    [],
    {},
    [[]],
    {"": None},
    [None],
    [1, "a"],
    {"a": {"b": [1]}},
]
POISONS = [*_NUMBERS, *_TEXTS, *_OTHERS]
_DEEP = '{"a":' * 60_000
_DEEP_LISTS = "[" * 900 + "]" * 900


def bytes_damaged(data: bytes, rng: Random) -> bytes:
    """Cut, flip, clear, lengthen or replace the bytes of an object."""
    at = rng.randrange(len(data) or 1)
    flipped = bytearray(data)
    for _ in range(rng.choice((1, 1, 3, 30))):
        flipped[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    deeds: list[Callable[[], bytes]] = [
        lambda: b"",
        lambda: data[:at],
        lambda: data[at:],
        lambda: bytes(flipped),
        lambda: bytes(flipped),
        lambda: data[:at] + bytes(min(40, len(data) - at)) + data[at + 40 :],
        lambda: data + data[at:],
        lambda: rng.randbytes(len(data)),
        lambda: b"PAR1" + rng.randbytes(60) + b"\x10\0\0\0PAR1",
        _DEEP.encode,
        _DEEP_LISTS.encode,
        lambda: rng.choice((b"null", b"1", b'"a"', b"[]", b"{}", b"[1]", b"\xff\xfe{}", b"NaN")),
    ]
    return rng.choice(deeds)()


def mutated(value: Any, rng: Random) -> Any:
    """Change one place of a value of lists and objects, the deeper the likelier to be small."""
    root = [copy.deepcopy(value)]
    holder: Any = root
    key: Any = 0
    while isinstance(holder[key], dict | list) and holder[key] and rng.random() < 0.85:
        holder = holder[key]
        key = rng.choice(list(holder) if isinstance(holder, dict) else range(len(holder)))
    here = holder[key]
    if isinstance(here, str) and here.startswith("{") and rng.random() < 0.7:
        # JSON in a column of a table.
        holder[key] = _unmarked(json.dumps(mutated(json.loads(here), rng)))
        return root[0]
    deed = rng.randrange(8)
    if deed == 0 and holder is not root:
        del holder[key]
    elif deed == 1 and isinstance(holder, dict):
        holder[rng.choice(("", "unknown", "\0", "name"))] = holder[key]
    elif deed == 2 and isinstance(holder, list) and holder is not root:
        holder.append(copy.deepcopy(holder[key]))
    elif deed == 3:
        holder[key] = [holder[key]]
    elif deed == 4:
        # Of the same kind, so that it is not told by that.
        kind: list[Any] = _NUMBERS if isinstance(here, int | float) else _TEXTS
        holder[key] = copy.deepcopy(rng.choice(kind))
    else:
        holder[key] = copy.deepcopy(rng.choice(POISONS))
    return root[0]


def json_damaged(data: bytes, rng: Random) -> bytes:
    """Change one place of a JSON object; one with a checksum gets the right one for what it is."""
    text = data.decode()
    if '"digest": "' not in text or rng.random() < 0.1:
        return _written(mutated(json.loads(text), rng))
    raw = verify_checksum(text)
    raw.pop("digest")
    return sealed(mutated(raw, rng))


def sealed(value: Any) -> bytes:
    """Write a record with its checksum, as who means harm would."""
    if not isinstance(value, dict) or not value:
        return _written(value)
    text = json.dumps(value, ensure_ascii=False)
    body = _unmarked(text).encode(errors="backslashreplace")
    digest = hashlib.sha256(body).hexdigest()[:16]
    return body[:-1] + f', "digest": "{digest}"}}'.encode()


def _written(value: Any) -> bytes:
    return _unmarked(json.dumps(value)).encode()


def _unmarked(text: str) -> str:
    mark = json.dumps(RAW)[1:-1]
    for quoted in (f'"{RAW}', f'{RAW}"', f'"{mark}', f'{mark}"'):
        text = text.replace(quoted, "")
    return text


def record_damaged(data: bytes, rng: Random) -> bytes:
    """Change one place of the record in the footer of a part, whose rows stay as they are."""
    file = pq.ParquetFile(pa.BufferReader(data))
    about = (file.metadata.metadata or {}).get(METADATA_KEY.encode(), b"{}")
    return encode(file.read(), {METADATA_KEY: json_damaged(about, rng).decode()})


def table_damaged(data: bytes, rng: Random) -> bytes:
    """Change the columns or a value of a Parquet object."""
    file = pq.ParquetFile(pa.BufferReader(data))
    table, beside = file.read(), dict(file.metadata.metadata or {})
    beside.pop(b"ARROW:schema", None)
    deed = rng.randrange(9)
    at = rng.randrange(table.num_columns)
    name = table.column_names[at]
    if deed == 0:
        table = table.drop_columns([name])
    elif deed == 1:
        table = table.rename_columns([f"{n}_" if n == name else n for n in table.column_names])
    elif deed == 2:
        table = table.set_column(at, name, _other_column(table, rng))
    elif deed == 3:
        table = table.set_column(at, table.schema.field(at), pa.nulls(len(table), table[at].type))
    elif deed == 4:
        table = rng.choice(
            (table.slice(0, 0), pa.concat_tables([table, table]), pa.table({"a": [1]}))
        )
    elif deed == 5:
        table = rng.choice(
            (table.replace_schema_metadata(None), table.append_column("a", table[at]))
        )
        beside = rng.choice((beside, {}, {b"fleet.replaces": b'["x"]'}, {b"fleet.replaces": b"7"}))
    else:
        table = _with_value(table, rng)
    try:
        return written(table, beside)
    except pa.ArrowNotImplementedError:
        # Parquet has no structure without fields.
        return written(table.slice(0, 0).select([]), beside)


def written(table: pa.Table, beside: Mapping[bytes, bytes]) -> bytes:
    """Write a table as Parquet, with key-value pairs beside it."""
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, table.schema) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata(dict(beside))
    return bytes(sink.getvalue())


def _other_column(table: pa.Table, rng: Random) -> pa.Array:
    count = len(table)
    bad_text = pa.StringArray.from_buffers(
        count,
        pa.array(range(0, 2 * count + 1, 2), pa.int32()).buffers()[1],
        pa.py_buffer(b"\xff\xfe" * count),
    )
    return rng.choice(
        [
            bad_text,
            pa.array([rng.randrange(-5, 2**40) for _ in range(count)], pa.int64()),
            pa.array([float("nan")] * count),
            pa.array([float("inf")] * count),
            pa.array(["text"] * count),
            pa.array([b"\xff"] * count),
            pa.array([[1, None]] * count),
            pa.array([{"a": 1}] * count),
            pa.array([True] * count),
            pa.array(["text"] * count).dictionary_encode(),
        ]
    )


def _with_value(table: pa.Table, rng: Random) -> pa.Table:
    """Change one value, however deep it lies, and keep the schema where that is still possible."""
    changed = json.loads(_unquoted(mutated(table.to_pylist(), rng)), parse_constant=float)
    rows = [row for row in changed if isinstance(row, dict)] if isinstance(changed, list) else []
    schema = table.schema
    for known in (schema, None):
        try:
            made: pa.Table = pa.Table.from_pylist(rows, known)
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            continue
        return made.replace_schema_metadata(schema.metadata)
    return table.slice(0, 0)


def _unquoted(value: Any) -> str:
    return _unmarked(json.dumps(value))
