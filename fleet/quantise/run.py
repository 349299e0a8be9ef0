"""From a network to its int8 form: compile, calibrate, compile again, compare, time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.backend.backend import Backend
from fleet.backend.kinds import Opening, open_device
from fleet.core.frames import Detections, Picture
from fleet.errors import ModelRefusedError
from fleet.evaluate.truth import read_truth
from fleet.models.card import Calibration, ModelCard, read_card
from fleet.models.compiler.compile import Compiled, compile_network
from fleet.models.compiler.quantise import check_quantisable, quantise
from fleet.models.heads import HEADS, READERS
from fleet.models.network import Network
from fleet.quantise.agreement import agree
from fleet.quantise.frames import DrawnFrames, alone, draw_frames
from fleet.quantise.request import CalibrationRequest
from fleet.quantise.speed import race
from fleet.quantise.verdict import Comparison, Precision
from fleet.storage import canonical, redact

PLAIN, INT8 = "the network", "the network in int8"
LOWEST = 0.05
"""Boxes that score above it are found: AP weighs all scores."""
USUAL = 0.4
"""Above it boxes are compared, where the exporter recommends no score: that of jobs/detect.toml."""

Score = Callable[[Sequence[tuple[str, int]], Sequence[Detections]], float | None]
"""Returns the AP of what was found in frames, of each a video and a number."""
Progress = Callable[[int, int], None]
"""Called with how many of how many frames are looked at."""


@dataclass(frozen=True)
class Quantised:
    """A network in int8, and how it does."""

    compiled: Compiled
    comparison: Comparison


def compile_int8(
    onnx_bytes: bytes,
    request: CalibrationRequest,
    on_progress: Progress = lambda _, __: None,
    **options: Any,
) -> Quantised:
    """Compile a network for a chip, in int8; `options` are those of `compile_network`.

    Ranges are taken from frames of the user's own videos, decoded, scaled and converted as in a
    run. Both networks look at as many other frames. Raises ModelRefusedError where the network
    cannot be compiled or quantised, UsageError where there are no frames or no such truth.
    """
    name = options["name"]
    plain = compile_network(onnx_bytes, **options)
    card = read_card(plain.om, name)
    _check_finds_boxes(card)
    check_quantisable(plain.om, name)
    score = None if request.truth is None else _scorer(request.truth)
    frames = draw_frames(request)
    models = {PLAIN: plain.om}
    opening = Opening(
        card.soc,
        read_file=models.__getitem__,
        heads=options.get("heads") or {},
    )
    with closing(open_device(opening)) as device:
        network = device.device.load(PLAIN)
        fed = _Fed(frames, device, network, on_progress)
        with closing(fed.tensors()) as tensors:
            quantised = quantise(plain.om, name, tensors)
        calibration = fed.calibration(request)
        compiled = compile_network(quantised, calibration=calibration, **options)
        models[INT8] = compiled.om
        pair = _Pair(network, device.device.load(INT8))
        comparison = _compare(pair, frames, device, calibration, score, on_progress)
    return Quantised(compiled, comparison)


def _check_finds_boxes(card: ModelCard) -> None:
    """Raise ModelRefusedError for a network whose forms cannot be compared by what they find."""
    if card.head in READERS and card.head not in HEADS:
        message = f"--int8 compares boxes, and {card.name} is read by {card.head}: it has none."
        raise ModelRefusedError(message, "Leave out --int8.")


class _Fed:
    """What a network is fed for the frames to calibrate on, passed on once and remembered."""

    def __init__(
        self, frames: DrawnFrames, device: Backend, network: Network, on_progress: Progress
    ) -> None:
        self._frames = frames
        self._device = device
        self._network = network
        self._on_progress = on_progress
        self._digest = hashlib.sha256()
        self._count = 0

    def tensors(self) -> Generator[NDArray[np.generic]]:
        """Yield what it is fed; the caller closes it before the device."""
        with closing(self._frames.of("calibrated", self._device, self._input)) as frames:
            for _, _, tensor in frames:
                self._count += 1
                self._digest.update(np.ascontiguousarray(tensor).tobytes())
                yield tensor
                self._on_progress(self._count, self._frames.count)
        if not self._count:
            raise self._frames.nothing()

    def _input(self, picture: Picture) -> NDArray[np.generic]:
        # What stands in the other slots of a batch is looked at as well: the same picture.
        tensor, _ = next(self._network.inputs(alone(picture, self._network.card.batch)))
        return tensor

    def calibration(self, request: CalibrationRequest) -> Calibration:
        """Return what the card says of it, once all is passed on."""
        archive = redact(canonical(request.archive))
        return Calibration(archive, self._count, request.seed, self._digest.hexdigest())


def _scorer(truth: str) -> Score:
    # AP needs an optional extra.
    from fleet.quantise.score import average_precision  # noqa: PLC0415

    return partial(average_precision, read_truth(truth))


@dataclass(frozen=True)
class _Pair:
    """Both networks, on one device."""

    plain: Network
    int8: Network

    def detect(self, picture: Picture) -> tuple[Detections, Detections]:
        """Return what each finds in a picture."""
        batch = alone(picture, 1)
        return self.plain.detect(batch, LOWEST), self.int8.detect(batch, LOWEST)


def _compare(
    pair: _Pair,
    frames: DrawnFrames,
    device: Backend,
    calibration: Calibration,
    score: Score | None,
    on_progress: Progress,
) -> Comparison:
    seen = []
    with closing(frames.of("compared", device, pair.detect)) as compared:
        for uri, number, found in compared:
            seen.append(((uri, number), found))
            on_progress(calibration.frames + len(seen), frames.count)
    if not seen:
        raise frames.nothing()
    places = [place for place, _ in seen]
    precision = None
    if score is not None:
        plain, int8 = zip(*(found for _, found in seen), strict=True)
        precision = Precision(score(places, plain), score(places, int8))
    above = pair.plain.card.threshold or USUAL
    return Comparison(
        calibration=calibration,
        videos=len(frames.videos),
        left_out=tuple(frames.left_out),
        compared=len(seen),
        above=above,
        agreement=agree((found for _, found in seen), above),
        precision=precision,
        speed=race(pair.plain, pair.int8),
    )
