"""What an index says of a video in numbers that people ask for: a row of the table `videos/`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from fleet.core.wall_time import UNKNOWN_TIME, WallTime
from fleet.video.index import VideoIndex
from fleet.video.moment import EPOCH

_STEADY_S = 0.001
"""Steps from frame to frame that differ by no more than this are even, and only rounded."""


@dataclass(frozen=True)
class VideoFacts:
    """One video stream, as its container and its headers describe it; pixels are not looked at."""

    container: str
    """The kind of file: mp4, avi, matroska, flv, mpegts, mpeg, h264, hevc or jpeg."""
    stream: int
    """Which of the file's video streams it is, from 0."""
    streams: int
    """How many video streams the file has; covers and thumbnails do not count."""
    codec: str
    """FFmpeg's name: h264, hevc, vp9, ..."""
    profile: str
    """The standard's name: High, Main 10, ...; empty where the stream does not say."""
    level: str
    """Such as 4.0; empty where the codec has none."""
    chroma: str
    """The chroma format: 4:2:0 and the like."""
    bit_depth: int
    """Bits a sample."""
    interlaced: bool
    """Whether pictures may be coded as two fields."""
    width: int
    """Pixels of a picture as a player shows it: upright, with square pixels."""
    height: int
    """Its rows."""
    stored_width: int
    """Pixels of a picture as a decoder gives it."""
    stored_height: int
    """Its rows."""
    rotation_deg: int
    """By how much a player turns pictures clockwise: 0, 90, 180 or 270."""
    mirrored: bool
    """Whether it has left and right change places before that."""
    sample_aspect: str
    """The width of a stored pixel to its height, such as 4:3."""
    fps: float | None
    """Frames a second, by the times of the first and the last; None for fewer than two frames."""
    fps_varies: bool | None
    """Whether steps from frame to frame differ by more than 1 ms; by more than a tick, where ticks
    are longer than that and shorter than half a frame."""
    frames: int
    """How many frames it has."""
    duration_s: float
    """From the first frame to the end of the last one, which lasts as long as the average."""
    time_base: str
    """Seconds a tick of pts, such as 1/90000."""
    start_pts: int
    """The pts of the first frame."""
    start_s: float
    """The same in seconds of the container's clock, which seldom begins at 0."""
    key_frames: int
    """How many packets begin a GOP, by what is said of them."""
    longest_gop_frames: int
    """How many frames the longest stretch has that no cut divides."""
    longest_gop_s: float
    """How long the longest of them lasts."""
    open_gops: int
    """How many GOPs begin with pictures that need the GOP before."""
    b_frames: bool
    """Whether pictures are shown in another order than they are decoded."""
    colour_matrix: str
    """The standard whose matrix the samples are read with: bt601 or bt709."""
    colour_range: str
    """What luma spans: narrow (16 to 235) or wide (0 to 255)."""
    colour_declared: bool
    """Whether the stream or its container names the matrix; else it is a default."""
    clock: str
    """Where times come from: the container, or how they were mended or made up."""
    start_time: datetime | None = None
    """When the first frame was taken, where something says so."""
    start_clock: str | None = None
    """What says so."""


def facts_of(index: VideoIndex, start: WallTime = UNKNOWN_TIME) -> VideoFacts:
    """Return what an index says that `check_index` takes; `start`: when the video starts.

    This is the one place where facts of a video are made.
    """
    stream, base = index.stream, index.stream.time_base
    fps, fps_varies = _rate(index)
    longest_frames, longest_s = _longest_gop(index)
    aspect = stream.sample_aspect
    return VideoFacts(
        container=index.container,
        stream=stream.number,
        streams=len(stream.beside.split(",")),
        codec=stream.codec,
        profile=stream.profile,
        level=stream.level,
        chroma=stream.chroma,
        bit_depth=stream.bit_depth,
        interlaced=stream.interlaced,
        width=stream.shown_size.width,
        height=stream.shown_size.height,
        stored_width=stream.size.width,
        stored_height=stream.size.height,
        rotation_deg=stream.rotation,
        mirrored=stream.mirrored,
        sample_aspect=f"{aspect.numerator}:{aspect.denominator}",
        fps=fps,
        fps_varies=fps_varies,
        frames=len(index.order),
        duration_s=index.duration_s,
        time_base=f"{base.numerator}/{base.denominator}",
        start_pts=index.start_pts,
        start_s=float(index.start_pts * base),
        key_frames=int(index.packets.key.sum()),
        longest_gop_frames=longest_frames,
        longest_gop_s=longest_s,
        open_gops=index.open_gops,
        b_frames=index.has_b_frames,
        colour_matrix=str(stream.colour.matrix),
        colour_range=str(stream.colour.range),
        colour_declared=stream.colour.declared,
        clock=stream.clock,
        start_time=None if start.us is None else EPOCH + timedelta(microseconds=start.us),
        start_clock=start.clock or None,
    )


def _rate(index: VideoIndex) -> tuple[float | None, bool | None]:
    """Return the frames a second, and whether they come unevenly; None where nothing tells."""
    ticks = index.packets.pts[index.order]
    steps = len(ticks) - 1
    span = int(ticks[-1] - ticks[0]) if steps > 0 else 0
    if not span:
        return None, None
    base = index.stream.time_base
    lengths = np.diff(ticks)
    allowed = max(_STEADY_S / float(base), min(1.0, span / steps / 2))
    uneven = int(lengths.max() - lengths.min()) > allowed + 1e-6
    return float(steps / (span * base)), uneven


def _longest_gop(index: VideoIndex) -> tuple[int, float]:
    """Return the most frames, and the most seconds, of the stretches that cuts leave whole."""
    frames = np.bincount(index.gop_of_row[index.order])
    base = float(index.stream.time_base)
    edges_s = index.bounds * base
    edges_s[-1] = max(index.start_pts * base + index.duration_s, edges_s[-2])
    return int(frames.max()), float(np.diff(edges_s).max())
