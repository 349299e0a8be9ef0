"""Jobs that are submitted to a cluster: the rows of a run here, whatever happens to the driver."""

from __future__ import annotations

import getpass
import json
import os
import re
import shutil
import signal
import socket
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from command import fleet_here
from ray_head import Head, ray_head
from s3_server import S3Server, wait_until
from submitted import GREEDY, JOBS, TICKS, detect, id_in, parts, rows, unpack_again
from typer.testing import CliRunner, Result

import fleet
from fleet.cli import app
from fleet.storage import Folder
from fleet.table.status import read_status
from fleet.table.table import Table

MANY_LETTERS = 'x = "y"\n \u8857 \u0448 \U0001f6a6'
DRIVER = ("fleet.cli.attended", "run")


@pytest.fixture(scope="module")
def head() -> Iterator[Head]:
    """A head with two simulated devices."""
    # The commands that run in this process come to it as those in processes of their own do.
    with pytest.MonkeyPatch.context() as patch, ray_head(2) as running:
        patch.setenv("RAY_AUTH_MODE", running.environment["RAY_AUTH_MODE"])
        yield running


def test_rows_of_a_submitted_job_are_those_of_a_run_here(
    head: Head,
    seaweed: S3Server,
    town_hevc: Path,
    fastestdet: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Model and job module are sent, keys handed on by name; nothing secret is printed.

    The report that is asked for lies beside the tables, and shows their rows.
    """
    for name, value in seaweed.environment.items():
        monkeypatch.setenv(name, value)
    seaweed.make_bucket("submitted")
    place = f"s3://submitted/{uuid.uuid4()}"
    Folder(f"{place}/clips").put(town_hevc.name, town_hevc.read_bytes())
    client = Head(head.url, head.address, head.process, {**head.environment, **seaweed.environment})
    passed = [word for name in seaweed.environment for word in ("--pass-env", name)]
    words = detect(f"{place}/clips", fastestdet, f"{place}/out")
    done = client.fleet("submit", *words, *passed, "--report")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "80 frames" in done.stdout
    assert f"Look at it: {place}/out/report.html: " in done.stdout
    page = Folder(f"{place}/out").read("report.html").decode()
    count = len(rows(f"{place}/out", "detections")[0])
    assert f'id="all-rows"><data value="{count}">' in page
    assert seaweed.secret not in done.stdout + done.stderr
    named = {"input": [str(town_hevc)], "model": str(fastestdet), "output": str(tmp_path / "out")}
    job = fleet.load_job(JOBS / "detect.toml", {**named, "sample": "every=5", "lease_s": 1.0})
    assert fleet.run(job, on="inline").exit_code == 0
    assert rows(f"{place}/out", "detections") == rows(str(tmp_path / "out"), "detections")


@pytest.fixture(scope="module")
def ticks(town_hevc: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A job file of 400 frames, with enough to do for some seconds; its output is beside it."""
    home = tmp_path_factory.mktemp("mine")
    (home / "ticks.py").write_text(TICKS)
    (home / "ticks.toml").write_text(
        f'job = "ticks.py:Ticks"\ninput = ["{town_hevc}"]\noutput = "{home}/out"\n'
        'sample = "all"\nlease_s = 1.0\n[params]\nstep = 3\ndwell_s = 0.05\n'
    )
    return home / "ticks.toml"


@dataclass(frozen=True)
class Stopped:
    """A submission that was stopped, and what was seen before, while and after that."""

    id: str
    output: Path
    listed: str
    said: str
    listed_then: str
    in_use: str
    jobs: str
    jobs_then: str
    labelled: tuple[str, str]
    drivers: list[int]
    parts: int


@pytest.fixture(scope="module")
def stopped(head: Head, ticks: Path) -> Stopped:
    """Submitted without being followed, and stopped after the first commits."""
    output = ticks.parent / "out"
    labels = ("--label", "team=a", "--label", f"why={MANY_LETTERS}")
    submitted = here(head, "submit", "--detach", ticks, "--set", "step=7", *labels)
    assert submitted.exit_code == 0, submitted.output
    submission = id_in(submitted.stderr)
    wait_until(lambda: parts(output) >= 2, "the first leases")
    listed = here(head, "stop").stdout
    # A run tells how far it is every five seconds, the first time perhaps before it has a device.
    wait_until(lambda: _has_devices(head, submission), "a run that tells how far it is")
    jobs = here(head, "jobs").stdout
    labelled = tuple(
        here(head, "jobs", "--json", "--price-per-device-hour", "3.6", "--label", label).stdout
        for label in (f"why={MANY_LETTERS}", "team=b")
    )
    again = head.fleet("submit", ticks, "--set", "step=7")
    assert again.returncode == 2, again.stdout
    ended = here(head, "stop", submission)
    assert ended.exit_code == 0, ended.output
    then, drivers = here(head, "stop").stdout, head.find(*DRIVER)
    return Stopped(
        id=submission,
        output=output,
        listed=listed,
        said=ended.stdout,
        listed_then=then,
        in_use=again.stderr,
        jobs=jobs,
        jobs_then=here(head, "jobs").stdout,
        labelled=(labelled[0], labelled[1]),
        drivers=drivers,
        parts=parts(output),
    )


@pytest.fixture(scope="module")
def killed(head: Head, ticks: Path, stopped: Stopped) -> str:
    """Submitted again, and its driver killed after the next commits; gives what is printed."""
    assert read_status(Table.open(str(stopped.output))).state == "interrupted"
    with head.start("submit", ticks, "--set", "step=7") as client:
        try:
            wait_until(lambda: parts(stopped.output) >= stopped.parts + 2, "the next leases")
            (driver,) = head.find(*DRIVER)
            unpack_again(driver)
            os.kill(driver, signal.SIGKILL)
            printed, _ = client.communicate(timeout=300)
        finally:
            client.kill()
    assert client.returncode == 0, printed
    return printed


def _has_devices(head: Head, submission: str) -> bool:
    """Return whether a job has told of frames, and of the time of its devices."""
    listed = json.loads(here(head, "jobs", "--json").stdout)
    (job,) = (job for job in listed if job["id"] == submission)
    return bool(job["progress"]) and job["device_s"] > 0


def here(head: Head, name: str, *arguments: object) -> Result:
    """Run the command in this process."""
    return CliRunner().invoke(app, [name, "--address", head.url, *map(str, arguments)])


def test_a_job_that_is_stopped_ends_cleanly(stopped: Stopped) -> None:
    """It notes that it was interrupted, gives up the output, ends its devices, keeps its rows."""
    assert f"{stopped.id}  running" in stopped.listed
    assert str(stopped.output) in stopped.listed
    assert f"{stopped.id} has ended (stopped)" in stopped.said
    assert "Interrupted: " in stopped.said
    assert "No job is running" in stopped.listed_then
    assert stopped.drivers == []
    assert stopped.parts >= 2


def test_jobs_are_listed_while_they_run_and_after(stopped: Stopped) -> None:
    """Who submitted what, where to, how far it is; and how it ended."""
    running, ended = (" ".join(text.split()) for text in (stopped.jobs, stopped.jobs_then))
    who = f"by {getpass.getuser()}@{socket.gethostname()}"
    for words in (f"{stopped.id} running for", f"ticks.toml -> {stopped.output}", who):
        assert words in running
    assert "% of 400 frames" in running
    assert re.search(rf"{stopped.id} stopped \S+ ago after", ended)
    assert "of 400 frames" not in ended
    assert "team=a, why=x" in running
    assert re.search(r"\d+s of devices", ended)


def test_jobs_are_found_by_their_labels(stopped: Stopped) -> None:
    """Of any letters, as they were given; with the time of devices, and its price."""
    (found,) = json.loads(stopped.labelled[0])
    assert found["id"] == stopped.id
    assert found["labels"] == {"team": "a", "why": MANY_LETTERS}
    assert found["device_s"] > 0
    assert found["price"] == pytest.approx(found["device_s"] * 3.6 / 3600)
    assert json.loads(stopped.labelled[1]) == []


def test_a_second_submission_of_an_output_in_use_says_so_at_once(stopped: Stopped) -> None:
    """By which job, and what to do."""
    assert f"{stopped.output} is in use: {stopped.id} has been running for" in stopped.in_use
    assert f"fleet logs {stopped.id} --follow" in stopped.in_use


def test_logs_are_printed_from_their_beginning(head: Head, stopped: Stopped) -> None:
    """Also of a job that has ended; followed, it gives its exit code."""
    said = here(head, "logs", stopped.id)
    assert said.exit_code == 0
    assert "400 frames" in said.stdout
    followed = here(head, "logs", stopped.id, "--follow")
    assert followed.exit_code == 1
    assert said.stdout.strip() in followed.stdout
    unknown = head.fleet("logs", "raysubmit_none")
    assert unknown.returncode == 2
    assert "fleet jobs --address" in unknown.stderr


def test_relative_paths_mean_what_they_mean_here_where_all_nodes_are_here(
    head: Head, town_hevc: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command is copied from a page and run in the folder that it speaks of."""
    (tmp_path / "clips").mkdir()
    shutil.copy(town_hevc, tmp_path / "clips")
    monkeypatch.chdir(tmp_path)
    named = ("--input", "clips", "--output", "found", "--sample", "keyframes")
    done = head.fleet("submit", JOBS / "thumbnails.toml", *named)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{tmp_path}/clips" in done.stderr
    assert "Its driver runs beside the head, and ends with it." in done.stderr
    assert fleet.read(str(tmp_path / "found")).finished


def test_a_driver_that_is_killed_goes_on_by_itself(killed: str) -> None:
    """SIGKILL in the middle, and what was sent unpacked anew: it ends as if nothing had been."""
    assert "was killed by SIGKILL; it is started again" in killed
    assert "400 frames" in killed


@pytest.mark.usefixtures("killed")
def test_stopped_killed_and_submitted_again_a_job_has_the_rows_of_a_run_here(
    stopped: Stopped, ticks: Path, tmp_path: Path
) -> None:
    """None is missing, none is there twice; and the job's own module has travelled."""
    job = fleet.load_job(ticks, {"output": str(tmp_path / "out"), "step": 7, "dwell_s": 0.0})
    assert fleet.run(job, on="inline").exit_code == 0
    expected = rows(str(tmp_path / "out"), "ticks")
    assert sorted(expected[0]["tick"].to_pylist()) == [7 * frame for frame in range(400)]
    assert rows(str(stopped.output), "ticks") == expected


def test_a_job_that_fails_ends_the_command_with_its_exit_code(head: Head, tmp_path: Path) -> None:
    """No video in the inputs: exit code 2, once, and in the words of fleet run."""
    (tmp_path / "empty").mkdir()
    job = [JOBS / "thumbnails.toml", "--input", tmp_path / "empty", "--output", tmp_path / "out"]
    done = here(head, "submit", *job)
    assert done.exit_code == 2, done.output
    assert done.stdout.count("fleet: error:") == 1


def test_a_job_that_cannot_fit_is_refused_in_the_words_of_a_run_here(
    head: Head, town_hevc: Path, tmp_path: Path
) -> None:
    """The number, each term and the way out; exit code 2, and nothing is begun."""
    (tmp_path / "greedy.py").write_text(GREEDY)
    (tmp_path / "greedy.toml").write_text(
        f'job = "greedy.py:Greedy"\ninput = ["{town_hevc}"]\noutput = "{tmp_path}/out"\n'
    )
    submitted = here(head, "submit", tmp_path / "greedy.toml")
    ran = fleet_here("run", tmp_path / "greedy.toml", "--inline")
    assert (submitted.exit_code, ran.returncode) == (2, 2), submitted.output + ran.stdout
    said = " ".join(ran.stderr.split())
    sentence = said[said.index("fleet: error:") :]
    assert "does not fit into an Ascend310 (207001)" in sentence
    assert "batch of 2,000,000" in sentence
    assert sentence in " ".join(submitted.stdout.split())
    assert not list((tmp_path / "out").rglob("part-*.parquet"))
