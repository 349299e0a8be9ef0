"""Every error that Fleet raises, in one tree.

    FleetError
    |- UsageError (ValueError)              what was asked cannot be done; nothing ran; exit code 2
    |  |- JobFileError                      the job file: every bad field is listed
    |  |- InputNotFoundError (LookupError)  the inputs match no video
    |  |- OutputTakenError                  the output folder holds another job
    |  |- OutputBusyError                   somebody else works on the output folder just now
    |  |- ModelRefusedError                 the model cannot be compiled, or is not compiled
    |  `- JobTooLargeError                  it does not fit into a device's memory: says why
    |- VideoError                           one video, or a stretch of it: becomes a row in errors/
    |  |- NotAVideoError (ValueError)       no container that we open, or no video stream in it
    |  |- StreamRefusedError (ValueError)   the chip does not decode such a stream: says which rule
    |  |  `- StillRefusedError             the same of a JPEG file
    |  |- BrokenVideoError (ValueError)     damaged bytes, or a container that contradicts itself
    |  |- IndexMistakenError (RuntimeError) its index does not say how it is; it is made anew
    |  `- VideoChangedError (RuntimeError)  it is no longer the object that was planned
    |- DeviceError (RuntimeError)           the chip's answer: carries the AscendCL number and name
    |  |- DeviceOutOfMemoryError (MemoryError)   the device's memory is spent: says who holds what
    |  `- DeviceLostError                  it is gone: no later call of it succeeds
    |- StorageError (OSError)               retryable: the store did not answer as it should
    |  |- OutputUnwritableError             an output cannot be written to: full, read-only, away
    |  `- StorageRefusedError               the store says no: asked at once again, it says the same
    |     |- ArchivedError (RuntimeError)    the object lies in an archive: it has to be restored
    |     |- AccessDeniedError (PermissionError)  not allowed, or not with these credentials
    |     |  `- CredentialsRefusedError     the credentials are wrong or have expired
    |     `- NoSuchBucketError (LookupError)  there is no such bucket or container
    |- IllegalMoveError (AssertionError)    the ledger was told the impossible: carries the story
    |- JobFailedError (RuntimeError)        the run cannot go on; what is committed stays; code 1
    |  `- BrokenOffError                    it may later: the same command goes on from there
    |- JobCodeError (RuntimeError)          the job's own code raised something
    |- OutputCorruptError (RuntimeError)    the output folder contradicts itself
    |  `- TornPartError                     a part is not as it was put; it counts as not there
    `- SupersededError (RuntimeError)       another process changed the output first: look again

Each error says what was asked, what is wrong, and the way out; `page` is where more is told. All of
them pickle with their fields, because they cross from workers to the driver. `name` is what rows of
errors/ and kept indexes say: it stays when a class is renamed. The names of version 0.1
(`OutputTaken` for `OutputTakenError`) are still found here, and warn.
"""

from __future__ import annotations

import warnings
from typing import Any, ClassVar, Self

from fleet.guide import Page, page_of
from fleet.text import one_line


class FleetError(Exception):
    """The root of the tree: `message` says what is wrong, `way_out` what to do about it."""

    retryable: ClassVar[bool] = False
    stage: ClassVar[str] = "run"
    name: str = "FleetError"
    code: int = 0
    topic: str = ""

    def __init_subclass__(cls, recorded_as: str = "") -> None:
        super().__init_subclass__()
        cls.name = recorded_as or cls.__name__

    def __init__(self, message: str, way_out: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.way_out = way_out

    def __str__(self) -> str:
        # Several ways out stand on lines of their own.
        between = "\n" if "\n" in self.way_out else " "
        return f"{self.message}{between}{self.way_out}".strip()

    @property
    def page(self) -> Page | None:
        """The part of a page that tells more; None where none does."""
        return page_of(tuple(kind.__name__ for kind in type(self).__mro__), self.topic)

    def about(self, topic: str) -> Self:
        """Return it as one that is about a topic of fleet/guide.py, whose page tells more."""
        self.topic = topic
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(cls: type[FleetError], args: tuple[Any, ...], fields: dict[str, Any]) -> FleetError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(fields)
    return error


class UsageError(FleetError, ValueError):
    """What was asked cannot be done; nothing was run."""


class JobFileError(UsageError):
    """The job file does not describe a job; `mistakes` lists every bad field as a sentence."""

    def __init__(self, name: str, mistakes: tuple[str, ...]) -> None:
        listed = "".join(f"\n  - {mistake}" for mistake in mistakes)
        count = "1 mistake" if len(mistakes) == 1 else f"{len(mistakes)} mistakes"
        super().__init__(f"{name} has {count}:{listed}")
        self.mistakes = mistakes


class InputNotFoundError(UsageError, LookupError, recorded_as="InputNotFound"):
    """The inputs match no video."""


class OutputTakenError(UsageError, recorded_as="OutputTaken"):
    """The output folder holds another job."""


class OutputBusyError(UsageError, recorded_as="OutputBusy"):
    """Somebody else works on the output folder just now."""


class ModelRefusedError(UsageError, recorded_as="ModelRefused"):
    """The model cannot be compiled, or the file is not a compiled model."""


class JobTooLargeError(UsageError):
    """A device of the job would hold more memory than it has; `code` is the chip's number."""

    def __init__(self, message: str, way_out: str = "", code: int = 0) -> None:
        super().__init__(message, way_out)
        self.code = code


class VideoError(FleetError):
    """One video, or a stretch of it, cannot be processed: it becomes a row in errors/."""

    stage: ClassVar[str] = "index"

    def __init__(self, uri: str, message: str, way_out: str = "", code: int = 0) -> None:
        super().__init__(message, way_out)
        self.uri = uri
        self.code = code

    def __str__(self) -> str:
        return f"{one_line(self.uri)}: {super().__str__()}"


class NotAVideoError(VideoError, ValueError, recorded_as="NotAVideo"):
    """The object holds no container that Fleet opens, or no video stream."""


class StreamRefusedError(VideoError, ValueError, recorded_as="StreamRefused"):
    """The chip does not decode such a stream; the message names the rule."""

    stage: ClassVar[str] = "vdec"


class StillRefusedError(StreamRefusedError, recorded_as="StillRefused"):
    """The chip does not decode such a file of one picture; the message names the rule."""

    stage: ClassVar[str] = "jpegd"


class BrokenVideoError(VideoError, ValueError, recorded_as="BrokenVideo"):
    """Damaged bytes, or a container that contradicts itself."""


class IndexMistakenError(VideoError, RuntimeError, recorded_as="IndexMistaken"):
    """The index, made of the container's header, does not say how the video is: make it anew."""

    retryable: ClassVar[bool] = True


class VideoChangedError(VideoError, RuntimeError, recorded_as="VideoChanged"):
    """The object is no longer the one that was planned: another was put in its place, or none."""

    retryable: ClassVar[bool] = True
    stage: ClassVar[str] = "fetch"


class DeviceError(FleetError, RuntimeError):
    """The device's answer to a call that its rules forbid.

    `code` is the AscendCL number (`fleet.ascend.codes` has the names), `name` its name.
    """

    stage: ClassVar[str] = "device"

    def __init__(self, code: int, name: str, message: str, way_out: str = "") -> None:
        super().__init__(message, way_out)
        self.code = code
        self.name = name

    def __str__(self) -> str:
        return f"{super().__str__()} ({self.code} {self.name})"


class DeviceOutOfMemoryError(DeviceError, MemoryError, recorded_as="DeviceOutOfMemory"):
    """The device's memory is spent."""


class DeviceLostError(DeviceError):
    """The device is gone: it says nothing of what was asked, and answers every later call so."""

    retryable: ClassVar[bool] = True


class StorageError(FleetError, OSError):
    """The store did not answer as it should; trying again may help."""

    retryable: ClassVar[bool] = True
    stage: ClassVar[str] = "storage"


class OutputUnwritableError(StorageError):
    """What a lease came to cannot be put into the output; nothing is lost by that."""

    stage: ClassVar[str] = "output"


class StorageRefusedError(StorageError, recorded_as="StorageRefused"):
    """The store says no; it is retryable only once what it names is put right."""


class AccessDeniedError(StorageRefusedError, PermissionError, recorded_as="AccessDenied"):
    """The store does not let us: credentials are missing, or not enough for this."""


class CredentialsRefusedError(AccessDeniedError, recorded_as="CredentialsRefused"):
    """The store does not take the credentials, whatever is asked: wrong, or expired by now."""


class ArchivedError(StorageRefusedError, RuntimeError):
    """The object lies in a class of storage that is not read, such as Glacier, until restored."""

    retryable: ClassVar[bool] = False


class NoSuchBucketError(StorageRefusedError, LookupError, recorded_as="NoSuchBucket"):
    """There is no such bucket or container."""


class IllegalMoveError(FleetError, AssertionError, recorded_as="IllegalMove"):
    """The ledger was told something that cannot be; the message carries the lease's story."""


class JobFailedError(FleetError, RuntimeError, recorded_as="JobFailed"):
    """The run cannot go on; what is committed stays."""


class BrokenOffError(JobFailedError):
    """The run cannot go on just now; the same command goes on from there, and may succeed."""

    retryable: ClassVar[bool] = True


class JobCodeError(FleetError, RuntimeError, recorded_as="JobCodeFailed"):
    """The job's own code raised something; `trace` is its traceback, from its own first line on."""

    stage: ClassVar[str] = "job"

    def __init__(self, message: str, way_out: str = "", trace: str = "") -> None:
        super().__init__(message, way_out)
        self.trace = trace


class SupersededError(FleetError, RuntimeError):
    """Another process has changed the output first: what is to be changed must be read again."""


class OutputCorruptError(FleetError, RuntimeError, recorded_as="OutputCorrupt"):
    """The output folder contradicts itself."""


class TornPartError(OutputCorruptError, recorded_as="TornPart"):
    """A part does not end as it was put: a write that broke off, or damage."""


_FORMER_NAMES: dict[str, type[FleetError]] = {
    kind.name: kind
    for kind in list(globals().values())
    if isinstance(kind, type) and issubclass(kind, FleetError) and kind.name != kind.__name__
}


class DeviceLeakWarning(UserWarning):
    """Issued where a device is closed while somebody still holds its memory."""


def __getattr__(name: str) -> type[FleetError]:
    """Return an error by its name of version 0.1, with a warning."""
    if name not in _FORMER_NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    kind = _FORMER_NAMES[name]
    warnings.warn(f"{name} is called {kind.__name__} now", DeprecationWarning, stacklevel=2)
    return kind
