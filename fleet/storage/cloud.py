"""An object store through a client of obstore: s3://, obs://, gs:// or az://."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, InvalidPathError, PreconditionError

from fleet.errors import NoSuchBucketError, StorageRefusedError
from fleet.storage.error_mapping import is_archived, translate_cloud_error
from fleet.storage.location import at
from fleet.storage.presigned import SignedUrlStore
from fleet.storage.store import PreconditionFailedError, ReadResult, Stat

if TYPE_CHECKING:
    from obstore.store import ObjectStore  # exists for type checkers only

_KINDS = {
    "html": "text/html; charset=utf-8",
    "csv": "text/csv; charset=utf-8",
    "jpg": "image/jpeg",
    "png": "image/png",
    "mp4": "video/mp4",
}
"""How names end, and as what a browser shows what is called so."""
_PAGE = 1000
"""Objects on one page of S3's listings."""
# obstore raises these for names with empty parts, with . or .. as a part, or control characters.
_UNADDRESSABLE = (InvalidPathError, ValueError)


class CloudStore:
    """A bucket or container; `name` is the prefix of the locations of its objects.

    `signed_urls` lists and reads names that obstore cannot address; None where nothing can.
    `has_generations`: conditional puts compare the generation of an object, as Google's do, and
    not its etag. `endpoint`: where it is asked, for messages; empty where the client alone knows.
    """

    def __init__(
        self,
        name: str,
        client: ObjectStore,
        signed_urls: SignedUrlStore | None = None,
        *,
        has_generations: bool = False,
        endpoint: str = "",
    ) -> None:
        self.name = name
        self._endpoint = endpoint
        self._client = client
        self._signed_urls = signed_urls
        self._has_generations = has_generations

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
        try:
            with self._translating("read", path):
                try:
                    return self._get(path, options)
                except _UNADDRESSABLE:
                    if self._signed_urls is None:
                        raise
            return self._signed_urls.read(path, start, end, etag)
        except PreconditionFailedError:
            # By RFC 9110 that may be the answer for an object that is gone; it is Azurite's.
            self.stat(path)
            raise

    def _get(self, path: str, options: Any) -> ReadResult:
        result = obstore.get(self._client, path, options=options)
        stat, data = _stat(result.meta), result.bytes().to_bytes()
        return ReadResult(data, stat.bytes, stat.etag, self._generation(result.meta))

    def put(self, path: str, data: bytes) -> None:
        """See Store."""
        self._put(path, data, "overwrite")

    def create(self, path: str, data: bytes) -> str:
        """See Store."""
        return self._put(path, data, "create")

    def replace(self, path: str, data: bytes, version: str) -> str:
        """See Store."""
        if self._has_generations:
            return self._put(path, data, {"version": version})
        try:
            return self._put(path, data, {"e_tag": version})
        except PreconditionFailedError:
            # Ceph up to 16 takes the quotes, which the standard requires, for a part of the etag.
            return self._put(path, data, {"e_tag": version.strip('"')})

    def _put(self, path: str, data: bytes, mode: Any) -> str:
        with self._translating("written", path):
            try:
                # One request has a signed digest, so that the store accepts all of it or nothing.
                result = obstore.put(
                    self._client,
                    path,
                    data,
                    attributes=_attributes(path),
                    mode=mode,
                    use_multipart=False,
                )
            except FileNotFoundError:
                if isinstance(mode, dict):
                    raise PreconditionFailedError(path) from None
                raise NoSuchBucketError(
                    f"{at(self.name, path)} could not be written: there is no such bucket.",
                    "Check its spelling, the endpoint and the account.",
                ) from None
        return self._generation(result) or result["e_tag"] or ""

    def _generation(self, described: Any) -> str:
        return (described["version"] or "") if self._has_generations else ""

    def version(self, result: ReadResult) -> str:
        """See Store."""
        return result.generation or _quoted(result.etag)

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
        except (AlreadyExistsError, PreconditionError) as error:
            # Azure calls it a conflict, as the client does a condition that fails.
            if is_archived(error):
                raise translate_cloud_error(what, error, self._endpoint) from None
            raise PreconditionFailedError(path) from None
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error) or "ContainerNotFound" in str(error):
                raise translate_cloud_error(what, error, self._endpoint) from None
            raise FileNotFoundError(at(self.name, path)) from None
        except _UNADDRESSABLE as error:
            raise _unaddressable(what, error) from None
        except BaseError as error:
            raise translate_cloud_error(what, error, self._endpoint) from None


def _attributes(path: str) -> dict[str, str] | None:
    """Return what a store is told of an object that people open in a browser, by its name."""
    kind = _KINDS.get(path.rpartition(".")[2].lower())
    return {"Content-Type": kind} if kind else None


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
