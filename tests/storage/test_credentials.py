"""Where keys, regions and endpoints come from, and that keys are shown nowhere."""

from __future__ import annotations

import importlib.util
import pickle
from pathlib import Path

import pytest

from fleet.errors import AccessDeniedError, JobFileError, UsageError
from fleet.job.job_file import load_job
from fleet.storage import Folder, expand, read_file, redact
from fleet.storage.credentials import Keys, ProfileKeys, obs_settings, s3_settings
from fleet.storage.error_mapping import translate_cloud_error

KEYS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "example-secret"}


@pytest.fixture
def pack_of_lease(tmp_path: Path) -> dict[str, str]:
    """An environment with nothing but a home, in which there are profiles."""
    (tmp_path / ".aws").mkdir()
    (tmp_path / ".aws" / "credentials").write_text(
        "[default]\naws_access_key_id = AKIADEFAULT\naws_secret_access_key = default-secret\n"
        "[night]\naws_access_key_id=AKIANIGHT\naws_secret_access_key=night-secret\n"
        "aws_session_token=night-token\n"
    )
    (tmp_path / ".aws" / "config").write_text(
        "[default]\nregion = eu-west-3\ns3 =\n  max_concurrent_requests = 20\n"
        "[profile night]\nregion = ap-southeast-1\nendpoint_url = https://store.example\n"
        "[profile company]\nsso_session = company\n"
    )
    return {"HOME": str(tmp_path)}


def test_the_environment_comes_before_the_files(pack_of_lease: dict[str, str]) -> None:
    """As with every other tool."""
    settings = s3_settings({**pack_of_lease, **KEYS, "AWS_REGION": "us-west-2"})
    assert settings.keys == Keys("AKIAEXAMPLE", "example-secret")
    assert (settings.region, settings.endpoint) == ("us-west-2", "")


def test_the_default_profile_is_found_without_being_named(pack_of_lease: dict[str, str]) -> None:
    """With its region."""
    settings = s3_settings(pack_of_lease)
    assert isinstance(settings.keys, ProfileKeys)
    assert settings.keys()["access_key_id"] == "AKIADEFAULT"
    assert settings.region == "eu-west-3"


def test_a_profile_brings_keys_token_region_and_endpoint(pack_of_lease: dict[str, str]) -> None:
    """From both files, read again when the keys may have been renewed."""
    settings = s3_settings({**pack_of_lease, "AWS_PROFILE": "night"})
    assert isinstance(settings.keys, ProfileKeys)
    given = settings.keys()
    assert (given["secret_access_key"], given["token"]) == ("night-secret", "night-token")
    assert given["expires_at"] is not None
    assert (settings.region, settings.endpoint) == ("ap-southeast-1", "https://store.example")
    file = Path(pack_of_lease["HOME"]) / ".aws" / "credentials"
    file.write_text(file.read_text().replace("night-secret", "renewed-secret"))
    assert settings.keys()["secret_access_key"] == "renewed-secret"  # noqa: S105 - made up


@pytest.mark.parametrize(
    ("profile", "says"),
    [
        ("nobody", "no keys of the AWS profile nobody"),
        ("company", r"sso_session, which needs boto3.*pip install 'ascend-fleet\[aws\]'"),
    ],
)
def test_a_profile_without_keys_is_refused(
    pack_of_lease: dict[str, str], profile: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rather than asking a machine's metadata service for a minute; here, boto3 is missing."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(AccessDeniedError, match=says):
        s3_settings({**pack_of_lease, "AWS_PROFILE": profile})


def test_roles_are_left_to_the_client(pack_of_lease: dict[str, str]) -> None:
    """A pod's role comes before the files of whoever built the image."""
    assert s3_settings({**pack_of_lease, "AWS_WEB_IDENTITY_TOKEN_FILE": "/var/token"}).keys is None
    assert s3_settings({"HOME": "/nowhere"}).keys is None


def test_obs_lies_in_its_region() -> None:
    """The bucket in the host, unless the endpoint is one's own."""
    settings = obs_settings({"OBS_REGION": "cn-north-4", "HOME": "/nowhere"})
    assert settings.endpoint == "https://obs.cn-north-4.myhuaweicloud.com"
    assert settings.bucket_in_host
    own = obs_settings({"FLEET_S3_ENDPOINT": "http://store:8080", "HOME": "/nowhere"})
    assert (own.endpoint, own.bucket_in_host) == ("http://store:8080", False)
    with pytest.raises(UsageError, match="OBS_REGION"):
        obs_settings({"HOME": "/nowhere"})


@pytest.mark.parametrize(
    "names",
    [
        ("OBS_ACCESS_KEY_ID", "OBS_SECRET_ACCESS_KEY"),
        ("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK"),
        ("HUAWEICLOUD_ACCESS_KEY_ID", "HUAWEICLOUD_SECRET_ACCESS_KEY"),
    ],
)
def test_obs_has_keys_of_its_own(names: tuple[str, str]) -> None:
    """Which come before those of AWS."""
    own = {names[0]: "an-access-key", names[1]: "a-secret-key"}
    settings = obs_settings({"OBS_REGION": "cn-north-4", "HOME": "/nowhere", **KEYS, **own})
    assert settings.keys == Keys("an-access-key", "a-secret-key")


def test_keys_are_not_shown() -> None:
    """Neither by themselves nor within the settings."""
    settings = s3_settings({"HOME": "/nowhere", **KEYS, "AWS_SESSION_TOKEN": "a-session-token"})
    assert "AKIAEXAMPLE" not in repr(settings)
    assert "secret" not in repr(settings)
    assert pickle.loads(pickle.dumps(settings)) == settings  # noqa: S301 - our own bytes


SECRETS = [
    "s3://AKIA:hidden-one@bucket/x",
    "s3://bucket/x?X-Amz-Credential=hidden-one&X-Amz-Signature=hidden-one",
    "https://host/x.mp4?sig=hidden-one",
    "az://container/x?token=hidden-one",
]


@pytest.mark.parametrize("uri", SECRETS)
def test_a_location_with_credentials_is_refused_without_repeating_them(
    uri: str, tmp_path: Path
) -> None:
    """Wherever it is named: an input, an output, a model, a job file."""
    for use in (Folder, lambda place: expand([place]), read_file):
        with pytest.raises(UsageError, match="carries credentials") as caught:
            use(uri)
        assert "hidden-one" not in str(caught.value)
    job = tmp_path / "job.toml"
    job.write_text(f'job = "detect.py:Detect"\ninput = ["{uri}"]\noutput = "{uri}"\n')
    with pytest.raises(JobFileError, match="carries credentials") as refused:
        load_job(job)
    assert str(refused.value).count("carries credentials") == 2
    assert "hidden-one" not in str(refused.value)


def test_an_ordinary_name_is_no_credential() -> None:
    """A question mark, an at sign, a local file that looks strange."""
    Folder("s3://bucket/who?/me@home")
    Folder("build/a=b?token=x")


def test_what_a_client_says_is_cleaned(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of everything that is known to be secret, and of what looks like it."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "the-secret-itself")
    monkeypatch.setenv("OBS_SECRET_ACCESS_KEY", "another-secret")
    text = (
        "Error performing GET https://u:pw@host/x?X-Amz-Signature=abcdef with the-secret-itself "
        "and another-secret\n\nDebug source: the-secret-itself"
    )
    told = str(translate_cloud_error("it failed", RuntimeError(text)))
    for secret in ("the-secret-itself", "another-secret", "abcdef", "pw@"):
        assert secret not in told
    assert redact("AWS_REGION is us-east-1") == "AWS_REGION is us-east-1"
