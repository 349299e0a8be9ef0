"""What the channels of VDEC and VENC share: descriptions, callbacks, and one thread at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Generic, NoReturn, TypeVar

from fleet.ascend.codes import Code, raise_device_error

_LIFE = "docs/chip.md#vdec-life"
_THREADS = "docs/chip.md#channel-threads"
Reported = TypeVar("Reported")


class Description(Generic[Reported]):
    """What a channel is created from; it outlives the channel, and is destroyed after it."""

    def __init__(self, callback: Callable[[Reported], None] | None) -> None:
        self.callback = callback
        """What is called with each answer."""
        self.in_use = False
        """Whether a channel that was created from it is alive."""

    def destroy(self) -> None:
        """Destroy it; raises DeviceError (148051) while its channel is alive."""
        if self.in_use:
            code = Code.ACL_ERROR_RELATIVE_RESOURCE_NOT_CLEARED
            message = "The description of a channel that is alive cannot be destroyed."
            raise_device_error(code, message, "Destroy the channel first.", _LIFE)


class ChannelLife(Generic[Reported]):
    """A channel from creation to destruction, as its callback sees it.

    It is created alive; raises DeviceError (100000) without a callback.
    """

    def __init__(self, engine: str, description: Description[Reported]) -> None:
        if description.callback is None:
            code = Code.ACL_ERROR_INVALID_PARAM
            message = f"{engine}: a channel needs a callback."
            raise_device_error(code, message, "Set one in its description.", _LIFE)
        self._engine = engine
        self._description = description
        self._callback = description.callback
        self._thread = RLock()
        self._in_callback = False
        self.alive = description.in_use = True
        """Whether it takes calls."""

    @contextmanager
    def one_thread(self) -> Iterator[None]:
        """Hold the channel; raises DeviceError (0xA0058012) while another thread holds it.

        The chip answers nothing: two threads in one channel are the program's fault
        (docs/chip.md#channel-threads).
        """
        if not self._thread.acquire(blocking=False):
            message = f"{self._engine}: another thread is in a call of this channel."
            way_out = "Use a channel from one thread at a time."
            raise_device_error(Code.ERR_VDEC_BUSY, message, way_out, _THREADS)
        try:
            yield
        finally:
            self._thread.release()

    def check_alive(self, rule: str) -> None:
        """Raise DeviceError (100000) once it is destroyed."""
        if not self.alive:
            self.refuse("the channel is not alive.", "Create another one.", rule)

    def report(self, reported: Reported) -> None:
        """Call the callback."""
        self._in_callback = True
        try:
            self._callback(reported)
        finally:
            self._in_callback = False

    def end(self) -> None:
        """Let the description go: the channel is destroyed."""
        self.alive = self._description.in_use = False

    def destroy(self, finish: Callable[[], None], close: Callable[[], None]) -> None:
        """End a channel; twice is once. `finish`: ends its stream; `close`: frees what it holds.

        Raises DeviceError (0x10001) within a callback, where the chip would wait for itself.
        """
        with self.one_thread():
            if self._in_callback:
                message = f"{self._engine}: a channel cannot be destroyed in its own callback."
                raise_device_error(Code.ERR_INVALID_STATE, message, "Do it after the end.", _LIFE)
            if self.alive:
                finish()
                self.end()
                close()

    def refuse(self, what: str, way_out: str, rule: str) -> NoReturn:
        """Raise DeviceError (100000) for a call."""
        code = Code.ACL_ERROR_INVALID_PARAM
        raise_device_error(code, f"{self._engine}: {what}", way_out, rule)
