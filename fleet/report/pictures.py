"""Chosen frames as JPEGs from the device, with the rows that are about them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from fleet.backend.backend import Backend
from fleet.backend.kinds import Opening, open_device
from fleet.core.frames import Picture
from fleet.core.geometry import Size
from fleet.errors import FleetError, UsageError
from fleet.index_cache.cache import IndexCache
from fleet.report.boxes import BOX, Box, box_of
from fleet.report.choice import Chosen
from fleet.report.rows import NONE, Key, rows_of
from fleet.show.decode import frames_on
from fleet.show.video import chip_of, kept_indexes, recorded_index
from fleet.storage import Folder
from fleet.table.parts.objects import object_suffixes
from fleet.table.parts.schema import FRAMES_TABLE, IDENTITY
from fleet.table.state.read import Tables

WIDTH_PX, LEVEL = 960, 75
"""How wide a picture is at most, and at which level JPEGE encodes it."""
_JPEG = b"\xff\xd8\xff"
_MOST_FACTS, _FACT_CHARACTERS = 12, 80
_MOST_BOXES = 200


@dataclass(frozen=True)
class Shown:
    """A frame as the page shows it."""

    uri: str
    frame: int
    time_s: float
    size: Size | None
    """Of the frame; None where it could not be decoded, or another picture is shown."""
    jpeg: bytes
    """Empty where there is none."""
    why: str
    """Why there is none; empty where there is one."""
    boxes: tuple[Box, ...]
    """Those of the highest scores, at most 200."""
    facts: tuple[tuple[str, str], ...]
    """Columns of its first row, for tables without boxes."""


@dataclass(frozen=True)
class _Rows:
    """What the output says of a frame."""

    identity: Mapping[str, Any]
    rows: Sequence[Mapping[str, Any]]


def show_frames(tables: Tables, wanted: Sequence[tuple[Key, Chosen]]) -> list[Shown]:
    """Return the frames that are wanted; raises OutputCorruptError for damage of the tables.

    A frame that cannot be shown, as its video is gone or is another one by now, says why.
    """
    schema = tables.table(tables.job.table).schema
    told = _read(tables, schema, wanted)
    keys = [key for key, _ in wanted if key in told]
    stored = _stored_pictures(schema)
    made: dict[Key, tuple[Size | None, bytes, str]] = {}
    if stored:
        folder = Folder(tables.uri)
        made = {key: _stored(told[key], stored, folder) for key in keys}
    else:
        by_video: defaultdict[str, dict[int, int]] = defaultdict(dict)
        for uri, frame in keys:
            by_video[uri][frame] = told[uri, frame].identity["pts"]
        with closing(kept_indexes(tables)) as indexes:
            for uri, pts in by_video.items():
                made |= _decoded(tables, uri, pts, indexes)
    return [_shown(key, told[key], *made[key], schema=schema) for key in keys]


def _read(
    tables: Tables, schema: pa.Schema, wanted: Sequence[tuple[Key, Chosen]]
) -> dict[Key, _Rows]:
    identity = IDENTITY.names
    frames_of: defaultdict[str, list[tuple[Key, Chosen]]] = defaultdict(list)
    for key, chosen in wanted:
        frames_of[chosen.part.path].append((key, chosen))
    told: dict[Key, _Rows] = {}
    for path, several in frames_of.items():
        part, keys = several[0][1].part, {key for key, _ in several}
        is_frames = path.startswith(f"{FRAMES_TABLE}/")
        of = tables.frames.schema if is_frames else schema
        columns = identity if is_frames else [name for name in schema.names if name != "time"]
        rows: defaultdict[Key, list[Mapping[str, Any]]] = defaultdict(list)
        for row in rows_of(part, of, columns, keys):
            rows[row["uri"], row["frame"]].append(row)
        for key, _ in several:
            if key in rows:
                told[key] = _Rows(rows[key][0], () if is_frames else rows[key])
    return told


def _stored_pictures(schema: pa.Schema) -> Mapping[str, bool]:
    """Return the columns that hold pictures, and whether these are objects beside the table."""
    objects = object_suffixes(schema)
    jpegs = [name for name, suffix in objects.items() if suffix in {".jpg", ".jpeg"}]
    binaries = [
        field.name
        for field in schema
        if pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type)
    ]
    return {**dict.fromkeys(jpegs, True), **dict.fromkeys(binaries, False)}


def _stored(
    told: _Rows, columns: Mapping[str, bool], folder: Folder
) -> tuple[Size | None, bytes, str]:
    for row in told.rows:
        for name, is_object in columns.items():
            value = row[name]
            if is_object and value:
                try:
                    value = folder.read(value)
                except (FileNotFoundError, FleetError) as error:
                    return None, b"", f"Its object cannot be read: {error}"
            if isinstance(value, bytes) and value.startswith(_JPEG):
                return None, value, ""
    return None, b"", "Its row holds no JPEG."


def _decoded(
    tables: Tables, uri: str, pts: Mapping[int, int], indexes: IndexCache
) -> dict[Key, tuple[Size | None, bytes, str]]:
    """Decode frames of one video; `pts`: frame number -> its time as the output has it."""
    try:
        index = recorded_index(tables, uri, indexes)
        shown = index.packets.pts[index.order]
        numbers = np.array(sorted(pts), np.int64)
        expected = np.array([pts[number] for number in numbers.tolist()], np.int64)
        if numbers[-1] >= len(shown) or not np.array_equal(shown[numbers], expected):
            raise UsageError("The video is another one by now: its frames have other times.")
        wanted = np.zeros(len(shown), np.bool_)
        wanted[numbers] = True
        with (
            closing(open_device(Opening(chip_of(tables)))) as device,
            closing(frames_on(device, index, wanted, partial(small_jpeg, device))) as frames,
        ):
            return {(uri, decoded.frame): (*decoded.made, "") for decoded in frames}
    except FleetError as error:
        return {(uri, frame): (None, b"", str(error)) for frame in pts}


def small_jpeg(backend: Backend, picture: Picture) -> tuple[Size, bytes]:
    """Return a picture's size, and a JPEG of it that is WIDTH_PX wide at most: VPC, then JPEGE.

    Raises DeviceError where the chip cannot make one.
    """
    width = min(WIDTH_PX, picture.size.width) // 2 * 2
    height = round(picture.size.height * width / picture.size.width / 2) * 2
    size = Size(width, max(2, height))
    if size == picture.size:
        return picture.size, backend.device.jpege.encode(picture, LEVEL, full_range=True)
    small = backend.resize(picture, size)
    try:
        return picture.size, backend.device.jpege.encode(small, LEVEL, full_range=True)
    finally:
        small.release()


def _shown(
    key: Key, told: _Rows, size: Size | None, jpeg: bytes, why: str, *, schema: pa.Schema
) -> Shown:
    has_boxes = set(BOX) <= set(schema.names)
    boxes = (
        sorted(filter(None, (box_of(row, NONE) for row in told.rows)), key=_score, reverse=True)
        if has_boxes
        else ()
    )
    facts = () if has_boxes or not told.rows else _facts(told.rows[0])
    time_s = float(told.identity["time_s"])
    return Shown(*key, time_s, size, jpeg, why, tuple(boxes[:_MOST_BOXES]), facts)


def _score(box: Box) -> float:
    return -1.0 if box.score is None else box.score


def _facts(row: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    named = ((n, v) for n, v in row.items() if n not in IDENTITY.names and not isinstance(v, bytes))
    return tuple((name, _text(value)) for name, value in named)[:_MOST_FACTS]


def _text(value: object) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else str(value)
    return text if len(text) <= _FACT_CHARACTERS else f"{text[:_FACT_CHARACTERS]}…"


def round_robin(groups: Iterable[Sequence[Chosen]]) -> list[Chosen]:
    """Return the first of each group, then the second of each, and so on."""
    rest = [list(group) for group in groups]
    longest = max(map(len, rest), default=0)
    return [group[place] for place in range(longest) for group in rest if place < len(group)]
