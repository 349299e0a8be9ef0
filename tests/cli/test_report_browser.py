"""A report in a real browser: it asks for nothing, says nothing, and its filters filter."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from browser import browser, needed
from command import fleet_here
from devtools import Tab, opened
from exact import index_of
from recorded import HOSTILE, detections_output, record, write_grays

from fleet.storage import Folder


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report of two cameras: a label and a video that would be scripts, a label that is long."""
    folder = tmp_path_factory.mktemp("browser")
    out = detections_output(Folder(str(folder / "out")))
    for place in ("camera-1/gate.mp4", f"camera-2/{HOSTILE}.mp4"):
        (folder / place).parent.mkdir(parents=True)
        found: dict[int, Sequence[tuple[str, float]]] = {
            5: [("person", 0.9), ("x" * 5000, 0.9)],
            10: [(HOSTILE, 0.6)],
            20: [],
        }
        record(out, index_of(write_grays(folder / place)), found)
    done = fleet_here("report", out.uri, "--out", folder / "report.html")
    assert done.returncode == 0, done.stderr
    return folder / "report.html"


@pytest.fixture
def tab(page: Path) -> Iterator[Tab]:
    """The report, open in a browser."""
    with opened(needed(browser(), "Chromium"), page) as tab:
        yield tab


def shown(tab: Tab) -> int:
    """How many pictures are to be seen, which is what the page says."""
    count = int(tab.run("document.querySelectorAll('.cards figure:not([hidden])').length"))
    assert str(tab.run("document.getElementById('told').textContent")).startswith(f"{count} of 6 ")
    return count


def test_nothing_is_asked_for_and_nothing_goes_wrong(tab: Tab) -> None:
    """On a desk and on a phone, light and dark: no request, no console line, nothing too wide."""
    for width in (1440, 390):
        for scheme in ("light", "dark"):
            tab.look(width, scheme)
            assert tab.run("document.documentElement.scrollWidth") <= width
    assert tab.run("[...document.images].every((image) => image.naturalWidth > 0)")
    asked = [url for url in tab.requests if not url.startswith("data:")]
    assert [url.rpartition("/")[2] for url in asked] == ["report.html"]
    assert tab.said == []


def test_filters_take_the_mouse(tab: Tab) -> None:
    """By label, by nothing found; the button brings all of them back."""
    assert shown(tab) == 6
    tab.click('input[name=label][value="0"]')
    assert shown(tab) == 4
    tab.click("input[name=label][value=none]")
    assert shown(tab) == 2
    tab.click("button[type=reset]")
    assert shown(tab) == 6


def test_filters_take_the_keyboard(tab: Tab) -> None:
    """A slash leads to the labels, a space chooses, r takes it back; boxes go by their scores."""
    tab.press("/")
    tab.press(" ")
    assert shown(tab) == 4
    tab.press("r")
    assert shown(tab) == 6
    tab.run("document.querySelector('input[name=score]').focus()")
    for _ in range(5):
        tab.press("ArrowRight")
    assert tab.run("document.querySelector('output').value") == "0.25"
    assert shown(tab) == 6
    for _ in range(9):
        tab.press("ArrowRight")
    # The boxes of 0.6 are gone, and with them their pictures; those of nothing stay.
    assert tab.run("document.querySelector('output').value") == "0.70"
    assert shown(tab) == 4


def test_pictures_are_enlarged_and_gone_through_by_keys(tab: Tab) -> None:
    """J leads to the first, Enter enlarges it, arrows go on, Escape closes it."""
    tab.press("j")
    tab.press("Enter")
    assert tab.run("document.getElementById('large').open")
    first = tab.run("document.querySelector('#large figcaption').textContent")
    tab.press("ArrowRight")
    second = tab.run("document.querySelector('#large figcaption').textContent")
    assert first != second
    assert re.search(r"frame \d+", second)
    tab.press("Escape")
    assert not tab.run("document.getElementById('large').open")
    assert shown(tab) == 6


def test_names_that_are_scripts_are_read_and_not_run(tab: Tab) -> None:
    """They stand there as they are; there is one script, which is the page's own."""
    assert HOSTILE in tab.run("document.body.textContent")
    titles = tab.run("[...document.querySelectorAll('.cards [title]')].map((named) => named.title)")
    assert sum(title.endswith(f"/camera-2/{HOSTILE}.mp4") for title in titles) == 3
    assert tab.run("document.scripts.length") == 1
