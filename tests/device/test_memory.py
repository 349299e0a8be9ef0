"""Device memory: what it costs, who holds it, what happens when it is spent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.ascend.memory import Memory
from fleet.ascend.soc import MB
from fleet.errors import DeviceError, DeviceOutOfMemoryError


@pytest.mark.parametrize(("asked", "cost"), [(1, 64), (32, 64), (33, 96), (152064, 152096)])
def test_a_size_is_rounded_to_32_and_32_are_added(asked: int, cost: int) -> None:
    """Both calls that allocate cost the same (docs/chip.md#memory-rounding)."""
    memory = Memory(MB)
    assert memory.allocate(asked, "buffer").bytes == cost == memory.used_bytes


def test_memory_is_given_back_once() -> None:
    """A second free does nothing."""
    memory = Memory(MB)
    first, second = memory.allocate(1000, "a"), memory.allocate(1000, "a")
    first.free()
    first.free()
    assert memory.used_bytes == second.bytes


def test_over_budget_says_who_holds_what() -> None:
    """A request beyond the budget is answered with 207001 (docs/chip.md#memory-limit)."""
    memory = Memory(10 * MB)
    memory.allocate(6 * MB, "vdec channel")
    memory.allocate(3 * MB, "model yolo")
    with pytest.raises(
        DeviceOutOfMemoryError, match=r"vdec channel 6\.0 MB, model yolo 3\.0 MB"
    ) as caught:
        memory.allocate(2 * MB, "vpc picture")
    assert caught.value.code == 207001
    assert memory.by_holder() == {"vdec channel": 6 * MB + 32, "model yolo": 3 * MB + 32}


@pytest.mark.parametrize("size_bytes", [0, -1])
def test_a_size_is_positive(size_bytes: int) -> None:
    """A size of 0 or less is answered with 100000 (docs/chip.md#memory-positive)."""
    with pytest.raises(DeviceError) as caught:
        Memory(MB).allocate(size_bytes, "buffer")
    assert caught.value.code == 100000


def test_closed_memory_gives_none_but_takes_back() -> None:
    """Without a context every call answers 107002 (docs/chip.md#memory-context)."""
    memory = Memory(MB)
    held = memory.allocate(1, "picture")
    memory.close()
    with pytest.raises(DeviceError) as caught:
        memory.allocate(1, "picture")
    held.free()
    assert (caught.value.code, memory.used_bytes) == (107002, 0)


@given(st.lists(st.tuples(st.integers(1, 5000), st.booleans()), max_size=40))
def test_the_books_always_balance(steps: list[tuple[int, bool]]) -> None:
    """Used bytes are those of the live allocations, which never overlap; the peak never falls."""
    memory, live, peak = Memory(MB), [], 0
    for size_bytes, then_free in steps:
        live.append(memory.allocate(size_bytes, f"holder {size_bytes % 3}"))
        peak = max(peak, memory.used_bytes)
        if then_free:
            live.pop(0).free()
    assert memory.used_bytes == sum(held.bytes for held in live) == sum(memory.by_holder().values())
    assert memory.peak_bytes == peak
    assert all(held.address % 128 == 0 for held in live)
    ends = [held.address + held.bytes for held in live]
    assert all(end <= held.address for end, held in zip(ends, live[1:], strict=False))
