"""The values of ATC's options, read by its rules (docs/chip.md#model-onnx and the lines below)."""

from __future__ import annotations

import re
from collections.abc import Sequence
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
GEARS = (2, 100)
"""The least and the most sizes of a batch in one model."""
MOST_BATCH = 2048
OPEN = -1
"""How an open length is written."""
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


def parse_gears(text: str | None) -> tuple[int, ...]:
    """Return the sizes of a batch in `1,2,4,8`, rising; empty for None.

    Raises UsageError (E10001) for another form, and outside of ATC's limits.
    """
    if text is None:
        return ()
    if not re.fullmatch(r"\s*\d+\s*(,\s*\d+\s*)*", text):
        message = f"--dynamic_batch_size={text} is no list of gears."
        refuse_option("E10001", message, "Write 1,2,4,8.")
    gears = [int(gear) for gear in text.split(",")]
    least, most = GEARS
    if not least <= len(gears) <= most or len(set(gears)) < len(gears):
        message = f"--dynamic_batch_size={text} has {len(gears)} gears, or one of them twice."
        refuse_option("E10001", message, f"Write {least} to {most} different ones.")
    if not 1 <= min(gears) <= max(gears) <= MOST_BATCH:
        message = f"--dynamic_batch_size={text}: a gear is 1 to {MOST_BATCH}."
        refuse_option("E10001", message, "Leave out what is outside.")
    return tuple(sorted(gears))


def fix_shapes(shapes: dict[str, Shape], gears: Sequence[int]) -> dict[str, Shape]:
    """Return the shapes of inputs, with the largest gear in the place of an open batch.

    Raises UsageError: E10008 for other open lengths, E10001 for gears without an open batch.
    """
    if gears and not any(shape[0] == OPEN for shape in shapes.values()):
        message = "--dynamic_batch_size: no input has an open batch."
        refuse_option("E10001", message, 'Write it as -1: --input_shape="data:-1,3,416,416".')
    found = {}
    for name, shape in shapes.items():
        fixed = (gears[-1], *shape[1:]) if gears and shape[0] == OPEN else shape
        if min(fixed) < 1:
            message = f"--input_shape: {name} has an open length, {list(shape)}."
            way_out = (
                "Write all lengths; the batch alone may be -1, with --dynamic_batch_size=1,2,4."
            )
            refuse_option("E10008", message, way_out)
        found[name] = fixed
    return found


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
