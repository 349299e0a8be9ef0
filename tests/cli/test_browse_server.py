"""`fleet browse` over a real connection: what it answers, and what it refuses."""

from __future__ import annotations

import io
import re
import socket
from pathlib import Path

import av
import numpy as np
import pytest
from browsed import Served, served
from command import fleet_here
from exact import index_of
from PIL import Image
from recorded import FRAMES, HOSTILE

from fleet.browse.asked import key_of
from fleet.core.frames import Picture
from fleet.show.decode import decode_frames

ROOT = Path(__file__).parents[2]


def test_it_lists_what_is_there(server: Served, key: str) -> None:
    """The output's counts, its labels, and its videos with their rows."""
    output = server.get("output").json
    assert [(label["name"], label["rows"]) for label in output["labels"]] == [
        ("person", 2),
        (HOSTILE, 1),
        ("dog", 1),
    ]
    assert output["state"] != "finished"
    assert [tile[:2] for tile in output["tiles"]][2:] == [["4", "frames looked at"], ["4", "rows"]]
    listed = server.get("videos").json
    assert [(v["key"], v["file"], v["rows"], v["frames"]) for v in listed["videos"]] == [
        (key, "gate.mp4", 4, 4)
    ]
    assert server.get("videos?part=nothing").json == {"count": 0, "videos": []}


def test_a_frame_is_that_of_fleet_show(server: Served, browsed: Path, key: str) -> None:
    """As PNG pixel by pixel, whether the job looked at it or not; as JPEG nearly."""
    index = index_of(browsed / "gate.mp4")
    every = decode_frames(index, np.ones(FRAMES, np.bool_), "Ascend310", Picture.rgb)
    for decoded in list(every)[::7]:
        exact = server.get(f"video/{key}/frame/{decoded.frame}.png")
        assert exact.headers["content-type"] == "image/png"
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(exact.body))), decoded.made)
        small = server.get(f"video/{key}/frame/{decoded.frame}")
        assert small.headers["content-type"] == "image/jpeg"
        pixels = np.asarray(Image.open(io.BytesIO(small.body)).convert("RGB"), np.int64)
        assert np.abs(pixels - decoded.made).mean() < 2
    # Nothing was found in it, so that `fleet show` draws a caption alone, below.
    done = fleet_here(
        *("show", browsed / "out", "--uri", "gate.mp4", "--at", "2"), "--out", browsed / "shown.png"
    )
    assert done.returncode == 0, done.stderr
    shown = np.asarray(Image.open(browsed / "shown.png"))[:240]
    png = server.get(f"video/{key}/frame/20.png").body
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png))), shown)


def test_a_frame_has_its_boxes(server: Served, key: str) -> None:
    """Those of the frame; of one that was not looked at, those of the last one that was."""
    at = server.get(f"video/{key}/at/5").json
    assert [(box["label"], round(box["score"], 4)) for box in at["boxes"]] == [
        ("person", 0.9),
        ("dog", 0.45),
    ]
    assert at["boxes"][0]["xyxy"] == [20, 30, 120, 90]
    assert (at["frame"], at["processed"], at["time_s"]) == (5, 5, 0.5)
    held = server.get(f"video/{key}/at/9").json
    assert (held["frame"], held["processed"], held["boxes"]) == (9, 5, at["boxes"])
    assert server.get(f"video/{key}/at/4").json["processed"] is None
    assert server.get(f"video/{key}/at/20").json["boxes"] == []


def test_hits_are_found_in_order(server: Served, key: str) -> None:
    """Behind and before a frame; by label, without one, by score."""

    def hit(way: str, **query: str) -> int | None:
        text = "&".join(f"{name}={value}" for name, value in query.items())
        frame: int | None = server.get(f"video/{key}/{way}?{text}").json["frame"]
        return frame

    assert [hit("next/0"), hit("next/5"), hit("next/10"), hit("next/30")] == [5, 10, 30, None]
    assert [hit("before/39"), hit("before/10"), hit("before/5")] == [30, 5, None]
    assert hit("next/5", label=key_of("person")) == 30
    assert hit("next/0", without=key_of("person"), least="0.5") == 10


def test_a_search_finds_the_rows(server: Served, key: str) -> None:
    """By score, label, range, time; the highest score first, or by time."""

    def found(query: str) -> list[tuple[int, str]]:
        answer = server.get(f"search?{query}").json
        assert answer["count"] == len(answer["hits"])
        assert {hit["key"] for hit in answer["hits"]} <= {key}
        return [(hit["frame"], hit["label"]) for hit in answer["hits"]]

    every = [(5, "person"), (30, "person"), (10, HOSTILE), (5, "dog")]
    assert found("") == every
    assert found("order=video") == [(5, "person"), (5, "dog"), (10, HOSTILE), (30, "person")]
    # The table's scores are of 32 bits: its 0.7 is a little less than the number.
    assert found("least=0.6&most=0.7") == [(30, "person"), (10, HOSTILE)]
    assert found(f"label={key_of('dog')}&label={key_of(HOSTILE)}") == [(10, HOSTILE), (5, "dog")]
    assert found("from=1&to=3") == [(10, HOSTILE)]
    assert found(f"video={key}") == every


def test_a_timeline_shows_when_what_was_there(server: Served, key: str) -> None:
    """A lane a label, rows counted as far as their score reaches."""
    whole = server.get(f"video/{key}/timeline").json
    assert [(row["label"], row["rows"]) for row in whole["rows"]] == [
        ("person", 2),
        (HOSTILE, 1),
        ("dog", 1),
    ]
    assert len(whole["lanes"]) == 3
    assert [r["label"] for r in server.get(f"video/{key}/timeline?least=0.8").json["rows"]] == [
        "person"
    ]
    assert server.get(f"video/{key}/moment/2050").json == {"frame": 20}


@pytest.mark.parametrize("boxes", ["0", "1"])
def test_a_clip_is_h264_of_the_stretch(server: Served, key: str, boxes: str) -> None:
    """Its index lies in front; parts of it are sent by ranges; the same ones come from memory."""
    path = f"video/{key}/clip.mp4?first=5&last=16&boxes={boxes}"
    clip = server.get(path)
    assert clip.headers["content-type"] == "video/mp4"
    assert clip.body.index(b"moov") < clip.body.index(b"mdat")
    with av.open(io.BytesIO(clip.body), "r") as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        pictures = [frame.to_ndarray(format="gray") for frame in container.decode(stream)]
    grays = [picture[:200].mean() for picture in pictures]
    assert len(grays) == 12
    assert np.all(np.diff(grays) > 0) if boxes == "0" else len(set(grays)) == 12
    part = server.get(path, Range="bytes=10-19")
    assert (part.status, part.body) == (206, clip.body[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(clip.body)}"
    head = server.get(path, "HEAD")
    assert (head.status, head.body) == (200, b"")


def test_it_ends_at_once_and_cleanly(browsed: Path) -> None:
    """By Ctrl-C, also while it decodes and makes a clip; one line was printed, which is the address."""
    with served(str(browsed / "out")) as server:
        key = key_of(str(browsed / "gate.mp4"))
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/[\w-]{32}/", server.address)
        assert server.get(f"video/{key}/frame/3").status == 200
        clip = f"GET {server.root}video/{key}/clip.mp4?first=0&last=39 HTTP/1.1\r\n"
        with socket.create_connection(("127.0.0.1", server.port)) as connection:
            connection.sendall(f"{clip}Host: localhost:{server.port}\r\n\r\n".encode())
            assert server.end() == (0, "", "")


def test_any_table_is_served(browsed: Path, tmp_path: Path) -> None:
    """Of a job that finds no objects: its rows by time, what the row of a frame says, no boxes."""
    options = (
        "--input",
        browsed / "gate.mp4",
        "--output",
        tmp_path / "out",
        "--set",
        "sample=every=10",
    )
    done = fleet_here("run", ROOT / "jobs" / "thumbnails.toml", *options, "--inline")
    assert done.returncode == 0, done.stderr
    key = key_of(str(browsed / "gate.mp4"))
    with served(str(tmp_path / "out")) as server:
        output = server.get("output").json
        assert (output["table"], output["state"], output["labels"]) == (
            "thumbnails",
            "finished",
            [],
        )
        assert not any(output["has"][name] for name in ("scores", "boxes", "detections"))
        assert [hit["frame"] for hit in server.get("search").json["hits"]] == [0, 10, 20, 30]
        at = server.get(f"video/{key}/at/12").json
        assert (at["processed"], at["boxes"]) == (10, [])
        assert {"width", "height"} <= {name for name, _ in at["facts"]}
        assert server.get(f"video/{key}/timeline").json["rows"][0]["rows"] == 4
        assert server.get(f"video/{key}/clip.mp4?first=0&last=3").status == 200
        for query, what in (("least=0.5", "scores"), (f"label={key_of('person')}", "labels")):
            refused = server.get(f"search?{query}")
            assert refused.status == 400
            assert refused.json["error"] == f"The rows of this output have no {what}."
