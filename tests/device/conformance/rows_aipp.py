"""Sections 5, 5.1 and 5.2: AIPP, its matrices, and files that people use."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from conformance_row import Rows
from numpy.typing import NDArray
from probing import code

from fleet.ascend.aipp_config import MATRICES, AippConfig
from fleet.ascend.aipp_op import TO_BGR, TO_YUV, AippOp
from fleet.ascend.aipp_text import read_aipp
from fleet.ascend.aipp_unit import DynamicAipp, StaticAipp
from fleet.core.frames import Matrix, Range
from fleet.core.geometry import Size
from fleet.device import Device
from fleet.models.compiler.insert_op import parse_insert_op

AIPP = Rows("5 AIPP")
COLOURS = Rows("5.1 matrices")
FILES = Rows("5.2 files")
BAD = "E10052"
SIZE = Size(8, 4)
_NV12 = "aipp_mode : static input_format : YUV420SP_U8"
_WHOLE = f"{_NV12} src_image_size_w : 64 src_image_size_h : 64"


def _read(lines: str) -> AippOp:
    return read_aipp(f"aipp_op {{ {lines} }}")[0]


def _tried(*lines: str) -> tuple[int | str, ...]:
    return tuple(code(lambda text=text: _read(text)) for text in lines)  # type: ignore[misc]


def _run(device: Device, data: list[int], dtype: str = "float16", **fields: Any) -> list[float]:
    """Feed one RGB pixel, repeated, and return the channels of the first pixel."""
    op = AippOp(**{"aipp_mode": "static", "input_format": "RGB888_U8", **fields})
    channels = 4 if op.input_format == "XRGB8888_U8" else 3
    unit = device.open_aipp(op, SIZE, channels, dtype)
    assert isinstance(unit, StaticAipp)
    pixels = np.array(data * SIZE.pixels, np.uint8)[None]
    return [float(value) for value in unit.run(pixels)[0, :, 0, 0]]


def _nv12(device: Device, yuv: tuple[int, int, int], **fields: Any) -> list[int]:
    """Feed one colour as NV12, and return the channels as bytes."""
    op = AippOp(**{"aipp_mode": "static", "input_format": "YUV420SP_U8", **fields})
    unit = device.open_aipp(op, SIZE, 3, np.uint8)
    assert isinstance(unit, StaticAipp)
    frame: NDArray[np.uint8] = np.empty((1, SIZE.pixels * 3 // 2), np.uint8)
    frame[0, : SIZE.pixels] = yuv[0]
    frame[0, SIZE.pixels :: 2], frame[0, SIZE.pixels + 1 :: 2] = yuv[1:]
    return [int(value) for value in unit.run(frame)[0, :, 0, 0]]


def _row(name: str, rule: str, asked: str, lines: Mapping[str, int | str]) -> None:
    """Add a row that reads lines: each is taken (0) or E10052."""

    def probe(device: Device) -> object:
        del device
        return dict(zip(lines, _tried(*lines), strict=True))

    probe.__name__, probe.__doc__ = name, asked
    AIPP.row("D", rule, expect=lines)(probe)


_row(
    "aipp_mode",
    "docs/chip.md#aipp-mode",
    "Static or dynamic, required.",
    {
        "input_format : YUV420SP_U8": BAD,
        _NV12: 0,
        "aipp_mode : dynamic max_src_image_size : 9": 0,
        "aipp_mode : other": BAD,
    },
)
_row(
    "related_input_rank",
    "docs/chip.md#aipp-file",
    "Which input, from 0.",
    {f"{_NV12} related_input_rank : 2": 0, f"{_NV12} related_input_rank : -1": BAD},
)
_row(
    "related_input_name",
    "docs/chip.md#aipp-file",
    "The same by name, not with the rank.",
    {
        f"{_NV12} related_input_name : data": 0,
        f'{_NV12} related_input_name : "data"': 0,
        f"{_NV12} related_input_name : data related_input_rank : 0": BAD,
    },
)
_row(
    "input_edge_idx",
    "docs/chip.md#aipp-file",
    "Which edges, repeated.",
    {f"{_NV12} input_edge_idx : 0 input_edge_idx : 1": 0, f"{_NV12} input_edge_idx : -1": BAD},
)
_row(
    "max_src_image_size",
    "docs/chip.md#aipp-mode",
    "Required for dynamic blocks, above 0.",
    {
        "aipp_mode : dynamic": BAD,
        "aipp_mode : dynamic max_src_image_size : 0": BAD,
        "aipp_mode : dynamic max_src_image_size : 1": 0,
    },
)
_row(
    "reserved",
    "docs/chip.md#aipp-no-effect",
    "Rotation, cpadding_value and single_line_mode have no effect.",
    {
        f"{_NV12} support_rotation : true rotation_angle : 1 cpadding_value : 2 single_line_mode : true": 0
    },
)
_row(
    "input_format",
    "docs/chip.md#aipp-input",
    "Four formats, by name or number.",
    {
        f"aipp_mode : static input_format : {name}": 0
        for name in ("YUV420SP_U8", "XRGB8888_U8", "RGB888_U8", "YUV400_U8", "1", "4")
    }
    | {"aipp_mode : static input_format : YUV422SP_U8": BAD, "aipp_mode : static": BAD},
)
_row(
    "src_image_size",
    "docs/chip.md#aipp-source",
    "0, or 2 to 4096 by 1 to 4096, even for 4:2:0; not 0 with crop or padding.",
    {
        f"{_NV12} src_image_size_w : 4096 src_image_size_h : 2": 0,
        f"{_NV12} src_image_size_w : 4098 src_image_size_h : 2": BAD,
        f"{_NV12} src_image_size_w : 3 src_image_size_h : 2": BAD,
        f"{_NV12} crop : true": BAD,
        f"{_NV12} padding : true": BAD,
    },
)


@AIPP.row("D", "docs/chip.md#aipp-crop", expect=True)
def crop(device: Device) -> object:
    """The fields of a crop that is off are zeroed."""
    del device
    return _read(f"{_WHOLE} load_start_pos_w : 9 crop_size_w : 8") == _read(_WHOLE)


_row(
    "load_start_pos",
    "docs/chip.md#aipp-ranges",
    "0 to 4095, even for 4:2:0.",
    {
        f"{_WHOLE} crop : true load_start_pos_w : 2 crop_size_w : 8 crop_size_h : 8": 0,
        f"{_WHOLE} crop : true load_start_pos_h : 1 crop_size_w : 8 crop_size_h : 8": BAD,
        f"{_WHOLE} crop : true load_start_pos_w : 4096": BAD,
    },
)
_row(
    "crop_size",
    "docs/chip.md#aipp-crop",
    "0 to 4096, inside the source; 0 without padding is the model's.",
    {
        f"{_WHOLE} crop : true": 0,
        f"{_WHOLE} crop : true crop_size_w : 64 crop_size_h : 64": 0,
        f"{_WHOLE} crop : true load_start_pos_w : 2 crop_size_w : 64 crop_size_h : 64": BAD,
        f"{_WHOLE} crop : true padding : true": BAD,
    },
)
_row(
    "resize",
    "docs/chip.md#aipp-no-scaling",
    "Reserved: AIPP does not scale.",
    {
        f"{_NV12} resize : true": BAD,
        f"{_NV12} resize : false": 0,
        f"{_NV12} resize_output_w : 9": BAD,
    },
)


@AIPP.row("D", "docs/chip.md#aipp-padding", expect=(0, BAD, BAD))
def padding(device: Device) -> object:
    """Width and height with padding are the model's."""
    sides: dict[str, Any] = {"padding": True, "left_padding_size": 2, "top_padding_size": 1}
    tries = [(Size(10, 5), 8), (Size(8, 5), 8), (Size(1084, 5), 1082)]
    found = []
    for model, width in tries:
        op = AippOp(
            "static", input_format="RGB888_U8", src_image_size_w=width, src_image_size_h=4, **sides
        )
        found.append(code(lambda o=op, m=model: device.open_aipp(o, m, 3)))  # type: ignore[misc]
    return tuple(found)


_row(
    "padding_size",
    "docs/chip.md#aipp-padded-width",
    "0 to 32 on each side.",
    {
        f"{_WHOLE} padding : true left_padding_size : 32": 0,
        f"{_WHOLE} padding : true top_padding_size : 33": BAD,
    },
)


@AIPP.row("D", "docs/chip.md#aipp-padding-value", expect=([7.0, 7.0, 7.0], BAD))
def padding_value(device: Device) -> object:
    """Filled in after the normalisation, in the type of the input."""
    sides: dict[str, Any] = {
        "input_format": "RGB888_U8",
        "src_image_size_w": 6,
        "src_image_size_h": 4,
        "padding": True,
        "left_padding_size": 2,
    }
    op = AippOp("static", padding_value=7, var_reci_chn=(0.5,) * 4, **sides)
    unit = device.open_aipp(op, SIZE, 3)
    assert isinstance(unit, StaticAipp)
    made = unit.run(np.zeros((1, 72), np.uint8))[0, :, 0, 0]
    far = AippOp("static", padding_value=300, **sides)
    return [float(v) for v in made], code(lambda: device.open_aipp(far, SIZE, 3, np.uint8))


@AIPP.row("D", "docs/chip.md#aipp-csc-off", expect=([81, 90, 240], [254, 0, 0]))
def csc_switch(device: Device) -> object:
    """The matrix, on or off: red stays Y, U, V, or becomes R, G, B."""
    rgb = (298, 0, 409, 298, -100, -208, 298, 516, 0)
    red = (81, 90, 240)
    return _nv12(device, red), _nv12(device, red, csc_switch=True, matrix=rgb)


@AIPP.row("D", "docs/chip.md#aipp-swap", expect=([81, 240, 90], [3, 2, 1]))
def rbuv_swap_switch(device: Device) -> object:
    """Exchanges U and V, or R and B."""
    swapped = _nv12(device, (81, 90, 240), rbuv_swap_switch=True)
    return swapped, _run(device, [1, 2, 3], rbuv_swap_switch=True)


@AIPP.row("D", "docs/chip.md#aipp-order", expect=([1, 2, 3, 9], BAD))
def ax_swap_switch(device: Device) -> object:
    """Brings X from the first place to the last; for four channels alone."""
    moved = _run(device, [9, 1, 2, 3], input_format="XRGB8888_U8", ax_swap_switch=True)
    return moved, _tried(f"{_NV12} ax_swap_switch : true")[0]


@AIPP.row("D", "docs/chip.md#aipp-default-matrix", expect=(True, True, 0, BAD, BAD))
def matrix(device: Device) -> object:
    """Missing lines take the default; -32677 to 32676."""
    gray = (128, 128, 128)
    same = _nv12(device, gray, csc_switch=True) == _nv12(
        device, gray, csc_switch=True, matrix=TO_BGR
    )
    lines = [f"{_NV12} matrix_r0c0 : {value}" for value in (-32677, 32677, -32678)]
    part = _read(f"{_NV12} matrix_r0c1 : 7").matrix == (298, 7, *TO_BGR[2:])
    return same, part, *_tried(*lines)


_row(
    "input_bias",
    "docs/chip.md#aipp-ranges",
    "0 to 255.",
    {f"{_NV12} input_bias_0 : 255": 0, f"{_NV12} input_bias_2 : 256": BAD},
)


@AIPP.row("D", "docs/chip.md#aipp-arithmetic", expect=([16, 128, 128], [26, 128, 128], BAD))
def output_bias(device: Device) -> object:
    """Added behind the matrix from RGB to YUV; 0 to 255."""
    black, args = [0, 0, 0], {"dtype": "uint8", "csc_switch": True}
    more = _run(device, black, output_bias=(26, 128, 128), **args)  # type: ignore[arg-type]
    return _run(device, black, **args), more, _tried(f"{_NV12} output_bias_0 : 256")[0]  # type: ignore[arg-type]


_row(
    "mean_chn",
    "docs/chip.md#aipp-ranges",
    "Whole, 0 to 255, four channels.",
    {
        f"{_NV12} mean_chn_3 : 255": 0,
        f"{_NV12} mean_chn_0 : 256": BAD,
        f"{_NV12} mean_chn_0 : 0.5": BAD,
    },
)


@AIPP.row("D", "docs/chip.md#aipp-half", expect=(0, BAD, 123.6875))
def min_chn(device: Device) -> object:
    """float16, 0 to 255."""
    del device
    tried = _tried(f"{_NV12} min_chn_0 : 254.5", f"{_NV12} min_chn_3 : -1")
    return *tried, _read(f"{_NV12} min_chn_0 : 123.675").min_chn[0]


@AIPP.row("D", "docs/chip.md#aipp-half", expect=(0, BAD, 1.0, float(np.float16(1 / 255))))
def var_reci_chn(device: Device) -> object:
    """float16, -65504 to 65504, 1 where it is left out."""
    del device
    tried = _tried(f"{_NV12} var_reci_chn_0 : -65504", f"{_NV12} var_reci_chn_3 : 65600")
    op = _read(f"{_NV12} var_reci_chn_0 : 0.003921568627451")
    return *tried, op.var_reci_chn[1], op.var_reci_chn[0]


_row(
    "raw_rgbir_to_f16_n",
    "docs/chip.md#aipp-no-effect",
    "0 to 31, no effect.",
    {f"{_NV12} raw_rgbir_to_f16_n : 31": 0, f"{_NV12} raw_rgbir_to_f16_n : 32": BAD},
)


@AIPP.row("D", "docs/chip.md#aipp-normalise", expect=([10, 20, 30], [3.5, 8.5, 13.5]))
def normalisation(device: Device) -> object:
    """(in - mean - min) * var for float16, nothing for uint8."""
    fields: dict[str, Any] = {
        "mean_chn": (1, 1, 1, 0),
        "min_chn": (2.0, 2.0, 2.0, 0.0),
        "var_reci_chn": (0.5,) * 4,
    }
    pixel = [10, 20, 30]
    return _run(device, pixel, "uint8", **fields), _run(device, pixel, **fields)


@AIPP.row("D", "docs/chip.md#aipp-arithmetic", expect=([0, 255, 255], [81, 90, 239]))
def arithmetic(device: Device) -> object:
    """Shifted right with its sign: to RGB, and to YUV."""
    cold = (298, 0, 409, 298, -100, -208, 298, 516, 0)
    to_rgb = _nv12(device, (200, 240, 16), csc_switch=True, matrix=cold)
    to_yuv = _run(device, [255, 0, 0], "uint8", csc_switch=True)
    return [0 if v < 90 else 255 for v in to_rgb], to_yuv


@AIPP.row("I", "docs/chip.md#aipp-clamp", expect=([255, 255, 255], [0, 0, 0]))
def clamp(device: Device) -> object:
    """To 0 and 255."""
    rows = (32676, 0, 0) * 3
    white = _nv12(device, (255, 0, 0), csc_switch=True, matrix=rows)
    return white, _nv12(device, (0, 0, 0), csc_switch=True, matrix=rows)


@AIPP.row("I", "docs/chip.md#aipp-chroma", expect=[[5, 5, 6], [5, 5, 6]])
def chroma(device: Device) -> object:
    """One U serves a block of 2 x 2."""
    unit = device.open_aipp(AippOp("static", input_format="YUV420SP_U8"), SIZE, 3, np.uint8)
    assert isinstance(unit, StaticAipp)
    frame = np.zeros((1, 48), np.uint8)
    frame[0, 32:48:2] = [5, 6, 7, 8, 9, 10, 11, 12]
    return unit.run(frame)[0, 1, :2, :3].tolist()


@AIPP.row("D", "docs/chip.md#aipp-csc-off", expect=[12, 34, 56])
def without_csc(device: Device) -> object:
    """Without csc the channels are Y, U, V."""
    return _nv12(device, (12, 34, 56))


@AIPP.row("D", "docs/chip.md#aipp-csc-off", expect=(1, 77))
def gray_model(device: Device) -> object:
    """A gray network is fed with Y alone."""
    op = AippOp("static", input_format="YUV420SP_U8")
    unit = device.open_aipp(op, SIZE, 1, np.uint8)
    assert isinstance(unit, StaticAipp)
    made = unit.run(np.full((1, 48), 77, np.uint8))
    return made.shape[1], int(made[0, 0, 0, 0])


@AIPP.row("D", "docs/chip.md#aipp-tight", expect=(32, 48, 96, 128))
def input_bytes(device: Device) -> object:
    """N * w * h times 1, 1.5, 3 or 4, tight."""
    del device
    formats = ("YUV400_U8", "YUV420SP_U8", "RGB888_U8", "XRGB8888_U8")
    return tuple(AippOp("static", input_format=f).picture_bytes(SIZE) for f in formats)


AIPP.missing(
    "declared-channels",
    "D",
    "The changed input declares 1 channel for 4:2:0 and gray, 3 for RGB, 4 for XRGB.",
    "the card of a compiled model tells the network's own input",
)
_row(
    "compile_time_checks",
    "docs/chip.md#aipp-ranges",
    "Mode, format, size, repeated lines, and all ranges.",
    {
        f"{_NV12} var_reci_chn_0 : 1 var_reci_chn_0 : 1": BAD,
        f"{_NV12} input_bias_0 : 1 input_bias_0 : 1": BAD,
        f"{_NV12} matrix_r0c0 : 1 matrix_r0c0 : 1": BAD,
        f"{_WHOLE} padding : true left_padding_size : -1": BAD,
    },
)


@AIPP.row("D", "docs/chip.md#aipp-file", expect=(BAD, 0, BAD))
def two_blocks(device: Device) -> object:
    """Two for one input are refused; a rank that the model does not have too."""
    del device
    one, other = f"aipp_op {{ {_NV12} }}", f"aipp_op {{ {_NV12} related_input_rank : 1 }}"
    twice, apart = code(lambda: read_aipp(one + one)), code(lambda: read_aipp(one + other))
    return twice, apart, code(lambda: parse_insert_op(other))


@AIPP.row("D", "docs/chip.md#aipp-dynamic", expect=(100000,) * 6)
def dynamic_checks(device: Device) -> object:
    """What a dynamic block is set to is checked with the inference."""
    op = AippOp("dynamic", max_src_image_size=4000)
    unit = device.open_aipp(op, SIZE, 3)
    assert isinstance(unit, DynamicAipp)
    rgb: dict[str, Any] = {
        "input_format": "RGB888_U8",
        "src_image_size_w": 8,
        "src_image_size_h": 4,
    }
    wrong: list[dict[str, Any]] = [
        {"input_format": "RGB888_U8"},
        {**rgb, "input_format": "YUV420SP_U8", "src_image_size_w": 9},
        {**rgb, "crop": True, "load_start_pos_w": 4, "crop_size_w": 8, "crop_size_h": 4},
        {**rgb, "resize": True},
        {**rgb, "src_image_size_w": 10},
        {**rgb, "input_format": "YUV400_U8", "csc_switch": True},
    ]
    data = np.zeros((1, 96), np.uint8)
    return tuple(code(lambda w=w: unit.run(data, [unit.setting(**w)])) for w in wrong)  # type: ignore[misc]


AIPP.missing(
    "info-calls",
    "D",
    "The static-AIPP call answers 145015 for a model without it, and 145016 for another mode.",
    "every compiled model has a static block, so that no call meets either",
)

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
        made = _nv12(device, white, matrix=numbers, **fields)
        return MATRICES[standard, levels], [value >= 254 for value in made]

    probe.__name__ = name
    COLOURS.row("D", "docs/chip.md#aipp-matrices", expect=(numbers, [True] * 3))(probe)


def _to_yuv(name: str, matrix_of: tuple[tuple[int, ...], tuple[int, ...], list[int]]) -> None:
    numbers, bias, red = matrix_of

    def probe(device: Device) -> object:
        """Red, within one level."""
        args: dict[str, Any] = {"csc_switch": True, "matrix": numbers, "output_bias": bias}
        made = _run(device, [255, 0, 0], "uint8", **args)
        return [abs(a - b) <= 1 for a, b in zip(made, red, strict=True)]

    probe.__name__ = name
    COLOURS.row("D", "docs/chip.md#aipp-arithmetic", expect=[True] * 3)(probe)


for _name, _known in _YUV.items():
    _to_rgb(_name, _known)


@COLOURS.row("D", "docs/chip.md#aipp-matrices", expect=[99, 0, 0])
def gray_from_yuv(device: Device) -> object:
    """256 0 0, and nothing else, with no bias."""
    numbers = (256, *(0,) * 8)
    return _nv12(device, (99, 20, 30), csc_switch=True, matrix=numbers, input_bias=(0, 0, 0))


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
