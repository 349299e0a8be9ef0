"""The configuration of AIPP, the unit between VPC and the network, by the rules of the chip.

Names are those of ATC's configuration file (docs/chip.md#aipp). Fleet feeds NV12, so
`input_format` is always YUV420SP_U8 and the mode static.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from fleet.core.frames import ChannelOrder, Colour, Matrix, Range
from fleet.core.geometry import Rect, Size
from fleet.errors import ModelRefusedError

MATRICES: Mapping[tuple[Matrix, Range], tuple[int, ...]] = {
    (Matrix.BT601, Range.WIDE): (256, 0, 359, 256, -88, -183, 256, 454, 0),
    (Matrix.BT601, Range.NARROW): (298, 0, 409, 298, -100, -208, 298, 516, 0),
    (Matrix.BT709, Range.WIDE): (256, 0, 403, 256, -48, -120, 256, 475, 0),
    (Matrix.BT709, Range.NARROW): (298, 0, 459, 298, -55, -136, 298, 541, 0),
}
"""YUV to RGB, rows R, G, B, times 256 (docs/chip.md#aipp-matrices)."""

RANGES: Mapping[str, tuple[float, float]] = {
    "src_image_size_w": (2, 4096),
    "src_image_size_h": (1, 4096),
    "load_start_pos_w": (0, 4095),
    "load_start_pos_h": (0, 4095),
    "crop_size_w": (0, 4096),
    "crop_size_h": (0, 4096),
    "left_padding_size": (0, 32),
    "right_padding_size": (0, 32),
    "top_padding_size": (0, 32),
    "bottom_padding_size": (0, 32),
    "padding_value": (-65504, 65504),
    "matrix": (-32677, 32676),
    "input_bias": (0, 255),
    "mean_chn": (0, 255),
    "min_chn": (0, 255),
    "var_reci_chn": (-65504, 65504),
}
MUST_BE_EVEN = ("src_image_size_w", "src_image_size_h", "load_start_pos_w", "load_start_pos_h")
ZERO_IS_UNSET = {"src_image_size_w", "src_image_size_h", "resize_output_w", "resize_output_h"}
"""Sides of which 0 stands for none."""
WIDEST_PADDED = 1080
"""Of every chip that is known; see `AippLimits`."""
SWAPPED = (
    "rbuv_swap_switch exchanges U and V, and Fleet feeds NV12, so red and blue come out exchanged "
    "with each other's gains; set it to false (it is for NV21)."
)


def refuse_aipp(message: str, way_out: str) -> NoReturn:
    """Raise ModelRefusedError with ATC's number for a bad AIPP configuration, E10052."""
    raise ModelRefusedError(f"E10052: AIPP configuration: {message}", way_out)


def check_ranges(block: object, ranges: Mapping[str, tuple[float, float]]) -> None:
    """Raise ModelRefusedError (E10052) where a field of a block lies outside of its range."""
    for name, (least, most) in ranges.items():
        held = getattr(block, name)
        for value in held if isinstance(held, tuple) else (held,):
            unset = value is None or (name in ZERO_IS_UNSET and value == 0)
            if not unset and not least <= value <= most:
                refuse_aipp(f"{name} is {value}.", f"Its values are {least} to {most}.")


def check_even(block: object) -> None:
    """Raise ModelRefusedError (E10052) where a side or a corner of 4:2:0 is odd."""
    for name in MUST_BE_EVEN:
        if getattr(block, name) % 2:
            refuse_aipp(f"{name} is {getattr(block, name)}.", "For YUV420SP_U8 it must be even.")


def round_to_halves(block: object, *names: str) -> None:
    """Round fields of a block that is being made to float16, as the chip holds them."""
    for name in names:
        held = getattr(block, name)
        rounded = tuple(map(_half, held)) if isinstance(held, tuple) else _half(held)
        object.__setattr__(block, name, rounded)


def matrix_for(colour: Colour, order: ChannelOrder) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the matrix int64 [3, 3] (times 256) and bias int64 [3] for pictures of a colour.

    Rows come in the model's channel `order`, columns are Y, U, V (docs/chip.md#aipp-matrices).
    """
    rows = np.array(MATRICES[colour.matrix, colour.range], np.int64).reshape(3, 3)
    black = 16 if colour.range is Range.NARROW else 0
    return rows[::-1] if order is ChannelOrder.BGR else rows, np.array([black, 128, 128], np.int64)


@dataclass(frozen=True)
class Layout:
    """The part of a picture that AIPP uses, and its position on the model's input."""

    source: Size
    """The size of the NV12 picture that AIPP reads."""
    crop: Rect
    """The part of the picture that it uses."""
    left: int
    """The column of the model's input where the part begins, after the padding."""
    top: int
    """The row of the model's input where the part begins, after the padding."""


@dataclass(frozen=True)
class AippConfig:
    """One static aipp_op over NV12; raises ModelRefusedError (E10052) where rules forbid it.

    `min_chn`, `var_reci_chn` and `padding_value` are rounded to float16, as the chip holds them.
    """

    src_image_size_w: int = 0
    """The width of the picture that it reads; 0 for that of the model's input."""
    src_image_size_h: int = 0
    """The height of the picture that it reads; 0 for that of the model's input."""
    crop: bool = False
    """Whether it uses a part of the picture only."""
    load_start_pos_w: int = 0
    """The left edge of the part, in pixels of the picture."""
    load_start_pos_h: int = 0
    """The top edge of the part, in pixels of the picture."""
    crop_size_w: int = 0
    """The width of the part; 0 for that of the model's input."""
    crop_size_h: int = 0
    """The height of the part; 0 for that of the model's input."""
    padding: bool = False
    """Whether it adds a border of the four sizes below."""
    left_padding_size: int = 0
    right_padding_size: int = 0
    top_padding_size: int = 0
    bottom_padding_size: int = 0
    padding_value: float = 0.0
    """The value of the border, on the model's input."""
    csc_switch: bool = True
    """Whether it converts YUV to RGB."""
    rbuv_swap_switch: bool = False
    """Whether it exchanges U and V before the conversion."""
    order: ChannelOrder = ChannelOrder.BGR
    """The channel order of the model, for a matrix that follows the picture's colour."""
    matrix: tuple[int, ...] | None = None
    """The nine values r0c0 ... r2c2 of the conversion, times 256; None: those of each picture's
    colour, with its bias."""
    input_bias: tuple[int, int, int] = (16, 128, 128)
    """Subtracted from Y, U and V before a fixed matrix."""
    mean_chn: tuple[int, int, int] = (0, 0, 0)
    """Subtracted from each channel after the conversion."""
    min_chn: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Subtracted from each channel after the mean."""
    var_reci_chn: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """Factor of each channel, after both subtractions."""

    def __post_init__(self) -> None:
        if self.matrix is not None and len(self.matrix) != 9:
            raise ValueError(f"a matrix has nine values: {self.matrix}")
        check_ranges(self, RANGES)
        check_even(self)
        if bool(self.src_image_size_w) != bool(self.src_image_size_h):
            refuse_aipp("src_image_size has one side only.", "Give src_image_size_w and _h.")
        if (self.crop or self.padding) and not self.src_image_size_w:
            refuse_aipp("crop or padding without src_image_size.", "Give src_image_size_w and _h.")
        round_to_halves(self, "min_chn", "var_reci_chn", "padding_value")

    @property
    def warnings(self) -> tuple[str, ...]:
        """Settings that the chip accepts, but that the user hardly means, as sentences."""
        if not self.rbuv_swap_switch:
            return ()
        return (SWAPPED,)

    def layout(self, model: Size, most_padded_width: int = WIDEST_PADDED) -> Layout:
        """Return where crop and padding put the picture on the model's input.

        `most_padded_width`: that of the chip (docs/chip.md#aipp-padded-width). Raises
        ModelRefusedError (E10052) where the result is not of the model's size.
        """
        source = Size(self.src_image_size_w or model.width, self.src_image_size_h or model.height)
        if source.width % 2 or source.height % 2:
            refuse_aipp(f"NV12 pictures of {source} cannot be.", "Both sides must be even.")
        part = self._crop_of(source, model)
        if not part.inside(source):
            refuse_aipp(f"the crop {part} leaves the picture of {source}.", "Crop inside it.")
        if not self.padding:
            return self._fitting(model, Layout(source, part, 0, 0), part.size)
        padded = Size(
            part.width + self.left_padding_size + self.right_padding_size,
            part.height + self.top_padding_size + self.bottom_padding_size,
        )
        if padded.width > most_padded_width:
            way_out = f"At most {most_padded_width} is padded."
            refuse_aipp(f"the padded picture is {padded.width} wide.", way_out)
        place = Layout(source, part, self.left_padding_size, self.top_padding_size)
        return self._fitting(model, place, padded)

    def _crop_of(self, source: Size, model: Size) -> Rect:
        if not self.crop:
            return Rect(0, 0, source.width, source.height)
        if self.padding and not (self.crop_size_w and self.crop_size_h):
            refuse_aipp("crop_size is 0 with padding on.", "Give crop_size_w and crop_size_h.")
        width, height = self.crop_size_w or model.width, self.crop_size_h or model.height
        return Rect(self.load_start_pos_w, self.load_start_pos_h, width, height)

    def _fitting(self, model: Size, layout: Layout, result: Size) -> Layout:
        if result != model:
            refuse_aipp(
                f"a picture of {result} comes out and the model takes {model}.",
                "AIPP does not scale: set src_image_size, crop and padding to reach that size.",
            )
        return layout


def _half(value: float) -> float:
    return float(np.float16(value))
