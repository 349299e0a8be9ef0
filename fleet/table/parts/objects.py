"""Columns whose values are objects beside the table: the column holds their names.

A name says what the object comes from and what it holds, and nothing else: whoever does a lease
again puts the same objects under the same names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Protocol

import pyarrow as pa

from fleet.errors import UsageError

OBJECTS_FOLDER = "objects"
"""Where they lie in an output."""
_KEY = b"object"
_SUFFIX = re.compile(r"\.[a-z0-9]{1,16}")
_KEPT = frozenset("-_.=+@,")
_DIGEST_DIGITS = 12
_DIGEST = re.compile(r"-([0-9a-f]{12})\.[a-z0-9]+$")
_LONGEST_PART, _LONGEST_NAME = 120, 700
"""Bytes of a part, and of the whole, of what a source is called: stores take 255 and 1,024."""
_HEAD = 30
"""Characters that are kept of a part that is longer."""


class NameObject(Protocol):
    """Names the objects of a job's columns; pickled, it goes to workers."""

    def __call__(self, column: str, uri: str, frame: int, data: bytes, suffix: str) -> str:
        """Return where an object is put: of a frame of a video, the bytes in that column."""


def object_column(name: str, suffix: str, about: str = "") -> pa.Field:
    """Describe a column of objects, for a job's schema.

    The job fills it with the bytes of each, or with None. They are put below `objects/` of the
    output, and the column holds their names there. `suffix`: how the names end, such as .jpg.
    Raises UsageError for another suffix than a dot, small letters and digits.
    """
    if not _SUFFIX.fullmatch(suffix):
        raise UsageError(
            f"The names of objects cannot end in {suffix!r}.",
            "Write a dot and small letters or digits, such as .jpg.",
        )
    what = about or f"the name of an object in the output ({suffix})"
    return pa.field(name, pa.string(), metadata={"unit": "", "about": what, "object": suffix})


def object_suffixes(schema: pa.Schema) -> dict[str, str]:
    """Map the columns of objects in a schema to how their names end."""
    return {
        field.name: field.metadata[_KEY].decode()
        for field in schema
        if field.metadata and _KEY in field.metadata
    }


def object_name(column: str, uri: str, frame: int, data: bytes, suffix: str) -> str:
    """Return the name of an object in its output, by what it comes from and what it holds."""
    digest = sha256(data).hexdigest()[:_DIGEST_DIGITS]
    return f"{OBJECTS_FOLDER}/{column}/{_source_name(uri)}/{frame:07}-{digest}{suffix}"


def is_as_named(name: str, data: bytes) -> bool:
    """Return whether an object holds what its name says."""
    found = _DIGEST.search(name)
    return found is not None and sha256(data).hexdigest().startswith(found[1])


def check_columns(table: str, suffixes: Mapping[str, str]) -> None:
    """Raise UsageError where a job's table would lie where its objects do."""
    if suffixes and table == OBJECTS_FOLDER:
        raise UsageError(
            f"The table of a job with columns of objects cannot be called {table}.",
            f"{OBJECTS_FOLDER}/ is where the objects of {', '.join(suffixes)} lie.",
        )


def _source_name(uri: str) -> str:
    """Return a source's location as a part of an object's name.

    Of two locations that come out the same, the objects of one name hold the same bytes.
    """
    parts = [_encoded(part) for part in uri.replace("://", "/").split("/")]
    name = "/".join(part for part in parts if part.strip("."))
    if len(name.encode()) <= _LONGEST_NAME:
        return name
    return f"{_digest(uri)}/{parts[-1]}"


def _encoded(part: str) -> str:
    encoded = "".join(c if c.isalnum() or c in _KEPT else _percent(c) for c in part)
    if len(encoded.encode()) <= _LONGEST_PART:
        return encoded
    return f"{encoded[:_HEAD]}~{_digest(part)}"


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
