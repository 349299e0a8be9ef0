"""A core that is to spare decodes ahead in a lease that runs: what comes of it is the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from pixel_leases import NAMES, opened, rows, wait_until

from fleet.core.receipt import Receipt
from fleet.plan.order import LeaseOrder
from fleet.plan.read_ahead import RESERVE_BYTES


@pytest.mark.parametrize("after", [0, 7, 40])
def test_a_second_core_may_come_in_the_middle_of_a_lease(
    after: int, made: LeaseOrder, tmp_path: Path
) -> None:
    """Rows are the same, and the receipt says of how many frames it has decoded."""
    seen: list[int] = []

    def look(frame: int) -> None:
        if len(seen) == after:
            worker.read_ahead(made.lease)
        seen.append(frame)

    with opened(tmp_path / "late", look) as worker:
        late = worker.run(made)
    assert isinstance(late, Receipt)
    assert 0 < late.frames_ahead < len(seen) - after
    for cores in (1, 2):
        with opened(tmp_path / f"{cores}", cores=cores) as worker:
            always = worker.run(made)
        assert isinstance(always, Receipt)
        # What a device has for itself is none to spare.
        assert always.frames_ahead == 0
        assert rows(tmp_path / "late") == rows(tmp_path / f"{cores}")


def test_a_lease_takes_no_more_memory_with_a_second_core_where_little_is_free(
    made: LeaseOrder, tmp_path: Path
) -> None:
    """To the byte: its pictures are decoded once the job asks for them."""
    peaks, ahead = list[int](), list[int]()
    for name in ("narrow", "wide"):

        def told(frame: int, wide: bool = name == "wide") -> None:
            if not frame and wide:
                worker.read_ahead(made.lease)

        with opened(tmp_path / name, told) as worker:
            memory = worker._device.device.memory
            spare_bytes = memory.budget_bytes - memory.used_bytes
            held = memory.allocate(spare_bytes - RESERVE_BYTES // 2, "own")
            receipt = worker.run(made)
            held.free()
            assert isinstance(receipt, Receipt)
            peaks.append(memory.peak_bytes)
            ahead.append(receipt.frames_ahead)
    assert ahead[0] == 0 < ahead[1]
    assert peaks[0] == peaks[1]
    assert rows(tmp_path / "narrow") == rows(tmp_path / "wide")


@pytest.mark.parametrize("asks", ["decoder", "job"])
def test_memory_that_is_refused_as_a_lease_is_decoded_ahead_loses_nothing(
    asks: str, made: LeaseOrder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever is refused: the lease is done again on one core, as are all others of the device."""
    monkeypatch.setattr("fleet.worker.room.RESERVE_BYTES", 0)
    refused: list[int] = []

    def told(frame: int) -> None:
        memory = worker._device.device.memory
        if not frame:
            worker.read_ahead(made.lease)
        elif frame > 1 and not memory.refusals:
            # By now the batch of frame 0 is behind it, and others are decoded ahead.
            if asks == "job":
                refused.append(frame)
                memory.allocate(memory.budget_bytes, "own")
            held = memory.allocate(memory.budget_bytes - memory.used_bytes - 64, "own")
            try:
                wait_until(lambda: memory.refusals, "the decoder has asked for no memory")
            finally:
                held.free()
            refused.append(frame)

    with opened(tmp_path / "wide", told) as worker:
        receipt = worker.run(made)
        assert isinstance(receipt, Receipt)
        assert len(refused) == 1
        assert (receipt.tally.errors, receipt.frames_ahead) == (0, 0)
        assert worker.progress().frames == receipt.tally.frames
        rest = LeaseOrder(NAMES([made.shards[0].interval]), made.shards[:1])
        worker.read_ahead(rest.lease)
        again = worker.run(rest)
        assert isinstance(again, Receipt)
        assert again.frames_ahead == 0
    with opened(tmp_path / "narrow") as worker:
        alone = worker.run(made)
    assert isinstance(alone, Receipt)
    assert (alone.tally.frames, alone.tally.fed) == (receipt.tally.frames, receipt.tally.fed)
    whole = sorted(set(rows(tmp_path / "wide")))
    assert whole == rows(tmp_path / "narrow")
