"""What a worker says of a lease that it could not do."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """Why a lease was not done.

    `stage`: where (storage, job, device, worker). `code`: the device's number, 0 elsewhere.
    `name`: the error's name. `message`: a sentence. `retryable`: whether trying again may help.
    `detail`: the traceback, for the log.
    """

    stage: str
    code: int
    name: str
    message: str
    retryable: bool
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.stage}: {self.message}"
