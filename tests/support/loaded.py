"""A network of colours on a device, and pictures of one colour for it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from networks import LABELS, RED, colour_network, flat_nv12

from fleet.ascend.soc import soc
from fleet.ascend.surface import upload
from fleet.core.frames import Colour, Detections, FrameBatch, Picture
from fleet.core.geometry import Size
from fleet.device import Device
from fleet.models.compiler.compile import compile_model
from fleet.models.network import Network

CHIP = soc("Ascend310")
CANVAS = Size(64, 32)
BOX = (20.0, 10.0, 8.0, 4.0)


def network(device: Device, content: bytes | None = None, **options: Any) -> Network:
    """Compile a network of YOLOv8's layout and load it."""
    asked: dict[str, Any] = {"head": "yolov8", "labels": LABELS, "name": "made", "soc": CHIP}
    asked |= options
    om = compile_model(colour_network() if content is None else content, **asked)
    loaded = Network(device.soc, device.memory, device.clock, device.vpc, om, "made.om")
    device._opened.append(loaded)
    return loaded


def picture(device: Device, yuv: tuple[int, int, int] = RED, size: Size = CANVAS) -> Picture:
    """One colour all over, in device memory."""
    return upload(device.soc, device.memory, flat_nv12(size, yuv), Colour())


def batch_of(*pictures: Picture) -> FrameBatch:
    """A batch of pictures of one video."""
    numbers = np.arange(len(pictures), dtype=np.int64)
    return FrameBatch("made://", pictures, numbers, numbers, Fraction(1, 25), 0)


def found(
    net: Network, *pictures: Picture, threshold: float = 0.6, iou: float | None = None
) -> Detections:
    """Detect, then release the pictures."""
    try:
        return net.detect(batch_of(*pictures), threshold, iou)
    finally:
        for held in pictures:
            held.release()
