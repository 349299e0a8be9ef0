"""What the device tests share: a device, and pictures in its memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from generate import Clip
from pixel_leases import GOP, GOPS, lease_of

from fleet.ascend.soc import Ascend310
from fleet.ascend.surface import upload
from fleet.core.frames import Colour, Picture
from fleet.core.geometry import Size
from fleet.device import Device
from fleet.plan.order import LeaseOrder, order


@pytest.fixture
def device() -> Iterator[Device]:
    """An Ascend310; when the test ends, no picture may be left that it did not release."""
    with Device(Ascend310) as opened:
        yield opened
    assert opened.memory.used_bytes == 0, f"left behind: {opened.memory.by_holder()}"


@pytest.fixture
def paint(device: Device) -> Iterator[Callable[..., Picture]]:
    """Make pictures of smooth random content; they are released when the test ends."""
    made: list[Picture] = []

    def make(size: Size, colour: Colour | None = None, seed: int = 1, row: int = 0) -> Picture:
        noise = np.random.default_rng(seed).integers(0, 256, (9, 9))
        rows = np.linspace(0, 8, size.height * 3 // 2).astype(int)
        columns = np.linspace(0, 8, size.width // 2).astype(int).repeat(2)
        nv12 = noise[rows][:, columns].astype(np.uint8)
        made.append(upload(device.soc, device.memory, nv12, colour or Colour(), row))
        return made[-1]

    yield make
    for picture in made:
        picture.release()


@pytest.fixture
def made(tmp_path: Path) -> LeaseOrder:
    """A lease of ten GOPs in two clips."""
    return order(*lease_of(Clip(frames=GOP * GOPS, gop=GOP), tmp_path))
