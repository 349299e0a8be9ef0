"""A channel of the video encoder with the life that the chip gives it: its callback gets the data.

`VencChannel` returns access units; this is the same encoder as AscendCL shows it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from fleet.ascend.calls.channel_life import ChannelLife, Description
from fleet.ascend.venc import EncodeSettings, VencChannel
from fleet.core.frames import Picture
from fleet.errors import DeviceError

_RULE = "docs/chip.md#venc-delivery"


@dataclass(frozen=True, eq=False)
class Encoded:
    """What the callback gets for one picture that was sent."""

    row: int
    """The picture's row."""
    data: memoryview
    """Its access unit in Annex-B form, in memory of the system's.

    It is only there within the callback, which copies what it wants: afterwards it reads as zeros.
    """
    user: object
    """What was sent along."""


class EncodeDescription(Description[Encoded]):
    """What a channel of the encoder is created from."""

    def __init__(
        self, callback: Callable[[Encoded], None] | None, settings: EncodeSettings
    ) -> None:
        super().__init__(callback)
        self.settings = settings
        """What the channel is told."""


class VencSession:
    """One channel from creation to destruction; callbacks run within `send`, `end` and `destroy`.

    They come in the order in which pictures were sent. A call of another thread while one runs is
    refused with 0xA0058012.
    """

    def __init__(
        self,
        open_channel: Callable[[EncodeSettings], VencChannel],
        description: EncodeDescription,
    ) -> None:
        """Create the channel; raises DeviceError: 100000 without a callback, and as Device."""
        self._life = ChannelLife("VENC", description)
        try:
            self._channel = open_channel(description.settings)
        except DeviceError:
            self._life.end()
            raise
        # What was sent along with the pictures whose data has not come yet.
        self._users: deque[object] = deque()
        self._ended = False

    def send(self, picture: Picture, *, key: bool = False, user: object = None) -> None:
        """Send a picture, which the caller keeps; `key` makes it a key.

        Raises DeviceError as `VencChannel.send` does, and 100000 for a channel that is not alive.
        """
        with self._life.one_thread():
            self._life.check_alive(_RULE)
            self._users.append(user)
            try:
                units = self._channel.send(picture, key=key)
            except DeviceError:
                self._users.pop()
                raise
            self._give(units)

    def end(self) -> None:
        """End the stream, after the callbacks of all pictures that were sent.

        Raises DeviceError (100000) for a channel that is not alive, and for a second end.
        """
        with self._life.one_thread():
            self._life.check_alive(_RULE)
            if self._ended:
                self._life.refuse("the stream has ended.", "Create another channel.", _RULE)
            self._finish()

    def destroy(self) -> None:
        """End the stream where that has not been done, and destroy the channel; twice is once.

        Raises DeviceError (0x10001) within a callback, where the chip would wait for itself.
        """
        self._life.destroy(self._finish, self._channel.close)

    def _finish(self) -> None:
        if not self._ended:
            self._ended = True
            self._give(self._channel.drain())

    def _give(self, units: Iterable[tuple[int, bytes]]) -> None:
        for row, unit in units:
            buffer = bytearray(unit)
            try:
                self._life.report(
                    Encoded(row, memoryview(buffer).toreadonly(), self._users.popleft())
                )
            finally:
                # The chip writes the next unit there.
                buffer[:] = bytes(len(buffer))
