"""One aipp_op of an AIPP configuration: every documented field, its range, and what excludes what.

`AippConfig` is the part of it that Fleet bakes into a model; this is the whole of it, by the rules
of docs/chip.md#aipp-ranges. Names are those of the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fleet.ascend.aipp_config import (
    RANGES,
    check_even,
    check_ranges,
    refuse_aipp,
    round_to_halves,
)
from fleet.core.geometry import Rect, Size

INPUT_FORMATS: Mapping[str, int] = {
    "YUV420SP_U8": 1,
    "XRGB8888_U8": 2,
    "RGB888_U8": 3,
    "YUV400_U8": 4,
}
"""What a caller may feed, by the numbers of the enumeration (docs/chip.md#aipp-input)."""
PIXEL_BYTES: Mapping[str, float] = {
    "YUV420SP_U8": 1.5,
    "XRGB8888_U8": 4,
    "RGB888_U8": 3,
    "YUV400_U8": 1,
}
DECLARED_CHANNELS: Mapping[str, int] = {
    "YUV420SP_U8": 1,
    "XRGB8888_U8": 4,
    "RGB888_U8": 3,
    "YUV400_U8": 1,
}
"""Channels of a network's input as AIPP declares it to callers (docs/chip.md#aipp-declared)."""
TO_BGR = (298, 516, 0, 298, -100, -208, 298, 0, 409)
TO_YUV = (66, 129, 25, -38, -74, 112, 112, -94, -18)
"""The default matrices, for 4:2:0 and for RGB: BT.601 narrow (docs/chip.md#aipp-default-matrix)."""

_MORE_RANGES: Mapping[str, tuple[float, float]] = {
    "related_input_rank": (0, 2**31 - 1),
    "input_edge_idx": (0, 2**31 - 1),
    "max_src_image_size": (0, 2**32 - 1),
    "resize_output_w": (16, 1920),
    "resize_output_h": (16, 4096),
    "output_bias": (0, 255),
    "raw_rgbir_to_f16_n": (0, 31),
}


@dataclass(frozen=True)
class AippOp:
    """One block, static or dynamic; raises ModelRefusedError (E10052) where rules forbid it.

    Fields of a crop or padding that is off count as not given. Those held as float16 are rounded.
    """

    aipp_mode: str
    """static: baked into the model; dynamic: handed in with each inference."""
    related_input_rank: int | None = None
    """Which input of the model; None for the first, or where it is named."""
    related_input_name: str = ""
    """The same by its name, for Caffe."""
    input_edge_idx: tuple[int, ...] = ()
    """Which edges of that input; none for all."""
    max_src_image_size: int = 0
    """Dynamic: the bytes of the largest batch of pictures."""
    input_format: str = ""
    """What the caller feeds: a name of `INPUT_FORMATS`."""
    src_image_size_w: int = 0
    src_image_size_h: int = 0
    crop: bool = False
    load_start_pos_w: int = 0
    load_start_pos_h: int = 0
    crop_size_w: int = 0
    crop_size_h: int = 0
    resize: bool = False
    resize_output_w: int = 0
    resize_output_h: int = 0
    padding: bool = False
    left_padding_size: int = 0
    right_padding_size: int = 0
    top_padding_size: int = 0
    bottom_padding_size: int = 0
    padding_value: float = 0.0
    csc_switch: bool = False
    rbuv_swap_switch: bool = False
    ax_swap_switch: bool = False
    """Whether alpha or X goes from the first place to the last, for XRGB."""
    matrix: tuple[int, ...] | None = None
    """r0c0 to r2c2 times 256; None for the chip's default."""
    input_bias: tuple[int, int, int] = (16, 128, 128)
    output_bias: tuple[int, int, int] = (16, 128, 128)
    mean_chn: tuple[int, int, int, int] = (0, 0, 0, 0)
    min_chn: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    var_reci_chn: tuple[float, float, float, float] = (1.0, 1.0, 1.0, 1.0)
    support_rotation: bool = False
    """Reserved, as the next four are."""
    rotation_angle: int = 0
    cpadding_value: int = 0
    single_line_mode: bool = False
    raw_rgbir_to_f16_n: int = 8

    def __post_init__(self) -> None:
        self._forget_what_is_off()
        check_ranges(self, {**RANGES, **_MORE_RANGES})
        if self.matrix is not None and len(self.matrix) != 9:
            refuse_aipp(f"the matrix has {len(self.matrix)} values.", "It has nine.")
        self._check_mode()
        self._check_source()
        self._check_switches()
        round_to_halves(self, "min_chn", "var_reci_chn", "padding_value")

    @property
    def source(self) -> Size | None:
        """The size of the pictures that it reads; None for that of the model."""
        if not self.src_image_size_w:
            return None
        return Size(self.src_image_size_w, self.src_image_size_h)

    def picture_bytes(self, source: Size) -> int:
        """Return the bytes of one picture, tight (docs/chip.md#aipp-tight)."""
        return int(source.pixels * PIXEL_BYTES[self.input_format])

    def part(self, source: Size, model: Size) -> Rect:
        """Return the part of a picture that is used; it may reach outside of it."""
        if not self.crop:
            return Rect(0, 0, source.width, source.height)
        width, height = self.crop_size_w or model.width, self.crop_size_h or model.height
        return Rect(self.load_start_pos_w, self.load_start_pos_h, width, height)

    def padded(self, part: Size) -> Size:
        """Return the size of a part with its padding."""
        return Size(
            part.width + self.left_padding_size + self.right_padding_size,
            part.height + self.top_padding_size + self.bottom_padding_size,
        )

    def _forget_what_is_off(self) -> None:
        off: tuple[str, ...] = () if self.crop else ("load_start_pos_w", "load_start_pos_h")
        off += () if self.crop else ("crop_size_w", "crop_size_h")
        sides = ("left", "right", "top", "bottom")
        off += () if self.padding else tuple(f"{side}_padding_size" for side in sides)
        for name in off:
            object.__setattr__(self, name, 0)
        if not self.padding:
            object.__setattr__(self, "padding_value", 0.0)

    def _check_mode(self) -> None:
        if self.aipp_mode not in {"static", "dynamic"}:
            refuse_aipp(f"aipp_mode is {self.aipp_mode or 'missing'}.", "Write static or dynamic.")
        if self.aipp_mode == "dynamic":
            if not self.max_src_image_size:
                refuse_aipp("max_src_image_size is missing.", "A dynamic block needs its bytes.")
        elif self.input_format not in INPUT_FORMATS:
            known = ", ".join(INPUT_FORMATS)
            refuse_aipp(f"input_format is {self.input_format or 'missing'}.", f"Write {known}.")
        if self.related_input_name and self.related_input_rank is not None:
            refuse_aipp("related_input_name and related_input_rank are both set.", "Leave one out.")

    def _check_source(self) -> None:
        if bool(self.src_image_size_w) != bool(self.src_image_size_h):
            refuse_aipp("src_image_size has one side only.", "Give src_image_size_w and _h.")
        static = self.aipp_mode == "static"
        if static and (self.crop or self.padding) and not self.src_image_size_w:
            refuse_aipp("crop or padding without src_image_size.", "Give src_image_size_w and _h.")
        if self.input_format == "YUV420SP_U8":
            check_even(self)
        if self.crop and self.padding and not (self.crop_size_w and self.crop_size_h):
            refuse_aipp("crop_size is 0 with padding on.", "Give crop_size_w and crop_size_h.")
        if self.crop and self.source and self.crop_size_w and self.crop_size_h:
            part = self.part(self.source, self.source)
            if not part.inside(self.source):
                refuse_aipp(f"the crop {part} leaves {self.source}.", "Crop inside it.")

    def _check_switches(self) -> None:
        if self.resize:
            refuse_aipp("resize is true.", "AIPP does not scale; the VPC does, before it.")
        if self.ax_swap_switch and self.input_format not in {"XRGB8888_U8", ""}:
            refuse_aipp("ax_swap_switch is on.", "It is for pictures of four channels.")
        if self.csc_switch and self.input_format == "YUV400_U8":
            refuse_aipp("csc_switch is on for gray.", "Gray has no colours to convert.")
