"""A folder in each kind of store, as a process is told of it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from export_truth import Truth, truth_of
from object_server import ObjectServer, use
from proxy import Proxy, proxy_before
from s3_server import S3Server
from scattered import LABELS, Scattered, Tracked, archive, run_over

from fleet.table.published.publish import AsIceberg

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


@pytest.fixture(scope="session")
def export_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small archive of three videos, of two cameras."""
    folder = tmp_path_factory.mktemp("export")
    archive(folder / "videos", tmp_path_factory.mktemp("clips"))
    return folder


@pytest.fixture(scope="session")
def truth(export_home: Path) -> Truth:
    """An output over it, every second frame."""
    report = run_over(export_home / "videos", str(export_home / "out"), Scattered())
    assert report.exit_code == 0
    found = truth_of(str(export_home / "out"))
    assert len(found.frames) == 27
    assert {box["label"] for boxes in found.boxes.values() for box in boxes} == set(LABELS)
    return found


@pytest.fixture(scope="session")
def tracked(export_home: Path) -> Truth:
    """The same with tracks."""
    assert run_over(export_home / "videos", str(export_home / "tracked"), Tracked()).exit_code == 0
    return truth_of(str(export_home / "tracked"))


@pytest.fixture
def asked(tmp_path: Path) -> AsIceberg:
    """A catalogue in a file of SQLite."""
    return AsIceberg(f"sqlite:///{tmp_path}/catalog.db", "town")
