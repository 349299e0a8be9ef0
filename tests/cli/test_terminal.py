"""Text from elsewhere does not steer the terminal: names, labels and messages made to do so."""

from __future__ import annotations

import ast
import io
import json
import os
import pty
import re
import shutil
import subprocess
import sys
import time
from contextlib import redirect_stderr
from pathlib import Path
from unittest.mock import patch

import pytest
from command import FLEET, fleet_here
from hypothesis import given
from hypothesis import strategies as st

from fleet.cli import submit
from fleet.core.loss import Loss
from fleet.core.run_events import RunEvent, VideoRefused
from fleet.text import clean
from fleet.views.clean_console import CleanConsole
from fleet.views.clean_stream import CleanStream, clean_output
from fleet.views.live import show_progress

FLEET_FOLDER = Path(__file__).parents[2] / "fleet"
GOLDEN = Path(__file__).parents[1] / "golden"
ATTACKS = {
    "a title": "\x1b]0;owned\x07",
    "a clear screen": "\x1b[2J\x1b[H",
    "an alternate screen": "\x1b[?1049h",
    "an answer that is typed": "\x1b[6n\x1bP$q\x1b\\",
    "a one-byte sequence": "\x9b2J",
    "a colour in a sequence": "\x1b[\x1b[0m2J",
    "hidden text": "\x1b[8msecret\x1b[0m",
    "a hyperlink": "\x1b]8;;http://x/\x1b\\safe",
    "a carriage return": "good\rbad",
    "backspaces": "bad\x08\x08\x08good",
    "a vertical tab": "\x0b\x0c",
    "a right-to-left override": "\u202egpj.exe",
    "an isolate": "\u2067\u2066",
    "no width": "a\u200bb\ufeff\u2060",
    "tags": "\U000e0041\U000e0042",
    "a letter that shows nothing": "\u3164\u115f",
    "a delete": "\x7f",
    "half a character": "\udc9b\udcff",
    "line separators": "\u2028\u0085",
}
"""What a name may hold -> the text."""
STEERS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f]")
DRAWS = re.compile(rf"\x1b\[[?0-9;]*[A-Za-z]|{STEERS.pattern}")
"""Each sequence that moves a cursor or changes a colour, and each character that steers."""


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_no_attack_is_left_in_clean_text(attack: str) -> None:
    """What is left prints, in each line; what was taken out shows as an escape or was a colour."""
    cleaned = clean(f"before\n{attack}\tafter\u3000\xa0")
    assert all(c.isprintable() or c in "\n\t\u3000\xa0" for c in cleaned)
    assert not {"\u3164", "\u115f"} & set(cleaned)
    assert cleaned.startswith("before\n")


@given(st.text())
def test_clean_text_stays_as_it_is(text: str) -> None:
    """However often it comes by an edge; and what was harmless is not touched at all."""
    assert clean(clean(text)) == clean(text)
    if text.isprintable() and text.isascii():
        assert clean(text) == text


@pytest.mark.parametrize("attack", [a for a in ATTACKS.values() if "\udcff" not in a])
def test_a_file_name_does_not_steer_the_terminal(attack: str, tmp_path: Path) -> None:
    """Neither of a video that is read nor of one that is refused."""
    good = tmp_path / f"{attack.replace('/', '')}.mp4"
    shutil.copy(GOLDEN / "videos" / "south-1.mp4", good)
    bad = tmp_path / f"bad {attack.replace('/', '')}.mp4"
    bad.write_bytes(b"no video at all")
    done = fleet_here("index", good, bad)
    assert done.stdout.count("video  ") == 1
    assert "bad " in done.stderr
    assert not STEERS.search(done.stdout + done.stderr)


def test_bytes_that_are_no_text_print_as_escapes(tmp_path: Path) -> None:
    """A name in another encoding than the terminal's."""
    path = os.fsencode(tmp_path) + b"/caf\xe9.mp4"
    Path(os.fsdecode(path)).write_bytes(b"no video")
    done = fleet_here("index", os.fsdecode(path))
    assert done.returncode != 0
    assert "caf\\udce9.mp4" in done.stderr


def test_a_terminal_of_few_letters_gets_escapes(tmp_path: Path) -> None:
    """Rather than a traceback, or a stream beside the clean one."""
    path = tmp_path / "caf\xe9\x1b[2J.mp4"
    shutil.copy(GOLDEN / "videos" / "south-1.mp4", path)
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    command = [sys.executable, *FLEET, "index", str(path)]
    done = subprocess.run(command, capture_output=True, env=environment, check=True)
    assert b"caf\\xe9\\x1b[2J.mp4" in done.stdout


def test_arguments_do_not_steer_the_terminal() -> None:
    """What a glob gave, said again in an error of usage, colours forced or not."""
    hostile = "extra\x1b]0;owned\x07\r"
    for colours in ("", "1"):
        environment = {**os.environ, "FORCE_COLOR": colours}
        command = [sys.executable, *FLEET, "status", "one", hostile]
        done = subprocess.run(command, capture_output=True, env=environment, text=True, check=False)
        assert done.returncode == 2
        assert "extra\\x1b]0;owned" in done.stderr
        assert not STEERS.search(done.stderr)


@pytest.fixture
def noted(tmp_path: Path) -> Path:
    """An output in which a run at work has left a note full of attacks."""
    output = tmp_path / "out"
    shutil.copytree(GOLDEN / "output", output)
    path = next(iter((output / "_runs").glob("*.json")))
    attack = "".join(ATTACKS.values()).encode("utf-8", "ignore").decode()
    note = json.loads(path.read_text("utf-8"))
    note |= {"state": "running", "updated_unix_s": time.time()}
    note["holder"] |= {"host": attack, "what": attack}
    device = note["devices"][0]
    device |= {"name": attack, "node": attack, "uri": attack, "busy": {attack: 0.5}}
    device["state"] = "working"
    note["nodes"][0]["name"] = attack
    path.write_text(json.dumps(note), "utf-8")
    return output


def test_a_run_note_does_not_steer_the_terminal(noted: Path) -> None:
    """It lies in a folder that others write to; each field of it is shown."""
    for command in (("status", noted), ("top", noted, "--once")):
        done = fleet_here(*command)
        assert done.returncode == 0
        assert "\\x1b]0;owned" in done.stdout
        assert not STEERS.search(done.stdout + done.stderr)


def test_a_run_note_does_not_add_lines(noted: Path) -> None:
    """A name with a line in it stays on its line."""
    path = next(path for path in (noted / "_runs").glob("*.json") if "running" in path.read_text())
    note = json.loads(path.read_text("utf-8"))
    note["holder"]["host"] = "host\nFinished: all is well\n"
    note["devices"][0]["name"] = "npu\nFinished: all is well\n"
    path.write_text(json.dumps(note), "utf-8")
    for command in (("status", noted), ("top", noted, "--once")):
        assert "\nFinished" not in fleet_here(*command).stdout[1:]


def test_json_stays_json_and_exact(noted: Path) -> None:
    """The same values, whatever is in them: what steers is escaped by JSON itself."""
    done = fleet_here("status", noted, "--json")
    note = json.loads(done.stdout)["alive"][0]
    attack = "".join(ATTACKS.values()).encode("utf-8", "ignore").decode()
    assert note["holder"]["host"] == attack
    assert not STEERS.search(done.stdout)


def test_a_followed_log_does_not_steer_the_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Cut into pieces anywhere, in the middle of a sequence too; its colours are left out."""
    text = "".join(f"{attack}\n" for attack in ATTACKS.values()) + "\x1b[36m(Worker)\x1b[0m ok\r\n"
    for size in (1, 2, 3, len(text)):
        screen = io.StringIO()
        monkeypatch.setattr(sys, "stdout", screen)
        clean_output()
        for start in range(0, len(text), size):
            submit.write(text[start : start + size])
        assert not STEERS.search(screen.getvalue().replace("\\r", ""))
    assert screen.getvalue().endswith("\n(Worker) ok\n")


class Screen(io.StringIO):
    """A terminal that remembers."""

    def isatty(self) -> bool:
        """Return True, as a terminal does."""
        return True


def shown_live(event: RunEvent, also: str = "") -> str:
    """Show an event on a terminal, and what a library writes to stderr meanwhile."""
    screen = Screen()
    with (
        redirect_stderr(CleanStream(screen)),
        patch.dict(os.environ, {"TERM": "xterm-256color"}),
        show_progress(CleanConsole(stderr=True)) as observer,
    ):
        observer.on_event(event)
        sys.stderr.write(f"{also}\n")
    assert "\x1b[?25l" in screen.getvalue()
    return screen.getvalue()


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_a_live_display_draws_no_more_than_it_means_to(attack: str) -> None:
    """Its own cursor moves and colours, and none from a name or a message."""
    plain, hostile = (
        shown_live(VideoRefused(Loss(f"in/{text}.mp4", "index", "NotAVideo", text)), text)
        for text in ("name", attack)
    )
    assert DRAWS.findall(hostile) == DRAWS.findall(plain)


def test_brackets_and_colons_in_names_are_shown_as_they_are() -> None:
    """They are no markup, no emoji and no style: a name is shown whole."""
    name = "in/[red]x[/red] [link=http://x]y[/link] :smile: \\[z].mp4"
    refused = VideoRefused(Loss(name, "index", "NotAVideo", "no video"))
    assert f"refused {name}: no video" in shown_live(refused)


def seen_on_a_terminal(*arguments: str) -> bytes:
    """Run the command on a terminal of its own; return what that gets."""
    mine, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color"}
    command = [sys.executable, *FLEET, *arguments]
    seen = b""
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    ) as running:
        os.close(theirs)
        while True:
            try:
                seen += os.read(mine, 1 << 16)
            except OSError:
                break
        running.wait()
    os.close(mine)
    return seen


def test_on_a_real_terminal_names_are_clean_too(tmp_path: Path) -> None:
    """Where colours would be right, nothing takes the way around."""
    path = tmp_path / "x\x1b]0;owned\x07.mp4"
    shutil.copy(GOLDEN / "videos" / "south-1.mp4", path)
    seen = seen_on_a_terminal("index", str(path))
    assert b"x\\x1b]0;owned\\x07.mp4" in seen
    assert b"\x1b" not in seen


@pytest.mark.parametrize("arguments", [("--help",), ("status", "--help")])
def test_help_keeps_its_colours(arguments: tuple[str, ...]) -> None:
    """It is Fleet's own text, and says nothing from elsewhere."""
    assert b"\x1b[1" in seen_on_a_terminal(*arguments)


def test_nothing_in_fleet_goes_around_the_edge() -> None:
    """No module makes a console of rich's own, or writes to a stream or descriptor behind it."""
    around = []
    for path in sorted(FLEET_FOLDER.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in {"Console", "os.write"}:
                around.append(f"{path.name}: {ast.unparse(node.func)}")
            if isinstance(node, ast.Attribute) and ast.unparse(node) in {
                *("sys.__stdout__", "sys.__stderr__", "sys.stdout.buffer", "sys.stderr.buffer"),
            }:
                around.append(f"{path.name}: {ast.unparse(node)}")
    assert not around
