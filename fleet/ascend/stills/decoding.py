"""Files of one picture, by the decoders of libav, which are told to end at damage."""

from __future__ import annotations

from typing import NoReturn

import av
from av.codec.context import CodecContext
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext

from fleet.ascend.codes import TASK_FAILED, raise_device_error


def one_picture(engine: str, codec: str, err_detect: str, data: bytes, rule: str) -> av.VideoFrame:
    """Return the frame of a file; raises DeviceError (that of a failed task) for damaged data.

    `err_detect`: which damage libav's decoder `codec` is to see. `engine`, `rule`: who says so.
    """
    decoder = CodecContext.create(codec, "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.thread_count = 1
    decoder.options = {"err_detect": err_detect}
    try:
        frames = [*decoder.decode(av.Packet(data)), *decoder.decode(None)]
    except FFmpegError as error:
        fail(engine, str(error.strerror), rule)
    if not frames or frames[0].is_corrupt:
        fail(engine, "it is damaged or breaks off", rule)
    return frames[0]


def fail(engine: str, why: str, rule: str) -> NoReturn:
    """Raise DeviceError, that of a failed task, for data that an engine cannot decode."""
    message = f"{engine}: the data cannot be decoded ({why})."
    raise_device_error(TASK_FAILED, message, "Repair the file, or leave it out.", rule)
