"""The modelled clock under the conditions of the documented speeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fleet.ascend.chips.chip import Soc
from fleet.ascend.clock import (
    Clock,
    copy_s,
    jpegd_s,
    jpege_s,
    model_s,
    pngd_s,
    vdec_s,
    venc_s,
    vpc_s,
)
from fleet.ascend.figures.documented import Figure
from fleet.core.geometry import Size

PICTURES = 8
"""So many pictures are counted in each channel."""
_MACS = 10**9


@dataclass(frozen=True)
class Compared:
    """A documented speed beside the modelled one."""

    figure: Figure
    modelled_per_s: float

    @property
    def difference(self) -> float | None:
        """The modelled speed over the documented one, less 1; None where none is documented."""
        return self.modelled_per_s / self.figure.per_s - 1 if self.figure.per_s else None


def compare(soc: Soc, figure: Figure) -> Compared:
    """Count the pictures of a figure on a clock as the engines do, and return their speed."""
    clock = Clock()
    if figure.size is None:
        clock.add_modelled("model", model_s(soc, _MACS))
        return Compared(figure, 2 * _MACS / 1e12 / _slowest_s(clock))
    for _ in range(figure.channels):
        clock.open_channel(figure.engine)
    count = figure.channels * PICTURES
    one_s = _COUNTED[figure.engine]
    for _ in range(count):
        seconds = one_s(soc, figure.size, clock.channels(figure.engine))
        clock.add_modelled(figure.engine, seconds)
        if figure.with_copies:
            clock.add_modelled("copy", copy_s(soc, figure.size.pixels * 3 // 2))
    return Compared(figure, count / _slowest_s(clock))


def _slowest_s(clock: Clock) -> float:
    """Return the time that it takes: engines work side by side, the slowest decides."""
    return max(clock.snapshot().chip_s.values())


def _vpc_s(soc: Soc, size: Size, channels: int) -> float:
    return vpc_s(soc, size, size, channels)


def _venc_s(soc: Soc, size: Size, channels: int) -> float:
    del channels
    assert soc.venc is not None, "a chip without VENC has no figure for it"
    return venc_s(soc.venc, size)


_COUNTED: Mapping[str, Callable[[Soc, Size, int], float]] = {
    "vdec": vdec_s,
    "vpc": _vpc_s,
    "jpegd": jpegd_s,
    "jpege": jpege_s,
    "pngd": pngd_s,
    "venc": _venc_s,
}
"""Engine -> the seconds that it counts for a picture."""
