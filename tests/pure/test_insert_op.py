"""The text of an AIPP file, as ATC reads it."""

from __future__ import annotations

import pytest
from street_caffe import CONFIGURATION

from fleet.ascend.aipp_config import AippConfig
from fleet.core.geometry import Rect, Size
from fleet.errors import ModelRefusedError
from fleet.models.compiler.insert_op import parse_insert_op

MINIMAL = "aipp_op { aipp_mode : static  input_format : YUV420SP_U8 %s }"

YOLOV3 = (
    CONFIGURATION.replace("crop : false", "crop : false  # off\n load_start_pos_w : 9999")
    .replace("min_chn_0 : 0.0", "min_chn_0 : 0.5")
    .replace("var_reci_chn_2 : 0.003921568627451", "var_reci_chn_2 : 3.921568627451e-3")
)
"""A user's file (docs/chip.md#aipp-example), with a comment, a field that counts for nothing, and an
exponent."""


def test_a_users_file_is_read_whole() -> None:
    """Comments, signs, exponents; fields of a crop that is off do not count."""
    config, remarks = parse_insert_op(YOLOV3)
    assert remarks == ()
    assert config == AippConfig(
        src_image_size_w=416,
        src_image_size_h=416,
        rbuv_swap_switch=True,
        matrix=(298, 516, 0, 298, -100, -208, 298, 0, 409),
        min_chn=(0.5, 0.0, 0.0),
        var_reci_chn=(1 / 255, 1 / 255, 1 / 255),
    )


def test_crop_and_padding_are_read() -> None:
    """All their fields."""
    text = MINIMAL % (
        "src_image_size_w : 64 src_image_size_h : 48 crop : true load_start_pos_w : 8 load_start_pos_h : 4 "
        "crop_size_w : 24 crop_size_h : 12 padding : true left_padding_size : 3 right_padding_size : 5 "
        "top_padding_size : 1 bottom_padding_size : 3 padding_value : 0.5"
    )
    config, _ = parse_insert_op(text)
    place = config.layout(Size(32, 16))
    assert (place.crop, place.left, place.top) == (Rect(8, 4, 24, 12), 3, 1)
    assert config.padding_value == 0.5


def test_without_matrix_lines_the_chips_default_holds() -> None:
    """BT.601 narrow to BGR with csc on; no conversion at all with csc off, the default."""
    on, _ = parse_insert_op(MINIMAL % "csc_switch : true")
    off, _ = parse_insert_op(MINIMAL % "")
    assert on.matrix == (298, 516, 0, 298, -100, -208, 298, 0, 409)
    assert on.input_bias == (16, 128, 128)
    assert not off.csc_switch


def test_lines_that_do_nothing_are_remarked_on() -> None:
    """Reserved fields, and those of other kinds of picture."""
    _, remarks = parse_insert_op(MINIMAL % "support_rotation : true mean_chn_3 : 4")
    assert remarks == ("support_rotation has no effect here.", "mean_chn_3 has no effect here.")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "not one aipp_op block"),
        (MINIMAL % "" + MINIMAL % "", "has 2 aipp_op, and the model has one input"),
        ("aipp_op { aipp_mode : static }", "input_format is missing"),
        ("aipp_op { input_format : YUV420SP_U8 }", "aipp_mode is missing"),
        ("aipp_op { aipp_mode : dynamic }", "aipp_mode is dynamic.*static"),
        ("aipp_op { aipp_mode : static input_format : RGB888_U8 }", "RGB888_U8.*NV12"),
        (MINIMAL % "related_input_rank : 1", "related_input_rank is 1"),
        (MINIMAL % "resize : true", "resize is true.*VPC"),
        (MINIMAL % "ax_swap_switch : true", "four channels"),
        (MINIMAL % "gamma : 2", "no field gamma"),
        (MINIMAL % "order : rgb", "no field order"),
        (MINIMAL % "mean_chn_0 : 1 mean_chn_0 : 2", "mean_chn_0 stands there twice"),
        (MINIMAL % "matrix_r0c0 : 298 matrix_r0c0 : 256", "matrix_r0c0 stands there twice"),
        (MINIMAL % "mean_chn_0 : 1.5", "mean_chn_0 is 1.5.*whole"),
        (MINIMAL % "var_reci_chn_0 : fast", "var_reci_chn_0 is fast.*number"),
        (MINIMAL % "crop : maybe", "crop is maybe.*true or false"),
        (MINIMAL % "mean_chn_0 = 1", "cannot read 'mean_chn_0 = 1'"),
        (MINIMAL % "mean_chn_0 : 256", "mean_chn is 256.*0 to 255"),
        (MINIMAL % "csc_switch : true matrix_r0c0 : 40000", "matrix is 40000"),
    ],
)
def test_what_the_chip_or_fleet_does_not_take_is_refused(text: str, said: str) -> None:
    """With ATC's number for a bad AIPP file, and what to write."""
    with pytest.raises(ModelRefusedError, match=f"E10052: AIPP configuration: .*{said}") as refused:
        parse_insert_op(text)
    assert refused.value.way_out
