"""What accidents and enemies do to a video file, as hypothesis strategies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from generate import Clip
from hypothesis import strategies as st

ReadClip = Callable[[Clip], bytes]
Span = tuple[int, int]
_EXTREMES = (0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x10000000)
_HEADS = (
    b"stts", b"ctts", b"stsz", b"stsc", b"stco", b"stss", b"mdhd", b"mvhd", b"tkhd", b"elst",
    b"avcC", b"hvcC", b"trun", b"tfhd", b"tfdt", b"trex", b"idx1", b"strh", b"avih",
)  # fmt: skip


@dataclass(frozen=True)
class Damaged:
    """A file: what was done to it, and, where only its payload was changed in place, where.

    `clip`: what it was made of. `touched`: the spans of bytes that are not the clip's; None where
    its index may differ from the clip's.
    """

    about: str
    data: bytes
    suffix: str = ".mp4"
    clip: Clip | None = None
    touched: tuple[Span, ...] | None = None


@st.composite
def damaged(draw: st.DrawFn, library: ReadClip, clips: Sequence[Clip]) -> Damaged:
    """A clip to which one to three things were done, or only its payload was hit."""
    clip = draw(st.sampled_from(clips))
    data = library(clip)
    if draw(st.booleans()) and (payload := _payload(clip, data)):
        return _hit(draw, clip, data, payload)
    about = []
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(sorted(_DAMAGES)))
        about.append(name)
        data = _DAMAGES[name](draw, data)
    suffix = draw(st.sampled_from((clip.suffix, clip.suffix, clip.suffix, ".mp4", ".mkv", ".ts")))
    return Damaged("+".join(about), data, suffix, clip)


def _payload(clip: Clip, data: bytes) -> Span | None:
    """Where the pictures of a file lie that has its index elsewhere, in one stretch."""
    if clip.container not in {"mp4", "mp4-front", "mp4-edit", "mov"}:
        return None
    at = data.index(b"mdat")
    return at + 4, at - 4 + int.from_bytes(data[at - 4 : at], "big")


def _hit(draw: st.DrawFn, clip: Clip, data: bytes, payload: Span) -> Damaged:
    start = draw(st.integers(payload[0], payload[1] - 1))
    stop = min(payload[1], start + draw(st.sampled_from((1, 4, 200, 2000))))
    how = draw(st.sampled_from(("zeroed", "noise", "copied")))
    if how == "zeroed":
        patch = bytes(stop - start)
    elif how == "noise":
        patch = draw(st.randoms(use_true_random=False)).randbytes(stop - start)
    else:
        patch = data[payload[0] : payload[0] + stop - start]
    hurt = data[:start] + patch + data[stop:]
    return Damaged(f"payload {how}", hurt, clip.suffix, clip, ((start, stop),))


def _span(draw: st.DrawFn, data: bytes, most: int = 4000) -> Span:
    start = draw(st.integers(0, max(len(data) - 1, 0)))
    return start, min(len(data), start + draw(st.integers(1, most)))


def _cut_head(draw: st.DrawFn, data: bytes) -> bytes:
    return data[draw(st.sampled_from((1, 7, 100, 188, 1000, len(data) // 2))) :]


def _cut_tail(draw: st.DrawFn, data: bytes) -> bytes:
    return data[: draw(st.integers(0, len(data)))]


def _cut_middle(draw: st.DrawFn, data: bytes) -> bytes:
    start, stop = _span(draw, data)
    return data[:start] + data[stop:]


def _zero(draw: st.DrawFn, data: bytes) -> bytes:
    start, stop = _span(draw, data)
    return data[:start] + bytes(stop - start) + data[stop:]


def _flip(draw: st.DrawFn, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(draw(st.integers(1, 40))):
        if changed:
            changed[draw(st.integers(0, len(changed) - 1))] ^= 1 << draw(st.integers(0, 7))
    return bytes(changed)


def _insert(draw: st.DrawFn, data: bytes) -> bytes:
    at = draw(st.integers(0, len(data)))
    return data[:at] + draw(st.binary(min_size=1, max_size=300)) + data[at:]


def _repeat(draw: st.DrawFn, data: bytes) -> bytes:
    start, stop = _span(draw, data)
    return data[:stop] + data[start:stop] * draw(st.integers(1, 5)) + data[stop:]


def _swap(draw: st.DrawFn, data: bytes) -> bytes:
    start, stop = _span(draw, data)
    return data[start:stop] + data[:start] + data[stop:]


def _extreme(draw: st.DrawFn, data: bytes) -> bytes:
    """Put a number that nobody expects into a header, where there is one."""
    places = [at for head in _HEADS if (at := data.find(head)) >= 0]
    if places:
        at = draw(st.sampled_from(places)) + 4 * draw(st.integers(-1, 12))
    else:
        at = draw(st.integers(0, max(0, min(len(data), 2000) - 4)))
    at = max(0, at)
    value = draw(st.sampled_from(_EXTREMES)).to_bytes(4, "big")
    return data[:at] + value + data[at + 4 :]


def _parameters(draw: st.DrawFn, data: bytes) -> bytes:
    """Change bits of a sequence parameter set: sizes, rates, counts of reference pictures."""
    places = [
        at for head in (b"\x67\x64", b"\x67\x4d", b"\x42\x01\x01") if (at := data.find(head)) > 0
    ]
    changed = bytearray(data)
    for at in places:
        for _ in range(draw(st.integers(1, 6))):
            byte = min(len(changed) - 1, at + draw(st.integers(3, 30)))
            changed[byte] ^= 1 << draw(st.integers(0, 7))
    return bytes(changed)


def _rename(draw: st.DrawFn, data: bytes) -> bytes:
    """Call a box, or what looks like one, something else."""
    places = [
        at
        for head in (b"moov", b"mdat", b"stbl", b"trak", b"ftyp", b"moof", b"movi")
        if (at := data.find(head)) >= 0
    ]
    if not places:
        return data
    at = draw(st.sampled_from(places))
    return (
        data[:at]
        + draw(st.sampled_from((b"free", b"moov", b"mdat", b"trak", b"\0\0\0\0")))
        + data[at + 4 :]
    )


_DAMAGES: dict[str, Callable[[st.DrawFn, bytes], bytes]] = {
    "head cut": _cut_head,
    "tail cut": _cut_tail,
    "middle cut": _cut_middle,
    "zeroed": _zero,
    "bits flipped": _flip,
    "bytes inserted": _insert,
    "repeated": _repeat,
    "swapped": _swap,
    "extreme": _extreme,
    "parameters": _parameters,
    "renamed": _rename,
}
