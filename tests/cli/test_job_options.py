"""The options of a job: each command has them, in panels, and they reach the job."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Annotated

import pytest
import typer
from command import fleet_here
from typer.testing import CliRunner

from fleet.cli.options import JobOptions, job_options
from fleet.job.job import Job

DETECT = Path(__file__).parents[2] / "jobs" / "detect.py"
JOB = {"Job": {"--input", "--model", "--output", "--sample", "--set"}}
VIDEOS = {
    "Which videos": {
        *("--include", "--exclude", "--modified-since"),
        *("--fallback", "--streams", "--index-cache"),
    }
}
COMMON = {**JOB, **VIDEOS}
RUNS = {**JOB, "Which videos": {*VIDEOS["Which videos"], "--retry-failed"}}
DEVICES = {"--devices", "--cores-per-device", "--max-devices", "--deadline"}
SHARED = {*DEVICES, "--weight", "--label"}
PANELS = {
    "run": {
        **JOB,
        "Which videos": {*RUNS["Which videos"], "--retry-lost"},
        "Devices": {*SHARED, "--on", "--join", "--accept-errors", "--report"},
    },
    "plan": {**COMMON, "Devices": DEVICES, "Options": {"--price-per-device-hour", "--json"}},
    "submit": {
        **RUNS,
        "Devices": SHARED,
        "Cluster": {
            *("--address", "--detach", "--pass-env", "--report"),
            *("--with-fleet", "--without-fleet"),
        },
    },
    "simulate": {
        **COMMON,
        "Devices": {
            *("--devices", "--what-if", "--slow", "--failures"),
            *("--soc", "--backups", "--no-backups"),
        },
        "Made-up leases and videos": {"--leases", "--lease-s", "--videos", "--nodes"},
        "Options": {"--seed", "--price-per-device-hour"},
    },
}


@pytest.mark.parametrize("command", PANELS)
def test_the_help_lists_every_option_in_its_panel(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As people read it, on a terminal of 200 columns."""
    monkeypatch.setenv("COLUMNS", "200")
    found: defaultdict[str, set[str]] = defaultdict(set)
    panel = ""
    for line in fleet_here(command, "--help").stdout.splitlines():
        if re.fullmatch(r"[A-Z][\w-]*( \w+)*", line):
            panel = line
        elif names := re.match(r"  (--[a-z-]+)(?:/(--[a-z-]+))?", line):
            found[panel] |= {name for name in names.groups() if name}
    assert dict(found) == PANELS[command]


def run_with(*arguments: str, without: tuple[str, ...] = ()) -> tuple[JobOptions, Job]:
    """Run a command that has an option besides those of a job; return what it was called with."""
    seen: list[JobOptions] = []
    app = typer.Typer()

    @app.command()
    @job_options(without=without)
    def command(options: JobOptions, *, twice: Annotated[bool, typer.Option("--twice")]) -> None:
        assert twice
        seen.append(options)

    done = CliRunner().invoke(app, [*arguments, "--twice"])
    assert done.exit_code == 0, done.output
    return seen[0], seen[0].load()


def test_each_option_replaces_the_field_of_the_job_file() -> None:
    """Parameters of the job class and --set among them."""
    options, job = run_with(
        *("--input", "s3://b/1", "--input", "s3://b/2", "--include", "*.mp4", "--exclude", "x*"),
        *("--modified-since", "2026-01-01", "--model", "m.om", "--output", "s3://b/out"),
        *("--sample", "fps=2", "--devices", "3", "--max-devices", "9", "--deadline", "90min"),
        *("--index-cache", "s3://b/index", "--set", "threshold=0.25", "--set", "lease_s=5"),
        *("--weight", "2.5", "--label", "team=a", "--label", "why=x = y"),
        *("--cores-per-device", "2"),
    )
    assert (job.inputs, job.output) == (("s3://b/1", "s3://b/2"), "s3://b/out")
    assert (job.choice.include, job.choice.exclude) == (("*.mp4",), ("x*",))
    assert job.choice.modified_since is not None
    assert (job.devices, job.max_devices, job.deadline_s) == (3, 9, 5400.0)
    assert job.cores_per_device == 2
    assert (job.weight, job.job_labels) == (2.5, {"team": "a", "why": "x = y"})
    assert (str(job.sample), job.index_cache, job.lease_s) == ("fps=2", "s3://b/index", 5.0)
    assert vars(job.work) == {"model": "m.om", "threshold": 0.25}
    assert not options.is_empty


def test_what_is_not_given_is_that_of_the_job_file(tmp_path: Path) -> None:
    """The job file is the one that is named, or detect."""
    path = tmp_path / "mine.toml"
    path.write_text(
        f'job = "{DETECT}:Detect"\ninput = ["v"]\noutput = "o"\n[params]\nmodel = "m.om"\n'
    )
    options, job = run_with(str(path))
    assert (options.path, options.overrides, job.output) == (path, {}, "o")
    options, job = run_with("--model", "m.om")
    assert options.overrides == {"model": "m.om"}
    assert options.path.name == "detect.toml"
    assert job.devices == "auto"


def test_a_command_may_leave_fields_out() -> None:
    """The option is then unknown."""
    with pytest.raises(AssertionError, match="No such option: --deadline"):
        run_with("--deadline", "2h", without=("deadline",))


def test_made_up_leases_take_no_job(tmp_path: Path) -> None:
    """An option of a job that nobody would read is refused."""
    for more in (("--output", tmp_path), (tmp_path / "job.toml",), ("--soc", "Ascend310")):
        done = fleet_here("simulate", "--leases", "10", *more)
        assert done.returncode == 2
        assert "neither a job nor a chip" in done.stderr
    assert fleet_here("simulate", "--leases", "10", "--videos", "10").returncode == 2
    for unread, needed in (
        (("--nodes", "4"), "add --videos"),
        (("--leases", "10", "--nodes", "4"), "add --videos"),
        (("--lease-s", "4"), "add --leases or --videos"),
    ):
        done = fleet_here("simulate", *unread)
        assert done.returncode == 2
        assert needed in done.stderr
    for kind in ("--leases", "--videos"):
        done = fleet_here("simulate", kind, "10", "--devices", "2")
        assert done.returncode == 0, done.stderr
        assert "made up" in done.stdout


@pytest.mark.parametrize("command", ["run", "plan", "simulate"])
def test_a_command_without_a_model_names_none_that_nobody_gave(
    command: str, tmp_path: Path
) -> None:
    """It says how one is named, and where one comes from."""
    done = fleet_here(command, "--input", "clips", folder=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("fleet: error: No model is named. Say --model FILE")
    assert "fleet compile" in done.stderr


def test_a_file_beside_a_job_is_said_not_to_be_found(tmp_path: Path) -> None:
    """With the ways out; a module that is nowhere has none of ours."""
    (tmp_path / "helper.py").write_text("x = 1")
    for name, says in (("helper", f"PYTHONPATH={tmp_path}"), ("nowhere", "No module named")):
        (tmp_path / "j.py").write_text(f"import {name}\n")
        (tmp_path / "j.toml").write_text('job = "j.py:J"\ninput = ["x"]\noutput = "o"\n')
        done = fleet_here("plan", tmp_path / "j.toml")
        assert done.returncode == 2
        assert says in done.stderr
        assert ("lies beside it" in done.stderr) == (name == "helper")
