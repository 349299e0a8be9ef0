"""Commands that are printed are typed as the user has started the command, and work so."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import fleet
from fleet.cli.atc import FAILED
from fleet.cli.lazy import HOMES
from fleet.views.typed import USUAL, as_typed, words_of

LIBRARY = Path(fleet.__file__).parent
COMMANDS = tuple(HOMES)
NAMED = re.compile(rf"\bfleet\s+(?:{'|'.join(COMMANDS)})\b")
WORDS = ".venv/bin/fleet"
UNPRINTED = {
    # Who changed an output, as its manifest and locks say it.
    "fleet run",
    "fleet requeue",
    "fleet compact",
    "fleet publish",
    # ATC's own words, for scripts that look for them.
    FAILED,
}


@pytest.mark.parametrize(
    ("argv0", "started", "on_path", "words"),
    [
        ("/usr/bin/fleet", ["/usr/bin/python", "/usr/bin/fleet"], True, "fleet"),
        (".venv/bin/fleet", ["/x/python", ".venv/bin/fleet"], False, ".venv/bin/fleet"),
        ("/my env/bin/fleet", ["/x/python", "x"], False, "'/my env/bin/fleet'"),
        ("/site/fleet/__main__.py", ["python", "-m", "fleet", "run"], False, "python -m fleet"),
        ("/site/fleet/cli/__main__.py", ["./python", "-m"], True, "./python -m fleet"),
        ("/site/pytest/__main__.py", ["python", "-m", "pytest"], False, "fleet"),
        ("/site/fleet/cli/attended.py", ["python", "-m", "x"], False, "fleet"),
        ("", [], False, "fleet"),
        ('it\'s "odd"/fleet', ["python"], False, """'it'"'"'s "odd"/fleet'"""),
        ("a\nb/fleet", ["python"], False, "fleet"),
    ],
)
def test_the_words_are_those_that_started_it(
    argv0: str, started: list[str], on_path: bool, words: str
) -> None:
    """Quoted for a shell; the usual ones where no command was typed, or it cannot be written."""
    assert words_of(argv0, started, on_path=on_path) == words


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("fleet status out", "W status out"),
        (
            "Read it with\n  fleet report out --out x.html",
            "Read it with\n  W report out --out x.html",
        ),
        ("Run `fleet compact` on it.", "Run `W compact` on it."),
        ("Run `fleet\n  compact` on it.", "Run `W\n  compact` on it."),
        ("See all: fleet words.", "See all: W words."),
        ("  how it stands:  fleet status x", "  how it stands:  W status x"),
        ("fleet: error: no such file", "fleet: error: no such file"),
        ("the folder my fleet run is away", "the folder my fleet run is away"),
        ("/data/fleet run.mp4", "/data/fleet run.mp4"),
        ("gone: fleet run.mp4", "gone: fleet run.mp4"),
        ("fleet top  /out", "W top  /out"),
        ("fleet is a word", "fleet is a word"),
        ("  $ fleet show out", "  $ W show out"),
        ("`fleet verify 'w/a: fleet run'`", "`W verify 'w/a: fleet run'`"),
        ("`fleet verify 'w/`fleet run`'`", "`W verify 'w/`fleet run`'`"),
        ("As the job's: fleet run --join", "As the job's: W run --join"),
    ],
)
def test_what_is_no_command_stays(text: str, typed: str) -> None:
    """A command is one by what stands before and behind it."""
    assert as_typed(text, "W", COMMANDS) == typed


@given(st.text(alphabet="fleet run`: .\n", max_size=40))
def test_a_text_keeps_everything_else(text: str) -> None:
    """Where the words are the usual ones all of it, and else all but them."""
    assert as_typed(text, USUAL, COMMANDS) == text
    assert as_typed(text, "\0", COMMANDS).replace("\0", USUAL) == text


@given(
    st.text(), st.sampled_from(["`fleet run {} --uri x`.", "Then: fleet run {}", "fleet run {}"])
)
@example("w/a: fleet run", "Then: fleet run {}")
@example("it's `fleet run` and\nfleet stop", "`fleet run {} --uri x`.")
def test_what_is_quoted_in_a_way_out_stays(name: str, way_out: str) -> None:
    """Whatever a name is: only the command itself is typed in another way."""
    typed = as_typed(way_out.format(shlex.quote(name)), "W", COMMANDS)
    assert typed == way_out.replace("fleet", "W").format(shlex.quote(name))


def printed() -> Iterator[tuple[str, str]]:
    """Yield each text of the library that names a subcommand, and where it stands."""
    for path in sorted(LIBRARY.rglob("*.py")):
        tree = ast.parse(path.read_text())
        nodes = list(ast.walk(tree))
        parts = {id(part) for node in nodes for part in _parts(node)}
        for node in nodes:
            text = "" if id(node) in parts else _text(node)
            if NAMED.search(text) and text not in UNPRINTED:
                yield f"{path.relative_to(LIBRARY)}:{getattr(node, 'lineno', 0)}", text


def _parts(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what is no text of its own: docstrings, and pieces of a longer text."""
    if isinstance(node, ast.Expr):
        yield node.value
    if isinstance(node, ast.JoinedStr):
        yield from node.values


def _text(node: ast.AST) -> str:
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(value) or "{}" for value in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def test_every_hint_is_printed_as_it_is_typed() -> None:
    """Each command in it: it stands in backticks, behind a colon or at the beginning of a line."""
    hints = list(printed())
    assert len(hints) > 40
    assert not [
        (where, text)
        for where, text in hints
        if as_typed(text, "\0", COMMANDS).count("\0") != len(NAMED.findall(text))
    ]
