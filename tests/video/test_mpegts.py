"""Payload out of MPEG-TS packets, against a packet-by-packet reading of the standard."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.video.containers.mpegts import PacketLayout, find_layout, of_stream, packets_of, payload

PID = 256


@dataclass(frozen=True)
class TsPacket:
    """One TS packet: what it carries, and the headers around that."""

    pid: int
    carried: bytes
    starts: bool
    header_data: int

    def bytes(self, step: int) -> bytes:
        """188 bytes, behind 4 of arrival time where step is 192."""
        pes = b"\0\0\1\xe0\0\0\x80\x80" + bytes([self.header_data]) + b"\xff" * self.header_data
        body = (pes if self.starts else b"") + self.carried
        stuffing = 184 - len(body)
        adaptation = b"" if not stuffing else bytes([stuffing - 1]) + bytes(stuffing - 1)
        flags = (0x40 if self.starts else 0) | self.pid >> 8
        control = 0x10 | (0x20 if stuffing else 0) if body else 0x20
        head = bytes([0x47, flags, self.pid & 0xFF, control])
        return bytes(step - 188) + head + adaptation + body


PACKETS = st.lists(
    st.builds(
        TsPacket,
        st.sampled_from([PID, PID, 257, 0x1FFF]),
        st.binary(max_size=150),
        st.booleans(),
        st.integers(0, 20),
    ),
    max_size=30,
)


def file_of(packets: list[TsPacket], step: int) -> bytes:
    """The packets one after another."""
    return b"".join(packet.bytes(step) for packet in packets)


@given(PACKETS, st.sampled_from([188, 192]))
def test_payload_is_what_the_packets_of_the_stream_carry(
    packets: list[TsPacket], step: int
) -> None:
    """TS, adaptation field and PES headers are gone, other streams too."""
    data = file_of(packets, step)
    mine = [packet for packet in packets if packet.pid == PID]
    assert payload(data, PID, step) == b"".join(packet.carried for packet in mine)
    found = of_stream(packets_of(data, step), PID)
    assert found.payload.tolist() == [len(packet.carried) for packet in mine]
    assert found.end == len(data)
    assert (found.offset % step == 0).all()


@given(PACKETS, st.sampled_from([188, 192]), st.integers(1, 150))
def test_a_packet_cut_off_at_the_end_is_left(
    packets: list[TsPacket], step: int, missing: int
) -> None:
    """Only whole packets are read."""
    data = file_of([*packets, TsPacket(PID, b"lost", starts=False, header_data=0)], step)
    whole = b"".join(packet.carried for packet in packets if packet.pid == PID)
    assert payload(data[:-missing], PID, step) == whole


def test_reading_goes_on_behind_lost_bytes() -> None:
    """Where sync is lost, the next two packets in a row are looked for."""
    packets = [TsPacket(PID, bytes([n]) * 150, starts=False, header_data=0) for n in range(1, 9)]
    data = file_of(packets, 188)
    damaged = data[: 2 * 188] + data[3 * 188 - 50 :]
    left = [packet.carried for number, packet in enumerate(packets) if number != 2]
    assert payload(damaged, PID, 188) == b"".join(left)


@pytest.mark.parametrize("step", [188, 192])
@pytest.mark.parametrize("start", [0, 100])
def test_the_layout_is_found_wherever_it_begins(step: int, start: int) -> None:
    """A recording may begin in the middle of a packet."""
    packets = [TsPacket(PID, b"x" * 100, starts=False, header_data=0)] * 12
    assert find_layout(file_of(packets, step)[step - start if start else 0 :]) == PacketLayout(
        step, start
    )


@given(st.binary(max_size=3000).filter(lambda data: data.count(b"G") < 3))
def test_other_files_have_no_layout(data: bytes) -> None:
    """Without sync bytes at one distance there are no TS packets."""
    assert find_layout(data) is None


@given(st.binary(max_size=2000), st.sampled_from([188, 192]))
def test_any_bytes_are_read_without_error(data: bytes, step: int) -> None:
    """Damage gives less payload, never an exception."""
    assert len(payload(b"G" + data, PID, step)) <= len(data) + 1
