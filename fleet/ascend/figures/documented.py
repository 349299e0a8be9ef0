"""The documented speeds of each chip, row by row, as the pages give them.

The clock does not read these: what it makes of the same conditions is compared with them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fleet.core.geometry import Size

P720, HD, UHD, P4320 = Size(1280, 720), Size(1920, 1080), Size(3840, 2160), Size(7680, 4320)
ALL = 256
"""More channels than any engine has a use for: its figure for the whole chip."""
_FIRST, _SECOND, _TRAINING = "Ascend310", "Ascend310P3", "Ascend910A"


@dataclass(frozen=True)
class Figure:
    """One documented speed."""

    chip: str
    engine: str
    """vdec, vpc, jpegd, jpege, pngd, venc, or model for the peak of its cores."""
    size: Size | None
    """The pictures; None for the peak."""
    channels: int
    """How many work side by side."""
    per_s: float | None
    """Pictures a second, or TFLOPS; None where no public page tells."""
    basis: Literal["D", "I", "N"]
    """Documented, inferred, or not found."""
    rule: str
    """Its row of docs/chip.md."""
    with_copies: bool = False
    """Whether each picture is copied to the device first."""


def _rows(chip: str, engine: str, rule: str, *rows: tuple[Size, int, float]) -> tuple[Figure, ...]:
    return tuple(
        Figure(chip, engine, size, channels, per_s, "D", rule) for size, channels, per_s in rows
    )


def _unknown(chip: str, engine: str, rule: str) -> Figure:
    return Figure(chip, engine, HD, ALL, None, "N", rule)


_VDEC, _ONE, _VPC, _VPC_ONE = "clock-vdec", "clock-vdec-channel", "clock-vpc", "clock-vpc-engine"
_FIRST_VDEC = ((HD, 16, 480), (HD, 32, 480), (UHD, 4, 120), (UHD, 8, 120), (P720, 32, 960))

FIGURES: tuple[Figure, ...] = (
    *_rows(_FIRST, "vdec", _ONE, (HD, 1, 240), (UHD, 1, 60)),
    *_rows(_FIRST, "vdec", _VDEC, *_FIRST_VDEC),
    *_rows(_FIRST, "vpc", _VPC_ONE, (HD, 1, 360), (HD, 2, 720), (HD, 3, 1080)),
    *_rows(_FIRST, "vpc", _VPC, (HD, ALL, 1440)),
    *_rows(_FIRST, "vpc", _VPC_ONE, (UHD, 1, 90), (UHD, 2, 180), (UHD, 3, 270)),
    *_rows(_FIRST, "vpc", _VPC, (UHD, ALL, 360), (Size(1000, 800), ALL, 3732.48)),
    Figure(_FIRST, "vpc", HD, ALL, 1000, "D", "clock-copy", with_copies=True),
    Figure(_FIRST, "vpc", UHD, ALL, 250, "D", "clock-copy", with_copies=True),
    *_rows(_FIRST, "jpegd", "clock-jpegd", (HD, 1, 128), (HD, 2, 256), (UHD, 1, 32), (UHD, 2, 64)),
    *_rows(_FIRST, "jpege", "clock-jpege", (HD, ALL, 64), (UHD, ALL, 16)),
    *_rows(_FIRST, "pngd", "clock-pngd", (HD, 1, 4), (HD, 3, 12), (HD, 6, 24), (UHD, 1, 1)),
    *_rows(_FIRST, "pngd", "clock-pngd", (UHD, 3, 3), (UHD, 6, 6)),
    *_rows(_FIRST, "venc", "clock-venc", (HD, ALL, 30)),
    Figure(_FIRST, "model", None, 1, 11, "I", "clock-fp16"),
    *_rows(_SECOND, "vdec", _ONE, (P720, 1, 480), (HD, 1, 240), (UHD, 1, 60)),
    *_rows(_SECOND, "vdec", _ONE, (P720, 6, 2880), (HD, 6, 1440), (UHD, 6, 360)),
    *_rows(_SECOND, "vdec", _VDEC, (P720, 12, 5760), (HD, 12, 2880), (UHD, 12, 720)),
    *_rows(_SECOND, "vpc", _VPC_ONE, (HD, 1, 360), (HD, 6, 2160), (UHD, 1, 90), (P4320, 1, 22.5)),
    *_rows(_SECOND, "vpc", _VPC, (HD, ALL, 4320), (UHD, ALL, 1080), (P4320, ALL, 270)),
    _unknown(_SECOND, "jpegd", "clock-jpegd"),
    *_rows(_SECOND, "jpege", "clock-jpege", (HD, ALL, 1024), (UHD, ALL, 256)),
    _unknown(_SECOND, "pngd", "clock-pngd"),
    _unknown(_SECOND, "venc", "clock-venc"),
    Figure(_SECOND, "model", None, 1, 69.5, "I", "clock-fp16"),
    *_rows(_TRAINING, "vdec", _ONE, (HD, 1, 240), (UHD, 1, 60)),
    *_rows(_TRAINING, "vdec", _VDEC, *_FIRST_VDEC),
    _unknown(_TRAINING, "vpc", _VPC),
    *_rows(_TRAINING, "jpegd", "clock-jpegd", (HD, 1, 128), (HD, 8, 1024), (HD, 16, 2048)),
    *_rows(_TRAINING, "jpegd", "clock-jpegd", (UHD, 1, 32), (UHD, 16, 512)),
    *_rows(_TRAINING, "jpege", "clock-jpege", (HD, 1, 128), (HD, 4, 512), (HD, 8, 1024)),
    *_rows(_TRAINING, "jpege", "clock-jpege", (UHD, 1, 32), (UHD, 8, 256)),
    *_rows(_TRAINING, "pngd", "clock-pngd", (HD, ALL, 96), (UHD, ALL, 24)),
    Figure(_TRAINING, "model", None, 1, 262, "I", "clock-fp16"),
)
