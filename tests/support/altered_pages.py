"""Pages with one word altered, which whoever follows them has to find out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from checkout import a_checkout, as_a_stranger
from page_reader import ACTIVATES, PageReader
from page_steps import DayError
from pages import Block, blocks


@dataclass(frozen=True)
class Alteration:
    """One text of a page in the place of another."""

    page: str
    was: str
    """What stands in one block of the page that is run, once or more often; the first is altered."""
    altered: str

    def __str__(self) -> str:
        """As a clause."""
        return f"{self.altered!r} in the place of {self.was!r}"


ALTERATIONS = (
    Alteration("cluster/README.md", "street --output clips", "street --outputs clips"),
    Alteration("cluster/README.md", "Took 6.4 s.", "It took 6.4 s."),
    Alteration("README.md", 'input = ["clips"]', 'inputs = ["clips"]'),
    Alteration("README.md", "--on inline  ", "--at inline  "),
    Alteration(
        "cluster/README.md", "--max-devices 2\n    An elastic", "--devices 2\n    An elastic"
    ),
    Alteration("cluster/README.md", "from no node to 2", "from one node to 2"),
)


def follow_altered(alteration: Alteration, folder: Path, followed: str) -> tuple[str, str]:
    """Follow a page in a checkout whose pages are altered, as far as the block that is.

    Return the place of what fails first if it is found out: of that block, or, where it is a file, of
    the block that uses it; and what was found, empty for nothing.
    """
    checkout = a_checkout(folder / "fleet")
    page = checkout / alteration.page
    text = page.read_text("utf-8")
    assert alteration.was in text, f"{alteration.page} has no {alteration.was!r} any more"
    line = text[: text.index(alteration.was)].count("\n") + 1
    page.write_text(text.replace(alteration.was, alteration.altered, 1), "utf-8")
    place = _place(blocks(checkout, alteration.page), line)
    with PageReader(checkout, as_a_stranger(checkout, folder), lambda _line: None) as reader:
        reader.followed.update(_set_up(checkout))
        try:
            for block in blocks(checkout, followed):
                reader.follow([block])
                if place in reader.followed:
                    break
        except DayError as error:
            return place, str(error)
    return place, ""


def _place(page: list[Block], line: int) -> str:
    """Return where a line of a page is run: its block, or the next that is typed if that is a file."""
    at = max(i for i, block in enumerate(page) if block.line <= line)
    return next(block.place for block in page[at:] if not block.file)


def _set_up(checkout: Path) -> set[str]:
    """Return the places of what need not be done again, as the packages of this checkout serve."""
    page = blocks(checkout, "README.md")
    return {block.place for block in page if block.text.rstrip().endswith(ACTIVATES)}
