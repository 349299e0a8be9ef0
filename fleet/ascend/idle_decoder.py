"""A decoder of libav's that a channel leaves to the next one of the same stream.

A lease is often the next stretch of the video that a device has just decoded. A new decoder gets
the memory of its pictures anew, which the system hands out page by page, each cleared first.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import av
from av.video.codeccontext import VideoCodecContext

from fleet.ascend.unwritten import Unwritten
from fleet.video.stream import StreamInfo


@dataclass(eq=False)
class LibavDecoder:
    """A decoder of libav's, and what is known of it; only the channel that has it changes it."""

    codec: VideoCodecContext
    """The decoder."""
    unwritten: Unwritten | None
    """What finds pictures that were not written to their end; None: libav does it itself."""
    is_spoilt: bool = False
    """Whether there was damage, of which something shows in later pictures, flushed or not."""
    lacked_pictures: bool = False
    """Whether it was given units of which no picture came out."""

    @classmethod
    def of(cls, stream: StreamInfo, codec: VideoCodecContext) -> LibavDecoder:
        """Return a decoder that has decoded nothing yet."""
        finds = stream.codec != "h264"
        return cls(codec, Unwritten(stream.reference_frames) if finds else None)

    def left_out_some_of(self, frame: av.VideoFrame) -> bool:
        """Return whether a picture that it has just returned was not written to its end."""
        return self.unwritten is not None and self.unwritten.is_in(frame)

    def forget(self) -> None:
        """Hold none of its pictures any more."""
        if self.unwritten is not None:
            self.unwritten.forget()


class IdleDecoder:
    """The decoder that the last channel of a device has left; one at most.

    It takes no memory beside another one: it is freed before that is opened.
    """

    def __init__(self) -> None:
        # Channels of two threads may ask at once: each call of a deque is one step.
        self._left: deque[tuple[StreamInfo, LibavDecoder]] = deque(maxlen=1)

    def take(self, stream: StreamInfo) -> LibavDecoder | None:
        """Return what a channel of the same stream has left; what another one has left is freed."""
        try:
            of, decoder = self._left.popleft()
        except IndexError:
            return None
        return decoder if of == stream else None

    def leave(self, stream: StreamInfo, decoder: LibavDecoder) -> None:
        """Keep a drained decoder for the next channel, if that cannot tell it from a new one."""
        if decoder.is_spoilt or decoder.lacked_pictures or stream.later_sets:
            decoder.forget()
            return
        decoder.codec.flush_buffers()
        self._left.append((stream, decoder))

    def forget(self) -> None:
        """Free what was left."""
        self._left.clear()
