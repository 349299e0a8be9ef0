"""Which frames of a video are wanted: a function of frame numbers, pts and keys alone.

It is applied to the whole video at once, so that the cut into shards cannot matter.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from numbers import Integral, Rational
from typing import Literal, Self, get_args

import numpy as np
from numpy.typing import NDArray

from fleet.video.index import VideoIndex

Kind = Literal["all", "every", "fps", "keyframes"]
_GRAMMAR = (
    "all, every=N, fps=X or keyframes, then optionally from_s=X, to_s=X and first=N after commas"
)


_MOST = 1_000_000_000
"""Seconds, and frames a second, that a number may be; one of a billion as a rate is the least."""
_USUAL_GOP = 25
"""Frames of a GOP that many cameras make: one frame of each takes half of it on the average."""


def _count(name: str, value: int) -> int:
    """Return a count of frames as Python's own number; raise ValueError for what is none."""
    # Python does not hold to types, and a step of 2.5 would choose frames that nobody meant.
    if not (isinstance(value, Integral) and 1 <= value < 2**31):
        what = "the step" if name == "every" else "it"
        raise ValueError(f"{name}={value}: {what} is 1 or more, and below 2,147,483,648")
    return int(value)


def _number(name: str, value: Rational) -> Fraction:
    """Return a number as a fraction of Python's own, as NumPy's overflow.

    Raises ValueError for what is not exact, as no float is, and for what no video has.
    """
    if isinstance(value, Rational):
        exact = Fraction(int(value.numerator), int(value.denominator))
        if abs(exact) <= _MOST:
            return exact
    raise ValueError(f"{name} is a whole number or a fraction, and {_MOST:,} at most")


@dataclass(frozen=True)
class Sampling:
    """A choice of frames; in a time window where `from_s` or `to_s` is given, `first` of them."""

    kind: Kind = "all"
    """All frames, every `step`-th one, `fps` a second, or key frames."""
    step: int = 1
    """Of `every`: the distance of two frames, counted from frame 0."""
    fps: Fraction = Fraction(0)
    """Of `fps`: the first frame at or after each tick of 1/fps seconds is taken.

    So variable frame rates come out even.
    """
    from_s: Fraction | None = None
    """Only frames at or after this many seconds from the first frame."""
    to_s: Fraction | None = None
    """Only frames before this many seconds from the first frame."""
    first: int | None = None
    """Only so many of all these, the first ones."""

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"{self.kind!r} is no sampling: write {_GRAMMAR}")
        object.__setattr__(self, "step", _count("every", self.step))
        if self.first is not None:
            object.__setattr__(self, "first", _count("first", self.first))
        for name in ("fps", "from_s", "to_s"):
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, _number(name, value))
        if self.kind == "fps" and self.fps * _MOST < 1:
            raise ValueError(
                f"fps={_plain(self.fps)}: the rate is more than 0, a billionth at least"
            )
        start, end = self.from_s or 0, self.to_s
        if start < 0:
            raise ValueError(f"from_s={_plain(start)}: a video begins at 0, so it is 0 or more")
        if end is not None and end <= start:
            raise ValueError(f"to_s={_plain(end)} does not lie after from_s={_plain(start)}")

    def __str__(self) -> str:
        head = {"every": f"every={self.step}", "fps": f"fps={_plain(self.fps)}"}
        parts = [head.get(self.kind, self.kind)]
        limits = {"from_s": self.from_s, "to_s": self.to_s}
        parts += [f"{name}={_plain(value)}" for name, value in limits.items() if value is not None]
        parts += [] if self.first is None else [f"first={self.first}"]
        return ",".join(parts)

    @property
    def is_dense(self) -> bool:
        """Return whether most of a video is decoded for it, of whatever GOPs that consists."""
        if not (self.from_s is None and self.to_s is None and self.first is None):
            return False
        usual = self.kind == "every" and self.step <= _USUAL_GOP
        return self.kind == "all" or usual or (self.kind == "fps" and self.fps >= 1)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `every=5` or `fps=0.5,from_s=60,to_s=120`; raise ValueError with the grammar."""
        choice: dict[str, Kind | int] = {}
        limits: dict[str, Fraction] = {}
        for part in text.replace(" ", "").split(","):
            name, _, value = part.partition("=")
            try:
                _read_part(name, value, choice, limits)
            except (ValueError, ZeroDivisionError):
                raise ValueError(f"{part!r} is no sampling: write {_GRAMMAR}") from None
        fps = limits.pop("fps", Fraction(0))
        return cls(fps=fps, **choice, **limits)  # type: ignore[arg-type]

    def wanted(self, index: VideoIndex) -> NDArray[np.bool_]:
        """Return whether each frame is wanted: bool [frames], by frame number."""
        pts = index.packets.pts[index.order]
        wanted: NDArray[np.bool_] = self._chosen(index, pts)
        base = index.stream.time_base
        if self.from_s is not None:
            wanted &= pts >= _ticks(self.from_s, base) + index.start_pts
        if self.to_s is not None:
            wanted &= pts < _ticks(self.to_s, base) + index.start_pts
        if self.first is not None:
            wanted &= np.cumsum(wanted) <= self.first
        return wanted

    def _chosen(self, index: VideoIndex, pts: NDArray[np.int64]) -> NDArray[np.bool_]:
        match self.kind:
            case "all":
                return np.ones(len(pts), np.bool_)
            case "every":
                return np.equal(np.arange(len(pts)) % self.step, 0)
            case "keyframes":
                return index.packets.key[index.order]
            case "fps":
                return _first_after_ticks(pts, self.fps * index.stream.time_base)


EVERY_FRAME = Sampling()
"""The whole video."""


def _read_part(
    name: str, value: str, choice: dict[str, Kind | int], limits: dict[str, Fraction]
) -> None:
    if name in limits or name in choice:
        raise ValueError(name)  # One of two wishes would be passed over.
    if name in {"from_s", "to_s"}:
        limits[name] = Fraction(value)
        return
    if name == "first":
        choice["first"] = int(value)
        return
    if "kind" in choice or "fps" in limits:
        raise ValueError(name)
    match name, value:
        case (("all" | "keyframes"), ""):
            choice["kind"] = name
        case "every", _:
            choice.update(kind="every", step=int(value))
        case "fps", _:
            choice["kind"] = "fps"
            limits["fps"] = Fraction(value)
        case _:
            raise ValueError(name)


def _ticks(seconds: Fraction, base: Fraction) -> int:
    """Return the first pts at or after a time in seconds."""
    ticks = seconds / base
    return -(-ticks.numerator // ticks.denominator)


def _first_after_ticks(pts: NDArray[np.int64], ticks_a_pts: Fraction) -> NDArray[np.bool_]:
    """Return whether each frame is the first at or after some tick: bool [frames].

    Tick 0 is the pts of the first frame.
    """
    if not len(pts):
        return np.zeros(0, np.bool_)
    numerator, denominator = ticks_a_pts.numerator, ticks_a_pts.denominator
    elapsed = pts - pts[0]
    largest = max(int(elapsed[-1]), 1) * numerator
    if max(largest, denominator) > np.iinfo(np.int64).max:
        # Python's integers have no limit; int64 would overflow without an error.
        tick = np.array([int(e) * numerator // denominator for e in elapsed], object)
    else:
        tick = elapsed * numerator // denominator
    wanted = np.ones(len(pts), np.bool_)
    wanted[1:] = tick[1:] > tick[:-1]
    return wanted


def _plain(value: Fraction | int) -> str:
    """Return a fraction as text: 2, 0.5, or 30000/1001 where no short decimal is exact."""
    decimal = f"{float(value):g}"
    return decimal if Fraction(decimal) == value else str(value)
