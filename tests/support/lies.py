"""Videos that say of themselves what is not so, or that stitch together what does not belong.

Each is a clip of `generate`, taken apart into access units and put into a container again with one
lie. What is right is what libav gives in a sequential decode, in that order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal, cast

import av
from av.video.stream import VideoStream
from generate import Clip, Codec, cached
from hypothesis import strategies as st
from truth import probed

from fleet.video.h26x.annexb import join, split

Lie = Literal[
    "joined sets", "false keys", "no display times", "equal times", "restart", "restart anywhere"
]
Wrapped = Literal["mp4", "mp4-fragmented", "mkv", "ts", "avi", "raw"]
LIES: tuple[Lie, ...] = (
    "joined sets", "false keys", "no display times", "equal times", "restart", "restart anywhere",
)  # fmt: skip
HOLDS: dict[Lie, tuple[Wrapped, ...]] = {
    "joined sets": ("mp4", "mp4-fragmented", "mkv", "ts", "avi", "raw"),
    "false keys": ("mp4", "mp4-fragmented", "mkv", "avi"),
    "no display times": ("mp4", "mp4-fragmented"),
    "equal times": ("mp4", "mp4-fragmented"),
    "restart": ("ts", "mp4-fragmented"),
    "restart anywhere": ("ts", "mp4-fragmented"),
}
"""In which containers each can be told; others have no such field, or libav does not write it."""
_MUXERS = {"mp4-fragmented": "mp4", "mkv": "matroska", "ts": "mpegts"}
_FRAGMENTED = {"movflags": "+frag_keyframe+empty_moov+default_base_moof"}
_SETS = {"h264": {7, 8}, "h265": {32, 33, 34}}
_RATE = 25


@dataclass(frozen=True)
class Lying:
    """A video with a lie; equal ones are equal files."""

    lie: Lie
    container: Wrapped
    clip: Clip
    """A raw stream that the video is made of."""
    other: Clip
    """What is joined to it; of other parameter sets."""
    rows: tuple[int, ...] = (3,)
    """Of false keys: which packets, modulo their number. Of a restart anywhere: before which."""

    @property
    def name(self) -> str:
        """A file name that no other has."""
        suffix = f".{self.clip.codec}" if self.container == "raw" else f".{self.container[:3]}"
        return hashlib.sha256(repr(self).encode()).hexdigest()[:20] + suffix


@dataclass(frozen=True)
class _Unit:
    data: bytes
    rank: int
    """Its picture's position in display order."""
    key: bool


def written(lying: Lying, folder: Path) -> Path:
    """Return the file in `folder`, made when it is first asked for."""
    path = folder / lying.name
    if path.exists():
        return path
    units = _units(lying.clip, folder)
    if lying.lie == "joined sets":
        other = _units(lying.other, folder)
        shifted = [_Unit(unit.data, unit.rank + len(units), unit.key) for unit in other]
        units = [*_once(lying.clip.codec, units), *_once(lying.clip.codec, shifted)]
    if lying.lie == "false keys":
        chosen = {row % len(units) for row in lying.rows}
        units = [_Unit(u.data, u.rank, u.key or n in chosen) for n, u in enumerate(units)]
    made = path.with_suffix(".part")
    at = len(units)
    if lying.lie == "restart anywhere":
        at = min(4 + lying.rows[0], len(units) - 4)
    _mux(lying, units[:at], made)
    if lying.lie == "restart":
        made.write_bytes(_followed(lying.container, made.read_bytes(), made.read_bytes()))
    elif at < len(units):
        first, sets = made.read_bytes(), units[0]
        _mux(lying, units[at:], made, sets.data)
        made.write_bytes(_followed(lying.container, first, made.read_bytes()))
    return made.rename(path)


def _units(clip: Clip, folder: Path) -> list[_Unit]:
    data = cached(clip, folder).read_bytes()
    index = probed(data)
    table = index.packets
    return [
        _Unit(data[at : at + size], int(rank), bool(key))
        for at, size, rank, key in zip(
            table.position, table.size, table.display, table.key, strict=True
        )
    ]


def _once(codec: Codec, units: Sequence[_Unit]) -> list[_Unit]:
    """Return units of which only the first carries parameter sets."""
    first, *rest = units
    return [first, *(_Unit(_without_sets(codec, u.data), u.rank, u.key) for u in rest)]


def _without_sets(codec: Codec, data: bytes) -> bytes:
    shift = 0 if codec == "h264" else 1
    mask = 0x1F if codec == "h264" else 0x3F
    return join(n for n in split(data) if n[0] >> shift & mask not in _SETS[codec]).data


def _mux(lying: Lying, units: Sequence[_Unit], path: Path, key: bytes = b"") -> None:
    if lying.container == "raw":
        path.write_bytes(b"".join(unit.data for unit in units))
        return
    options = _FRAGMENTED if lying.container == "mp4-fragmented" else {}
    muxer = _MUXERS.get(lying.container, lying.container)
    delay = max(row - unit.rank for row, unit in enumerate(units))
    source = "h264" if lying.clip.codec == "h264" else "hevc"
    sets = [n for n in split(key or units[0].data) if _is_set(lying.clip.codec, n)]
    with av.open(str(path), "w", format=muxer, options=options) as output:
        stream = cast("VideoStream", output.add_stream(source, rate=_RATE))
        stream.width, stream.height, stream.pix_fmt = 160, 128, "yuv420p"
        stream.codec_context.extradata = join(sets).data
        stream.time_base = Fraction(1, _RATE)
        for row, unit in enumerate(units):
            packet = av.Packet(unit.data)
            packet.stream, packet.time_base = stream, Fraction(1, _RATE)
            packet.dts = row
            packet.pts = _pts(lying.lie, row, unit.rank + delay)
            packet.is_keyframe = unit.key
            output.mux(packet)


def _is_set(codec: Codec, nal: bytes) -> bool:
    return (nal[0] & 0x1F if codec == "h264" else nal[0] >> 1 & 0x3F) in _SETS[codec]


def _pts(lie: Lie, row: int, shown: int) -> int:
    if lie == "no display times":
        return row
    return max(shown - shown % 2, row) if lie == "equal times" else shown


def _followed(container: Wrapped, data: bytes, other: bytes) -> bytes:
    """Return a recording followed by another one, whose times begin again."""
    if container == "ts":
        return data + other
    first = other.index(b"moof") - 4
    return data[: data.rindex(b"mfra") - 4] + other[first : other.rindex(b"mfra") - 4]


@st.composite
def lies(draw: st.DrawFn, *, headers: bool = False) -> Lying:
    """Any lie about any clip, in any container that can hold it.

    `headers`: only in containers whose header lists the packets.
    """
    lie = draw(st.sampled_from(LIES))
    listing = ("mp4", "mp4-fragmented", "avi")
    container = draw(st.sampled_from([c for c in HOLDS[lie] if not headers or c in listing]))
    codec: Codec = "h264" if container == "avi" else draw(st.sampled_from(("h264", "h265")))
    if (lie, container) == ("joined sets", "ts"):
        # libav's muxer puts the first sets of H.264 before every key, where they are wrong.
        codec = "h265"
    b_frames = 0 if container == "avi" else draw(st.integers(0, 3))
    gop = draw(st.sampled_from((4, 8, 12)))
    clip = Clip(codec, "raw", draw(st.integers(13, 40)), gop, b_frames=b_frames)
    other = Clip(codec, "raw", draw(st.integers(13, 40)), gop, b_frames=b_frames, plain=True)
    rows = draw(st.lists(st.integers(1, 39), min_size=1, max_size=6))
    return Lying(lie, container, clip, other, tuple(rows))
