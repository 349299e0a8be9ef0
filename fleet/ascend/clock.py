"""Two clocks of a device: what the real chip would have taken, and what this machine took."""

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
    """Both clocks at one moment.

    `chip_s`: modelled seconds of the real chip by engine (vdec, vpc, jpege, model): each engine's
    own time, which overlaps with the others'. `host_s`: measured CPU seconds of this machine by
    stage, on the threads that ran it.
    """

    chip_s: Mapping[str, float]
    host_s: Mapping[str, float]

    def since(self, earlier: Reading) -> Reading:
        """What was added after an earlier reading."""
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
        """Give a context manager that adds this thread's CPU seconds within it to a stage.

        Costs about a microsecond and a half. Not to be nested within the same stage.
        """
        watch = self._watches.get(name)
        if watch is None:
            watch = self._watches[name] = _Stopwatch(self._host_s, name)
        return watch

    def snapshot(self) -> Reading:
        """Read both clocks; the reading does not change afterwards."""
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
    """Model the decoding of one picture, given or skipped, with all channels of the chip busy.

    In proportion to its pixels, 480 pictures a second at 1920x1080, and 960 at most on Ascend310
    (ascend_spec section 1, "Total throughput"). One channel alone would reach half of that.
    """
    return soc.vdec.rate.seconds(size.pixels)


def vpc_s(soc: Soc, source: Size, target: Size) -> float:
    """Model one scaling from `source` to `target`, with all engines of the VPC busy.

    W x H of the larger width and the larger height of the two: on Ascend310 an engine does
    3840 x 2160 x 360 / (W x H) pictures a second for the whole chip, 1440 at 1920x1080
    (ascend_spec section 2, "Rule for other sizes", "Throughput 1080p").
    """
    larger = max(source.width, target.width) * max(source.height, target.height)
    return soc.vpc.rate.seconds(larger)


def jpege_s(soc: Soc, size: Size) -> float:
    """Model the encoding of one JPEG, in proportion to its pixels.

    64 a second at 1920x1080 and 16 at 3840x2160 on Ascend310 (ascend_spec section 4,
    "Throughput").
    """
    return soc.jpege.rate.seconds(size.pixels)


def _difference(now: Mapping[str, float], earlier: Mapping[str, float]) -> dict[str, float]:
    return {name: seconds - earlier.get(name, 0.0) for name, seconds in now.items()}
