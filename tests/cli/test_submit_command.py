"""`fleet submit` and `fleet stop` where there is no cluster: what they refuse, and how."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from command import fleet_here

from fleet.cli.submit import left_behind

JOBS = Path(__file__).parents[2] / "jobs"
FAR = ("--input", "s3://b/archive", "--output", "s3://b/out")


@pytest.fixture(autouse=True)
def no_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing in the environment names a cluster; what the command puts there goes again."""
    for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--address", "head:6379", *FAR), "http://head:8265"),
        (("--address", "http://127.0.0.1:1", *FAR), "No Ray dashboard answers"),
        (("--address", "http://head:1"), "input = videos is a path on this machine"),
        (("--address", "http://127.0.0.1:1"), "No Ray dashboard answers"),
        (
            ("--address", "http://127.0.0.1:1", *FAR, "--pass-env", "NO_SUCH_VARIABLE"),
            "--pass-env NO_SUCH_VARIABLE",
        ),
        (("--address", "http://127.0.0.1:1", *FAR, "--set", "colour=red"), "colour"),
    ],
    ids=["scheme", "nobody", "local-paths", "nobody-here", "environment", "job-file"],
)
def test_what_cannot_be_submitted_is_refused_in_words(
    arguments: tuple[str, ...], said: str
) -> None:
    """Exit code 2, and the way out."""
    done = fleet_here("submit", JOBS / "thumbnails.toml", *arguments)
    assert done.returncode == 2
    assert said in done.stderr


def test_where_a_store_is_travels_with_its_keys_or_is_named() -> None:
    """Keys alone would be tried at Amazon, for minutes."""
    here = {"AWS_ACCESS_KEY_ID": "a", "FLEET_S3_ENDPOINT": "http://s3:9000", "AWS_REGION": ""}
    assert left_behind(["AWS_ACCESS_KEY_ID"], here) == ["FLEET_S3_ENDPOINT"]
    assert left_behind(["AWS_ACCESS_KEY_ID", "FLEET_S3_ENDPOINT"], here) == []
    assert left_behind(["MY_OWN"], here) == [], "no keys travel"


@pytest.fixture
def other_server() -> Iterator[str]:
    """A web server that is no Ray dashboard."""

    class Other(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>hello</html>")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Other) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_another_server_is_told_from_a_cluster(other_server: str) -> None:
    """Whatever it answers, it is no Ray dashboard."""
    done = fleet_here("stop", "--address", other_server)
    assert done.returncode == 2
    assert "is no Ray dashboard" in done.stderr
