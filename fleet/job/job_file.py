"""The job file: TOML in, a frozen, checked Job out; one error lists every bad field."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from fleet.errors import JobFileError, UsageError
from fleet.job.code import load_job_class
from fleet.job.frame_job import FrameJob
from fleet.storage import (
    EVERY_VIDEO,
    InputFilter,
    check_glob,
    parse_moment,
    redact,
    refuse_credentials,
)
from fleet.video.sampling import EVERY_FRAME, Sampling

MOST_DEVICES = 100_000


def _read_sample(value: object) -> object:
    return Sampling.parse(value) if isinstance(value, str) else value


def _read_devices(value: object) -> object:
    is_count = isinstance(value, int) and 1 <= value <= MOST_DEVICES
    if value != "auto" and not is_count:
        raise ValueError(f"a number from 1 to {MOST_DEVICES}, or auto")
    return value


_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|m|h|d)")
_UNIT_S = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def read_duration(value: object) -> object:
    """Read 90min, 2h or 1.5d as seconds; raises ValueError for other words."""
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    found = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or not float(found[1]):
        raise ValueError("a time like 90min, 2h or 1.5d")
    return float(found[1]) * _UNIT_S[found[2]]


def _read_pattern(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        names = re.compile(value).groupindex
    except re.error as error:
        raise ValueError(f"{value!r} is not a regular expression: {error}") from None
    if value and not names:
        raise ValueError(f"{value!r} names no column: write (?P<camera>[^/]+) for each")
    return value


def _read_location(value: object) -> object:
    if isinstance(value, str):
        refuse_credentials(value)
    return value


def _read_glob(value: object) -> object:
    if isinstance(value, str):
        check_glob(value)
    return value


def _read_moment(value: object) -> object:
    return None if value is None else parse_moment(value)


_Location = Annotated[str, BeforeValidator(_read_location), Field(min_length=1)]
_Glob = Annotated[str, BeforeValidator(_read_glob)]


class JobFile(BaseModel):
    """The fields of a job file, with their limits; `params` are those of the job class."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    job: str
    input: list[_Location] = Field(min_length=1)
    output: _Location
    include: list[_Glob] = []
    exclude: list[_Glob] = []
    modified_since: Annotated[datetime | None, BeforeValidator(_read_moment)] = None
    sample: Annotated[Sampling, BeforeValidator(_read_sample)] = EVERY_FRAME
    devices: Annotated[int | Literal["auto"], BeforeValidator(_read_devices)] = "auto"
    max_devices: int | None = Field(default=None, ge=1)
    deadline: Annotated[float | None, BeforeValidator(read_duration), Field(gt=0)] = None
    soc: str = "Ascend310"
    partitions: Annotated[str, BeforeValidator(_read_pattern)] = ""
    lease_s: float = Field(default=60.0, ge=0.05, le=3600)
    watchdog_s: float = Field(default=60.0, ge=1, le=86400)
    index_cache: _Location | None = None
    params: dict[str, Any] = {}


@dataclass(frozen=True)
class Job:
    """A job, ready to run.

    `work`: what is done with frames. `inputs`: videos, folders and globs. `output`: where the
    tables go. `devices`: how many, or auto for all there are. `max_devices`: a cluster that grows
    is asked for up to so many. `deadline_s`: in how many seconds the run is to be over, with as few
    devices as that takes. `partitions`: a regular expression
    whose named groups become columns, found in each video's URI; empty for none. `lease_s`: no
    lease is planned to take one device longer. `watchdog_s`: a device that works without a sign of
    life for so long is ended, and its lease done by another. `choice`: which of the inputs' videos
    are meant. `index_cache`: the folder where the videos' indexes are kept; None: in the output.
    """

    work: FrameJob
    inputs: tuple[str, ...]
    output: str
    sample: Sampling = EVERY_FRAME
    devices: int | Literal["auto"] = "auto"
    max_devices: int | None = None
    deadline_s: float | None = None
    soc: str = "Ascend310"
    partitions: str = ""
    lease_s: float = 60.0
    watchdog_s: float = 60.0
    choice: InputFilter = EVERY_VIDEO
    index_cache: str | None = None


def load_job(path: str | Path, overrides: Mapping[str, Any] | None = None) -> Job:
    """Read a job file; `overrides` replace its fields, `params.name` or `name` those of the class.

    Raises JobFileError with every mistake at once, UsageError where there is no such file.
    """
    return job_from(read_fields(path, overrides), str(path), Path(path).parent)


def read_fields(path: str | Path, overrides: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Read the fields of a job file, with overrides laid over them, as load_job does; unchecked.

    Raises JobFileError where it is not TOML, UsageError where there is no such file.
    """
    path = Path(path)
    try:
        raw = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UsageError(f"There is no job file {path}.", "Check the path.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise JobFileError(str(path), (f"it is not TOML: {error}",)) from None
    except OSError as error:
        raise UsageError(f"The job file {path} cannot be read: {error}.") from error
    return _override(raw, overrides or {})


def job_from(raw: Mapping[str, Any], name: str, folder: Path) -> Job:
    """Check the fields of a job file and make the job; relative job modules lie in `folder`."""
    mistakes: list[str] = []
    parsed = None
    try:
        parsed = JobFile.model_validate(raw)
    except ValidationError as error:
        mistakes += _sentences(error)
    work = _make_work(raw, folder, mistakes)
    if parsed is None or work is None or mistakes:
        raise JobFileError(name, tuple(mistakes))
    return Job(
        work=work,
        inputs=tuple(parsed.input),
        output=parsed.output,
        sample=parsed.sample,
        devices=parsed.devices,
        max_devices=parsed.max_devices,
        deadline_s=parsed.deadline,
        soc=parsed.soc,
        partitions=parsed.partitions,
        lease_s=parsed.lease_s,
        watchdog_s=parsed.watchdog_s,
        index_cache=parsed.index_cache,
        choice=InputFilter(tuple(parsed.include), tuple(parsed.exclude), parsed.modified_since),
    )


def _make_work(raw: Mapping[str, Any], folder: Path, mistakes: list[str]) -> FrameJob | None:
    reference, params = raw.get("job"), raw.get("params", {})
    if not isinstance(reference, str) or not isinstance(params, Mapping):
        # The check of the file itself says what is wrong with these.
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
        mistakes += _sentences(error, "params.")
        return None


def _override(raw: dict[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Lay overrides over the file: a name that is no field of the file is one of the job's."""
    merged = dict(raw)
    params = dict(raw["params"]) if isinstance(raw.get("params"), Mapping) else {}
    for key, value in overrides.items():
        name = key.removeprefix("params.")
        if key == "params":
            # Whole or nothing; what is no table is refused with the other mistakes.
            return {**merged, key: value}
        if name == key and key in JobFile.model_fields:
            merged[key] = value
        else:
            params[name] = value
    if params:
        merged["params"] = params
    return merged


def parse_override(text: str) -> tuple[str, Any]:
    """Read `key=value` as --set takes it; the value as TOML where it is TOML, else as text."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise UsageError(f"--set {text}: write it as key=value, such as threshold=0.3.")
    try:
        return key.strip(), tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return key.strip(), value


def _sentences(error: ValidationError, prefix: str = "") -> Sequence[str]:
    sentences = []
    for item in error.errors():
        # pydantic tags the members of a union; people look for the field alone.
        where = ".".join(str(part) for part in item["loc"] if "[" not in str(part))
        given = "" if item["type"] == "missing" else f" (given: {redact(repr(item['input']))})"
        message = item["msg"].removeprefix("Value error, ")
        if not where:  # the values as a whole: the message says which
            where, given = "values", ""
        sentences.append(f"{prefix}{where}: {message}{given}")
    return sentences
