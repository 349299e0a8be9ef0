"""AIPP against the same rules written pixel by pixel in whole numbers."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fleet.ascend.aipp import Aipp
from fleet.ascend.aipp_config import AippConfig, matrix_for
from fleet.ascend.aipp_op import AippOp
from fleet.ascend.aipp_unit import converted
from fleet.core.frames import ChannelOrder, Colour, Matrix, Range
from fleet.core.geometry import Size

COLOURS = [Colour(matrix, width) for matrix in Matrix for width in Range]


DTYPES = ["float32", "float16", "uint8"]


def by_pixel(
    config: AippConfig, model: Size, nv12: NDArray[np.uint8], colour: Colour, dtype: str
) -> NDArray[np.generic]:
    """The rules of the unit, straight: swap, crop, matrix, shift, clamp, mean, min, var, padding."""
    place = config.layout(model)
    height = place.source.height
    out = np.full((3, model.height, model.width), config.padding_value, dtype)
    if not config.csc_switch:
        matrix, bias = [[256, 0, 0], [0, 256, 0], [0, 0, 256]], [0, 0, 0]
    elif config.matrix is not None:
        matrix, bias = np.reshape(config.matrix, (3, 3)).tolist(), list(config.input_bias)
    else:
        rows, offsets = matrix_for(colour, config.order)
        matrix, bias = rows.tolist(), offsets.tolist()
    for y in range(place.crop.height):
        for x in range(place.crop.width):
            sy, sx = y + place.crop.top, x + place.crop.left
            pair = nv12[height + sy // 2, sx // 2 * 2 : sx // 2 * 2 + 2].tolist()
            u, v = reversed(pair) if config.rbuv_swap_switch else pair
            yuv = (int(nv12[sy, sx]), u, v)
            for channel in range(3):
                total = sum(
                    m * (value - b) for m, value, b in zip(matrix[channel], yuv, bias, strict=True)
                )
                clamped = min(max(total >> 8, 0), 255)
                out[channel, place.top + y, place.left + x] = normal(
                    clamped, config, channel, dtype
                )
    return out


def normal(value: int, config: AippConfig, channel: int, dtype: str) -> Any:
    """Mean, min and var in float32; a uint8 input takes the value as it is."""
    if dtype == "uint8":
        return value
    centred = (
        np.float32(value)
        - np.float32(config.mean_chn[channel])
        - np.float32(config.min_chn[channel])
    )
    return (centred * np.float32(config.var_reci_chn[channel])).astype(dtype)


three = st.tuples(*[st.integers(0, 255)] * 3)


halves = st.tuples(*[st.floats(0, 255, width=16)] * 3)


scales = st.tuples(*[st.floats(-4, 4, width=16)] * 3)


matrices = st.one_of(st.none(), st.tuples(*[st.integers(-32677, 32676)] * 9))


@st.composite
def configs(draw: st.DrawFn) -> tuple[AippConfig, Size]:
    """Any configuration that the rules allow, and the model size that it comes to."""
    source = Size(draw(st.integers(1, 6)) * 2, draw(st.integers(1, 5)) * 2)
    crop, padding = draw(st.booleans()), draw(st.booleans())
    left = draw(st.integers(0, source.width // 2 - 1)) * 2 if crop else 0
    top = draw(st.integers(0, source.height // 2 - 1)) * 2 if crop else 0
    width = draw(st.integers(1, source.width - left)) if crop else source.width
    height = draw(st.integers(1, source.height - top)) if crop else source.height
    pads = [draw(st.integers(0, 3)) if padding else 0 for _ in range(4)]
    config = AippConfig(
        src_image_size_w=source.width,
        src_image_size_h=source.height,
        crop=crop,
        load_start_pos_w=left,
        load_start_pos_h=top,
        crop_size_w=width if crop else 0,
        crop_size_h=height if crop else 0,
        padding=padding,
        left_padding_size=pads[0],
        right_padding_size=pads[1],
        top_padding_size=pads[2],
        bottom_padding_size=pads[3],
        padding_value=draw(st.floats(0, 255, width=16)),
        csc_switch=draw(st.booleans()),
        rbuv_swap_switch=draw(st.booleans()),
        order=draw(st.sampled_from(ChannelOrder)),
        matrix=draw(matrices),
        input_bias=draw(three),
        mean_chn=draw(three),
        min_chn=draw(halves),
        var_reci_chn=draw(scales),
    )
    return config, Size(width + pads[0] + pads[1], height + pads[2] + pads[3])


@given(configs(), st.sampled_from(COLOURS), st.sampled_from(DTYPES), st.integers(0, 2**32))
def test_every_pixel_is_the_chips_arithmetic(
    made: tuple[AippConfig, Size], colour: Colour, dtype: str, seed: int
) -> None:
    """Bit for bit, over all configurations, colours and input types."""
    config, model = made
    source = config.layout(model).source
    nv12 = np.random.default_rng(seed).integers(
        0, 256, (2, source.height * 3 // 2, source.width), np.uint8
    )
    got = Aipp(config, model, 2, dtype).run(nv12, colour)
    assert got.dtype == dtype
    for picture, found in zip(nv12, got, strict=True):
        np.testing.assert_array_equal(found, by_pixel(config, model, picture, colour, dtype))


@given(
    st.integers(1, 1000),
    st.integers(1, 300),
    st.integers(0, 30),
    st.sampled_from([600, 32676]),
    st.sampled_from(DTYPES),
    st.integers(0, 2**32),
)
@settings(max_examples=25)
def test_large_pictures_are_those_of_the_whole_unit(
    width: int, height: int, border: int, largest: int, dtype: str, seed: int
) -> None:
    """Computed some rows at a time, with crop and padding, by weights of any size; bit for bit."""
    dice = np.random.default_rng(seed)
    block = AippOp(
        "static",
        input_format="YUV420SP_U8",
        src_image_size_w=width // 2 * 2 + 6,
        src_image_size_h=height // 2 * 2 + 4,
        crop=True,
        load_start_pos_w=4,
        load_start_pos_h=2,
        crop_size_w=width,
        crop_size_h=height,
        padding=True,
        left_padding_size=border,
        bottom_padding_size=border,
        padding_value=7.0,
        csc_switch=True,
        rbuv_swap_switch=bool(seed % 2),
        matrix=tuple(dice.integers(-largest, largest, 9).tolist()),
        input_bias=tuple(dice.integers(0, 256, 3).tolist()),
        mean_chn=(*dice.integers(0, 2, 3).tolist(), 0),
        var_reci_chn=(1 / 255, 0.017, -3.0, 1.0),
    )
    names = {item.name for item in fields(AippConfig)}
    shared = {name: value for name, value in asdict(block).items() if name in names}
    shared |= {name: shared[name][:3] for name in ("mean_chn", "min_chn", "var_reci_chn")}
    model = Size(width + border, height + border)
    assert block.source is not None
    shape = (1, block.source.height * 3 // 2, block.source.width)
    nv12 = dice.integers(0, 256, shape, np.uint8)
    got = Aipp(AippConfig(**shared), model, 1, dtype).run(nv12, Colour())
    expected = converted(block, nv12.reshape(-1), block.source, model, 3, np.dtype(dtype))
    np.testing.assert_array_equal(got[0], expected)


@pytest.mark.parametrize("colour", COLOURS, ids=str)
@pytest.mark.parametrize("order", ChannelOrder)
def test_every_y_u_and_v_converts_exactly(colour: Colour, order: ChannelOrder) -> None:
    """All luma values against a lattice of chroma values with both ends in it."""
    steps = np.unique(np.append(np.arange(0, 256, 5), [15, 16, 17, 127, 128, 129, 255]))
    u, v = (axis.ravel() for axis in np.meshgrid(steps, steps))
    luma = np.arange(256)
    nv12 = np.empty((len(u) * 2 * 3 // 2, 256), np.uint8)
    nv12[: len(u) * 2] = luma
    nv12[len(u) * 2 :, 0::2], nv12[len(u) * 2 :, 1::2] = u[:, None], v[:, None]
    got = Aipp(AippConfig(order=order), Size(256, len(u) * 2), 1, np.uint8).run(nv12[None], colour)[
        0
    ]
    matrix, bias = matrix_for(colour, order)
    yuv = np.stack(np.broadcast_arrays(luma[None, :], u[:, None], v[:, None])) - bias[:, None, None]
    expected = np.clip(np.tensordot(matrix, yuv, 1) >> 8, 0, 255).repeat(2, axis=1)
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize(
    ("colour", "rgb", "bias"),
    [
        (
            Colour(Matrix.BT601, Range.WIDE),
            [[256, 0, 359], [256, -88, -183], [256, 454, 0]],
            [0, 128, 128],
        ),
        (
            Colour(Matrix.BT601, Range.NARROW),
            [[298, 0, 409], [298, -100, -208], [298, 516, 0]],
            [16, 128, 128],
        ),
        (
            Colour(Matrix.BT709, Range.WIDE),
            [[256, 0, 403], [256, -48, -120], [256, 475, 0]],
            [0, 128, 128],
        ),
        (
            Colour(Matrix.BT709, Range.NARROW),
            [[298, 0, 459], [298, -55, -136], [298, 541, 0]],
            [16, 128, 128],
        ),
    ],
    ids=str,
)
def test_the_matrices_are_those_of_the_documentation(
    colour: Colour, rgb: list[list[int]], bias: list[int]
) -> None:
    """The rows are those of docs/chip.md#aipp-matrices; for BGR they are exchanged."""
    matrix, offsets = matrix_for(colour, ChannelOrder.RGB)
    assert (matrix.tolist(), offsets.tolist()) == (rgb, bias)
    assert matrix_for(colour, ChannelOrder.BGR)[0].tolist() == rgb[::-1]


def test_a_colour_bar_comes_out_in_the_order_asked_for() -> None:
    """Pure red in BT.709 narrow: 63, 102, 240."""
    nv12 = np.full((1, 6, 4), 63, np.uint8)
    nv12[0, 4:, 0::2], nv12[0, 4:, 1::2] = 102, 240
    colour = Colour(Matrix.BT709, Range.NARROW, declared=True)
    for order, red in ((ChannelOrder.RGB, 0), (ChannelOrder.BGR, 2)):
        config = AippConfig(order=order)
        got = Aipp(config, Size(4, 4), 1, np.uint8).run(nv12, colour)[0, :, 0, 0]
        assert got[red] == 255
        assert got[1] <= 1
        assert got[2 - red] <= 1


def test_a_fixed_matrix_overrules_the_pictures_colour() -> None:
    """The same bytes out, whatever the picture declares."""
    nv12 = np.random.default_rng(1).integers(0, 256, (1, 12, 8), np.uint8)
    config = AippConfig(matrix=(298, 516, 0, 298, -100, -208, 298, 0, 409))
    results = {
        Aipp(config, Size(8, 8), 1, np.uint8).run(nv12, colour).tobytes() for colour in COLOURS
    }
    following = {
        Aipp(AippConfig(), Size(8, 8), 1, np.uint8).run(nv12, colour).tobytes()
        for colour in COLOURS
    }
    assert len(results) == 1
    assert len(following) == len(COLOURS)
