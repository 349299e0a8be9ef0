"""Versions of a job's code that an output has taken on, besides the one that it was begun with.

Somebody has asked for that (`fleet run --retry-failed`): rows that are there stay as the earlier
code made them, and what is still to do is done by the later one. Each version is an object of its
own in `_codes/`, named by the digest of the job with that code, and is never deleted.
"""

from __future__ import annotations

from fleet.core.fault import JOB_STAGES
from fleet.parquet.arrays import to_bytes
from fleet.parquet.decoding import decode
from fleet.storage import Folder
from fleet.table.commits.record import JobRecord
from fleet.table.parts.schema import ERRORS_TABLE
from fleet.table.state.state import read_state

CODES_FOLDER = "_codes"
_OF_CODE = frozenset({"code", "heads"})
"""The fields of a job's record that are digests of its author's own code."""


def differ_in_code_alone(one: JobRecord, other: JobRecord) -> bool:
    """Return whether two jobs differ, and in nothing but their author's code."""
    (code, rest), (other_code, other_rest) = map(_parts, (one, other))
    return (one.table, rest) == (other.table, other_rest) and code != other_code


def _parts(job: JobRecord) -> tuple[dict[str, object], dict[str, object]]:
    """Return the fields that are digests of code, and all others."""
    code = {name: value for name, value in job.fields.items() if name in _OF_CODE}
    return code, {name: value for name, value in job.fields.items() if name not in _OF_CODE}


def has_taken_on(folder: Folder, job: JobRecord) -> bool:
    """Return whether an output has taken on the code of a job; no other field may differ."""
    return folder.exists(_name(job))


def take_on(folder: Folder, job: JobRecord) -> None:
    """Have an output take on the code of a job, from now on."""
    folder.put(_name(job), to_bytes(job.to_json()))


def taken_on(folder: Folder) -> int:
    """Return how many versions of its code an output has taken on."""
    return sum(1 for _ in folder.list(f"{CODES_FOLDER}/"))


def has_work_for(folder: Folder, begun: JobRecord) -> bool:
    """Return whether a later version of a job's code finds something to do in an output.

    It does where the output is open, or has losses that the job's own code came to.
    """
    state = read_state(folder, begun.tables)
    if not state.closed:
        return True
    parts = state.parts([ERRORS_TABLE])[ERRORS_TABLE] if state.total.errors else []
    return any(JOB_STAGES.intersection(_stages(folder.read(part.name))) for part in parts)


def _stages(part: bytes) -> list[str]:
    """Return where the losses in a part came up; none where it is damaged, as nobody can tell."""
    try:
        stages: list[str] = decode(part)[0]["stage"].to_pylist()
    except ValueError:
        return []
    return stages


def _name(job: JobRecord) -> str:
    return f"{CODES_FOLDER}/{job.digest}.json"
