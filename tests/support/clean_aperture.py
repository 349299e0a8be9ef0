"""MP4 files whose container says that a part of each picture is shown."""

from __future__ import annotations

import struct
from pathlib import Path

from fleet.core.geometry import Rect

AREA = Rect(16, 4, 136, 104)


def cropped(source: Path, path: Path) -> Path:
    """Write an MP4 file again with a clean aperture, AREA, in its sample description."""
    data = bytearray(source.read_bytes())
    off = 2 * AREA.left + AREA.width - 160, 2 * AREA.top + AREA.height - 128
    size = AREA.width, 1, AREA.height, 1
    clap = struct.pack(">I4s4IiIiI", 40, b"clap", *size, off[0], 2, off[1], 2)
    moov = data.index(b"moov")
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", b"avc1"):
        at = data.index(name, moov) - 4
        end = at + int.from_bytes(data[at : at + 4], "big")
        data[at : at + 4] = (end - at + len(clap)).to_bytes(4, "big")
    data[end:end] = clap
    path.write_bytes(data)
    return path
