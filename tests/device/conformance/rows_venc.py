"""Section 4, VENC."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from conformance_row import SECOND, TRAINING
from probing import HD, code, painted
from rows_stills import STILLS

from fleet.ascend.calls.venc_session import Encoded, EncodeDescription
from fleet.ascend.vdec_settings import EnType
from fleet.ascend.venc import EncodeSettings
from fleet.core.geometry import Size
from fleet.core.pixel_format import PixelFormat as P
from fleet.device import Device

__all__ = ["STILLS"]

_NONE = {TRAINING: "the 910 has no video encoder"}
_RULE = "docs/chip.md#venc"
_SIZE = Size(128, 128)
_LARGER = {**_NONE, SECOND: "N: the sizes of the 310P are not public"}


def _told(device: Device, **told: Any) -> int | str:
    """The number of a channel with such settings."""
    settings = EncodeSettings(**{"en_type": 3, "size": _SIZE, "key_interval": 8, **told})
    return code(lambda: device.open_venc(settings).close())


@STILLS.row("D", _RULE, expect=(0, 0, 100000, 100000, 0, 100000), left_out=_LARGER)
def venc_input(device: Device) -> object:
    """NV12 and NV21 of 128x128 to 1920x1920."""
    sizes = [(128, 128), (1920, 1920), (126, 128), (128, 1922)]
    formats = (P.NV21, P.RGB_888)
    return (
        *(_told(device, size=Size(*size)) for size in sizes),
        *(_told(device, input_format=pixel_format) for pixel_format in formats),
    )


@STILLS.row("D", _RULE, expect=(b"\0\0", b"\0\0", b"\0\0", b"\0\0", 100000), left_out=_NONE)
def venc_codecs(device: Device) -> object:
    """H.264 Baseline, Main and High, H.265 Main."""
    begins = []
    for en_type in EnType:
        channel = device.open_venc(EncodeSettings(en_type, _SIZE, 8))
        units = [*channel.send(painted(device, _SIZE)), *channel.drain()]
        begins.append(units[0][1][:2])
    return *begins, _told(device, en_type=4)


@STILLS.row(
    "D",
    "docs/chip.md#clock-venc",
    expect=pytest.approx(30),
    left_out={**_NONE, SECOND: "N: no figure for the 310P"},
)
def venc_rate(device: Device) -> object:
    """30 pictures a second at 1080p on the whole 310."""
    assert device.soc.venc is not None
    return 1 / device.soc.venc.rate.seconds(HD.pixels)


@STILLS.row("D", _RULE, expect=(100000, 0, 0, 100000), left_out=_NONE)
def venc_key_interval(device: Device) -> object:
    """1 to 65536 frames."""
    return tuple(_told(device, key_interval=n) for n in (0, 1, 65536, 65537))


def _stream(device: Device, **told: Any) -> list[tuple[int, bytes]]:
    settings = EncodeSettings(**{"en_type": 3, "size": _SIZE, "key_interval": 8, **told})
    channel = device.open_venc(settings)
    units = []
    for _ in range(6):
        units += channel.send(painted(device, _SIZE))
    units += channel.drain()
    channel.close()
    return units


@STILLS.row("D", _RULE, expect=(2, 100000), by_chip={SECOND: (1, 100000)}, left_out=_NONE)
def venc_rate_control(device: Device) -> object:
    """0 is CBR on the 310, VBR on the 310P."""
    usual = _stream(device, rate_control=0)
    same = [kind for kind in (1, 2) if _stream(device, rate_control=kind) == usual]
    return same[0], _told(device, rate_control=3)


@STILLS.row(
    "D", _RULE, expect=(0, 0, 100000, 100000), by_chip={SECOND: (0, 0, 0, 100000)}, left_out=_NONE
)
def venc_source_rate(device: Device) -> object:
    """0 or 1 to 120, on the 310P to 240."""
    return tuple(_told(device, source_rate=n) for n in (0, 120, 240, 241))


@STILLS.row(
    "D",
    _RULE,
    expect=(300, 0, 100000, 0, 100000),
    by_chip={SECOND: (2000, 0, 0, 0, 0)},
    left_out=_NONE,
)
def venc_bit_rate(device: Device) -> object:
    """0 or 10 to 30000 kbit/s, on the 310P 2 to 614400."""
    assert device.soc.venc is not None
    asked = (0, 2, 10, 30001)
    return (
        device.soc.venc.default_bit_rate_kbit_s,
        *(_told(device, max_bit_rate=n) for n in asked),
    )


@STILLS.row(
    "D", _RULE, expect=(0, 0, 100000, True), by_chip={SECOND: (0, 0, 100000, True)}, left_out=_NONE
)
def venc_ip_ratio(device: Device) -> object:
    """1 to 100; 70 by default for CBR, 80 for VBR."""
    same = all(
        _stream(device, rate_control=kind) == _stream(device, rate_control=kind, ip_ratio=ratio)
        for kind, ratio in ((1, 80), (2, 70))
    )
    return *(_told(device, ip_ratio=n) for n in (1, 100, 101)), same


@STILLS.row("D", _RULE, expect=3_686_400 + 32, by_chip={SECOND: (8 << 20) + 32}, left_out=_NONE)
def venc_output_buffer(device: Device) -> object:
    """3,686,400 bytes; on the 310P 8 MB."""
    device.open_venc(EncodeSettings(3, _SIZE, 8))
    return device.memory.by_holder()["venc channel"]


@STILLS.row("D", _RULE, expect=(0, 0, 100000), left_out=_NONE)
def venc_picture_bytes(device: Device) -> object:
    """At least w x h x 1.5 and below twice that."""
    channel = device.open_venc(EncodeSettings(3, _SIZE, 8))
    strides = ((128, 128), (240, 128), (256, 128))
    pictures = [painted(device, _SIZE, P.NV12, each) for each in strides]
    return tuple(code(partial(channel.send, each)) for each in pictures)


@STILLS.row(
    "D",
    "docs/chip.md#venc-delivery",
    expect=(100000, [0, 1, 2, 3], True, {b"\0"}, 148051, 0, 100000),
    left_out=_NONE,
)
def venc_delivery(device: Device) -> object:
    """The coded data comes in a callback, in memory of the system's: what is not copied is gone."""
    settings = EncodeSettings(3, _SIZE, 8)
    copies: list[bytes] = []
    kept: list[memoryview] = []
    users: list[object] = []

    def take(encoded: Encoded) -> None:
        copies.append(bytes(encoded.data))
        kept.append(encoded.data)
        users.append(encoded.user)

    without = code(lambda: device.create_venc(EncodeDescription(None, settings)))
    description = EncodeDescription(take, settings)
    session = device.create_venc(description)
    for number in range(4):
        session.send(painted(device, _SIZE), user=number)
    session.end()
    early = code(description.destroy)
    session.destroy()
    whole = [unit[:2] == b"\0\0" for unit in copies]
    gone = {bytes(view[:1]) for view in kept}
    late = code(lambda: session.send(painted(device, _SIZE)))
    return without, users, all(whole), gone, early, code(description.destroy), late
