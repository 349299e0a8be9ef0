"""The whole AIPP unit: every input format, static and dynamic, in whole numbers.

`Aipp` is the quick form of it for NV12; both follow docs/chip.md#aipp-order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fleet.ascend.aipp_config import refuse_aipp
from fleet.ascend.aipp_op import DECLARED_CHANNELS, TO_BGR, TO_YUV, AippOp
from fleet.ascend.codes import Code, raise_device_error
from fleet.ascend.soc import Soc
from fleet.core.geometry import Rect, Size
from fleet.errors import ModelRefusedError

Channels = np.ndarray[Any, np.dtype[np.int64]]


class StaticAipp:
    """One static block for one input of a network: `channels`, model size and type.

    Raises ModelRefusedError (E10052) where what comes out is not of the model's size, or padding
    is wider than the chip allows.
    """

    def __init__(self, soc: Soc, op: AippOp, model: Size, channels: int, dtype: DTypeLike) -> None:
        if op.aipp_mode != "static":
            refuse_aipp("aipp_mode is dynamic.", "A dynamic block is set with each inference.")
        self.op = op
        self.source = op.source or model
        self._model, self._channels, self._dtype = model, channels, np.dtype(dtype)
        fault = _fault(soc, op, self.source, model)
        if fault:
            refuse_aipp(fault, "Set src_image_size, crop and padding to reach the model's size.")
        if self._dtype == np.uint8 and not 0 <= op.padding_value <= 255:
            refuse_aipp(f"padding_value is {op.padding_value}.", "A uint8 input takes 0..255.")

    def info(self) -> AippOp:
        """Return the block, as aclmdlGetFirstAippInfo does for a static one."""
        return self.op

    def declared(self, count: int) -> tuple[int, int, int, int]:
        """Return how the input is declared that `count` pictures are fed to: NHWC, of uint8.

        NV12 counts as one channel (docs/chip.md#aipp-declared).
        """
        channels = DECLARED_CHANNELS[self.op.input_format or ""]
        return count, self.source.height, self.source.width, channels

    def run(self, pictures: NDArray[np.uint8]) -> NDArray[np.generic]:
        """Convert pictures u8 [N, bytes], tight, to the model's input [N, channels, H, W].

        Raises DeviceError (145012) for another number of bytes.
        """
        _check_bytes(pictures, self.op.picture_bytes(self.source))
        args = (self.source, self._model, self._channels, self._dtype)
        return np.stack([converted(self.op, picture, *args) for picture in pictures])


class DynamicAipp:
    """A dynamic block: what it does is said with each inference, picture by picture."""

    def __init__(self, soc: Soc, op: AippOp, model: Size, channels: int, dtype: DTypeLike) -> None:
        if op.aipp_mode != "dynamic":
            refuse_aipp("aipp_mode is static.", "A static block cannot be set.")
        self._soc = soc
        self._most_bytes = op.max_src_image_size
        self._model, self._channels, self._dtype = model, channels, np.dtype(dtype)

    def info(self) -> NoReturn:
        """Raise DeviceError (145016): the call is for static blocks (docs/chip.md#aipp-info)."""
        code, rule = Code.ACL_ERROR_GE_AIPP_MODE_INVALID, "docs/chip.md#aipp-info"
        message = "AIPP: a dynamic block is set with each inference, and has no configuration."
        raise_device_error(code, message, "Keep the settings that it is run with.", rule)

    def setting(self, **fields: Any) -> AippOp:
        """Return a setting from fields of `AippOp`, as the calls aclmdlSetAIPP... make one.

        Raises DeviceError (100000) where a rule is broken, as for an odd crop of YUV420SP_U8.
        """
        try:
            return AippOp("static", **fields)
        except ModelRefusedError as error:
            _refuse(str(error).partition("AIPP configuration: ")[2])

    def run(self, pictures: NDArray[np.uint8], settings: Sequence[AippOp]) -> NDArray[np.generic]:
        """Convert pictures u8 [N, bytes] by one setting each to the input [N, channels, H, W].

        Raises DeviceError (100000, docs/chip.md#aipp-dynamic): as many settings as pictures, with
        a source size, crops inside it, results of the model's size, padding within 1080 columns, no
        more bytes than max_src_image_size.
        """
        if len(settings) != len(pictures):
            _refuse(f"{len(settings)} settings for {len(pictures)} pictures.")
        if pictures.size > self._most_bytes:
            _refuse(f"{pictures.size} bytes, and max_src_image_size is {self._most_bytes}.")
        results = []
        for picture, op in zip(pictures, settings, strict=True):
            if op.source is None:
                _refuse("src_image_size is not set.")
            if fault := _fault(self._soc, op, op.source, self._model):
                _refuse(fault)
            _check_bytes(picture[None], op.picture_bytes(op.source))
            args = (op.source, self._model, self._channels, self._dtype)
            results.append(converted(op, picture, *args))
        return np.stack(results)


def converted(
    op: AippOp,
    picture: NDArray[np.uint8],
    source: Size,
    model: Size,
    channels: int,
    dtype: np.dtype[Any],
) -> NDArray[np.generic]:
    """Return one picture, u8 [bytes], as the model's input [channels, H, W]."""
    part = op.part(source, model)
    cropped = _planes(op, picture, source)[:, part.top : part.bottom, part.left : part.right]
    colours = _csc(op, cropped)[:channels]
    out = np.full((channels, model.height, model.width), op.padding_value, dtype)
    inside = out[:, op.top_padding_size :, op.left_padding_size :]
    inside = inside[:, : part.height, : part.width]
    inside[...] = colours if dtype == np.uint8 else _normalised(op, colours)
    return out


def _planes(op: AippOp, picture: NDArray[np.uint8], source: Size) -> Channels:
    """Return the channels of a picture, int64 [C, H, W], after the swaps."""
    height, width = source.height, source.width
    if op.input_format == "YUV400_U8":
        return picture.reshape(1, height, width).astype(np.int64)
    if op.input_format == "YUV420SP_U8":
        luma = picture[: height * width].reshape(height, width)
        pairs = picture[height * width :].reshape(height // 2, width // 2, 2)
        chroma = pairs.repeat(2, axis=0).repeat(2, axis=1)
        order = (1, 0) if op.rbuv_swap_switch else (0, 1)
        return np.stack([luma, chroma[..., order[0]], chroma[..., order[1]]]).astype(np.int64)
    count = 4 if op.input_format == "XRGB8888_U8" else 3
    channels = picture.reshape(height, width, count).transpose(2, 0, 1).astype(np.int64)
    if op.rbuv_swap_switch:
        channels = channels[[2, 1, 0] if count == 3 else [0, 3, 2, 1]]
    return channels[[1, 2, 3, 0]] if op.ax_swap_switch else channels


def _csc(op: AippOp, channels: Channels) -> Channels:
    """Return the channels after the matrix, 0..255; X is left alone."""
    if not op.csc_switch:
        return channels
    from_yuv = op.input_format == "YUV420SP_U8"
    matrix = np.reshape(op.matrix or (TO_BGR if from_yuv else TO_YUV), (3, 3))
    first = 1 if len(channels) == 4 and not op.ax_swap_switch else 0
    colours = channels[first : first + 3]
    bias = np.reshape(op.input_bias if from_yuv else (0, 0, 0), (3, 1, 1))
    sums = np.tensordot(matrix, colours - bias, axes=1) >> 8
    if not from_yuv:
        sums += np.reshape(op.output_bias, (3, 1, 1))
    made = channels.copy()
    made[first : first + 3] = sums.clip(0, 255)
    return made


def _normalised(op: AippOp, colours: Channels) -> NDArray[np.float32]:
    count = len(colours)
    mean, least, scale = (
        np.array(values[:count], np.float32).reshape(count, 1, 1)
        for values in (op.mean_chn, op.min_chn, op.var_reci_chn)
    )
    result: NDArray[np.float32] = (colours.astype(np.float32) - mean - least) * scale
    return result


def _fault(soc: Soc, op: AippOp, source: Size, model: Size) -> str:
    """Return what is wrong with a block for a model, as a sentence; empty where nothing is."""
    part = op.part(source, model)
    if op.input_format == "YUV420SP_U8" and (source.width % 2 or source.height % 2):
        return f"pictures of {source} cannot be YUV420SP_U8."
    if not part.inside(source):
        return f"the crop {part} leaves the picture of {source}."
    return _size_fault(soc, op, part, model)


def _size_fault(soc: Soc, op: AippOp, part: Rect, model: Size) -> str:
    result = op.padded(part.size)
    if op.padding and result.width > soc.aipp.most_padded_width:
        return f"{result.width} columns with padding, of {soc.aipp.most_padded_width} at most."
    if result != model:
        return f"a picture of {result} comes out and the model takes {model}."
    return ""


def _check_bytes(pictures: NDArray[np.uint8], expected: int) -> None:
    if pictures.dtype != np.uint8 or pictures.ndim != 2 or pictures.shape[1] != expected:
        message = f"AIPP takes {expected} bytes a picture, not {list(pictures.shape)}."
        code = Code.ACL_ERROR_GE_DYNAMIC_INPUT_LENGTH_INVALID
        raise_device_error(code, message, "Feed tight pictures.", "docs/chip.md#aipp-tight")


def _refuse(what: str) -> NoReturn:
    way_out = "Set the picture's size, crop and padding to reach the model's size."
    code, rule = Code.ACL_ERROR_INVALID_PARAM, "docs/chip.md#aipp-dynamic"
    raise_device_error(code, f"Dynamic AIPP: {what}", way_out, rule)
