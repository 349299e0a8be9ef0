"""VPC beyond scaling: formats, conversions, borders and parity, by the table of each chip."""

from __future__ import annotations

from collections.abc import Callable

import av
import numpy as np
import pytest
from refusals import code_of

from fleet.ascend.soc import CHIPS, Ascend310, Ascend310P3, Soc
from fleet.ascend.surface import frame_of, in_memory, planes
from fleet.ascend.vpc.filters import Border
from fleet.core.frames import Colour, Matrix, Picture, Range, declared, download
from fleet.core.geometry import Rect, Size
from fleet.core.pixel_format import PixelFormat
from fleet.device import Device

TASK_FAILED = 507018
P = PixelFormat
READ = [pixel_format for pixel_format in P if pixel_format <= P.NV21_10BIT]
EVERYWHERE = pytest.mark.parametrize("chip", CHIPS.values(), ids=CHIPS)


def painted(
    device: Device, size: Size, pixel_format: PixelFormat = P.NV12, seed: int = 1
) -> Picture:
    """A picture of random samples in any format."""
    surface = av.VideoFrame(size.width, size.height, pixel_format.layout.surfaces[0])
    noise = np.random.default_rng(seed)
    for plane in planes(surface):
        plane[:] = noise.integers(0, 256, plane.shape, np.uint8)
    args = (device.soc, device.memory, surface, Colour(), 3, "test picture")
    return in_memory(*args, pixel_format)


@EVERYWHERE
@pytest.mark.parametrize("pixel_format", READ)
def test_every_documented_format_is_read(chip: Soc, pixel_format: PixelFormat) -> None:
    """0 to 19 come out as NV12 (docs/chip.md#vpc-formats)."""
    with Device(chip) as device:
        source = painted(device, Size(64, 48), pixel_format)
        made = device.vpc.resize(source, Size(32, 32))
        assert (made.pixel_format, made.size) == (P.NV12, Size(32, 32))
        source.release()
        made.release()


@EVERYWHERE
@pytest.mark.parametrize("pixel_format", [f for f in P if f is not P.UNKNOWN])
def test_the_table_says_what_is_made(chip: Soc, pixel_format: PixelFormat) -> None:
    """A format outside the chip's is answered with 100027 (docs/chip.md#vpc-formats)."""
    with Device(chip) as device:
        source = painted(device, Size(64, 48))
        if pixel_format in chip.vpc.output_formats:
            made = device.vpc.resize(source, Size(32, 32), pixel_format=pixel_format)
            assert made.pixel_format is pixel_format
            made.release()
        else:
            call = lambda: device.vpc.resize(source, Size(32, 32), pixel_format=pixel_format)  # noqa: E731
            assert code_of(call) == 100027
        source.release()


OPERATIONS: dict[str, Callable[[Device, Picture], object]] = {
    "convert colour": lambda device, picture: device.vpc.convert_colour(picture, P.NV21),
    "make border": lambda device, picture: device.vpc.make_border(picture, Border("constant", 2)),
    "count histogram": lambda device, picture: device.vpc.histogram(picture),
    "equalize histogram": lambda device, picture: device.vpc.equalize(picture),
    "look up": lambda device, picture: device.vpc.look_up(picture, range(256)),
}


@EVERYWHERE
@pytest.mark.parametrize("operation", OPERATIONS)
def test_the_table_says_what_is_done(chip: Soc, operation: str) -> None:
    """The first generation answers 200006 (docs/chip.md#vpc-operations)."""
    with Device(chip) as device:
        source = painted(device, Size(64, 48))
        if chip is Ascend310P3:
            result = OPERATIONS[operation](device, source)
            if isinstance(result, Picture):
                result.release()
        else:
            assert code_of(lambda: OPERATIONS[operation](device, source)) == 200006
        source.release()


@pytest.mark.parametrize("kind", ["constant", "replicate", "reflect", "reflect-101"])
@pytest.mark.parametrize("pixel_format", [P.NV12, P.RGB_888, P.YUV_400])
def test_a_border_repeats_what_its_kind_says(kind: str, pixel_format: PixelFormat) -> None:
    """Row by row and column by column, as its definition has it (docs/chip.md#vpc-make-border)."""
    with Device(Ascend310P3) as device:
        source = painted(device, Size(24, 16), pixel_format)
        edges = Border(kind, top=4, bottom=2, left=6, right=2, fill=(9, 8, 7))  # type: ignore[arg-type]
        made = device.vpc.make_border(source, edges)
        assert made.size == Size(32, 22)
        before, after = planes(frame_of(source))[0], planes(frame_of(made))[0]
        samples = 3 if pixel_format is P.RGB_888 else 1
        picture = before.reshape(16, 24, samples)
        for y, x in np.ndindex(22, 32):
            from_y, from_x = _source(kind, y - 4, 16), _source(kind, x - 6, 24)
            got = after.reshape(22, 32, samples)[y, x].tolist()
            inside = from_y is not None and from_x is not None
            assert got == (picture[from_y, from_x].tolist() if inside else [9, 8, 7][:samples])
        source.release()
        made.release()


def _source(kind: str, at: int, length: int) -> int | None:
    """The row or column that a border takes its value from; None for the fill."""
    if 0 <= at < length:
        return at
    if kind == "constant":
        return None
    if kind == "replicate":
        return 0 if at < 0 else length - 1
    shift = 0 if kind == "reflect-101" else 1
    return -at - shift if at < 0 else 2 * length - 2 - at + shift


def test_a_border_that_is_too_wide_or_odd_is_refused() -> None:
    """100000 (docs/chip.md#vpc-make-border)."""
    with Device(Ascend310P3) as device:
        source = painted(device, Size(24, 16))
        for edges in (Border("reflect", 8), Border("constant", 1), Border("constant", left=-2)):
            assert code_of(lambda edges=edges: device.vpc.make_border(source, edges)) == 100000  # type: ignore[misc]
        source.release()


@pytest.mark.parametrize("matrix", range(4))
def test_colours_survive_a_conversion_and_back(matrix: int) -> None:
    """RGB to YUV 4:4:4 and back by the same matrix (docs/chip.md#vpc-convert)."""
    with Device(Ascend310P3) as device:
        source = painted(device, Size(64, 48), P.RGB_888)
        yuv = device.vpc.convert_colour(source, P.YUV_444, matrix)
        back = device.vpc.convert_colour(yuv, P.RGB_888, matrix)
        first, last = (planes(frame_of(p))[0].astype(int) for p in (source, back))
        assert np.abs(first - last).mean() < 1.5
        low, high = planes(frame_of(yuv))[0].min(), planes(frame_of(yuv))[0].max()
        assert (low >= 16 and high <= 235) == bool(matrix % 2)
        for picture in (source, yuv, back):
            picture.release()


def test_rgb_becomes_bt601_wide_and_says_so() -> None:
    """What a resize from RGB returns is read as what it is (docs/chip.md#vpc-convert)."""
    with Device(Ascend310) as device:
        surface = av.VideoFrame(64, 48, "rgb24")
        planes(surface)[0].reshape(48, 64, 3)[:] = (200, 100, 50)
        args = (device.soc, device.memory, surface, Colour(), 0, "test picture", P.RGB_888)
        source = in_memory(*args)
        made = device.vpc.resize(source, Size(64, 48))
        assert (made.colour.matrix, made.colour.range) == (Matrix.BT601, Range.WIDE)
        assert np.abs(made.rgb().astype(int) - (200, 100, 50)).max() <= 3
        source.release()
        made.release()


def test_a_histogram_counts_luma_and_a_table_replaces_it() -> None:
    """Exact, and chroma is untouched."""
    with Device(Ascend310P3) as device:
        source = painted(device, Size(64, 48))
        luma, chroma = planes(frame_of(source))
        counts = device.vpc.histogram(source)
        assert counts.tolist() == [int((luma == value).sum()) for value in range(256)]
        inverse = device.vpc.look_up(source, range(255, -1, -1))
        assert np.array_equal(planes(frame_of(inverse))[0], 255 - luma)
        assert np.array_equal(planes(frame_of(inverse))[1], chroma)
        level = device.vpc.equalize(source)
        flat = np.cumsum(device.vpc.histogram(level))
        assert flat[-1] == 64 * 48
        assert planes(frame_of(level))[0].max() == 255
        assert code_of(lambda: device.vpc.look_up(source, range(255))) == 100000
        for picture in (source, inverse, level):
            picture.release()


@pytest.mark.parametrize(
    ("chip", "area", "code"),
    [
        (Ascend310, Rect(1, 0, 32, 32), TASK_FAILED),
        (Ascend310, Rect(0, 0, 33, 32), TASK_FAILED),
        (Ascend310P3, Rect(1, 3, 32, 32), 0),
        (Ascend310P3, Rect(0, 0, 66, 32), TASK_FAILED),
    ],
)
def test_parity_is_in_the_table(chip: Soc, area: Rect, code: int) -> None:
    """The 310P crops where it likes (docs/chip.md#vpc-crop)."""
    with Device(chip) as device:
        source = painted(device, Size(64, 64))
        if code:
            assert code_of(lambda: device.vpc.crop_resize(source, area, Size(32, 32))) == code
        else:
            made = device.vpc.crop_resize(source, area, Size(32, 32))
            luma = planes(frame_of(source))[0]
            assert np.array_equal(
                planes(frame_of(made))[0],
                luma[area.top : area.top + 32, area.left : area.left + 32],
            )
            made.release()
        source.release()


@pytest.mark.parametrize(("chip", "code"), [(Ascend310, 0), (Ascend310P3, 100000)])
def test_odd_pictures_are_cut_or_refused(chip: Soc, code: int) -> None:
    """1024x683 works as 1024x682 on the 310 (docs/chip.md#vpc-even)."""
    with Device(chip) as device:
        source = painted(device, Size(127, 65))
        if code:
            assert code_of(lambda: device.vpc.resize(source, Size(64, 64))) == code
            even = declared(source, Size(126, 64))
            made = device.vpc.resize(even, Size(126, 64))
            assert np.array_equal(planes(frame_of(made))[0], planes(frame_of(source))[0][:64, :126])
            made.release()
        else:
            made, again = (
                device.vpc.resize(source, size) for size in (Size(126, 64), Size(127, 65))
            )
            assert np.array_equal(planes(frame_of(made))[0], planes(frame_of(source))[0][:64, :126])
            assert again.size == Size(126, 64)
            made.release()
            again.release()
        source.release()


def test_above_4096_pixels_strides_are_even_and_formats_few() -> None:
    """A step of 2 for both, and 4:2:0 alone (docs/chip.md#vpc-stride, docs/chip.md#vpc-formats)."""
    with Device(Ascend310) as device:
        source = painted(device, Size(4110, 64))
        assert (source.width_stride, source.height_stride) == (4110, 64)
        made = device.vpc.resize(source, Size(256, 64))
        made.release()
        gray = painted(device, Size(4110, 64), P.YUV_400)
        assert code_of(lambda: device.vpc.resize(gray, Size(256, 64))) == 100027
        source.release()
        gray.release()


@pytest.mark.parametrize("pixel_format", READ)
def test_a_buffer_has_the_bytes_of_its_format(pixel_format: PixelFormat) -> None:
    """Memory and download agree with the format's formula (docs/chip.md#vpc-buffers)."""
    planar = {1: 1.5, 2: 1.5, 18: 1.5, 19: 1.5, 3: 2, 4: 2, 5: 3, 6: 3, 0: 1.5}
    with Device(Ascend310) as device:
        before = device.memory.used_bytes
        picture = painted(device, Size(70, 50), pixel_format)
        taken = device.memory.used_bytes - before
        pixel = {11: 3, 12: 3, 13: 3}.get(pixel_format, 4 if pixel_format in range(14, 18) else 1)
        pixel = 2 if pixel_format in range(7, 11) else pixel
        expected = 80 * pixel * 50 * planar.get(pixel_format, 1)
        assert picture.width_stride == 80 * pixel
        assert taken == -(-int(expected) // 32) * 32 + 32
        if pixel_format is not P.YUV_400:
            assert download(picture).nbytes == expected
        picture.release()


def test_v_first_formats_differ_in_their_bytes() -> None:
    """NV21 is NV12 with each pair exchanged, and so on (docs/chip.md#pixel-formats)."""
    with Device(Ascend310) as device:
        uv, vu = (painted(device, Size(64, 48), f) for f in (P.YUV_422SP, P.YVU_422SP))
        first, second = download(uv), download(vu)
        assert np.array_equal(first[:48], second[:48])
        assert np.array_equal(first[48:, 0:64:2], second[48:, 1:64:2])
        assert np.array_equal(first[48:, 1:64:2], second[48:, 0:64:2])
        uv.release()
        vu.release()
