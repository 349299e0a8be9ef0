"""Section 5: AIPP, what its fields may be."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from aipp_probing import BAD, NV12, SIZE, WHOLE, read_op, row_of_lines, run_nv12, run_rgb, tried_all
from conformance_row import Rows
from probing import code

from fleet.ascend.aipp_op import TO_BGR, AippOp
from fleet.ascend.aipp_unit import StaticAipp
from fleet.core.geometry import Size
from fleet.device import Device

AIPP = Rows("5 AIPP")
_row = partial(row_of_lines, AIPP)


_row(
    "aipp_mode",
    "docs/chip.md#aipp-mode",
    "Static or dynamic, required.",
    {
        "input_format : YUV420SP_U8": BAD,
        NV12: 0,
        "aipp_mode : dynamic max_src_image_size : 9": 0,
        "aipp_mode : other": BAD,
    },
)
_row(
    "related_input_rank",
    "docs/chip.md#aipp-file",
    "Which input, from 0.",
    {f"{NV12} related_input_rank : 2": 0, f"{NV12} related_input_rank : -1": BAD},
)
_row(
    "related_input_name",
    "docs/chip.md#aipp-file",
    "The same by name, not with the rank.",
    {
        f"{NV12} related_input_name : data": 0,
        f'{NV12} related_input_name : "data"': 0,
        f"{NV12} related_input_name : data related_input_rank : 0": BAD,
    },
)
_row(
    "input_edge_idx",
    "docs/chip.md#aipp-file",
    "Which edges, repeated.",
    {f"{NV12} input_edge_idx : 0 input_edge_idx : 1": 0, f"{NV12} input_edge_idx : -1": BAD},
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
        f"{NV12} support_rotation : true rotation_angle : 1 cpadding_value : 2 single_line_mode : true": 0
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
        f"{NV12} src_image_size_w : 4096 src_image_size_h : 2": 0,
        f"{NV12} src_image_size_w : 4098 src_image_size_h : 2": BAD,
        f"{NV12} src_image_size_w : 3 src_image_size_h : 2": BAD,
        f"{NV12} crop : true": BAD,
        f"{NV12} padding : true": BAD,
    },
)


@AIPP.row("D", "docs/chip.md#aipp-crop", expect=True)
def crop(device: Device) -> object:
    """The fields of a crop that is off are zeroed."""
    del device
    return read_op(f"{WHOLE} load_start_pos_w : 9 crop_size_w : 8") == read_op(WHOLE)


_row(
    "load_start_pos",
    "docs/chip.md#aipp-ranges",
    "0 to 4095, even for 4:2:0.",
    {
        f"{WHOLE} crop : true load_start_pos_w : 2 crop_size_w : 8 crop_size_h : 8": 0,
        f"{WHOLE} crop : true load_start_pos_h : 1 crop_size_w : 8 crop_size_h : 8": BAD,
        f"{WHOLE} crop : true load_start_pos_w : 4096": BAD,
    },
)
_row(
    "crop_size",
    "docs/chip.md#aipp-crop",
    "0 to 4096, inside the source; 0 without padding is the model's.",
    {
        f"{WHOLE} crop : true": 0,
        f"{WHOLE} crop : true crop_size_w : 64 crop_size_h : 64": 0,
        f"{WHOLE} crop : true load_start_pos_w : 2 crop_size_w : 64 crop_size_h : 64": BAD,
        f"{WHOLE} crop : true padding : true": BAD,
    },
)
_row(
    "resize",
    "docs/chip.md#aipp-no-scaling",
    "Reserved: AIPP does not scale.",
    {
        f"{NV12} resize : true": BAD,
        f"{NV12} resize : false": 0,
        f"{NV12} resize_output_w : 9": BAD,
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
        f"{WHOLE} padding : true left_padding_size : 32": 0,
        f"{WHOLE} padding : true top_padding_size : 33": BAD,
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
    return run_nv12(device, red), run_nv12(device, red, csc_switch=True, matrix=rgb)


@AIPP.row("D", "docs/chip.md#aipp-swap", expect=([81, 240, 90], [3, 2, 1]))
def rbuv_swap_switch(device: Device) -> object:
    """Exchanges U and V, or R and B."""
    swapped = run_nv12(device, (81, 90, 240), rbuv_swap_switch=True)
    return swapped, run_rgb(device, [1, 2, 3], rbuv_swap_switch=True)


@AIPP.row("D", "docs/chip.md#aipp-order", expect=([1, 2, 3, 9], BAD))
def ax_swap_switch(device: Device) -> object:
    """Brings X from the first place to the last; for four channels alone."""
    moved = run_rgb(device, [9, 1, 2, 3], input_format="XRGB8888_U8", ax_swap_switch=True)
    return moved, tried_all(f"{NV12} ax_swap_switch : true")[0]


@AIPP.row("D", "docs/chip.md#aipp-default-matrix", expect=(True, True, 0, BAD, BAD))
def matrix(device: Device) -> object:
    """Missing lines take the default; -32677 to 32676."""
    gray = (128, 128, 128)
    same = run_nv12(device, gray, csc_switch=True) == run_nv12(
        device, gray, csc_switch=True, matrix=TO_BGR
    )
    lines = [f"{NV12} matrix_r0c0 : {value}" for value in (-32677, 32677, -32678)]
    part = read_op(f"{NV12} matrix_r0c1 : 7").matrix == (298, 7, *TO_BGR[2:])
    return same, part, *tried_all(*lines)


_row(
    "input_bias",
    "docs/chip.md#aipp-ranges",
    "0 to 255.",
    {f"{NV12} input_bias_0 : 255": 0, f"{NV12} input_bias_2 : 256": BAD},
)


@AIPP.row("D", "docs/chip.md#aipp-arithmetic", expect=([16, 128, 128], [26, 128, 128], BAD))
def output_bias(device: Device) -> object:
    """Added behind the matrix from RGB to YUV; 0 to 255."""
    black, args = [0, 0, 0], {"dtype": "uint8", "csc_switch": True}
    more = run_rgb(device, black, output_bias=(26, 128, 128), **args)  # type: ignore[arg-type]
    return run_rgb(device, black, **args), more, tried_all(f"{NV12} output_bias_0 : 256")[0]  # type: ignore[arg-type]


_row(
    "mean_chn",
    "docs/chip.md#aipp-ranges",
    "Whole, 0 to 255, four channels.",
    {
        f"{NV12} mean_chn_3 : 255": 0,
        f"{NV12} mean_chn_0 : 256": BAD,
        f"{NV12} mean_chn_0 : 0.5": BAD,
    },
)


@AIPP.row("D", "docs/chip.md#aipp-half", expect=(0, BAD, 123.6875))
def min_chn(device: Device) -> object:
    """float16, 0 to 255."""
    del device
    tried = tried_all(f"{NV12} min_chn_0 : 254.5", f"{NV12} min_chn_3 : -1")
    return *tried, read_op(f"{NV12} min_chn_0 : 123.675").min_chn[0]


@AIPP.row("D", "docs/chip.md#aipp-half", expect=(0, BAD, 1.0, float(np.float16(1 / 255))))
def var_reci_chn(device: Device) -> object:
    """float16, -65504 to 65504, 1 where it is left out."""
    del device
    tried = tried_all(f"{NV12} var_reci_chn_0 : -65504", f"{NV12} var_reci_chn_3 : 65600")
    op = read_op(f"{NV12} var_reci_chn_0 : 0.003921568627451")
    return *tried, op.var_reci_chn[1], op.var_reci_chn[0]


_row(
    "raw_rgbir_to_f16_n",
    "docs/chip.md#aipp-no-effect",
    "0 to 31, no effect.",
    {f"{NV12} raw_rgbir_to_f16_n : 31": 0, f"{NV12} raw_rgbir_to_f16_n : 32": BAD},
)
