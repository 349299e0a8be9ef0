"""The chips' tables, row by row against docs/chip.md."""

from __future__ import annotations

import pytest

from fleet.ascend.clock import jpege_s, vdec_s, vpc_s
from fleet.ascend.soc import CHIPS, MB, Ascend310, Ascend310P3, Ascend910A, Soc, soc
from fleet.core.geometry import Size
from fleet.core.pixel_format import PixelFormat
from fleet.errors import UsageError

HD = Size(1920, 1080)
UHD = Size(3840, 2160)


def test_a_chip_is_found_by_its_name() -> None:
    """Its name is that of ATC's --soc_version (docs/chip.md#model-soc)."""
    assert soc("Ascend310") is Ascend310


def test_every_chip_is_one_that_people_can_name() -> None:
    """Three chips, and the name of each is that of its table (docs/chip.md#chip-tables)."""
    assert list(CHIPS) == ["Ascend310", "Ascend310P3", "Ascend910A"]
    assert all(soc(name).name == name for name in CHIPS)


def test_a_second_generation_chip_differs_by_its_table_alone() -> None:
    """The rows of docs/chip.md that name the 310P, as numbers."""
    chip = Ascend310P3
    assert (chip.memory_bytes, chip.fp16_tflops) == (21534 * MB, 70)
    assert (chip.vdec.channel_ids, str(chip.vdec.default_largest)) == (256, "4096x4096")
    assert chip.vpc.interpolations == {0, 1, 2}
    assert (chip.vpc.even_areas, chip.vpc.cuts_odd_sizes) == (False, False)
    assert (chip.vpc.max_ratio, chip.vpc.max_rgb_ratio) == (16, 512)
    assert PixelFormat.RGB_888 in chip.vpc.output_formats
    assert chip.vpc.command_bytes == 4 * MB
    assert chip.jpegd.stride.strides(Size(1000, 100)) == (1024, 112)
    hevc = chip.vdec.codec("hevc")
    assert hevc is not None
    assert chip.vdec.channel_bytes(hevc, HD, 9) == 4 * MB + 2 * 2 * HD.pixels + 10 * 4 * MB
    assert chip.vdec.channel_pictures_per_s(HD.pixels, 12) == pytest.approx(2880)
    assert chip.vdec.channel_pictures_per_s(UHD.pixels, 1) == pytest.approx(60)
    assert chip.vpc.engine_pictures_per_s(UHD.pixels, 20) == pytest.approx(1080)


def test_the_training_chip_has_media_engines_but_no_video_encoder() -> None:
    """Those of the 310's generation, and faster stills (docs/chip.md#chip-tables)."""
    assert (Ascend910A.vdec, Ascend910A.vpc) == (Ascend310.vdec, Ascend310.vpc)
    assert Ascend910A.venc is None
    assert 1 / Ascend910A.jpege.rate.seconds(HD.pixels) == pytest.approx(1024)


@pytest.mark.parametrize(
    ("chip", "published", "computed"),
    [(Ascend310, 8, 11), (Ascend310P3, 70, 69.5), (Ascend910A, 256, 262)],
)
def test_the_cores_reach_what_is_published(chip: Soc, published: int, computed: float) -> None:
    """Cores, clock and 16 x 16 x 16 give about the published speed (docs/chip.md#clock-fp16)."""
    assert chip.fp16_tflops == published
    assert chip.cores.peak_tflops == pytest.approx(computed, rel=0.02)


def test_an_unknown_chip_is_refused_with_the_known_ones() -> None:
    """A wrong name is a usage error that says what to write."""
    with pytest.raises(UsageError, match="Ascend310"):
        soc("Ascend999")


def test_every_limit_is_the_documented_one() -> None:
    """Every limit of Ascend310 is the one that docs/chip.md tells."""
    vdec, vpc, jpege = Ascend310.vdec, Ascend310.vpc, Ascend310.jpege
    assert (Ascend310.memory_bytes, Ascend310.fp16_tflops) == (7759 * MB, 8)
    assert [codec.name for codec in vdec.codecs] == ["h264", "hevc"]
    assert [sorted(codec.bit_depths) for codec in vdec.codecs] == [[8], [8, 10]]
    assert [codec.interlaced for codec in vdec.codecs] == [True, False]
    assert (vdec.chroma, vdec.most_level) == ("4:2:0", 5.1)
    assert str(vdec.input) == "128x128 to 4096x4096"
    assert str(vdec.output) == "10x6 to 4096x4096"
    assert str(vpc.input) == "10x6 to 8192x8192"
    assert str(vpc.output) == "10x6 to 4096x4096"
    assert vpc.output_formats == {PixelFormat.NV12, PixelFormat.NV21}
    assert (vpc.min_ratio, vpc.max_ratio) == (1 / 32, 16)
    assert (vpc.even_areas, vpc.paste_left_step) == (True, 16)
    assert vpc.interpolations == {0, 1, 2, 3, 4}
    assert vpc.command_bytes == 2 * MB
    assert str(jpege.input) == "32x32 to 8192x8192"
    assert (jpege.stride_step, jpege.header_bytes, jpege.size_step) == (16, 768, 2 * MB)


@pytest.mark.parametrize(
    ("size", "strides"),
    [
        (HD, (1920, 1080)),
        (Size(854, 480), (864, 480)),
        (Size(130, 130), (144, 130)),
        (Size(10, 6), (32, 6)),
    ],
)
def test_nv12_lies_in_strides_of_16_by_2(size: Size, strides: tuple[int, int]) -> None:
    """The strides are those of docs/chip.md#vdec-stride and docs/chip.md#vpc-stride."""
    assert Ascend310.vpc.stride.strides(size) == strides
    assert Ascend310.vpc.stride.allows(*strides)


@pytest.mark.parametrize(
    ("codec", "size", "references", "megabytes"),
    [
        ("h264", HD, 9, 51),
        ("hevc", HD, 9, 56),
        ("h264", HD, 2, 26.5),
        ("hevc", HD, 2, 28),
        ("hevc", UHD, 9, 182),
        ("hevc", Size(1280, 720), 9, 34),
    ],
)
def test_a_channel_takes_the_memory_of_the_formula(
    codec: str, size: Size, references: int, megabytes: float
) -> None:
    """The formula gives the documented figures (docs/chip.md#vdec-memory)."""
    limits = Ascend310.vdec.codec(codec)
    assert limits is not None
    taken = Ascend310.vdec.channel_bytes(limits, size, references)
    assert taken / MB == pytest.approx(megabytes, rel=0.01)


@pytest.mark.parametrize(
    ("size", "count"),
    [(Size(640, 360), 32), (Size(1280, 720), 32), (HD, 16), (Size(1920, 1088), 16), (UHD, 4)],
)
def test_a_chip_has_room_for_so_many_channels(size: Size, count: int) -> None:
    """The counts are those of docs/chip.md#vdec-channels."""
    assert 1 / Ascend310.vdec.channel_share(size) == count


@pytest.mark.parametrize(
    ("size", "rate"), [(HD, 480), (UHD, 120), (Size(1280, 720), 960), (Size(320, 240), 960)]
)
def test_all_channels_decode_at_the_chip_rate(size: Size, rate: float) -> None:
    """It decodes 480 fps at 1080p, 120 at 4K, 960 up to 720p (docs/chip.md#clock-vdec)."""
    assert 1 / vdec_s(Ascend310, size, 32) == pytest.approx(rate)


@pytest.mark.parametrize(
    ("source", "target", "rate"),
    [
        (HD, Size(352, 352), 1440),
        (UHD, Size(352, 352), 360),
        (Size(640, 360), HD, 1440),
        (Size(1000, 100), Size(100, 1000), 3840 * 2160 * 360 / 1e6),
    ],
)
def test_scaling_is_modelled_by_the_larger_sides(source: Size, target: Size, rate: float) -> None:
    """The rates are those of docs/chip.md#clock-vpc."""
    assert 1 / vpc_s(Ascend310, source, target, 4) == pytest.approx(rate)


@pytest.mark.parametrize(("size", "rate"), [(HD, 64), (UHD, 16)])
def test_jpeg_encoding_is_modelled_by_pixels(size: Size, rate: float) -> None:
    """It encodes 64 fps at 1080p and 16 at 4K (docs/chip.md#clock-jpege)."""
    assert 1 / jpege_s(Ascend310, size) == pytest.approx(rate)


def test_one_channel_alone_is_slower_than_the_chip() -> None:
    """The rates are those of docs/chip.md#clock-vdec-channel and docs/chip.md#clock-vpc-engine."""
    assert 1 / vdec_s(Ascend310, HD) == pytest.approx(240)
    assert 1 / vdec_s(Ascend310, UHD) == pytest.approx(60)
    assert 1 / vpc_s(Ascend310, HD, HD) == pytest.approx(360)
