"""Pictures in device memory, made square and turned: samples, strides, memory, and refusals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from indexes import STREAM
from numpy.typing import NDArray

from fleet.ascend.surface import tight
from fleet.backend.simulated.simulation import Simulation
from fleet.core.frames import Picture
from fleet.core.geometry import Size
from fleet.device import Device
from fleet.errors import DeviceOutOfMemoryError
from fleet.worker.decode import DecodeLoss
from fleet.worker.upright import upright

Paint = Callable[..., Picture]


def turned_by_numpy(picture: Picture, rotation: int, *, mirrored: bool) -> list[NDArray[np.uint8]]:
    """Turn luma, U and V of a picture, each by itself."""
    nv12, height = tight(picture), picture.size.height
    parts = [nv12[:height], nv12[height:, 0::2], nv12[height:, 1::2]]
    return [np.rot90(np.fliplr(of) if mirrored else of, -(rotation // 90)) for of in parts]


def refuse(loss: DecodeLoss) -> None:
    """Fail: nothing may be lost."""
    pytest.fail(f"lost {loss}")


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_nv12_is_turned_sample_for_sample(
    device: Device, paint: Paint, rotation: int, mirrored: bool
) -> None:
    """Each pair of chroma stays a pair; colour and row stay; strides are those of the new shape."""
    picture = paint(Size(50, 34), row=7)
    expected = turned_by_numpy(picture, rotation, mirrored=mirrored)
    stream = replace(STREAM, rotation=rotation, mirrored=mirrored)
    lost: list[DecodeLoss] = []
    (shown,) = upright(iter([picture]), stream, Simulation(device), lost.append)
    assert not lost
    assert (shown.row, shown.colour) == (7, picture.colour)
    assert shown.size == (Size(34, 50) if rotation % 180 else Size(50, 34))
    assert (shown.width_stride, shown.height_stride) == device.soc.vpc.stride.strides(shown.size)
    for found, plane in zip(turned_by_numpy(shown, 0, mirrored=False), expected, strict=True):
        assert np.array_equal(found, plane)
    shown.release()


def test_what_the_vpc_makes_square_is_what_its_resize_gives(device: Device, paint: Paint) -> None:
    """Of the larger size, so that nothing is lost."""
    picture, same = paint(Size(352, 288)), paint(Size(352, 288))
    resized = device.vpc.resize(same, Size(512, 288))
    stream = replace(STREAM, sample_aspect=Fraction(16, 11))
    (shown,) = upright(iter([picture]), stream, Simulation(device), refuse)
    assert np.array_equal(tight(shown), tight(resized))
    resized.release()
    shown.release()


def test_a_picture_that_does_not_fit_into_memory_twice_is_lost_alone(
    device: Device, paint: Paint
) -> None:
    """Its row is told, and its memory is free for the next one."""
    first, second = paint(Size(64, 64), row=3), paint(Size(64, 64), row=4)
    free_bytes = device.memory.budget_bytes - device.memory.used_bytes
    filling = device.memory.allocate(free_bytes - 64 * 64, "filling")
    lost: list[DecodeLoss] = []
    pictures = upright(
        iter([first, second]), replace(STREAM, rotation=90), Simulation(device), lost.append
    )
    shown = list(pictures)
    assert [loss.rows.tolist() for loss in lost] == [[3]]
    assert isinstance(lost[0].error, DeviceOutOfMemoryError)
    assert [picture.row for picture in shown] == [4]
    filling.free()
    shown[0].release()


def test_pictures_that_are_shown_as_stored_are_passed_on(device: Device) -> None:
    """The very same iterator: nothing is between."""
    pictures = iter(list[Picture]())
    assert upright(pictures, STREAM, Simulation(device), refuse) is pictures
