"""The values of ATC's options, read by its rules (docs/chip.md#model-onnx and the lines below)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NoReturn

from fleet.errors import UsageError
from fleet.models.heads import Shape

FRAMEWORKS = {"0": "Caffe", "1": "MindSpore", "3": "TensorFlow", "5": "ONNX"}
PRECISIONS = (
    "force_fp16",
    "allow_fp32_to_fp16",
    "force_fp32",
    "must_keep_origin_dtype",
    "allow_mix_precision",
)
LOGS = ("debug", "info", "warning", "error", "null")
OUTPUT_TYPES = {"FP32": "float32", "FP16": "float16"}


@dataclass(frozen=True)
class OutNode:
    """One output that --out_nodes names."""

    node: str
    """The name of a layer or node."""
    index: int
    """Which of its outputs."""


def refuse_option(code: str, message: str, way_out: str) -> NoReturn:
    """Raise UsageError with ATC's number for a bad option."""
    raise UsageError(f"{code}: {message}", way_out)


def check_choices(precision_mode: str | None, log: str, input_format: str) -> None:
    """Raise UsageError for a word that an option does not take."""
    if precision_mode is not None and precision_mode not in PRECISIONS:
        message = f"--precision_mode={precision_mode} is unknown."
        refuse_option("E10001", message, f"Values are: {', '.join(PRECISIONS)}.")
    if log not in LOGS:
        refuse_option("E10001", f"--log={log} is unknown.", f"Values are: {', '.join(LOGS)}.")
    if input_format != "NCHW":
        message = f"--input_format={input_format}: networks of Caffe and ONNX are read as NCHW."
        refuse_option("E10001", message, "Leave it out, or write NCHW.")


def parse_framework(text: str) -> str:
    """Return Caffe or ONNX; raises UsageError for others, those of ATC explained."""
    name = FRAMEWORKS.get(text)
    if name is None:
        refuse_option("E10001", f"--framework={text} is unknown.", "Write 0 (Caffe) or 5 (ONNX).")
    if name not in {"Caffe", "ONNX"}:
        message = f"--framework={text}: Fleet does not read {name}."
        refuse_option("E10001", message, "Export the network to ONNX and write --framework=5.")
    return name


def parse_input_shape(text: str | None) -> dict[str, Shape]:
    """Read `data:1,3,416,416;img_info:1,4`; -1 stays for the caller.

    Raises UsageError (E10005, E10008) for another form.
    """
    found: dict[str, Shape] = {}
    for part in (text or "").strip(";").split(";") if text else []:
        name, separator, lengths = part.rpartition(":")
        if not separator or not name.strip():
            message = f"--input_shape: {part!r} names no input."
            refuse_option("E10005", message, "Write name:1,3,416,416;name2:1,4.")
        if not re.fullmatch(r"\s*-?\d+(\s*,\s*-?\d+)*\s*", lengths):
            message = f"--input_shape: {lengths!r} is no shape."
            refuse_option("E10008", message, "Write whole numbers with commas between them.")
        found[name.strip()] = tuple(int(length) for length in lengths.split(","))
    return found


def check_fixed(shapes: dict[str, Shape], dynamic_batch_size: str | None) -> None:
    """Raise UsageError for open lengths and for gears of batches, with the reason."""
    if dynamic_batch_size is not None:
        gears = dynamic_batch_size.split(",")
        if not all(gear.strip().isdigit() for gear in gears):
            message = f"--dynamic_batch_size={dynamic_batch_size} is no list of gears."
            refuse_option("E10001", message, "Write 1,2,4,8.")
        message = f"--dynamic_batch_size={dynamic_batch_size}: a .om of Fleet holds one batch."
        largest = max(int(gear) for gear in gears)
        way_out = (
            f"Compile one for each size of a batch, by its N in --input_shape; `fleet run` "
            f"fills batches, so {largest} alone does for it."
        )
        refuse_option("E10001", message, way_out)
    for name, shape in shapes.items():
        if min(shape) < 1:
            message = f"--input_shape: {name} has an open length, {list(shape)}."
            refuse_option("E10008", message, "A .om of Fleet has fixed sizes: write all lengths.")


def parse_out_nodes(text: str | None) -> tuple[OutNode, ...]:
    """Read `conv1:0;conv2:0`; raises UsageError (E10001) for another form."""
    found = []
    for part in text.strip(";").split(";") if text else []:
        match = re.fullmatch(r"(.+):(\d+)", part.strip())
        if not match:
            message = f"--out_nodes: {part!r} is not node:index."
            refuse_option("E10001", message, 'Write "layer82-conv:0;layer94-conv:0".')
        found.append(OutNode(match[1], int(match[2])))
    return tuple(found)


def parse_output_type(text: str | None) -> str | None:
    """Return the NumPy type that all outputs get, None for their own.

    Raises UsageError (E10001) for types that a head cannot read, and for types by node.
    """
    if text is None:
        return None
    if text not in OUTPUT_TYPES:
        message = f"--output_type={text}: heads read outputs of FP32 and FP16, all of one type."
        refuse_option("E10001", message, "Write FP32 or FP16, without a node.")
    return OUTPUT_TYPES[text]
