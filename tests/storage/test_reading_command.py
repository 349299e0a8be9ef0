"""The command that a report ends with, run as it is printed: by a shell, over outputs of any name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from azurite import Azurite
from made_up import claimed, commit_lease
from object_server import ObjectServer, use
from s3_server import S3Server
from shells import DUCKDB_VARIABLE, duckdb_home, run_printed

from fleet.errors import UsageError
from fleet.storage import Folder
from fleet.storage.credentials import s3_access
from fleet.views.reading import reading_command

# Patterns, each of which means `xay` as well; what shells and SQL have in mind; and everything at once.
NAMES = [
    "*",
    "?",
    "[a-z]",
    "[!b]",
    "{a,b}",
    "$HOME`id`$(id)!!",
    'it\'s "so"',
    "\\n",
    "\n\t^#&;|<>()% ~=,-é日🎥",
]

needs_duckdb = pytest.mark.skipif(
    DUCKDB_VARIABLE not in os.environ and not os.environ.get("CI"),
    reason=f"{DUCKDB_VARIABLE} is not set, see CONTRIBUTING.md",
)


@pytest.mark.parametrize("name", NAMES)
def test_an_output_of_any_name_is_read(name: str, tmp_path: Path) -> None:
    """Its own rows, and not those of a name that a pattern or a shell would make of it."""
    output = claimed(Folder(str(tmp_path / f"x{name}y")))
    commit_lease(output, "the right one", range(4))
    for other in ("xay", "xy", "xzy"):
        commit_lease(claimed(Folder(str(tmp_path / other))), "another one", range(4))
    told = run_printed(reading_command(output.uri, "frames", None), tmp_path)
    assert "the right one" in told
    assert "another one" not in told


def test_labels_are_counted_where_there_are_any(tmp_path: Path) -> None:
    """By the same command."""
    output = claimed(Folder(str(tmp_path / "out")))
    commit_lease(output, "a", range(4))
    told = run_printed(reading_command(output.uri, "detections", None, by_label=True), tmp_path)
    assert "count" in told


def printed(server: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the command for an output with a row, in a bucket of a server."""
    server.make_bucket("reading")
    use(server, monkeypatch)
    output = claimed(Folder(f"{server.scheme}://reading/out"))
    commit_lease(output, "the right one", range(4))
    return reading_command(output.uri, "frames", s3_access(output.uri, os.environ))


@needs_duckdb
def test_duckdb_itself_reads_a_bucket_with_keys(
    seaweed: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told where the bucket is; the keys it finds by itself, as the line shows none."""
    command = printed(seaweed, monkeypatch)
    (tmp_path / "home").mkdir()
    assert "the right one" in run_printed(command, tmp_path, duckdb_home(tmp_path / "home"))
    assert not any(secret in command for secret in seaweed.secrets)


@needs_duckdb
def test_duckdb_itself_reads_a_bucket_by_the_names_of_huawei(
    seaweed: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """obs:// is s3:// to it, and the variables get the names that it knows."""
    printed(seaweed, monkeypatch)
    environment = seaweed.environment
    for name in environment:
        monkeypatch.delenv(name)
    monkeypatch.setenv("FLEET_S3_ENDPOINT", environment["AWS_ENDPOINT_URL"])
    monkeypatch.setenv("HUAWEICLOUD_SDK_AK", environment["AWS_ACCESS_KEY_ID"])
    monkeypatch.setenv("HUAWEICLOUD_SDK_SK", environment["AWS_SECRET_ACCESS_KEY"])
    uri = "obs://reading/out"
    command = reading_command(uri, "frames", s3_access(uri, os.environ))
    (tmp_path / "home").mkdir()
    assert "the right one" in run_printed(command, tmp_path, duckdb_home(tmp_path / "home"))
    assert not any(secret in command for secret in seaweed.secrets)


def test_azure_is_read_by_fleet(
    azurite: Azurite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the keys that it has, which DuckDB could not use."""
    assert "the right one" in run_printed(printed(azurite, monkeypatch), tmp_path)


def test_what_amazon_and_huawei_themselves_want_is_told() -> None:
    """The region alone of Amazon's; the bucket in the host of Huawei's."""
    amazon = reading_command(
        "s3://b/out", "frames", s3_access("s3://b/out", {"AWS_REGION": "eu-west-1"})
    )
    assert (
        "create secret (type s3, provider credential_chain, region 'eu-west-1'); select" in amazon
    )
    huawei = s3_access("obs://b/out", {"OBS_REGION": "cn-north-4"})
    told = reading_command("obs://b/out", "frames", huawei)
    assert "endpoint 'obs.cn-north-4.myhuaweicloud.com', url_style 'vhost')" in told
    assert "from 's3://b/out/frames/*.parquet'" in told
    with pytest.raises(UsageError, match="where the bucket lies"):
        s3_access("obs://b/out", {})
