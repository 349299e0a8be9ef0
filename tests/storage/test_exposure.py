"""Credentials in addresses, in every spelling; and what others could read on the way."""

from __future__ import annotations

import logging
import runpy
from pathlib import Path

import pytest

from fleet.errors import UsageError
from fleet.executors.ray.access import check_ray_address, exposures
from fleet.storage import (
    Folder,
    is_exposed,
    redact,
    refuse_credentials,
    refuse_credentials_in_address,
)
from fleet.submit.reachability import check_address

CARRYING = (
    "s3://AKIA:hidden-one@bucket/x",
    "s3://hidden-one@bucket/x",
    "S3://AKIA:hidden-one@bucket",
    "s3://:hidden-one@bucket",
    "s3://AKIA:hidden/one+x@bucket/x",
    " s3://AKIA:hidden-one@bucket",
    "http:/user:hidden-one@host/x",
    "ftp://hidden-one@host/x",
    "file://user:hidden-one@host/x",
    "simplecache::s3://AKIA:hidden-one@bucket/x",
    "zip://x::http://user:hidden-one@host/a.zip",
    "s3://AKIA%3Ahidden-one%40bucket/x",
    "s3://AKIA%253Ahidden-one%2540bucket/x",
    "https://host/x.mp4?sig=hidden-one",
    "HTTPS://host/?SIG=hidden-one",
    "https://host/x?API-Key=hidden-one",
    "https://host/?AccessKeyId=hidden-one",
    "s3://bucket/x?X%2DAmz%2DSignature=hidden-one",
    "s3://bucket/x#token=hidden-one",
    "s3://bucket/x?a=1;secret=hidden-one",
    "obs://bucket/x?x-obs-security-token=hidden-one",
)
PLAIN = (
    "s3://bucket/who?/me@home",
    "s3://bucket/x@y.mp4",
    "s3://bucket/cam:1/x@2.mp4",
    "s3://bucket/date=2026/x?",
    "gs://bucket/x?page=2",
    "http://host:8080/x@y",
    "https://[::1]:80/x",
    "build/a=b?token=x",
    "/tmp/user:word@host",  # noqa: S108
    "a@b.mp4",
)


@pytest.mark.parametrize("uri", CARRYING)
def test_credentials_are_refused_in_every_spelling(uri: str) -> None:
    """In capitals, encoded once or twice, chained, without a name, and they are not repeated."""
    with pytest.raises(UsageError, match="carries credentials") as caught:
        refuse_credentials(uri)
    assert "hidden" not in str(caught.value)
    with pytest.raises(UsageError):
        Folder(uri)


@pytest.mark.parametrize("uri", PLAIN)
def test_what_is_no_credential_is_not_refused(uri: str) -> None:
    """An at sign or a question mark in a name, a port, a local path."""
    refuse_credentials(uri)


@pytest.mark.parametrize(
    "address",
    [
        *("user:hidden-one@head:6379", "hidden-one@head:6379", "ray://hidden-one@head:10001"),
        *("http://user:hidden-one@head:8265", "http://head:8265/?token=hidden-one"),
        "head:6379?token=hidden-one",
    ],
)
def test_the_address_of_a_cluster_carries_none_either(address: str) -> None:
    """By --address, by RAY_ADDRESS, by RAY_API_SERVER_ADDRESS; the error does not repeat it."""
    for name in ("RAY_ADDRESS", "RAY_API_SERVER_ADDRESS"):
        with pytest.raises(UsageError, match="carries credentials") as caught:
            check_ray_address({name: address})
        assert "hidden" not in str(caught.value)
    with pytest.raises(UsageError, match="carries credentials") as caught:
        check_address(address)
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["head:6379", "auto", "local", "ray://head:10001", "[::1]:6379"]
)
def test_an_address_of_a_cluster_is_no_credential(address: str) -> None:
    """Whatever Ray takes."""
    refuse_credentials_in_address(address, "RAY_ADDRESS")


@pytest.mark.parametrize(
    "address", ["http://head:8265", "http://10.1.2.3", "HTTP://h", "http://[fe80::1]:80"]
)
def test_plain_http_to_another_machine_is_warned_of(address: str, tmp_path: Path) -> None:
    """It carries the token and the variables that are passed along."""
    assert is_exposed(address)
    (warning,) = exposures(address, {"RAY_AUTH_TOKEN_PATH": str(tmp_path / "none")})
    assert "plain HTTP to another machine" in warning


@pytest.mark.parametrize(
    "address",
    ["https://head", "http://localhost:1", "http://127.0.0.9:1", "http://[::1]:80", "http://[bad"],
)
def test_what_stays_here_or_is_encrypted_is_not(address: str, tmp_path: Path) -> None:
    """Tunnels end on the loopback."""
    assert not is_exposed(address)
    assert not list(exposures(address, {"RAY_AUTH_TOKEN_PATH": str(tmp_path / "none")}))


def test_a_store_over_plain_http_is_warned_of(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Once for each bucket; an endpoint with credentials is refused."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-key")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://store.example:9000")
    with caplog.at_level(logging.WARNING):
        Folder("s3://exposed/a")
        Folder("s3://exposed/b")
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "http://store.example:9000" in caplog.text
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://user:hidden-one@store.example:9000")
    with pytest.raises(UsageError, match="carries credentials"):
        Folder("s3://exposed/a")


def test_a_token_is_readable_by_its_owner_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that is written here; another one is warned of."""
    cluster = Path(__file__).parents[2] / "cluster"
    monkeypatch.syspath_prepend(cluster)
    local = runpy.run_path(str(cluster / "local.py"))
    token: Path = local["write_token"](tmp_path)
    assert token.stat().st_mode & 0o777 == 0o600
    assert len(token.read_text()) == 64
    named = {"RAY_AUTH_TOKEN_PATH": str(token)}
    assert not list(exposures("https://head", named))
    token.chmod(0o640)
    (warning,) = exposures("https://head", named)
    assert f"chmod 600 {token}" in warning


@pytest.mark.parametrize(
    "name", ["RAY_AUTH_TOKEN", "HUB_TOKEN", "MY_SECRET", "X_API_KEY", "DB_PASSWORD", "db_password"]
)
def test_a_variable_is_a_secret_by_the_end_of_its_name(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever program it is for; those that name a file are none."""
    monkeypatch.setenv(name, "value-of-a-secret")
    monkeypatch.setenv(f"{name}_FILE", "/run/token")
    assert redact("it is value-of-a-secret in /run/token") == "it is *** in /run/token"
