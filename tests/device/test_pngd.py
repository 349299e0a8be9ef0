"""PNGD: the pixels of the file, in the chip's layout, and what it refuses."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from fleet.ascend.soc import CHIPS, Soc
from fleet.core.frames import download
from fleet.core.geometry import Size
from fleet.core.pixel_format import PixelFormat
from fleet.device import Device
from fleet.errors import DeviceError

P = PixelFormat
EVERYWHERE = pytest.mark.parametrize("chip", CHIPS.values(), ids=CHIPS)
MODES = {"L": 1, "RGB": 3, "LA": 2, "RGBA": 4}


def png(mode: str, size: Size | None = None, **options: object) -> bytes:
    """A file of random samples."""
    size = size or Size(70, 50)
    samples = np.random.default_rng(4).integers(0, 256, (size.height, size.width, 4), np.uint8)
    image, target = Image.fromarray(samples, "RGBA").convert(mode), io.BytesIO()
    image.save(target, "PNG", **options)
    return target.getvalue()


def code_of(device: Device, data: bytes, pixel_format: PixelFormat = P.UNKNOWN) -> int:
    """The number with which a file is refused."""
    with pytest.raises(DeviceError) as caught:
        device.pngd.decode(data, pixel_format)
    assert caught.value.way_out
    assert "Rule: docs/chip.md#pngd" in str(caught.value)
    return caught.value.code


@EVERYWHERE
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("pixel_format", [P.UNKNOWN, P.RGB_888, P.RGBA_8888])
def test_pixels_are_those_of_the_file(chip: Soc, mode: str, pixel_format: PixelFormat) -> None:
    """Rows of a multiple of 128 bytes, 16 rows (docs/chip.md#pngd)."""
    data = png(mode)
    with Device(chip) as device:
        picture = device.pngd.decode(data, pixel_format)
        has_alpha = pixel_format is P.RGBA_8888 or (
            pixel_format is P.UNKNOWN and mode in {"LA", "RGBA"}
        )
        assert picture.pixel_format is (P.RGBA_8888 if has_alpha else P.RGB_888)
        channels = 4 if has_alpha else 3
        expected = np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"))[..., :channels]
        buffer = download(picture)
        assert buffer.shape == (64, -(-70 * channels // 128) * 128)
        got = buffer[:50, : 70 * channels].reshape(50, 70, channels)
        assert np.array_equal(got, expected)
        picture.release()
        assert device.memory.by_holder().keys() == {"vpc channel"}


@EVERYWHERE
@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", 100000),
        (b"\x89PNG\r\n\x1a\n", 100000),
        (png("RGB", Size(31, 50)), 100000),
        (png("RGB", Size(4097, 32)), 100000),
        (png("P"), 100027),
        (png("1"), 100027),
        (png("L").replace(b"\x08\0\0\0\0", b"\x10\0\0\0\0", 1), 100027),
        (png("RGB")[:-400], 507018),
    ],
    ids=["empty", "signature", "small", "wide", "palette", "1 bit", "16 bits", "cut"],
)
def test_what_it_does_not_decode_is_refused(chip: Soc, data: bytes, code: int) -> None:
    """100000 for sizes, 100027 for kinds (docs/chip.md#pngd)."""
    with Device(chip) as device:
        assert code_of(device, data) == code
        assert device.memory.by_holder().keys() == {"vpc channel"}


@EVERYWHERE
@pytest.mark.parametrize("pixel_format", sorted(set(P) - {P.UNKNOWN, P.RGB_888, P.RGBA_8888}))
def test_other_formats_are_refused(chip: Soc, pixel_format: PixelFormat) -> None:
    """100027 (docs/chip.md#pngd)."""
    with Device(chip) as device:
        assert code_of(device, png("RGB"), pixel_format) == 100027
