"""Credentials that expire in the middle of a run end it; no video is blamed, and it can go on."""

from __future__ import annotations

from pathlib import Path

import pytest
from generate import Clip, write
from proxy import Proxy

import fleet
from fleet.core.run_events import LeaseDone, LeaseStarted, RunEvent
from fleet.errors import CredentialsRefusedError, JobFailedError
from fleet.storage import Folder
from fleet.table.state.lock import LEADER_LOCK

JOBS = Path(__file__).parents[2] / "jobs"
FRAMES = 60


class Expiring:
    """Lets the credentials expire once it has seen such an event."""

    def __init__(self, proxy: Proxy, after: type[RunEvent]) -> None:
        self._proxy = proxy
        self._after = after

    def on_event(self, event: RunEvent) -> None:
        """See Observer."""
        if isinstance(event, self._after):
            self._proxy.breaks = lambda _, asked: "expired" if asked.method != "HEAD" else 403


@pytest.fixture
def job(s3: str, proxy: Proxy, tmp_path: Path) -> fleet.Job:
    """Every frame of a few clips, in S3, in short leases."""
    assert proxy.endpoint
    clip = write(Clip(frames=FRAMES, gop=10), tmp_path / "clip.mp4").read_bytes()
    for number in range(3):
        Folder(f"{s3}/in").put(f"{number}.mp4", clip)
    settings = {"input": [f"{s3}/in"], "output": f"{s3}/out", "sample": "all", "width": 64}
    return fleet.load_job(JOBS / "thumbnails.toml", {**settings, "devices": 1, "lease_s": 0.05})


@pytest.mark.parametrize("after", [LeaseStarted, LeaseDone])
def test_credentials_that_expire_end_the_run(
    job: fleet.Job, proxy: Proxy, after: type[RunEvent]
) -> None:
    """It says so, with the way out; nothing is recorded as lost; the same command goes on."""
    with pytest.raises(
        JobFailedError, match=r"credentials have expired.*run the same command again"
    ):
        fleet.run(job, on="inline", observer=Expiring(proxy, after))
    proxy.breaks = lambda *_: None
    # Its hold could not be given up either; it would expire by itself.
    Folder(job.output).delete(LEADER_LOCK)
    report = fleet.run(job, on="inline")
    assert report.exit_code == 0
    assert report.total.frames == 3 * FRAMES
    assert (report.already_done > 0) == (after is LeaseDone)


def test_credentials_that_expire_while_it_is_planned_refuse_no_video(
    job: fleet.Job, proxy: Proxy
) -> None:
    """They are refused for all videos alike: none of them is called unreadable."""
    proxy.breaks = lambda _, asked: "expired" if asked.range else None
    with pytest.raises(CredentialsRefusedError, match="have expired"):
        fleet.run(job, on="inline")
