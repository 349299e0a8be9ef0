"""The job file: TOML in, a checked Job out; one error lists every mistake."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from fleet.errors import JobFileError, UsageError
from fleet.job.code import load_job_class
from fleet.job.fields import JobFields, describe
from fleet.job.frame_job import FrameJob
from fleet.job.job import Job
from fleet.job.toml_text import read_toml
from fleet.storage import redact

_NAMES = {"inputs": "input", "deadline_s": "deadline"}
"""What a file calls the fields of a job that it calls otherwise."""
_FIELDS = {_NAMES.get(name, name): name for name in JobFields.model_fields}
"""Field of the file -> field of the job."""
_KEYS = ("job", *_FIELDS, "params")


def load_job(path: str | Path, overrides: Mapping[str, Any] | None = None) -> Job:
    """Return the job of a job file.

    `overrides` replace fields of the file; `params.name` or just `name` replaces a parameter.

    Raises JobFileError with every mistake at once, UsageError where there is no such file.
    """
    raw = read_fields(path, overrides)
    try:
        return job_from(raw, str(path), Path(path).parent)
    except JobFileError as error:
        at_fault = {_field(mistake.partition(":")[0]) for mistake in error.mistakes}
        if at_fault <= {_field(name) for name in overrides or {}}:
            raise JobFileError(f"What was given beside {path}", error.mistakes) from None
        raise


def _field(name: str) -> str:
    """Return the name of a field or parameter as it may be overridden."""
    return name.removeprefix("params.")


def read_fields(path: str | Path, overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return the fields of a job file, unchecked, with overrides in their place as in load_job.

    Raises as `read_toml`.
    """
    return _override(read_toml(Path(path)), overrides or {})


def job_from(raw: Mapping[str, Any], name: str, folder: Path) -> Job:
    """Return the job that the fields of a job file describe; its module's path is below `folder`.

    Raises JobFileError with every mistake at once.
    """
    mistakes = list(_mistaken_keys(raw))
    given = {_FIELDS[key]: value for key, value in raw.items() if key in _FIELDS}
    try:
        JobFields.read(given)
    except ValidationError as error:
        mistakes += describe(error, _NAMES)
    work = _make_work(raw, folder, mistakes)
    if work is None or mistakes:
        raise JobFileError(name, tuple(mistakes))
    return Job(work, **given)


def _mistaken_keys(raw: Mapping[str, Any]) -> Iterator[str]:
    if "job" not in raw:
        yield 'job: it is missing; write job = "file.py:Class"'
    elif not isinstance(raw["job"], str):
        yield f"job: a text such as file.py:Class (given: {redact(repr(raw['job']))})"
    if not isinstance(raw.get("params", {}), Mapping):
        yield f"params: a table of the job's parameters (given: {redact(repr(raw['params']))})"
    for key in raw:
        if key not in _KEYS:
            near = get_close_matches(key, _KEYS, 1)
            meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(_KEYS)}"
            yield f"{key}: there is no such field; {meant}"


def _make_work(raw: Mapping[str, Any], folder: Path, mistakes: list[str]) -> FrameJob[Any] | None:
    reference, params = raw.get("job"), raw.get("params", {})
    if not isinstance(reference, str) or not isinstance(params, Mapping):
        return None
    try:
        job_class = load_job_class(reference, folder)
    except UsageError as error:
        mistakes.append(f"job: {error}")
        return None
    known = [field.name for field in fields(job_class)]
    unknown = sorted(set(params) - set(known))
    of_class = f"{job_class.__name__} takes {', '.join(known) or 'no parameters'}"
    mistakes += [f"params.{key}: there is no such parameter; {of_class}" for key in unknown]
    given = {key: value for key, value in params.items() if key in known}
    try:
        return TypeAdapter(job_class).validate_python(given)
    except ValidationError as error:
        mistakes += describe(error, under="params")
        return None


def _override(raw: dict[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Replace fields by overrides; a name that is no field of the file is a parameter."""
    merged = dict(raw)
    params = dict(raw["params"]) if isinstance(raw.get("params"), Mapping) else {}
    for key, value in overrides.items():
        name = key.removeprefix("params.")
        if key == "params":
            # What is no table is refused with the other mistakes.
            return {**merged, key: value}
        if name == key and key in _KEYS:
            merged[key] = value
        else:
            params[name] = value
    if params:
        merged["params"] = params
    return merged
