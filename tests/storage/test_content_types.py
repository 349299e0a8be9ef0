"""What people open in a browser is put with its kind, so that the browser shows it."""

from __future__ import annotations

from collections.abc import Callable

import obstore
import pytest

from fleet.storage import Folder
from fleet.storage.cloud import CloudStore
from fleet.storage.resolve import open_store

KINDS = {
    "report.html": "text/html; charset=utf-8",
    "crops/a.JPG": "image/jpeg",
    "crops/a.png": "image/png",
    "clips.csv": "text/csv; charset=utf-8",
    "a.mp4": "video/mp4",
}


@pytest.mark.parametrize("kind", ["seaweed", pytest.param("rgw", marks=pytest.mark.rgw), "azurite"])
def test_pages_pictures_and_lists_have_their_kind(place: Callable[[str], str], kind: str) -> None:
    """In each store that real ones are tried with; other objects are put as they were."""
    uri = place(kind)
    folder = Folder(uri)
    for name in (*KINDS, "part.parquet", "html"):
        folder.put(name, name.encode())
    retrying, path = open_store(uri)
    store = retrying._store  # type: ignore[attr-defined]
    assert isinstance(store, CloudStore)
    found = {}
    for name in (*KINDS, "part.parquet", "html"):
        got = obstore.get(store._client, f"{path}/{name}")
        assert got.bytes().to_bytes() == name.encode()
        found[name] = got.attributes.get("Content-Type")
    assert {name: found[name] for name in KINDS} == KINDS
    assert not {found["part.parquet"], found["html"]} & set(KINDS.values())
