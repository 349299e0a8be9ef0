"""PNGD: decode PNG files to RGB or RGBA. FFmpeg's decoder decodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NoReturn

from fleet.ascend.clock import Clock, copy_s, pngd_s
from fleet.ascend.codes import Code, raise_device_error
from fleet.ascend.memory import Memory
from fleet.ascend.soc import Soc
from fleet.ascend.stills.decoding import one_picture
from fleet.ascend.surface import in_memory
from fleet.core.frames import Colour, Matrix, Picture, Range
from fleet.core.geometry import Size, align_up
from fleet.core.pixel_format import PixelFormat

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_WITH_ALPHA = frozenset({4, 6})
_RULE = "docs/chip.md#pngd"
_COLOUR = Colour(Matrix.BT601, Range.WIDE)


@dataclass(frozen=True)
class PngHeader:
    """The facts of IHDR."""

    size: Size
    bits: int
    """Bits a sample."""
    colour_type: int
    """0 gray, 2 RGB, 3 palette, 4 gray with alpha, 6 RGB with alpha."""
    is_interlaced: bool


class Pngd:
    """The PNG decoder of one device; it has no threads, and serves one."""

    def __init__(self, soc: Soc, memory: Memory, clock: Clock) -> None:
        self._soc = soc
        self._limits = soc.pngd
        self._memory = memory
        self._clock = clock

    def info(self, data: bytes) -> PngHeader:
        """Return what a file says of itself, as acldvppPngGetImageInfo does.

        Raises DeviceError: 100000 where it is no PNG or of another size, 100027 for a colour type,
        a depth or an interlacing that PNGD does not decode.
        """
        if data[:8] != _SIGNATURE or data[12:16] != b"IHDR" or len(data) < 33:
            self._refuse(Code.ACL_ERROR_INVALID_PARAM, "takes whole PNG files")
        width, height = int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
        if not (width and height) or Size(width, height) not in self._limits.input:
            what = f"decodes pictures of {self._limits.input}, not {width}x{height}"
            self._refuse(Code.ACL_ERROR_INVALID_PARAM, what)
        header = PngHeader(Size(width, height), data[24], data[25], bool(data[28]))
        mismatch = Code.ACL_ERROR_FORMAT_NOT_MATCH
        if header.colour_type not in self._limits.colour_types:
            known = ", ".join(map(str, sorted(self._limits.colour_types)))
            what = f"decodes the colour types {known}, not {header.colour_type}"
            self._refuse(mismatch, what)
        if header.bits != 8 or header.is_interlaced:
            self._refuse(mismatch, "decodes 8 bits a sample, not interlaced")
        return header

    def decode(
        self, data: bytes, pixel_format: PixelFormat = PixelFormat.UNKNOWN, row: int = 0
    ) -> Picture:
        """Decode a file into RGB_888 or RGBA_8888; UNKNOWN takes RGBA where there is alpha.

        Raises DeviceError: as `info` does, 100027 for another format, that of a failed task for
        damaged data, and 207001 without memory.
        """
        header = self.info(data)
        if pixel_format not in self._limits.output_formats:
            names = ", ".join(known.name for known in sorted(self._limits.output_formats))
            what = f"decodes to {names}, not {pixel_format.name}"
            self._refuse(Code.ACL_ERROR_FORMAT_NOT_MATCH, what)
        if pixel_format is PixelFormat.UNKNOWN:
            with_alpha = header.colour_type in _WITH_ALPHA
            pixel_format = PixelFormat.RGBA_8888 if with_alpha else PixelFormat.RGB_888
        held = self._memory.allocate(len(data), "pngd input")
        try:
            with self._clock.stage("pngd"):
                seconds = pngd_s(self._soc, header.size, self._clock.channels("pngd"))
                self._clock.add_modelled("pngd", seconds)
                self._clock.add_modelled("copy", copy_s(self._soc, len(data)))
                frame = one_picture("PNGD", "png", "crccheck+explode", data, _RULE)
                surface = frame.reformat(format=pixel_format.layout.surfaces[0], threads=1)
        finally:
            held.free()
        args = (self._soc, self._memory, surface, _COLOUR, row, "pngd picture", pixel_format)
        return in_memory(*args, self._strides(header.size, pixel_format))

    def _strides(self, size: Size, pixel_format: PixelFormat) -> tuple[int, int]:
        row_bytes = size.width * pixel_format.layout.pixel_bytes
        limits = self._limits
        return align_up(row_bytes, limits.width_step), align_up(size.height, limits.height_step)

    def _refuse(self, code: Code, what: str) -> NoReturn:
        way_out = "Decode it on the host, or write it anew."
        raise_device_error(code, f"PNGD of {self._soc.name} {what}.", way_out, _RULE)
