"""What is printed while a run goes on."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from itertools import pairwise

import pytest
from rich.console import Console

from fleet.core.loss import Loss
from fleet.core.progress import Progress
from fleet.core.receipt import Receipt, Tally
from fleet.core.run_events import (
    DeviceJoined,
    DeviceLost,
    LeaseDone,
    LeaseStarted,
    RunEnded,
    RunEvent,
    RunStarted,
    VideoRefused,
)
from fleet.observe.observer import Observer
from fleet.views.live import REMARKS_OF_A_KIND, LineProgress, RichProgress, show_progress


def story(seconds: int) -> Iterator[tuple[float, RunEvent]]:
    """Two devices, 20 frames a second each, on 40 s leases of 800 frames; one device is lost."""
    yield 0, RunStarted("build/out", 1, seconds * 2.0, seconds * 40, seconds // 20)
    for device in ("npu-0", "npu-1"):
        yield 0, DeviceJoined(device)
    for second in range(seconds):
        for number, device in enumerate(("npu-0", "npu-1")):
            lease = f"{second // 40 * 2 + number:032x}"
            if second % 40 == 0:
                yield second, LeaseStarted(device, lease, 40.0, 800)
            yield second, Progress(device, lease, "in/town_1080p.mp4", second * 20, second)
            if second % 40 == 39:
                tally = Tally(frames=800, video_s=40.0, rows=100)
                yield second + 0.9, LeaseDone(device, lease, Receipt(lease, (), (), tally, device))
    yield seconds, DeviceLost("npu-1", "its process died")
    yield seconds, RunEnded(whole=True)


def tell(observer: Observer, clock: list[float], events: Iterator[tuple[float, RunEvent]]) -> None:
    """Play events, the clock set to the time of each."""
    for clock[0], event in events:
        observer.on_event(event)


def lines_of(seconds: int) -> list[str]:
    """What a log has of a run of so many seconds."""
    lines: list[str] = []
    clock = [0.0]
    tell(LineProgress(lines.append, lambda: clock[0]), clock, story(seconds))
    return lines


def test_a_log_has_the_opening_the_progress_and_the_end() -> None:
    """Soon at first, so that one sees that it works."""
    lines = lines_of(80)
    assert lines[0] == "1 video, 2m40s: 3,200 frames in 4 leases -> build/out"
    line = r"\ds of 2m40s video \([123] %\), [34]\d frames/s, (1|2)\d/device, about \d+s left"
    assert re.fullmatch(line, lines[1])
    assert lines[-2] == "lost npu-1: its process died"
    assert lines[-1].startswith("2m40s of 2m40s video (100 %)")


@pytest.mark.parametrize(("seconds", "most"), [(80, 45), (1000, 100), (8000, 250)])
def test_a_long_run_does_not_fill_its_log(seconds: int, most: int) -> None:
    """A line a minute in the end, and at every 5 %."""
    lines = lines_of(seconds)
    assert 20 < len(lines) < most
    shares = [
        int(line.split("(")[1].split(" %")[0])
        for line in lines
        if "video (" in line and "<1" not in line
    ]
    assert max(b - a for a, b in pairwise(shares)) <= 6


def test_lines_fit_into_80_columns() -> None:
    """Whatever the numbers."""
    assert max(len(line) for line in lines_of(1000)) <= 80


def test_a_flood_of_remarks_is_cut_off() -> None:
    """With a word that it was."""
    lines: list[str] = []
    observer = LineProgress(lines.append, lambda: 0.0)
    for number in range(1000):
        observer.on_event(VideoRefused(Loss(f"in/{number}.mp4", "index", "NotAVideo", "no video")))
    assert len(lines) == REMARKS_OF_A_KIND
    assert lines[-1].endswith("no video (more of this kind are only counted)")


def test_before_the_plan_is_known_nothing_is_measured() -> None:
    """Videos are refused while headers are read; a line of zeros would only puzzle."""
    console, screen = terminal()
    lines: list[str] = []
    refused = VideoRefused(Loss("in/x.mp4", "index", "NotAVideo", "no video"))
    LineProgress(lines.append, lambda: 1000.0).on_event(refused)
    with RichProgress(console, lambda: 1000.0) as live:
        live.on_event(refused)
    assert lines == ["refused in/x.mp4: no video"]
    assert "refused" in screen.getvalue()
    assert "0s of 0s" not in screen.getvalue()


def terminal(width: int = 80) -> tuple[Console, io.StringIO]:
    """A terminal that remembers."""
    screen = io.StringIO()
    return Console(width=width, force_terminal=True, file=screen, color_system=None), screen


def test_a_terminal_shows_a_bar_and_a_line_a_device() -> None:
    """In video time; what goes wrong stays above."""
    console, screen = terminal()
    clock = [0.0]
    with RichProgress(console, lambda: clock[0]) as observer:
        tell(observer, clock, story(80))
    text = screen.getvalue()
    assert "━" in text
    assert re.search(r"(39|40) frames/s, 20/device", text)
    assert re.search(r"npu-0  20 frames/s  [\d,]+ frames  town_1080p.mp4", text)
    assert "lost npu-1: its process died" in text
    assert max(len(line.split("\x1b[2K")[-1]) for line in text.splitlines()) <= 80


def test_the_terminal_is_given_back_however_a_run_ends() -> None:
    """The cursor shows again."""
    console, screen = terminal()
    clock = [0.0]

    def broken_off() -> None:
        with RichProgress(console, lambda: clock[0]) as observer:
            observer.on_event(next(story(80))[1])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken_off()
    assert screen.getvalue().rindex("\x1b[?25h") > screen.getvalue().rindex("\x1b[?25l")


def test_names_are_shown_as_they_are() -> None:
    """Brackets in a file name are no markup."""
    for console, screen in (terminal(), (Console(file=(log := io.StringIO()), width=80), log)):
        with show_progress(console) as observer:
            observer.on_event(
                VideoRefused(Loss("in/[bold]x[/].mp4", "index", "NotAVideo", "no video"))
            )
        assert "refused in/[bold]x[/].mp4: no video" in screen.getvalue()


def test_elsewhere_than_on_a_terminal_there_are_lines() -> None:
    """No control characters in a log file."""
    log = io.StringIO()
    with show_progress(Console(file=log, width=80)) as observer:
        observer.on_event(next(story(80))[1])
    assert log.getvalue() == "1 video, 2m40s: 3,200 frames in 4 leases -> build/out\n"
