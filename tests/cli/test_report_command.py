"""`fleet report` as users meet it: what the page says is what the tables hold."""

from __future__ import annotations

import base64
import io
import re
import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from command import fleet_here
from exact import index_of
from made_up import closed, commit_lease
from PIL import Image
from recorded import HOSTILE, detections_output, gray_of, record, record_detections, write_grays

import fleet
from fleet.core.loss import Loss
from fleet.job.toml_text import packaged_job
from fleet.report.build import MOST_BYTES
from fleet.storage import Folder


@dataclass
class Seen(HTMLParser):
    """A page as a browser reads it: its elements, and the text between them."""

    tags: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    text: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()
        self._in_command = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take an element."""
        if tag == "code":
            self._in_command = True
            self.text.append("")
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        """Take text; that of a command is one, whatever its words lie in."""
        if self._in_command:
            self.text[-1] += data
        else:
            self.text.append(data)

    def handle_endtag(self, tag: str) -> None:
        """Take the end of an element."""
        self._in_command &= tag != "code"

    def all(self, tag: str) -> list[dict[str, str]]:
        """Return the attributes of each element of a kind."""
        return [attributes for name, attributes in self.tags if name == tag]


def page_of(out: str, to: Path, *options: str) -> tuple[str, Seen]:
    """Run the command, and read the page."""
    done = fleet_here("report", out, "--out", to, *options)
    assert done.returncode == 0, done.stderr
    html = to.read_text("utf-8")
    assert f"{to}: " in done.stdout
    assert len(html.encode()) <= MOST_BYTES
    seen = Seen()
    seen.feed(html)
    return html, seen


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Forty frames at 10 a second."""
    return write_grays(tmp_path / "gate.mp4")


@pytest.fixture
def out(clip: Path, tmp_path: Path) -> Folder:
    """An output that looked at four frames: two boxes in three of them, nothing in one."""
    folder = detections_output(Folder(str(tmp_path / "out")))
    found: dict[int, Sequence[tuple[str, float]]] = {
        5: [("person", 0.9), ("dog", 0.45)],
        10: [("person", 0.8), ("person", 0.7)],
        20: [("dog", 0.6), ("person", 0.55)],
        30: [],
    }
    record(folder, index_of(clip), found)
    return folder


def test_the_counts_are_those_of_the_table(out: Folder, tmp_path: Path) -> None:
    """By label and together, as text that can be copied."""
    html, _ = page_of(out.uri, tmp_path / "report.html")
    labels = fleet.read(out.uri).detections.to_table()["label"].to_pylist()
    told = re.findall(r'</svg> ([\w ]+)</th><td class="n" data-count="(\d+)">', html)
    assert {label: int(count) for label, count in told} == Counter(labels)
    assert f'id="all-rows"><data value="{len(labels)}">' in html


def test_pictures_are_the_frames_and_their_lines_open_them(out: Folder, tmp_path: Path) -> None:
    """A JPEG of each frame that was looked at, with its boxes; `fleet show` opens the same frame."""
    html, seen = page_of(out.uri, tmp_path / "report.html")
    figures = re.findall(r"<figure data-labels=.*?</figure>", html, re.DOTALL)
    frames = {}
    for figure in figures:
        frame = int(re.search(r"frame (\d+)", figure)[1])  # type: ignore[index]
        data = re.search(r"base64,([\w+/=]+)", figure)[1]  # type: ignore[index]
        picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("L"))
        assert picture.mean() == pytest.approx(gray_of(frame), abs=3)
        frames[frame] = len(re.findall('class="line"', figure))
    assert frames == {5: 2, 10: 2, 20: 2, 30: 0}
    lines = [text for text in seen.text if text.startswith("fleet show ")]
    assert len(lines) == 4
    for line in lines:
        words = shlex.split(line)[1:-1]
        done = fleet_here(*words, tmp_path / "frame.png")
        assert done.returncode == 0, done.stderr
        said = re.search(r"frame (\d+) at", done.stdout)
        assert said is not None
        assert int(said[1]) in frames
        assert "nearest to" not in done.stdout


def test_it_says_what_is_borderline_by_what_was_recorded(out: Folder, tmp_path: Path) -> None:
    """Above the job's own threshold, as nothing below was recorded; below a higher one."""
    _, seen = page_of(out.uri, tmp_path / "report.html")
    text = "".join(seen.text)
    assert "chosen for person, dog, a box just above 0.4" in text
    assert "as nothing below was recorded" in text
    html, seen = page_of(out.uri, tmp_path / "higher.html", "--threshold", "0.65")
    assert "chosen for a box just below 0.65" in "".join(seen.text)
    assert len(re.findall('class=" focus"', html)) == 2
    assert {a["value"] for a in seen.all("input") if a.get("name") == "score"} == {"0.65"}


def test_hostile_names_are_text(tmp_path: Path) -> None:
    """Of a video, and of labels: no element and no attribute comes of them; they can be read."""
    folder = tmp_path / "<script>alert(1)<"
    folder.mkdir()
    clip = write_grays(folder / "script>&\"'.mp4")
    out = detections_output(Folder(str(tmp_path / "out")))
    labels = [
        HOSTILE,
        "</script><img src=x onerror=alert(1)>",
        "{{ 7 * 7 }}",
        "a\u202eb",
        "x" * 5000,
    ]
    record(out, index_of(clip), {n: [(label, 0.9)] for n, label in enumerate(labels)})
    html, seen = page_of(out.uri, tmp_path / "report.html")
    assert len(seen.all("script")) == 1
    assert not [name for _, attributes in seen.tags for name in attributes if name.startswith("on")]
    assert all(a["src"].startswith("data:image/jpeg;base64,") for a in seen.all("img"))
    assert not {"iframe", "object", "embed", "base"} & {tag for tag, _ in seen.tags}
    assert {a["href"] for a in seen.all("a")} == {
        "#covered", "#found", "#pictures", "#time", "#origin",
    }  # fmt: skip
    text = "".join(seen.text)
    assert HOSTILE in text
    assert "{{ 7 * 7 }}" in text
    assert "script>&\"'.mp4" in text
    assert "\u202e" not in html
    assert "a\\u202eb" in text
    assert "x" * 400 not in html


def test_the_page_asks_for_nothing_but_itself(out: Folder, tmp_path: Path) -> None:
    """Its policy lets no address in, and only its own script, by that script's digest."""
    html, seen = page_of(out.uri, tmp_path / "report.html")
    (policy,) = [a["content"] for a in seen.all("meta") if "Policy" in a.get("http-equiv", "")]
    assert "default-src 'none'" in policy
    assert "img-src data:;" in policy
    assert not re.findall(r"(?:src|href|xlink:href|action)=\"https?:", html)
    assert not re.findall(r"url\(|@import", html)


def test_losses_come_with_the_command_that_takes_them_up(tmp_path: Path) -> None:
    """Each line that the page prints is one that the command takes."""
    out = detections_output(Folder(str(tmp_path / "out")))
    loss = Loss(
        "it's gone.mp4", "vdec", "ACL_ERROR_VDEC", "A picture is damaged.", 1, 0, 512, 0.0, 0.02, 1
    )
    commit_lease(out, "it's gone.mp4", range(1, 5), loss=loss)
    _, seen = page_of(out.uri, tmp_path / "report.html")
    text = "".join(seen.text)
    assert "vdec: ACL_ERROR_VDEC" in text
    assert "0.000 s to 0.020 s" in text
    lines = [shlex.split(line) for line in seen.text if line.startswith("fleet requeue ")]
    assert lines == [
        ["fleet", "requeue", out.uri, "--reason", "ACL_ERROR_VDEC"],
        ["fleet", "requeue", out.uri, "--uri", "it's gone.mp4"],
    ]
    done = fleet_here(*lines[1][1:])
    assert "Taken up again: 1 error in 1 video" in done.stdout, done.stderr


def test_a_video_that_is_gone_has_no_picture_and_says_why(
    out: Folder, clip: Path, tmp_path: Path
) -> None:
    """The page is there all the same; likewise for a video that is another one by now."""
    clip.unlink()
    _, seen = page_of(out.uri, tmp_path / "report.html")
    text = "".join(seen.text)
    assert text.count("No picture: ") == 4
    assert not seen.all("img")
    assert "gate.mp4" in text


def test_it_is_made_while_the_job_goes_on_and_before_it_found_anything(tmp_path: Path) -> None:
    """It says that there is nothing yet; afterwards that all is there."""
    out = detections_output(Folder(str(tmp_path / "out")))
    _, seen = page_of(out.uri, tmp_path / "report.html")
    assert "has no rows yet" in "".join(seen.text)
    clip = write_grays(tmp_path / "gate.mp4")
    record_detections(out, index_of(clip), [10, 20, 30])
    closed(out)
    _, seen = page_of(out.uri, tmp_path / "report.html")
    assert "Finished." in "".join(seen.text)


def test_a_table_of_pictures_shows_them(clip: Path, tmp_path: Path) -> None:
    """Of the job thumbnails: the JPEGs that it has made, not others, and the line to see a frame."""
    job = fleet.load_job(
        packaged_job("thumbnails.toml"),
        {"input": [str(clip)], "output": str(tmp_path / "out"), "sample": "every=10", "devices": 1},
    )
    assert fleet.run(job, on="inline").exit_code == 0
    html, seen = page_of(str(tmp_path / "out"), tmp_path / "report.html")
    rows = fleet.read(str(tmp_path / "out")).table("thumbnails").to_table().to_pylist()
    shown = {a["src"].partition(",")[2] for a in seen.all("img")}
    assert shown == {base64.b64encode(row["jpeg"]).decode() for row in rows}
    assert f'id="all-rows"><data value="{len(rows)}">' in html
    line = next(text for text in seen.text if text.startswith("fleet view "))
    done = fleet_here(*shlex.split(line)[1:-1], tmp_path / "frame.png")
    assert done.returncode == 0, done.stderr


def test_the_same_seed_makes_the_same_pictures(clip: Path, tmp_path: Path) -> None:
    """Another one, others, where there are more frames than places."""
    folder = detections_output(Folder(str(tmp_path / "many")))
    record(folder, index_of(clip), {n: [("person", 0.9)] for n in range(40)})

    def frames(*options: str) -> list[str]:
        html, _ = page_of(folder.uri, tmp_path / "many.html", *options)
        return re.findall(r"frame (\d+)<br>", html)

    assert len(frames()) == 6
    assert frames() == frames("--seed", "0")
    assert sorted(frames()) != sorted(frames("--seed", "1"))


def test_no_output_is_no_report(tmp_path: Path) -> None:
    """Exit code 2, and no file is written."""
    done = fleet_here("report", tmp_path, "--out", tmp_path / "report.html")
    assert (done.returncode, done.stdout) == (2, "")
    assert "holds no output of Fleet" in done.stderr
    assert not (tmp_path / "report.html").exists()
