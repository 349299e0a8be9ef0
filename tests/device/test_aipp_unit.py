"""The whole AIPP unit against an oracle that goes pixel by pixel, and its text read and written."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
from aipp_oracle import YUV, by_pixel, random_op

from fleet.ascend.aipp import Aipp
from fleet.ascend.aipp_config import AippConfig
from fleet.ascend.aipp_op import PIXEL_BYTES, AippOp
from fleet.ascend.aipp_text import read_aipp, write_aipp
from fleet.ascend.aipp_unit import DynamicAipp, StaticAipp
from fleet.ascend.soc import Ascend310
from fleet.core.frames import Colour
from fleet.core.geometry import Size
from fleet.device import Device
from fleet.errors import DeviceError, ModelRefusedError

SEEDS = range(200)
STATIC = {"aipp_mode": "static", "input_format": "YUV420SP_U8"}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_configuration_is_the_oracles_bit_by_bit(seed: int) -> None:
    """Every input format, both types, crop, padding, matrices and swaps."""
    op, source, model, channels = random_op(seed)
    dtype = ("uint8", "float16", "float32")[seed % 3]
    bytes_ = int(source.pixels * PIXEL_BYTES[op.input_format])
    data = np.random.default_rng(seed).integers(0, 256, (2, bytes_), np.uint8)
    with np.errstate(over="ignore"):
        got = StaticAipp(Ascend310, op, model, channels, dtype).run(data)
        for picture, made in zip(data, got, strict=True):
            expected = by_pixel(op, picture, source, model, channels, dtype)
            assert made.dtype == expected.dtype
            assert np.array_equal(made, expected, equal_nan=dtype != "uint8")


@pytest.mark.parametrize("seed", SEEDS)
def test_a_configuration_reads_back_as_it_was_written(seed: int) -> None:
    """Alone, and beside another one for another input."""
    op = random_op(seed)[0]
    text = write_aipp([op])
    assert read_aipp(text) == (op,)
    dynamic = AippOp("dynamic", related_input_name="data", max_src_image_size=seed + 1)
    assert read_aipp(write_aipp([op, dynamic])) == (op, dynamic)
    assert write_aipp(read_aipp(text)) == text


def test_the_whole_colour_cube_is_exact() -> None:
    """Each Y, U, V in steps of 5, by the default matrix."""
    values = np.arange(0, 256, 5)
    cube = np.array(list(product(values, values, values)), np.uint8)
    width, height = 2 * 52, 2 * len(cube) // 52 + 2
    frame = np.zeros(width * height * 3 // 2, np.uint8)
    luma = frame[: width * height].reshape(height, width)
    chroma = frame[width * height :].reshape(height // 2, width // 2, 2)
    rows, columns = np.divmod(np.arange(len(cube)), width // 2)
    luma[rows * 2, columns * 2] = cube[:, 0]
    chroma[rows, columns] = cube[:, 1:]
    op = AippOp("static", input_format="YUV420SP_U8", csc_switch=True)
    made = StaticAipp(Ascend310, op, Size(width, height), 3, "uint8").run(frame[None])[0]
    got = made[:, rows * 2, columns * 2].astype(int)
    matrix = np.reshape(YUV, (3, 3))
    expected = np.right_shift(matrix @ (cube.astype(int) - [16, 128, 128]).T, 8).clip(0, 255)
    assert np.array_equal(got, expected)


def test_the_quick_form_for_nv12_is_the_same_unit() -> None:
    """What a compiled model runs and the whole unit give the same bytes."""
    config = AippConfig(matrix=YUV, mean_chn=(1, 2, 3), var_reci_chn=(0.5, 0.25, 2.0))
    op = AippOp(
        "static",
        input_format="YUV420SP_U8",
        csc_switch=True,
        matrix=YUV,
        mean_chn=(1, 2, 3, 0),
        var_reci_chn=(0.5, 0.25, 2.0, 1.0),
    )
    nv12 = np.random.default_rng(1).integers(0, 256, (2, 48, 64), np.uint8)
    for dtype in ("uint8", "float16", "float32"):
        quick = Aipp(config, Size(64, 32), 2, dtype).run(nv12, Colour())
        whole = StaticAipp(Ascend310, op, Size(64, 32), 3, dtype).run(nv12.reshape(2, -1))
        assert np.array_equal(quick, whole)


SQUARE = "src_image_size_w : 64 src_image_size_h : 64"
WRONG: list[tuple[str, str]] = [
    ("", "not one aipp_op"),
    ("aipp_op { aipp_mode : static", "not one aipp_op"),
    ("aipp_op { input_format : YUV420SP_U8 }", "aipp_mode is missing"),
    ("aipp_op { aipp_mode : maybe }", "aipp_mode is maybe"),
    ("aipp_op { aipp_mode : static }", "input_format is missing"),
    ("aipp_op { aipp_mode : static input_format : YUYV_U8 }", "input_format is YUYV_U8"),
    ("aipp_op { aipp_mode : dynamic }", "max_src_image_size is missing"),
    ("aipp_op { aipp_mode : dynamic max_src_image_size : -4 }", "max_src_image_size is -4"),
    *(
        (f"aipp_op {{ aipp_mode : static input_format : YUV420SP_U8 {lines} }}", said)
        for lines, said in [
            ("related_input_rank : -1", "related_input_rank is -1"),
            ("related_input_rank : 0 related_input_name : data", "both set"),
            ("input_edge_idx : -1", "input_edge_idx is -1"),
            ("src_image_size_w : 4098 src_image_size_h : 32", "src_image_size_w is 4098"),
            ("src_image_size_w : 32 src_image_size_h : 4098", "src_image_size_h is 4098"),
            ("src_image_size_w : 33 src_image_size_h : 32", "it must be even"),
            ("src_image_size_w : 32", "one side only"),
            ("crop : true", "without src_image_size"),
            ("padding : true", "without src_image_size"),
            ("resize : true", "does not scale"),
            ("resize_output_w : 8", "resize_output_w is 8"),
            ("resize_output_h : 5000", "resize_output_h is 5000"),
            ("ax_swap_switch : true", "four channels"),
            ("matrix_r0c0 : 32677", "matrix is 32677"),
            ("matrix_r2c2 : -32678", "matrix is -32678"),
            ("input_bias_0 : 256", "input_bias is 256"),
            ("output_bias_1 : -1", "output_bias is -1"),
            ("mean_chn_3 : 300", "mean_chn is 300"),
            ("min_chn_0 : 256", "min_chn is 256"),
            ("var_reci_chn_2 : 70000", "var_reci_chn is 70000"),
            ("raw_rgbir_to_f16_n : 32", "raw_rgbir_to_f16_n is 32"),
            ("mean_chn_0 : 1.5", "whole number"),
            ("min_chn_0 : low", "min_chn_0 is low"),
            ("crop : yes", "true or false"),
            ("gamma : 1", "no field gamma"),
            ("mean_chn_4 : 1", "no field mean_chn_4"),
            ("csc_switch : true csc_switch : true", "stands there twice"),
            ("matrix_r0c0 : 1 matrix_r0c0 : 1", "stands there twice"),
            ("mean_chn_0 = 1", "cannot read"),
        ]
    ),
    *(
        (
            f"aipp_op {{ aipp_mode : static input_format : YUV420SP_U8 {SQUARE} {lines} }}",
            said,
        )
        for lines, said in [
            ("crop : true load_start_pos_w : 1 crop_size_w : 8 crop_size_h : 8", "it must be even"),
            ("crop : true load_start_pos_w : 4096", "load_start_pos_w is 4096"),
            ("crop : true load_start_pos_w : 60 crop_size_w : 8 crop_size_h : 8", "leaves"),
            ("crop : true crop_size_w : 5000 crop_size_h : 8", "crop_size_w is 5000"),
            ("crop : true padding : true", "crop_size is 0"),
            ("padding : true left_padding_size : 33", "left_padding_size is 33"),
            ("padding : true padding_value : 70000", "padding_value is 70000"),
        ]
    ),
    (
        "aipp_op { aipp_mode : static input_format : YUV400_U8 csc_switch : true }",
        "csc_switch is on for gray",
    ),
    (
        "aipp_op { aipp_mode : static input_format : RGB888_U8 }" * 2,
        "two aipp_op are for the input 0",
    ),
]


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_a_wrong_configuration_is_e10052(text: str, said: str) -> None:
    """With what is wrong, and a way out (docs/chip.md#aipp-error)."""
    with pytest.raises(ModelRefusedError, match=f"E10052: AIPP configuration: .*{said}") as refused:
        read_aipp(text)
    assert refused.value.way_out


def test_there_are_forty_wrong_ones() -> None:
    """At least, and each says something else."""
    assert len(WRONG) >= 40
    assert len({text for text, _ in WRONG}) == len(WRONG)


DYNAMIC = AippOp("dynamic", max_src_image_size=2 * 64 * 48 * 3)
PLAIN = {"input_format": "RGB888_U8", "src_image_size_w": 64, "src_image_size_h": 48}


def test_a_dynamic_block_converts_each_picture_by_its_own_setting() -> None:
    """One picture plain, one swapped and cropped: as static blocks of the same settings."""
    model = Size(32, 24)
    with Device(Ascend310) as device:
        unit = device.open_aipp(DYNAMIC, model, 3)
        assert isinstance(unit, DynamicAipp)
        crops = [{"load_start_pos_w": left, "rbuv_swap_switch": left > 0} for left in (0, 16)]
        settings = [
            unit.setting(**PLAIN, crop=True, crop_size_w=32, crop_size_h=24, **crop)
            for crop in crops
        ]
        data = np.random.default_rng(2).integers(0, 256, (2, 64 * 48 * 3), np.uint8)
        got = unit.run(data, settings)
        for index, setting in enumerate(settings):
            alone = device.open_aipp(setting, model, 3)
            assert isinstance(alone, StaticAipp)
            assert np.array_equal(alone.run(data[index : index + 1])[0], got[index])


def refused(call: Any) -> int:
    """The number of a refusal, which cites its row."""
    with pytest.raises(DeviceError) as caught:
        call()
    assert "Rule: docs/chip.md#aipp-dynamic" in str(caught.value)
    return caught.value.code


@pytest.mark.parametrize(
    "fields",
    [
        {"input_format": "RGB888_U8"},
        {"input_format": "YUV420SP_U8", "src_image_size_w": 63, "src_image_size_h": 48},
        {
            "input_format": "YUV420SP_U8",
            "src_image_size_w": 64,
            "src_image_size_h": 48,
            "crop": True,
            "load_start_pos_w": 1,
            "crop_size_w": 32,
            "crop_size_h": 24,
        },
        {**PLAIN, "crop": True, "load_start_pos_w": 40, "crop_size_w": 32, "crop_size_h": 24},
        {**PLAIN, "resize": True},
        {**PLAIN, "crop": True, "crop_size_w": 30, "crop_size_h": 24},
        {**PLAIN, "src_image_size_w": 66},
        {**PLAIN, "input_format": "YUV400_U8", "csc_switch": True},
        {
            "input_format": "RGB888_U8",
            "src_image_size_w": 1078,
            "src_image_size_h": 24,
            "padding": True,
            "left_padding_size": 4,
        },
    ],
)
def test_a_wrong_setting_is_100000(fields: dict[str, Any]) -> None:
    """At the call, or with the inference (docs/chip.md#aipp-dynamic)."""
    unit = DynamicAipp(Ascend310, DYNAMIC, Size(32, 24), 3, "float16")
    bytes_ = np.zeros((1, 64 * 48 * 3), np.uint8)
    assert refused(lambda: unit.run(bytes_, [unit.setting(**fields)])) == 100000


def test_a_dynamic_input_has_its_most_bytes_and_a_setting_each() -> None:
    """100000 for more bytes, and for settings that are not as many (docs/chip.md#aipp-dynamic)."""
    unit = DynamicAipp(Ascend310, DYNAMIC, Size(64, 48), 3, "float16")
    plain = unit.setting(**PLAIN)
    data = np.zeros((3, 64 * 48 * 3), np.uint8)
    assert unit.run(data[:2], [plain] * 2).shape == (2, 3, 48, 64)
    assert refused(lambda: unit.run(data, [plain] * 3)) == 100000
    assert refused(lambda: unit.run(data[:2], [plain])) == 100000


def test_a_static_input_has_the_bytes_of_its_source() -> None:
    """145012 for others (docs/chip.md#aipp-tight)."""
    unit = StaticAipp(Ascend310, AippOp(**STATIC), Size(64, 48), 3, "uint8")  # type: ignore[arg-type]
    with pytest.raises(DeviceError, match="145012"):
        unit.run(np.zeros((1, 64 * 48), np.uint8))
