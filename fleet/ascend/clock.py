"""Two clocks of a device: modelled time of the real chip, and measured time of this machine."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from time import thread_time
from types import TracebackType

from fleet.ascend.soc import Soc
from fleet.core.geometry import Size


@dataclass(frozen=True)
class Reading:
    """Both clocks at one moment."""

    chip_s: Mapping[str, float]
    """Modelled seconds of the real chip, by engine (vdec, vpc, jpegd, pngd, jpege, venc, model).
    Engines work at the same time, so that their seconds overlap."""
    host_s: Mapping[str, float]
    """Measured CPU seconds of this machine by stage, on the threads that ran it."""

    def since(self, earlier: Reading) -> Reading:
        """Return what both clocks have added since an earlier reading."""
        return Reading(
            _difference(self.chip_s, earlier.chip_s), _difference(self.host_s, earlier.host_s)
        )


class Clock:
    """Adds up both clocks of one device; one per thread, like the engines that feed it."""

    def __init__(self) -> None:
        self._chip_s: defaultdict[str, float] = defaultdict(float)
        self._host_s: defaultdict[str, float] = defaultdict(float)
        self._watches: dict[str, _Stopwatch] = {}

    def add_modelled(self, engine: str, seconds: float) -> None:
        """Add modelled seconds of the real chip's time."""
        self._chip_s[engine] += seconds

    def stage(self, name: str) -> _Stopwatch:
        """Return a context manager that adds this thread's CPU seconds within it to a stage.

        It costs about 1.5 microseconds. A stage cannot be nested within itself.
        """
        watch = self._watches.get(name)
        if watch is None:
            watch = self._watches[name] = _Stopwatch(self._host_s, name)
        return watch

    def snapshot(self) -> Reading:
        """Return a reading of both clocks, which does not change afterwards."""
        return Reading(dict(self._chip_s), dict(self._host_s))


class _Stopwatch:
    __slots__ = ("_began_s", "_stage", "_totals")

    def __init__(self, totals: defaultdict[str, float], stage: str) -> None:
        self._totals = totals
        self._stage = stage
        self._began_s = 0.0

    def __enter__(self) -> None:
        self._began_s = thread_time()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._totals[self._stage] += thread_time() - self._began_s


def vdec_s(soc: Soc, size: Size) -> float:
    """Return the modelled seconds to decode one picture, returned or skipped, on a busy chip.

    They are proportional to its pixels: 480 pictures a second at 1920x1080, and 960 at most, on
    Ascend310 (docs/chip.md#clock-vdec). One channel alone would reach half of
    that.
    """
    return soc.vdec.rate.seconds(size.pixels)


def vpc_s(soc: Soc, source: Size, target: Size) -> float:
    """Return the modelled seconds of one scaling, with all engines of the VPC busy.

    W and H are the larger width and the larger height of the two sizes: on Ascend310 the whole chip
    scales 3840 x 2160 x 360 / (W x H) pictures a second, 1440 at 1920x1080
    (docs/chip.md#clock-vpc).
    """
    larger = max(source.width, target.width) * max(source.height, target.height)
    return soc.vpc.rate.seconds(larger)


def jpegd_s(soc: Soc, size: Size) -> float:
    """Return the modelled seconds to decode one JPEG, with all channels busy.

    Ascend310 decodes 256 a second at 1920x1080 and 64 at 3840x2160 (docs/chip.md#clock-jpegd).
    """
    return soc.jpegd.rate.seconds(size.pixels)


def pngd_s(soc: Soc, size: Size) -> float:
    """Return the modelled seconds to decode one PNG, with all channels busy.

    Ascend310 decodes 24 a second at 1920x1080 and 6 at 3840x2160 (docs/chip.md#clock-pngd).
    """
    return soc.pngd.rate.seconds(size.pixels)


def jpege_s(soc: Soc, size: Size) -> float:
    """Return the modelled seconds to encode one JPEG; they are proportional to its pixels.

    Ascend310 encodes 64 a second at 1920x1080 and 16 at 3840x2160 (docs/chip.md#clock-jpege).
    """
    return soc.jpege.rate.seconds(size.pixels)


def _difference(now: Mapping[str, float], earlier: Mapping[str, float]) -> dict[str, float]:
    return {name: seconds - earlier.get(name, 0.0) for name, seconds in now.items()}
