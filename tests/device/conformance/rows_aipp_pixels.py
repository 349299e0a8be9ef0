"""Section 5: AIPP, what it makes of pixels, and of several blocks."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from aipp_probing import BAD, NV12, SIZE, WHOLE, row_of_lines, run_nv12, run_rgb
from conformance_row import Rows
from probing import code, codes, loaded

from fleet.ascend.aipp_op import AippOp
from fleet.ascend.aipp_text import read_aipp
from fleet.ascend.aipp_unit import DynamicAipp, StaticAipp
from fleet.device import Device
from fleet.models.compiler.insert_op import parse_insert_op
from fleet.models.model_calls import ModelCalls

AIPP_PIXELS = Rows("5 AIPP")
_row = partial(row_of_lines, AIPP_PIXELS)


@AIPP_PIXELS.row("D", "docs/chip.md#aipp-normalise", expect=([10, 20, 30], [3.5, 8.5, 13.5]))
def normalisation(device: Device) -> object:
    """(in - mean - min) * var for float16, nothing for uint8."""
    fields: dict[str, Any] = {
        "mean_chn": (1, 1, 1, 0),
        "min_chn": (2.0, 2.0, 2.0, 0.0),
        "var_reci_chn": (0.5,) * 4,
    }
    pixel = [10, 20, 30]
    return run_rgb(device, pixel, "uint8", **fields), run_rgb(device, pixel, **fields)


@AIPP_PIXELS.row("D", "docs/chip.md#aipp-arithmetic", expect=([0, 255, 255], [81, 90, 239]))
def arithmetic(device: Device) -> object:
    """Shifted right with its sign: to RGB, and to YUV."""
    cold = (298, 0, 409, 298, -100, -208, 298, 516, 0)
    to_rgb = run_nv12(device, (200, 240, 16), csc_switch=True, matrix=cold)
    to_yuv = run_rgb(device, [255, 0, 0], "uint8", csc_switch=True)
    return [0 if v < 90 else 255 for v in to_rgb], to_yuv


@AIPP_PIXELS.row("I", "docs/chip.md#aipp-clamp", expect=([255, 255, 255], [0, 0, 0]))
def clamp(device: Device) -> object:
    """To 0 and 255."""
    rows = (32676, 0, 0) * 3
    white = run_nv12(device, (255, 0, 0), csc_switch=True, matrix=rows)
    return white, run_nv12(device, (0, 0, 0), csc_switch=True, matrix=rows)


@AIPP_PIXELS.row("I", "docs/chip.md#aipp-chroma", expect=[[5, 5, 6], [5, 5, 6]])
def chroma(device: Device) -> object:
    """One U serves a block of 2 x 2."""
    unit = device.open_aipp(AippOp("static", input_format="YUV420SP_U8"), SIZE, 3, np.uint8)
    assert isinstance(unit, StaticAipp)
    frame = np.zeros((1, 48), np.uint8)
    frame[0, 32:48:2] = [5, 6, 7, 8, 9, 10, 11, 12]
    return unit.run(frame)[0, 1, :2, :3].tolist()


@AIPP_PIXELS.row("D", "docs/chip.md#aipp-csc-off", expect=[12, 34, 56])
def without_csc(device: Device) -> object:
    """Without csc the channels are Y, U, V."""
    return run_nv12(device, (12, 34, 56))


@AIPP_PIXELS.row("D", "docs/chip.md#aipp-csc-off", expect=(1, 77))
def gray_model(device: Device) -> object:
    """A gray network is fed with Y alone."""
    op = AippOp("static", input_format="YUV420SP_U8")
    unit = device.open_aipp(op, SIZE, 1, np.uint8)
    assert isinstance(unit, StaticAipp)
    made = unit.run(np.full((1, 48), 77, np.uint8))
    return made.shape[1], int(made[0, 0, 0, 0])


@AIPP_PIXELS.row("D", "docs/chip.md#aipp-tight", expect=(32, 48, 96, 128))
def input_bytes(device: Device) -> object:
    """N * w * h times 1, 1.5, 3 or 4, tight."""
    del device
    formats = ("YUV400_U8", "YUV420SP_U8", "RGB888_U8", "XRGB8888_U8")
    return tuple(AippOp("static", input_format=f).picture_bytes(SIZE) for f in formats)


@AIPP_PIXELS.row("D", "docs/chip.md#aipp-declared", expect=((1, 1, 3, 4), "uint8 [1, 32, 64, 1]"))
def declared_channels(device: Device) -> object:
    """The changed input declares 1 channel for 4:2:0 and gray, 3 for RGB, 4 for XRGB."""
    formats = ("YUV420SP_U8", "YUV400_U8", "RGB888_U8", "XRGB8888_U8")
    channels = []
    for name in formats:
        unit = device.open_aipp(AippOp("static", input_format=name), SIZE, 3)
        assert isinstance(unit, StaticAipp)
        channels.append(unit.declared(2)[3])
    dims = str(ModelCalls(loaded(device)).input_dims())
    return tuple(channels), dims.removeprefix("images ")


_row(
    "compile_time_checks",
    "docs/chip.md#aipp-ranges",
    "Mode, format, size, repeated lines, and all ranges.",
    {
        f"{NV12} var_reci_chn_0 : 1 var_reci_chn_0 : 1": BAD,
        f"{NV12} input_bias_0 : 1 input_bias_0 : 1": BAD,
        f"{NV12} matrix_r0c0 : 1 matrix_r0c0 : 1": BAD,
        f"{WHOLE} padding : true left_padding_size : -1": BAD,
    },
)


@AIPP_PIXELS.row("D", "docs/chip.md#aipp-file", expect=(BAD, 0, BAD))
def two_blocks(device: Device) -> object:
    """Two for one input are refused; a rank that the model does not have too."""
    del device
    one, other = f"aipp_op {{ {NV12} }}", f"aipp_op {{ {NV12} related_input_rank : 1 }}"
    twice, apart = code(lambda: read_aipp(one + one)), code(lambda: read_aipp(one + other))
    return twice, apart, code(lambda: parse_insert_op(other))


@AIPP_PIXELS.row("D", "docs/chip.md#aipp-dynamic", expect=(100000,) * 6)
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


@AIPP_PIXELS.row("D", "docs/chip.md#aipp-info", expect=(0, 145015, 145016))
def info_calls(device: Device) -> object:
    """The static-AIPP call answers 145015 for an input without it, and 145016 for another mode."""
    model = ModelCalls(loaded(device, further="boxes"))
    dynamic = device.open_aipp(AippOp("dynamic", max_src_image_size=4000), SIZE, 3)
    return codes(lambda: model.aipp(0), lambda: model.aipp(1), dynamic.info)
