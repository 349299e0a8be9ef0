"""Profiles of AWS whose keys come from elsewhere and expire: boto3 gets them, and renews them."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from generate import Clip, write
from proxy import Passed, Proxy
from s3_server import S3Server

import fleet
from fleet.core.run_events import LeaseDone, RunEvent
from fleet.errors import CredentialsRefusedError
from fleet.storage import Folder
from fleet.storage.credentials import RenewedKeys, s3_settings

if not os.environ.get("CI"):
    pytest.importorskip("boto3", reason="the extra aws is not installed")

JOBS = Path(__file__).parents[2] / "jobs"
FRAMES = 60
LIFE_S = 2.0
"""Seconds for which a token is valid."""
PROCESS = """
import json, sys, time
from datetime import UTC, datetime
from pathlib import Path
with Path(sys.argv[1], "asked").open("a") as file:
    file.write(".")
if Path(sys.argv[1], "logged out").exists():
    sys.exit("you are logged out")
until_s = time.time() + float(sys.argv[2])
print(json.dumps({
    "Version": 1, "AccessKeyId": sys.argv[3], "SecretAccessKey": sys.argv[4],
    "SessionToken": f"until-{until_s}", "Expiration": datetime.fromtimestamp(until_s, UTC).isoformat(),
}))
"""


Login = Callable[[float], Path]


@pytest.fixture
def login(seaweed: S3Server, s3: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Login:
    """Make a profile the only way to the store; its process hands out tokens of some seconds."""
    del s3
    folder = tmp_path / "home"
    (folder / ".aws").mkdir(parents=True)
    (folder / "process.py").write_text(PROCESS)

    def make(life_s: float) -> Path:
        process = f"{sys.executable} {folder}/process.py {folder} {life_s}"
        (folder / ".aws" / "config").write_text(
            "[profile short]\nregion = us-east-1\n"
            f"credential_process = {process} {seaweed.access} {seaweed.secret}\n"
        )
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.delenv(name)
        monkeypatch.setenv("HOME", str(folder))
        monkeypatch.setenv("AWS_PROFILE", "short")
        return folder

    return make


def expired(_: int, asked: Passed) -> str | None:
    """What a store does of which the tokens say for themselves how long they are valid."""
    return None if float(asked.token.removeprefix("until-")) > time.time() else "expired"


class Slow:
    """Lets each lease last, so that the run outlives several tokens."""

    def on_event(self, event: RunEvent) -> None:
        """See Observer."""
        if isinstance(event, LeaseDone):
            time.sleep(LIFE_S / 2)


def test_a_run_outlives_several_tokens(
    login: Login, s3: str, proxy: Proxy, seaweed: S3Server, tmp_path: Path
) -> None:
    """Each is renewed before it expires, so that the store never sees one that has."""
    folder = login(LIFE_S)
    proxy.breaks, proxy.signs = expired, seaweed.signed
    clip = write(Clip(frames=FRAMES, gop=10), tmp_path / "clip.mp4").read_bytes()
    for number in range(2):
        Folder(f"{s3}/in").put(f"{number}.mp4", clip)
    settings = {"input": [f"{s3}/in"], "output": f"{s3}/out", "sample": "all", "width": 64}
    job = fleet.load_job(JOBS / "thumbnails.toml", {**settings, "devices": 1, "lease_s": 0.05})
    report = fleet.run(job, on="inline", observer=Slow())
    assert (report.exit_code, report.total.frames) == (0, 2 * FRAMES)
    tokens = {request.token for request in proxy.requests}
    ends = sorted(float(token.removeprefix("until-")) for token in tokens)
    assert ends[-1] - ends[0] > 2 * LIFE_S
    asked = len((folder / "asked").read_text())
    assert len(tokens) <= asked <= 2 + (ends[-1] - ends[0]) / (0.7 * LIFE_S)
    assert len(proxy.requests) > 2 * asked


def test_keys_that_last_are_asked_for_once(
    login: Login, s3: str, proxy: Proxy, seaweed: S3Server
) -> None:
    """However many requests they sign."""
    folder = login(3600.0)
    proxy.signs = seaweed.signed
    place = Folder(s3)
    for number in range(5):
        place.put(f"{number}", b"x")
    assert len(list(Folder(s3).list())) == 5
    assert (folder / "asked").read_text() == "."


def test_who_is_logged_out_is_told_so(
    login: Login, s3: str, proxy: Proxy, seaweed: S3Server
) -> None:
    """In the middle of a run as at its start; it is no fault of a video."""
    folder = login(0.1)
    proxy.signs = seaweed.signed
    place = Folder(s3)
    place.put("x", b"x")
    (folder / "logged out").touch()
    time.sleep(0.2)
    with pytest.raises(
        CredentialsRefusedError, match=r"profile short gives no keys.*aws sso login"
    ):
        place.read("x")


def test_a_role_and_a_login_are_left_to_boto3(tmp_path: Path) -> None:
    """Whether the profile is named, or the default one."""
    (tmp_path / "config").write_text(
        "[default]\nsso_session = company\n[profile role]\nrole_arn = arn:aws:iam::1:role/x\n"
        "source_profile = keys\n[profile keys]\naws_access_key_id=AKIA\naws_secret_access_key=s\n"
    )
    files = {"AWS_CONFIG_FILE": str(tmp_path / "config"), "HOME": str(tmp_path)}
    assert isinstance(s3_settings(files).keys, RenewedKeys)
    assert isinstance(s3_settings({**files, "AWS_PROFILE": "role"}).keys, RenewedKeys)
    assert not isinstance(s3_settings({**files, "AWS_PROFILE": "keys"}).keys, RenewedKeys)
