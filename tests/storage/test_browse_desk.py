"""What a served output answers while it grows and is rewritten, in stores of each kind."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from threading import Event

import pytest
from exact import index_of
from hand_clock import HandClock
from made_up import closed, commit_lease, table_of
from recorded import detections_output, record, write_grays

from fleet.browse.asked import Listed, Search, Stretch, key_of
from fleet.browse.desk import Desk, Limits
from fleet.browse.found import Found, Hit
from fleet.browse.shelf import BusyError
from fleet.browse.snapshot import Snapshot, UnknownVideoError, Watched
from fleet.errors import UsageError
from fleet.storage import Folder
from fleet.storage.location import canonical

FOUND: dict[int, Sequence[tuple[str, float]]] = {5: [("person", 0.9)], 10: [("dog", 0.6)], 20: []}


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """A clip of grays."""
    return write_grays(tmp_path / "gate.mp4")


def test_an_output_in_any_store_is_answered_from(any_place: str, video: Path) -> None:
    """Its counts, a search, a frame with its boxes, its timeline and a clip; nothing is put there."""
    out = detections_output(Folder(any_place))
    record(out, index_of(video), FOUND)
    there = sorted(entry.name for entry in out.list(""))
    key = key_of(canonical(str(video)))

    async def asked(desk: Desk) -> None:
        assert [label["name"] for label in (await desk.output())["labels"]] == ["dog", "person"]
        assert [hit["frame"] for hit in (await desk.search(Search()))["hits"]] == [5, 10]
        assert (await desk.hit(Search(video=key), 5, forward=True)) == {"frame": 10}
        assert [box["label"] for box in (await desk.at(key, 10))["boxes"]] == ["dog"]
        assert [row["label"] for row in (await desk.timeline(key, 0.7))["rows"]] == ["person"]
        assert (await desk.frame(key, 7, exact=False))[0] == "image/jpeg"
        assert len(await desk.clip(key, Stretch(0, 5, has_boxes=True, least=0))) > 1000

    with closing(Desk(any_place)) as desk:
        asyncio.run(asked(desk))
    assert sorted(entry.name for entry in out.list("")) == there


def test_what_a_job_commits_meanwhile_is_seen(tmp_path: Path) -> None:
    """Once what is known is older than it may be; until then nothing is read."""
    out = detections_output(Folder(str(tmp_path / "out")))
    clock = HandClock()

    async def asked(desk: Desk) -> None:
        commit_lease(out, "/videos/a.mp4", range(5))
        assert (await desk.output())["labels"] == []
        clock.sleep(16)
        assert sum(label["rows"] for label in (await desk.output())["labels"]) == 5
        commit_lease(out, "/videos/b.mp4", range(5))
        clock.sleep(16)
        assert (await desk.output())["finished"] is False
        assert [v["rows"] for v in desk.videos(Listed())["videos"]] == [5, 5]
        closed(out)
        clock.sleep(16)
        assert (await desk.output())["finished"] is True

    with closing(Desk(out.uri, clock=clock)) as desk:
        asyncio.run(asked(desk))


def test_an_output_that_takes_long_to_count_is_counted_less_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten times as long as the last look took nobody looks, however often the page asks."""
    out = detections_output(Folder(str(tmp_path / "out")))
    clock, looks = HandClock(), []
    look = Watched.look

    def slow(watched: Watched, *, anew: bool = False) -> Snapshot:
        looks.append(clock.steady_s())
        clock.sleep(6 if len(looks) < 3 else 0.1)
        return look(watched, anew=anew)

    async def asked(desk: Desk) -> None:
        for _ in range(200):
            clock.sleep(1)
            await desk.output()

    monkeypatch.setattr(Watched, "look", slow)
    with closing(Desk(out.uri, clock=clock)) as desk:
        asyncio.run(asked(desk))
    waits_s = [later - earlier for earlier, later in pairwise(looks)]
    assert waits_s[:3] == pytest.approx([67, 67, 16], abs=1.1)
    assert max(waits_s[3:]) < 17


def test_parts_that_were_exchanged_are_found_again(tmp_path: Path) -> None:
    """A search after `fleet compact` has deleted what was there finds the same rows."""
    out = detections_output(Folder(str(tmp_path / "out")))
    for number in range(4):
        commit_lease(out, f"/videos/{number}.mp4", range(5))
    closed(out)

    async def asked(desk: Desk) -> None:
        before = await desk.search(Search())
        table_of(out).compact()
        assert await desk.search(Search(order="video")) == {
            "count": before["count"],
            "hits": sorted(before["hits"], key=lambda hit: (hit["video"], hit["frame"])),
        }

    with closing(Desk(out.uri)) as desk:
        asyncio.run(asked(desk))


def test_a_look_at_how_it_stands_finds_no_exchanged_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search that began before such a look, and reads after `fleet compact`, counts anew."""
    out = detections_output(Folder(str(tmp_path / "out")))
    for number in range(4):
        commit_lease(out, f"/videos/{number}.mp4", range(5))
    closed(out)
    clock, begun, may_read = HandClock(), Event(), Event()
    search = Found.search

    def late(found: Found, asked: Search) -> tuple[list[Hit], int]:
        begun.set()
        assert may_read.wait(60)
        return search(found, asked)

    async def asked(desk: Desk) -> None:
        before = await desk.search(Search())
        monkeypatch.setattr(Found, "search", late)
        found = asyncio.create_task(desk.search(Search(least=0.01)))
        assert await asyncio.to_thread(begun.wait, 60)
        clock.sleep(16)
        await desk.output()
        table_of(out).compact()
        may_read.set()
        assert (await found)["count"] == before["count"]

    with closing(Desk(out.uri, clock=clock)) as desk:
        asyncio.run(asked(desk))


def test_a_clip_is_made_after_parts_were_exchanged(tmp_path: Path, video: Path) -> None:
    """Of a video that was looked into before, with the same boxes; each part is another one."""
    out = detections_output(Folder(str(tmp_path / "out")))
    record(out, index_of(video), FOUND)
    for number in range(4):
        commit_lease(out, f"/videos/{number}.mp4", range(5))
    closed(out)
    key = key_of(canonical(str(video)))

    async def asked(desk: Desk) -> None:
        stretch = Stretch(0, 12, has_boxes=True, least=0)
        before = await desk.clip(key, stretch)
        other = await desk.clip(key, Stretch(0, 11, has_boxes=True, least=0))
        table_of(out).compact()
        assert await desk.clip(key, Stretch(0, 11, has_boxes=True, least=0.1)) == other
        assert await desk.clip(key, stretch) == before

    with closing(Desk(out.uri)) as desk:
        asyncio.run(asked(desk))


def test_videos_are_paged_and_sorted(tmp_path: Path) -> None:
    """Fifty a page, by name or by rows; a part of the name narrows them."""
    out = detections_output(Folder(str(tmp_path / "out")))
    for number in range(53):
        commit_lease(out, f"/videos/Gate-{number:02}.mp4", range(1 + number % 3))
    with closing(Desk(out.uri)) as desk:
        first, second = (desk.videos(Listed(page=page)) for page in (0, 1))
        assert [len(page["videos"]) for page in (first, second)] == [50, 3]
        assert first["count"] == 53
        assert [v["file"] for v in second["videos"]] == [f"Gate-{n}.mp4" for n in (50, 51, 52)]
        assert {v["rows"] for v in desk.videos(Listed(order="rows"))["videos"][:17]} == {3}
        assert desk.videos(Listed(part="gATE-1"))["count"] == 10


def test_pages_of_a_search_follow_each_other(tmp_path: Path) -> None:
    """No row is left out or stands twice, though many have the same score."""
    out = detections_output(Folder(str(tmp_path / "out")))
    for number in range(6):
        commit_lease(out, f"/videos/{number}.mp4", range(20))

    async def asked(desk: Desk) -> None:
        pages = [(await desk.search(Search(page=page)))["hits"] for page in range(4)]
        assert [len(page) for page in pages] == [50, 50, 20, 0]
        rows = [(hit["key"], hit["frame"]) for page in pages for hit in page]
        assert len(set(rows)) == 120

    with closing(Desk(out.uri)) as desk:
        asyncio.run(asked(desk))


def test_what_several_ask_for_is_made_once(tmp_path: Path, video: Path) -> None:
    """Twenty at once for one frame; more work than may wait is refused, and later done."""
    out = detections_output(Folder(str(tmp_path / "out")))
    record(out, index_of(video), FOUND)
    key = key_of(canonical(str(video)))

    async def asked(desk: Desk) -> None:
        files = await asyncio.gather(*(desk.frame(key, 3, exact=True) for _ in range(20)))
        assert len({id(data) for _, data in files}) == 1
        several = (desk.frame(key, number, exact=True) for number in range(10))
        done = await asyncio.gather(*several, return_exceptions=True)
        refused = [number for number, file in enumerate(done) if isinstance(file, BusyError)]
        assert 0 < len(refused) < 10
        assert not any(
            isinstance(file, Exception) for n, file in enumerate(done) if n not in refused
        )
        for number in refused:
            assert (await desk.frame(key, number, exact=True))[0] == "image/png"

    with closing(Desk(out.uri, Limits(decodes=1, waiting=2))) as desk:
        asyncio.run(asked(desk))


def test_videos_of_other_outputs_are_unknown(tmp_path: Path, video: Path) -> None:
    """Whatever is asked of one; a clip longer than a minute is refused before it is begun."""
    out = detections_output(Folder(str(tmp_path / "out")))
    record(out, index_of(video), FOUND)
    key = key_of(canonical(str(video)))

    async def asked(desk: Desk) -> None:
        other = key_of("/etc/passwd")
        stretch = Stretch(0, 1, has_boxes=False, least=0)
        for answer in (
            desk.video(other),
            desk.timeline(other, 0),
            desk.at(other, 0),
            desk.frame(other, 0, exact=True),
            desk.clip(other, stretch),
            desk.hit(Search(video=other), 0, forward=True),
            desk.search(Search(video=other)),
        ):
            with pytest.raises(UnknownVideoError):
                await answer
        with pytest.raises(UsageError, match="frames 0 to 39"):
            await desk.clip(key, Stretch(0, 1800, has_boxes=False, least=0))

    with closing(Desk(out.uri)) as desk:
        asyncio.run(asked(desk))
