"""The reader of ATC's --insert_op_conf: an aipp_op, by the rules of docs/chip.md#aipp."""

from __future__ import annotations

import re
from collections.abc import Mapping

from fleet.ascend.aipp_config import AippConfig, refuse_aipp
from fleet.ascend.aipp_op import TO_BGR
from fleet.ascend.aipp_text import MATRIX, blocks, read_aipp

DEMANDED: Mapping[str, tuple[str, ...]] = {
    "aipp_mode": ("static", "1"),
    "input_format": ("YUV420SP_U8", "1"),
    "related_input_rank": ("0",),
    "resize": ("false", "0"),
    "ax_swap_switch": ("false", "0"),
    "input_edge_idx": ("0",),
    "related_input_name": ("",),
}
WHY = {
    "aipp_mode": "Fleet bakes AIPP into the model (static).",
    "input_format": "Fleet feeds NV12 (YUV420SP_U8).",
    "related_input_rank": "It is the place of the picture among the inputs.",
    "resize": "AIPP does not scale; the VPC does, before it.",
    "ax_swap_switch": "It is for pictures of four channels.",
    "input_edge_idx": "The input has one edge.",
    "related_input_name": "It names a Caffe network's picture; an ONNX input goes by its rank, 0.",
}
NO_EFFECT = {"support_rotation", "rotation_angle", "cpadding_value", "single_line_mode"}
NO_EFFECT |= {"resize_output_w", "resize_output_h", "raw_rgbir_to_f16_n", "max_src_image_size"}
NO_EFFECT |= {"output_bias_0", "output_bias_1", "output_bias_2"}
NO_EFFECT |= {"mean_chn_3", "min_chn_3", "var_reci_chn_3"}
WORDS = {"true": True, "1": True, "false": False, "0": False}


def parse_insert_op(
    text: str, input_name: str = "", rank: int = 0
) -> tuple[AippConfig, tuple[str, ...]]:
    """Return the configuration of one `aipp_op { name : value ... }`, and remarks on idle lines.

    It supports static AIPP over NV12 only. With csc_switch, missing lines of the matrix take the
    chip's default, BT.601 narrow to BGR, for pictures of any colour. `input_name` is that of a
    Caffe network's picture, which related_input_name may name, `rank` its place among the inputs.
    Raises ModelRefusedError, with a message that begins with E10052, for a name, a value or a
    combination that the chip or Fleet does not accept.
    """
    given = _given(text)
    fed = {"related_input_rank": (str(rank),), "related_input_name": ("", input_name)}
    for name, allowed in DEMANDED.items():
        _demand(name, given.get(name), fed.get(name, allowed))
    if "related_input_name" not in given:
        _demand("related_input_rank", given.get("related_input_rank", "0"), (str(rank),))
    read_aipp(text)
    remarks = tuple(f"{name} has no effect here." for name in given if name in NO_EFFECT)
    return _config(given), remarks


def _given(text: str) -> dict[str, str]:
    found = blocks(text)
    if len(found) != 1:
        refuse_aipp("the file is not one aipp_op block.", "The model has one input.")
    return {name: words[-1] for name, words in found[0].items()}


def _demand(name: str, value: str | None, allowed: tuple[str, ...]) -> None:
    if value is None and name in {"aipp_mode", "input_format"}:
        refuse_aipp(f"{name} is missing.", f"Write {name} : {allowed[0]}.")
    if value is not None and value not in allowed:
        refuse_aipp(f"{name} is {value}.", f"{WHY[name]} Write {name} : {allowed[0]}.")


def _config(given: Mapping[str, str]) -> AippConfig:
    crop, padding = _switch(given, "crop"), _switch(given, "padding")
    csc = _switch(given, "csc_switch")
    cropping: Mapping[str, str] = given if crop else {}
    padded: Mapping[str, str] = given if padding else {}
    matrix = tuple(map(_whole, [given] * 9, MATRIX, TO_BGR)) if csc else None
    return AippConfig(
        src_image_size_w=_whole(given, "src_image_size_w"),
        src_image_size_h=_whole(given, "src_image_size_h"),
        crop=crop,
        load_start_pos_w=_whole(cropping, "load_start_pos_w"),
        load_start_pos_h=_whole(cropping, "load_start_pos_h"),
        crop_size_w=_whole(cropping, "crop_size_w"),
        crop_size_h=_whole(cropping, "crop_size_h"),
        padding=padding,
        left_padding_size=_whole(padded, "left_padding_size"),
        right_padding_size=_whole(padded, "right_padding_size"),
        top_padding_size=_whole(padded, "top_padding_size"),
        bottom_padding_size=_whole(padded, "bottom_padding_size"),
        padding_value=_number(padded, "padding_value"),
        csc_switch=csc,
        rbuv_swap_switch=_switch(given, "rbuv_swap_switch"),
        matrix=matrix,
        input_bias=_wholes(given, "input_bias", (16, 128, 128)),
        mean_chn=_wholes(given, "mean_chn", (0, 0, 0)),
        min_chn=_numbers(given, "min_chn", 0.0),
        var_reci_chn=_numbers(given, "var_reci_chn", 1.0),
    )


def _switch(given: Mapping[str, str], name: str) -> bool:
    word = given.get(name, "false")
    if word not in WORDS:
        refuse_aipp(f"{name} is {word}.", "Write true or false.")
    return WORDS[word]


def _whole(given: Mapping[str, str], name: str, default: int = 0) -> int:
    word = given.get(name, str(default))
    if not re.fullmatch(r"[+-]?\d+", word):
        refuse_aipp(f"{name} is {word}.", "Write a whole number.")
    return int(word)


def _number(given: Mapping[str, str], name: str, default: float = 0.0) -> float:
    word = given.get(name, str(default))
    try:
        return float(word)
    except ValueError:
        refuse_aipp(f"{name} is {word}.", "Write a number.")


def _wholes(
    given: Mapping[str, str], name: str, default: tuple[int, int, int]
) -> tuple[int, int, int]:
    first, second, third = (_whole(given, f"{name}_{i}", default[i]) for i in range(3))
    return first, second, third


def _numbers(given: Mapping[str, str], name: str, default: float) -> tuple[float, float, float]:
    first, second, third = (_number(given, f"{name}_{i}", default) for i in range(3))
    return first, second, third
