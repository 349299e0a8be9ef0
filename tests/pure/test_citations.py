"""Citations of the documentation: each names a page and an anchor that exist."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
READ = frozenset({".md", ".py", ".toml", ".yaml"})
# A page of this repository, and not the end of an address that goes through a folder "docs".
CITATION = re.compile(r"(?<![\w./-])docs/(?:[\w-]+/)*[\w-]+\.md(?:#[\w-]+)?")
ANCHOR = re.compile(r'<a id="([^"]+)"></a>')
HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
FORMER_NAME = "ascend" + "_spec"


def texts(*places: str) -> Iterator[tuple[str, str]]:
    """Yield the path within the repository and the text of each file that is read there."""
    for place in places:
        path = ROOT / place
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and file.suffix in READ:
                yield str(file.relative_to(ROOT)), file.read_text("utf-8")


def slug(heading: str) -> str:
    """Return the anchor that a heading gets where Markdown is shown."""
    kept = re.sub(r"[^\w\- ]", "", ANCHOR.sub("", heading).strip().lower())
    return kept.replace(" ", "-")


def anchors(page: str) -> list[str]:
    """Return every anchor of a page's text: those that it sets, then those of its headings."""
    counts: Counter[str] = Counter()
    found = ANCHOR.findall(page)
    for heading in HEADING.findall(FENCE.sub("", page)):
        name = slug(heading)
        found.append(f"{name}-{counts[name]}" if counts[name] else name)
        counts[name] += 1
    return found


def broken(text: str) -> list[str]:
    """Return the citations in a text that lead nowhere."""
    return [citation for citation in CITATION.findall(text) if not leads_somewhere(citation)]


def leads_somewhere(citation: str) -> bool:
    """Check that the page of a citation exists, and its anchor where it names one."""
    name, _, anchor = citation.partition("#")
    page = ROOT / name
    return page.is_file() and (not anchor or anchor in anchors(page.read_text("utf-8")))


def test_every_citation_leads_to_an_anchor() -> None:
    """Each page that is cited exists, and has the anchor."""
    read = texts("fleet", "jobs", "tests", "README.md", "docs")
    wrong = {path: lost for path, text in read if (lost := broken(text))}
    assert not wrong


def test_the_device_cites_the_page_of_the_chip() -> None:
    """The search finds citations where there are many, so it would find wrong ones."""
    cited = [name for _, text in texts("fleet/ascend") for name in CITATION.findall(text)]
    assert len(cited) > 20


@pytest.mark.parametrize(
    "rest", ["chip.md#no-such-rule", "no-such-page.md#memory", "no-such-page.md"]
)
def test_a_citation_that_leads_nowhere_is_found(rest: str) -> None:
    """A page that is not there is found, and an anchor that is not there."""
    citation = "docs/" + rest
    assert broken(f"The rule is known ({citation}).") == [citation]


def test_an_address_is_no_citation() -> None:
    """A folder of that name in another repository is left alone."""
    address = "https://example.org/a/repository/" + "docs" + "/zh/no-such-page.md#part"
    assert not broken(address)
    assert broken(address.removeprefix("https://example.org/a/repository/"))


@pytest.mark.parametrize(
    "path", sorted(str(page.relative_to(ROOT)) for page in ROOT.glob("docs/**/*.md"))
)
def test_an_anchor_stands_once_in_a_page(path: str) -> None:
    """A citation leads to one place."""
    twice = [
        name
        for name, count in Counter(anchors((ROOT / path).read_text("utf-8"))).items()
        if count > 1
    ]
    assert not twice


def test_headings_get_the_anchors_of_shown_markdown() -> None:
    """Case and punctuation go, blanks become hyphens, a second heading of a name is numbered."""
    lines = [
        "# Error codes",
        '<a id="rule"></a>',
        "## `fleet run`, twice",
        "```",
        "# a comment",
        "```",
    ]
    page = "\n".join([*lines, "## Error codes", ""])
    assert anchors(page) == ["rule", "error-codes", "fleet-run-twice", "error-codes-1"]


def test_nothing_cites_a_page_outside_the_repository() -> None:
    """The name by which the rules went before they were part of it is gone."""
    assert not [path for path, text in texts("fleet", "tests") if FORMER_NAME in text]
