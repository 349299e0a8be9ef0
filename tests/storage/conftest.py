"""A folder in each kind of store, as a process is told of it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from object_server import ObjectServer, use
from proxy import Proxy, proxy_before
from s3_server import S3Server

BUCKET = "contract"


@pytest.fixture
def s3(seaweed: S3Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty folder in SeaweedFS, by its URI; the environment leads there."""
    seaweed.make_bucket(BUCKET)
    use(seaweed, monkeypatch)
    return f"s3://{BUCKET}/{uuid.uuid4()}"


@pytest.fixture
def proxy(seaweed: S3Server, s3: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """SeaweedFS as before, reached through a proxy."""
    del s3
    with proxy_before(seaweed.endpoint) as running:
        monkeypatch.setenv("AWS_ENDPOINT_URL", running.endpoint)
        yield running


@pytest.fixture
def place(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], str]:
    """Make an empty folder in a store of a kind; its URI is returned."""

    def make(kind: str) -> str:
        if kind == "disk":
            return str(tmp_path / "folder")
        if kind == "memory":
            return f"memory://{uuid.uuid4()}"
        server: ObjectServer = request.getfixturevalue(kind)
        server.make_bucket(BUCKET)
        use(server, monkeypatch)
        return f"{server.scheme}://{BUCKET}/{uuid.uuid4()}"

    return make


@pytest.fixture(
    params=[
        "disk",
        "memory",
        "seaweed",
        pytest.param("rgw", marks=pytest.mark.rgw),
        "google",
        "azurite",
    ],
)
def any_place(request: pytest.FixtureRequest, place: Callable[[str], str]) -> str:
    """An empty folder in a store of each kind, by its URI."""
    return place(request.param)
