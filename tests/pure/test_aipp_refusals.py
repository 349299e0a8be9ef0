"""Configurations of AIPP: how values are held, and which the chip refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from fleet.ascend.aipp import Aipp
from fleet.ascend.aipp_config import AippConfig, Layout
from fleet.core.frames import Colour
from fleet.core.geometry import Rect, Size
from fleet.errors import ModelRefusedError


def test_parameters_are_rounded_as_the_chip_holds_them() -> None:
    """1/255 in float16 is 0.00392151."""
    config = AippConfig(var_reci_chn=(1 / 255, 1.0, 2.0), min_chn=(123.68, 0.0, 0.0))
    assert config.var_reci_chn == (float(np.float16(1 / 255)), 1.0, 2.0)
    assert config.min_chn[0] == 123.6875


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("src_image_size_w", (-2, 4098)),
        ("src_image_size_h", (-2, 4098)),
        ("load_start_pos_w", (-2, 4096)),
        ("load_start_pos_h", (-2, 4096)),
        ("crop_size_w", (-1, 4097)),
        ("crop_size_h", (-1, 4097)),
        ("left_padding_size", (-1, 33)),
        ("right_padding_size", (-1, 33)),
        ("top_padding_size", (-1, 33)),
        ("bottom_padding_size", (-1, 33)),
        ("padding_value", (-65505, 65505)),
        ("matrix", ((0,) * 8 + (-32678,), (32677,) + (0,) * 8)),
        ("input_bias", ((0, 0, -1), (256, 0, 0))),
        ("mean_chn", ((0, -1, 0), (0, 0, 256))),
        ("min_chn", ((0, -0.5, 0), (0, 255.5, 0))),
        ("var_reci_chn", ((-65505, 1, 1), (1, 1, 65505), (1, float("nan"), 1))),
    ],
)
def test_a_value_out_of_range_is_refused_with_its_range(
    field: str, values: tuple[Any, ...]
) -> None:
    """Each range of docs/chip.md#aipp-ranges is checked at both ends."""
    for value in values:
        with pytest.raises(ModelRefusedError, match=rf"E10052: .*{field} is .*\. Its values are"):
            AippConfig(**{field: value})


@pytest.mark.parametrize(
    "field", ["src_image_size_w", "src_image_size_h", "load_start_pos_w", "load_start_pos_h"]
)
def test_an_odd_size_or_start_is_refused(field: str) -> None:
    """Sizes and starts are even for YUV420SP (docs/chip.md#aipp-even)."""
    with pytest.raises(ModelRefusedError, match=r"E10052.*must be even"):
        replace(AippConfig(), **{field: 5})  # type: ignore[arg-type]


MODEL = Size(32, 16)


SOURCE: dict[str, Any] = {"src_image_size_w": 64, "src_image_size_h": 48}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"crop": True}, "without src_image_size"),
        ({"padding": True}, "without src_image_size"),
        ({"src_image_size_w": 32}, "one side only"),
        (SOURCE, "a picture of 64x48 comes out and the model takes 32x16"),
        (SOURCE | {"crop": True, "crop_size_w": 30, "crop_size_h": 16}, "a picture of 30x16"),
        (SOURCE | {"crop": True, "load_start_pos_w": 34}, "leaves the picture"),
        (SOURCE | {"crop": True, "padding": True}, "crop_size is 0 with padding"),
        (SOURCE | {"padding": True, "left_padding_size": 4}, "a picture of 68x48"),
    ],
)
def test_a_layout_that_does_not_reach_the_model_is_refused(
    fields: dict[str, Any], said: str
) -> None:
    """AIPP crops and pads; it does not scale."""
    with pytest.raises(ModelRefusedError, match=f"E10052.*{said}"):
        AippConfig(**fields).layout(MODEL)


def test_padding_ends_at_1080_columns() -> None:
    """Wider pictures are not padded (docs/chip.md#aipp-padded-width)."""
    fields = {
        "src_image_size_w": 1080,
        "src_image_size_h": 16,
        "padding": True,
        "left_padding_size": 2,
    }
    with pytest.raises(ModelRefusedError, match=r"1082 wide.*1080"):
        AippConfig(**fields).layout(Size(1082, 16))  # type: ignore[arg-type]


def test_an_odd_model_cannot_be_fed_without_crop() -> None:
    """NV12 has whole 2 x 2 blocks."""
    with pytest.raises(ModelRefusedError, match=r"E10052.*33x16.*even"):
        AippConfig().layout(Size(33, 16))


def test_a_crop_of_no_size_takes_the_models() -> None:
    """Without padding a crop_size of 0 is the model's size (docs/chip.md#aipp-crop)."""
    config = AippConfig(**SOURCE, crop=True, load_start_pos_w=8, load_start_pos_h=2)
    assert config.layout(MODEL) == Layout(Size(64, 48), Rect(8, 2, 32, 16), 0, 0)


def test_the_swap_is_warned_of() -> None:
    """With NV12 it exchanges red and blue with wrong gains (docs/chip.md#aipp-swap)."""
    assert AippConfig().warnings == ()
    assert "NV21" in AippConfig(rbuv_swap_switch=True).warnings[0]


def test_a_padding_value_must_suit_a_uint8_input() -> None:
    """Its range is that of the input type."""
    fields = {
        "src_image_size_w": 30,
        "src_image_size_h": 16,
        "padding": True,
        "left_padding_size": 2,
    }
    config = AippConfig(**fields, padding_value=-1.0)  # type: ignore[arg-type]
    assert Aipp(config, MODEL, 1, np.float32).source == Size(30, 16)
    with pytest.raises(ModelRefusedError, match="padding_value is -1"):
        Aipp(config, MODEL, 1, np.uint8)


@pytest.mark.parametrize("shape", [(24, 32), (1, 24, 30), (2, 24, 32)])
def test_a_batch_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    """The sentence gives both shapes."""
    with pytest.raises(ValueError, match=r"\[1, 24, 32\]"):
        Aipp(AippConfig(), MODEL, 1, np.float32).run(np.zeros(shape, np.uint8), Colour())
