"""The copy of what was sent with a job, in which it runs for as long as it lasts."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.errors import JobFailedError
from fleet.submit.keep import digest, keep, main

NAME = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1)
FILES = st.dictionaries(
    NAME.map(lambda name: f"f{name[:40]}"), st.binary(max_size=20), min_size=1, max_size=4
)


def unpacked(session: Path, kind: str, files: dict[str, bytes]) -> Path:
    """Write files where Ray unpacks them."""
    folder = session / kind / f"_ray_pkg_{kind}"
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def environment(*places: Path | str) -> dict[str, str]:
    """Return the variable by which Python finds these places."""
    return {"PYTHONPATH": os.pathsep.join(map(str, places))}


@given(FILES, FILES)
def test_a_digest_is_equal_where_and_only_where_all_files_are(
    tmp_path_factory: pytest.TempPathFactory, one: dict[str, bytes], other: dict[str, bytes]
) -> None:
    """Of any names and bytes, in any order of the folders, and without compiled code."""
    place = tmp_path_factory.mktemp("digest")
    folders = [unpacked(place, "a", one), unpacked(place, "b", other)]
    for folder in folders:
        (folder / "__pycache__").mkdir()
        (folder / "__pycache__" / "x.pyc").write_bytes(b"compiled")
    again = [unpacked(place, "c", other), unpacked(place, "d", one)]
    assert digest(folders) == digest(again)
    assert (digest(folders[:1]) == digest(folders[1:])) is (one == other)


def test_the_copy_is_found_instead_of_what_ray_may_remove(tmp_path: Path) -> None:
    """Both folders, wherever they stand in PYTHONPATH; other places in it stay."""
    job = unpacked(tmp_path, "job", {"mine.toml": b"job", "mine.py": b"code"})
    code = unpacked(tmp_path, "code", {"fleet": b"code"})
    sent = digest([job, code])
    kept = keep(sent, "mine.toml", environment(code, job, "/mine", ""))
    assert kept is not None
    shutil.rmtree(job)
    shutil.rmtree(code)
    first, second, *others = kept.python_path.split(os.pathsep)
    assert Path(second) == kept.job
    assert (kept.job / "mine.py").read_bytes() == b"code"
    assert digest([Path(first), Path(second)]) == sent
    assert others == ["/mine", ""]


def test_what_is_unpacked_just_now_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that are missing at first make no copy that lacks them."""
    files = {"mine.toml": b"job", "mine.py": b"code"}
    sent = digest([unpacked(tmp_path / "whole", "job", files)])
    job = unpacked(tmp_path, "job", {"mine.toml": b"job"})
    monkeypatch.setattr(time, "sleep", lambda _: (job / "mine.py").write_bytes(b"code"))
    kept = keep(sent, "mine.toml", environment(job))
    assert kept is not None
    assert (kept.job / "mine.py").read_bytes() == b"code"


def test_what_stays_incomplete_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    """A job with half of its files is not begun."""
    job = unpacked(tmp_path, "job", {"mine.toml": b"job"})
    with pytest.raises(JobFailedError, match="not complete"):
        keep("another digest", "mine.toml", environment(job), complete_s=0.0)
    assert [path.name for path in tmp_path.iterdir()] == ["job"]


def test_what_ray_has_not_unpacked_stays_where_it_is(tmp_path: Path) -> None:
    """Nobody removes it."""
    assert keep("", "mine.toml", environment(tmp_path, "/mine")) is None


def test_the_supervisor_gets_the_options_of_the_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the job's file, and the copy that it is to remove behind."""
    job = unpacked(tmp_path, "job", {"mine.toml": b"job"})
    started: list[list[str]] = []
    monkeypatch.setenv("PYTHONPATH", str(job))
    monkeypatch.setattr(os, "execve", lambda _, command, __: started.append(command))
    monkeypatch.chdir(tmp_path)
    main([digest([job]), "mine.toml", "--report"])
    (command,) = started
    assert command[1:5] == ["-m", "fleet.submit.supervise", "--report", "mine.toml"]
    assert Path(command[5]).is_dir()
