"""A run where there is no Ray: it starts one, and ends it."""

from __future__ import annotations

from pathlib import Path

import pytest
import ray

import fleet
from fleet.executors.ray.session import ray_left_as_found, start_ray
from fleet.executors.ray.whereabouts import check_answers


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


def test_ray_starts_in_spite_of_a_long_tmpdir_and_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The paths of its sockets would be too long there; at its address a cluster is found."""
    monkeypatch.setenv("TMPDIR", str(tmp_path / ("x" * 80)))
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    with ray_left_as_found():
        start_ray(1)
        check_answers(ray.get_runtime_context().gcs_address, {})
