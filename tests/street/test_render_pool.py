"""Work that is spread over processes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Generator
from pathlib import Path
from subprocess import PIPE

import pytest
from process_hands import until_gone

from fleet.ascend.soc import soc
from fleet.errors import JobFailedError, UsageError
from fleet.street.render_pool import map_unordered


def test_other_processes_return_each_result_once() -> None:
    """In any order; this process computes none of them."""
    assert sorted(map_unordered(abs, [(-number,) for number in range(7)], 2)) == list(range(7))
    assert os.getpid() not in set(map_unordered(os.getpid, [(), ()], 2))


def test_an_error_of_the_work_is_raised_here() -> None:
    """With its class and its sentence."""
    with pytest.raises(UsageError, match="Ascend999"):
        list(map_unordered(soc, [("Ascend999",)], 1))


def test_a_process_that_dies_is_reported() -> None:
    """As an error that says what to do, whatever else was to be done."""
    with pytest.raises(JobFailedError, match="died"):
        list(map_unordered(os._exit, [(1,), (1,), (1,)], 1))


PAGES = """
import os
from pathlib import Path
from fleet.street.render_pool import map_unordered

if __name__ == "__main__":
    began = map_unordered(Path.read_text, [(Path("/proc/self/environ"),)] * 2, 2)
    print({text for each in began for text in each.split("\\0") if "TUNABLES" in text})
    print(os.getenv("GLIBC_TUNABLES"), *map_unordered(os.getenv, [("GLIBC_TUNABLES",)], 1))
"""


@pytest.mark.parametrize("said", [None, "glibc.malloc.hugetlb=0"])
def test_memory_comes_in_large_pages_unless_the_user_says_otherwise(
    said: str | None, tmp_path: Path
) -> None:
    """The processes begin with it; all have in their environment what the user said."""
    script = tmp_path / "pages.py"
    script.write_text(PAGES)
    environment = {k: v for k, v in os.environ.items() if k != "GLIBC_TUNABLES"}
    if said:
        environment["GLIBC_TUNABLES"] = said
    told = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    assert told == [str({f"GLIBC_TUNABLES={said or 'glibc.malloc.hugetlb=1'}"}), f"{said} {said}"]


def test_no_work_is_no_result() -> None:
    """Where everything is rendered already."""
    assert list(map_unordered(abs, [], 2)) == []


def test_what_draws_is_loaded_once() -> None:
    """Each process has it from the start, as they are forked from the one that has loaded it."""
    asked = "'fleet.street.encode' in __import__('sys').modules"
    assert list(map_unordered(eval, [(asked,), (asked,)], 2)) == [True, True]


LOADS = """
import time
from fleet.street.render_pool import render_pool

if __name__ == "__mp_main__":
    print("loads", flush=True)
    time.sleep(1)
if __name__ == "__main__":
    try:
        with render_pool(1) as pool:
            pool.submit(print, "worked").result()
    except KeyboardInterrupt:
        print("interrupted")
"""


def test_ctrl_c_while_a_process_loads_prints_no_traceback(tmp_path: Path) -> None:
    """A terminal sends it to all processes; those that only begin hold it back for a moment."""
    script = tmp_path / "loads.py"
    script.write_text(LOADS)
    running = subprocess.Popen(
        [sys.executable, script], stdout=PIPE, stderr=PIPE, text=True, start_new_session=True
    )
    assert running.stdout is not None
    assert running.stdout.readline() == "loads\n"
    os.killpg(running.pid, signal.SIGINT)
    assert running.communicate(timeout=60) == ("interrupted\n", "")


LONG = """
import time
from fleet.street.render_pool import render_pool

if __name__ == "__main__":
    try:
        with render_pool(1) as pool:
            for _ in range(2):
                pool.submit(time.sleep, 3600)
            pool.submit(print)
            print("begun", flush=True)
            time.sleep(3600)
    except KeyboardInterrupt:
        print("interrupted")
"""


def test_ctrl_c_does_not_wait_for_processes_that_have_not_had_it(tmp_path: Path) -> None:
    """One that is forked just afterwards has not, nor has any where one process alone is told."""
    script = tmp_path / "long.py"
    script.write_text(LONG)
    running = subprocess.Popen([sys.executable, script], stdout=PIPE, stderr=PIPE, text=True)
    assert running.stdout is not None
    assert running.stdout.readline() == "begun\n"
    running.send_signal(signal.SIGINT)
    try:
        assert running.communicate(timeout=60) == ("interrupted\n", "")
    finally:
        running.kill()


def test_work_that_nobody_asks_for_any_more_is_ended() -> None:
    """As where an error ends the loop over the results."""
    results = map_unordered(time.sleep, [(0,), (3600,)], 2)
    assert next(results) is None
    assert isinstance(results, Generator)
    results.close()


WAITS = """
import os
from fleet.street.render_pool import render_pool

if __name__ == "__main__":
    with render_pool(1) as pool:
        print(pool.submit(os.getpid).result(), flush=True)
        input()
"""


def test_its_processes_end_with_one_that_is_killed(tmp_path: Path) -> None:
    """Nobody is left that would give them work, or tell them to end."""
    script = tmp_path / "waits.py"
    script.write_text(WAITS)
    with subprocess.Popen(
        [sys.executable, script], stdin=PIPE, stdout=PIPE, stderr=PIPE
    ) as running:
        assert running.stdout is not None
        drawing = int(running.stdout.readline())
        running.kill()
    until_gone(drawing)


def test_processes_load_what_this_one_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script in the current folder is not taken for a package that is named like it."""
    (tmp_path / "av.py").write_text("raise SystemError('a script of the user was run')")
    (tmp_path / "fleet").mkdir()
    (tmp_path / "fleet/__init__.py").touch()
    script = tmp_path / "scripts/draws.py"
    script.parent.mkdir()
    script.write_text(DRAWS)
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    done = subprocess.run(
        [sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == ("5\n", "")


DRAWS = """
from fleet.street.render_pool import map_unordered

if __name__ == "__main__":
    print(*map_unordered(abs, [(-5,)], 1))
"""


@pytest.mark.parametrize("length", [71, 72, 200])
def test_the_folder_for_temporary_files_may_have_a_long_name(tmp_path: Path, length: int) -> None:
    """What processes are forked from has a socket there, of whose path a system takes little."""
    folder = Path("/tmp") / uuid.uuid4().hex.ljust(length - len("/tmp/"), "x")  # noqa: S108
    folder.mkdir()
    script = tmp_path / "draws.py"
    script.write_text(DRAWS)
    environment = {**os.environ, "TMPDIR": str(folder)}
    try:
        done = subprocess.run(
            [sys.executable, script], env=environment, capture_output=True, text=True, check=False
        )
        assert (done.stdout, done.stderr) == ("5\n", "")
        assert not list(folder.iterdir())
    finally:
        shutil.rmtree(folder)


def test_processes_have_the_environment_of_the_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it has changed since the first of them; what starts them leaves it as it was."""
    names = ("PYTHONPATH", "PYTHONSAFEPATH", "FLEET_ASKED")
    for value in ("first", "second"):
        monkeypatch.setenv("FLEET_ASKED", value)
        monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
        here = [os.environ.get(name) for name in names]
        there = [*map_unordered(_variables, [(names,)], 1)]
        assert there == [here] == [[os.environ.get(name) for name in names]]


def _variables(names: tuple[str, ...]) -> list[str | None]:
    return [os.environ.get(name) for name in names]
