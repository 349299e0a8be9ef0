"""Raw buffers read in a layout: the samples where the layout says, in the colours of the standard."""

from __future__ import annotations

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fleet.core.frames import Colour, Matrix, Range
from fleet.core.geometry import Size
from fleet.errors import UsageError
from fleet.show.raw_picture import BufferLayout, RawFormat, picture_bytes, rgb

sides = st.builds(Size, st.integers(1, 40), st.integers(1, 40))
colours = st.builds(Colour, st.sampled_from(Matrix), st.sampled_from(Range))


@st.composite
def layouts(draw: st.DrawFn) -> BufferLayout:
    """A picture somewhere in larger strides."""
    size = draw(sides)
    right, below = draw(st.integers(0, 20)), draw(st.integers(0, 20))
    strides = Size(size.width + right, size.height + below)
    return BufferLayout(size, strides, draw(st.sampled_from(RawFormat)))


def written(layout: BufferLayout, y: int, u: int, v: int, padding: int) -> bytes:
    """A picture of one colour in another's padding, sample by sample."""
    strides, size = layout.stride, layout.size
    half = Size((strides.width + 1) // 2, (strides.height + 1) // 2)

    def sample(row: int, column: int, value: int, limit: Size) -> int:
        return value if row < limit.height and column < limit.width else padding

    chroma = Size((size.width + 1) // 2, (size.height + 1) // 2)
    out = bytearray(
        sample(row, column, y, size)
        for row in range(strides.height)
        for column in range(strides.width)
    )
    if layout.pixel_format is RawFormat.YUV420P:
        for value in (u, v):
            out += bytes(
                sample(row, column, value, chroma)
                for row in range(half.height)
                for column in range(half.width)
            )
        return bytes(out)
    pair = (u, v) if layout.pixel_format is RawFormat.NV12 else (v, u)
    for row in range(half.height):
        for column in range(half.width):
            out += bytes(sample(row, column, value, chroma) for value in pair)
    return bytes(out)


@given(layouts(), st.tuples(*[st.integers(0, 255)] * 4), colours)
def test_a_picture_is_found_in_its_padding(
    layout: BufferLayout, samples: tuple[int, int, int, int], colour: Colour
) -> None:
    """All of its pixels have its colour, whatever lies around it; with the padding, not all do."""
    data = written(layout, *samples)
    assert len(data) == layout.size_bytes
    shown = rgb(data, layout, colour)
    assert shown.shape == (layout.size.height, layout.size.width, 3)
    assert (shown == shown[0, 0]).all()
    whole = rgb(data, layout.whole(), colour)
    assert whole.shape == (layout.stride.height, layout.stride.width, 3)
    assert (whole[: layout.size.height, : layout.size.width] == shown).all()


@given(st.integers(1, 8), st.integers(1, 8), colours, st.tuples(*[st.integers(0, 255)] * 3))
def test_colours_are_those_of_libav(
    half_width: int, half_height: int, colour: Colour, samples: tuple[int, int, int]
) -> None:
    """To three levels, for any samples: libav rounds its coefficients."""
    size = Size(2 * half_width, 2 * half_height)
    y = np.full((size.height, size.width), samples[0], np.uint8)
    uv = np.tile(np.array(samples[1:], np.uint8), (size.height // 2, size.width // 2))
    data = y.tobytes() + uv.tobytes()
    ours = rgb(data, BufferLayout(size, size), colour).astype(int)
    assert abs(ours - by_libav(np.concatenate([y, uv]), colour)).max() <= 3


def by_libav(nv12: NDArray[np.uint8], colour: Colour) -> NDArray[np.int_]:
    """NV12 as RGB, by libswscale at its most exact."""
    frame = av.VideoFrame.from_ndarray(nv12, "nv12").reformat(
        format="rgb24",
        src_colorspace={"bt601": "ITU601", "bt709": "ITU709"}[colour.matrix],
        src_color_range="JPEG" if colour.range is Range.WIDE else "MPEG",
        dst_color_range="JPEG",
        interpolation="ACCURATE_RND",
    )
    return frame.to_ndarray().astype(int)


def test_a_wrong_height_shows_strips() -> None:
    """1024x683 in 688 rows: at the top yellow as yuv420p, green as nv12; at the bottom with 688."""
    layout = BufferLayout(Size(1024, 683), Size(1024, 688))
    data = written(layout, 150, 120, 135, 0)
    assert len(data) == 1_056_768
    wide = Colour(range=Range.WIDE)

    def colour_at(size: Size, pixel_format: RawFormat, row: int) -> str:
        red, green, blue = rgb(data, BufferLayout(size, size, pixel_format), wide)[row, 500]
        if green > 100 and blue < 80:
            return "yellow" if red > 100 else "green"
        return "picture"

    short, long = Size(1024, 683), Size(1024, 688)
    assert colour_at(short, RawFormat.YUV420P, 2) == "yellow"
    assert colour_at(short, RawFormat.NV12, 2) == "green"
    assert [colour_at(long, RawFormat.NV12, row) for row in (2, 400, 686)] == [
        "picture",
        "picture",
        "green",
    ]
    right = rgb(data, layout, wide)
    assert (right == right[0, 0]).all()


def test_a_buffer_that_is_too_short_is_refused_with_what_it_holds() -> None:
    """And bytes that are left over are said, as they mean another size."""
    layout = BufferLayout(Size(4, 4), Size(4, 4))
    with pytest.raises(UsageError, match="has 47 bytes; as nv12 of 4x4 a picture takes 24"):
        picture_bytes(bytes(47), layout, 1, "a.yuv")
    data, said = picture_bytes(bytes(47), layout, 0, "a.yuv")
    assert (len(data), said) == (24, "23 of 47 bytes are left over: the size may be another")
    assert picture_bytes(bytes(48), layout, 1, "a.yuv")[1] == ""
