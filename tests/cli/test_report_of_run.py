"""`fleet run --report`: the page beside the tables, and what keeps it from being made."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from command import fleet_here
from recorded import write_grays

import fleet
from fleet.job.toml_text import packaged_job


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Forty frames at 10 a second."""
    return write_grays(tmp_path / "gate.mp4")


def test_a_run_puts_its_report_beside_the_tables(clip: Path, tmp_path: Path) -> None:
    """It says where; what it put there hinders no command, and no run without one."""
    out = tmp_path / "out"
    words = ["run", packaged_job("thumbnails.toml"), "--input", clip, "--output", out]
    words += ["--sample", "every=10", "--inline", "--devices", "1"]
    for _ in range(2):
        done = fleet_here(*words, "--report")
        assert done.returncode == 0, done.stderr
        assert f"Look at it: {out}/report.html: 4 rows, 4 pictures" in done.stdout
        assert "fleet report" not in done.stdout
    page = (out / "report.html").read_bytes()
    assert page.startswith(b"<!doctype html>")
    for command in ("verify", "compact", "verify", "status"):
        done = fleet_here(command, out)
        assert done.returncode == 0, done.stderr
        assert "report.html" not in done.stdout
    assert fleet.read(str(out)).table("thumbnails").count_rows() == 4
    done = fleet_here(*words)
    assert done.returncode == 0, done.stderr
    assert "done before" in done.stdout
    assert (out / "report.html").read_bytes() == page
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("  fleet report "))
    again = shlex.split(line)[1:-1]
    assert fleet_here(*again, tmp_path / "again.html").returncode == 0
    assert (tmp_path / "again.html").is_file()


@pytest.mark.parametrize("trouble", [RuntimeError("two\nlines"), KeyboardInterrupt()])
def test_a_report_that_cannot_be_made_fails_no_run(
    clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: BaseException
) -> None:
    """Whatever befalls it is one line; the job is as whole as it is."""

    def raises(*_: object) -> str:
        raise trouble

    monkeypatch.setattr("fleet.report.build.put_report", raises)
    words = ["run", packaged_job("thumbnails.toml"), "--input", clip, "--output", tmp_path / "out"]
    done = fleet_here(*words, "--sample", "every=10", "--inline", "--devices", "1", "--report")
    assert done.returncode == 0
    (said,) = (line for line in done.stderr.splitlines() if "no report was made of it" in line)
    assert said.endswith(("RuntimeError: two\\nlines", "interrupted"))
    assert not (tmp_path / "out" / "report.html").exists()
