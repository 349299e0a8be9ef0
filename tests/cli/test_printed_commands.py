"""Commands that Fleet prints work as printed, however it was started; what is data stays."""

from __future__ import annotations

import io
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import fleet
from fleet.cli import complain
from fleet.cli.help import page_of
from fleet.cli.lazy import HOMES, load
from fleet.cli.output_folder import print_json
from fleet.errors import FleetError
from fleet.views.clean_stream import CleanStream
from fleet.views.help import lay_out_command
from fleet.views.typed import USUAL, remember

PATIENCE_S = 120
ROOT = Path(fleet.__file__).parents[1]
BY = {
    "script": [str(Path(sys.executable).parent / "fleet")],
    "module": [sys.executable, "-m", "fleet"],
}
WORDS = "/home/somebody/projects/archive/.venv/bin/python -m fleet"


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command where no `fleet` is on the PATH."""
    return subprocess.run(
        command,
        check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )


@pytest.fixture
def started_oddly() -> Iterator[None]:
    """Have Fleet be started by other words."""
    remember(WORDS)
    yield
    remember(USUAL)


@pytest.mark.parametrize("start", BY)
def test_a_printed_command_works_as_printed(start: str, tmp_path: Path) -> None:
    """Of the command as it is installed, which is on no PATH, and of the module."""
    by = BY[start]
    said = run([*by, "words", "nonsuch"], tmp_path).stderr
    found = re.search(r"See all: (.*)", said)
    assert found, said
    typed = shlex.split(found[1])
    assert typed == [*by, "words"]
    assert run(typed, tmp_path).returncode == 0


@pytest.mark.parametrize("start", BY)
def test_a_mistyped_option_is_answered_by_a_command_that_works(start: str, tmp_path: Path) -> None:
    """Its usage as well."""
    words = shlex.join(BY[start])
    said = run([*BY[start], "words", "--nonsuch"], tmp_path).stderr
    assert f"Usage: {words} words " in said
    found = re.search(r"Try '(.*) -h' for help", said)
    assert found, said
    assert found[1] == f"{words} words"


@pytest.mark.parametrize("start", BY)
def test_the_help_of_all_commands_says_how_it_was_started(start: str, tmp_path: Path) -> None:
    """In its usage, and where it says how more is asked."""
    words = shlex.join(BY[start])
    shown = " ".join(run([*BY[start], "--help"], tmp_path).stdout.split())
    assert shown.startswith(f"Usage: {words} COMMAND")
    assert f"What a command takes: {words} COMMAND --help" in shown


@pytest.mark.parametrize("name", HOMES)
def test_help_keeps_its_width_however_fleet_was_started(name: str) -> None:
    """But for usage and examples, which are to be copied; and each of these is typed so."""
    shown = lay_out_command(page_of(load(name), f"{WORDS} {name}"), 80).plain
    usage, _, rest = shown.partition("\n\n")
    text, _, end = rest.partition("\nExamples\n")
    examples = [row for row in end.splitlines() if row.startswith("  ")]
    others = [row for row in end.splitlines() if not row.startswith("  ")]
    assert " ".join(usage.split()).startswith(f"Usage: {WORDS} {name}")
    assert examples
    assert all(row.startswith(f"  {WORDS} {name}") for row in examples)
    assert f"{WORDS} words." in " ".join(others)
    assert max(map(len, [*text.splitlines(), *others])) <= 80


@given(st.text(), st.text())
@example("w/a: fleet run", "note: `fleet stop` ends it")
@example("fleet run and its workers load", "holder: fleet run 12")
def test_json_is_what_went_into_it(uri: str, message: str) -> None:
    """Whatever names and messages are."""
    found = _printed({"uri": uri, "labels": [message], message: 1})
    assert json.loads(found) == {"uri": uri, "labels": [message], message: 1}


def _printed(value: dict[str, object]) -> str:
    raw = io.StringIO()
    remember(WORDS)
    with redirect_stdout(CleanStream(raw)):
        print_json(value)
    remember(USUAL)
    return raw.getvalue()


@pytest.mark.usefixtures("started_oddly")
@pytest.mark.parametrize(
    "message",
    [
        "fleet run and its workers load",
        "note: fleet stop ends it",
        "/x/a: fleet run",
        "`fleet run`",
    ],
)
def test_of_an_error_only_the_way_out_is_typed(
    message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong is told in names and messages from elsewhere."""
    complain(FleetError(message, "Take it up: fleet requeue 'w/a: fleet run'"))
    said = capsys.readouterr().err
    assert said == f"fleet: error: {message} Take it up: {WORDS} requeue 'w/a: fleet run'\n"
