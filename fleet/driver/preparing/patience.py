"""How long the plan waits for an output that refuses what is put: as long as leases do."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from fleet.clock import Clock
from fleet.core.fault import FULL_ERRNO
from fleet.core.format import duration
from fleet.core.run_events import OutputRefused
from fleet.errors import CredentialsRefusedError, StorageError
from fleet.executors import patient_pool

LOOK_S = 0.25
"""How long who waits does not hear that nobody wants the plan any more."""
Result = TypeVar("Result")


class Patience:
    """Says when something that the output refuses is tried again; see PatientPool."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_s: float | None = None
        self._next_s = self._wait_s = 0.0
        self._most_s = patient_pool.GIVE_UP_S

    @property
    def waits(self) -> bool:
        """Whether the output has taken nothing since it was found to refuse."""
        return self._since_s is not None

    @property
    def waited_s(self) -> float:
        """For how long it has refused."""
        return 0.0 if self._since_s is None else self._clock.steady_s() - self._since_s

    @property
    def is_late(self) -> bool:
        """Whether it has refused for so long that the run ends with the next refusal."""
        return self.waited_s > self._most_s

    @property
    def is_time(self) -> bool:
        """Whether it is time to try again."""
        return self._clock.steady_s() >= self._next_s

    def begin(self) -> None:
        """Take note that the output takes nothing, though nothing was tried."""
        if self._since_s is None:
            self._since_s = self._clock.steady_s()
            self._wait_s = patient_pool.FIRST_WAIT_S

    def refused(self, error: StorageError) -> None:
        """Take note of a refusal; raises it where waiting is of no use, or no longer."""
        if self.is_late or not error.retryable or isinstance(error, CredentialsRefusedError):
            raise error
        self._most_s = patient_pool.give_up_s(is_full=error.code in FULL_ERRNO)
        self.begin()
        self._next_s = self._clock.steady_s() + self._wait_s
        self._wait_s = min(2 * self._wait_s, patient_pool.LONGEST_WAIT_S)

    def end(self) -> None:
        """Take note that the output takes something."""
        self._since_s, self._next_s = None, 0.0


class ToldPatience(Patience):
    """Patience of which the user is told once it is needed, and once it is not."""

    def __init__(self, clock: Clock, say: Callable[[OutputRefused], None]) -> None:
        super().__init__(clock)
        self._say = say
        self._is_told = False
        self._lines = 0

    def begin(self) -> None:
        """See Patience; a single answer that is missing is not told of."""
        super().begin()
        if self.waited_s >= patient_pool.FIRST_WAIT_S:
            self._tell("The output takes nothing.")

    def refused(self, error: StorageError) -> None:
        """See Patience."""
        super().refused(error)
        self._tell(error.message)

    def end(self) -> None:
        """See Patience."""
        waited_s = self.waited_s
        super().end()
        if self._is_told:
            self._is_told = False
            text = f"The output takes what is written again, after {duration(waited_s)}."
            self._write(text, waits=False)

    def _tell(self, why: str) -> None:
        if not self._is_told:
            self._is_told = True
            self._write(
                f"{why} No further videos are handed out until the output takes what is written; "
                f"that is tried for {duration(self._most_s)}. Nothing is lost.",
                waits=True,
            )

    def _write(self, text: str, *, waits: bool) -> None:
        self._lines += 1
        self._say(OutputRefused(text if self._lines <= patient_pool.MOST_LINES else "", waits))


def keep_trying(put: Callable[[], Result], clock: Clock, on_wait: Callable[[], object]) -> Result:
    """Put something, again and again where the output refuses it.

    `on_wait`: called while it waits; what it raises ends that.
    """
    patience = Patience(clock)
    while True:
        try:
            return put()
        except StorageError as error:
            patience.refused(error)
        while not patience.is_time:
            on_wait()
            clock.sleep(LOOK_S)
