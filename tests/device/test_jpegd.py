"""JPEGD: libjpeg's picture in the chip's layout, and what no chip decodes."""

from __future__ import annotations

import contextlib
import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from refusals import code_of

from fleet.ascend.soc import CHIPS, Ascend310, Ascend310P3, Soc
from fleet.ascend.surface import frame_of, planes
from fleet.core.frames import download
from fleet.core.geometry import Size
from fleet.core.pixel_format import PixelFormat
from fleet.device import Device
from fleet.errors import DeviceError
from fleet.video.stills.jpeg_header import NotJpegError, read_header

P = PixelFormat
EVERYWHERE = pytest.mark.parametrize("chip", CHIPS.values(), ids=CHIPS)
SUBSAMPLING = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}
TASK_FAILED = 507018


def smooth(size: Size) -> NDArray[np.uint8]:
    """An RGB picture with slopes and a few edges, u8 [H, W, 3]."""
    y, x = np.mgrid[: size.height, : size.width]
    waves = [np.sin(x / 37 + channel) + np.cos(y / 29 - channel) for channel in range(3)]
    picture = np.stack(waves, axis=-1) * 60 + 128
    picture[size.height // 3 : size.height // 2, size.width // 4 : size.width // 2] = (220, 40, 60)
    return picture.clip(0, 255).astype(np.uint8)


def jpeg(size: Size, chroma: str = "4:2:0", **options: object) -> bytes:
    """A file as libjpeg writes it."""
    image, target = Image.fromarray(smooth(size)), io.BytesIO()
    if chroma == "4:0:0":
        image = image.convert("L")
    else:
        options["subsampling"] = SUBSAMPLING[chroma]
    image.save(target, "JPEG", **{"quality": 90, **options})
    return target.getvalue()


def by_libjpeg(data: bytes) -> NDArray[np.int64]:
    """RGB as libjpeg decodes it."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(np.int64)


def segment(data: bytes, marker: int, body: bytes) -> bytes:
    """A file with one more segment behind SOI."""
    length = (len(body) + 2).to_bytes(2, "big")
    return data[:2] + bytes((0xFF, marker)) + length + body + data[2:]


def test_the_buffer_of_1024x683_has_the_documented_bytes() -> None:
    """1024 x 688 x 3/2 on the 310 (docs/chip.md#jpegd-stride)."""
    data = jpeg(Size(1024, 683))
    with Device(Ascend310) as device:
        picture = device.jpegd.decode(data)
        assert (picture.size, picture.width_stride, picture.height_stride) == (
            *(Size(1024, 683), 1024, 688),
        )
        assert download(picture).nbytes == 1_056_768
        assert device.jpegd.predicted_bytes(device.jpegd.info(data), P.NV12) == 1_056_768
        luma = download(picture)[:688]
        assert luma[:683].any(axis=1).all()
        assert not luma[683:].any()
        picture.release()


@EVERYWHERE
@pytest.mark.parametrize("size", [Size(1024, 683), Size(641, 479), Size(320, 240), Size(33, 32)])
@pytest.mark.parametrize("chroma", [*SUBSAMPLING, "4:0:0"])
def test_the_samples_are_libjpegs(chip: Soc, size: Size, chroma: str) -> None:
    """Luma within a mean of one level, odd sides too, and chroma where each pixel has its own."""
    data = jpeg(size, chroma)
    image = Image.open(io.BytesIO(data))
    image.draft("YCbCr", image.size)
    theirs = np.asarray(image).reshape(size.height, size.width, -1).astype(int)
    with Device(chip) as device:
        picture = device.jpegd.decode(data, P.UNKNOWN)
        ours = planes(frame_of(picture))
        for channel, plane in enumerate(ours):
            if plane.shape == theirs.shape[:2] and channel < theirs.shape[2]:
                assert np.abs(plane.astype(int) - theirs[..., channel]).mean() < 0.5
        picture.release()
        assert device.memory.by_holder().keys() == {"vpc channel"}


@EVERYWHERE
@pytest.mark.parametrize("chroma", [*SUBSAMPLING, "4:0:0"])
def test_the_picture_is_libjpegs(chip: Soc, chroma: str) -> None:
    """The RGB of 1024x683 is within a mean of one level, though chroma is spread otherwise."""
    data = jpeg(Size(1024, 683), chroma)
    with Device(chip) as device:
        picture = device.jpegd.decode(data)
        assert np.abs(picture.rgb().astype(int) - by_libjpeg(data)).mean() < 1
        picture.release()


@pytest.mark.parametrize(("chip", "step"), [(Ascend310, 128), (Ascend310P3, 64)])
@given(st.integers(32, 400), st.integers(32, 200), st.sampled_from([*SUBSAMPLING, "4:0:0"]))
@settings(max_examples=25, deadline=None)
def test_strides_are_those_of_the_table(
    chip: Soc, step: int, width: int, height: int, chroma: str
) -> None:
    """128 or 64 by 16, and the bytes of the format (docs/chip.md#jpegd-stride)."""
    with Device(chip) as device:
        picture = device.jpegd.decode(jpeg(Size(width, height), chroma), P.UNKNOWN)
        assert picture.width_stride == -(-width // step) * step
        assert picture.height_stride == -(-height // 16) * 16
        units = {"4:4:4": 3, "4:2:2": 2, "4:2:0": 1.5, "4:0:0": 1.5}[chroma]
        assert download(picture).nbytes == picture.width_stride * picture.height_stride * units
        picture.release()


ALLOWED = {
    "4:4:4": {P.NV12, P.NV21, P.YVU_444SP, P.UNKNOWN},
    "4:2:2": {P.NV12, P.NV21, P.YUV_422SP, P.YVU_422SP, P.UNKNOWN},
    "4:2:0": {P.NV12, P.NV21, P.UNKNOWN},
    "4:0:0": {P.NV12, P.NV21, P.UNKNOWN},
}


@EVERYWHERE
@pytest.mark.parametrize("chroma", ALLOWED)
@pytest.mark.parametrize("pixel_format", P)
def test_a_file_becomes_its_own_chroma_or_420(
    chip: Soc, chroma: str, pixel_format: PixelFormat
) -> None:
    """Another format is answered with 100027 (docs/chip.md#jpegd-formats)."""
    data = jpeg(Size(64, 48), chroma)
    with Device(chip) as device:
        if pixel_format not in ALLOWED[chroma]:
            assert code_of(lambda: device.jpegd.decode(data, pixel_format)) == 100027
            return
        picture = device.jpegd.decode(data, pixel_format)
        own = pixel_format is P.UNKNOWN
        assert own or picture.pixel_format is pixel_format
        assert picture.pixel_format in ALLOWED[chroma]
        picture.release()


def test_gray_has_neutral_chroma() -> None:
    """U = V = 128 (docs/chip.md#jpegd-formats)."""
    with Device(Ascend310) as device:
        picture = device.jpegd.decode(jpeg(Size(64, 48), "4:0:0"))
        _, *chroma = planes(frame_of(picture))
        assert all((plane == 128).all() for plane in chroma)
        picture.release()


BASELINE = jpeg(Size(64, 48))


def reframed(process: int = 0, bits: int = 8, size: Size | None = None) -> bytes:
    """The baseline file with another frame header."""
    at = BASELINE.index(b"\xff\xc0")
    made = bytearray(BASELINE)
    made[at + 1] = 0xC0 + process
    made[at + 4] = bits
    if size is not None:
        made[at + 5 : at + 9] = size.height.to_bytes(2, "big") + size.width.to_bytes(2, "big")
    return bytes(made)


REFUSED: dict[str, tuple[bytes, int]] = {
    "progressive": (jpeg(Size(64, 48), progressive=True), 148052),
    "extended": (reframed(1), 148052),
    "arithmetic": (reframed(9), 148052),
    "lossless": (reframed(3), 148052),
    "12 bits": (reframed(bits=12), 148052),
    "jpeg 2000": (b"\xff\x4f\xff\x51\0\0", 148052),
    "jp2": (b"\0\0\0\x0cjP  \r\n\x87\n", 148052),
    "cmyk": (b"", 148052),
    "three huffman tables": (segment(BASELINE, 0xC4, b"\x02" + bytes(16)), 148052),
    "four quantisers": (
        segment(BASELINE, 0xDB, b"".join(bytes([n]) + b"\1" * 64 for n in (2, 3))),
        148052,
    ),
    "three scans": (BASELINE[:-2] + b"\xff\xda\0\x02" * 2 + b"\xff\xd9", 148052),
    "too small": (jpeg(Size(31, 48)), 100000),
    "too large": (reframed(size=Size(8193, 48)), 100000),
    "no jpeg": (b"GIF89a", 100000),
    "empty": (b"", 100000),
    "header alone": (BASELINE[:40], 100000),
    "no end": (BASELINE[:-200], TASK_FAILED),
    "no data": (BASELINE[: BASELINE.index(b"\xff\xda") + 14] + b"\xff\xd9", TASK_FAILED),
}


def cmyk() -> bytes:
    """A file of four components."""
    target = io.BytesIO()
    Image.fromarray(smooth(Size(64, 48))).convert("CMYK").save(target, "JPEG")
    return target.getvalue()


REFUSED["cmyk"] = (cmyk(), 148052)


@EVERYWHERE
@pytest.mark.parametrize("name", REFUSED)
def test_what_the_hardware_does_not_decode_is_refused(chip: Soc, name: str) -> None:
    """148052 for kinds of JPEG, 100000 for sizes and what is none (docs/chip.md#jpegd)."""
    data, code = REFUSED[name]
    with Device(chip) as device:
        assert code_of(lambda: device.jpegd.decode(data)) == code
        assert device.memory.by_holder().keys() == {"vpc channel"}


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_orientation_is_read_and_not_applied(orientation: int) -> None:
    """The picture lies as stored (docs/chip.md#jpegd-colour)."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = jpeg(Size(64, 48), exif=exif)
    with Device(Ascend310) as device:
        assert device.jpegd.info(data).orientation == orientation
        picture = device.jpegd.decode(data)
        assert picture.size == Size(64, 48)
        picture.release()


@given(st.binary(max_size=60), st.integers(2, len(BASELINE)))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_decoded_or_refused(noise: bytes, at: int) -> None:
    """A damaged file raises nothing but the errors that are documented."""
    data = BASELINE[:at] + noise + BASELINE[at + len(noise) :]
    with contextlib.suppress(NotJpegError):
        assert read_header(data).scans
    with Device(Ascend310) as device:
        try:
            device.jpegd.decode(data).release()
        except DeviceError as error:
            refused = error.code
        else:
            refused = 0
        assert refused in {0, 100000, 148052, TASK_FAILED}
        assert device.memory.by_holder().keys() == {"vpc channel"}


def test_a_decoded_still_goes_to_vpc_and_jpege() -> None:
    """JPEGD, VPC, JPEGE: strides of one are taken by the next, and the picture stays."""
    data = jpeg(Size(1024, 683))
    with Device(Ascend310) as device:
        picture = device.jpegd.decode(data)
        small = device.vpc.resize(picture, Size(512, 340))
        again = by_libjpeg(device.jpege.encode(small, 100))
        direct = np.asarray(
            Image.open(io.BytesIO(data)).crop((0, 0, 1024, 682)).resize((512, 340), 2), int
        )
        assert np.abs(again - direct).mean() < 3
        picture.release()
        small.release()


def test_time_and_memory_are_counted() -> None:
    """1/128 s at 1080p in one channel, and the file with its 8 bytes (docs/chip.md#jpegd-buffer)."""
    data = jpeg(Size(1920, 1080))
    with Device(Ascend310) as device:
        used = device.memory.used_bytes
        picture = device.jpegd.decode(data)
        assert device.clock.snapshot().chip_s["jpegd"] == pytest.approx(1 / 128)
        assert device.memory.used_bytes - used == 1920 * 1088 * 3 // 2 + 32
        picture.release()
        device.memory.allocate(device.memory.budget_bytes - device.memory.used_bytes - 64, "filler")
        with pytest.raises(DeviceError, match="jpegd input"):
            device.jpegd.decode(data)
