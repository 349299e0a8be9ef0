"""Objects in an archive, such as Glacier: a row in errors/ that says to restore them first."""

from __future__ import annotations

from pathlib import Path

import pytest
from canned import answering
from generate import Clip, write
from proxy import Passed, Proxy

import fleet
from fleet.errors import ArchivedError
from fleet.index_cache.store import INDEX_FOLDER, IndexStore
from fleet.storage import Folder
from fleet.table.maintenance.requeue import LossFilter
from fleet.table.table import Table

JOBS = Path(__file__).parents[2] / "jobs"
FRAMES = 20


def archived(_: int, asked: Passed) -> str | None:
    """One of the clips is not read, though it is listed."""
    return "archived" if asked.method == "GET" and asked.path.endswith("/1.mp4") else None


def test_a_video_in_an_archive_is_recorded_and_done_once_it_is_restored(
    s3: str, proxy: Proxy, tmp_path: Path
) -> None:
    """It is asked for once a run at most, and its credentials are not blamed."""
    clip = write(Clip(frames=FRAMES, gop=10), tmp_path / "clip.mp4").read_bytes()
    for number in range(3):
        Folder(f"{s3}/in").put(f"{number}.mp4", clip)
    settings = {"input": [f"{s3}/in"], "output": f"{s3}/out", "sample": "all", "width": 64}
    job = fleet.load_job(JOBS / "thumbnails.toml", {**settings, "devices": 1})
    proxy.breaks = archived
    report = fleet.run(job, on="inline")
    assert (report.exit_code, report.total.frames, report.refused_videos) == (3, 2 * FRAMES, 1)
    (loss,) = report.losses
    assert (loss.name, loss.uri) == ("ArchivedError", f"{s3}/in/1.mp4")
    assert "Restore it first" in loss.message
    assert "credentials" not in loss.message
    proxy.reset()
    assert fleet.run(job, on="inline").exit_code == 3
    assert sum(request.path.endswith("/1.mp4") for request in proxy.requests) <= 1
    proxy.breaks = lambda *_: None
    table = Table.open(job.output)
    table.requeue(LossFilter("ArchivedError"), IndexStore(Folder(f"{table.uri}/{INDEX_FOLDER}")))
    report = fleet.run(job, on="inline")
    assert (report.exit_code, report.total.frames) == (0, 3 * FRAMES)


def test_azure_calls_it_a_conflict(monkeypatch: pytest.MonkeyPatch) -> None:
    """As it does a condition that fails, which would be a video that has changed."""
    body = b"<?xml version='1.0'?><Error><Code>BlobArchived</Code><Message>No.</Message></Error>"
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "YS1zZWNyZXQta2V5")
    with answering(body, status=409) as store:
        monkeypatch.setenv("AZURE_STORAGE_ENDPOINT", f"{store.endpoint}/account")
        with pytest.raises(ArchivedError, match="lies in an archive"):
            Folder("az://container/in").read("a.mp4")
