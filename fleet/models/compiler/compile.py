"""The compiler: an ONNX network, and how to feed and read it, become one .om file, as with ATC.

A .om file of Fleet is simulated: it is the ONNX file itself, with fixed sizes, and with a ModelCard
in its metadata. It runs on Fleet's simulated devices only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import onnx

from fleet.ascend.aipp import Aipp
from fleet.ascend.aipp_config import AippConfig, Layout
from fleet.ascend.soc import MB, Soc
from fleet.ascend.soc import soc as soc_named
from fleet.core.format import plural
from fleet.core.frames import ChannelOrder
from fleet.core.geometry import Fit, Size
from fleet.errors import ModelRefusedError
from fleet.models.card import CARD_KEY, FORMAT, Calibration, ModelCard
from fleet.models.compiler.aipp_words import describe_aipp
from fleet.models.compiler.canvas import canvas_of, check_parts
from fleet.models.compiler.fitting import arranged_reader, check_reader, describe_reader
from fleet.models.compiler.gears import fixed_batch, with_gears
from fleet.models.compiler.graph import (
    image_input,
    opset_of,
    parse_onnx,
    refuse,
)
from fleet.models.compiler.inputs import fix_inputs, prepare, size_names
from fleet.models.compiler.metadata import (
    Notes,
    explain_head,
    read_notes,
    resolve_head,
)
from fleet.models.compiler.trial import dry_run
from fleet.models.compiler.work import count_macs
from fleet.models.heads import (
    Anchors,
    Head,
    Reader,
    Traits,
    settings_of,
    write_anchors,
)

FITTED = {
    Fit.STRETCH: "pictures are squeezed to it",
    Fit.LETTERBOX: "pictures keep their shape, with a border",
}


@dataclass(frozen=True)
class Compiled:
    """A compiled model, and how it came to be read as it is."""

    om: bytes = field(repr=False)
    """The content of the .om file."""
    reading: str
    """A line on its head, labels and size, and why."""


def compile_model(onnx_bytes: bytes, **options: Any) -> bytes:
    """Return the .om of a network; see `compile_network`, which takes the same options."""
    return compile_network(onnx_bytes, **options).om


def compile_network(
    onnx_bytes: bytes,
    *,
    head: str | None = None,
    labels: tuple[str, ...] | None = None,
    name: str,
    soc: Soc,
    size: Size | None = None,
    batch: int | None = None,
    aipp: AippConfig | None = None,
    order: ChannelOrder | None = None,
    fit: Fit | None = None,
    anchors: Anchors | None = None,
    pictures_per_s: float = 0.0,
    iou: float | None = None,
    heads: Mapping[str, Head] | None = None,
    calibration: Calibration | None = None,
    gears: tuple[int, ...] = (),
    or_raw: bool = False,
) -> Compiled:
    """Compile a network for a chip; its .om has the same bytes for equal arguments.

    Where `labels` or `anchors` (per output) are None, the network's metadata states them, and the
    head where `head` is None or "auto"; else it is recognised by the outputs (see `metadata`).
    `size` is for networks that leave it open or are made of convolutions alone, `batch` for those
    that leave it open, and is 1 by default. `aipp` replaces the head's own configuration, `order`
    only its channel order, `fit` the head's fit, `iou` its overlap; `pictures_per_s` is what a real
    chip does, for the modelled time; `heads` are those of a user's own, by name; `calibration` says
    how a network that comes in int8 was quantised; `gears`, rising, are sizes of a batch that stays
    open. With `or_raw` outputs that no head is sure of stay raw. A gray picture is run through AIPP
    and network, and the outputs must suit the head. Raises ModelRefusedError for what cannot run.
    """
    model = prepare(parse_onnx(onnx_bytes, name), name)
    notes = read_notes(model, head, labels, anchors, heads)
    image, opset = image_input(model, name, size_names(model)), opset_of(model, name)
    canvas = canvas_of(model, image, size, notes.size, name)
    _check_source((aipp or AippConfig()).layout(canvas, soc.aipp.most_padded_width), soc, name)
    batch = fixed_batch(image, batch, gears, name)
    fix_inputs(model, image, batch, canvas)
    trial = dry_run(model, image, Aipp(aipp or AippConfig(), canvas, batch, image.dtype), name)
    traits = Traits(trial.named, canvas, notes.count, notes.metadata)
    spec = resolve_head(notes, traits, name, or_raw=or_raw)
    reader = arranged_reader(spec, traits, heads)
    check_parts(reader, image, canvas, name)
    check_reader(spec, reader, trial, canvas, batch, name)
    model = with_gears(model, image, gears, trial, reader, name)
    work = count_macs(model.graph, trial.shapes)
    card = ModelCard(
        format=FORMAT,
        name=name,
        head=spec.head,
        iou=_iou(reader, notes, iou),
        per_class=not isinstance(reader, Head) or reader.per_class,
        labels=spec.labels,
        input_name=image.name,
        size=canvas,
        batch=batch,
        dtype=image.dtype,
        fit=fit or reader.fit,
        aipp=_configuration(reader, aipp, order, name),
        soc=soc.name,
        opset=opset,
        macs=work.macs // batch,
        weight_bytes=work.weight_bytes,
        workspace_bytes=work.workspace_bytes,
        output_bytes=sum(output.nbytes for output in trial.outputs),
        digest="",
        anchors=spec.anchors,
        settings=settings_of(reader),
        threshold=notes.threshold,
        pictures_per_s=pictures_per_s,
        calibration=calibration,
        gears=gears,
    )
    _check_memory(card, soc)
    reading = f"{explain_head(spec, notes, traits, head)}, {FITTED[card.fit]}"
    return Compiled(_seal(model, card), reading)


def describe(card: ModelCard) -> str:
    """Return a description of a compiled model in a few lines, with modelled figures marked so."""
    chip = soc_named(card.soc)
    batch = " or ".join(map(str, card.batch_sizes))
    bound = " by the rate given" if card.pictures_per_s else " at least"
    lines = {
        "input": f"{card.size}, batch {batch}, {card.dtype}; {FITTED[card.fit]}",
        "AIPP": f"NV12 {card.source}, {describe_aipp(card.aipp)}",
        "head": describe_reader(card),
        **({"anchors": write_anchors(card.anchors)} if card.anchors else {}),
        **({"threshold": f"{card.threshold:g}, by its exporter"} if card.threshold else {}),
        "network": f"opset {card.opset}, {card.macs / 1e9:.3f} G multiply-accumulates a picture",
        "on the chip": (
            f"{card.chip_s(chip) / card.batch * 1e3:.3f} ms a picture{bound}, "
            f"{card.memory_bytes / MB:.1f} MB (both modelled)"
        ),
        **({"int8": _describe_calibration(card.calibration)} if card.calibration else {}),
        "digest": card.digest,
    }
    title = f"{card.name}: compiled for a simulated {card.soc}"
    warnings = [f"  warning: {warning}" for warning in card.aipp.warnings]
    return "\n".join([title, *(f"  {key:<12}{text}" for key, text in lines.items()), *warnings])


def _describe_calibration(found: Calibration) -> str:
    drawn = f"{plural(found.frames, 'frame')} of {found.archive}, seed {found.seed}"
    return f"calibrated on {drawn} ({found.digest[:12]})"


def read_labels(text: str, path: str) -> tuple[str, ...]:
    """Return the labels in the text of a file, one a line in class order.

    Raises ModelRefusedError where it has none, or an empty line before the last label.
    """
    labels = tuple(line.strip() for line in text.rstrip().splitlines())
    if not labels:
        raise ModelRefusedError(
            f"{path} holds no labels.", "Write one label a line, in class order."
        )
    if "" in labels:
        gap = labels.index("") + 1
        raise ModelRefusedError(f"Line {gap} of the labels in {path} is empty.", "Take it out.")
    return labels


def _configuration(
    head: Reader, aipp: AippConfig | None, order: ChannelOrder | None, name: str
) -> AippConfig:
    if aipp and order:
        refuse(name, "both an AIPP file and a channel order are given.", "Give one of them.")
    if aipp:
        return aipp
    scale = head.scale if isinstance(head.scale, tuple) else (head.scale,) * 3
    mean = head.mean
    if order and order != head.order:
        scale, mean = (scale[2], scale[1], scale[0]), (mean[2], mean[1], mean[0])
    return AippConfig(order=order or head.order, min_chn=mean, var_reci_chn=scale)


def _check_source(layout: Layout, soc: Soc, name: str) -> None:
    """Refuse pictures that no VPC gives before the network is tried: they may need any memory."""
    source = layout.source
    if source not in soc.vpc.output:
        refuse(
            name,
            f"it is to be fed pictures of {source}.",
            f"The VPC of {soc.name} gives {soc.vpc.output}: export it at such a size.",
        )


def _check_memory(card: ModelCard, soc: Soc) -> None:
    if card.memory_bytes > soc.memory_bytes:
        needed, available = card.memory_bytes / MB, soc.memory_bytes / MB
        what = f"it would take {needed:.0f} MB and {soc.name} has {available:.0f}."
        refuse(card.name, what, "Compile it with a smaller batch or size.")


def _iou(reader: Reader, notes: Notes, given: float | None) -> float:
    """Return the overlap above which boxes are one; a head that suppresses nothing keeps its 1."""
    if given is not None or not isinstance(reader, Head):
        return 1.0 if given is None else given
    return reader.iou if notes.iou is None or reader.iou == 1 else notes.iou


def _seal(model: onnx.ModelProto, card: ModelCard) -> bytes:
    others = [item for item in model.metadata_props if item.key != CARD_KEY]
    del model.metadata_props[:]
    model.metadata_props.extend(others)
    graph = model.SerializeToString(deterministic=True)
    digest = hashlib.sha256(graph + card.configuration().encode()).hexdigest()
    sealed = replace(card, digest=digest).to_json()
    model.metadata_props.append(onnx.StringStringEntryProto(key=CARD_KEY, value=sealed))
    om: bytes = model.SerializeToString(deterministic=True)
    return om
