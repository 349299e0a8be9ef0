"""Edit lists: whatever an MP4 plays of itself, in whatever order, frames are numbered as decoded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from generate import CODECS, Clip, Codec, GopKind, cached
from truth import assert_same_pts, assert_true, probed

from fleet.video.containers.limits import WHOLE_BYTES

FRAME = 512  # ticks of media time
FIRST = 2 * FRAME  # the first frame's media time, with B-frames
SECOND = 1000  # of the whole film's clock

EDITS = {
    "all": [(2 * SECOND, FIRST)],
    "from the middle of a GOP": [(400, FIRST + 13 * FRAME)],
    "the beginning only": [(960, FIRST)],
    "two parts": [(400, FIRST), (400, FIRST + 30 * FRAME)],
    "two parts from the middle": [(400, FIRST + 3 * FRAME), (400, FIRST + 29 * FRAME)],
    "twice": [(400, FIRST), (400, FIRST)],
    "backwards": [(400, FIRST + 24 * FRAME), (400, FIRST + 2 * FRAME)],
    "late": [(500, -1), (600, FIRST + 11 * FRAME)],
    "with a gap": [(200, FIRST), (300, -1), (400, FIRST + 20 * FRAME)],
}


def with_edits(data: bytes, edits: list[tuple[int, int]]) -> bytes:
    """An MP4 with its index at the end and this edit list: durations, and media times or -1."""
    entries = b"".join(
        duration.to_bytes(4, "big") + media.to_bytes(4, "big", signed=True) + b"\0\1\0\0"
        for duration, media in edits
    )
    table = (16 + len(entries)).to_bytes(4, "big") + b"elst" + bytes(4)
    table += len(edits).to_bytes(4, "big") + entries
    box = (8 + len(table)).to_bytes(4, "big") + b"edts" + table
    at = data.index(b"edts") - 4
    old = int.from_bytes(data[at : at + 4], "big")
    out = bytearray(data[:at] + box + data[at + old :])
    for parent in (b"moov", b"trak"):
        where = out.rindex(parent, 0, at) - 4
        size = int.from_bytes(out[where : where + 4], "big") + len(box) - old
        out[where : where + 4] = size.to_bytes(4, "big")
    return bytes(out)


@pytest.mark.parametrize("edits", EDITS.values(), ids=EDITS.keys())
@pytest.mark.parametrize("kind", ["closed", "open"])
@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize(("origin", "whole_bytes"), [("header", 0), ("scan", WHOLE_BYTES)])
def test_edited_file_is_numbered_as_decoded(
    clip_folder: Path,
    tmp_path: Path,
    codec: Codec,
    kind: GopKind,
    edits: list[tuple[int, int]],
    origin: str,
    whole_bytes: int,
) -> None:
    """Read from the header, where no picture is seen, and whole."""
    clip = Clip(codec=codec, frames=48, gop=8, gop_kind=kind)
    path = tmp_path / "edited.mp4"
    path.write_bytes(with_edits(cached(clip, clip_folder).read_bytes(), edits))
    index = probed(path.read_bytes(), whole_bytes=whole_bytes)
    assert index.origin == origin
    assert_same_pts(index, assert_true(index, path))
    assert (np.diff(index.bounds) > 0).all()
