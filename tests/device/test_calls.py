"""What AscendCL puts around engines: coded data in callbacks, tasks on streams, one thread."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from elementary import encoded
from hypothesis import given, settings
from hypothesis import strategies as st
from refusals import code_of

from fleet.ascend.calls.task_stream import Task
from fleet.ascend.calls.vdec_session import ChannelDescription, Report, VdecSession
from fleet.ascend.calls.venc_session import Encoded, EncodeDescription, VencSession
from fleet.ascend.soc import CHIPS, Ascend310, Ascend910A, Soc
from fleet.ascend.surface import upload
from fleet.ascend.venc import EncodeSettings
from fleet.ascend.vpc.regions import Region
from fleet.core.frames import Colour, Picture, download
from fleet.core.geometry import Rect, Size
from fleet.device import Device
from fleet.errors import DeviceError

WITH_VENC = pytest.mark.parametrize(
    "chip", [chip for chip in CHIPS.values() if chip.venc], ids=lambda chip: chip.name
)
EVERYWHERE = pytest.mark.parametrize("chip", CHIPS.values(), ids=CHIPS)
SIZE = Size(128, 128)


def noise(device: Device, seed: int, size: Size = SIZE) -> Picture:
    """A picture of random samples."""
    shape = (size.height * 3 // 2, size.width)
    samples = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    return upload(device.soc, device.memory, samples, Colour(), seed)


def settings_of(en_type: int) -> EncodeSettings:
    """Settings of a short stream."""
    return EncodeSettings(en_type, SIZE, key_interval=4)


@WITH_VENC
@pytest.mark.parametrize("en_type", range(4))
def test_coded_data_comes_in_callbacks_as_the_channel_returns_it(chip: Soc, en_type: int) -> None:
    """Byte for byte, in the order of the pictures, each with what was sent along."""
    with Device(chip) as device:
        pictures = [noise(device, seed) for seed in range(7)]
        channel = device.open_venc(settings_of(en_type))
        returned = [unit for picture in pictures for unit in channel.send(picture)]
        returned += channel.drain()
        came: list[tuple[int, bytes, object]] = []

        def take(one: Encoded) -> None:
            came.append((one.row, bytes(one.data), one.user))

        description = EncodeDescription(take, settings_of(en_type))
        session = device.create_venc(description)
        for picture in pictures:
            session.send(picture, user=f"picture {picture.row}")
        session.end()
        session.destroy()
        description.destroy()
        assert came == [(row, data, f"picture {row}") for row, data in returned]
        for picture in pictures:
            picture.release()
    assert not device.memory.leaked


def test_data_that_a_callback_does_not_copy_is_gone() -> None:
    """Its memory is the system's (docs/chip.md#venc-delivery)."""
    kept: list[memoryview] = []
    there: list[bytes] = []

    def keep(one: Encoded) -> None:
        kept.append(one.data)
        there.append(bytes(one.data[:3]))
        with pytest.raises(TypeError):
            one.data[0] = 1

    with Device(Ascend310) as device:
        session = device.create_venc(EncodeDescription(keep, settings_of(3)))
        session.send(noise(device, 1))
        session.destroy()
    assert there[0][:3] in {b"\0\0\0", b"\0\0\1"}
    assert not any(any(view) for view in kept)


def test_the_order_in_which_a_channel_of_venc_is_taken_down() -> None:
    """Ends come once, descriptions go last, and a refused picture has no callback."""
    users: list[object] = []
    with Device(Ascend310) as device:
        description = EncodeDescription(lambda one: users.append(one.user), settings_of(1))
        session = device.create_venc(description)
        assert code_of(lambda: session.send(noise(device, 0, Size(256, 128)), user="no")) == 100000
        session.send(noise(device, 1), user="yes")
        assert code_of(description.destroy) == 148051
        session.end()
        assert code_of(session.end) == 100000
        assert code_of(lambda: session.send(noise(device, 2))) == 100000
        session.destroy()
        session.destroy()
        description.destroy()
        assert users == ["yes"]
        assert code_of(session.end) == 100000
        again = device.create_venc(description)
        again.destroy()
        assert "venc channel" not in device.memory.by_holder()


def test_a_channel_of_venc_is_not_created_where_it_cannot_be() -> None:
    """Without a callback, with settings that the chip does not take, and on a chip without VENC."""
    with Device(Ascend310) as device:
        wrong = EncodeDescription(lambda _: None, EncodeSettings(3, Size(64, 64), 4))
        assert (
            code_of(lambda: device.create_venc(EncodeDescription(None, settings_of(3)))) == 100000
        )
        assert code_of(lambda: device.create_venc(wrong)) == 100000
        wrong.destroy()
    with Device(Ascend910A) as device:
        none = EncodeDescription(lambda _: None, settings_of(3))
        assert code_of(lambda: device.create_venc(none)) == 200006
        none.destroy()


def _in_another_thread(call: Callable[[], object]) -> int:
    found: list[int] = []
    thread = threading.Thread(target=lambda: found.append(code_of(call)))
    thread.start()
    thread.join()
    return found[0]


def test_a_second_thread_is_refused_while_a_call_runs() -> None:
    """In channels of both directions, for every call; afterwards it may take the channel over."""
    clip = encoded("h264", "keyint=12:bframes=0", 4)
    found: list[int] = []
    with Device(Ascend310) as device:
        decoding: VdecSession
        encoding: VencSession

        def on_frame(report: Report) -> None:
            assert report.picture is not None
            report.picture.release()
            calls: list[Callable[[], object]] = [decoding.end, decoding.destroy]
            calls.append(partial(decoding.send, clip.units[1]))
            found.extend(map(_in_another_thread, calls))

        def on_data(_: Encoded) -> None:
            calls: list[Callable[[], object]] = [encoding.end, encoding.destroy]
            calls.append(partial(encoding.send, noise(device, 9)))
            found.extend(map(_in_another_thread, calls))

        decoding = device.create_vdec(clip.stream, ChannelDescription(on_frame))
        decoding.send(clip.units[0])
        encoding = device.create_venc(EncodeDescription(on_data, settings_of(3)))
        encoding.send(noise(device, 1))
        encoding.end()
        for session in (decoding, encoding):
            thread = threading.Thread(target=session.destroy)
            thread.start()
            thread.join()
    assert set(found) == {0xA0058012}
    assert len(found) >= 6


@EVERYWHERE
@given(st.lists(st.integers(0, 5), min_size=1, max_size=8))
@settings(max_examples=15, deadline=None)
def test_tasks_make_what_the_calls_make_once_they_are_synchronized(
    chip: Soc, kinds: list[int]
) -> None:
    """In any order; those that only the chip refuses fail the synchronization, by the first."""
    with Device(chip) as device:
        picture = noise(device, 1)
        calls: list[Callable[..., Any]] = [
            partial(device.vpc.resize, picture, Size(64, 32)),
            partial(device.vpc.crop, picture, Rect(16, 16, 64, 64)),
            partial(device.vpc.crop_resize, picture, Rect(0, 0, 32, 32), Size(64, 64)),
            partial(device.vpc.resize, picture, Size(4094, 32)),
            partial(device.vpc.crop, picture, Rect(100, 100, 64, 64)),
            partial(device.jpege.encode, picture),
        ]
        stream = device.create_stream()
        tasks: list[Task[Any]] = [stream.launch(calls[kind]) for kind in kinds]
        for task in tasks:
            assert code_of(task.result) == 107019
        if fails := [kind for kind in kinds if kind in {3, 4}]:
            with pytest.raises(DeviceError) as first:
                stream.synchronize()
            with pytest.raises(DeviceError) as alone:
                calls[fails[0]]()
            assert str(first.value) == str(alone.value)
        stream.synchronize()
        for kind, task in zip(kinds, tasks, strict=True):
            if kind in {3, 4}:
                assert code_of(task.result) == 507018
                continue
            made, alone_made = task.result(), calls[kind]()
            if isinstance(made, Picture):
                assert np.array_equal(download(made), download(alone_made))
                made.release()
                alone_made.release()
            else:
                assert made == alone_made
        picture.release()
    assert not device.memory.leaked


def test_what_the_host_library_checks_is_refused_at_the_launch() -> None:
    """Sizes, formats and interpolations, and no task is left behind."""
    with Device(Ascend310) as device:
        stream, picture = device.create_stream(), noise(device, 1)
        assert code_of(lambda: stream.launch(device.vpc.resize, picture, Size(8, 4))) == 100000
        assert code_of(lambda: stream.launch(device.vpc.resize, picture, SIZE, 5)) == 100000
        assert code_of(lambda: stream.launch(device.jpegd.decode, b"no")) == 100000
        stream.synchronize()


@pytest.mark.parametrize("in_a_batch", [False, True])
def test_a_picture_that_is_released_too_soon_fails_its_task(*, in_a_batch: bool) -> None:
    """A queued task still reads it (docs/chip.md#streams)."""
    with Device(Ascend310) as device:
        stream, picture, sound = device.create_stream(), noise(device, 1), noise(device, 2)
        if in_a_batch:
            region = Region(picture, Rect(0, 0, 32, 32), size=Size(32, 32))
            early: Task[Any] = stream.launch(device.vpc.batch, [region])
        else:
            early = stream.launch(device.vpc.resize, picture, Size(64, 64))
        kept = stream.launch(device.vpc.resize, sound, Size(64, 64))
        picture.release()
        assert code_of(stream.synchronize) == 507018
        assert code_of(early.result) == 507018
        assert kept.result().size == Size(64, 64)


def test_streams_are_counted_and_belong_to_their_device() -> None:
    """107003 once destroyed, 107002 on a closed device; a channel of VDEC takes two."""
    clip = encoded("h264", "keyint=12:bframes=0", 1)
    with Device(Ascend310) as device:
        most = device.soc.cores.most_streams
        streams = [device.create_stream() for _ in range(most - 2)]
        channel = device.open_vdec(clip.stream)
        assert code_of(device.create_stream) == 207008
        channel.close()
        last = device.create_stream()
        assert code_of(lambda: device.open_vdec(clip.stream)) == 207008
        last.destroy()
        last.destroy()
        assert code_of(last.synchronize) == 107003
        assert code_of(lambda: last.launch(device.vpc.resize, noise(device, 1), SIZE)) == 107003
    assert code_of(streams[0].synchronize) == 107003
    assert code_of(device.create_stream) == 107002
