"""Inputs as they are listed: the same videos as all at once, in the same order, none twice."""

from __future__ import annotations

import contextlib
import shutil
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from listed_on import StandingListing

from fleet.cli.attended import may_pass
from fleet.core.source import Source
from fleet.driver.preparing import listed
from fleet.driver.preparing.listed import Listed
from fleet.errors import (
    AccessDeniedError,
    BrokenOffError,
    InputNotFoundError,
    JobFailedError,
    StorageError,
)
from fleet.storage import InputFilter, Search, disk, expand
from fleet.storage import candidates as listing_candidates
from fleet.storage.candidates import Candidate
from fleet.storage.store import Stat

NAMES = st.sampled_from(["a", "a-b", "a b", "a.b", "b", "b!", "é", "ab"])
PATHS = st.tuples(
    st.lists(NAMES, max_size=2).map(tuple), NAMES, st.sampled_from([".mp4", ".mkv", ".txt"])
)
INPUTS = st.sampled_from(["", "a", "a/", "b", "**/*.mp4", "a*", "a*/", "*/*.mkv", "a.mp4"])
FILTERS = st.sampled_from(
    [InputFilter(), InputFilter(include=("*.mp4",)), InputFilter(exclude=("a*/**", "b*"))]
)


def laid_out(root: Path, paths: set[str]) -> Path:
    """Write empty files into a folder that is new."""
    shutil.rmtree(root, ignore_errors=True)
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).touch()
    return root


def listed_alone(
    inputs: Sequence[str], chosen: InputFilter
) -> tuple[dict[str, Source], Counter[str]]:
    """List one input after the other, each to its end; return all videos, and what is left."""
    found: dict[str, Source] = {}
    left: Counter[str] = Counter()
    for item in inputs:
        search = Search([item], chosen)
        try:
            found.update((source.uri, source) for source in search)
        except InputNotFoundError:
            if not search.not_chosen:
                raise
        left += search.left
    if not found:
        raise InputNotFoundError("none")
    return found, left


@given(st.sets(PATHS, min_size=1, max_size=12), st.lists(INPUTS, min_size=1, max_size=4), FILTERS)
def test_a_stream_of_names_is_the_listing(
    tmp_path_factory: pytest.TempPathFactory,
    paths: set[tuple[tuple[str, ...], str, str]],
    inputs: list[str],
    chosen: InputFilter,
) -> None:
    """Of folders and globs that overlap as well, and where one of them holds nothing."""
    files = {
        "/".join([*(f"{part}.d" for part in folders), name + suffix])
        for folders, name, suffix in paths
    }
    root = laid_out(tmp_path_factory.getbasetemp() / "streams", files)
    named = [f"{root}/{item}" for item in inputs]
    try:
        found, left = listed_alone(named, chosen)
    except InputNotFoundError:
        with pytest.raises(InputNotFoundError):
            list(Search(named, chosen))
        return
    search = Search(named, chosen)
    assert [source.uri for source in search] == sorted(found)
    assert search.left == left
    assert search.open_inputs == ()
    assert list(expand(named, chosen).sources) == [found[uri] for uri in sorted(found)]


def test_an_input_without_a_video_is_found_out_before_the_first_name_comes(tmp_path: Path) -> None:
    """Though it is the last one: a run is refused before anything of it is done."""
    laid_out(tmp_path / "in", {"a.mp4", "b.mp4"})
    with pytest.raises(InputNotFoundError, match="matches nothing"):
        next(Search([str(tmp_path / "in"), str(tmp_path / "else")]))


def test_a_store_that_lists_in_another_order_has_each_video_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one does that lists folder by folder, though two inputs name the same."""
    root = laid_out(tmp_path / "in", {f"{part}/{part}{n}.mp4" for part in "abc" for n in range(3)})
    inputs = [str(root), f"{root}/b", f"{root}/*/*1.mp4"]
    entries = disk._entries
    monkeypatch.setattr(disk, "_entries", lambda folder: entries(folder)[::-1])
    came = list(Search(inputs))
    assert len(came) == 9
    assert sorted(came) == list(expand(inputs).sources)


def test_folders_that_look_like_empty_videos_keep_others_in_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They are asked for several at a time; what follows them waits, but not without an end."""
    monkeypatch.setattr(listing_candidates, "_HELD", 4)
    names = [f"{number:02}.mp4" for number in range(40)]
    marks = set(names[::3])

    class Cloud:
        """A bucket in which some folders have such names, and an empty object each."""

        name = "s3://bucket"

        def list(self, folder: str, after: str = "") -> Iterator[Stat]:
            below = [f"{name}/x.txt" for name in marks]
            for name in sorted([*names, *below]):
                if name.startswith(folder) and name > after:
                    yield self.stat(name)

        def stat(self, path: str) -> Stat:
            return Stat(path, 0 if path in marks else 10, "v1", 0.0)

    found = listing_candidates.find_below(Cloud(), "", only_folders=False)  # type: ignore[arg-type]
    kept: list[Candidate] = [item for item in found if item.stat.path.endswith((".mp4", "/"))]
    assert [item.stat.path.rstrip("/") for item in kept] == names
    assert {item.name for item in kept if item.stat.path.endswith("/")} == marks


@pytest.mark.parametrize("most", [1, 3, 100])
def test_what_is_listed_ahead_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    """Who takes the files gets each once, in order, however few may wait."""
    monkeypatch.setattr(listed, "AHEAD_FILES", most)
    monkeypatch.setattr(listed, "ENOUGH_FILES", 1)
    root = laid_out(tmp_path / "in", {f"{number:03}.mp4" for number in range(40)})
    ahead = Listed(Search([str(root)]))
    ahead.begin()
    came: list[Source] = []
    named: list[Source] = []
    for source in ahead.names():
        if source is None:
            continue
        named += ahead.unnamed()
        assert 1 <= len(ahead) - len(came) <= most
        assert ahead[len(came) :][0] == source
        came.append(source)
    assert came == list(expand([str(root)]).sources)
    assert (named + ahead.unnamed(), len(ahead), ahead.is_whole) == (came, 40, True)
    ahead.close()


def test_a_listing_that_breaks_tells_what_it_has_and_is_never_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What came before is taken, and then the error comes."""
    root = laid_out(tmp_path / "in", {"a.mp4", "b.mp4", "c.mp4"})
    standing = StandingListing(root, 2, AccessDeniedError(f"{root} could not be listed."))
    standing.install(monkeypatch)
    ahead = Listed(Search([str(root)]))
    ahead.begin()
    came = [source for source, _ in zip(filter(None, ahead.names()), range(1), strict=False)]
    assert [Path(source.uri).name for source in came] == ["a.mp4"]
    assert (ahead.is_whole, ahead.open_inputs, ahead.left_aside) == (False, (str(root),), {})
    standing.may_go_on.set()
    assert [Path(source.uri).name for source in filter(None, ahead.names())] == ["b.mp4"]
    with pytest.raises(
        JobFailedError, match=r"listed to their end: .* could not be listed"
    ) as told:
        ahead.check()
    assert not may_pass(told.value)
    assert (ahead.is_whole, ahead.open_inputs) == (False, (str(root),))
    ahead.close()


class _Failing(Search):
    """A search whose store fails behind the first video, as long as a store is asked again."""

    def __next__(self) -> Source:
        source = super().__next__()
        if source.uri.endswith("b.mp4"):
            raise StorageError("in does not answer.")
        return source


def test_a_store_that_fails_for_long_ends_the_listing_for_another_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What supervises the run starts it again then; a refusal would come again."""
    root = laid_out(tmp_path / "in", {"a.mp4", "b.mp4"})
    monkeypatch.setattr(listed, "ENOUGH_FILES", 1)
    ahead = Listed(_Failing([str(root)]))
    with contextlib.suppress(StorageError):
        ahead.begin()
    assert [Path(source.uri).name for source in filter(None, ahead.names())] == ["a.mp4"]
    with pytest.raises(BrokenOffError, match="the same command goes on from there") as told:
        ahead.check()
    assert may_pass(told.value)
    assert not ahead.is_whole
    ahead.close()


def test_files_that_are_known_have_their_bytes(tmp_path: Path) -> None:
    """As those that are listed have."""
    root = laid_out(tmp_path / "in", {"a.mp4", "b.mp4"})
    (root / "a.mp4").write_bytes(b"123")
    ahead = Listed(Search([str(root)]))
    ahead.begin()
    known = ahead.rest().sources
    assert ahead.bytes == Listed(known=known).bytes == 3
    ahead.close()


@pytest.mark.parametrize("glob", ["", "*.mp4"])
def test_a_listing_ends_among_names_that_are_no_videos(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, glob: str
) -> None:
    """However many of them the store has: who does not want the rest does not wait for a video."""
    root = laid_out(tmp_path / "in", {"a.mp4"})
    is_over = threading.Event()

    def endless(folder: str) -> Iterator[Stat]:
        yield Stat(f"{folder}/a.mp4", 1, "v1", 0.0)
        while not is_over.is_set():
            yield Stat(f"{folder}/b.txt", 1, "v1", 0.0)

    monkeypatch.setattr(disk, "_walk", endless)
    monkeypatch.setattr(listed, "ENOUGH_FILES", 1)
    monkeypatch.setattr(listed, "CLOSE_S", 2.0)
    ahead = Listed(Search([f"{root}/{glob}"]))
    try:
        ahead.begin()
        ahead.close()
        assert not [t for t in threading.enumerate() if t.name.startswith("listing")]
        assert (ahead.is_whole, len(ahead.open_inputs)) == (False, 1)
    finally:
        is_over.set()


def test_files_that_are_named_outright_are_known_before_anything_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many may wait; beside a folder, that one stays open until they have come."""
    monkeypatch.setattr(listed, "AHEAD_FILES", 2)
    monkeypatch.setattr(listed, "ENOUGH_FILES", 1)
    names = {f"{number}.mp4" for number in range(9)}
    root = laid_out(tmp_path / "in", {*names, "0/a.mp4"})
    outright = Listed(Search([f"{root}/{name}" for name in names]))
    outright.begin()
    assert (len(outright), outright.is_whole, outright.open_inputs) == (9, True, ())
    outright.close()
    mixed = Search([f"{root}/0", *(f"{root}/{name}" for name in names)])
    assert [mixed.open_inputs for _ in mixed] == [(f"{root}/0",)] * 10
    assert mixed.open_inputs == ()


def test_a_listing_that_breaks_at_once_is_refused_as_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything of a run is done."""
    root = laid_out(tmp_path / "in", {"a.mp4"})
    standing = StandingListing(root, 0, AccessDeniedError(f"{root} could not be listed."))
    standing.install(monkeypatch)
    standing.may_go_on.set()
    ahead = Listed(Search([str(root)]))
    with pytest.raises(AccessDeniedError):
        ahead.begin()
    ahead.close()
