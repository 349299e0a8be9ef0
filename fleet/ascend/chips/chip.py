"""One kind of chip: its memory, its cores and the limits of its engines."""

from __future__ import annotations

from dataclasses import dataclass

from fleet.ascend.chips.picture_limits import (
    AippLimits,
    JpegdLimits,
    JpegeLimits,
    PngdLimits,
    VpcLimits,
)
from fleet.ascend.chips.video_limits import VdecLimits, VencLimits

_CUBE_OPERATIONS = 2 * 16**3
"""Operations a cycle of one core's cube unit in float16."""


@dataclass(frozen=True)
class Cores:
    """The compute cores of a chip (docs/chip.md#cores)."""

    ai_cores: int
    vector_cores: int
    ai_cpus: int
    clock_hz: int
    l2_bytes: int
    most_streams: int
    """Streams of tasks that may exist at the same time."""

    @property
    def peak_tflops(self) -> float:
        """The speed of all cube units in float16, by their number and clock."""
        return self.ai_cores * self.clock_hz * _CUBE_OPERATIONS / 1e12


@dataclass(frozen=True)
class Soc:
    """One kind of chip."""

    name: str
    """As ATC's --soc_version takes it."""
    memory_bytes: int
    """The memory that a program can use."""
    fp16_tflops: float
    """The speed of its cube units in float16, as published."""
    int8_tops: float
    """The speed of its cube units in int8, as published."""
    cores: Cores
    vdec: VdecLimits
    vpc: VpcLimits
    jpegd: JpegdLimits
    jpege: JpegeLimits
    pngd: PngdLimits
    venc: VencLimits | None
    """None for a chip without a video encoder."""
    aipp: AippLimits
    copy_bytes_per_s: float
    """The speed of copies between host and device."""

    @property
    def peak_tflops(self) -> float:
        """The most that its cube units can do in float16: no network takes less time than so."""
        return max(self.fp16_tflops, self.cores.peak_tflops)

    @property
    def peak_int8_tops(self) -> float:
        """The most that they can do in int8, twice as much a cycle (docs/chip.md#cores)."""
        return max(self.int8_tops, 2 * self.cores.peak_tflops)
