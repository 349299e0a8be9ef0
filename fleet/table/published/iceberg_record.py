"""Where an output is published as Iceberg tables: the catalogue, and the names there."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass

from fleet.core.json_object import JsonObject
from fleet.errors import OutputCorruptError, UsageError
from fleet.storage import Folder, refuse_credentials
from fleet.storage.location import parse_location
from fleet.text import one_line

RECORD_FILE = "_ICEBERG.json"
METADATA_FOLDER = "_iceberg"
"""Below each table's folder: what Iceberg keeps of it."""
DEFAULT_CATALOGUE = "default"
"""pyiceberg's own name for the catalogue that is meant where none is named."""
_READ_BY_ALL = ("", "s3", "gs")
_MEANT_OTHERWISE = frozenset("#?%")
_SQLITE = "sqlite:///"


@dataclass(frozen=True)
class IcebergRecord:
    """In which catalogue an output is published."""

    catalogue: str
    """The name of one of pyiceberg's, or the address of one: sqlite:///..., https://..."""
    namespace: str
    """In which its tables have the names that they have in the output."""

    def name_of(self, table: str) -> str:
        """Return the name of a table in the catalogue."""
        return f"{self.namespace}.{table}"


def record_of(folder: Folder, catalogue: str | None, namespace: str | None) -> IcebergRecord:
    """Return where an output is published: where it is already, or where is asked for.

    Raises UsageError where it is published elsewhere already, or the address has credentials.
    """
    before = read_record(folder)
    asked = IcebergRecord(
        _whole(catalogue or (before.catalogue if before else DEFAULT_CATALOGUE)),
        namespace or (before.namespace if before else _namespace(folder.uri)),
    )
    if before not in {None, asked}:
        assert before is not None
        raise UsageError(
            f"{folder.uri} is published as {before.namespace} in the catalogue {before.catalogue}.",
            f"Leave --catalog and --namespace out; or drop its tables there and delete "
            f"{RECORD_FILE}, and it is not kept any more.",
        )
    return asked


def read_record(folder: Folder) -> IcebergRecord | None:
    """Return in which catalogue an output is published; None for none.

    Raises OutputCorruptError where its record cannot be read.
    """
    try:
        return JsonObject.parse(folder.read(RECORD_FILE)).build(IcebergRecord)
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise OutputCorruptError(
            f"{folder.uri}/{RECORD_FILE} does not say in which catalogue it is: {error}.",
            "Delete this object, and run `fleet publish --format iceberg --catalog ...` again.",
        ) from error


def put_record(folder: Folder, record: IcebergRecord) -> None:
    """Have rewrites publish the output again from now on."""
    folder.put(RECORD_FILE, json.dumps(asdict(record)).encode())


def location_of(uri: str) -> str:
    """Return an output's location as Iceberg writes it.

    Raises UsageError where readers of Iceberg would not find it.
    """
    scheme = parse_location(uri).scheme
    if scheme not in _READ_BY_ALL:
        raise UsageError(
            f"No reader of Iceberg finds {uri}: it knows no {scheme}://.",
            "There are local folders, s3:// and gs://. Delta tables can lie in any store.",
        )
    if uri.encode(errors="ignore").decode() != uri:
        raise UsageError(
            f"Iceberg has no words for {one_line(uri)}, which is not UTF-8.",
            "Move the output to a folder whose name is.",
        )
    if not _MEANT_OTHERWISE.isdisjoint(uri):
        raise UsageError(
            f"Readers of Iceberg would not find {uri}: # ? % mean something else to them.",
            "Move the output to a folder without them.",
        )
    return uri if scheme else f"file://{uri}"


def _whole(catalogue: str) -> str:
    refuse_credentials(catalogue)
    path = catalogue.removeprefix(_SQLITE)
    if path == catalogue or not path:
        return catalogue
    # Other processes, which publish it again, are started in other folders.
    return f"{_SQLITE}{os.path.abspath(path)}"  # noqa: PTH100 - strings in, strings out


def _namespace(uri: str) -> str:
    """Return a namespace that is named as the output's folder, in what all catalogues take."""
    last = uri.rstrip("/").rpartition("/")[2].lower()
    return re.sub(r"[^a-z0-9_]+", "_", last).strip("_") or "fleet"
