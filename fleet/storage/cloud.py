"""Object stores through obstore: s3://, obs://, gs:// and az://."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, InvalidPathError, PreconditionError
from obstore.store import AzureStore, GCSStore, S3Store

from fleet.errors import NoSuchBucketError, StorageRefusedError
from fleet.storage.credentials import S3Settings, obs_settings, s3_settings
from fleet.storage.error_mapping import translate_cloud_error
from fleet.storage.location import Location, at
from fleet.storage.presigned import SignedUrlStore
from fleet.storage.store import PreconditionFailedError, ReadResult, Stat

if TYPE_CHECKING:
    from obstore.store import ObjectStore, RetryConfig  # exist for type checkers only

_PAGE = 1000
"""Objects on one page of S3's listings."""
# The client repeats requests that fail on the wire, as it can resume within a body; how long to
# retry at all is decided above it, for all stores alike.
_CLIENT_RETRIES: RetryConfig = {
    "max_retries": 2,
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=1)},
    "retry_timeout": timedelta(seconds=60),
}
# obstore raises these for names with empty parts, with . or .. as a part, or control characters.
_UNADDRESSABLE = (InvalidPathError, ValueError)
_TIMEOUTS = {"connect_timeout": "5s", "read_timeout": "60s", "timeout": "5m"}


def open_cloud(location: Location) -> CloudStore:
    """Open the bucket or container of a location, with the credentials of this environment.

    All users of a bucket share one client and its connections. Raises AccessDeniedError where no
    credentials are found, and UsageError where no endpoint is.
    """
    if location.scheme in _S3_SETTINGS:
        return _open_s3(location.store, location.root, _S3_SETTINGS[location.scheme](os.environ))
    # The client reads these itself, when it is made.
    named = {k: v for k, v in os.environ.items() if k.startswith(("GOOGLE_", "AZURE_"))}
    return _open_other(location.store, location.root, frozenset(named.items()))


_S3_SETTINGS = {"s3": s3_settings, "obs": obs_settings}
_OTHER_CLIENTS: dict[str, Any] = {"gs": GCSStore, "az": AzureStore}


@lru_cache(maxsize=64)
def _open_other(name: str, root: str, environment: frozenset[tuple[str, str]]) -> CloudStore:
    del environment
    make = _OTHER_CLIENTS[name.partition("://")[0]]
    try:
        client = make(root, client_options=_TIMEOUTS, retry_config=_CLIENT_RETRIES)
    except BaseError as error:
        raise translate_cloud_error(f"{name} could not be opened", error) from None
    return CloudStore(name, client)


@lru_cache(maxsize=64)
def _open_s3(name: str, bucket: str, settings: S3Settings) -> CloudStore:
    endpoint = settings.endpoint.rstrip("/") or f"https://s3.{settings.region}.amazonaws.com"
    address = f"{endpoint}/{bucket}"
    if settings.bucket_in_host:
        scheme, _, host = endpoint.partition("://")
        address = f"{scheme}://{bucket}.{host}"

    def client(address: str) -> S3Store:
        return _s3_client(bucket, address, settings)

    return CloudStore(name, client(address), SignedUrlStore(name, address, client))


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


class CloudStore:
    """A bucket or container; `name` is the prefix of the locations of its objects.

    `signed_urls` lists and reads names that obstore cannot address; None where nothing can.
    """

    def __init__(
        self, name: str, client: ObjectStore, signed_urls: SignedUrlStore | None = None
    ) -> None:
        self.name = name
        self._client = client
        self._signed_urls = signed_urls

    def list(self, folder: str, after: str = "") -> Iterator[Stat]:
        """See Store; each page is requested when the one before it has been consumed."""
        last = after
        with self._translating("listed", folder):
            try:
                pages = obstore.list(
                    self._client, folder or None, offset=after or None, chunk_size=_PAGE
                )
                for page in pages:
                    yield from map(_stat, page)
                    last = page[-1]["path"]
            except _UNADDRESSABLE:
                if self._signed_urls is None:
                    raise
            else:
                return
        yield from self._signed_urls.list(folder, last)

    def stat(self, path: str) -> Stat:
        """See Store."""
        try:
            with self._translating("read", path):
                try:
                    return _stat(obstore.head(self._client, path))
                except _UNADDRESSABLE:
                    if self._signed_urls is None:
                        raise
            return self._signed_urls.stat(path)
        except StorageRefusedError:
            # The response to HEAD has no body that says why; that to a listing has one.
            next(self.list(path), None)
            raise

    def read(self, path: str, start: int = 0, end: int | None = None, etag: str = "") -> ReadResult:
        """See Store; an empty range needs no request."""
        if end is not None and end <= start:
            return ReadResult(b"", 0, etag)
        options: Any = {"range": {"offset": start} if end is None else (start, end)}
        if not start and end is None:
            options = {}
        if etag and not etag.startswith("mtime-"):
            options["if_match"] = _quoted(etag)
        with self._translating("read", path):
            try:
                result = obstore.get(self._client, path, options=options)
                stat = _stat(result.meta)
                return ReadResult(result.bytes().to_bytes(), stat.bytes, stat.etag)
            except _UNADDRESSABLE:
                if self._signed_urls is None:
                    raise
        return self._signed_urls.read(path, start, end, etag)

    def put(self, path: str, data: bytes) -> None:
        """See Store."""
        self._put(path, data, "overwrite")

    def create(self, path: str, data: bytes) -> str:
        """See Store."""
        return self._put(path, data, "create")

    def replace(self, path: str, data: bytes, version: str) -> str:
        """See Store."""
        try:
            return self._put(path, data, {"e_tag": version})
        except PreconditionFailedError:
            # Ceph up to 16 takes the quotes, which the standard requires, for a part of the etag.
            return self._put(path, data, {"e_tag": version.strip('"')})

    def _put(self, path: str, data: bytes, mode: Any) -> str:
        with self._translating("written", path):
            try:
                # One request has a signed digest, so that the store accepts all of it or nothing.
                result = obstore.put(self._client, path, data, mode=mode, use_multipart=False)
            except FileNotFoundError:
                if isinstance(mode, dict):
                    raise PreconditionFailedError(path) from None
                raise NoSuchBucketError(
                    f"{at(self.name, path)} could not be written: there is no such bucket.",
                    "Check its spelling, the endpoint and the account.",
                ) from None
        return result["e_tag"] or ""

    def version(self, result: ReadResult) -> str:
        """See Store."""
        return _quoted(result.etag)

    def delete(self, path: str) -> None:
        """See Store."""
        try:
            with self._translating("deleted", path):
                obstore.delete(self._client, path)
        except FileNotFoundError:
            pass

    @contextmanager
    def _translating(self, what: str, path: str) -> Iterator[None]:
        """Raise Fleet's errors for the client's, whose text may hold credentials."""
        what = f"{at(self.name, path)} could not be {what}"
        try:
            yield
        except (AlreadyExistsError, PreconditionError):
            raise PreconditionFailedError(path) from None
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error) or "ContainerNotFound" in str(error):
                raise translate_cloud_error(what, error) from None
            raise FileNotFoundError(at(self.name, path)) from None
        except _UNADDRESSABLE as error:
            raise _unaddressable(what, error) from None
        except BaseError as error:
            raise translate_cloud_error(what, error) from None


def _unaddressable(what: str, error: Exception) -> StorageRefusedError:
    reason = str(error).partition("\n\nDebug")[0].replace("\n", "\\n")
    return StorageRefusedError(
        f"{what}: there is a name that obstore cannot address: {reason}.",
        "Rename that object, or leave it out: empty parts (//), . and .., and control characters "
        "are what it cannot do.",
    )


def _quoted(etag: str) -> str:
    return f'"{etag}"'


def _stat(meta: Any) -> Stat:
    modified_s = meta["last_modified"].timestamp()
    etag = (meta["e_tag"] or "").strip('"')
    size = int(meta["size"])
    return Stat(meta["path"], size, etag or f"mtime-{modified_s:.6f}-{size}", modified_s)
