"""Clients of obstore for s3://, obs://, gs:// and az://, from the environment of this process."""

from __future__ import annotations

import logging
import os
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from obstore.exceptions import BaseError
from obstore.store import AzureStore, GCSStore, S3Store

from fleet.storage.cloud import CloudStore
from fleet.storage.credentials import S3Settings, obs_settings, s3_settings
from fleet.storage.endpoints import azure_config, concerns_cloud, google_config, is_exposed
from fleet.storage.error_mapping import translate_cloud_error
from fleet.storage.location import Location
from fleet.storage.presigned import SignedUrlStore
from fleet.storage.redaction import refuse_credentials

if TYPE_CHECKING:
    from obstore.store import ObjectStore, RetryConfig  # exist for type checkers only

# The client repeats requests that fail on the wire, as it can resume within a body; how long to
# retry at all is decided above it, for all stores alike.
_CLIENT_RETRIES: RetryConfig = {
    "max_retries": 2,
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=1)},
    "retry_timeout": timedelta(seconds=60),
}
_LOG = logging.getLogger(__name__)
_TIMEOUTS = {"connect_timeout": "5s", "read_timeout": "60s", "timeout": "5m"}


def open_cloud(location: Location) -> CloudStore:
    """Open the bucket or container of a location, with the credentials of this environment.

    All users of a bucket share one client and its connections. Raises AccessDeniedError where no
    credentials are found, and UsageError where no endpoint is.
    """
    if location.scheme in _S3_SETTINGS:
        return _open_s3(location.store, location.root, _S3_SETTINGS[location.scheme](os.environ))
    # The client reads most of them itself, when it is made.
    named = {name: value for name, value in os.environ.items() if concerns_cloud(name)}
    open_other = _open_google if location.scheme == "gs" else _open_azure
    return open_other(location.store, location.root, frozenset(named.items()))


_S3_SETTINGS = {"s3": s3_settings, "obs": obs_settings}
_Environment = frozenset[tuple[str, str]]


@lru_cache(maxsize=64)
def _open_google(name: str, bucket: str, environment: _Environment) -> CloudStore:
    client = _client(GCSStore, name, bucket, google_config(dict(environment)))
    return CloudStore(name, client, has_generations=True)


@lru_cache(maxsize=64)
def _open_azure(name: str, container: str, environment: _Environment) -> CloudStore:
    return CloudStore(name, _client(AzureStore, name, container, azure_config(dict(environment))))


def _client(make: Any, name: str, root: str, config: dict[str, Any]) -> ObjectStore:
    options = {**_TIMEOUTS, **config.pop("client_options")}
    try:
        client: ObjectStore = make(
            root, **config, client_options=options, retry_config=_CLIENT_RETRIES
        )
    except BaseError as error:
        raise translate_cloud_error(f"{name} could not be opened", error) from None
    return client


@lru_cache(maxsize=64)
def _open_s3(name: str, bucket: str, settings: S3Settings) -> CloudStore:
    endpoint = settings.endpoint.rstrip("/") or f"https://s3.{settings.region}.amazonaws.com"
    refuse_credentials(endpoint)
    if is_exposed(endpoint):
        _LOG.warning(
            "%s is plain HTTP to another machine: whoever is on the way can read what is sent.",
            endpoint,
        )
    address = f"{endpoint}/{bucket}"
    if settings.bucket_in_host:
        scheme, _, host = endpoint.partition("://")
        address = f"{scheme}://{bucket}.{host}"

    def client(address: str) -> S3Store:
        return _s3_client(bucket, address, settings)

    signed_urls = SignedUrlStore(name, address, client)
    return CloudStore(name, client(address), signed_urls, endpoint=endpoint)


def _s3_client(bucket: str, address: str, settings: S3Settings) -> S3Store:
    """Return a client for the address of a bucket."""
    config: dict[str, Any] = {"region": settings.region, "disable_bulk_delete": True}
    # "Virtual hosted" makes obstore take the endpoint for the bucket's address as it is. It is set
    # under both names, as the second may be set in the environment, and would take precedence.
    config |= {"virtual_hosted_style_request": True}
    config |= {"endpoint": address, "aws_endpoint_url_s3": address}
    if settings.keys:
        config["credential_provider"] = settings.keys
    options: Any = {**_TIMEOUTS, "allow_http": address.startswith("http://")}
    return S3Store(bucket, **config, client_options=options, retry_config=_CLIENT_RETRIES)
