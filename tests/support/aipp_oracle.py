"""The AIPP unit pixel by pixel in whole numbers, and random configurations of it."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fleet.ascend.aipp_op import INPUT_FORMATS, AippOp
from fleet.core.geometry import Size

YUV = (298, 516, 0, 298, -100, -208, 298, 0, 409)
RGB = (66, 129, 25, -38, -74, 112, 112, -94, -18)


def by_pixel(
    op: AippOp, data: NDArray[np.uint8], source: Size, model: Size, channels: int, dtype: str
) -> NDArray[np.generic]:
    """The rules in their order: swaps, crop, matrix, mean, min and var, padding."""
    out = np.full((channels, model.height, model.width), op.padding_value, dtype)
    width = op.crop_size_w or (model.width if op.crop else source.width)
    height = op.crop_size_h or (model.height if op.crop else source.height)
    for y in range(height):
        for x in range(width):
            pixel = _pixel(op, data, source, x + op.load_start_pos_w, y + op.load_start_pos_h)
            pixel = _matrix(op, pixel)[:channels]
            for channel, value in enumerate(pixel):
                at = channel, y + op.top_padding_size, x + op.left_padding_size
                out[at] = value if dtype == "uint8" else _normal(op, channel, value, dtype)
    return out


def _pixel(op: AippOp, data: NDArray[np.uint8], source: Size, x: int, y: int) -> list[int]:
    width = source.width
    if op.input_format == "YUV400_U8":
        return [int(data[y * width + x])]
    if op.input_format == "YUV420SP_U8":
        pair = width * source.height + y // 2 * width + x // 2 * 2
        first, second = int(data[pair]), int(data[pair + 1])
        chroma = [second, first] if op.rbuv_swap_switch else [first, second]
        return [int(data[y * width + x]), *chroma]
    count = 4 if op.input_format == "XRGB8888_U8" else 3
    values = [int(value) for value in data[(y * width + x) * count :][:count]]
    if op.rbuv_swap_switch:
        values[-3], values[-1] = values[-1], values[-3]
    return [*values[1:], values[0]] if op.ax_swap_switch else values


def _matrix(op: AippOp, pixel: list[int]) -> list[int]:
    if not op.csc_switch:
        return pixel
    yuv = op.input_format == "YUV420SP_U8"
    rows = op.matrix or (YUV if yuv else RGB)
    first = 1 if len(pixel) == 4 and not op.ax_swap_switch else 0
    colours = pixel[first : first + 3]
    made = []
    for row in range(3):
        total = sum(
            rows[3 * row + column] * (colours[column] - (op.input_bias[column] if yuv else 0))
            for column in range(3)
        )
        made.append(min(max((total >> 8) + (0 if yuv else op.output_bias[row]), 0), 255))
    return [*pixel[:first], *made, *pixel[first + 3 :]]


def _normal(op: AippOp, channel: int, value: int, dtype: str) -> Any:
    centred = np.float32(value) - np.float32(op.mean_chn[channel]) - np.float32(op.min_chn[channel])
    return (centred * np.float32(op.var_reci_chn[channel])).astype(dtype)


def random_op(seed: int) -> tuple[AippOp, Size, Size, int]:
    """A configuration that the rules allow, with its source, its model and their channels."""
    dice = random.Random(seed)  # noqa: S311 - a configuration comes from its seed
    kind = dice.choice(sorted(INPUT_FORMATS))
    even = kind == "YUV420SP_U8"
    source = Size(dice.randint(1, 9) * 2, dice.randint(1, 8) * 2)
    crop, padding = dice.random() < 0.5, dice.random() < 0.5
    left, top = (dice.randrange(side) for side in (source.width, source.height))
    left, top = (left // 2 * 2, top // 2 * 2) if even else (left, top)
    width, height = dice.randint(1, source.width - left), dice.randint(1, source.height - top)
    pads = [dice.randint(0, 4) for _ in range(4)]
    part = Size(width, height) if crop else source
    model = part
    if padding:
        model = Size(part.width + pads[0] + pads[1], part.height + pads[2] + pads[3])
    least, scale = (
        [dice.uniform(0, 255) for _ in range(4)],
        [dice.uniform(-4, 4) for _ in range(4)],
    )
    matrix = tuple(dice.randint(-32677, 32676) for _ in range(9))
    op = AippOp(
        "static",
        related_input_rank=dice.choice([None, 0, 3]),
        input_edge_idx=dice.choice([(), (0,), (0, 2)]),
        input_format=kind,
        src_image_size_w=source.width,
        src_image_size_h=source.height,
        crop=crop,
        load_start_pos_w=left,
        load_start_pos_h=top,
        crop_size_w=width,
        crop_size_h=height,
        padding=padding,
        left_padding_size=pads[0],
        right_padding_size=pads[1],
        top_padding_size=pads[2],
        bottom_padding_size=pads[3],
        padding_value=dice.choice([0.0, 1.5, 255.0]),
        csc_switch=kind != "YUV400_U8" and dice.random() < 0.7,
        rbuv_swap_switch=dice.random() < 0.5,
        ax_swap_switch=kind == "XRGB8888_U8" and dice.random() < 0.5,
        matrix=dice.choice([None, matrix, tuple(dice.randint(-600, 600) for _ in range(9))]),
        input_bias=tuple(dice.randint(0, 255) for _ in range(3)),  # type: ignore[arg-type]
        output_bias=tuple(dice.randint(0, 255) for _ in range(3)),  # type: ignore[arg-type]
        mean_chn=tuple(dice.randint(0, 255) for _ in range(4)),  # type: ignore[arg-type]
        min_chn=tuple(least),  # type: ignore[arg-type]
        var_reci_chn=tuple(scale),  # type: ignore[arg-type]
        support_rotation=dice.random() < 0.1,
        raw_rgbir_to_f16_n=dice.randint(0, 31),
    )
    most = {"YUV400_U8": 1, "XRGB8888_U8": 4}.get(kind, 3)
    channels = dice.choice([1, most]) if even else most
    return op, source, model, channels
