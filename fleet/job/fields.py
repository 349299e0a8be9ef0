"""The fields of a job: their limits, and how text is read.

A reader raises ValueError with the sentence that the user sees.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
)

from fleet.ascend.soc import soc
from fleet.models.providers import Provider, read_providers
from fleet.storage import Media, check_glob, parse_moment, redact, refuse_credentials
from fleet.video.sampling import EVERY_FRAME, Sampling
from fleet.video.start import check_form, check_zone

MOST_DEVICES = 100_000
MOST_CORES = 2
"""One decodes while the other looks at pictures; a third has nothing to do."""
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|m|h|d)")
_PLAIN = {
    "missing": "it is missing",
    "too_short": "at least one is needed",
    "float_parsing": "a number is needed",
    "float_type": "a number is needed",
    "int_parsing": "a whole number is needed",
    "int_type": "a whole number is needed",
    "int_from_float": "a whole number is needed",
    "bool_parsing": "true or false is needed",
    "bool_type": "true or false is needed",
    "string_type": "a text is needed, in quotes",
    "tuple_type": "a list is needed, such as ['a', 'b']",
    "list_type": "a list is needed, such as ['a', 'b']",
    "literal_error": "it has to be {expected}",
    "greater_than": "more than {gt} is needed",
    "greater_than_equal": "at least {ge} is needed",
    "less_than": "less than {lt} is needed",
    "less_than_equal": "at most {le} is possible",
    "string_too_short": "a text is needed that is not empty",
    "dict_type": "a table is needed, such as {{a = 'b'}}",
    "mapping_type": "a table is needed, such as {{a = 'b'}}",
}
"""What is said for pydantic's kinds of mistakes, with what it tells of them."""
_UNION_MEMBER = re.compile(r"\[|^constrained-")
_UNIT_S = {"s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}


def read_duration(value: object) -> float:
    """Return seconds, given as a number or as text such as 90min, 2h or 1.5d.

    Raises ValueError for anything else.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    found = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None or not float(found[1]):
        raise ValueError("a time like 90min, 2h or 1.5d")
    return float(found[1]) * _UNIT_S[found[2]]


def _read_path(value: object) -> object:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _check_location(value: str) -> str:
    refuse_credentials(value)
    return value


def _read_list(value: object) -> object:
    # Text is a sequence too, of its letters.
    return [value] if isinstance(value, str | os.PathLike) else value


def _check_glob(value: str) -> str:
    check_glob(value)
    return value


def _read_sample(value: object) -> object:
    if isinstance(value, Sampling):
        return value
    return Sampling.parse(value if isinstance(value, str) else repr(value))


def _read_devices(value: object) -> object:
    count = int(value) if isinstance(value, str) and value.isdecimal() else value
    if value == "auto" or (type(count) is int and 1 <= count <= MOST_DEVICES):
        return count
    raise ValueError(f"a number from 1 to {MOST_DEVICES}, or auto")


def _check_chip(value: str) -> str:
    return soc(value).name


def _read_streams(value: object) -> object:
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def _read_labels(value: object) -> object:
    if not isinstance(value, list | tuple):
        return value
    pairs = [text.partition("=") for text in value if isinstance(text, str)]
    if len(pairs) < len(value) or not all(name and equals for name, equals, _ in pairs):
        raise ValueError("names with their values, such as team=a")
    return {name: text for name, _, text in pairs}


def _check_labels(value: Mapping[str, str]) -> Mapping[str, str]:
    if wrong := [name for name in value if not name or "=" in name]:
        raise ValueError(f"{wrong[0]!r} is no name of a label: it has a letter, and no =")
    return value


def _check_pattern(value: str) -> str:
    try:
        names = re.compile(value).groupindex
    except re.error as error:
        raise ValueError(f"{value!r} is not a regular expression: {error}") from None
    if "\b" in value:
        raise ValueError(
            f"{value!r} holds a backspace, which \\b is within double quotes in TOML: write it "
            "within single quotes"
        )
    if value and not names:
        raise ValueError(f"{value!r} names no column: write (?P<camera>[^/]+) for each")
    return value


Location = Annotated[
    str, BeforeValidator(_read_path), Field(min_length=1), AfterValidator(_check_location)
]
Glob = Annotated[str, AfterValidator(_check_glob)]
Labels = Annotated[Mapping[str, str], BeforeValidator(_read_labels), AfterValidator(_check_labels)]
Streams = Literal["all", "first"] | Annotated[int, Field(ge=0, le=999)]
"""Which video streams of a file are taken: all, the one that a player shows, or one by number."""
Place = Literal["auto", "ray", "processes", "inline"]
"""Where devices live: on Ray, in processes of this machine, or in the driver's."""
Rotation = Literal["apply", "ignore"]
"""Whether the job gets pictures as a player shows them, or as they are stored."""


class JobFields(BaseModel):
    """The checks of every field of a job but the work; `fleet.Job` says what each means."""

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True)

    inputs: Annotated[tuple[Location, ...], BeforeValidator(_read_list), Field(min_length=1)]
    output: Location
    sample: Annotated[Sampling, BeforeValidator(_read_sample)] = EVERY_FRAME
    devices: Annotated[int | Literal["auto"], BeforeValidator(_read_devices)] = "auto"
    cores_per_device: int = Field(default=1, ge=1, le=MOST_CORES)
    on: Place = "auto"
    max_devices: int | None = Field(default=None, ge=1)
    deadline_s: Annotated[float | None, BeforeValidator(read_duration), Field(gt=0)] = None
    weight: float = Field(default=1.0, ge=0.01, le=100)
    job_labels: Labels = {}
    soc: Annotated[str, AfterValidator(_check_chip)] = "Ascend310"
    partitions: Annotated[str, AfterValidator(_check_pattern)] = ""
    start: str = ""
    time_zone: Annotated[str, Field(validate_default=True)] = ""
    lease_s: Annotated[float, BeforeValidator(read_duration), Field(ge=0.05, le=3600)] = 60.0
    watchdog_s: Annotated[float, BeforeValidator(read_duration), Field(ge=1, le=86400)] = 60.0
    include: Annotated[tuple[Glob, ...], BeforeValidator(_read_list)] = ()
    exclude: Annotated[tuple[Glob, ...], BeforeValidator(_read_list)] = ()
    modified_since: Annotated[datetime | None, BeforeValidator(parse_moment)] = None
    index_cache: Location | None = None
    rotation: Rotation = "apply"
    fallback: Literal["none", "cpu"] = "none"
    media: Media = "videos"
    providers: Annotated[tuple[Provider, ...], BeforeValidator(read_providers)] = ()
    streams: Annotated[Streams, BeforeValidator(_read_streams)] = "all"

    @field_validator("start")
    @classmethod
    def _check_start(cls, value: str, others: ValidationInfo) -> str:
        # Of fields that are wrong themselves nothing is there.
        if "partitions" in others.data:
            check_form(value, others.data["partitions"])
        return value

    @field_validator("time_zone")
    @classmethod
    def _check_time_zone(cls, value: str, others: ValidationInfo) -> str:
        if "start" in others.data:
            check_zone(value, others.data["start"])
        return value

    @classmethod
    def read(cls, given: Mapping[str, object]) -> Self:
        """Return the checked fields; None is not given. Raises pydantic's ValidationError."""
        return cls.model_validate({k: v for k, v in given.items() if v is not None})


def describe(
    error: ValidationError, names: Mapping[str, str] | None = None, under: str = ""
) -> list[str]:
    """Return a sentence for each mistake.

    `names`: field -> its name in the sentences, where that is another. `under`: the TOML table that
    the fields are in, if any.
    """
    sentences = []
    for item in error.errors():
        # pydantic tags the members of a union; people look for the field alone.
        loc = [str(part) for part in item["loc"] if not _UNION_MEMBER.search(str(part))]
        loc[:1] = [(names or {}).get(part, part) for part in loc[:1]]
        plain = _PLAIN.get(item["type"], "").format_map(item.get("ctx", {}))
        message = plain or item["msg"].removeprefix("Value error, ")
        # What is wrong with all values together, the message says; what is missing has none.
        has_value = bool(loc) and item["type"] != "missing"
        given = f" (given: {redact(repr(item['input']))})" if has_value else ""
        sentences.append(f"{'.'.join(filter(None, [under, *loc]))}: {message}{given}")
    return sentences
