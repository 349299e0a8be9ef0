"""The help of every command: one screen, nothing cut or eaten, defaults told, examples that parse."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from command import FLEET, fleet_here
from typer.core import TyperArgument, TyperGroup, TyperOption

from fleet.cli import app
from fleet.cli.help import default_of, page_of
from fleet.cli.lazy import HOMES, load
from fleet.cli.pages import LIST
from fleet.views.help import NARROWEST, WIDEST, Entry, Group, Page, lay_out_command

SCREEN = 40
"""The rows of a terminal that is not small; at 80 columns."""


def page(name: str, width: int = 80) -> str:
    """Return the help of a command as it is printed."""
    return lay_out_command(page_of(load(name), f"fleet {name}"), width).plain


@pytest.mark.parametrize("name", ["", *HOMES])
def test_help_fits_a_screen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is printed at 80 columns: its rows, and their length."""
    monkeypatch.setenv("COLUMNS", "80")
    done = fleet_here(*([name] if name else []), "--help")
    assert done.returncode == 0
    rows = done.stdout.splitlines()
    assert len(rows) <= SCREEN
    assert max(map(len, rows)) <= 80


def test_commands_are_listed_where_the_help_has_words_for_them() -> None:
    """In one order."""
    assert list(LIST) == list(HOMES)


@pytest.mark.parametrize("name", HOMES)
@pytest.mark.parametrize("width", [NARROWEST, 80, WIDEST])
def test_nothing_is_cut_and_nothing_is_eaten(name: str, width: int) -> None:
    """Each name and each word of a text is there, brackets among them, at any width."""
    shown = "".join(page(name, width).split())
    for group in page_of(load(name), f"fleet {name}").groups:
        for entry in group.entries:
            assert "".join(f"{entry.name}{entry.text}".split()) in shown


@pytest.mark.parametrize("name", HOMES)
def test_what_may_be_left_out_stands_in_one_pair_of_brackets(name: str) -> None:
    """In the line of usage that a mistyped option shows."""
    command = load(name)
    assert "[[" not in command.get_usage(typer.Context(command, info_name=name))


@pytest.mark.parametrize("name", HOMES)
def test_values_are_called_as_people_call_them(name: str) -> None:
    """No type of Python's; each option that takes a value has a word for it."""
    assert not re.search(r"<\w|list\[|None|\bstr\b|\bint\b|INTEGER|FLOAT", page(name))


@pytest.mark.parametrize("name", HOMES)
def test_defaults_are_told(name: str) -> None:
    """Of each option with a value that has one."""
    for param in load(name).params:
        if isinstance(param, TyperOption) and not param.is_flag and not param.required:
            told = default_of(param)
            assert told or param.default in {None, ""}, param.opts
            shown = " ".join(page(name).split())
            assert not told or re.search(rf"\[(required; )?default: {re.escape(told)}", shown)


@pytest.mark.parametrize("name", HOMES)
def test_examples_are_commands_that_parse(name: str) -> None:
    """Each begins with the command, fits a row, and names options that there are."""
    assert LIST[name].examples
    for example in LIST[name].examples:
        assert all(len(row) <= 76 for row in example.splitlines())
        words = shlex.split(example)
        assert words[:2] == ["fleet", name]
        with load(name).make_context(name, words[2:]) as context:
            assert context.params


def test_markup_is_text() -> None:
    """Names in brackets, such as of an extra, are shown."""
    shown = lay_out_command(
        Page("x", "Needs the extra [demo].", (Group("G", (Entry("--a", "[b]x[/b]"),)),), (), ""), 80
    ).plain
    assert "the extra [demo]." in shown
    assert "[b]x[/b]" in shown


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_are_told_the_commands_without_loading_them(shell: str) -> None:
    """A real process, asked as the shell's script asks: fast, and nothing but words is printed."""
    words = {"COMP_WORDS": "fleet st", "COMP_CWORD": "1", "_TYPER_COMPLETE_ARGS": "fleet st"}
    asked = {"_FLEET_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    tell_loaded = (
        "import sys, atexit; sys.argv = ['fleet']\n"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
        "from fleet.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", tell_loaded],
        env={**os.environ, **words, **asked},
        capture_output=True,
        text=True,
        check=False,
    )
    found = set(re.findall(r"\b(?:status|stop|street|submit)\b", done.stdout))
    assert found >= {"status", "stop", "street"}
    assert "submit" not in found or shell == "zsh"
    assert not {"fleet.cli.status", "fleet.cli.run", "pyarrow"} & set(done.stderr.split())


def test_options_are_completed_as_well() -> None:
    """Those of the command that is being written."""
    environment = {
        "COMP_WORDS": "fleet run --in",
        "COMP_CWORD": "2",
        "_FLEET_COMPLETE": "complete_bash",
    }
    program = "import sys; sys.argv = ['fleet']; from fleet.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert sorted(done.stdout.split()) == ["--include", "--index-cache", "--input"]


def test_the_script_for_the_shell_is_printed() -> None:
    """As the README says, for who does not want it written into a file: that of the shell at work."""
    command = shlex.join([sys.executable, *FLEET, "--show-completion"])
    # What follows keeps bash from giving its place to the last command.
    in_bash = ["bash", "-c", f"{command}; exit $?"]
    done = subprocess.run(in_bash, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "_COMPLETE=complete_bash" in done.stdout


BASH = """source ~/.bashrc
COMP_WORDS=(fleet st) COMP_CWORD=1
_fleet_completion fleet
echo "${COMPREPLY[@]}"
"""


def test_what_is_installed_completes(tmp_path: Path) -> None:
    """In a home that is new, by bash itself, with a `fleet` on its PATH."""
    program = tmp_path / "programs" / "fleet"
    program.parent.mkdir()
    call = "import sys; sys.argv[0] = 'fleet'; from fleet.cli import main; main()"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -c "{call}" "$@"\n')
    program.chmod(0o755)
    path = f"{program.parent}:{os.environ['PATH']}"
    environment = {**os.environ, "HOME": str(tmp_path), "PATH": path}

    def run(words: str) -> str:
        done = subprocess.run(
            ["bash", "-c", words], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    # What follows keeps bash from giving its place to the last command.
    assert "installed" in run("fleet --install-completion; exit $?")
    assert set(run(BASH).split()) == {"status", "stop", "street"}


def test_every_parameter_is_on_some_page() -> None:
    """No option is left out of the help but help itself, and former names."""
    for name in HOMES:
        shown = page(name)
        for param in load(name).params:
            if isinstance(param, TyperOption) and not ("--help" in param.opts or param.hidden):
                assert any(opt in shown for opt in param.opts if opt.startswith("--"))
            if isinstance(param, TyperArgument):
                assert str(param.metavar or param.name.upper()).strip("[]") in shown


def test_the_group_itself_has_the_commands() -> None:
    """Typer finds each by its name."""
    group: Any = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    assert list(group.commands) == list(HOMES)
