"""What a channel leaves to the next one: a decoder of libav's, and nothing that can be seen."""

from __future__ import annotations

from dataclasses import replace
from weakref import ref

import pytest
from decodes import Pixels, decode, libav_alone, pixels, same, send_until_error
from elementary import Elementary, changed, encoded, stream_info
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleet.ascend.libav_codec import IdleDecoder, LibavCodec, open_codec
from fleet.ascend.soc import Ascend310
from fleet.ascend.vdec import VdecChannel
from fleet.ascend.vdec_settings import ChannelSettings
from fleet.core.geometry import Size
from fleet.device import Device
from fleet.errors import DeviceError
from fleet.video.stream import SetsChange, StreamInfo

SHAPE = "keyint=10:min-keyint=10:bframes=3:b-adapt=0"
SHAPES = [("h264", f"{SHAPE}:open-gop=0"), ("h264", f"{SHAPE}:open-gop=1"), ("hevc", SHAPE)]


def opened(stream: StreamInfo) -> LibavCodec:
    """A decoder that has decoded nothing yet."""
    return LibavCodec.of(stream, open_codec(stream, 1 << 24))


def used(channel: VdecChannel) -> LibavCodec:
    """The decoder that a channel decodes with."""
    return channel._libav


def test_the_next_channel_of_a_stream_takes_the_decoder_of_the_last(device: Device) -> None:
    """Its pictures' memory is there already, where a new one would get it page by page."""
    clip = encoded("h264", SHAPE)
    first = device.open_vdec(clip.stream)
    decode(first, clip.units)
    first.close()
    assert used(device.open_vdec(clip.stream)) is used(first)
    assert used(device.open_vdec(clip.stream)) is not used(first), "one for each"


@pytest.mark.parametrize("damaged", [False, True])
def test_a_decoder_is_left_only_where_all_that_it_was_given_came_out(
    device: Device, damaged: bool
) -> None:
    """Of pictures that it holds, and of damage, something might show in what it decodes next."""
    clip = encoded("h264", f"{SHAPE}:crf=4")
    first = device.open_vdec(clip.stream)
    units = list(clip.units)
    if damaged:
        units[7] = changed(units[7], units[7].nals.data[: len(units[7].nals.data) // 2])
    good, _ = send_until_error(first, units)
    pixels([*good, *first.drain()] if damaged else good)
    first.close()
    assert used(device.open_vdec(clip.stream)) is not used(first)


SETS_CHANGE = (SetsChange(9, b"\0\0\1\x67", out_of_band=True),)


@pytest.mark.parametrize(
    ("stream", "is_spoilt", "lacked_pictures"),
    [
        (stream_info(), True, False),
        (stream_info(), False, True),
        (replace(stream_info(), later_sets=SETS_CHANGE), False, False),
    ],
)
def test_a_decoder_that_may_differ_from_a_new_one_is_not_kept(
    stream: StreamInfo, is_spoilt: bool, lacked_pictures: bool
) -> None:
    """Damage, units without a picture, parameter sets of later on."""
    idle, decoder = IdleDecoder(), opened(stream)
    decoder.is_spoilt, decoder.lacked_pictures = is_spoilt, lacked_pictures
    idle.leave(stream, decoder)
    assert idle.take(stream) is None


def test_channels_with_other_settings_take_nothing_and_leave_nothing(device: Device) -> None:
    """That pictures are to come at once is said when a decoder is opened, and holds until its end."""
    clip = encoded("h264", "keyint=10:bframes=0")
    fast = ChannelSettings(out_mode=1)
    for settings_, next_ in ((ChannelSettings(), fast), (fast, ChannelSettings())):
        first = device.open_vdec(clip.stream, settings_)
        decode(first, clip.units)
        first.close()
        following = device.open_vdec(clip.stream, next_)
        assert used(following) is not used(first)
        following.close()


def test_what_was_left_is_freed_before_a_decoder_of_another_stream_is_opened() -> None:
    """A device holds the pictures' memory of one decoder, however many streams it decodes."""
    idle, stream = IdleDecoder(), stream_info()
    decoder = opened(stream)
    gone = ref(decoder)
    idle.leave(stream, decoder)
    del decoder
    assert gone() is not None
    assert idle.take(stream_info(size=Size(256, 128))) is None
    assert gone() is None


def test_a_closed_device_holds_no_decoder() -> None:
    """What its last channel has left goes with it."""
    clip = encoded("h264", SHAPE)
    with Device(Ascend310) as device:
        channel = device.open_vdec(clip.stream)
        decode(channel, clip.units)
        channel.close()
        left = ref(used(channel))
        del channel
        assert left() is not None
    assert left() is None


def test_pictures_of_a_closed_channel_stay_as_they_are(device: Device) -> None:
    """The next channel does not write to memory that somebody still looks at."""
    clip = encoded("h264", SHAPE)
    whole = libav_alone(clip)
    channel = device.open_vdec(clip.stream)
    kept = [picture for unit in clip.units for picture in channel.send(unit)]
    kept += channel.drain()
    channel.close()
    later = device.open_vdec(clip.stream)
    decode(later, clip.units[::-1][-10:][::-1])
    later.close()
    got = pixels(kept)
    assert same(got, whole, range(len(clip)))


@given(
    shape=st.sampled_from(SHAPES),
    channels=st.lists(
        st.tuples(st.integers(0, 3), st.none() | st.tuples(st.integers(0, 9), st.floats(0.1, 0.9))),
        min_size=2,
        max_size=5,
    ),
)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_pixels_do_not_depend_on_what_channels_before_have_decoded(
    device: Device,
    shape: tuple[str, str],
    channels: list[tuple[int, tuple[int, float] | None]],
) -> None:
    """GOPs in any order, some of them cut short in a unit: what comes of the sound ones is right."""
    clip = encoded(*shape)
    whole = libav_alone(clip)
    for number, cut in channels:
        key = clip.keys[number % len(clip.keys)]
        _decode_apart(device, clip, key, cut, whole)


def _decode_apart(
    device: Device, clip: Elementary, key: int, cut: tuple[int, float] | None, whole: Pixels
) -> None:
    """Decode a GOP on a channel of its own, with one of its units cut short."""
    units, sound = clip.gop(key), clip.owned(key)
    if cut is not None:
        at, share = cut[0] % len(units), cut[1]
        data = units[at].nals.data
        units[at] = changed(units[at], data[: max(8, round(len(data) * share))])
        sound &= {unit.row for unit in units[:at]}
    channel = device.open_vdec(clip.stream)
    good, error = send_until_error(channel, units)
    try:
        good += channel.drain()
    except DeviceError:
        assert error is None
        assert cut is not None
        good += channel.drain()
    got = pixels(good)
    channel.close()
    assert same(got, whole, sound)
