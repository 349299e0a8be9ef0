"""What the tests need of an object store on loopback, whichever protocol it speaks."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Protocol

import pytest

_OF_CLOUDS = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "FLEET_S3_ENDPOINT", "AWS_ENDPOINT_URL_S3")


class ObjectServer(Protocol):
    """A running server."""

    @property
    def scheme(self) -> str:
        """What the URIs of its objects begin with, such as s3."""

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables by which a process reaches it."""

    @property
    def secrets(self) -> tuple[str, ...]:
        """The credentials among them, which nothing may show."""

    def make_bucket(self, name: str) -> None:
        """Make a bucket; one that is there already is no error."""


def use(server: ObjectServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the scheme of a server mean that server, and nothing else that this machine knows."""
    for name in os.environ:
        if name in _OF_CLOUDS or name.startswith(("AZURE_", "GOOGLE_")):
            monkeypatch.delenv(name)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
