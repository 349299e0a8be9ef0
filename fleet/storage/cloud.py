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
    from obstore.store import ObjectStore, RetryConfig  # there for type checkers only

_PAGE = 1000
"""Objects a page of S3's listings; more come in as many pages as it takes."""
# Requests that fail on the wire are repeated by the client, which goes on in mid-body; how long a
# store is waited for is decided above it, for all stores alike.
_ON_THE_WIRE: RetryConfig = {
    "max_retries": 2,
    "backoff": {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=1)},
    "retry_timeout": timedelta(seconds=60),
}
# Said of names with empty parts, with . or .. for a part, or with control characters.
_UNADDRESSABLE = (InvalidPathError, ValueError)
_TIMEOUTS = {"connect_timeout": "5s", "read_timeout": "60s", "timeout": "5m"}


def open_cloud(place: Location) -> CloudStore:
    """Open the bucket or container of a place, with the credentials of this environment.

    All that use a bucket share one client and its connections. Raises AccessDeniedError, UsageError
    where credentials or the endpoint are not to be found.
    """
    if place.scheme in _S3_SETTINGS:
        return _open_s3(place.store, place.root, _S3_SETTINGS[place.scheme](os.environ))
    # A client reads these by itself, once.
    named = {k: v for k, v in os.environ.items() if k.startswith(("GOOGLE_", "AZURE_"))}
    return _open_other(place.store, place.root, frozenset(named.items()))


_S3_SETTINGS = {"s3": s3_settings, "obs": obs_settings}
_OTHER_CLIENTS: dict[str, Any] = {"gs": GCSStore, "az": AzureStore}


@lru_cache(maxsize=64)
def _open_other(name: str, root: str, environment: frozenset[tuple[str, str]]) -> CloudStore:
    del environment
    make = _OTHER_CLIENTS[name.partition("://")[0]]
    try:
        client = make(root, client_options=_TIMEOUTS, retry_config=_ON_THE_WIRE)
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
    """Make a client for the address of a bucket."""
    config: dict[str, Any] = {"region": settings.region, "disable_bulk_delete": True}
    # "Virtual hosted" says to obstore that the endpoint is the bucket's already, wherever its name
    # stands. Under both names: the second may stand in the environment, and would come first.
    config |= {"virtual_hosted_style_request": True}
    config |= {"endpoint": address, "aws_endpoint_url_s3": address}
    if settings.keys:
        config["credential_provider"] = settings.keys
    options: Any = {**_TIMEOUTS, "allow_http": address.startswith("http://")}
    return S3Store(bucket, **config, client_options=options, retry_config=_ON_THE_WIRE)


class CloudStore:
    """A bucket or container; `name` is what the locations of its objects begin with.

    `otherwise`: who lists and reads names that obstore cannot address, where somebody can.
    """

    def __init__(
        self, name: str, client: ObjectStore, otherwise: SignedUrlStore | None = None
    ) -> None:
        self.name = name
        self._client = client
        self._otherwise = otherwise

    def list(self, folder: str, after: str = "") -> Iterator[Stat]:
        """See Store; a page is asked for when the one before has been taken."""
        last = after
        with self._answering("listed", folder):
            try:
                pages = obstore.list(
                    self._client, folder or None, offset=after or None, chunk_size=_PAGE
                )
                for page in pages:
                    yield from map(_stat, page)
                    last = page[-1]["path"]
            except _UNADDRESSABLE:
                if self._otherwise is None:
                    raise
            else:
                return
        yield from self._otherwise.list(folder, last)

    def stat(self, path: str) -> Stat:
        """See Store."""
        try:
            with self._answering("read", path):
                try:
                    return _stat(obstore.head(self._client, path))
                except _UNADDRESSABLE:
                    if self._otherwise is None:
                        raise
            return self._otherwise.stat(path)
        except StorageRefusedError:
            # The answer to this request has no body, so does not say why; that to a listing does.
            next(self.list(path), None)
            raise

    def read(self, path: str, start: int = 0, end: int | None = None, etag: str = "") -> ReadResult:
        """See Store; a span of nothing is answered without asking."""
        if end is not None and end <= start:
            return ReadResult(b"", 0, etag)
        options: Any = {"range": {"offset": start} if end is None else (start, end)}
        if not start and end is None:
            options = {}
        if etag and not etag.startswith("mtime-"):
            options["if_match"] = _quoted(etag)
        with self._answering("read", path):
            try:
                result = obstore.get(self._client, path, options=options)
                stat = _stat(result.meta)
                return ReadResult(result.bytes().to_bytes(), stat.bytes, stat.etag)
            except _UNADDRESSABLE:
                if self._otherwise is None:
                    raise
        return self._otherwise.read(path, start, end, etag)

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
            # Ceph up to 16 takes the quotes, which the standard asks for, for a part of the etag.
            return self._put(path, data, {"e_tag": version.strip('"')})

    def _put(self, path: str, data: bytes, mode: Any) -> str:
        with self._answering("written", path):
            try:
                # In one request: its digest is signed, so the store takes all of it or nothing.
                result = obstore.put(self._client, path, data, mode=mode, use_multipart=False)
            except FileNotFoundError:
                if isinstance(mode, dict):
                    raise PreconditionFailedError(path) from None
                raise NoSuchBucketError(
                    f"{at(self.name, path)} could not be written: there is no such bucket.",
                    "Check its spelling, the endpoint and the account.",
                ) from None
        return result["e_tag"] or ""

    def version(self, answer: ReadResult) -> str:
        """See Store."""
        return _quoted(answer.etag)

    def delete(self, path: str) -> None:
        """See Store."""
        try:
            with self._answering("deleted", path):
                obstore.delete(self._client, path)
        except FileNotFoundError:
            pass

    @contextmanager
    def _answering(self, what: str, path: str) -> Iterator[None]:
        """Turn the client's exceptions into ours; the text of theirs is not passed on."""
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
