"""What makes a job the job it is: same identity, same rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any, get_type_hints

from fleet.driver.target.straight import StraightModel, compile_straight, is_straight
from fleet.errors import ModelRefusedError
from fleet.job.code import code_digest
from fleet.job.frame_job import CompiledModel, FrameJob
from fleet.job.heads import head_digests, heads_of
from fleet.job.job import Job
from fleet.models.card import ModelCard, read_card
from fleet.models.external_data import read_network
from fleet.models.heads import READERS, Head
from fleet.storage import read_file
from fleet.table.commits.record import JobRecord

FORMAT = 1
"""Counted up when the same job would give other rows than before."""


@dataclass(frozen=True)
class JobIdentity:
    """A job's record, and the models that it names."""

    record: JobRecord
    cards: Mapping[str, ModelCard]
    """Name as the job uses it -> the card of the model."""
    files: Mapping[str, bytes] = field(repr=False)
    """The same names -> bytes."""
    straight: tuple[StraightModel, ...] = ()
    """The models that are compiled for the job, of ONNX files that it names."""
    heads: Mapping[str, Head] = field(default_factory=dict)
    """The heads of the job's own module that its models are read by, by name."""

    @property
    def models(self) -> Mapping[str, str]:
        """The same names -> digests."""
        return {name: card.digest for name, card in self.cards.items()}


def identify(job: Job) -> JobIdentity:
    """Read the files that a job names, and name the job by everything that its rows depend on.

    Inputs, output, devices and lease lengths are not part of it, nor is `fallback`: it decides
    which videos have rows, as inputs do, and changes no row of a video that the chip decodes. So
    an output in which videos were refused can be completed on the host.

    An ONNX file counts as the model that it is compiled to. Raises UsageError where a file is not
    there, ModelRefusedError where it is not compiled and cannot be, or is for another chip.
    """
    names = model_fields(job.work)
    own = heads_of(job.work)
    files = {name: _content(name) for name in names.values()}
    straight = {
        name: compile_straight(name, content, job.soc, job.output, own)
        for name, content in files.items()
        if is_straight(name)
    }
    files |= {name: model.om for name, model in straight.items()}
    cards = {name: _card(name, data, job.soc, own) for name, data in files.items()}
    heads = {card.head: own[card.head] for card in cards.values() if card.head in own}
    content: dict[str, Any] = {
        "job": type(job.work).__qualname__,
        "code": code_digest(type(job.work)),
        "params": _params(job.work, names, cards),
        "sample": str(job.sample),
        "soc": job.soc,
        "partitions": job.partitions,
        "table": job.work.table,
        "format": FORMAT,
    }
    if job.rotation != "apply":
        # Without the field, jobs are those that they were before there was one.
        content["rotation"] = job.rotation
    if job.providers:
        # Other providers, and other numbers of threads, may round differently.
        content["providers"] = "; ".join(map(str, job.providers))
    if digests := head_digests(job.work, heads):
        content["heads"] = digests
    if job.start:
        content |= {"start": job.start, "time_zone": job.time_zone}
    record = JobRecord.of(job.work.table, content)
    return JobIdentity(record, cards, files, tuple(straight.values()), heads)


def _content(name: str) -> bytes:
    return read_network(name) if is_straight(name) else read_file(name)


def _card(name: str, data: bytes, soc: str, own: Mapping[str, Head]) -> ModelCard:
    card = read_card(data, name)
    _check_head(name, card, own)
    if card.soc != soc:
        message = f"{name} is compiled for {card.soc}, and the job is to run on {soc}."
        raise ModelRefusedError(
            message, f"Compile it with --soc {soc}, or run with --set soc={card.soc}."
        )
    return card


def _check_head(name: str, card: ModelCard, own: Mapping[str, Head]) -> None:
    """Raise ModelRefusedError where neither Fleet nor the job's module has the head of a model."""
    if card.head in {**READERS, **own}:
        return
    near = get_close_matches(card.head, own, 1)
    has = f"it has {', '.join(own)}" if own else "it has none"
    meant = f"; did you mean {near[0]}?" if near else ""
    message = (
        f"{name} is compiled for the head {card.head!r}, which the job's module lacks: {has}{meant}"
    )
    way_out = f'Write or import it there, registered by @fleet.head("{card.head}").'
    raise ModelRefusedError(message, way_out)


def model_fields(work: FrameJob[Any]) -> dict[str, str]:
    """Find the fields that name compiled models: field -> file."""
    kinds = get_type_hints(type(work), include_extras=True)
    return {
        item.name: str(getattr(work, item.name))
        for item in fields(work)
        if kinds.get(item.name) == CompiledModel
    }


def _params(
    work: FrameJob[Any], names: Mapping[str, str], cards: Mapping[str, ModelCard]
) -> dict[str, str]:
    """Write a job's parameters down; of a model, its content counts and not its name."""
    return {
        item.name: cards[names[item.name]].digest
        if item.name in names
        else repr(getattr(work, item.name))
        for item in fields(work)
    }
