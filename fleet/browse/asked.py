"""What the query of an address asks for, checked; names of videos and labels are keys."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from hashlib import blake2b

from fleet.errors import UsageError
from fleet.export.chosen.choice import Choice
from fleet.storage import parse_moment

ROWS_A_PAGE = 50
MOST_FOUND = 10_000
"""Rows of a search that can be paged through."""
MOST_VALUE = 1_024
"""Characters of a value: as many as a location has."""
MOST_LABELS = 50
IN = "in."
"""How the name of a condition on a column begins that the job took from paths."""
LABEL, WITHOUT = "label", "without"
"""The names of a query that may stand several times."""
ORDERS = ("score", "video", "clock")
_KEY = re.compile("[0-9a-f]{16}")
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_COUNT = re.compile(r"[0-9]{1,9}")


def key_of(name: str) -> str:
    """Return what a video or a label is asked for by: 16 hex digits that only its name decides."""
    return blake2b(name.encode(errors="surrogatepass"), digest_size=8).hexdigest()


@dataclass(frozen=True)
class Search:
    """Which rows are looked for."""

    labels: tuple[str, ...] = ()
    """Keys of labels, of which rows have one; empty: all."""
    without: tuple[str, ...] = ()
    """Keys of labels, of which rows have none."""
    video: str = ""
    """The key of a video; empty: all."""
    least: float = 0.0
    """Only scores from here on."""
    most: float = 1.0
    """Only scores up to here."""
    window: Choice = field(default_factory=Choice)
    """Only rows in these windows of time."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Column taken from paths -> its value."""
    order: str = "score"
    """One of ORDERS."""
    page: int = 0
    """From 0."""

    def __post_init__(self) -> None:
        if not 0 <= self.least <= self.most <= 1:
            raise UsageError("A range of scores goes from low to high, and lies in 0 to 1.")
        if self.order not in ORDERS:
            raise UsageError(f"Rows are ordered by {', '.join(ORDERS)}.")
        if (self.page + 1) * ROWS_A_PAGE > MOST_FOUND:
            raise UsageError(
                f"Only the first {MOST_FOUND:,} rows can be paged through.", "Narrow the search."
            )


def search_of(pairs: Iterable[tuple[str, str]], columns: Collection[str]) -> Search:
    """Return the search that a query asks for; `columns`: those that the job took from paths.

    Raises UsageError for a name that is none of a search, stands twice, or has a wrong value.
    """
    values, keys = _values(pairs, _SEARCH | {f"{IN}{name}" for name in columns})
    from_s, to_s = (_seconds(values, name) for name in ("from", "to"))
    since, until = (_moment(values, name) for name in ("since", "until"))
    return Search(
        labels=tuple(keys[LABEL]),
        without=tuple(keys[WITHOUT]),
        video=checked_key(values["video"]) if values.get("video") else "",
        least=_number(values, "least", 0.0),
        most=_number(values, "most", 1.0),
        window=Choice(from_s=from_s, to_s=to_s, since=since, until=until),
        columns={
            name.removeprefix(IN): value
            for name, value in values.items()
            if name.startswith(IN) and value
        },
        order=values.get("order") or "score",
        page=_count(values, "page", 0),
    )


_SEARCH = frozenset(
    {"video", "least", "most", "from", "to", "since", "until", "order", "page", LABEL, WITHOUT}
)


@dataclass(frozen=True)
class Listed:
    """Which videos are listed."""

    part: str = ""
    """A part of their location, in any case."""
    order: str = "name"
    """By name, or those with most rows first."""
    page: int = 0
    """From 0."""


def listed_of(pairs: Iterable[tuple[str, str]]) -> Listed:
    """Return which videos a query asks for; raises UsageError as `search_of`."""
    values, _ = _values(pairs, {"part", "order", "page"})
    order = values.get("order") or "name"
    if order not in {"name", "rows"}:
        raise UsageError("Videos are ordered by name or rows.")
    return Listed(values.get("part", ""), order, _count(values, "page", 0))


@dataclass(frozen=True)
class Stretch:
    """Frames of a video that a clip is made of."""

    first: int
    last: int
    has_boxes: bool
    """Whether boxes are drawn."""
    least: float
    """Only boxes of this score or more."""


def stretch_of(pairs: Iterable[tuple[str, str]]) -> Stretch:
    """Return the stretch that a query asks for; raises UsageError as `search_of`."""
    values, _ = _values(pairs, {"first", "last", "boxes", "least"})
    if not {"first", "last"} <= set(values):
        raise UsageError("A clip has a first and a last frame.")
    first, last = _count(values, "first", 0), _count(values, "last", 0)
    if last < first:
        raise UsageError(f"Frame {last} does not lie behind frame {first}.")
    boxes = values.get("boxes", "1")
    if boxes not in {"0", "1"}:
        raise UsageError("boxes is 0 or 1.")
    return Stretch(first, last, boxes == "1", _number(values, "least", 0.0))


def checked_key(text: str) -> str:
    """Return a key; raises UsageError where it is none."""
    if not _KEY.fullmatch(text):
        raise UsageError("Videos and labels are asked for by 16 hex digits.")
    return text


def count_of(text: str) -> int:
    """Return a number from 0; raises UsageError where it is none."""
    if not _COUNT.fullmatch(text):
        raise UsageError("A number has 1 to 9 digits.")
    return int(text)


def _values(
    pairs: Iterable[tuple[str, str]], known: Collection[str]
) -> tuple[dict[str, str], Mapping[str, list[str]]]:
    """Return the values of a query by name, and apart the keys of labels, which may be several."""
    values: dict[str, str] = {}
    keys: dict[str, list[str]] = {LABEL: [], WITHOUT: []}
    for name, value in pairs:
        if name not in known:
            raise UsageError("The query has a name that is not known here.")
        if len(value) > MOST_VALUE:
            raise UsageError(f"A value has at most {MOST_VALUE:,} characters.")
        if name in keys:
            keys[name] += [checked_key(value)] if value else []
            continue
        if name in values:
            raise UsageError(f"{name} stands twice in the query.")
        values[name] = value
    if max(map(len, keys.values())) > MOST_LABELS:
        raise UsageError(f"A search takes at most {MOST_LABELS} labels.")
    return values, keys


def _number(values: Mapping[str, str], name: str, default: float) -> float:
    text = values.get(name)
    if not text:
        return default
    if not _NUMBER.fullmatch(text):
        raise UsageError(f"{name} is a number such as 12 or 0.5.")
    return float(text)


def _count(values: Mapping[str, str], name: str, default: int) -> int:
    text = values.get(name)
    return count_of(text) if text else default


def _seconds(values: Mapping[str, str], name: str) -> Fraction | None:
    _number(values, name, 0.0)
    return Fraction(values[name]) if values.get(name) else None


def _moment(values: Mapping[str, str], name: str) -> datetime | None:
    text = values.get(name)
    if not text:
        return None
    try:
        return parse_moment(text)
    except ValueError as error:
        raise UsageError(f"{name}: {error}.") from None
