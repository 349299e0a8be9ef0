"""Whose an output folder is: one job's, from the first object put there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

import pyarrow as pa

from fleet.errors import OutputCorruptError, OutputTakenError, StorageRefusedError
from fleet.parquet.arrays import no_rows, to_bytes
from fleet.parquet.decoding import conform, decode
from fleet.parquet.encoding import encode
from fleet.storage import Folder
from fleet.table.commits.record import JobRecord
from fleet.table.parts.schema import FRAMES_TABLE, later_names
from fleet.table.state.taken_on import differ_in_code_alone, has_taken_on, has_work_for

JOB_FILE = "_JOB.json"
SCHEMA_PART = "schema.parquet"
"""A part without rows in each table's folder: `*.parquet` matches something from the start."""
_WAY_OUT = "Use another --output, or delete this folder to start over."


def claim(folder: Folder, job: JobRecord, schemas: Mapping[str, pa.Schema]) -> bool:
    """Take the folder for a job; True where it holds earlier work of this very job.

    `schemas`: as `output_schemas` gives them. Puts `_JOB.json` and, for each table, a part without
    rows. Raises OutputTakenError where the folder holds another job, naming the fields that differ,
    or anything that is not Fleet's; names that begin with _ or . are nobody's.
    """
    there = check_owner(folder, job) is not None
    if not there and not _put_job(folder, job):
        # Somebody else was faster.
        there = check_owner(folder, job) is not None
    for table, schema in schemas.items():
        name = f"{table}/{SCHEMA_PART}"
        if not there or not folder.exists(name):
            folder.put(name, encode(no_rows(schema), {}))
    return there


def begun_without(folder: Folder, schemas: Mapping[str, pa.Schema]) -> frozenset[str]:
    """Return the columns of LATER that an earlier version began the output's tables without.

    `schemas`: as `output_schemas` gives them, with all columns. A table keeps the columns that it
    was begun with, so that its parts are alike. Raises OutputCorruptError where a table's schema
    cannot be read.
    """
    missing: set[str] = set()
    for table, schema in schemas.items():
        missing.update(set(later_names(schema)) - set(read_schema(folder, table).names))
    return frozenset(missing)


def read_schema(folder: Folder, table: str, columns: pa.Schema | None = None) -> pa.Schema:
    """Return a table's schema.

    Raises OutputCorruptError where it cannot be read, or lacks some of the given columns.
    """
    name = f"{table}/{SCHEMA_PART}"
    try:
        found = decode(folder.read(name))[0]
        conform(found, columns or pa.schema([]))
    except (FileNotFoundError, ValueError) as error:
        raise OutputCorruptError(
            f"{folder.uri}/{name} does not give the table's columns: {error!r}.",
            "Delete this object, and run the job's command again: it puts it where it is missing.",
        ) from error
    return found.schema


def check_owner(folder: Folder, job: JobRecord, *, mended: bool = False) -> JobRecord | None:
    """Return the job that the folder holds, which is this very one; changes nothing.

    It may have other code where the folder has taken that on, or where `mended` asks for that. None
    where the folder holds no job yet. Raises OutputTakenError where it holds another one, or
    anything that is not Fleet's.
    """
    found = read_job(folder)
    if found is None:
        _refuse_foreign(folder)
        return None
    job = job.written_as(found)
    if found.digest == job.digest:
        return job
    only_code = differ_in_code_alone(found, job)
    if only_code and (mended or has_taken_on(folder, job)):
        return replace(found, version=job.version)
    raise another_job(folder, found, job)


def another_job(folder: Folder, found: JobRecord, job: JobRecord) -> OutputTakenError:
    """Return the error that a folder holds another job than the one that is asked for."""
    message = f"{folder.uri} holds another job: {_difference(found, job)}."
    return OutputTakenError(message, _way_out(folder, found, differ_in_code_alone(found, job)))


def _way_out(folder: Folder, found: JobRecord, only_code: bool) -> str:
    """Return what can be done with the output of another job, by what it holds; a line each."""
    began = (entry.name for entry in folder.list(f"{FRAMES_TABLE}/"))
    if all(name.endswith(f"/{SCHEMA_PART}") for name in began):
        return "Nothing is committed there: delete this folder, or use another --output."
    if only_code and not has_work_for(folder, found):
        return "All is done there. To do it again by the new code, use another --output."
    mend = (
        "To do what is open, or what the code failed on, by the code as it is now, and keep all "
        "other rows, add --retry-failed.\n"
    )
    return (
        f"{mend if only_code else ''}To do all again and keep both, use another --output.\n"
        "To start over here, delete this folder.\n"
        "Rows of two versions are not mixed unasked: nobody could tell them apart."
    )


def _put_job(folder: Folder, job: JobRecord) -> bool:
    data = to_bytes(job.to_json())
    try:
        return folder.create(JOB_FILE, data) is not None
    except StorageRefusedError:
        folder.put(JOB_FILE, data)
        return True


def read_job(folder: Folder) -> JobRecord | None:
    """Read which job the folder holds; None where it holds none.

    Raises OutputCorruptError where its record cannot be read.
    """
    try:
        return JobRecord.from_json(folder.read(JOB_FILE))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise OutputCorruptError(
            f"{folder.uri}/{JOB_FILE} does not say which job the folder holds: {error!r}.", _WAY_OUT
        ) from error


def _refuse_foreign(folder: Folder) -> None:
    foreign = (entry.name for entry in folder.list() if entry.name[:1] not in {"_", "."})
    some = list(islice(foreign, 4))
    if some:
        more = ", ..." if len(some) > 3 else ""
        raise OutputTakenError(
            f"{folder.uri} holds objects that are no output of Fleet: {', '.join(some[:3])}{more}.",
            "Use another --output, or an empty folder.",
        )


def _difference(old: JobRecord, new: JobRecord) -> str:
    before = _flat({**old.fields, "fleet": old.version})
    after = _flat({**new.fields, "fleet": new.version})
    differ = [
        _changed(name) or f"{name}: {_short(before, name)} -> {_short(after, name)}"
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    ]
    return "; ".join(differ) or f"its digest: {old.digest[:12]} -> {new.digest[:12]}"


def _changed(name: str) -> str:
    """Return what a digest in another field says to people; empty for a field of another kind."""
    if name == "code":
        return "the job's code has changed"
    kind, _, head = name.partition(".")
    return f"the code of the head {head} has changed" if kind == "heads" else ""


def _flat(fields: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Name the fields of fields as people write them: params.threshold."""
    flat: dict[str, Any] = {}
    for name, value in fields.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _short(values: Mapping[str, Any], name: str) -> str:
    text = str(values.get(name, "(not there)"))
    return text if len(text) <= 60 else f"{text[:57]}..."
