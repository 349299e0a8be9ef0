"""`fleet browse` asked for what it must not give, and what it says then."""

from __future__ import annotations

import re
from ipaddress import IPv4Address
from pathlib import Path
from urllib.parse import quote

import av
from browsed import Served, served
from command import fleet_process
from exact import index_of
from hostile_requests import Hostile
from recorded import FRAMES, detections_output, record, write_grays
from two_videos import FOUND, HIDDEN

from fleet.browse.asked import key_of
from fleet.storage import Folder


def test_every_answer_says_what_a_browser_may_do(server: Served) -> None:
    """No script but its own, nothing from elsewhere, no frame around it; refusals too."""
    for answer in (
        server.get(""),
        server.get("browse.js"),
        server.get("nothing"),
        server.get("search?x"),
    ):
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
    page = server.get("").body.decode()
    assert not re.search(r"<script(?! type=\"module\" src=)|<style| on\w+=| style=|https?://", page)


def test_hostile_requests_are_refused(server: Served, key: str, browsed: Path) -> None:
    """Over two hundred: none is answered with anything, and the server goes on as before."""
    before = server.get("output").json
    asked = list(Hostile(server, key, browsed).requests())
    assert len(asked) > 200
    passed = []
    for request, wrong in asked:
        answer = server.send(request)
        is_refused = 400 <= answer.status < 500 or answer.status == 501
        if not is_refused or HIDDEN.encode() in answer.body or b"Traceback" in answer.body:
            passed.append((wrong, request[:200], answer.status))
    assert passed == []
    assert server.process.poll() is None
    assert server.get("output").json == before


def test_refusals_say_why_in_a_sentence(server: Served, key: str) -> None:
    """As JSON; of several that are wrong, without what was sent."""
    said = {
        f"video/{key}/frame/40": "The video has the frames 0 to 39.",
        f"video/{'0' * 16}": "The output has no such video.",
        "search?least=2": "A range of scores goes from low to high",
        f"search?label={'0' * 16}": "The output has no such label.",
        f"video/{key}/clip.mp4?first=0&last=40": "The video has the frames 0 to 39.",
    }
    for path, words in said.items():
        answer = server.get(path)
        assert answer.status in {400, 404}
        assert answer.json["error"].startswith(words)


def test_a_value_of_a_query_is_no_sql(server: Served) -> None:
    """It is looked for as it is: no video has such a name."""
    for value in ("' or 1=1 --", "%", "_", "\\", "*"):
        assert server.get(f"videos?part={quote(value)}").json["count"] in {0, int(value == "_")}


def test_a_video_that_is_another_one_by_now_is_not_shown(tmp_path: Path) -> None:
    """Nor one that is gone: the answer says so."""
    for name in ("gate.mp4", "gone.mp4"):
        out = detections_output(Folder(str(tmp_path / "out")))
        record(out, index_of(write_grays(tmp_path / name)), FOUND)
    (tmp_path / "gone.mp4").unlink()
    with av.open(str(tmp_path / "gate.mp4"), "w") as output:
        stream = output.add_stream("libx264", rate=7)
        stream.width, stream.height = 320, 240
        for _ in range(FRAMES):
            output.mux(stream.encode(av.VideoFrame(320, 240, "yuv420p")))
        output.mux(stream.encode(None))
    with served(str(tmp_path / "out")) as server:
        another = server.get(f"video/{key_of(str(tmp_path / 'gate.mp4'))}")
        assert another.status == 400
        assert "is not the video that" in another.json["error"]
        gone = server.get(f"video/{key_of(str(tmp_path / 'gone.mp4'))}/frame/1")
        assert gone.status == 400
        assert "gone.mp4" in gone.json["error"]


def test_other_machines_are_warned_of(browsed: Path) -> None:
    """Where it is to be reached by them; nothing is said of this machine's own names."""
    with served(str(browsed / "out"), "--host", str(IPv4Address(0))) as server:
        assert server.get("videos").status == 200
        code, _, said = server.end()
    assert (code, "Warning: other machines may reach" in said) == (0, True)


def test_what_cannot_be_served_is_said(browsed: Path, tmp_path: Path) -> None:
    """No output; a port that is taken; DuckDB that is not there."""
    done = fleet_process("browse", tmp_path / "nothing")
    assert (done.returncode, "holds no output of Fleet" in done.stderr) == (2, True)
    with served(str(browsed / "out")) as server:
        done = fleet_process("browse", browsed / "out", "--port", server.port)
        assert done.returncode == 2
        assert "Nothing can listen at 127.0.0.1:" in done.stderr
    (tmp_path / "duckdb.py").write_text("raise ImportError('not installed')\n")
    program = (
        "-c",
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from fleet.cli import main; main()",
    )
    done = fleet_process("browse", browsed / "out", program=program)
    assert done.returncode == 2
    assert "pip install 'ascend-fleet[browse]'" in done.stderr
