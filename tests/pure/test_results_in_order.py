"""Work side by side: results come in order, and no more is made than is asked for ahead."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from fleet.table.commits.ahead import results_in_order


def test_results_come_in_the_order_of_the_items() -> None:
    """Whichever thread is done first."""
    assert list(results_in_order(lambda n: n * n, range(50), 3, "t", 7)) == [
        n * n for n in range(50)
    ]


def test_items_are_taken_no_further_ahead_than_is_asked_for() -> None:
    """So memory does not grow with how many there are."""
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(50):
            taken.append(number)
            yield number

    for count, _ in enumerate(results_in_order(lambda n: n, items(), 3, "t", 7)):
        assert len(taken) <= count + 7


def test_what_a_task_raises_comes_in_its_turn() -> None:
    """Behind the results of those before it."""
    results = results_in_order(lambda n: 1 // (3 - n), range(9), 3, "t", 9)
    assert [next(results) for _ in range(3)] == [0, 0, 1]
    with pytest.raises(ZeroDivisionError):
        next(results)
