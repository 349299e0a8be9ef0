"""What a job's own code may return and raise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from made_up import batch_of

from fleet import FrameBatch, FrameJob, Rows
from fleet.errors import JobCodeError, UsageError
from fleet.worker.job_boundary import run_job


@dataclass(frozen=True)
class Returning(FrameJob):
    """A job that returns what it is given, or raises it."""

    value: Any

    table = "things"
    schema = pa.schema([])

    def run(self, opened: Any, batch: FrameBatch) -> Rows:
        """Return the value."""
        del opened, batch
        if isinstance(self.value, BaseException):
            raise self.value
        return self.value  # type: ignore[no-any-return]


def test_rows_come_out_as_they_are() -> None:
    """The very object."""
    rows = Rows(np.zeros(0, np.int32), {})
    assert run_job(Returning(rows), None, batch_of("v", [0])) is rows


@pytest.mark.parametrize(("value", "kind"), [(None, "None"), ({"mean": 3}, "dict"), ([], "list")])
def test_anything_else_is_refused_with_what_is_wanted(value: object, kind: str) -> None:
    """It is the job that is wrong, and no video: a usage error ends the run."""
    says = rf"The job's run returned {kind}\. Let it return Rows or Detections"
    with pytest.raises(UsageError, match=says):
        run_job(Returning(value), None, batch_of("v", [0]))


def test_what_it_raises_is_the_job_s_own_error() -> None:
    """With the kind and the words of what was raised, and where in the user's code that was."""
    says = rf"The job's run raised KeyError: 'nothing' \({__file__}, line \d+\)"
    with pytest.raises(JobCodeError, match=says) as caught:
        run_job(Returning(KeyError("nothing")), None, batch_of("v", [0]))
    first, place, *_, last = caught.value.trace.splitlines()
    assert (first, last) == ("Traceback (most recent call last):", "KeyError: 'nothing'")
    assert __file__ in place, "the user's code comes first, and nothing of Fleet before it"


def test_a_job_that_exits_is_wrong_as_one_that_raises() -> None:
    """The worker lives: one process after the other would end otherwise."""
    with pytest.raises(JobCodeError, match=r"The job's run raised SystemExit: 3 \("):
        run_job(Returning(SystemExit(3)), None, batch_of("v", [0]))
