"""A channel as AscendCL shows it: callbacks, ends, and the order in which things are destroyed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from elementary import Elementary, changed, encoded, samples, stream_info
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import code_of as code_of_any

from fleet.ascend.calls.vdec_session import ChannelDescription, OutputFields, Report, VdecSession
from fleet.ascend.soc import CHIPS, Ascend310, Soc
from fleet.ascend.surface import frame_of
from fleet.ascend.vdec_settings import ChannelSettings
from fleet.core.access_unit import AccessUnit
from fleet.core.geometry import Size
from fleet.device import Device

EVERYWHERE = pytest.mark.parametrize("chip", CHIPS.values(), ids=CHIPS)
CLIP = encoded("h264", "keyint=6:min-keyint=6:scenecut=0:bframes=2:b-adapt=0:open-gop=0", 18)
PLAIN = encoded("h264", "keyint=6:min-keyint=6:scenecut=0:bframes=0", 18)


def code_of(call: Callable[[], object]) -> int:
    """Return the number of a refusal, by a row about the engine."""
    return code_of_any(call, "vdec")


class Seen:
    """A callback that keeps what it got, and releases pictures at once."""

    def __init__(self) -> None:
        self.reports: list[Report] = []
        self.luma: dict[int, Any] = {}

    def __call__(self, report: Report) -> None:
        """Note a report."""
        self.reports.append(report)
        if report.picture is not None:
            self.luma[report.unit.row] = samples(frame_of(report.picture))[0].copy()
            report.picture.release()

    @property
    def rows(self) -> list[int]:
        """The rows in the order of their callbacks."""
        return [report.unit.row for report in self.reports]

    @property
    def codes(self) -> dict[int, int]:
        """The number of each row."""
        return {report.unit.row: report.ret_code for report in self.reports}


def played(device: Device, clip: Elementary, units: Iterable[AccessUnit], **told: Any) -> Seen:
    """All callbacks of a stream."""
    seen = Seen()
    description = ChannelDescription(seen, ChannelSettings(**told))
    session = device.create_vdec(clip.stream, description)
    for unit in units:
        session.send(unit, user=unit.row * 10)
    session.end()
    session.destroy()
    description.destroy()
    return seen


@EVERYWHERE
def test_each_frame_has_a_callback_in_display_order(chip: Soc) -> None:
    """With what was sent along, and number 0 (docs/chip.md#vdec-life)."""
    with Device(chip) as device:
        seen = played(device, CLIP, CLIP.units)
        assert seen.rows == np.argsort(CLIP.pts).tolist()
        assert set(seen.codes.values()) == {0}
        assert all(report.user == report.unit.row * 10 for report in seen.reports)
        assert device.memory.by_holder().keys() == {"vpc channel"}


@given(st.integers(0, 17), st.integers(0, 2**16))
@settings(max_examples=60, deadline=None)
def test_damage_drops_frames_and_decoding_goes_on(row: int, seed: int) -> None:
    """Each frame is answered once, and other GOPs come whole (docs/chip.md#vdec-damage)."""
    with Device(Ascend310) as device:
        whole = played(device, PLAIN, PLAIN.units).luma
        data = bytearray(PLAIN.units[row].nals.data)
        noise = np.random.default_rng(seed)
        for at in noise.integers(len(data) // 2, len(data), 12):
            data[at] ^= int(noise.integers(1, 256))
        units = list(PLAIN.units)
        units[row] = changed(units[row], bytes(data))
        seen = played(device, PLAIN, units)
        assert sorted(seen.rows) == list(range(18))
        gop = row // 6
        for other, number in seen.codes.items():
            if other // 6 != gop or other < row:
                assert number == 0
                assert np.array_equal(seen.luma[other], whole[other])
            else:
                assert number in {0, 0x10004}
        assert device.memory.by_holder().keys() == {"vpc channel"}


def test_a_frame_that_is_cut_short_is_answered_with_its_number() -> None:
    """0x10004 for it and for those that need it, and the next key is good again."""
    with Device(Ascend310) as device:
        units = list(PLAIN.units)
        units[8] = changed(units[8], units[8].nals.data[:40])
        codes = played(device, PLAIN, units).codes
        assert [codes[row] for row in range(18)] == [0] * 8 + [0x10004] * 4 + [0] * 6


def test_a_skipped_frame_has_a_callback_without_a_picture() -> None:
    """Number 0, and the others as they are (docs/chip.md#vdec-skip)."""
    with Device(Ascend310) as device:
        whole = played(device, CLIP, CLIP.units).luma
        units = [replace(unit, wanted=unit.row % 3 == 0) for unit in CLIP.units]
        seen = played(device, CLIP, units)
        assert sorted(seen.rows) == list(range(18))
        assert set(seen.codes.values()) == {0}
        assert sorted(seen.luma) == [0, 3, 6, 9, 12, 15]
        assert all(np.array_equal(seen.luma[row], whole[row]) for row in seen.luma)


@EVERYWHERE
def test_the_description_goes_after_the_channel(chip: Soc) -> None:
    """148051 the other way round (docs/chip.md#vdec-life)."""
    with Device(chip) as device:
        description = ChannelDescription(Seen())
        session = device.create_vdec(CLIP.stream, description)
        assert code_of(description.destroy) == 148051
        session.destroy()
        session.destroy()
        description.destroy()


@EVERYWHERE
def test_destroying_a_channel_answers_what_was_sent(chip: Soc) -> None:
    """An end before it is good form, not a must (docs/chip.md#vdec-life)."""
    with Device(chip) as device:
        seen = Seen()
        session = device.create_vdec(CLIP.stream, ChannelDescription(seen))
        for unit in CLIP.units[:5]:
            session.send(unit)
        session.destroy()
        assert sorted(seen.rows) == list(range(5))
        assert device.memory.by_holder().keys() == {"vpc channel"}


def test_a_channel_is_not_destroyed_in_its_callback() -> None:
    """The chip would wait for itself; here it is 0x10001 (docs/chip.md#vdec-life)."""
    numbers: list[int] = []
    sessions: list[VdecSession] = []

    def callback(report: Report) -> None:
        assert report.picture is not None
        report.picture.release()
        numbers.append(code_of(sessions[0].destroy))

    with Device(Ascend310) as device:
        sessions.append(device.create_vdec(PLAIN.stream, ChannelDescription(callback)))
        sessions[0].send(PLAIN.units[0])
        sessions[0].end()
        sessions[0].destroy()
    assert numbers == [0x10001]


@EVERYWHERE
def test_calls_are_refused_at_the_call(chip: Soc) -> None:
    """No callback, no input, no output, not alive: 100000; ends 0x10008 and 200006."""
    with Device(chip) as device:
        assert code_of(lambda: device.create_vdec(CLIP.stream, ChannelDescription(None))) == 100000
        session = device.create_vdec(CLIP.stream, ChannelDescription(Seen()))
        assert code_of(session.end) == 0x10008
        assert code_of(lambda: session.send(None)) == 100000
        assert code_of(lambda: session.send(CLIP.units[0], None)) == 100000
        session.send(CLIP.units[0])
        session.send(replace(CLIP.units[1], wanted=False), None)
        assert code_of(lambda: session.end(skipped=True)) == 200006
        session.end()
        assert code_of(session.end) == 0x10008
        assert code_of(lambda: session.send(CLIP.units[2])) == 0x10001
        session.destroy()
        assert code_of(lambda: session.send(CLIP.units[2])) == 100000
        assert code_of(session.end) == 100000


@EVERYWHERE
@pytest.mark.parametrize(
    ("fields", "number"),
    [
        (OutputFields(), 0),
        (OutputFields(192, 128, 192, 128), 0),
        (OutputFields(192, 128, 192, 128, 36864), 0),
        (OutputFields(192, 128), 3),
        (OutputFields(width_stride=192), 3),
        (OutputFields(192, 128, 208, 128), 3),
        (OutputFields(192, 128, 192, 128, 36863), 4),
        (OutputFields(buffer_bytes=100), 4),
    ],
)
def test_the_fields_of_an_output_are_set_all_or_none(
    chip: Soc, fields: OutputFields, number: int
) -> None:
    """By callback: 3 for fields, 4 for a buffer that is too small (docs/chip.md#vdec-life)."""
    with Device(chip) as device:
        seen = Seen()
        session = device.create_vdec(PLAIN.stream, ChannelDescription(seen))
        session.send(PLAIN.units[0], fields)
        session.destroy()
        assert seen.codes == {0: number}


def test_what_the_decoder_finds_comes_by_callback() -> None:
    """0x10008 without a start code, 0x10006 for a size (docs/chip.md#codes-vdec)."""
    tiny = encoded("h264", "keyint=12:bframes=0", 2, Size(64, 64))
    with Device(Ascend310) as device:
        bare = changed(PLAIN.units[0], PLAIN.units[0].nals.data[4:])
        assert played(device, PLAIN, [bare]).codes == {0: 0x10008}
        seen = played(device, replace(tiny, stream=stream_info()), tiny.units)
        assert seen.codes[0] == 0x10006
