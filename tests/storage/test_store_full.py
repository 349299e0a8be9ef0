"""A real store whose bucket may have no more objects, in the middle of a run."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest
from generate import Clip, write
from object_server import use
from rgw import Gateway
from submitted import TICKS

import fleet
from fleet.errors import JobFailedError
from fleet.executors import patient_pool
from fleet.storage import Folder
from fleet.table.state.lock import LEADER_LOCK

FRAMES = 300
OBJECTS = 20
"""More than a run begins with, and fewer than it ends with."""


@pytest.mark.rgw
def test_a_bucket_with_its_quota_used_up_ends_the_run_soon_and_loses_nothing(
    rgw: Gateway, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told as a place without room, not as one that may not be written to."""
    monkeypatch.setattr(patient_pool, "FIRST_WAIT_S", 0.2)
    monkeypatch.setattr(patient_pool, "FULL_GIVE_UP_S", 1.0)
    bucket = f"full-{uuid.uuid4()}"
    rgw.make_bucket(bucket)
    use(rgw, monkeypatch)
    write(Clip(frames=FRAMES, gop=10), tmp_path / "clip.mp4")
    (tmp_path / "ticks.py").write_text(TICKS)
    output = f"s3://{bucket}/out"
    settings = {"input": [str(tmp_path / "clip.mp4")], "output": output, "lease_s": 0.4}
    (tmp_path / "ticks.toml").write_text(
        'job = "ticks.py:Ticks"\n[params]\nstep = 1\ndwell_s = 0.02\n'
    )
    job = fleet.load_job(tmp_path / "ticks.toml", settings)
    with rgw.limited(bucket, OBJECTS), pytest.raises(JobFailedError) as raised:
        fleet.run(job, on="inline")
    told = str(raised.value)
    assert "could not be written: its quota is used up (QuotaExceeded)." in told
    assert "Once there is room, the same command goes on" in told
    begun = fleet.read(output)
    assert 0 < begun.frames.count_rows() < FRAMES
    assert begun.errors.count_rows() == 0
    assert len(list(Folder(output).list())) <= OBJECTS
    # The run could not write that it has ended either, so that its lock stands for a minute.
    Folder(output).delete(LEADER_LOCK)
    assert fleet.run(job, on="inline").exit_code == 0
    assert fleet.read(output).frames.count_rows() == FRAMES
