"""What `fleet infer` and `fleet msame` print, in the order and words of msame's log.

The words are those of https://github.com/Ascend/tools, msame/src/sample_process.cpp, so that
scripts that look for them find them. What msame has no line for stands at the end.
"""

from __future__ import annotations

from collections.abc import Iterable

from fleet.ascend.clock import copy_s
from fleet.ascend.soc import soc
from fleet.infer.request import InferRequest
from fleet.infer.run import Begun, Event, Executed, Finished, Opened, Written
from fleet.models.card import ModelCard
from fleet.models.session import TensorInfo

ENDED = (
    "unload model success, model Id is 1",
    "Execute sample success.",
    "end to destroy stream",
    "end to destroy context",
)


class InferLog:
    """Turns the events of one run into lines; it keeps what the last lines need."""

    def __init__(self, request: InferRequest, *, debug: bool) -> None:
        self._request = request
        self._debug = debug
        self._card: ModelCard | None = None
        self._batches = 0

    def lines(self, event: Event) -> Iterable[str]:
        """Return the lines of one event."""
        if isinstance(event, Opened):
            self._card = event.card
            return self._opened(event)
        if isinstance(event, Begun):
            self._batches += 1
            return [_info(f"start to process file:{file}") for file in event.files]
        if isinstance(event, Executed):
            said = [_info("model execute success")] if self._debug else []
            return [*said, f"Inference time: {1e3 * event.host_s:.3f}ms"]
        if isinstance(event, Written):
            return [_info("output data success")] if event.paths else []
        return self._finished(event)

    def _opened(self, event: Opened) -> list[str]:
        steps = [
            "acl init success",
            f"open device {self._request.device} success",
            "create context success",
            "create stream success",
            "get run mode success",
            f"load model {self._request.model} success",
            "create model description success",
            "create model output success",
        ]
        lines = [_info(step) for step in steps]
        return [*lines, *_described(event)] if self._debug else lines

    def _finished(self, event: Finished) -> list[str]:
        assert self._card is not None
        times, card = event.times, self._card
        several = self._batches > 1
        mean, without = 1e3 * times.mean_s, 1e3 * times.mean_without_first_s
        lines = [f"Inference average time{' ' if several else ''}: {mean:.6f} ms"]
        if len(times.seconds) > 1:
            lines.append(f"Inference average time without first time: {without:.6f} ms")
        lines += [_info(step) for step in ENDED]
        lines += [_info(f"end to reset device is {self._request.device}")]
        lines += [_info("end to finalize acl"), ""]
        return [*lines, *_summary(event, card)]


def _described(event: Opened) -> list[str]:
    card = event.card
    aipp = f"NV12 {card.source}, batch {card.batch}, {card.input_bytes} bytes"
    return [
        f"[DEBUG] model {card.name}, {card.digest}, for a simulated {card.soc}",
        f"[DEBUG] AIPP takes {aipp}",
        *_tensors("input", event.inputs),
        *_tensors("output", event.outputs),
    ]


def _tensors(kind: str, tensors: Iterable[TensorInfo]) -> list[str]:
    return [
        f"[DEBUG] {kind} {index}: {tensor}, {tensor.nbytes or 'as many as come out'} bytes"
        for index, tensor in enumerate(tensors)
    ]


def _summary(event: Finished, card: ModelCard) -> list[str]:
    times, chip = event.times, soc(card.soc)
    figures = ", ".join(f"{name} {value:.3f}" for name, value in times.in_ms().items())
    bound = "by the rate given" if card.pictures_per_s else "at least"
    copied = copy_s(chip, card.output_bytes)
    found = {
        "measured on this host": f"{figures} ms, {len(times.seconds)} runs on one thread",
        "throughput": f"{times.per_s(card.batch):.1f} pictures/s, batch {card.batch} (this host)",
        "AIPP": f"{1e3 * event.aipp_s:.3f} ms a batch (this host), not in the times above",
        f"modelled {card.soc}": (
            f"{1e3 * card.chip_s(chip):.3f} ms a batch {bound}, "
            f"{1e3 * copied:.3f} ms to copy the outputs"
        ),
        **({"outputs": event.folder} if event.folder else {}),
    }
    return [f"{name:<23}{value}" for name, value in found.items()]


def _info(text: str) -> str:
    return f"[INFO] {text}"
