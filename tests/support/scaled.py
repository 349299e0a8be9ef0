"""Pictures for tests of VPC, and the error of a call that it refuses."""

from __future__ import annotations

from collections.abc import Callable

import av
import pytest

from fleet.ascend.surface import in_memory
from fleet.core.frames import Colour, Picture
from fleet.core.geometry import Size
from fleet.device import Device
from fleet.errors import DeviceError


def flat(device: Device, size: Size, yuv: tuple[int, int, int], pixels: str) -> Picture:
    """A picture of one colour in a surface as libav decodes to."""
    surface = av.VideoFrame(size.width, size.height, pixels)
    for plane, value in zip(surface.planes, yuv, strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    return in_memory(device.soc, device.memory, surface, Colour(), 7, "test picture")


def refusal(call: Callable[[], object]) -> DeviceError:
    """The error of a call that the chip refuses."""
    with pytest.raises(DeviceError) as caught:
        call()
    return caught.value
