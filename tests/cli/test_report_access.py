"""A report of all that one can hold, in a real browser: for everybody, and with the table's counts."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from browser import axe, browser, needed
from command import fleet_here
from devtools import Tab, opened
from scattered import LABELS, Scattered, archive, run_over

import fleet

DOT = "data:image/gif;base64,R0lGODlhAQABAAAAACw="
LOOKS = [(width, scheme) for width in (1440, 390) for scheme in ("light", "dark")]


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A run over two cameras, whose clocks are known, with a file that is no video."""
    folder = tmp_path_factory.mktemp("access")
    videos = archive(folder / "videos", tmp_path_factory.mktemp("clips"))
    for day in range(15, 20):
        shutil.copy(
            videos / "cam1" / "20260114T080000.mp4", videos / "cam1" / f"202601{day}T070000.mp4"
        )
    (videos / "cam2" / "20260115T100000.mp4").write_bytes(b"no video, in spite of its name")
    report = run_over(videos, str(folder / "out"), Scattered())
    assert report.exit_code == 3
    return report.output


@pytest.fixture(scope="module")
def page(output: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its report."""
    page = tmp_path_factory.mktemp("page") / "report.html"
    done = fleet_here("report", output, "--out", page)
    assert done.returncode == 0, done.stderr
    return page


@pytest.fixture(scope="module")
def tab(page: Path) -> Iterator[Tab]:
    """The report, open in a browser."""
    with opened(needed(browser(), "Chromium"), page) as tab:
        yield tab


AUDIT = """axe.run(document, {resultTypes: ["violations"]}).then((found) => JSON.stringify({
  rules: found.passes.length,
  violations: found.violations.map((v) => [v.id, v.impact, v.nodes.map((n) => n.html)]),
}))"""


@pytest.fixture(scope="module")
def judged(tab: Tab) -> Tab:
    """The report, with axe in it."""
    tab.run(Path(needed(axe(), "axe-core (npm)")).read_text("utf-8"))
    return tab


@pytest.mark.parametrize("state", ["as it opens", "unfolded", "with a picture enlarged"])
@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_axe_finds_nothing(judged: Tab, width: int, scheme: str, state: str) -> None:
    """On a desk and on a phone, light and dark, whatever is open."""
    judged.look(width, scheme)
    unfolds = "true" if state == "unfolded" else "false"
    judged.run(f"document.querySelectorAll('details').forEach((d) => {{ d.open = {unfolds}; }})")
    if state == "with a picture enlarged":
        judged.click(".cards .pic")
    found = json.loads(judged.run(AUDIT))
    judged.press("Escape")
    assert found["violations"] == []
    assert found["rules"] > 15


def test_axe_finds_what_is_wrong(judged: Tab) -> None:
    """A picture without words, and grey on grey: so that finding nothing says something."""
    judged.look(1440, "light")
    wrong = f"<p id=wrong><img src='{DOT}'><span style='color:#999;background:#aaa'>words</span>"
    judged.run(f"document.querySelector('main').insertAdjacentHTML('afterbegin', {wrong!r})")
    try:
        found = json.loads(judged.run(AUDIT))
    finally:
        judged.run("document.getElementById('wrong').remove()")
    assert {("image-alt", "critical"), ("color-contrast", "serious")} <= {
        (rule, impact) for rule, impact, _ in found["violations"]
    }


def test_counts_on_the_page_are_the_tables(output: str, tab: Tab) -> None:
    """By label, by camera and by hour, as a browser has them."""
    tables = fleet.read(output)
    rows = tables.detections.to_table().to_pylist()

    def column(table: str, place: int) -> dict[str, int]:
        lines = tab.run(
            f"[...document.querySelectorAll('#{table} tbody tr')].map((line) =>"
            f"[line.cells[0].innerText.trim(), line.cells[{place}].querySelector('data').value])"
        )
        return {name: int(count) for name, count in lines}

    assert column("labels", 1) == {**Counter(row["label"] for row in rows), "all": len(rows)}
    sure = Counter(row["label"] for row in rows if row["score"] >= 0.5)
    assert column("labels", 3) == {**sure, "all": sure.total()}
    assert column("by-path0", 1) == Counter(row["camera"] for row in rows)
    frames = tables.frames.to_table().to_pylist()
    assert column("by-path0", 2) == Counter(row["camera"] for row in frames)
    tab.run("document.querySelectorAll('details').forEach((d) => { d.open = true; })")
    hours = Counter(f"{row['time'].hour:02}" for row in rows)
    assert {name: n for name, n in column("hours", 1).items() if n} == hours
    assert set(LABELS) == {row["label"] for row in rows}


def test_pictures_are_chosen_by_camera_by_mouse_and_by_keyboard(tab: Tab) -> None:
    """Those of the other are hidden, and so are its strips."""

    def shown(what: str) -> int:
        return int(tab.run(f"document.querySelectorAll('{what}:not([hidden])').length"))

    everything = shown(".cards figure"), shown(".strips li")
    tab.run("document.querySelector('select[name=path0]').focus()")
    seen = []
    for _ in range(2):
        tab.press("ArrowDown")
        camera = tab.run("document.querySelector('select[name=path0]').selectedOptions[0].text")
        seen.append((camera, shown(".cards figure"), shown(".strips li")))
    assert [name for name, _, _ in sorted(seen)] == ["1", "2"]
    assert all(pictures and strips for _, pictures, strips in seen)
    assert tuple(sum(n) for n in zip(*(counts for _, *counts in seen), strict=True)) == everything
    tab.click("button[type=reset]")
    assert (shown(".cards figure"), shown(".strips li")) == everything


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_texts_of_charts_are_as_large_as_drawn_and_apart(tab: Tab, width: int, scheme: str) -> None:
    """On a phone they scroll, rather than shrink; no two words of an axis touch."""
    tab.look(width, scheme)
    lines = tab.run(
        "[...document.querySelectorAll('.wide svg')].map((drawn) => [...drawn.querySelectorAll('text')]"
        ".map((text) => text.getBoundingClientRect()).filter((r) => r.width)"
        ".map((r) => [r.left, r.right, r.top, r.height]))"
    )
    assert len(lines) >= 2
    for texts in lines:
        assert all(height > 10 for *_, height in texts)
        of_axis: dict[float, list[tuple[float, float]]] = {}
        for left, right, top, _ in texts:
            of_axis.setdefault(top, []).append((left, right))
        for row in of_axis.values():
            row.sort()
            assert all(one[1] < other[0] for one, other in pairwise(row))


def test_nothing_was_asked_for_and_nothing_was_said(tab: Tab) -> None:
    """After all of this; losses are on the page, with the line that takes them up."""
    for width, scheme in LOOKS:
        tab.look(width, scheme)
        assert tab.run("document.documentElement.scrollWidth") <= width
    asked = [url for url in tab.requests if not url.startswith("data:")]
    assert [url.rpartition("/")[2] for url in asked] == ["report.html"]
    assert tab.said == []
    said = tab.run("document.querySelector('header').innerText")
    assert "of video is there; 1 video refused." in said
    assert "fleet requeue" in tab.run("document.getElementById('losses').innerText")
