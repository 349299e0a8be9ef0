"""A folder in each kind of store, and S3 as a process is told of it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from proxy import Proxy, proxy_before
from s3_server import S3Server

BUCKET = "contract"


def use(server: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let s3:// mean that server, and nothing else that this machine knows."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "FLEET_S3_ENDPOINT", "AWS_ENDPOINT_URL_S3"):
        monkeypatch.delenv(name, raising=False)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)


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


@pytest.fixture(
    params=["disk", "memory", "seaweed", pytest.param("rgw", marks=pytest.mark.rgw)],
)
def any_place(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    """An empty folder in a store of each kind, by its URI."""
    if request.param == "disk":
        return str(tmp_path / "folder")
    if request.param == "memory":
        return f"memory://{uuid.uuid4()}"
    server: S3Server = request.getfixturevalue(request.param)
    server.make_bucket(BUCKET)
    use(server, monkeypatch)
    return f"s3://{BUCKET}/{uuid.uuid4()}"
