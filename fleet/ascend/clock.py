"""Two clocks of a device: modelled time of the real chip, and measured time of this machine."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock, get_ident
from time import thread_time
from types import TracebackType

from fleet.ascend.chips.measures import together_per_s
from fleet.ascend.chips.video_limits import VencLimits
from fleet.ascend.soc import Soc
from fleet.core.geometry import Size


@dataclass(frozen=True)
class Reading:
    """Both clocks at one moment."""

    chip_s: Mapping[str, float]
    """Modelled seconds of the real chip, by engine (vdec, vpc, jpegd, pngd, jpege, venc, model, and
    copy for what goes between host and device).
    Engines work at the same time, so that their seconds overlap."""
    host_s: Mapping[str, float]
    """Measured CPU seconds of this machine by stage, on the threads that ran it."""

    def since(self, earlier: Reading) -> Reading:
        """Return what both clocks have added since an earlier reading."""
        return Reading(
            _difference(self.chip_s, earlier.chip_s), _difference(self.host_s, earlier.host_s)
        )


class Clock:
    """Adds up both clocks of one device, for the engines that feed it from one thread or two."""

    def __init__(self) -> None:
        self._chip_s: defaultdict[str, float] = defaultdict(float)
        self._host_s: defaultdict[str, float] = defaultdict(float)
        self._watches: dict[tuple[int, str], _Stopwatch] = {}
        self._turn = Lock()
        self._channels: defaultdict[str, int] = defaultdict(int)

    def open_channel(self, engine: str) -> None:
        """Count one channel more of an engine, which shares its speed until it is closed."""
        self._channels[engine] += 1

    def close_channel(self, engine: str) -> None:
        """Count one channel less."""
        self._channels[engine] -= 1

    def channels(self, engine: str) -> int:
        """Return how many channels work on an engine: those open, and one where none is said."""
        return max(1, self._channels[engine])

    def add_modelled(self, engine: str, seconds: float) -> None:
        """Add modelled seconds of the real chip's time."""
        with self._turn:
            self._chip_s[engine] += seconds

    def stage(self, name: str) -> _Stopwatch:
        """Return a context manager that adds this thread's CPU seconds within it to a stage.

        It costs about 1.5 microseconds. A stage cannot be nested within itself.
        """
        key = get_ident(), name
        watch = self._watches.get(key)
        if watch is None:
            watch = self._watches[key] = _Stopwatch(self._host_s, name, self._turn)
        return watch

    def snapshot(self) -> Reading:
        """Return a reading of both clocks, which does not change afterwards."""
        with self._turn:
            return Reading(dict(self._chip_s), dict(self._host_s))


class _Stopwatch:
    __slots__ = ("_began_s", "_stage", "_totals", "_turn")

    def __init__(self, totals: defaultdict[str, float], stage: str, turn: Lock) -> None:
        self._totals = totals
        self._stage = stage
        self._turn = turn
        self._began_s = 0.0

    def __enter__(self) -> None:
        self._began_s = thread_time()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        spent_s = thread_time() - self._began_s
        with self._turn:
            self._totals[self._stage] += spent_s


def vdec_s(soc: Soc, size: Size, channels: int = 1) -> float:
    """Return the modelled seconds by which one picture, returned or skipped, holds VDEC up.

    So many channels decode side by side: one alone at its own rate, several at that of the engine
    at most. An Ascend310 decodes 240 pictures a second at 1920x1080 in one channel, and 480 in all
    (docs/chip.md#clock-vdec, docs/chip.md#clock-vdec-channel).
    """
    return 1 / soc.vdec.channel_pictures_per_s(size.pixels, channels)


def vpc_s(soc: Soc, source: Size, target: Size, channels: int = 1) -> float:
    """Return the modelled seconds by which one scaling holds VPC up; channels as for `vdec_s`.

    W and H are the larger width and the larger height of the two sizes: all channels of an
    Ascend310 scale 3840 x 2160 x 360 / (W x H) pictures a second, 1440 at 1920x1080, and one
    channel a quarter of it (docs/chip.md#clock-vpc, docs/chip.md#clock-vpc-engine).
    """
    larger = max(source.width, target.width) * max(source.height, target.height)
    return 1 / soc.vpc.engine_pictures_per_s(larger, channels)


def jpegd_s(soc: Soc, size: Size, channels: int = 1) -> float:
    """Return the modelled seconds to decode one JPEG; channels as for `vdec_s`.

    An Ascend310 decodes 128 a second at 1920x1080 in one channel, and 256 in two or more
    (docs/chip.md#clock-jpegd).
    """
    return 1 / together_per_s(soc.jpegd.rate, soc.jpegd.channel_rate, size.pixels, channels)


def pngd_s(soc: Soc, size: Size, channels: int = 1) -> float:
    """Return the modelled seconds to decode one PNG; channels as for `vdec_s`.

    An Ascend310 decodes 4 a second at 1920x1080 in one channel, and 24 in six or more
    (docs/chip.md#clock-pngd).
    """
    return 1 / together_per_s(soc.pngd.rate, soc.pngd.channel_rate, size.pixels, channels)


def jpege_s(soc: Soc, size: Size, channels: int = 1) -> float:
    """Return the modelled seconds to encode one JPEG; channels as for `vdec_s`.

    An Ascend310 encodes 64 a second at 1920x1080 and 16 at 3840x2160 (docs/chip.md#clock-jpege).
    """
    return 1 / together_per_s(soc.jpege.rate, soc.jpege.channel_rate, size.pixels, channels)


def venc_s(limits: VencLimits, size: Size) -> float:
    """Return the modelled seconds to encode one picture of a video, whatever the channels.

    An Ascend310 encodes 30 a second at 1920x1080 (docs/chip.md#clock-venc).
    """
    return limits.rate.seconds(size.pixels)


def model_s(soc: Soc, macs: int, *, int8: bool = False) -> float:
    """Return the modelled seconds of so many multiply-accumulates: a lower bound.

    It is at the peak of the chip's cube units, two operations each (docs/chip.md#clock-fp16).
    """
    return 2 * macs / ((soc.peak_int8_tops if int8 else soc.peak_tflops) * 1e12)


def copy_s(soc: Soc, size_bytes: int) -> float:
    """Return the modelled seconds to copy bytes between host and device.

    (docs/chip.md#clock-copy)
    """
    return size_bytes / soc.copy_bytes_per_s


def _difference(now: Mapping[str, float], earlier: Mapping[str, float]) -> dict[str, float]:
    return {name: seconds - earlier.get(name, 0.0) for name, seconds in now.items()}
