"""A run where there is no Ray: it starts one, and ends it."""

from __future__ import annotations

from pathlib import Path

import pytest
import ray

import fleet


def test_a_job_with_a_bug_fails_at_once_with_its_traceback(tmp_path: Path, town_hevc: Path) -> None:
    """Nothing is recorded as lost: it is the job that is wrong; and nothing of Ray is left."""
    module = tmp_path / "buggy.py"
    module.write_text(
        "from dataclasses import dataclass\nimport pyarrow as pa\nfrom fleet import FrameJob\n"
        "@dataclass(frozen=True)\nclass Buggy(FrameJob):\n    table = 'x'\n    schema = pa.schema([])\n"
        "    def run(self, opened, batch):\n        return batch.no_such_field\n"
    )
    (tmp_path / "job.toml").write_text(
        f'job = "buggy.py:Buggy"\ninput = ["{town_hevc}"]\noutput = "{tmp_path}/out"\ndevices = 1\n'
    )
    with pytest.raises(fleet.errors.JobFailedError, match=r"(?s)no_such_field.*buggy\.py"):
        fleet.run(fleet.load_job(tmp_path / "job.toml"))
    assert not ray.is_initialized()
