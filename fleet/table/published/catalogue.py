"""Opening catalogues of Iceberg tables through pyiceberg, which is an extra, and their errors."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fleet.errors import FleetError, StorageError, UsageError
from fleet.storage import Folder, redact
from fleet.table.published.iceberg_record import RECORD_FILE, IcebergRecord, location_of

if TYPE_CHECKING:
    from pyiceberg.catalog import Catalog

CATALOGUE_NAME = "fleet"
"""How pyiceberg is told to call a catalogue that is given by its address."""
_IO = "fleet.table.published.iceberg_io.FolderIO"


@contextmanager
def opened(folder: Folder, record: IcebergRecord) -> Iterator[Catalog]:
    """Open a catalogue, with the namespace in it.

    Raises UsageError where pyiceberg is not installed, or readers would not find the output;
    StorageError where the catalogue does not answer as it should, then and as long as it is open.
    """
    try:
        from pyiceberg.catalog import load_catalog  # noqa: PLC0415 - of an extra
    except ModuleNotFoundError as error:
        raise UsageError(
            f"Iceberg tables need {error.name}, which is not installed.",
            "Install the extra that brings it: pip install 'ascend-fleet[iceberg]'.",
        ) from error
    from fleet.table.published.iceberg_io import FOLDER_PROPERTY  # noqa: PLC0415 - likewise

    location_of(folder.uri)
    name, address = record.catalogue, {}
    if "://" in name:
        name, address = CATALOGUE_NAME, {"uri": record.catalogue}
    own = {"py-io-impl": _IO, FOLDER_PROPERTY: folder.uri}
    with _answering(folder, record), _without_hints():
        catalogue = load_catalog(name, **address, **own)
        try:
            catalogue.create_namespace_if_not_exists(record.namespace)
            yield catalogue
        finally:
            catalogue.close()


@contextmanager
def _without_hints() -> Iterator[None]:
    """Keep back what pyiceberg says of each text of each part that it describes."""
    logger = logging.getLogger("pyiceberg.io.pyarrow")
    logger.addFilter(_is_no_hint)
    try:
        yield
    finally:
        logger.removeFilter(_is_no_hint)


def _is_no_hint(record: logging.LogRecord) -> bool:
    return "does not have a dictionary type" not in record.getMessage()


@contextmanager
def _answering(folder: Folder, record: IcebergRecord) -> Iterator[None]:
    try:
        yield
    except FleetError:
        raise
    except _troubles() as error:
        reason = redact(" ".join(str(error).split()).rstrip(".")) or type(error).__name__
        raise StorageError(
            f"The catalogue {record.catalogue} does not publish {folder.uri}: {reason}.",
            "No part was deleted. Run the command again when it answers; or, to keep the output "
            f"published no longer, drop {record.namespace} there and delete {RECORD_FILE}.",
        ) from error


def _troubles() -> tuple[type[Exception], ...]:
    """Return what pyiceberg raises, which has no root of its own, and what is below it."""
    from pyiceberg import exceptions  # noqa: PLC0415 - of an extra
    from requests import RequestException  # noqa: PLC0415 - likewise

    own = [value for value in vars(exceptions).values() if isinstance(value, type)]
    below: list[type[Exception]] = [RequestException, OSError, ValueError]
    try:
        from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415 - REST does without it
    except ModuleNotFoundError:
        pass
    else:
        below.append(SQLAlchemyError)
    return (*own, *below)
