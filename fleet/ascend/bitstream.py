"""What an access unit needs before libav, standing in for VDEC, may have it."""

from __future__ import annotations

_START = b"\x00\x00\x01"

# An SEI message "recovery point, exact, 0 frames away": libav gives nothing before an IDR picture
# or such a message, but a key of an open GOP may come without one. One in the unit itself wins.
_RECOVERY_POINT = b"\x00\x00\x00\x01\x06\x06\x01\xc4\x80"

_SEI = frozenset({39, 40})  # H.265 NAL unit types: messages before and after a picture


def is_annex_b(data: bytes) -> bool:
    """Whether an access unit begins with a start code."""
    return data.startswith((_START, b"\x00" + _START))


def prepared(codec: str, data: bytes, *, first: bool) -> bytes:
    """Give the access unit as libav is to see it; `first`: decoding begins with it.

    The samples that come out are the same, only libav's own checks are met or spared.
    """
    if codec == "hevc":
        return _without_sei(data)
    return _RECOVERY_POINT + data if first else data


def _without_sei(data: bytes) -> bytes:
    """Leave out the SEI messages of an H.265 picture.

    Told to report damage, libav refuses a whole picture for a malformed message, which cameras
    do write and which says nothing about the picture's samples.
    """
    starts: list[int] = []
    at = data.find(_START)
    while at >= 0:
        starts.append(at)
        at = data.find(_START, at + len(_START))
    ends = [*starts[1:], len(data)]
    kept = [data[a:b] for a, b in zip(starts, ends, strict=True) if _h265_kind(data, a) not in _SEI]
    return b"".join(kept) if kept and len(kept) < len(starts) else data


def _h265_kind(data: bytes, start: int) -> int:
    head = start + len(_START)
    return data[head] >> 1 & 63 if head < len(data) else 0
