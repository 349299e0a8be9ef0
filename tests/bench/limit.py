"""The limit: the same calls in a bare loop, one process a core, without any of the framework.

PyAV decodes, libswscale brings the picture to the model's size, then AIPP, ONNX Runtime, head and
NMS. No index, no plan but the packets to feed, no device, no Ray, no table.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.reformatter import VideoReformatter

from fleet.ascend.aipp import Aipp
from fleet.core.frames import Colour
from fleet.core.geometry import Size, stretch
from fleet.models.card import card_of
from fleet.models.heads import head_named
from fleet.models.nms import suppress
from fleet.models.session import open_session
from fleet.storage import Reader, expand
from fleet.video.decode_plan import plan_decode
from fleet.video.h26x.access_unit import is_droppable
from fleet.video.h26x.annexb import from_sample
from fleet.video.probe.probe import probe
from fleet.video.sampling import Sampling

THRESHOLD = 0.4


def limit(model: Path, sample: str, videos: list[str], processes: int) -> float:
    """Frames a second of the bare loop over the videos, models loaded and warm."""
    with get_context("spawn").Pool(processes, _start, (str(model),)) as pool:
        pool.map(_warm, range(processes), chunksize=1)
        began_s = time.perf_counter()
        frames = sum(pool.imap_unordered(_one, [(uri, sample) for uri in videos], chunksize=1))
        return frames / (time.perf_counter() - began_s)


class Bare:
    """The model and what feeds and reads it, in one process."""

    def __init__(self, model: str) -> None:
        self.session = open_session(Path(model).read_bytes(), model)
        self.card = card_of(self.session, model)
        self.aipp = Aipp(self.card.aipp, self.card.size, self.card.batch, self.card.dtype)
        self.head = head_named(self.card.head, self.card.anchors, self.card.settings)
        self.scaler = VideoReformatter()

    def detect(self, frame: av.VideoFrame) -> None:
        """Do with one decoded frame what the product does."""
        size = self.card.source
        small = self.scaler.reformat(
            frame, size.width, size.height, "nv12", interpolation="BILINEAR", threads=1
        )
        nv12 = small.to_ndarray().astype(np.uint8, copy=False)
        tensor = self.aipp.run(nv12[None], Colour())
        outputs = self.session.run(None, {self.card.input_name: tensor})
        (found,) = self.head.decode(outputs, self.card.size, THRESHOLD)
        kept = found.take(suppress(found.xyxy, found.score, None, self.card.iou))
        stretch(Size(frame.width, frame.height), size).to_source(kept.xyxy)


_bare: list[Bare] = []
"""A worker process's one."""


def _start(model: str) -> None:
    _bare.append(Bare(model))


def _warm(number: int) -> int:
    """Keep one process until each has its own, so that every one is up before the clock starts."""
    time.sleep(0.5)
    return number


def _one(work: tuple[str, str]) -> int:
    uri, sample = work
    count = 0
    for frame in _frames(uri, Sampling.parse(sample)):
        _bare[0].detect(frame)
        count += 1
    return count


def _frames(uri: str, sample: Sampling) -> Iterator[av.VideoFrame]:
    if sample.kind == "all":
        with av.open(uri) as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            yield from container.decode(stream)
        return
    yield from _planned(uri, sample)


def _planned(uri: str, sample: Sampling) -> Iterator[av.VideoFrame]:
    """Feed what the decode plan names and no more: the least work that gives the wanted frames."""
    source = expand([uri]).sources[0]
    index = probe(source, Reader(source))
    plan = plan_decode(index, 0, len(index.cuts), sample.wanted(index))
    codec = cast("VideoCodecContext", av.CodecContext.create(index.stream.codec, "r"))
    codec.thread_count = 1
    codec.extradata = index.stream.parameter_sets
    with Path(uri).open("rb") as file:
        for part in plan.parts:
            wanted = set(part.rows[part.wanted].tolist())
            for row in part.rows.tolist():
                file.seek(int(index.packets.position[row]))
                data = file.read(int(index.packets.span[row]))
                unit = from_sample(data, index.stream.nal_length_bytes)
                if row not in wanted and is_droppable(index.stream.codec, unit):
                    continue
                packet = av.Packet(unit.data)
                packet.pts = row
                yield from (frame for frame in codec.decode(packet) if frame.pts in wanted)
            yield from (frame for frame in codec.decode(None) if frame.pts in wanted)
            codec.flush_buffers()
