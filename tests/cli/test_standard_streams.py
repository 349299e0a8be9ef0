"""Streams that a shell has filled, or closed: what a command does is done, and it says what it can."""

from __future__ import annotations

import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest
from command import fleet_here

LOST = "fleet: error: not all that it printed could be written: No space left on device.\n"
JOBS = Path(__file__).parents[2] / "jobs"


def typed(words: str, **paths: Path) -> subprocess.CompletedProcess[str]:
    """Run a line of a shell in which `fleet` stands for the command of a process of its own."""
    line = words.replace("fleet", '"$0" -m fleet')
    environment = {name: str(path) for name, path in paths.items()}
    command = ["sh", "-c", line, sys.executable]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, env={"PATH": "/bin", **environment}
    )


@pytest.mark.parametrize("words", ["--version", "--help", "words", "status --help"])
def test_what_stdout_has_no_room_for_is_told_by_a_sentence_and_the_exit_code(words: str) -> None:
    """Short or long, whoever prints it."""
    done = typed(f"fleet {words} >/dev/full")
    assert (done.returncode, done.stderr) == (1, LOST)


@pytest.mark.parametrize("end", ["2>/dev/full", "2>&-", ">/dev/full 2>/dev/full", ">&- 2>&-"])
def test_a_command_that_cannot_complain_ends_with_its_own_code(end: str, tmp_path: Path) -> None:
    """Of an output that is none."""
    done = typed(f'fleet status "$OUT" {end}', OUT=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


@pytest.mark.parametrize("closed", list(product(["", "<&-"], ["", ">&-"], ["", "2>&-"])))
def test_a_command_whose_streams_are_closed_does_what_it_is_to_do(closed: tuple[str, ...]) -> None:
    """Each of them, and all."""
    done = typed(f"fleet --version {' '.join(closed)}")
    assert done.returncode == 0
    assert bool(done.stdout) == (">&-" not in closed)
    assert done.stderr == ""


@pytest.mark.parametrize("end", ["<&- >&- 2>&-", "2>/dev/full", "2>/dev/full >/dev/full"])
def test_a_run_that_cannot_print_makes_its_tables_whole(
    end: str, town: Path, tmp_path: Path
) -> None:
    """What is printed goes into none of its files, which could have had the number of stdout."""
    asked = "--set width=160 --sample fps=0.1 --devices 1"
    line = f'fleet run "$JOB" --input "$TOWN" --output "$OUT" {asked} {end}'
    done = typed(line, JOB=JOBS / "thumbnails.toml", TOWN=town, OUT=tmp_path / "out")
    assert done.returncode == (" >/dev/full" in end)
    verified = fleet_here("verify", tmp_path / "out")
    assert verified.returncode == 0, verified.stdout


def test_who_reads_no_further_is_no_fault() -> None:
    """As `head`: without a word on stderr."""
    assert typed("fleet words | true").stderr == ""
    assert typed("fleet words | head -n 1").stdout.count("\n") == 1


def test_streams_that_python_is_asked_not_to_buffer_hold_nothing_back() -> None:
    """So that a log has by then what was said before a process is killed."""
    program = (
        "import os, sys; from fleet.views.standard_streams import standard_streams\n"
        "with standard_streams():\n"
        "    print('said', end=''); print('told', end='', file=sys.stderr); os._exit(0)"
    )
    command = [sys.executable, "-u", "-c", program]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("said", "told")


@pytest.mark.parametrize("option", ["-B", "-u"])
def test_what_a_disk_takes_no_more_than_the_beginning_of_is_told(
    option: str, tmp_path: Path
) -> None:
    """Also where it was printed at once, and nothing after it."""
    program = (
        "import sys; from fleet.views.standard_streams import standard_streams\n"
        "with standard_streams():\n"
        "    sys.stdout.write('x' * 9000)"
    )
    line = f"ulimit -f 4; exec '{sys.executable}' {option} -c \"$0\" >'{tmp_path}/out'"
    done = subprocess.run(["sh", "-c", line, program], check=False, capture_output=True, text=True)
    assert 0 < (tmp_path / "out").stat().st_size < 9000
    said = LOST.replace("No space left on device", "File too large")
    assert (done.returncode, done.stderr) == (1, said)
