"""Sections 1.1 and 1.2: the life of VDEC, and its codes."""

from __future__ import annotations

import numpy as np
import pytest
from conformance_row import Rows
from probing import code, codes
from vdec_probing import Seen, decoded, encoded_clip

from fleet.ascend.calls.vdec_session import ChannelDescription, Report, VdecSession
from fleet.ascend.codes import Code, raise_device_error
from fleet.device import Device
from fleet.errors import DeviceError

LIFE = Rows("1.1 VDEC life")
CODES = Rows("1.2 VDEC codes")


def _session(device: Device, seen: Seen) -> tuple[VdecSession, ChannelDescription]:
    description = ChannelDescription(seen)
    return device.create_vdec(encoded_clip().stream, description), description


@LIFE.row("D", "docs/chip.md#vdec-life", expect=(set(range(8)), {0}, list(range(8)), 100000))
def callback(device: Device) -> object:
    """A callback gets the input, the picture and the user's data, with a number."""
    seen, clip = Seen(), encoded_clip(params="keyint=12:bframes=0")
    session = device.create_vdec(clip.stream, ChannelDescription(seen))
    for unit in clip.units:
        session.send(unit, user=unit.row)
    session.destroy()
    without = code(lambda: device.create_vdec(clip.stream, ChannelDescription(None)))
    return set(seen.codes), set(seen.codes.values()), seen.users, without


LIFE.left_out(
    "handler-speed",
    "D",
    "A slow handler stalls decoding.",
    "call plumbing that has no counterpart here: callbacks run within the calls",
)


@LIFE.row("D", "docs/chip.md#vdec-life", expect=0x10001)
def destroy_in_callback(device: Device) -> object:
    """A channel is not destroyed in its callback: the chip would wait for itself."""
    found: list[int | str] = []
    sessions: list[VdecSession] = []

    def destroy(report: Report) -> None:
        assert report.picture is not None
        report.picture.release()
        found.append(code(sessions[0].destroy))

    clip = encoded_clip()
    sessions.append(device.create_vdec(clip.stream, ChannelDescription(destroy)))
    sessions[0].send(clip.units[0])
    sessions[0].end()
    return found[0]


LIFE.left_out(
    "unsubscribe",
    "D",
    "The report thread ends after the last callback.",
    "call plumbing that has no counterpart here: callbacks run within the calls, in no thread",
)


@LIFE.row("D", "docs/chip.md#memory-leak", expect=({"vdec picture"}, {}))
def free_what_was_given(device: Device) -> object:
    """A picture belongs to the user, and leaks where it is not freed."""
    pictures = decoded(device, encoded_clip())
    held = device.memory.by_holder().keys() - {"vpc channel"}
    for picture in pictures:
        picture.release()
    device.close()
    return held, device.memory.leaked


@LIFE.row("D", "docs/chip.md#vdec-life", expect=(148051, 0))
def order_at_the_end(device: Device) -> object:
    """The channel is destroyed before its description."""
    session, description = _session(device, Seen())
    early = code(description.destroy)
    session.destroy()
    return early, code(description.destroy)


@LIFE.row("D", "docs/chip.md#vdec-life", expect=({0, 1, 2, 3}, {0}))
def destroy_waits(device: Device) -> object:
    """Destroying a channel answers the frames that were sent."""
    seen = Seen()
    session, _ = _session(device, seen)
    for unit in encoded_clip().units[:4]:
        session.send(unit)
    session.destroy()
    return set(seen.codes), set(seen.codes.values())


@LIFE.row("D", "docs/chip.md#vdec-alive", expect=(100000, 100000, 200006, 100000))
def send_checks(device: Device) -> object:
    """Input, output, an end that is skipped, and a channel that is not alive."""
    session, _ = _session(device, Seen())
    unit = encoded_clip().units[0]
    before = codes(
        lambda: session.send(None),
        lambda: session.send(unit, None),
        lambda: session.end(skipped=True),
    )
    session.destroy()
    return *before, code(lambda: session.send(unit))


@LIFE.row("D", "docs/chip.md#vdec-end", expect=(0x10008, 0x10008))
def end_of_stream(device: Device) -> object:
    """Repeated, or first."""
    clip = encoded_clip()
    first, twice = device.open_vdec(clip.stream), device.open_vdec(clip.stream)
    for unit in clip.units:
        twice.send(unit)
    twice.drain()
    return codes(first.drain, twice.drain)


@LIFE.row("I", "docs/chip.md#vdec-order", expect=list(range(8)))
def display_order(device: Device) -> object:
    """Pictures come in display order."""
    clip = encoded_clip()
    order = {row: place for place, row in enumerate(np.argsort(clip.pts).tolist())}
    return [order[picture.row] for picture in decoded(device, clip)]


_NUMBERS = {
    "general": {1: "FAILED"},
    "parameters": {2: "DVPP_ERROR", 3: "PARAM_INVALID", 4: "OUTPUT_SIZE_INVALID", 5: "INTERNAL_ERROR"},
    "queues": {6: "QUEUE_FULL", 7: "QUEUE_EMPTY", 8: "QUEUE_NOT_EXIST"},
    "memory": {11: "MEMORY_ERROR", 13: "VPC_FAILED", 14: "CHANNEL_ABNORMAL"},
    "state": {0x10001: "INVALID_STATE", 0x10002: "HARDWARE", 0x10003: "SCD_CUT_FAIL", 0x10008: "BITSTREAM", 0x10009: "VIDEO_FORMAT", 0x1000A: "IMAGE_FORMAT"},
    "decoding": {0x10004: "VDM_DECODE_FAIL", 0x10005: "ALLOC_MEM_FAIL", 0x1000B: "CALLBACK", 0x1000C: "INPUT_BUFFER", 0x1000D: "INBUF_SIZE"},
    "resolution": {0x10006: "ALLOC_DYNAMIC_MEM_FAIL", 0x10010: "INIT_DECODER_FAIL", 0x20000: "DECODE_NOPIC", 0x20001: "REF_NUM", 0x20002: "PICTURE_SIZE"},
    "channels": {0xA0058002: "VDEC_INVALID_CHANNEL", 0xA0058004: "VDEC_EXISTS", 0xA0058005: "VDEC_DOES_NOT_EXIST", 0xA005800C: "VDEC_NO_MEMORY", 0xA005800F: "VDEC_BUFFER_FULL", 0xA0058012: "VDEC_BUSY"},
}  # fmt: skip


def _named(name: str, group: dict[int, str]) -> None:
    def probe(device: Device) -> object:
        """Each number is known, and becomes an error with it."""
        del device
        found = {}
        for number in group:
            with pytest.raises(DeviceError) as caught:
                raise_device_error(Code(number), "Refused.")
            short = caught.value.name.removeprefix("AICPU_DVPP_KERNEL_STATE_").removeprefix("ERR_")
            found[caught.value.code] = short
        return found

    probe.__name__ = name
    CODES.row("D", "docs/chip.md#codes-vdec", expect=group)(probe)


for _name, _group in _NUMBERS.items():
    _named(_name, _group)
