"""Why an actor died, in words, as far as Ray knows."""

from __future__ import annotations

from ray.exceptions import OutOfMemoryError, RayActorError, RayError

from fleet.driver.events import Cause

# What Ray's own messages say, and what it means; the first that fits.
_SIGNS = {
    "node has died": "its machine died, or cannot be reached",
    "connection error code 2": "its process ended without a word, as in a crash of native code, by "
    "a kill, or where memory is spent",
    "exit code": "its process ended by itself",
}


def why(error: RayError) -> tuple[str, Cause]:
    """Give the reason for people, and what it means for the lease that ran."""
    if isinstance(error, OutOfMemoryError):
        return "Ray ended it, because its machine ran out of memory", Cause.DIED
    if isinstance(error, RayActorError) and error.preempted:
        return "its machine was taken away", Cause.TAKEN
    text = str(error)
    for sign, reason in _SIGNS.items():
        if sign in text:
            return reason, Cause.DIED
    return text.partition("\n")[0], Cause.DIED
