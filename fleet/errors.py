"""Every error that Fleet raises, in one tree.

    FleetError
    |- UsageError (ValueError)            what was asked cannot be done; nothing ran; exit code 2
    |  |- JobFileError                    the job file: every bad field is listed
    |  |- InputNotFound (LookupError)     the inputs match no video
    |  |- OutputTaken                     the output folder holds another job
    |  |- OutputBusy                      somebody else works on the output folder just now
    |  `- ModelRefused                    the model cannot be compiled, or is not compiled
    |- VideoError                         one video, or a stretch of one: becomes a row in errors/
    |  |- NotAVideo (ValueError)          no container that we open, or no video stream in it
    |  |- StreamRefused (ValueError)      the chip does not decode such a stream: says which rule
    |  |- BrokenVideo (ValueError)        damaged bytes, or a container that contradicts itself
    |  `- VideoChanged (RuntimeError)      it is no longer the object that was planned
    |- DeviceError (RuntimeError)         the chip's answer: carries the AscendCL number and name
    |  `- DeviceOutOfMemory (MemoryError) the device's memory is spent: says who holds what
    |- StorageError (OSError)             retryable: the store did not answer as it should
    |  `- StorageRefused                  the store says no: asked at once again, it says the same
    |     |- AccessDenied (PermissionError)  this may not be done, or not with these credentials
    |     |  `- CredentialsRefused        the credentials are wrong or have expired, for any object
    |     `- NoSuchBucket (LookupError)    there is no such bucket or container
    |- IllegalMove (AssertionError)       the ledger was told the impossible: carries the story
    |- JobFailed (RuntimeError)           the run cannot go on; what is committed stays; exit code 1
    |- JobCodeFailed (RuntimeError)       the job's own code raised something
    `- OutputCorrupt (RuntimeError)       the output folder contradicts itself
       `- TornPart                        a part is not as it was put; it counts as not there

Each error says what was asked, what is wrong, and the way out. All of them pickle, with their
fields, because they cross from workers to the driver.
"""

from __future__ import annotations

from typing import Any, ClassVar

from fleet.text import one_line


class FleetError(Exception):
    """The root of the tree: `message` says what is wrong, `way_out` what to do about it."""

    retryable: ClassVar[bool] = False
    stage: ClassVar[str] = "run"
    code: int = 0

    def __init__(self, message: str, way_out: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.way_out = way_out

    def __str__(self) -> str:
        return f"{self.message} {self.way_out}".strip()

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


class InputNotFound(UsageError, LookupError):
    """The inputs match no video."""


class OutputTaken(UsageError):
    """The output folder holds another job."""


class OutputBusy(UsageError):
    """Somebody else works on the output folder just now."""


class ModelRefused(UsageError):
    """The model cannot be compiled, or the file is not a compiled model."""


class VideoError(FleetError):
    """One video, or a stretch of it, cannot be processed: it becomes a row in errors/."""

    stage: ClassVar[str] = "index"

    def __init__(self, uri: str, message: str, way_out: str = "", code: int = 0) -> None:
        super().__init__(message, way_out)
        self.uri = uri
        self.code = code

    def __str__(self) -> str:
        return f"{one_line(self.uri)}: {super().__str__()}"


class NotAVideo(VideoError, ValueError):
    """The object holds no container that Fleet opens, or no video stream."""


class StreamRefused(VideoError, ValueError):
    """The chip does not decode such a stream; the message names the rule."""

    stage: ClassVar[str] = "vdec"


class BrokenVideo(VideoError, ValueError):
    """Damaged bytes, or a container that contradicts itself."""


class VideoChanged(VideoError, RuntimeError):
    """The object is no longer the one that was planned: another was put in its place, or none."""

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


class DeviceOutOfMemory(DeviceError, MemoryError):
    """The device's memory is spent."""


class StorageError(FleetError, OSError):
    """The store did not answer as it should; trying again may help."""

    retryable: ClassVar[bool] = True
    stage: ClassVar[str] = "storage"


class StorageRefused(StorageError):
    """The store says no; it is retryable only once what it names is put right."""


class AccessDenied(StorageRefused, PermissionError):
    """The store does not let us: credentials are missing, or not enough for this."""


class CredentialsRefused(AccessDenied):
    """The store does not take the credentials, whatever is asked: wrong, or expired by now."""


class NoSuchBucket(StorageRefused, LookupError):
    """There is no such bucket or container."""


class IllegalMove(FleetError, AssertionError):
    """The ledger was told something that cannot be; the message carries the lease's story."""


class JobFailed(FleetError, RuntimeError):
    """The run cannot go on; what is committed stays."""


class JobCodeFailed(FleetError, RuntimeError):
    """The job's own code raised something."""

    stage: ClassVar[str] = "job"


class OutputCorrupt(FleetError, RuntimeError):
    """The output folder contradicts itself."""


class TornPart(OutputCorrupt):
    """A part does not end as it was put: a write that broke off, or damage."""
