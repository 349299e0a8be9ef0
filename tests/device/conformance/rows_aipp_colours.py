"""Sections 5.1 and 5.2: the matrices of AIPP, and files that people use."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aipp_probing import run_nv12, run_rgb
from conformance_row import Rows

from fleet.ascend.aipp_config import MATRICES, AippConfig
from fleet.ascend.aipp_op import TO_BGR, TO_YUV
from fleet.ascend.aipp_text import read_aipp
from fleet.core.frames import Matrix, Range
from fleet.device import Device
from fleet.models.compiler.insert_op import parse_insert_op

COLOURS = Rows("5.1 matrices")
FILES = Rows("5.2 files")

_YUV = {
    "jpeg": (Matrix.BT601, Range.WIDE, (256, 0, 359, 256, -88, -183, 256, 454, 0)),
    "bt601_narrow": (Matrix.BT601, Range.NARROW, (298, 0, 409, 298, -100, -208, 298, 516, 0)),
    "bt709_wide": (Matrix.BT709, Range.WIDE, (256, 0, 403, 256, -48, -120, 256, 475, 0)),
    "bt709_narrow": (Matrix.BT709, Range.NARROW, (298, 0, 459, 298, -55, -136, 298, 541, 0)),
}
_RGB = {
    "rgb_to_jpeg": ((77, 150, 29, -43, -85, 128, 128, -107, -21), (0, 128, 128), [76, 85, 255]),
    "rgb_to_bt601_narrow": (TO_YUV, (16, 128, 128), [81, 90, 239]),
    "rgb_to_bt709_narrow": (
        *((47, 157, 16, -26, -87, 112, 112, -102, -10), (16, 128, 128), [62, 102, 239]),
    ),
    "rgb_to_bt709_wide": (
        *((55, 183, 19, -29, -99, 128, 128, -116, -12), (0, 128, 128), [54, 99, 255]),
    ),
    "rgb_to_gray": ((76, 150, 30, *(0,) * 6), (0, 0, 0), [75, 0, 0]),
}


def _to_rgb(name: str, matrix_of: tuple[Matrix, Range, tuple[int, ...]]) -> None:
    standard, levels, numbers = matrix_of

    def probe(device: Device) -> object:
        """White stays white, and the numbers are those of the page."""
        bias = 16 if levels is Range.NARROW else 0
        white = (235 if bias else 255, 128, 128)
        fields = {"csc_switch": True, "input_bias": (bias, 128, 128)}
        made = run_nv12(device, white, matrix=numbers, **fields)
        return MATRICES[standard, levels], [value >= 254 for value in made]

    probe.__name__ = name
    COLOURS.row("D", "docs/chip.md#aipp-matrices", expect=(numbers, [True] * 3))(probe)


def _to_yuv(name: str, matrix_of: tuple[tuple[int, ...], tuple[int, ...], list[int]]) -> None:
    numbers, bias, red = matrix_of

    def probe(device: Device) -> object:
        """Red, within one level."""
        args: dict[str, Any] = {"csc_switch": True, "matrix": numbers, "output_bias": bias}
        made = run_rgb(device, [255, 0, 0], "uint8", **args)
        return [abs(a - b) <= 1 for a, b in zip(made, red, strict=True)]

    probe.__name__ = name
    COLOURS.row("D", "docs/chip.md#aipp-arithmetic", expect=[True] * 3)(probe)


for _name, _known in _YUV.items():
    _to_rgb(_name, _known)


@COLOURS.row("D", "docs/chip.md#aipp-matrices", expect=[99, 0, 0])
def gray_from_yuv(device: Device) -> object:
    """256 0 0, and nothing else, with no bias."""
    numbers = (256, *(0,) * 8)
    return run_nv12(device, (99, 20, 30), csc_switch=True, matrix=numbers, input_bias=(0, 0, 0))


for _name, _numbers in _RGB.items():
    _to_yuv(_name, _numbers)

_FOLDER = Path(__file__).parent / "files"


def _file(name: str) -> str:
    return (_FOLDER / name).read_text("utf-8")


@FILES.row("I", "docs/chip.md#aipp-example", expect=(416, True, TO_BGR))
def yolov3_file(device: Device) -> object:
    """A user's file for YOLOv3 is read whole."""
    del device
    op = read_aipp(_file("yolov3.cfg"))[0]
    return op.src_image_size_w, op.rbuv_swap_switch, op.matrix


@FILES.row("I", "docs/chip.md#aipp-example", expect=True)
def yolov3_warning(device: Device) -> object:
    """Its exchange of U and V with NV12 is warned of."""
    del device
    config, _ = parse_insert_op(_file("yolov3.cfg"))
    return bool(config.warnings)


@FILES.row("D", "docs/chip.md#aipp-matrices", expect=(_YUV["jpeg"][2], (123, 117, 104)))
def resnet50_stills_file(device: Device) -> object:
    """The sample for stills: JPEG's matrix to RGB, and the mean by min_chn."""
    del device
    config, _ = parse_insert_op(_file("resnet50_stills.cfg"))
    return config.matrix, config.min_chn


@FILES.row("D", "docs/chip.md#aipp-default-matrix", expect=(TO_BGR, True))
def resnet50_video_file(device: Device) -> object:
    """The sample for video: no matrix, so that the default holds."""
    del device
    config, _ = parse_insert_op(_file("resnet50_video.cfg"))
    return config.matrix, isinstance(config, AippConfig)
