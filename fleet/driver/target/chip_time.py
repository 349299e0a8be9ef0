"""What a job's work takes on a real chip, engine by engine, modelled before anything runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fleet.ascend.clock import copy_s, jpege_s, vdec_s, vpc_s
from fleet.ascend.soc import Soc
from fleet.core.geometry import Size
from fleet.errors import FleetError, JobCodeError, UsageError
from fleet.job.frame_job import FrameJob
from fleet.job.raised import place, trace
from fleet.models.card import ModelCard
from fleet.plan.shard import VideoWork


def modelled_s(
    works: Iterable[VideoWork], cards: Iterable[ModelCard], job: FrameJob[Any], chip: Soc
) -> dict[str, float]:
    """Return the chip's seconds by engine, with one channel of each.

    VDEC for every packet, copies for its bytes, VPC for pictures that are made upright and for what
    models read, the models themselves, and what the job says it does (`FrameJob.chip_use`). Raises
    JobCodeError where that raises, UsageError where it makes no sense.
    """
    total: defaultdict[str, float] = defaultdict(float)
    add_modelled_s(total, works, tuple(cards), job, chip)
    return dict(total)


def add_modelled_s(
    total: defaultdict[str, float],
    works: Iterable[VideoWork],
    cards: tuple[ModelCard, ...],
    job: FrameJob[Any],
    chip: Soc,
) -> None:
    """Add what further videos take to `modelled_s` of others."""
    # An archive has many videos, of few sizes.
    a_frame_s: dict[tuple[Size, Size], Sequence[tuple[str, float]]] = {}
    for work in works:
        frames, size = work.todo_frames, work.shown_size
        if work.on_host:
            total["copy"] += frames * copy_s(chip, work.size.pixels * 3 // 2)
        else:
            total["vdec"] += work.todo_packets * vdec_s(chip, work.size)
            total["copy"] += copy_s(chip, work.todo_fetched_bytes)
        sizes = (work.size, size)
        if sizes not in a_frame_s:
            a_frame_s[sizes] = tuple(_a_frame_s(work, cards, job_use(job, size), chip))
        for engine, seconds in a_frame_s[sizes]:
            total[engine] += frames * seconds


def _a_frame_s(
    work: VideoWork, cards: tuple[ModelCard, ...], use: Mapping[str, Iterable[Size]], chip: Soc
) -> Iterable[tuple[str, float]]:
    """Yield engines and their seconds for one frame that the job wants."""
    square = _square(work.size, work.shown_size)
    if square != work.size:
        yield "vpc", vpc_s(chip, work.size, square)
    for card in cards:
        yield "vpc", vpc_s(chip, work.shown_size, card.source)
        yield "model", card.chip_s(chip) / card.batch
        yield "copy", copy_s(chip, card.output_bytes) / card.batch
    for size in use.get("vpc", ()):
        yield "vpc", vpc_s(chip, work.shown_size, size)
    for size in use.get("jpege", ()):
        yield "jpege", jpege_s(chip, size)


def _square(size: Size, shown: Size) -> Size:
    """Return the size of a picture with square pixels, before it is turned."""
    short, long = sorted((shown.width, shown.height))
    return Size(long, short) if size.width >= size.height else Size(short, long)


def job_use(job: FrameJob[Any], size: Size) -> Mapping[str, Sequence[Size]]:
    """Return what a job says that it does with a picture of a size; see `modelled_s`."""
    try:
        use = job.chip_use(size)
    except FleetError:
        raise
    except Exception as error:
        message = f"The job's chip_use raised {type(error).__name__}: {error}{place(error)}"
        raise JobCodeError(message, trace=trace(error)) from error
    if unknown := use.keys() - {"vpc", "jpege"}:
        names = ", ".join(map(repr, sorted(unknown)))
        raise UsageError(f"The job's chip_use names {names}.", "It may name vpc and jpege.")
    return use
