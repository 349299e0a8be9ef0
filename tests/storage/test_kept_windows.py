"""The video manifest of a run that plans in windows: never less than is wanted, and put rarely."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.core.source import Source
from fleet.errors import StorageError
from fleet.storage import Folder
from fleet.table.state import kept_windows
from fleet.table.state.kept_windows import PUTS, KeptWindows
from fleet.table.state.video_manifest import (
    NOT_LOOKED_AT,
    Video,
    keep_videos,
    read_version,
    read_videos,
    read_wanted,
    write_videos,
)


def in_memory() -> Folder:
    """Make an empty folder."""
    return Folder(f"memory://{uuid.uuid4()}")


def seen(source: Source, frames: int = 10) -> Video:
    """Return what a look at a file shows."""
    return Video(source.uri, source.bytes, source.etag, 0, 40, 4.0, frames)


def listed(count: int) -> list[Source]:
    """List some files."""
    return [Source(f"{number:04}.mp4", 100, "v1") for number in range(count)]


def windows(sources: Sequence[Source], files: int) -> Iterator[tuple[list[Video], list[Source]]]:
    """Yield what each window shows, and the files that come after the first one."""
    for first in range(0, len(sources), files):
        now = list(map(seen, sources[first : first + files]))
        yield now, [] if first else list(sources[files:])


class Counted:
    """How often a manifest was read and put."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reads = self.puts = 0
        put, read = KeptWindows._is_put, read_version

        def count_put(kept: KeptWindows) -> bool:
            self.puts += 1
            return put(kept)

        def count_read(folder: Folder) -> tuple[dict[str, Video], str | None]:
            self.reads += 1
            return read(folder)

        monkeypatch.setattr(KeptWindows, "_is_put", count_put)
        monkeypatch.setattr(kept_windows, "read_version", count_read)


def test_many_windows_are_few_puts_and_one_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the work grows with the archive, and not with its square."""
    folder, counted = in_memory(), Counted(monkeypatch)
    kept = KeptWindows(folder, ())
    for now, to_look in windows(listed(400), 2):
        kept.add(now, to_look)
        assert len(read_videos(folder)) == 400
    kept.put()
    assert read_videos(folder) == {source.uri: seen(source) for source in listed(400)}
    assert counted.reads == 1
    assert counted.puts <= PUTS + 2


def test_what_is_known_is_not_put_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that goes on over an archive that is as it was."""
    folder, counted = in_memory(), Counted(monkeypatch)
    write_videos(folder, map(seen, listed(40)))
    kept = KeptWindows(folder, ())
    for now, to_look in windows(listed(40), 4):
        kept.add(now, to_look)
    kept.put()
    assert counted.puts == 0


_STATES = st.sampled_from(["", "new", "changed", "mended", "unread", "stream"])


@given(st.lists(_STATES, min_size=1, max_size=40), st.integers(1, 5))
def test_what_lies_there_never_asks_for_less_than_is_wanted(states: list[str], files: int) -> None:
    """Whenever a run dies: each stretch that a window shows is asked for, or its file is open."""
    sources, folder = listed(len(states)), in_memory()
    before: dict[str, dict[str, Any]] = {
        "changed": {"etag": "v0"},
        "mended": {"end_pts": 20},
        "unread": {"unread": "away"},
    }
    write_videos(
        folder,
        [
            replace(seen(source), **before.get(state, {}))
            for source, state in zip(sources, states, strict=True)
            if state != "new"
        ],
    )
    kept, shown = KeptWindows(folder, ()), dict[str, Video]()
    for now, to_look in windows(sources, files):
        streams = [
            replace(video, uri=f"{video.uri}#stream=1")
            for video in now
            if states[int(video.uri[:4])] == "stream"
        ]
        kept.add([*now, *streams], to_look)
        shown |= {video.uri: video for video in [*now, *streams]}
        there = read_videos(folder)
        for source in sources:
            assert there[source.uri].etag == source.etag
        for uri, video in shown.items():
            assert there.get(uri) == video or there[uri.split("#")[0]].unread
    kept.put()
    assert read_videos(folder) == shown


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 6)), min_size=1, max_size=12))
def test_while_names_come_the_output_never_says_that_it_names_all(
    steps: list[tuple[int, int]],
) -> None:
    """Whenever a run dies: its input is named, or else all that were listed are."""
    sources, folder = listed(sum(taken for taken, _ in steps)), in_memory()
    kept, number, named = KeptWindows(folder, ()), 0, 0
    for taken, ahead in steps:
        before, number = number, number + taken
        until = max(named, min(len(sources), number + ahead))
        window, to_look, named = sources[before:number], sources[named:until], until
        # The last window is not this one's to tell of.
        open_inputs = [] if until == len(sources) and ahead else ["in/"]
        kept.add(list(map(seen, window)), to_look, open_inputs)
        there = read_wanted(folder)
        assert there.open_inputs == tuple(open_inputs)
        assert "in/" not in there.videos
        if not open_inputs:
            assert there.videos.keys() == {source.uri for source in sources}
            for source in sources[:number]:
                video = there.videos[source.uri]
                assert video.unread or video == seen(source)
    kept.put()
    shown = {source.uri: seen(source) for source in sources[:number]}
    assert read_videos(folder).items() >= shown.items()


def test_an_input_that_is_listed_on_costs_few_puts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that come from window to window are put by the way, and all at once in the end."""
    folder, counted = in_memory(), Counted(monkeypatch)
    kept, sources = KeptWindows(folder, ()), listed(400)
    for first in range(0, 400, 2):
        ahead = sources[first + 10 : first + 12] if first else sources[:12]
        is_open = first + 12 < 400
        kept.add(list(map(seen, sources[first : first + 2])), ahead, ["in/"] if is_open else ())
        assert read_wanted(folder).open_inputs == ("in/",) * is_open
    kept.put()
    assert read_videos(folder) == {source.uri: seen(source) for source in sources}
    assert counted.reads == 1
    assert counted.puts <= 6 * PUTS


def test_an_input_that_a_dead_run_had_not_listed_is_forgotten_by_the_next_one() -> None:
    """Which knows all videos before it begins."""
    folder, sources = in_memory(), listed(4)
    KeptWindows(folder, ()).add([seen(sources[0])], sources[1:2], ["in/"])
    assert read_wanted(folder).open_inputs == ("in/",)
    KeptWindows(folder, ()).add([seen(sources[0])], sources[1:])
    assert read_wanted(folder).open_inputs == ()
    assert len(read_videos(folder)) == 4
    KeptWindows(folder, ()).add([], (), ["in/"])
    keep_videos(folder, (), [seen(source) for source in sources])
    assert read_wanted(folder).open_inputs == ()


def test_what_others_put_meanwhile_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read again where the put finds that it has changed, and only there."""
    folder, counted = in_memory(), Counted(monkeypatch)
    kept = KeptWindows(folder, ())
    sources, other = listed(40), seen(Source("other.mp4", 1, "v1"))
    for number, (now, to_look) in enumerate(windows(sources, 10)):
        if number == 2:
            write_videos(folder, [*read_videos(folder).values(), other])
        kept.add(now, to_look)
    assert read_videos(folder) == {video.uri: video for video in [*map(seen, sources), other]}
    assert counted.reads == 2


def test_a_put_that_fails_is_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same window may come again."""
    folder = in_memory()
    kept, sources = KeptWindows(folder, ()), listed(4)
    put = KeptWindows._is_put

    def fail(_: KeptWindows) -> bool:
        raise StorageError("the store is away")

    monkeypatch.setattr(KeptWindows, "_is_put", fail)
    with pytest.raises(StorageError):
        kept.add([seen(sources[0])], sources[1:])
    assert not read_videos(folder)
    monkeypatch.setattr(KeptWindows, "_is_put", put)
    kept.add([seen(sources[0])], sources[1:])
    there = read_videos(folder)
    assert [there[source.uri].unread for source in sources] == ["", *[NOT_LOOKED_AT] * 3]


def test_streams_that_are_taken_no_more_go_unless_they_have_rows() -> None:
    """As the file itself, where only a further stream of it is taken."""
    folder, (source, other) = in_memory(), listed(2)
    streams = [replace(seen(source), uri=f"{source.uri}#stream={number}") for number in (1, 2, 3)]
    write_videos(folder, [seen(source), seen(other), *streams])
    kept = KeptWindows(folder, {(streams[0].uri, "v1")})
    kept.add([streams[1]], [other])
    kept.put()
    assert sorted(read_videos(folder)) == sorted([streams[0].uri, streams[1].uri, other.uri])
