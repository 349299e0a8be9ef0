"""The chips by their names."""

from __future__ import annotations

from fleet.ascend.chips.ascend310 import Ascend310
from fleet.ascend.chips.ascend310p3 import Ascend310P3
from fleet.ascend.chips.ascend910a import Ascend910A
from fleet.ascend.chips.chip import Soc
from fleet.ascend.chips.measures import MB, SizeRange
from fleet.ascend.chips.picture_limits import JpegeLimits, VpcLimits
from fleet.ascend.chips.video_limits import CodecLimits, VdecLimits
from fleet.errors import UsageError

__all__ = [
    "CHIPS",
    "MB",
    "Ascend310",
    "Ascend310P3",
    "Ascend910A",
    "CodecLimits",
    "JpegeLimits",
    "SizeRange",
    "Soc",
    "VdecLimits",
    "VpcLimits",
    "soc",
]

CHIPS = {chip.name: chip for chip in (Ascend310, Ascend310P3, Ascend910A)}
"""Every chip that is simulated, by the name that ATC's --soc_version takes."""


def soc(name: str) -> Soc:
    """Return a chip by its name, such as Ascend310; raises UsageError for an unknown name."""
    if name not in CHIPS:
        known = ", ".join(CHIPS)
        raise UsageError(f"{name!r} is no chip that Fleet simulates.", f"It knows {known}.")
    return CHIPS[name]
