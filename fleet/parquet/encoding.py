"""Tables as Parquet bytes: the same rows give the same bytes; and footers, read by themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.parquet as pq

from fleet.parquet.arrays import to_bytes

MAGIC = b"PAR1"
_TRAILER_BYTES = 8
"""A Parquet file ends with its footer's length, 4 bytes, and the magic, 4 bytes."""


GROUP_ROWS = 1 << 16
"""Rows in a row group of a large object: less is slow to read whole, more is slow to skip."""
_DISTINCT = {"ndv": 1024, "fpp": 0.01}
"""How many texts a Bloom filter of a row group tells apart, and how often it is wrong."""
_FEW_ROWS = 512
"""Up to so many, zstd saves hardly a byte, and making ready to read a column takes it longer than
all else that is done with it."""


def encode(table: pa.Table, metadata: Mapping[str, str], *, in_groups: bool = False) -> bytes:
    """Write a table as one Parquet file: dictionaries for text, statistics, page checksums.

    Compressed by zstd, few rows by Snappy, which a reader is ready for at once. `metadata` goes
    into the footer as key-value pairs; the bytes before the footer depend on the rows alone.
    `in_groups`: for many rows, of which readers want to skip what they do not look for: in row
    groups of GROUP_ROWS, each with Bloom filters of its text, and with an index of pages.
    """
    sink = pa.BufferOutputStream()
    text = [field.name for field in table.schema if _is_text(field.type)]
    ordered = [field.name for field in table.schema if not _is_bulk(field.type)]
    with pq.ParquetWriter(
        sink,
        table.schema,
        compression="zstd" if table.num_rows > _FEW_ROWS else "snappy",
        use_dictionary=text or False,
        write_statistics=ordered or False,
        write_page_checksum=True,
        write_page_index=in_groups,
        bloom_filter_options=dict.fromkeys(text, _DISTINCT) if in_groups else None,
    ) as writer:
        # Page limits follow the chunks that a column comes in: one chunk gives one layout.
        writer.write_table(table.combine_chunks(), GROUP_ROWS if in_groups else None)
        writer.add_key_value_metadata({key: to_bytes(text) for key, text in metadata.items()})
    return bytes(sink.getvalue())


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_dictionary(kind) or pa.types.is_string(kind))


def _is_bulk(kind: pa.DataType) -> bool:
    """Whether the least and greatest value say nothing, and are large: bytes, lists."""
    kinds = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_nested)
    return any(belongs(kind) for belongs in kinds)


def digest(data: bytes) -> str:
    """Name the content of an object: its sha256 in hex."""
    return hashlib.sha256(data).hexdigest()


def digest_before_footer(data: bytes) -> str:
    """Name the rows of a part whatever its footer says: sha256 of all bytes before the footer."""
    return hashlib.sha256(memoryview(data)[: -footer_span(data[-_TRAILER_BYTES:])]).hexdigest()


def footer_span(tail: bytes) -> int:
    """Tell how many bytes at its end a Parquet file uses for its footer, from its last bytes.

    Raises ValueError where they are not the end of a Parquet file.
    """
    if len(tail) < _TRAILER_BYTES or tail[-4:] != MAGIC:
        raise ValueError("it does not end as a Parquet file does")
    return int.from_bytes(tail[-8:-4], "little") + _TRAILER_BYTES


def read_footer(footer: bytes) -> pq.FileMetaData:
    """Read the footer by itself, `footer_span` bytes long.

    Raises ValueError where it is damaged.
    """
    try:
        return pq.read_metadata(pa.BufferReader(MAGIC + footer))
    except (pa.ArrowException, OSError) as error:
        raise ValueError(f"its footer cannot be read: {error}") from error
