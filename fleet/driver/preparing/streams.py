"""Which video streams of a file the job takes: each that it takes is an input of its own.

The stream that a player shows goes by the file's address, another one by `address#stream=N`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fleet.core.format import plural
from fleet.core.source import Source, address_of_stream, split_stream
from fleet.video.h26x.parameter_sets import CODECS
from fleet.video.stream import StreamInfo

_LATE = "?"
"""The codec of a stream that appears in mid-stream, which is known once it is looked at."""


@dataclass(frozen=True)
class TakenStreams:
    """What is taken of a file with several video streams."""

    itself: bool
    """Whether the stream that goes by the file's address is taken."""
    further: tuple[Source, ...] = ()
    """The other ones that are."""
    left: int = 0
    """How many are left aside."""


def choose_streams(
    source: Source, stream: StreamInfo, choice: str | int, *, on_host: bool
) -> TakenStreams:
    """Return which streams of a file are taken.

    `stream`: the one that goes by the file's address. `choice`: `all`, `first`, or the number of
    one, from 0. `on_host`: the host decodes what the chip does not. Beside H.264 and H.265, streams
    of other codecs, such as a preview in MJPEG, are not taken unless the host decodes them.
    """
    if source.stream is not None:
        return TakenStreams(itself=True)
    codecs = stream.beside.split(",")
    others = [number for number in range(len(codecs)) if number != stream.number]
    if choice == "all":
        every = on_host or stream.codec not in CODECS
        kept = [number for number in others if every or codecs[number] in {*CODECS, _LATE}]
        return TakenStreams(True, _sources(source, kept), len(others) - len(kept))
    if choice in {"first", stream.number}:
        return TakenStreams(True, (), len(others))
    kept = [number for number in others if number == choice]
    return TakenStreams(False, _sources(source, kept), len(codecs) - len(kept))


def further_streams(uris: Iterable[str]) -> dict[str, list[str]]:
    """Return the address of a file -> those of `uris` that are further streams of it."""
    found: dict[str, list[str]] = {}
    for uri in uris:
        address, stream = split_stream(uri)
        if stream is not None:
            found.setdefault(address, []).append(uri)
    return found


def _sources(source: Source, numbers: list[int]) -> tuple[Source, ...]:
    return tuple(
        Source(address_of_stream(source.uri, number), source.bytes, source.etag)
        for number in numbers
    )


def left_streams(count: int) -> str:
    """Return a sentence on video streams that are left aside; empty for none."""
    if not count:
        return ""
    are = "is" if count == 1 else "are"
    return (
        f"{plural(count, 'further video stream')} of the videos {are} left aside: --streams all "
        "takes every one of H.264 and H.265, with --fallback cpu those of other codecs too."
    )
