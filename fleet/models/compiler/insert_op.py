"""The reader of ATC's --insert_op_conf: an aipp_op, by the rules of docs/chip.md#aipp."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from fleet.ascend.aipp_config import AippConfig, refuse_aipp
from fleet.ascend.aipp_op import TO_BGR, AippOp
from fleet.ascend.aipp_text import blocks, read_aipp

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
    (op,) = read_aipp(text)
    remarks = tuple(f"{name} has no effect here." for name in given if name in NO_EFFECT)
    return _config(op), remarks


def _given(text: str) -> dict[str, str]:
    found = blocks(text)
    if len(found) != 1:
        what = f"the file has {len(found)} aipp_op, and the model has one input for pictures."
        refuse_aipp(what, "Leave one aipp_op.")
    return {name: words[-1] for name, words in found[0].items()}


def _demand(name: str, value: str | None, allowed: tuple[str, ...]) -> None:
    if value is None and name in {"aipp_mode", "input_format"}:
        refuse_aipp(f"{name} is missing.", f"Write {name} : {allowed[0]}.")
    if value is not None and value not in allowed:
        refuse_aipp(f"{name} is {value}.", f"{WHY[name]} Write {name} : {allowed[0]}.")


def _config(op: AippOp) -> AippConfig:
    """Return what Fleet bakes into a model of a static block over NV12: three of its channels."""
    same = {field.name for field in fields(AippConfig)} & {field.name for field in fields(AippOp)}
    held: dict[str, Any] = {name: getattr(op, name) for name in same}
    for name in ("mean_chn", "min_chn", "var_reci_chn"):
        held[name] = held[name][:3]
    # A matrix that is None follows each picture's colour, which a block of ATC's cannot say.
    held["matrix"] = (op.matrix or TO_BGR) if op.csc_switch else None
    return AippConfig(**held)
