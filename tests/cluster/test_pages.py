"""The pages that are followed to the letter: their markers, what is typed, and when lines match."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from altered_pages import ALTERATIONS, Alteration
from checkout import ROOT
from hypothesis import given
from hypothesis import strategies as st
from page_reader import PageReader
from page_steps import DayError, Step, steps
from pages import Block, PageError, blocks
from shown import Match, Names

PAGES = ("README.md", "cluster/README.md")


@pytest.mark.parametrize("page", PAGES)
def test_each_block_is_run_or_says_why_not(page: str) -> None:
    """What is typed parses; a marker without a reason, or without a block, would be refused."""
    found = blocks(ROOT, page)
    assert [block for block in found if not block.excuse]
    for block in found:
        if not block.excuse and not block.file:
            assert steps(block.text)


def test_the_day_comes_to_each_block_that_is_to_be_run() -> None:
    """The second page from its beginning, and the sections of the first that it sends its reader to."""
    first, second = (blocks(ROOT, page) for page in PAGES)
    sections = {section for block in second for section in block.reads}
    missed = [each.place for each in first if not each.excuse and each.section not in sections]
    assert missed == []


@pytest.mark.parametrize("alteration", ALTERATIONS, ids=str)
def test_what_the_proof_alters_stands_in_a_block_that_is_run(alteration: Alteration) -> None:
    """Else its showing that it can fail would show nothing."""
    text = (ROOT / alteration.page).read_text("utf-8")
    line = text[: text.index(alteration.was)].count("\n") + 1
    page = blocks(ROOT, alteration.page)
    (*_, altered) = (block for block in page if block.line <= line)
    assert not altered.excuse
    assert alteration.was.partition("\n")[0] in altered.text


def test_what_the_day_is_made_of_is_not_excused() -> None:
    """A cluster, a job of one's own, a driver that is killed, a node, a head, its end, and the rows."""
    runs = [block for page in PAGES for block in blocks(ROOT, page) if not block.excuse]
    assert [block.file for block in runs if block.file] == ["brightness.py", "brightness.toml"]
    typed = [step.typed for block in runs if not block.file for step in steps(block.text)]
    wanted = [
        "make setup",
        "local.py",
        "submit",
        "jobs",
        "top",
        "kill -KILL",
        "drain-node",
        "stop",
        "verify",
        "duckdb",
    ]
    for word in wanted:
        assert any(word in each for each in typed), word
    assert typed.count("^C") >= 4
    sections = {section for block in runs for section in block.reads}
    assert sections <= {block.section for block in blocks(ROOT, "README.md")}


def write(tmp_path: Path, text: str) -> list[Block]:
    """Return the blocks of a page with a text."""
    (tmp_path / "page.md").write_text(text)
    return blocks(tmp_path, "page.md")


def test_a_marker_excuses_the_block_below_it_or_its_section(tmp_path: Path) -> None:
    """And nothing else: not what comes after the block, nor the section that follows."""
    text = (
        "# Page\n\n<!-- not run: one -->\n    a\n\nWords:\n\n    b\n\n## Deep\n\n<!-- not run: all -->\n\n"
        "    c\n\nWords.\n\n    d\n\n### Deeper\n\n    e\n\n## Other\n\n    f\n"
    )
    # Right below a heading a marker is for the section: here the whole page.
    with_words = text.replace("# Page\n", "# Page\n\nWords.\n", 1)
    assert [block.excuse for block in write(tmp_path, with_words)] == [
        "one",
        "",
        "all",
        "all",
        "all",
        "",
    ]
    assert [block.excuse for block in write(tmp_path, text)][0::5] == ["one", "one"]


@pytest.mark.parametrize(
    "text",
    [
        "<!-- not run: nothing below -->\n\nWords.\n\n    a\n",
        "# Page\n\n<!-- not run: nothing at all -->\n\nWords.\n",
        "Words.\n\n<!-- not run:  -->\n    a\n",
        "Words.\n\n```python\nimport fleet\n```\n",
        "<!-- not run: the last line -->\n",
    ],
)
def test_a_marker_or_a_file_out_of_place_is_refused(tmp_path: Path, text: str) -> None:
    """A marker that excuses nothing, or does not say why; a program that no name is given for."""
    with pytest.raises(PageError):
        write(tmp_path, text)


def test_a_file_is_what_its_page_calls_it(tmp_path: Path) -> None:
    """By the last name above it that has its ending."""
    (found,) = write(
        tmp_path, "Beside `old.txt` lies `job.py`, whole:\n\n```python\nimport fleet\n```\n"
    )
    assert (found.file, found.text) == ("job.py", "import fleet\n")


def test_commands_are_told_from_what_they_print() -> None:
    """Quotes and backslashes go on; a blank line before the next command is neither's."""
    assert steps("$ one 'a\n  b'\nout\n\n$ two \\\n    more\n^C\nend\n") == [
        Step("one 'a\nb'", ("out",)),
        Step("two \\\nmore", (), then_interrupted=True),
        Step("^C", ("end",)),
    ]
    assert steps("one  # why\n\n# only words\ntwo\n") == [
        Step("one  # why", None),
        Step("two", None),
    ]


def mismatch(shown: Sequence[str], printed: Sequence[str], names: Names | None = None) -> bool:
    """Return whether what is printed is not what is shown."""
    match = Match(shown, names or Names())
    for line in printed:
        match.take(line)
    return match.end() is not None


SHOWN = (
    "3 videos, 1m52s: 319 frames -> out",
    "...",
    "Finished: out",
    "",
    "  pid 17 and sum 0a1b2c3d4e5f",
)


def test_numbers_times_and_sums_may_differ() -> None:
    """Words may not, nor their order; lines may be told again, and left out where the page does."""
    printed = [
        "1 video, 6s: 1,234.5 frames -> out",
        "anything",
        "Finished: out",
        "",
        "  pid 9 and sum ffffffffffff",
    ]
    assert not mismatch(SHOWN, printed)
    assert not mismatch(SHOWN, [printed[0], printed[0], *printed[2:]])
    assert mismatch(SHOWN, printed[:-1])
    assert mismatch(SHOWN, [*printed, "one more"])
    assert mismatch(SHOWN[:1], [printed[0].replace("frames", "pictures")])
    assert mismatch(("a", "b"), ("b", "a"))


def test_a_name_of_the_page_is_one_name_here() -> None:
    """The id that a command has printed is meant by those that follow it."""
    names = Names()
    assert not mismatch(["Submitted raysubmit_Page"], ["Submitted raysubmit_Here"], names)
    assert names.command("fleet logs raysubmit_Page") == "fleet logs raysubmit_Here"
    assert not mismatch(["raysubmit_Page ended"], ["raysubmit_Here ended"], names)
    assert mismatch(["raysubmit_Page ended"], ["raysubmit_Other ended"], names)


LINES = st.lists(
    st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=30), max_size=6
)


@given(LINES, st.data())
def test_what_is_shown_matches_itself_and_nothing_with_another_word(
    lines: list[str], data: st.DataObject
) -> None:
    """Whatever stands in the lines; one letter more is found wherever it is put."""
    plain = [line.rstrip() for line in lines]
    assert not mismatch(plain, plain)
    if plain and not any("..." in line for line in plain):
        at = data.draw(st.integers(0, len(plain) - 1))
        changed = [*plain[:at], f"{plain[at]}€", *plain[at + 1 :]]
        assert mismatch(plain, changed)


SHOWN_LINES = [
    (block.place, shown, at)
    for page in PAGES
    for block in blocks(ROOT, page)
    if not (block.excuse or block.file)
    for shown in (step.shown or () for step in steps(block.text))
    for at, line in enumerate(shown)
    if line.strip() and line != "..."
]
"""Each line that a page says is printed: where, among which lines."""


def test_no_line_that_a_page_shows_may_have_a_word_more() -> None:
    """Whatever else the page leaves open: each line of it is compared with what is printed."""
    assert len(SHOWN_LINES) > 50
    for place, shown, at in SHOWN_LINES:
        printed = [line.replace("...", "left out") for line in shown if line != "..."]
        assert not mismatch(shown, printed), place
        altered = [*shown[:at], f"altered {shown[at]}", *shown[at + 1 :]]
        assert mismatch(altered, printed), (place, shown[at])


PAGE = """# Page

As [above](../README.md#first) it says:

    $ printf '%s\\n' 'counted 7 lines' 'id raysubmit_abc'
    counted 12 lines
    id raysubmit_xyz
    $ echo raysubmit_xyz; cat written.toml
    raysubmit_xyz
    a = 1
"""
README = """# Other

## First

What is kept in `written.toml`:

```toml
a = 1
```

    test -f written.toml

## Second

    false
"""


def followed(tmp_path: Path, page: str) -> PageReader:
    """Follow a page in a folder."""
    (tmp_path / "README.md").write_text(README)
    (tmp_path / "page.md").write_text(page)
    environment = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    with PageReader(tmp_path, environment, lambda _line: None) as reader:
        reader.follow(blocks(tmp_path, "page.md"))
    return reader


def test_a_page_that_is_so_is_followed(tmp_path: Path) -> None:
    """With what it sends to in the other page; what it does not is missed."""
    reader = followed(tmp_path, PAGE)
    missed = reader.missed([*blocks(tmp_path, "README.md"), *blocks(tmp_path, "page.md")])
    assert [block.section for block in missed] == ["second"]


@pytest.mark.parametrize(
    ("was", "altered"),
    [
        ("counted 7 lines' ", "counted 7 pages' "),  # a command that prints something else
        ("printf", "print-it"),  # one that there is not
        ("cat written.toml", "cat wriitten.toml"),  # a name that is misspelt
        ("    a = 1\n", "    a = 1\n    b = 2\n"),  # more shown than is printed
        ("    counted 12 lines\n", ""),  # less
        ("echo raysubmit_xyz", "echo raysubmit_other"),  # an id that nothing has printed
        ("#first", "#second"),  # another section, whose command fails
    ],
)
def test_a_page_that_is_altered_is_found_out(tmp_path: Path, was: str, altered: str) -> None:
    """In a command, in what it prints, in a link."""
    assert was in PAGE
    with pytest.raises(DayError):
        followed(tmp_path, PAGE.replace(was, altered, 1))


def test_what_is_activated_holds_for_later_commands(tmp_path: Path) -> None:
    """As a virtual environment does, which is made and activated in one line."""
    made = "mkdir -p new/bin && echo 'export TOLD=so' > new/bin/activate && . new/bin/activate"
    followed(tmp_path, f"# Page\n\n    {made}\n\nThen:\n\n    $ echo told $TOLD\n    told so\n")


def test_what_goes_on_is_ended_by_the_key(tmp_path: Path) -> None:
    """Once all above has been printed; what it prints then is compared, too."""
    script = "trap 'echo bye; exit 0' INT; echo on; while :; do sleep 0.1; done"
    page = f'# Page\n\n    $ bash -c "{script}"\n    on\n    ^C\n    bye\n'
    followed(tmp_path, page)
    with pytest.raises(DayError):
        followed(tmp_path, page.replace("    bye\n", "    see you\n"))
