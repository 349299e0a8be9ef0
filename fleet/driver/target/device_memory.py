"""Whether a job fits into the memory of one device, found out before anything runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fleet.ascend.codes import Code
from fleet.ascend.figures.footprint import Terms, jpeg_bytes, picture_bytes
from fleet.ascend.memory import allocation_bytes
from fleet.ascend.soc import MB, Soc
from fleet.driver.target.chip_time import job_use
from fleet.errors import JobTooLargeError
from fleet.job.frame_job import FrameJob
from fleet.models.card import ModelCard
from fleet.plan.read_ahead import most_ahead_bytes
from fleet.plan.shard import VideoWork

_WAYS_OUT = "Lower the job's `batch`, compile a smaller model, or leave the largest videos out."
_FEWER_CORES = "Say cores_per_device = 1, or lower the job's `batch`."


@dataclass(frozen=True)
class DeviceMemory:
    """What one device of a job holds at its peak, at most, over the video that takes most."""

    terms: Terms
    """Bytes with the name of what holds them."""
    budget_bytes: int
    """The memory of the chip."""
    uri: str = ""
    """The video; empty where there is none."""
    ahead: bool = False
    """Whether pictures are decoded ahead, for which the terms of several videos are added."""

    @property
    def total_bytes(self) -> int:
        """All terms together."""
        return _sum(self.terms)

    def __str__(self) -> str:
        listed = " + ".join(f"{holder} {_mb(count)}" for holder, count in self.terms)
        of = f", for {self.uri}" if self.uri else ""
        return f"{_mb(self.total_bytes)} of {_mb(self.budget_bytes)} MB: {listed}{of}"


def check_models(cards: Mapping[str, ModelCard], chip: Soc) -> None:
    """Raise JobTooLargeError (245000) where the models alone do not fit into a device."""
    held = DeviceMemory(_standing(cards.values(), chip), chip.memory_bytes)
    if held.total_bytes > chip.memory_bytes:
        code, way_out = Code.ACL_ERROR_GE_MEMORY_ALLOCATION, "Compile a smaller one, or less batch."
        message = f"The job's models do not fit into an {chip.name} ({int(code)}): {held}."
        raise JobTooLargeError(message, way_out, int(code))


def check_job(held: DeviceMemory, chip: Soc) -> None:
    """Raise JobTooLargeError (207001) where a device would hold more than it has."""
    if held.total_bytes > held.budget_bytes:
        code = Code.ACL_ERROR_RT_MEMORY_ALLOCATION
        message = f"The job does not fit into an {chip.name} ({int(code)}): {held}."
        raise JobTooLargeError(message, _FEWER_CORES if held.ahead else _WAYS_OUT, int(code))


def device_memory(
    works: Iterable[VideoWork],
    cards: Iterable[ModelCard],
    job: FrameJob[Any],
    chip: Soc,
    cores: int = 1,
) -> DeviceMemory:
    """Return what a device of so many cores holds at most; with one it does one video at a time.

    With several it may decode one video while the job looks at another one.
    What the job's own code makes is counted by `FrameJob.chip_use`, and a model's input; a video
    that changes its size to a larger one within the stream takes more.
    """
    cards = tuple(cards)
    standing = _standing(cards, chip)
    most = DeviceMemory(standing, chip.memory_bytes)
    # Videos that differ in nothing that matters here are looked at once.
    kinds = {
        (work.size, work.shown_size, work.decoding_bytes, work.picture_bytes): work
        for work in works
    }
    if cores > 1 and kinds:
        return _decoding_ahead(list(kinds.values()), standing, cards, job, chip)
    for work in kinds.values():
        terms = (*standing, *work.decoding_bytes, *_job_terms(work, cards, job, chip))
        if _sum(terms) > most.total_bytes:
            most = DeviceMemory(terms, chip.memory_bytes, work.source.uri)
    return most


def _decoding_ahead(
    works: Sequence[VideoWork],
    standing: Terms,
    cards: Sequence[ModelCard],
    job: FrameJob[Any],
    chip: Soc,
) -> DeviceMemory:
    """Return the most that any two of the videos make, where one is decoded ahead of the other."""
    decoded = max((work.decoding_bytes for work in works), key=_sum)
    looked_at = {work.source.uri: _job_terms(work, cards, job, chip) for work in works}
    uri = max(looked_at, key=lambda uri: _sum(looked_at[uri]))
    largest = max(work.picture_bytes for work in works)
    waiting = ("pictures decoded ahead", most_ahead_bytes(job.batch, largest))
    terms = (*standing, *decoded, waiting, *looked_at[uri])
    return DeviceMemory(terms, chip.memory_bytes, uri, ahead=True)


def _sum(terms: Terms) -> int:
    return sum(count for _, count in terms)


def _standing(cards: Iterable[ModelCard], chip: Soc) -> Terms:
    """Return what a device holds from beginning to end."""
    models = ((f"model {card.name}", allocation_bytes(card.memory_bytes)) for card in cards)
    return (("vpc channel", allocation_bytes(chip.vpc.command_bytes)), *models)


def _job_terms(work: VideoWork, cards: Sequence[ModelCard], job: FrameJob[Any], chip: Soc) -> Terms:
    """Return a batch, and what the job makes of one."""
    terms = [(f"batch of {job.batch:,}", job.batch * work.picture_bytes)]
    if cards:
        terms += [("model input", max(picture_bytes(chip, card.source) for card in cards))]
    use = job_use(job, work.shown_size)
    if scaled := use.get("vpc"):
        each = sum(picture_bytes(chip, size) for size in scaled)
        terms += [(f"{len(scaled) * job.batch} scaled pictures", job.batch * each)]
    if jpegs := use.get("jpege"):
        terms += [("jpege output", max(jpeg_bytes(chip, size) for size in jpegs))]
    return tuple(terms)


def _mb(count: int) -> str:
    return f"{count / MB:,.1f}"
