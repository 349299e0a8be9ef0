"""A network that is loaded on a device, and turns pictures into boxes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from fleet.ascend.clock import Clock, copy_s
from fleet.ascend.codes import Code, raise_device_error
from fleet.ascend.memory import Memory
from fleet.ascend.soc import Soc
from fleet.ascend.vpc import Vpc
from fleet.core.frames import Detections, FrameBatch, Picture
from fleet.core.geometry import Placement
from fleet.errors import UsageError
from fleet.models.card import card_of, not_compiled
from fleet.models.classes import Classes
from fleet.models.crops import Crop, CropPlanner, Unseen, place_crops
from fleet.models.feeder import Feeder
from fleet.models.heads import (
    Candidates,
    Classify,
    Embed,
    Head,
    Reader,
    as_head,
    reader_named,
)
from fleet.models.inner_detections import InnerDetections
from fleet.models.providers import Provider
from fleet.models.reading import (
    Executed,
    check_shares,
    first_of,
    gather,
    read_as,
    read_boxes,
    together,
)
from fleet.models.session import (
    SESSION_ERRORS,
    TensorInfo,
    further_inputs,
    info_of,
    input_order,
    open_session,
)

BORDER = (114, 128, 128)
"""The border of a letterboxed picture in Y, U, V: the gray 114 of RGB of the usual training."""

_EXECUTE = "docs/chip.md#model-execute"


class Network:
    """A compiled model in a device's memory; one per thread, as the device is.

    `om` holds the compiled model's bytes; `path` names it in errors. ONNX Runtime stands in for the
    cores, on one thread or with `providers`, and computes in the network's own precision, where the
    chip would use float16. Raises ModelRefusedError for bytes that are no compiled model or name
    data outside of them, DeviceError (545001) for a model of another chip, DeviceOutOfMemoryError
    where it does not fit, and UsageError for a provider that is not there. `heads` are those of the
    job's own module; one that it lacks is missed when boxes are asked for, as outputs need none.
    """

    def __init__(
        self,
        soc: Soc,
        memory: Memory,
        clock: Clock,
        vpc: Vpc,
        om: bytes,
        path: str,
        providers: Sequence[Provider] = (),
        heads: Mapping[str, Head] | None = None,
    ) -> None:
        try:
            self._session = open_session(om, path, providers=providers)
        except SESSION_ERRORS as error:
            raise not_compiled(path) from error
        self.card = card_of(self._session, path)
        if self.card.soc != soc.name:
            message = f"{path} is compiled for {self.card.soc} and this is an {soc.name}."
            way_out = f"Compile it for this chip: fleet compile ... --soc {soc.name}."
            rule = "docs/chip.md#model-load-soc"
            raise_device_error(Code.ACL_ERROR_GE_LOAD_MODEL, message, way_out, rule)
        self._soc = soc
        self._clock = clock
        self._vpc = vpc
        self._device_memory = memory
        self._memory = memory.allocate(
            self.card.memory_bytes,
            f"model {self.card.name}",
            Code.ACL_ERROR_GE_MEMORY_ALLOCATION,  # docs/chip.md#model-load-memory
        )
        self._own_heads = heads
        self.outputs = tuple(info_of(output) for output in self._session.get_outputs())
        self.further_inputs: tuple[TensorInfo, ...] = further_inputs(self._session)
        self.input_order = input_order(self._session)
        self._outputs = [output.name for output in self.outputs]
        self._feeder = Feeder(self.card, clock)
        self._aipp = self._feeder.aipp
        self._chip_s = self.card.chip_s(soc)
        self._copy_s = copy_s(soc, self.card.output_bytes)
        self._closed = False

    def __repr__(self) -> str:
        return f"Network({self.card.name}, {self.card.size}, batch {self.card.batch})"

    def detect(self, batch: FrameBatch, threshold: float, iou: float | None = None) -> Detections:
        """Return the objects in each picture, in its own pixels; the caller keeps the pictures.

        Boxes with a score above `threshold` (0..1) count. `iou` (0..1) is the overlap above which a
        box is suppressed; None for that of the model. Boxes are not clipped: they may reach beyond
        the edge of the picture. They come picture by picture, by falling score. Raises UsageError
        for numbers outside 0..1, and what VPC raises.
        """
        iou = check_shares(threshold, self.card.iou if iou is None else iou)
        found = self._read(self.inputs(batch), threshold, iou)
        return gather(self.card, found, self._place(batch), self._shift)

    def inputs(self, batch: FrameBatch) -> Iterator[tuple[NDArray[np.generic], int]]:
        """Yield what `detect` runs the network on, and how many pictures of the batch each holds.

        Each is [batch, 3, height, width] of the card's dtype, the batch the smallest of the card's
        that holds them, and overwritten by the next. They are made ahead: raises UsageError where
        between two of them the network did anything but `execute`.
        """
        placement = self._place(batch)
        slots = self._feeder.slots
        for start in range(0, len(batch), slots):
            group = batch.pictures[start : start + slots]
            self._fill(group, placement)
            yield from self._feeder.tensors(len(group), group[0].colour)

    def detect_in(
        self,
        batch: FrameBatch,
        detections: Detections,
        expand: float = 0.1,
        *,
        threshold: float = 0.4,
        iou: float | None = None,
    ) -> InnerDetections:
        """Return the objects inside boxes that were found in the same batch, as by another network.

        VPC cuts each box out, larger by `expand` of its width and height on each side, and scales
        it to this network's input. What is found keeps its box, and is in pixels of the whole
        picture. Boxes that the chip cannot cut out or scale are named, with the reason, in
        `unseen`. `threshold` and `iou`: as for `detect`. Raises UsageError for numbers out of
        range and detections of another batch, and what VPC raises.
        """
        iou = check_shares(threshold, self.card.iou if iou is None else iou)
        if not 0 <= expand < math.inf:
            raise UsageError(f"expand is {expand}.", "Give a share of a box, such as 0.1.")
        if not np.isin(detections.picture, np.arange(len(batch))).all():
            message = f"The detections are not of this batch of {len(batch)} pictures."
            raise UsageError(message, "Give those that a network found in the same batch.")
        planner = CropPlanner(self._soc, self.card.fit, self._aipp.source)
        plans = [planner.plan(box, batch.size, expand) for box in detections.xyxy.tolist()]
        unseen = tuple(str(plan) if isinstance(plan, Unseen) else "" for plan in plans)
        crops = {at: plan for at, plan in enumerate(plans) if isinstance(plan, Crop)}
        pictures = [batch.pictures[detections.picture[at]] for at in crops]
        parts = list(zip(pictures, crops.values(), strict=True))
        found = zip(crops, self._detect_in(parts, threshold, iou), strict=True)
        return InnerDetections.gather(detections, unseen, dict(found), self.card.labels)

    def classify(self, batch: FrameBatch, top: int = 5, scores: str | None = None) -> Classes:
        """Return the `top` best classes of each picture, the best first.

        `scores`: how outputs become scores, `softmax` or `none`; None as the card says. Raises
        ModelRefusedError for a network that is no classifier, and what VPC raises.
        """
        reader = read_as(Classify, self._reader, self.card)
        outputs = self._outputs_of(batch)
        with self._clock.stage("head"):
            return Classes.best(reader.scores(outputs, scores), top, self.card.labels)

    @property
    def dimensions(self) -> int:
        """How many numbers its vectors have; raises ModelRefusedError where it puts out none."""
        return read_as(Embed, self._reader, self.card).dimensions

    def embed(self, batch: FrameBatch) -> NDArray[np.float32]:
        """Return a vector for each picture: float32 [pictures, dimensions].

        Raises ModelRefusedError for a network that puts out none, and what VPC raises.
        """
        reader = read_as(Embed, self._reader, self.card)
        return reader.rows(self._outputs_of(batch))

    def convert(self, nv12: NDArray[np.uint8]) -> NDArray[np.generic]:
        """Return the input that AIPP makes of a batch, uint8 [batch, height * 3/2, width], tight.

        Pictures of no declared colour are BT.601 narrow. The buffer is overwritten by the next
        call. Raises ValueError for another shape.
        """
        return self._feeder.convert(nv12)

    def execute(
        self, tensor: NDArray[np.generic], further: Mapping[str, NDArray[np.generic]] | None = None
    ) -> list[NDArray[np.generic]]:
        """Return the raw outputs for one batch, [batch, 3, height, width] of the card's dtype.

        `further` holds values of further inputs by name; those left out have their own. Raises
        DeviceError: 145021 for another shape, 145013 for a batch of no gear, 145022 for another
        dtype, 145003 after close, 507011 where the run fails.
        """
        if self._closed:
            code, message = Code.ACL_ERROR_GE_EXEC_MODEL_ID_INVALID, f"{self} is closed."
            raise_device_error(code, message, "Load it again.", _EXECUTE)
        self._device_memory.check_context(self)
        self._feeder.check(tensor, self)
        share = len(tensor) / self.card.batch
        self._clock.add_modelled("model", self._chip_s * share)
        self._clock.add_modelled("copy", self._copy_s * share)
        with self._clock.stage("model"):
            try:
                outputs: list[NDArray[np.generic]] = self._session.run(
                    self._outputs, {self.card.input_name: tensor, **(further or {})}
                )
            except SESSION_ERRORS as error:
                code, message = Code.ACL_ERROR_RT_MODEL_EXECUTE, f"{self} failed: {error}"
                raise_device_error(code, message, "Check what it is fed.", _EXECUTE)
        return outputs

    def close(self) -> None:
        """Free its memory; a second call does nothing."""
        self._closed = True
        self._memory.free()

    def _place(self, batch: FrameBatch) -> Placement:
        return self.card.fit.place(batch.size, self._aipp.source, self._vpc.paste_left_step)

    def _outputs_of(self, batch: FrameBatch) -> list[NDArray[np.float32]]:
        """Return the raw outputs for all pictures of a batch, the picture first."""
        runs = (first_of(self.execute(tensor), count) for tensor, count in self.inputs(batch))
        return [np.concatenate(parts) for parts in zip(*runs, strict=True)]

    def _fill(self, group: Sequence[Picture], placement: Placement) -> None:
        for slot, picture in enumerate(group):
            placed = self._vpc.place(picture, placement, fill=BORDER)
            try:
                self._feeder.fill(slot, placed)
            finally:
                placed.release()

    def _detect_in(
        self, parts: Sequence[tuple[Picture, Crop]], threshold: float, iou: float
    ) -> list[Candidates]:
        """Return the objects in each part, in pixels of the whole picture."""
        starts = range(0, len(parts), self.card.batch)
        groups = (parts[start : start + self.card.batch] for start in starts)
        fed = ((self._feed_crops(group), len(group)) for group in groups)
        found = self._read(fed, threshold, iou)
        shift = self._shift
        return [
            replace(objects, xyxy=crop.to_picture(objects.xyxy + shift))
            for (_, crop), objects in zip(parts, found, strict=True)
        ]

    def _feed_crops(self, parts: Sequence[tuple[Picture, Crop]]) -> NDArray[np.generic]:
        placed = place_crops(self._soc, self._device_memory, self._vpc, parts, BORDER)
        try:
            for slot, picture in enumerate(placed):
                self._feeder.fill(slot, picture)
        finally:
            for picture in placed:
                picture.release()
        return self._feeder.tensor(len(placed), placed[0].colour)

    def _read(
        self, fed: Iterable[tuple[NDArray[np.generic], int]], threshold: float, iou: float
    ) -> list[Candidates]:
        """Return the boxes in inputs, of each of which so many pictures count."""
        found: list[Candidates] = []
        runs = (Executed(self.execute(tensor), count, len(tensor)) for tensor, count in fed)
        for some in together(runs):
            with self._clock.stage("head"):
                head = as_head(self._reader, self.card.name)
                for run in some:
                    found += read_boxes(head, self.card, run, threshold, iou)
        return found

    @cached_property
    def _reader(self) -> Reader:
        card = self.card
        return reader_named(card.head, card.anchors, card.settings, self._own_heads)

    @property
    def _shift(self) -> NDArray[np.float32]:
        """The way from a box on the network's input to the picture that AIPP reads."""
        crop = self._aipp.layout.crop
        left, top = crop.left - self._aipp.layout.left, crop.top - self._aipp.layout.top
        return np.array([left, top] * 2, np.float32)
