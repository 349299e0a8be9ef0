"""What the probes of AIPP share: lines that are read, and pixels that are run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from conformance_row import Rows
from numpy.typing import NDArray
from probing import code

from fleet.ascend.aipp_op import AippOp
from fleet.ascend.aipp_text import read_aipp
from fleet.ascend.aipp_unit import StaticAipp
from fleet.core.geometry import Size
from fleet.device import Device

BAD = "E10052"
SIZE = Size(8, 4)
NV12 = "aipp_mode : static input_format : YUV420SP_U8"
WHOLE = f"{NV12} src_image_size_w : 64 src_image_size_h : 64"


def read_op(lines: str) -> AippOp:
    """The block of some lines."""
    return read_aipp(f"aipp_op {{ {lines} }}")[0]


def tried_all(*lines: str) -> tuple[int | str, ...]:
    """The number with which each text of lines is refused; 0 where it is read."""
    return tuple(code(lambda text=text: read_op(text)) for text in lines)  # type: ignore[misc]


def run_rgb(device: Device, data: list[int], dtype: str = "float16", **fields: Any) -> list[float]:
    """Feed one RGB pixel, repeated, and return the channels of the first pixel."""
    op = AippOp(**{"aipp_mode": "static", "input_format": "RGB888_U8", **fields})
    channels = 4 if op.input_format == "XRGB8888_U8" else 3
    unit = device.open_aipp(op, SIZE, channels, dtype)
    assert isinstance(unit, StaticAipp)
    pixels = np.array(data * SIZE.pixels, np.uint8)[None]
    return [float(value) for value in unit.run(pixels)[0, :, 0, 0]]


def run_nv12(device: Device, yuv: tuple[int, int, int], **fields: Any) -> list[int]:
    """Feed one colour as NV12, and return the channels as bytes."""
    op = AippOp(**{"aipp_mode": "static", "input_format": "YUV420SP_U8", **fields})
    unit = device.open_aipp(op, SIZE, 3, np.uint8)
    assert isinstance(unit, StaticAipp)
    frame: NDArray[np.uint8] = np.empty((1, SIZE.pixels * 3 // 2), np.uint8)
    frame[0, : SIZE.pixels] = yuv[0]
    frame[0, SIZE.pixels :: 2], frame[0, SIZE.pixels + 1 :: 2] = yuv[1:]
    return [int(value) for value in unit.run(frame)[0, :, 0, 0]]


def row_of_lines(
    rows: Rows, name: str, rule: str, asked: str, lines: Mapping[str, int | str]
) -> None:
    """Add a row that reads lines: each is taken (0) or E10052."""

    def probe(device: Device) -> object:
        del device
        return dict(zip(lines, tried_all(*lines), strict=True))

    probe.__name__, probe.__doc__ = name, asked
    rows.row("D", rule, expect=lines)(probe)
