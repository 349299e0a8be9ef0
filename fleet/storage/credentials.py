"""The credentials and endpoints of S3: from the environment, then from the files of AWS.

obstore itself reads the environment, and asks a cloud machine for its role; it does not read
~/.aws/credentials or profiles, and does not know Huawei's names. Profiles that get their keys from
elsewhere (SSO, a role, a process) need boto3, the extra `aws`. Nothing here comes from a job file.
"""

from __future__ import annotations

import configparser
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from fleet.errors import AccessDeniedError, CredentialsRefusedError, StorageError, UsageError
from fleet.storage.redaction import register_secret
from fleet.storage.renewal.boto3_keys import of_profile, troubles
from fleet.storage.renewal.renewal import Renewal

if TYPE_CHECKING:
    from obstore.store import S3Credential  # exists for type checkers only

# Tools that renew a profile's keys rewrite the file.
_READ_AGAIN = timedelta(minutes=15)
_OBS_NAMES = (
    ("OBS_ACCESS_KEY_ID", "OBS_SECRET_ACCESS_KEY", "OBS_SECURITY_TOKEN"),
    ("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK", "HUAWEICLOUD_SDK_SECURITY_TOKEN"),
    ("HUAWEICLOUD_ACCESS_KEY_ID", "HUAWEICLOUD_SECRET_ACCESS_KEY", "HUAWEICLOUD_SECURITY_TOKEN"),
)
_OBS_REGIONS = ("OBS_REGION", "HUAWEICLOUD_REGION", "HW_REGION_NAME")
_AWS_NAMES = (("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),)
_AWS_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
_ENDPOINTS = ("FLEET_S3_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
STORE_PLACES = (*_ENDPOINTS, "OBS_ENDPOINT", *_AWS_REGIONS, *_OBS_REGIONS)
"""The variables that say where a store of S3's kind is, beside its keys."""
# With one of these obstore needs no key: it uses a pod's role, a container's role, or no signature.
_ROLES = (
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_SKIP_SIGNATURE",
)
_FROM_ELSEWHERE = ("credential_process", "sso_session", "sso_start_url", "role_arn")


@dataclass(frozen=True)
class Keys:
    """A pair of keys with its token; printing it shows none of them."""

    access: str = field(repr=False)
    """The id of the access key."""
    secret: str = field(repr=False)
    """The secret of the access key."""
    token: str = field(default="", repr=False)
    """The session token; empty for permanent keys."""

    def __call__(self) -> S3Credential:
        """Return the keys as obstore asks for them, and hide them from then on."""
        register_secret(self.access, self.secret, self.token)
        return _credential(self, None)


@dataclass(frozen=True)
class ProfileKeys:
    """The keys of a profile, which are read again when they may have been renewed."""

    files: ProfileFiles
    """Where the keys are read."""

    def __call__(self) -> S3Credential:
        """Return the keys as obstore asks for them, and hide them from then on."""
        keys = self.files.keys()
        register_secret(keys.access, keys.secret, keys.token)
        return _credential(keys, datetime.now(UTC) + _READ_AGAIN)


@dataclass(frozen=True)
class RenewedKeys:
    """The keys of a profile that come from elsewhere for a while: boto3 gets and renews them."""

    files: ProfileFiles
    """Where the profile stands."""

    def __call__(self) -> S3Credential:
        """Return keys that are valid as obstore asks for them, and hide them from then on.

        Raises CredentialsRefusedError where there are none, and StorageError where who gives them
        does not answer.
        """
        from botocore.exceptions import HTTPClientError  # noqa: PLC0415 - of an extra

        name = self.files.profile or "default"
        try:
            found = _renewal(self.files)()
        except HTTPClientError as error:
            message = f"The keys of the AWS profile {name} do not come: {_reason(error)}."
            raise StorageError(message) from None
        except troubles() as error:
            raise CredentialsRefusedError(
                f"The AWS profile {name} gives no keys: {_reason(error)}.",
                f"Log in again, such as by `aws sso login --profile {name}`, and run the same "
                "command again.",
            ) from None
        register_secret(
            found["access_key_id"], found["secret_access_key"] or "", found["token"] or ""
        )
        return found


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")


@lru_cache(maxsize=16)
def _renewal(files: ProfileFiles) -> Renewal:
    return Renewal(of_profile(files.profile, files.config, files.credentials))


def _credential(keys: Keys, until: datetime | None) -> S3Credential:
    return {
        "access_key_id": keys.access,
        "secret_access_key": keys.secret,
        "token": keys.token or None,
        "expires_at": until,
    }


@dataclass(frozen=True)
class S3Settings:
    """How a bucket is reached."""

    endpoint: str
    """The URL of the store; empty for AWS itself."""
    region: str
    """The region that requests are signed for."""
    bucket_in_host: bool
    """Whether requests name the bucket in the host, as OBS requires, or in the path, which most
    self-hosted stores require."""
    keys: Keys | ProfileKeys | RenewedKeys | None
    """The keys to sign with; None leaves it to obstore to find a role."""


@dataclass(frozen=True)
class S3Access:
    """What another program is told to reach a bucket as Fleet does; keys it finds by itself."""

    endpoint: str
    """The URL of the store; empty for AWS itself."""
    region: str
    """The region that requests are signed for."""
    bucket_in_host: bool
    """See S3Settings."""
    renamed: tuple[tuple[str, str], ...] = ()
    """AWS's name of each variable of keys that has another one here, and that name."""


@dataclass(frozen=True)
class ProfileFiles:
    """The two files of AWS, and a profile in them."""

    credentials: Path
    """Such as ~/.aws/credentials."""
    config: Path
    """Such as ~/.aws/config."""
    profile: str
    """The name of the profile; empty for the default one."""

    def values(self) -> dict[str, str]:
        """Return the fields of the profile; those of the credentials file take precedence."""
        name = self.profile or "default"
        of_config = {} if name == "default" else _section(self.config, f"profile {name}")
        return {**(of_config or _section(self.config, name)), **_section(self.credentials, name)}

    def keys(self) -> Keys:
        """Read the keys of the profile; raises AccessDeniedError where it has none."""
        values = self.values()
        name = self.profile or "default"
        if "aws_access_key_id" in values and "aws_secret_access_key" in values:
            token = values.get("aws_session_token", "")
            return Keys(values["aws_access_key_id"], values["aws_secret_access_key"], token)
        if elsewhere := [key for key in _FROM_ELSEWHERE if key in values]:
            raise AccessDeniedError(
                f"The AWS profile {name} gets its keys by {elsewhere[0]}, which needs boto3.",
                "Install it: pip install 'ascend-fleet[aws]'. Or, for as long as those keys are "
                'valid: eval "$(aws configure export-credentials --format env)"',
            )
        raise AccessDeniedError(
            f"There are no keys of the AWS profile {name} in {self.credentials} or {self.config}.",
            "Check AWS_PROFILE, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
        )


def _section(path: Path, name: str) -> dict[str, str]:
    parser = configparser.RawConfigParser(strict=False, default_section="")
    try:
        parser.read(path, "utf-8")
    except (configparser.Error, OSError, UnicodeDecodeError) as error:
        message = f"{path} cannot be read: {type(error).__name__}."
        raise AccessDeniedError(message, "Mend it, or set AWS_ACCESS_KEY_ID instead.") from None
    return dict(parser[name]) if parser.has_section(name) else {}


def s3_settings(environment: Mapping[str, str]) -> S3Settings:
    """Return how s3:// is reached; raises AccessDeniedError where a named profile has no keys.

    The environment's keys take precedence over a profile's; without either, obstore finds a role.
    """
    files = _files(environment)
    values = files.values()
    return S3Settings(
        endpoint=_first(environment, _ENDPOINTS) or values.get("endpoint_url", ""),
        region=_first(environment, _AWS_REGIONS) or values.get("region", "") or "us-east-1",
        bucket_in_host=False,
        keys=_keys(environment, _AWS_NAMES, files),
    )


def obs_settings(environment: Mapping[str, str]) -> S3Settings:
    """Return how obs:// is reached, through the S3 interface of Huawei's OBS.

    Its keys are read under Huawei's names, then under those of AWS. Raises UsageError where neither
    a region nor an endpoint is set.
    """
    region = _first(environment, (*_OBS_REGIONS, *_AWS_REGIONS))
    endpoint = _first(environment, ("FLEET_S3_ENDPOINT", "OBS_ENDPOINT"))
    if not (region or endpoint):
        raise UsageError(
            "obs:// needs to know where the bucket lies.",
            "Set OBS_REGION, such as cn-north-4, or FLEET_S3_ENDPOINT.",
        )
    return S3Settings(
        endpoint=endpoint or f"https://obs.{region}.myhuaweicloud.com",
        region=region or "us-east-1",
        bucket_in_host=not environment.get("FLEET_S3_ENDPOINT"),
        keys=_keys(environment, (*_OBS_NAMES, *_AWS_NAMES), _files(environment)),
    )


def s3_access(uri: str, environment: Mapping[str, str]) -> S3Access | None:
    """Return what another program is told to reach s3:// or obs://; None for all other locations.

    Raises UsageError and AccessDeniedError as the settings do.
    """
    scheme = uri.partition("://")[0]
    if scheme not in {"s3", "obs"} or "://" not in uri:
        return None
    settings = (obs_settings if scheme == "obs" else s3_settings)(environment)
    of_huawei = _OBS_NAMES if scheme == "obs" else ()
    found = next((n for n in of_huawei if environment.get(n[0]) and environment.get(n[1])), ())
    renamed = [pair for pair in zip(*_AWS_NAMES, found, strict=False) if environment.get(pair[1])]
    return S3Access(settings.endpoint, settings.region, settings.bucket_in_host, tuple(renamed))


def _keys(
    environment: Mapping[str, str],
    names: tuple[tuple[str, str, str], ...],
    files: ProfileFiles,
) -> Keys | ProfileKeys | RenewedKeys | None:
    for access, secret, token in names:
        if environment.get(access) and environment.get(secret):
            return Keys(environment[access], environment[secret], environment.get(token, ""))
    if _first(environment, _ROLES):
        return None
    values = files.values()
    if _comes_from_elsewhere(values) and importlib.util.find_spec("boto3"):
        return RenewedKeys(files)
    if files.profile or "aws_access_key_id" in values or _comes_from_elsewhere(values):
        files.keys()  # raises at once where something is wrong with them
        return ProfileKeys(files)
    if environment.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        raise AccessDeniedError(
            "No credentials were found.", "Set AWS_ACCESS_KEY_ID, or AWS_PROFILE."
        )
    return None


def _comes_from_elsewhere(values: Mapping[str, str]) -> bool:
    """Return whether a profile has no keys, or keys that only open the way to a role."""
    return "role_arn" in values or (
        "aws_access_key_id" not in values and any(key in values for key in _FROM_ELSEWHERE)
    )


def _files(environment: Mapping[str, str]) -> ProfileFiles:
    home = Path(environment.get("HOME") or "/")
    return ProfileFiles(
        credentials=Path(
            environment.get("AWS_SHARED_CREDENTIALS_FILE") or home / ".aws" / "credentials"
        ),
        config=Path(environment.get("AWS_CONFIG_FILE") or home / ".aws" / "config"),
        profile=environment.get("AWS_PROFILE", ""),
    )


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((environment[name] for name in names if environment.get(name)), "")
