"""Work that is spread over processes."""

from __future__ import annotations

import os

import pytest

from fleet.ascend.soc import soc
from fleet.errors import JobFailedError, UsageError
from fleet.street.render_pool import map_unordered


def test_other_processes_return_each_result_once() -> None:
    """In any order; this process computes none of them."""
    assert sorted(map_unordered(abs, [(-number,) for number in range(7)], 2)) == list(range(7))
    assert os.getpid() not in set(map_unordered(os.getpid, [(), ()], 2))


def test_an_error_of_the_work_is_raised_here() -> None:
    """With its class and its sentence."""
    with pytest.raises(UsageError, match="Ascend999"):
        list(map_unordered(soc, [("Ascend999",)], 1))


def test_a_process_that_dies_is_reported() -> None:
    """As an error that says what to do, whatever else was to be done."""
    with pytest.raises(JobFailedError, match="died"):
        list(map_unordered(os._exit, [(1,), (1,), (1,)], 1))


def test_no_work_is_no_result() -> None:
    """Where everything is rendered already."""
    assert list(map_unordered(abs, [], 2)) == []
