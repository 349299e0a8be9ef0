"""An archive of synthetic clips, with a folder for each camera, and one for the truth."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from fleet.core.geometry import Size
from fleet.errors import UsageError
from fleet.parquet.encoding import encode
from fleet.street.render_pool import render_pool
from fleet.street.scene.clip import Clip, Coding, Density, Light, Weather

DRAWING = 1
"""The version of the drawing: with another one, clips that exist are drawn again."""
_FIGURES_MS = {Density.EMPTY: 1, Density.SPARSE: 3, Density.NORMAL: 6, Density.CROWD: 20}
"""Roughly the milliseconds to draw the figures of one frame."""
_CODING_MS = {"h264": 7.0, "h265": 25.0}
"""Roughly the milliseconds for a million pixels of a frame: its ground, noise and coding."""
_DARK = 1.3
"""So many times as long takes a dark street: it has lamps and beams, and noise is hard to code."""
_KEY = b"fleet.street.clip"
_BYTES_A_SECOND = 600_000


@dataclass(frozen=True)
class Shot:
    """One clip of an archive, and its files."""

    clip: Clip
    """The clip."""
    camera: str
    """The name of the camera."""
    video: Path
    """The file of the video."""
    truth: Path
    """The file of the truth."""

    @property
    def key(self) -> str:
        """The text in the file of the truth that identifies the clip and the drawing."""
        return f"{DRAWING} {self.clip!r}"

    @property
    def is_rendered(self) -> bool:
        """Return whether the files hold this very clip."""
        if not (self.video.is_file() and self.truth.is_file()):
            return False
        try:
            found = pq.read_metadata(self.truth).metadata or {}
        except (OSError, pa.ArrowException):
            return False
        return bool(found.get(_KEY) == self.key.encode())


@dataclass(frozen=True)
class Outcome:
    """The result of one shot."""

    shot: Shot
    """The shot."""
    drawn: bool
    """Whether it was drawn now, and not before."""
    figures: int
    """How many rows the truth has."""


@dataclass(frozen=True)
class _Look:
    """The properties of a camera and its clip."""

    light: Light
    weather: Weather
    density: Density
    size: Size
    rate: int
    coding: Coding


_DAY, _DUSK, _NIGHT = Light.DAY, Light.DUSK, Light.NIGHT
_CLEAR, _CLOUDY, _RAIN = Weather.CLEAR, Weather.CLOUDY, Weather.RAIN
_H264, _H265 = Coding("h264", 2.0, 2), Coding("h265", 2.0, 3)
_LONG, _OPEN = Coding("h264", 4.0, 0), Coding("h265", 1.0, 2, open_gop=True)
_LOOKS = (
    _Look(_DAY, _CLEAR, Density.NORMAL, Size(1280, 720), 12, _H264),
    _Look(_DAY, _RAIN, Density.CROWD, Size(960, 540), 12, _H264),
    _Look(_NIGHT, _CLEAR, Density.NORMAL, Size(1280, 720), 10, _LONG),
    _Look(_DUSK, _CLOUDY, Density.NORMAL, Size(640, 360), 12, _OPEN),
    _Look(_DAY, _CLOUDY, Density.CROWD, Size(1280, 720), 10, _H265),
    _Look(_NIGHT, _RAIN, Density.SPARSE, Size(960, 540), 12, _H264),
    _Look(_DUSK, _CLEAR, Density.CROWD, Size(1920, 1080), 10, _LONG),
    _Look(_DAY, _CLEAR, Density.EMPTY, Size(640, 360), 15, _H264),
)
"""The views of the cameras of an archive, in turn."""


def plan_archive(output: Path, cameras: int, seconds: float, seed: int) -> tuple[Shot, ...]:
    """Return one clip for each camera; raises UsageError for a wrong number or seed."""
    if not 1 <= cameras <= 999:
        raise UsageError(f"{cameras} cameras were asked.", "Use 1 to 999.")
    if seed < 0:
        raise UsageError(f"The seed {seed} is negative.", "Use 0 or more.")
    folder = Path(os.path.abspath(output.expanduser()))  # noqa: PTH100 - keeps links, as URIs do
    return tuple(_shot(folder, number, seconds, seed) for number in range(cameras))


def _shot(folder: Path, number: int, seconds: float, seed: int) -> Shot:
    look = _LOOKS[number % len(_LOOKS)]
    camera = f"camera-{number + 1}"
    clip = Clip(
        seed=seed * 1000 + number,
        scene=seed * 1000 + number,
        size=look.size,
        rate=Fraction(look.rate),
        seconds=seconds,
        light=look.light,
        weather=look.weather,
        density=look.density,
        coding=look.coding,
    )
    name = f"clip-{clip.seed:05d}"
    video, truth = folder / camera / f"{name}.mp4", folder / "truth" / f"{camera}-{name}.parquet"
    return Shot(clip, camera, video, truth)


def render_archive(shots: tuple[Shot, ...], processes: int) -> Iterator[Outcome]:
    """Render the missing clips in so many processes, and yield outcomes in the order of `shots`.

    Raises UsageError where the folder cannot be written or has too little room, and JobFailedError
    where a process dies.
    """
    missing = [shot for shot in shots if not shot.is_rendered]
    if missing:
        _make_room(missing)
    with render_pool(max(1, min(processes, len(missing)))) as pool:
        drawn = {shot: pool.submit(render_shot, shot) for shot in _longest_first(missing)}
        for shot in shots:
            yield drawn[shot].result() if shot in drawn else _found(shot)


def render_shot(shot: Shot) -> Outcome:
    """Render one clip: the video, then its truth, which means that both are complete."""
    # Only the processes that draw load what draws; the one that has them draw does without.
    from fleet.street.encode import truth_table, write  # noqa: PLC0415

    shot.truth.unlink(missing_ok=True)
    seen = write(shot.clip, shot.video)
    table = truth_table(shot.clip, shot.video, shot.camera, seen)
    shot.truth.write_bytes(encode(table, {_KEY.decode(): shot.key}))
    return Outcome(shot, drawn=True, figures=table.num_rows)


def _found(shot: Shot) -> Outcome:
    return Outcome(shot, drawn=False, figures=pq.read_metadata(shot.truth).num_rows)


def _longest_first(shots: list[Shot]) -> list[Shot]:
    return sorted(shots, key=lambda shot: -_effort(shot.clip))


def _effort(clip: Clip) -> float:
    """Return roughly how many milliseconds a clip takes."""
    frame = _FIGURES_MS[clip.density] + _CODING_MS[clip.coding.codec] * clip.size.pixels / 1e6
    return clip.frames * frame * (1.0 if clip.light is Light.DAY else _DARK)


def _make_room(shots: list[Shot]) -> None:
    try:
        for shot in shots:
            shot.video.parent.mkdir(parents=True, exist_ok=True)
            shot.truth.parent.mkdir(parents=True, exist_ok=True)
            if not os.access(shot.video.parent, os.W_OK):
                raise PermissionError(f"{shot.video.parent} is not writable")
        free = shutil.disk_usage(shots[0].video.parent).free
    except OSError as error:
        raise UsageError(
            f"The clips cannot be put into {shots[0].video.parent.parent}: {error}.",
            "Choose another folder with --output.",
        ) from error
    needed = int(sum(shot.clip.seconds for shot in shots) * _BYTES_A_SECOND)
    if free < needed:
        raise UsageError(
            f"The clips take about {needed / 1e6:,.0f} MB, and {free / 1e6:,.0f} MB are free.",
            "Make room, choose another folder with --output, or ask for fewer --seconds.",
        )
