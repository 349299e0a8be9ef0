"""Answers of an object store that are none of S3's: what lies between it and here has put them."""

from __future__ import annotations

from functools import partial

import pytest
from canned import answering

from fleet.errors import StorageError
from fleet.storage.clients import _s3_client
from fleet.storage.credentials import Keys, S3Settings
from fleet.storage.presigned import SignedUrlStore

SETTINGS = S3Settings("http://unused", "us-east-1", False, Keys("AKIAEXAMPLE", "a-secret-key"))
SPACE = 'xmlns="http://s3.amazonaws.com/doc/2006-03-01/"'


def listing(*objects: str, more: str = "") -> bytes:
    """Write a page of a listing; `objects`: the fields of each."""
    items = "".join(f"<Contents>{fields}</Contents>" for fields in objects)
    return f"<ListBucketResult {SPACE}>{items}{more}</ListBucketResult>".encode()


def fields(**changed: str) -> str:
    """Write the fields of an object in a listing."""
    whole = {"Key": "a//b", "Size": "1", "LastModified": "2026-11-01T00:00:00.000Z", "ETag": "x"}
    return "".join(f"<{name}>{text}</{name}>" for name, text in (whole | changed).items())


def listed(page: bytes) -> list[str]:
    """List a bucket whose store gives this page, again and again."""
    client = partial(_s3_client, "bucket", settings=SETTINGS)
    with answering(page) as store:
        urls = SignedUrlStore("s3://bucket", f"{store.endpoint}/bucket", client)
        return [stat.path for stat in urls.list("", "")]


def test_a_page_as_it_should_be_is_listed() -> None:
    """The broken ones below differ from it in one place."""
    assert listed(listing(fields())) == ["a//b"]


@pytest.mark.parametrize(
    "page",
    [
        b"",
        b"<html><body>Sign in, please.<br></body></html>",
        b"\0\xff" * 40,
        listing(fields())[:-30],
        b"<a>" * 5000,
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&d;</a>',
        listing(fields(Size="")),
        listing(fields(Size="many")),
        listing(fields(Size="-1")),
        listing(fields(Size="9" * 40)),
        listing(fields(Size="9" * 5000)),
        listing(fields(Size="1e9")),
        listing(fields(LastModified="")),
        listing(fields(LastModified="yesterday")),
        listing(fields(LastModified="99999-01-01T00:00:00Z")),
        listing("<Key>a</Key>"),
        listing(more="<NextContinuationToken>again</NextContinuationToken>"),
    ],
)
def test_a_page_that_makes_no_sense_is_a_failure_of_the_store(page: bytes) -> None:
    """It may be another one the next time; and a page that leads to itself is read no third time."""
    with pytest.raises(StorageError, match="makes no sense") as found:
        listed(page)
    assert "Check the endpoint" in found.value.way_out
