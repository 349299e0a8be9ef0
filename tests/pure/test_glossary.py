"""The words that commands print: one page, which `fleet words` reads."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from fleet.errors import UsageError
from fleet.views.words import look_up, read_words, render_words

ROOT = Path(__file__).parents[2]
WORDS = read_words()


@pytest.mark.parametrize("word", ["lease", "backup task", "part", "shard", "AIPP", "VPC", "GOP"])
def test_what_commands_print_is_explained(word: str) -> None:
    """In words that are not the word itself."""
    (meaning,) = look_up(WORDS, word).values()
    assert word.lower() not in meaning.lower().split()


def test_each_row_of_the_page_is_a_word() -> None:
    """None is passed over by the reader, and none is there twice."""
    text = (ROOT / "docs" / "words.md").read_text("utf-8")
    rows = [line for line in text.splitlines() if line.startswith("|")][2:]
    assert len(WORDS) == len(rows)
    assert all(meaning and not meaning.endswith(".") for meaning in WORDS.values())


@pytest.mark.parametrize("asked", ["Leases", " gop", "soc", "MSAME"])
def test_a_word_is_found_in_any_case_and_number(asked: str) -> None:
    """One row."""
    assert len(look_up(WORDS, asked)) == 1


def test_a_word_that_is_not_there_names_those_that_are_near() -> None:
    """And where nothing is near, all of them."""
    with pytest.raises(UsageError, match="Did you mean lease"):
        look_up(WORDS, "leaze")
    with pytest.raises(UsageError, match="fleet words"):
        look_up(WORDS, "xyzzy")


@pytest.mark.parametrize("width", [40, 80, 100])
def test_rows_are_as_wide_as_the_terminal(width: int) -> None:
    """And nothing of them is left out."""
    shown = render_words(WORDS, width)
    assert max(map(len, shown.splitlines())) <= width
    assert len(re.sub(r"\s", "", shown)) == sum(
        len(re.sub(r"\s", "", word + meaning)) for word, meaning in WORDS.items()
    )


@pytest.mark.parametrize("page", ["README.md", "ARCHITECTURE.md"])
def test_pages_point_to_it(page: str) -> None:
    """Rather than to say it again."""
    assert "docs/words.md" in (ROOT / page).read_text("utf-8")
