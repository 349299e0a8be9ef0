"""The command as users meet it: what it prints, and its exit codes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import duckdb
import pytest
from command import fleet_here, fleet_process

import fleet
from fleet.cli.lazy import HOMES
from fleet.job import job_file
from fleet.table.table import Table

JOBS = Path(__file__).parents[2] / "jobs"
TELL_LOADED = """
import atexit, sys
atexit.register(lambda: print(*sys.modules))
from fleet.cli import main
main()
"""


def test_the_help_lists_all_commands() -> None:
    """In the order in which one meets them, each with its first sentence."""
    done = fleet_here("--help")
    assert done.returncode == 0
    words = [word for line in done.stdout.splitlines() for word in line.split()[:3]]
    assert list(dict.fromkeys(word for word in words if word in HOMES)) == list(HOMES)
    assert "Prove that all is there, once" in done.stdout


def test_python_runs_the_package_as_the_command() -> None:
    """`python -m fleet`, where the command is not on the PATH."""
    done = fleet_process("--version", program=("-m", "fleet"))
    assert (done.returncode, done.stdout) == (0, f"fleet {fleet.__version__}\n")


def test_a_mistyped_command_is_told_apart_and_the_right_one_suggested() -> None:
    """By a real process: exit code 2, on stderr."""
    done = fleet_process("rnu")
    assert (done.returncode, done.stdout) == (2, "")
    assert "No such command 'rnu'. Did you mean 'run'?" in done.stderr


def test_a_command_loads_what_it_needs_alone(tmp_path: Path) -> None:
    """A real process that looks into a folder loads neither Ray nor what reads videos or models."""
    done = fleet_process("status", tmp_path, program=("-c", TELL_LOADED))
    assert done.returncode == 2
    said = f"fleet: error: {tmp_path} holds no output of Fleet: it has no _JOB.json."
    assert done.stderr == f"{said} Check the path.\n"
    loaded = set(done.stdout.split())
    assert "fleet.cli.status" in loaded
    assert not loaded & {"ray", "av", "onnx", "onnxruntime", "pyarrow.dataset"}


def test_detect_over_real_clips_ends_whole(data_dir: Path, model: Path, tmp_path: Path) -> None:
    """The README's first command: 319 frames of three clips, through Ray, exit code 0."""
    done = fleet_process(
        "run",
        "--input",
        data_dir,
        "--model",
        model,
        "--sample",
        "every=5",
        "--devices",
        "2",
        "--output",
        tmp_path / "town",
    )
    assert done.returncode == 0, done.stderr
    assert "100 %" in done.stderr
    assert "modelled" in done.stdout
    frames = duckdb.read_parquet(f"{tmp_path}/town/frames/*.parquet")
    by_video = frames.aggregate("uri, count(*) as n").order("n").project("n").fetchall()
    assert by_video == [(80,), (80,), (159,)]
    # What else lies in that folder is counted and left.
    assert ".onnx" in done.stdout


def test_index_prints_what_the_header_tells(town: Path, town_mkv: Path) -> None:
    """Codec, profile, level, size, GOPs, B-frames; a scan where the header has no samples."""
    done = fleet_here("index", town, town_mkv)
    assert done.returncode == 0
    for fact in (
        "h264 High level 4.0",
        "1920x1080, 4:2:0, 8 bit",
        "25 frames/s",
        "16, closed",
        "795 of 795",
        "the header",
    ):
        assert fact in done.stdout
    for fact in ("768x576", "open", "400 of 400", "a scan of the whole file"):
        assert fact in done.stdout


def test_thumbnails_are_jpegs_of_the_sampled_frames(town: Path, tmp_path: Path) -> None:
    """The second job that comes with Fleet: JPEG bytes in Parquet, readable by anybody."""
    done = fleet_here(
        "run",
        JOBS / "thumbnails.toml",
        "--input",
        town,
        "--inline",
        "--output",
        tmp_path / "t",
        "--set",
        "width=160",
        "--sample",
        "fps=0.1",
    )
    assert done.returncode == 0, done.stderr
    rows = fleet.read(str(tmp_path / "t")).table("thumbnails").to_table().to_pylist()
    assert sorted(row["frame"] for row in rows) == [0, 250, 500, 750]
    for row in rows:
        (tmp_path / "one.jpg").write_bytes(row["jpeg"])
        with av.open(str(tmp_path / "one.jpg")) as picture:
            (frame,) = picture.decode(video=0)
        assert (frame.width, frame.height) == (160, 90) == (row["width"], row["height"])


@pytest.mark.parametrize("command", ["status", "verify", "plan", "run"])
def test_ctrl_c_at_any_moment_ends_with_the_documented_code(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also before a command has begun what it does: while a job or an output is looked at."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Table, "open", interrupted)
    monkeypatch.setattr(job_file, "load_job", interrupted)
    named = [tmp_path] if command in {"status", "verify"} else ["--model", "m.om"]
    done = fleet_here(command, *named)
    assert done.returncode == 1
    assert done.stderr == "fleet: interrupted.\n"


def test_ctrl_c_in_code_made_of_text_ends_with_the_documented_code(tmp_path: Path) -> None:
    """As of dataclasses, which are made all the while that modules are loaded."""
    (tmp_path / "job.py").write_text('exec("raise KeyboardInterrupt")')
    (tmp_path / "job.toml").write_text('job = "job.py:Job"')
    done = fleet_process("run", tmp_path / "job.toml")
    assert (done.returncode, done.stderr) == (1, "fleet: interrupted.\n")


@pytest.mark.parametrize("where", ["job.py:Job", "libraries:Job"])
def test_ctrl_c_that_a_library_calls_an_import_error_is_told_as_ctrl_c(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As those do that are made by pybind11: the job's file and its modules are not to blame."""
    text = "try:\n    raise KeyboardInterrupt\nexcept BaseException as error:\n"
    text += "    raise ImportError('initialization failed') from error\n"
    for name in ("job", "libraries"):
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "job.toml").write_text(f'job = "{where}"')
    done = fleet_here("run", tmp_path / "job.toml")
    assert (done.returncode, done.stderr) == (1, "fleet: interrupted.\n")


def test_sigterm_before_a_run_has_begun_is_as_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the job is read already, and what drives it is loaded."""

    def ended(*_: object, **__: object) -> None:
        assert signal.getsignal(signal.SIGTERM) is signal.default_int_handler
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        monkeypatch.setattr(job_file, "load_job", ended)
        done = fleet_here("run", "--model", "m.om")
    finally:
        signal.signal(signal.SIGTERM, before)
    assert (done.returncode, done.stderr) == (1, "fleet: interrupted.\n")


def test_ctrl_c_ends_cleanly_and_says_how_to_go_on(town: Path, model: Path, tmp_path: Path) -> None:
    """Exit code 1, parts kept; the same command again finishes the job."""
    named = {"--input": town, "--model": model, "--output": tmp_path / "out"}
    arguments = ["run", *(str(word) for pair in named.items() for word in pair)]
    arguments += ["--sample", "all,to_s=12", "--devices", "1", "--set", "lease_s=0.5"]
    process = subprocess.Popen(
        [sys.executable, "-m", "fleet.cli", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    while not list((tmp_path / "out" / "frames").glob("part-*")):
        assert process.poll() is None
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == 1, printed
    assert "same command again" in printed
    assert "Traceback" not in printed
    kept = {p.name for p in (tmp_path / "out" / "frames").glob("part-*")}
    done = fleet_process(*arguments)
    assert done.returncode == 0, done.stderr
    assert kept <= {p.name for p in (tmp_path / "out" / "frames").glob("part-*")}
    assert fleet.read(str(tmp_path / "out")).frames.count_rows() == 300


def test_an_installed_fleet_knows_the_detect_job_by_itself(
    town_hevc: Path, model: Path, tmp_path: Path
) -> None:
    """Without a job file, from any folder."""
    shutil.copy(model, tmp_path / "m.om")
    done = fleet_here(
        "run",
        "--input",
        town_hevc,
        "--model",
        "m.om",
        "--sample",
        "keyframes",
        "--output",
        "o",
        "--inline",
        folder=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "o" / "_SUCCESS.json").is_file()
