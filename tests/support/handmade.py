"""H.264 written by hand: pictures of raw samples (I_PCM), with the headers that x264 never makes.

Fields in packets of their own (PAFF), order counts of type 1, and the memory operation that ends
all before it. Each picture is of one grey, so that decoded frames can be told apart.
"""

from __future__ import annotations

from dataclasses import dataclass

START = b"\0\0\0\1"
COLUMNS, ROWS = 8, 8
"""Macroblocks: 128 x 128 pixels."""


class BitWriter:
    """Writes bits, most significant first."""

    def __init__(self) -> None:
        self._bits = ""

    def u(self, value: int, bits: int) -> BitWriter:
        """A number of so many bits."""
        self._bits += f"{value:0{bits}b}"
        return self

    def ue(self, *values: int) -> BitWriter:
        """Unsigned Exp-Golomb numbers."""
        for value in values:
            code = f"{value + 1:b}"
            self._bits += "0" * (len(code) - 1) + code
        return self

    def se(self, *values: int) -> BitWriter:
        """Signed Exp-Golomb numbers."""
        return self.ue(*(2 * value - 1 if value > 0 else -2 * value for value in values))

    def align(self) -> BitWriter:
        """Zeros up to the next byte."""
        self._bits += "0" * (-len(self._bits) % 8)
        return self

    def samples(self, data: bytes) -> BitWriter:
        """Whole bytes."""
        self._bits += "".join(f"{byte:08b}" for byte in data)
        return self

    def packed(self) -> bytes:
        """What was written, filled up with zeros."""
        self.align()
        return bytes(int(self._bits[at : at + 8], 2) for at in range(0, len(self._bits), 8))

    def nal(self, header: int) -> bytes:
        """A NAL unit with start code, trailing bit and emulation prevention."""
        return START + bytes([header]) + _escaped(self.u(1, 1).packed())


@dataclass(frozen=True)
class Shape:
    """What the parameter sets say. `cycle`: order counts of type 1, each reference picture's step."""

    poc_type: int = 0
    interlaced: bool = False
    cycle: tuple[int, ...] = ()


@dataclass(frozen=True)
class Coded:
    """A picture or a field. `order`: its order count's low bits (type 0), or its delta (type 1)."""

    grey: int
    frame_num: int
    order: int = 0
    idr: bool = False
    reference: bool = True
    field: str = ""
    forgets: bool = False


def parameter_sets(shape: Shape) -> bytes:
    """An SPS and a PPS."""
    sps = BitWriter().u(77, 8).u(0, 8).u(30, 8).ue(0, 0, shape.poc_type)
    if shape.poc_type == 0:
        sps.ue(2)
    elif shape.poc_type == 1:
        sps.u(0, 1).se(-1, 0).ue(len(shape.cycle)).se(*shape.cycle)
    sps.ue(4).u(0, 1).ue(COLUMNS - 1, ROWS // (2 if shape.interlaced else 1) - 1)
    sps.u(0, 2) if shape.interlaced else sps.u(1, 1)
    sps.u(1, 1).u(0, 2)
    pps = BitWriter().ue(0, 0).u(0, 2).ue(0, 0, 0).u(0, 3).se(0, 0, 0).u(0, 3)
    return sps.nal(0x67) + pps.nal(0x68)


def access_unit(shape: Shape, coded: Coded) -> bytes:
    """One picture, or one field, as an intra slice of raw samples."""
    slice_ = BitWriter().ue(0, 7, 0).u(coded.frame_num, 4)
    if shape.interlaced:
        slice_.u(bool(coded.field), 1)
        if coded.field:
            slice_.u(coded.field == "bottom", 1)
    if coded.idr:
        slice_.ue(0)
    if shape.poc_type == 0:
        slice_.u(coded.order, 6)
    elif shape.poc_type == 1:
        slice_.se(coded.order)
    if coded.idr:
        slice_.u(0, 2)
    elif coded.reference:
        slice_.u(coded.forgets, 1)
        if coded.forgets:
            slice_.ue(5, 0)
    slice_.se(0)
    for _ in range(COLUMNS * ROWS // (2 if coded.field else 1)):
        slice_.ue(25).align().samples(bytes([coded.grey]) * 256 + bytes([128]) * 128)
    return slice_.nal((0x60 if coded.reference else 0) | (5 if coded.idr else 1))


def stream(shape: Shape, pictures: list[Coded]) -> list[bytes]:
    """A packet a picture, or a field; the first with the parameter sets in front."""
    units = [access_unit(shape, coded) for coded in pictures]
    return [parameter_sets(shape) + units[0], *units[1:]]


def _escaped(data: bytes) -> bytes:
    out = bytearray()
    zeros = 0
    for byte in data:
        if zeros >= 2 and byte <= 3:
            out.append(3)
            zeros = 0
        zeros = zeros + 1 if byte == 0 else 0
        out.append(byte)
    return bytes(out)
