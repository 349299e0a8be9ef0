"""`fleet browse` in a real browser: searched, stepped through, boxes taken away, a clip that plays."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import pytest
from browsed import served
from browser import browser, needed
from devtools import Tab, opened
from exact import index_of
from recorded import HOSTILE, detections_output, gray_of, record, write_grays

from fleet.storage import Folder

LIMIT_S = 120
FOUND: dict[int, Sequence[tuple[str, float]]] = {
    5: [("person", 0.9), ("x" * 5000, 0.8)],
    10: [(HOSTILE, 0.6)],
    20: [],
    30: [("person", 0.7)],
}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where an output of two cameras is served."""
    folder = tmp_path_factory.mktemp("browse")
    out = detections_output(Folder(str(folder / "out")))
    for camera in ("camera-1", "camera-2"):
        (folder / camera).mkdir()
        record(out, index_of(write_grays(folder / camera / f"{camera}.mp4")), FOUND)
    with served(out.uri) as server:
        yield server.address


@pytest.fixture
def tab(address: str) -> Iterator[Tab]:
    """The page, open in a browser."""
    with opened(needed(browser(), "Chromium"), address) as tab:
        until(tab, "document.documentElement.dataset.ready")
        yield tab


def until(tab: Tab, script: str) -> None:
    """Wait until an expression holds in the page."""
    end_s = time.monotonic() + LIMIT_S
    while not tab.run(script):
        said = f"{text(tab, 'told')[:80]} {text(tab, 'problem')} {tab.requests[-4:]}"
        assert time.monotonic() < end_s, f"{script}: {said}"


def text(tab: Tab, place: str) -> str:
    """What an element says."""
    return str(tab.run(f"document.getElementById('{place}').textContent"))


def at_frame(tab: Tab, frame: int) -> None:
    """Wait until a frame is shown: its number, its boxes, and its picture with its gray."""
    until(tab, f"document.getElementById('told').textContent.includes('frame {frame}:')")
    until(tab, "!document.getElementById('stage').classList.contains('late')")
    gray = tab.run(
        "(() => { const c = document.createElement('canvas'), p = document.getElementById('picture');"
        "const x = c.getContext('2d'); x.drawImage(p, 0, 0); return x.getImageData(8, 8, 1, 1).data[0] })()"
    )
    assert gray == pytest.approx(gray_of(frame), abs=4)


def boxes(tab: Tab) -> list[str]:
    """The labels of the boxes that are drawn."""
    found: list[str] = tab.run(
        "document.getElementById('boxes').hasAttribute('hidden') ? [] :"
        "[...document.querySelectorAll('#boxes text')].map((label) => label.textContent)"
    )
    return found


def assert_boxes_lie_on_the_picture(tab: Tab) -> None:
    """Each where its corners are in the frame, and drawn with lines alone."""
    found = tab.run(
        "(() => { const picture = document.getElementById('picture').getBoundingClientRect();"
        "const [, , wide, high] = document.getElementById('boxes').getAttribute('viewBox').split(' ');"
        "return [...document.querySelectorAll('#boxes rect.line')].map((box) => {"
        "const seen = box.getBoundingClientRect(), at = (name) => Number(box.getAttribute(name));"
        "return [seen.x - picture.x - at('x') * picture.width / wide,"
        "seen.y - picture.y - at('y') * picture.height / high, getComputedStyle(box).fill]; }) })()"
    )
    assert found
    for across, down, fill in found:
        assert (across, down) == (pytest.approx(0, abs=3), pytest.approx(0, abs=3))
        assert fill == "none"


def test_it_opens_with_the_surest_row(tab: Tab) -> None:
    """Its frame with its boxes; counts are the table's; nothing too wide, nothing goes wrong."""
    at_frame(tab, 5)
    assert "person 0.90" in boxes(tab)
    assert_boxes_lie_on_the_picture(tab)
    assert text(tab, "count") == "8 rows"
    assert text(tab, "listed") == "2 videos"
    for width in (1440, 390):
        for scheme in ("light", "dark"):
            tab.look(width, scheme)
            assert tab.run("document.documentElement.scrollWidth") <= width
    assert tab.said == []


def test_nothing_is_asked_for_from_elsewhere(tab: Tab, address: str) -> None:
    """Every request goes below the address, token and all."""
    at_frame(tab, 5)
    asked = [url for url in tab.requests if not url.startswith("data:")]
    assert len(asked) > 10
    assert all(url.startswith(address) for url in asked)


def test_a_search_by_mouse(tab: Tab, address: str) -> None:
    """By label; a click on a row opens its frame."""
    tab.run(
        "(() => { const list = document.querySelector('#form [name=label]');"
        "list.value = [...list.options].find((o) => o.textContent.startsWith('<script>')).value })()"
    )
    tab.click("#form button[type=submit]")
    until(tab, "document.getElementById('count').textContent === '2 rows'")
    tab.click("#hits tbody tr:nth-child(2) button")
    at_frame(tab, 10)
    assert boxes(tab) == [f"{HOSTILE} 0.60"]
    assert text(tab, "seen") == "camera-2.mp4"
    assert tab.run("location.href").startswith(address)
    tab.click("#form button[type=reset]")
    until(tab, "document.getElementById('count').textContent === '8 rows'")


def test_frames_and_hits_by_keyboard(tab: Tab) -> None:
    """Arrows step by a frame, j and k by a hit; b takes the boxes away and brings them back."""
    at_frame(tab, 5)
    tab.press("ArrowRight")
    at_frame(tab, 6)
    # It was not looked at: the boxes of the last one that was are drawn dashed, without labels.
    assert tab.run("document.querySelectorAll('#boxes .held').length") == 2
    tab.press("j")
    at_frame(tab, 10)
    tab.press("j")
    at_frame(tab, 30)
    tab.press("j")
    until(tab, "document.getElementById('told').textContent.startsWith('There is no later hit')")
    tab.press("k")
    at_frame(tab, 10)
    tab.press("b")
    assert boxes(tab) == []
    tab.press("b")
    assert boxes(tab) == [f"{HOSTILE} 0.60"]
    tab.press("/")
    assert tab.run("document.activeElement.name") == "label"


def test_scrubbing(tab: Tab) -> None:
    """The slider goes by keys, the timeline by the mouse; labels that are off are no hits."""
    at_frame(tab, 5)
    tab.run("document.getElementById('scrub').focus()")
    for _ in range(3):
        tab.press("ArrowRight")
    at_frame(tab, 8)
    tab.click("#timeline")
    at_frame(tab, 20)
    assert "nothing found" in text(tab, "told")
    tab.click("#lanes input")
    tab.click("#before")
    at_frame(tab, 10)
    tab.click("#before")
    # Person is off, the long label is not.
    at_frame(tab, 5)
    assert [label[:3] for label in boxes(tab)] == ["xxx"]


def test_a_clip_plays(tab: Tab) -> None:
    """It is H.264 of the stretch around the frame; one that is closed is gone."""
    at_frame(tab, 5)
    tab.run("document.getElementById('seconds').value = '5'")
    tab.press("c")
    until(tab, "document.getElementById('clip').currentTime > 0.5")
    assert tab.run("document.getElementById('clip').videoWidth") == 320
    assert tab.run("Math.round(document.getElementById('clip').duration * 10)") == 30
    assert text(tab, "cutting") == "Frames 0 to 29."
    tab.click("#shut")
    assert not tab.run("document.getElementById('clip').hasAttribute('src')")


def test_an_address_leads_to_its_frame(tab: Tab) -> None:
    """That of a frame, as it stands behind #; a video's name leads to its first hit."""
    tab.click("#list tbody tr:nth-child(2) button")
    until(tab, "document.getElementById('seen').textContent === 'camera-2.mp4'")
    at_frame(tab, 5)
    tab.run("location.hash = location.hash.replace(/[0-9]+$/, '30')")
    at_frame(tab, 30)
    assert text(tab, "seen") == "camera-2.mp4"


def test_of_several_that_are_opened_at_once_the_last_one_stays(tab: Tab) -> None:
    """Each click before the answer to the one before."""
    at_frame(tab, 5)
    tab.run("document.querySelectorAll('#list tbody button').forEach((button) => button.click())")
    until(tab, "document.getElementById('seen').textContent === 'camera-2.mp4'")
    at_frame(tab, 5)
    tab.press("j")
    at_frame(tab, 10)
    assert text(tab, "seen") == "camera-2.mp4"


@pytest.mark.parametrize("held", ["search", "videos"])
def test_an_answer_that_comes_late_is_not_shown(tab: Tab, held: str) -> None:
    """Where more was asked for meanwhile: the page shows what was asked for last."""
    tab.run(
        "(() => { const real = fetch; let is_first = true; window.fetch = async (address) => {"
        f"const is_held = is_first && address.startsWith('{held}'); if (is_held) is_first = false;"
        "const got = await real(address);"
        "if (is_held) await new Promise((go) => { window.release = go }); return got } })()"
    )
    if held == "search":
        tab.click("#form button[type=reset]")
        until(tab, "Boolean(window.release)")
        tab.run("document.querySelector('#form [name=least]').value = '0.85'")
        tab.click("#form button[type=submit]")
        place, last = "count", "2 rows"
    else:
        part = "document.querySelector('#narrow [name=part]')"
        tab.run(f"{part}.dispatchEvent(new Event('input', {{ bubbles: true }}))")
        until(tab, "Boolean(window.release)")
        tab.run(
            f"{part}.value = 'camera-2'; {part}.dispatchEvent(new Event('input', {{ bubbles: true }}))"
        )
        place, last = "listed", "1 video"
    until(tab, f"document.getElementById('{place}').textContent === '{last}'")
    tab.run("window.release(); setTimeout(() => { window.later = true }, 300)")
    until(tab, "Boolean(window.later)")
    assert text(tab, place) == last


def test_labels_that_the_server_does_not_know_are_not_left_out(tab: Tab) -> None:
    """Of several of them, one that is off: the page says so, and the next hit is found."""
    tab.run(
        "(() => { const real = fetch; window.fetch = async (address) => {"
        "const got = await real(address); if (!address.includes('/timeline')) return got;"
        "const drawn = await got.json(); for (const [label, key] of [['', '0'], ['(other labels)', '1']])"
        "drawn.rows.push({ label, key: key.repeat(16), rows: 1 }); return Response.json(drawn) } })()"
    )
    tab.click("#list tbody tr:nth-child(2) button")
    until(tab, "document.querySelectorAll('#lanes input').length === 5")
    at_frame(tab, 5)
    tab.click("#lanes label:last-child input")
    assert text(tab, "among") == "Rows of (other labels) are among the hits."
    tab.press("j")
    at_frame(tab, 10)
    assert text(tab, "problem") == ""
    tab.click("#lanes label:last-child input")
    assert text(tab, "among") == ""


def test_what_goes_wrong_is_said(tab: Tab) -> None:
    """In a sentence, where screen readers hear it."""
    tab.run("location.hash = '#0123456789abcdef/1'")
    until(
        tab,
        "document.getElementById('problem').textContent.startsWith('The output has no such video')",
    )
    assert tab.run("document.getElementById('problem').getAttribute('role')") == "alert"
    tab.run("location.hash = location.hash")


def test_names_are_text(tab: Tab) -> None:
    """A label that is a script stands in the search and on the picture, and does not run."""
    tab.press("j")
    at_frame(tab, 10)
    assert HOSTILE in tab.run("document.body.textContent")
    assert tab.run("document.scripts.length") == 1
