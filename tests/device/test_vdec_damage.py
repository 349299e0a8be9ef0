"""VDEC: honest about damage, and strict about its life cycle."""

from __future__ import annotations

import pytest
from decodes import decode, libav_alone, pixels, same, send_until_error
from elementary import (
    annex_b,
    changed,
    encoded,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleet.device import Device
from fleet.errors import DeviceError


def test_data_without_a_start_code_is_refused(device: Device) -> None:
    """Nothing but Annex-B is decoded (docs/chip.md#vdec-input)."""
    clip = encoded("h264", "keyint=12", 3)
    channel = device.open_vdec(clip.stream)
    length_prefixed = len(clip.units[0].nals.data).to_bytes(4, "big") + clip.units[0].nals.data[4:]
    with pytest.raises(DeviceError, match=r"row 0 .* start code") as caught:
        channel.send(changed(clip.units[0], length_prefixed))
    assert caught.value.code == 0x10008
    assert channel.drain() == []
    channel.reset()
    assert len(decode(channel, clip.units)) == 3


def test_the_end_comes_once_and_not_first(device: Device) -> None:
    """An end that is repeated, or comes first, is answered with 0x10008 (docs/chip.md#vdec-end)."""
    clip = encoded("h264", "keyint=12", 3)
    channel = device.open_vdec(clip.stream)
    with pytest.raises(DeviceError) as first:
        channel.drain()
    decode(channel, clip.units)
    with pytest.raises(DeviceError) as repeated:
        channel.drain()
    assert (first.value.code, repeated.value.code) == (0x10008, 0x10008)


def test_a_drained_channel_says_to_reset_it(device: Device) -> None:
    """0x10001 says that the decoder is in the wrong state (docs/chip.md#vdec-state)."""
    clip = encoded("h264", "keyint=12", 3)
    channel = device.open_vdec(clip.stream)
    decode(channel, clip.units)
    with pytest.raises(DeviceError, match="Reset it first") as caught:
        channel.send(clip.units[0])
    assert caught.value.code == 0x10001
    channel.reset()
    assert len(decode(channel, clip.units)) == 3


def test_a_closed_channel_refuses_everything(device: Device) -> None:
    """The channel must be alive (docs/chip.md#vdec-alive)."""
    clip = encoded("h264", "keyint=12", 3)
    channel = device.open_vdec(clip.stream)
    channel.close()
    for call in (lambda: channel.send(clip.units[0]), channel.drain, channel.reset):
        with pytest.raises(DeviceError, match="closed"):
            call()


@pytest.mark.parametrize(
    ("codec", "nal"),
    [
        ("h264", b"\x06\x05\xff\x10\x80"),
        ("h264", b"\x06\x80"),
        ("hevc", b"\x4e\x01\x80"),
        ("hevc", b"\x4e\x01\x89\xc8\x01\x02\x80"),
        ("hevc", b"\x4e\x01\x04\x02\xb5\x00\x80"),
        ("hevc", b"\x50\x01\x84\x03\x01\x80"),
    ],
)
def test_a_malformed_message_costs_no_picture(device: Device, codec: str, nal: bytes) -> None:
    """SEI messages say nothing about samples: cut off or empty ones, as cameras write them."""
    clip = encoded(codec, "keyint=12:bframes=2:open-gop=1")
    whole = decode(device.open_vdec(clip.stream), clip.units)
    for shape in (annex_b([nal]) + b"%b", b"%b" + annex_b([nal])):
        units = [changed(unit, shape % unit.nals.data) for unit in clip.units]
        got = decode(device.open_vdec(clip.stream), units)
        assert same(got, whole, range(len(clip)))


@pytest.mark.parametrize(("codec", "params"), [("h264", "crf=4"), ("hevc", "wpp=1:pools=1:ctu=16")])
@pytest.mark.parametrize("row", [0, 3, 7, 13, 16])
def test_a_truncated_unit_costs_only_what_depends_on_it(
    device: Device, codec: str, params: str, row: int
) -> None:
    """The chip does not conceal; the sound part stands (docs/chip.md#vdec-damage)."""
    clip = encoded(codec, f"keyint=20:min-keyint=20:bframes=3:b-adapt=0:open-gop=0:{params}")
    whole = decode(device.open_vdec(clip.stream), clip.units)
    data = clip.units[row].nals.data
    units = list(clip.units)
    units[row] = changed(units[row], data[: max(8, len(data) * 2 // 3)])
    channel = device.open_vdec(clip.stream)
    good, error = send_until_error(channel, units)
    assert error is not None
    assert (error.code, f"of row {row} " in str(error)) == (0x10004, True)
    with pytest.raises(DeviceError, match="Reset it first"):
        channel.send(units[row + 1])
    got = pixels([*good, *channel.drain()])
    assert set(got) == set(range(row))
    assert same(got, whole, got)
    channel.reset()
    assert same(decode(channel, clip.gop(20)), whole, clip.owned(20))


@given(
    codec=st.sampled_from(["h264", "hevc"]),
    row=st.integers(0, 39),
    start=st.floats(0, 1),
    noise=st.binary(min_size=1, max_size=60),
)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_no_damage_reaches_a_picture_before_it(
    device: Device, codec: str, row: int, start: float, noise: bytes
) -> None:
    """Whatever bytes come: pictures of earlier units are right, and only DeviceError is raised."""
    clip = encoded(codec, "keyint=20:bframes=3:b-adapt=0")
    whole = libav_alone(clip)
    data = clip.units[row].nals.data
    at = 4 + round(start * (len(data) - 4))
    units = list(clip.units)
    units[row] = changed(units[row], data[:at] + noise + data[at + len(noise) :])
    channel = device.open_vdec(clip.stream)
    good, error = send_until_error(channel, units)
    if error is None:
        try:
            good += channel.drain()
        except DeviceError as late:
            error = late
    if error is not None:
        good += channel.drain()
        assert error.code in {0x10004, 0x10006}
    got = pixels(good)
    channel.close()
    assert set(range(row)) <= set(got)
    assert same(got, whole, range(row))
