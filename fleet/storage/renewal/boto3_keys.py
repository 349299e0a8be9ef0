"""Keys of profiles that boto3 gets, the extra `aws`: by a login (SSO), a role or a process."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from obstore.store import S3Credential  # exists for type checkers only


def troubles() -> tuple[type[Exception], ...]:
    """Return what boto3 raises where a profile gives no keys."""
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - of an extra

    # The last is for new keys that have expired already.
    return BotoCoreError, ClientError, ValueError, RuntimeError


@dataclass(frozen=True)
class Boto3Keys:
    """The keys of a session of boto3; see `Giver`."""

    provider: Any
    """obstore's, around the session's credentials."""

    def __call__(self) -> S3Credential:
        """See Giver."""
        found: S3Credential = self.provider()
        return found

    def expires_within(self, seconds: float) -> bool:
        """See Giver; keys that last have nothing to renew."""
        credentials = self.provider.credentials
        return hasattr(credentials, "refresh_needed") and credentials.refresh_needed(seconds)

    @property
    def troubles(self) -> tuple[type[Exception], ...]:
        """See Giver."""
        return troubles()


def of_profile(profile: str, config: Path, credentials: Path) -> Boto3Keys:
    """Return the keys of a profile, empty for the default one, in the two files of AWS."""
    import boto3  # noqa: PLC0415 - of an extra
    import botocore.session  # noqa: PLC0415
    from obstore.auth.boto3 import Boto3CredentialProvider  # noqa: PLC0415 - it needs boto3

    # It logs a traceback of what it raises.
    logging.getLogger("botocore.credentials").setLevel(logging.CRITICAL)
    session = botocore.session.Session(profile=profile or None)
    session.set_config_variable("config_file", str(config))
    session.set_config_variable("credentials_file", str(credentials))
    return Boto3Keys(Boto3CredentialProvider(boto3.Session(botocore_session=session)))
