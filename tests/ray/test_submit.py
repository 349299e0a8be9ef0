"""Jobs that are submitted to a cluster: the rows of a run here, whatever happens to the driver."""

from __future__ import annotations

import os
import signal
import uuid
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from ray_head import Head, ray_head
from s3_server import S3Server, wait_until

import fleet
from fleet.cli.output_folder import open_output
from fleet.output.status import read_status
from fleet.storage import Folder

JOBS = Path(__file__).parents[2] / "jobs"
DRIVER = ("fleet.cli.attended", "run")


@pytest.fixture(scope="module")
def head() -> Iterator[Head]:
    """A head with two simulated devices."""
    with ray_head(2) as running:
        yield running


def rows(output: str, table: str) -> tuple[pa.Table, ...]:
    """Read a job's table and the frames, sorted by what is unique in them."""
    tables = fleet.read(output)
    found = []
    for each in (tables.table(table).to_table(), tables.frames.to_table()):
        plain = each.cast(pa.schema([(f.name, _plain(f.type)) for f in each.schema]))
        plain = plain.drop_columns(["uri"])
        found.append(plain.sort_by([(name, "ascending") for name in _keys(plain)]))
    return tuple(found)


def _plain(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _keys(table: pa.Table) -> list[str]:
    return [f.name for f in table.schema if not pa.types.is_binary(f.type)]


def detect(clip: object, model: object, output: object) -> list[object]:
    """Say what the detect job is to do: every fifth frame, in short leases."""
    return [
        *(JOBS / "detect.toml", "--input", clip, "--model", model, "--output", output),
        *("--sample", "every=5", "--set", "lease_s=1.0"),
    ]


def inline(clip: Path, model: Path, output: Path) -> str:
    """Do the same in this process; gives the output."""
    named = {"input": [str(clip)], "model": str(model), "output": str(output)}
    job = fleet.load_job(JOBS / "detect.toml", {**named, "sample": "every=5", "lease_s": 1.0})
    assert fleet.run(job, on="inline").exit_code == 0
    return str(output)


def test_rows_of_a_submitted_job_are_those_of_a_run_here(
    head: Head,
    seaweed: S3Server,
    town_hevc: Path,
    fastestdet: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Model and job module are sent, keys handed on by name; nothing secret is printed."""
    for name, value in seaweed.environment.items():
        monkeypatch.setenv(name, value)
    seaweed.make_bucket("submitted")
    place = f"s3://submitted/{uuid.uuid4()}"
    Folder(f"{place}/clips").put(town_hevc.name, town_hevc.read_bytes())
    client = Head(head.url, head.address, head.process, {**head.environment, **seaweed.environment})
    passed = [word for name in seaweed.environment for word in ("--pass-env", name)]
    done = client.fleet("submit", *detect(f"{place}/clips", fastestdet, f"{place}/out"), *passed)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "80 frames" in done.stdout
    assert seaweed.secret not in done.stdout + done.stderr
    expected = inline(town_hevc, fastestdet, tmp_path / "here")
    assert rows(f"{place}/out", "detections") == rows(expected, "detections")


def test_a_driver_that_is_killed_goes_on_by_itself(
    head: Head, town: Path, fastestdet: Path, tmp_path: Path
) -> None:
    """SIGKILL after the first commits: it is started again, and what was done is not redone."""
    output = tmp_path / "out"
    with head.start("submit", *detect(town, fastestdet, output)) as client:
        try:
            wait_until(lambda: _parts(output) >= 2, "the first leases")
            (driver,) = head.find(*DRIVER)
            os.kill(driver, signal.SIGKILL)
            printed, _ = client.communicate(timeout=300)
        finally:
            client.kill()
    assert client.returncode == 0, printed
    assert "was killed by SIGKILL; it is started again" in printed
    assert "159 frames" in printed
    expected = inline(town, fastestdet, tmp_path / "here")
    assert rows(str(output), "detections") == rows(expected, "detections")


def test_a_job_that_is_stopped_ends_cleanly_and_goes_on_when_it_is_submitted_again(
    head: Head, town: Path, fastestdet: Path, tmp_path: Path
) -> None:
    """It notes that it was interrupted, gives up the output, ends its devices, keeps its rows."""
    output = tmp_path / "out"
    job = [*detect(town, fastestdet, output), "--sample", "all"]
    submitted = head.fleet("submit", "--detach", *job)
    assert submitted.returncode == 0, submitted.stderr
    submission = _id_in(submitted.stderr)
    wait_until(lambda: _parts(output) >= 2, "the first leases")
    listed = head.fleet("stop")
    assert f"{submission}  running" in listed.stdout
    assert str(output) in listed.stdout
    stopped = head.fleet("stop", submission)
    assert stopped.returncode == 0, stopped.stderr
    assert f"{submission} has ended (stopped)" in stopped.stdout
    assert "Interrupted: " in stopped.stdout
    assert "No submission" in head.fleet("stop").stdout
    assert head.find(*DRIVER) == []
    assert read_status(*open_output(str(output))).state == "interrupted"
    kept = _parts(output)
    assert kept >= 2
    again = head.fleet("submit", *detect(town, fastestdet, output), "--sample", "all")
    assert again.returncode == 0, again.stdout + again.stderr
    assert fleet.read(str(output)).frames.count_rows() == 795


def test_a_jobs_own_module_travels(head: Head, town_hevc: Path, tmp_path: Path) -> None:
    """A job file with a class in a file beside it, which nodes do not have."""
    home = tmp_path / "mine"
    home.mkdir()
    (home / "ticks.py").write_text(
        "from dataclasses import dataclass\nimport numpy as np\nimport pyarrow as pa\n"
        "from fleet import FrameJob\nfrom fleet.frames import Rows\n"
        "@dataclass(frozen=True)\nclass Ticks(FrameJob):\n"
        "    step: int\n    table = 'ticks'\n    schema = pa.schema([('tick', pa.int64())])\n"
        "    def run(self, opened, batch):\n"
        "        return Rows(np.arange(len(batch)), {'tick': self.step * batch.frames})\n"
    )
    (home / "ticks.toml").write_text(
        f'job = "ticks.py:Ticks"\ninput = ["{town_hevc}"]\noutput = "{tmp_path}/out"\n'
        'sample = "every=10"\n[params]\nstep = 3\n'
    )
    done = head.fleet("submit", home / "ticks.toml", "--set", "step=7")
    assert done.returncode == 0, done.stdout + done.stderr
    table = fleet.read(str(tmp_path / "out")).table("ticks").to_table()
    assert sorted(table["tick"].to_pylist()) == [7 * frame for frame in range(0, 400, 10)]


def test_a_job_that_fails_ends_the_command_with_its_exit_code(head: Head, tmp_path: Path) -> None:
    """No video in the inputs: exit code 2, once, and in the words of fleet run."""
    (tmp_path / "empty").mkdir()
    job = [JOBS / "thumbnails.toml", "--input", tmp_path / "empty", "--output", tmp_path / "out"]
    done = head.fleet("submit", *job)
    assert done.returncode == 2, done.stdout + done.stderr
    assert done.stdout.count("fleet: error:") == 1


def test_a_cluster_with_a_token_lets_nobody_else_in(tmp_path: Path) -> None:
    """Without the token, or with another one: what to set, exit code 2; with it, it works."""
    token = tmp_path / "token"
    token.write_text(uuid.uuid4().hex)
    other = tmp_path / "other"
    other.write_text(uuid.uuid4().hex)
    with ray_head(1, {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}) as head:
        listed = head.fleet("stop")
        assert listed.returncode == 0, listed.stderr
        for environment in ({"RAY_AUTH_MODE": "disabled"}, {"RAY_AUTH_TOKEN_PATH": str(other)}):
            stranger = Head(
                head.url, head.address, head.process, {**head.environment, **environment}
            )
            refused = stranger.fleet("stop")
            assert refused.returncode == 2, refused.stderr
            assert "without its token" in refused.stderr
            assert "RAY_AUTH_TOKEN_PATH" in refused.stderr
            assert "Traceback" not in refused.stderr


def _parts(output: Path) -> int:
    return len(list((output / "frames").glob("*.parquet")))


def _id_in(text: str) -> str:
    (line,) = (line for line in text.splitlines() if line.startswith("Submitted "))
    return line.removeprefix("Submitted ")
