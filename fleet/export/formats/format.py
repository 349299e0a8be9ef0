"""The protocol of a format, and what several formats have in common."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from fleet.export.chosen.video import Box, Dataset, Frame, Numbered, Piece, Video, VideoRows

PICTURES = "images"
"""The folder of the pictures, where a format names none."""
PIXEL_DIGITS = 3
"""Decimals of a pixel: finer than detectors are, and coarser than 32 bits hold."""
SCORE_DIGITS = 6
"""Decimals of a score."""
FRACTION_DIGITS = 7
"""Decimals of a share of a picture's side: a thousandth of a pixel, up to 8,192 pixels."""


class Format(Protocol):
    """How one tool wants it: texts made of rows, and where pictures lie; it writes no file."""

    def picture(self, video: Video, frame: Numbered, suffix: str) -> str:
        """Return where the picture of a frame lies, below the folder of the export."""

    def numbering(self, rows: VideoRows) -> Iterator[Piece]:
        """Yield the pieces of the file by which the names of a video's pictures mean frames.

        There are none where the names have the numbers of the frames.
        """

    def pieces(self, dataset: Dataset, videos: Iterable[VideoRows]) -> Iterator[Piece]:
        """Yield the texts of all files; one video is looked at after the other.

        What is held does not grow with a video: each text is of some frames at most.
        """


class ByFrame:
    """The base of formats whose pictures lie in a folder a video, by numbers of frames."""

    def picture(self, video: Video, frame: Numbered, suffix: str) -> str:
        """See Format."""
        return f"{PICTURES}/{below_pictures(video, frame, suffix)}"

    def numbering(self, rows: VideoRows) -> Iterator[Piece]:
        """See Format."""
        del rows
        return iter(())


def below_pictures(video: Video, frame: Numbered, suffix: str) -> str:
    """Return the name of a picture below the folder of all pictures."""
    return f"{video.name}/{frame.number:07}{suffix}"


def dumps(value: Any) -> str:
    """Return a value as JSON on one line."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


class Listed:
    """Puts a comma between the items of a list in JSON."""

    def __init__(self) -> None:
        self._is_first = True

    def item(self, value: Any) -> str:
        """Return the text of the next item."""
        return f"{self._separator()}{dumps(value)}"

    def begun(self, fields: Mapping[str, Any], name: str) -> str:
        """Return how the text of an item begins: its first fields, and a list of that name."""
        return f"{self._separator()}{dumps(fields).removesuffix('}')},{dumps(name)}:["

    def _separator(self) -> str:
        separator = "" if self._is_first else ",\n"
        self._is_first = False
        return separator


def pixels(value: float) -> float:
    """Round a length in pixels."""
    return round(value, PIXEL_DIGITS)


def score_of(box: Box) -> float:
    """Round a score."""
    return round(box.score, SCORE_DIGITS)


def fraction(length: float, side: int) -> float:
    """Return a length in pixels as a share of a side."""
    return round(length / side, FRACTION_DIGITS)


def where(video: Video, frame: Frame) -> dict[str, Any]:
    """Return which frame of which video it is, by the names of the columns of the tables."""
    found = {"uri": video.uri, "frame": frame.number, "pts": frame.pts, "time_s": frame.time_s}
    if frame.time is not None:
        found["time"] = frame.time.isoformat()
    return {**found, **{name: value for name, value in video.columns.items() if value is not None}}
