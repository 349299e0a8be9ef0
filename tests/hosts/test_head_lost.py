"""The head of a cluster is lost while a job runs; its memory is kept. `make prove-head` has more."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hosts import missing_for_hosts
from lasting import Memory
from losing_heads import prove


@pytest.mark.parametrize("memory", Memory)
def test_a_submitted_job_goes_on_by_itself_once_its_head_is_back(
    memory: Memory, tmp_path: Path
) -> None:
    """Its driver has a node apart; what nodes hold is committed; the rows are those of a run here."""
    if reason := missing_for_hosts() or memory.missing:
        pytest.skip(reason)
    assert prove(tmp_path, memory, 1, random.Random(0), print)  # noqa: S311 - it is to come from its seed
