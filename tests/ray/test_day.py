"""A sample of the day that cluster/README.md tells of; `make prove-day` follows the whole page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from checkout import a_checkout, as_a_stranger
from page_reader import STAYS, PageReader
from page_steps import DayError
from pages import Block, blocks

PAGE = "cluster/README.md"


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of one's own."""
    return a_checkout(tmp_path_factory.mktemp("day") / "fleet")


def first_and_last(checkout: Path) -> tuple[Block, Block]:
    """Return the block that starts the local cluster, and the one that ends it."""
    run = [block for block in blocks(checkout, PAGE) if not block.excuse]
    (first, *_) = (block for block in run if block.text.startswith(f"$ {STAYS}"))
    return replace(first, reads=()), run[-1]


def test_a_cluster_is_started_and_ended_as_the_page_has_it(checkout: Path, tmp_path: Path) -> None:
    """It prints what the page shows, line by line; Ctrl-C ends it, as shown."""
    with PageReader(checkout, as_a_stranger(checkout, tmp_path), print) as reader:
        reader.follow(first_and_last(checkout))
        reader.end()


@pytest.mark.parametrize(
    ("was", "altered"), [("--max-devices 2", "--most-devices 2"), ("no node to 2", "one node to 2")]
)
def test_an_altered_page_is_found_out(
    checkout: Path, tmp_path: Path, was: str, altered: str
) -> None:
    """An option that there is not; a line that is not printed."""
    first, _ = first_and_last(checkout)
    assert was in first.text
    changed = replace(first, text=first.text.replace(was, altered, 1))
    environment = as_a_stranger(checkout, tmp_path)
    with PageReader(checkout, environment, print) as reader, pytest.raises(DayError):
        reader.follow([changed])
