"""The run itself: load, feed, execute and time, write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from fleet.backend.kinds import Opening, open_device
from fleet.infer.feeds import Feed, network_input, open_feeds
from fleet.infer.request import Form, InferRequest
from fleet.infer.times import Times
from fleet.infer.written import content_of, summary_json
from fleet.models.card import ModelCard, read_card
from fleet.models.network import Network
from fleet.models.session import TensorInfo
from fleet.storage import Folder, read_file

PURE = "pure_infer_data"
"""ais_bench's name for outputs without an input."""


@dataclass(frozen=True)
class Opened:
    """The model is loaded."""

    card: ModelCard
    inputs: tuple[TensorInfo, ...]
    """The network's, in the order in which they are fed."""
    outputs: tuple[TensorInfo, ...]
    """The network's, in its order."""


@dataclass(frozen=True)
class Begun:
    """A batch is read."""

    files: tuple[str, ...]
    """Where it is from; empty where it is made."""


@dataclass(frozen=True)
class Executed:
    """The network has run once."""

    host_s: float
    """Measured on this machine, without AIPP and without reading and writing."""


@dataclass(frozen=True)
class Written:
    """The outputs of a batch are there."""

    paths: tuple[str, ...]
    """Where they were put; empty where nobody asked for them."""


@dataclass(frozen=True)
class Finished:
    """Everything is run."""

    times: Times
    """Of each run but those to warm up."""
    folder: str | None
    """Where the outputs are; None where nobody asked for them."""
    aipp_s: float
    """The average of AIPP for a batch, measured on this machine; 0 where it was passed by."""


Event = Opened | Begun | Executed | Written | Finished


def infer(request: InferRequest, now: datetime) -> Iterator[Event]:
    """Run a model as asked and yield what happens.

    Raises UsageError for inputs that do not fit, and what loading raises (`Device.load`).
    """
    om = read_file(request.model)
    card = request.chosen(read_card(om, request.model))
    with ExitStack() as stack:
        opening = Opening(card.soc, request.device, lambda _: om)
        device = stack.enter_context(closing(open_device(opening))).device
        network = device.load(request.model)
        further = network.further_inputs
        known = {item.name: item for item in (network_input(card), *further)}
        order = network.input_order
        yield Opened(card, tuple(known[name] for name in order), network.outputs)
        folder = _Output(request, now)
        feeds = open_feeds(card, further, order, request.inputs, request.fill)
        seconds: list[float] = []
        aipp: list[float] = []
        for number, feed in enumerate(feeds):
            yield Begun(feed.files)
            tensor, aipp_s = _prepared(network, feed)
            aipp.append(aipp_s)
            if number == 0:
                for _ in range(request.warmup):
                    network.execute(tensor, feed.further)
            outputs: list[NDArray[np.generic]] = []
            for _ in range(request.loop):
                began_s = perf_counter()
                outputs = network.execute(tensor, feed.further)
                seconds.append(perf_counter() - began_s)
                yield Executed(seconds[-1])
            yield Written(folder.put(feed, outputs))
        times = Times(tuple(seconds))
        folder.conclude(times)
        yield Finished(times, folder.name, sum(aipp) / len(aipp))


def _prepared(network: Network, feed: Feed) -> tuple[NDArray[np.generic], float]:
    """Return the network's input, and the seconds that AIPP took for it."""
    if feed.nv12 is None:
        assert feed.tensor is not None
        return feed.tensor, 0.0
    began_s = perf_counter()
    tensor = network.convert(feed.nv12)
    return tensor, perf_counter() - began_s


class _Output:
    """The folder of one run's outputs, and the list of what is in it."""

    def __init__(self, request: InferRequest, now: datetime) -> None:
        self._request = request
        self._names = request.form.folder(now)
        self._files: dict[int, tuple[tuple[str, ...], tuple[str, ...]]] = {}
        root = request.output and request.output.rstrip("/")
        self.name = f"{root}/{self._names}" if root else None

    def put(self, feed: Feed, outputs: list[NDArray[np.generic]]) -> tuple[str, ...]:
        """Write the outputs of one batch and return their paths."""
        if self.name is None:
            return ()
        folder = Folder(self.name)
        outfmt, form = self._request.outfmt, self._request.form
        paths = []
        for index, output in enumerate(outputs):
            name = form.file(self._stem(feed), index, outfmt)
            folder.put(name, content_of(output, outfmt))
            paths.append(f"{self.name}/{name}")
        self._files[len(self._files)] = (feed.files, tuple(paths))
        return tuple(paths)

    def conclude(self, times: Times) -> None:
        """Write ais_bench's summary beside the folder; msame has none."""
        if self._request.output and self._request.form is Form.AIS_BENCH:
            summary = summary_json(self._files, times.in_ms())
            Folder(self._request.output).put(f"{self._names}_summary.json", summary)

    def _stem(self, feed: Feed) -> str:
        single = self._request.form is Form.MSAME and not _is_folder(self._request, feed)
        if single:
            return PurePath(self._request.model).stem
        return PurePath(feed.files[0]).stem if feed.files else PURE


def _is_folder(request: InferRequest, feed: Feed) -> bool:
    return bool(feed.files) and feed.files[0] not in request.inputs
