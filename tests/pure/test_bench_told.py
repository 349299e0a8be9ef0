"""What the bench tells: its choice of cases, its figures, its history, its table and its plot."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest
from history import plot, table
from history.records import Record, append, of_json, read
from hypothesis import given
from hypothesis import strategies as st
from measured import cases
from measured.cases import CASES, PARTS, chosen, rotated
from measured.contestants import DEVICES, LOOPS, MODES
from measured.figures import of_diary
from measured.goals import GOALS, WORDS, Key, judge
from measured.process import Command, ended, settle
from measured.spread import differences, ratios, spread

ROOT = Path(__file__).parents[2]
value = st.none() | st.floats(0.001, 1e6)
keys: st.SearchStrategy[Key] = st.sampled_from(
    [(case.name, who, metric) for case in CASES for who in case.who for metric in WORDS]
)
figures = st.dictionaries(keys, st.lists(value, min_size=1, max_size=5).map(tuple))
MATERIAL = {
    "width": 1920,
    "height": 1080,
    "frames": 795,
    "network": "N",
    "tiny": 200,
    "small": True,
}


def record(found: dict[Key, tuple[float | None, ...]]) -> Record:
    """Return a run with figures."""
    return Record("abc+", "2026-01-02T03:04:05+00:00", 2, "P & <Q>", {}, MATERIAL, 5, {}, found)


def test_only_chooses_cases_and_parts() -> None:
    """All without it; a name that is none is told with those there are."""
    assert chosen("") == (CASES, tuple(PARTS))
    found, parts = chosen("tiny, growth,dense")
    assert ([case.name for case in found], parts) == (["dense", "tiny"], ("growth",))
    with pytest.raises(ValueError, match=r"no dnse: --only takes .*dense"):
        chosen("dnse")


def test_each_part_has_its_script() -> None:
    """In the folder of the command, which starts it there."""
    assert all((ROOT / "tests" / "bench" / f"{name}.py").is_file() for name in PARTS)


@given(st.lists(st.integers(), min_size=1, max_size=9, unique=True).map(tuple), st.integers(0, 99))
def test_each_round_asks_everybody_once(who: tuple[int, ...], turn: int) -> None:
    """In as many rounds as there are contestants, each of them is the first once."""
    assert sorted(rotated(who, turn)) == sorted(who)
    assert sorted(rotated(who, at)[0] for at in range(len(who))) == sorted(who)


def test_each_aim_is_of_who_takes_part() -> None:
    """An aim whose case or contestant is misspelt would never be looked at."""
    who = {case.name: case.who for case in CASES}
    assert all({goal.over, goal.under} <= {"", *who[goal.case]} for goal in GOALS)
    known = {*MODES, *LOOPS, cases.RAY_ALONE, cases.DECORD, cases.TORCHCODEC, cases.DEMO}
    places = {cases.DISK, cases.NEAR, cases.READ_AFAR, cases.ALL_AFAR}
    assert {name for names in who.values() for name in names} <= known | places


def test_an_aim_is_met_by_the_median_of_ratios_within_rounds() -> None:
    """Not by the ratio of the medians: the second round was slow for both."""
    found: dict[Key, tuple[float | None, ...]] = {
        ("dense", cases.FLEET, "wall_s"): (1.0, 20.0, 1.1, None),
        ("dense", cases.BARE, "wall_s"): (1.0, 18.0, 1.0, 5.0),
    }
    verdicts = {each.goal.title: each for each in judge(found)}
    cold = verdicts["dense, from cold: Fleet / bare loop"]
    assert cold.met
    assert cold.found is not None
    assert cold.found.rounds == 3
    assert cold.found.median == pytest.approx(1.1)
    assert str(cold).startswith("met ")
    assert str(verdicts["dense, from cold: Ray Data / Fleet"]).startswith("not measured")
    worse = {
        key: tuple(2 * v if v and key[1] == cases.FLEET else v for v in values)
        for key, values in found.items()
    }
    assert [each.met for each in judge(worse) if each.goal == cold.goal] == [False]
    assert "NOT MET" in str(next(each for each in judge(worse) if each.goal == cold.goal))


@given(st.lists(value, max_size=9), st.lists(value, max_size=9))
def test_rounds_without_a_figure_are_left_out(
    over: list[float | None], under: list[float | None]
) -> None:
    """A spread lies around its median."""
    both = [pair for pair in zip(over, under, strict=False) if None not in pair]
    assert len(ratios(over, under)) == len(differences(over, under)) == len(both)
    found = spread(over)
    assert (found is None) == (not any(one is not None for one in over))
    if found is not None:
        assert found.least <= found.median <= found.most


def test_a_diary_tells_the_warm_rate_and_the_first_rows() -> None:
    """From the first device on, whenever the others came."""
    diary: list[dict[str, object]] = [
        {"event": "RunStarted", "unix_s": 1.0, "frames": 30},
        {"event": "DeviceJoined", "unix_s": 10.0, "frames": 0},
        {"event": "LeaseDone", "unix_s": 11.0, "frames": 10},
        {"event": "DeviceJoined", "unix_s": 12.0, "frames": 0},
        {"event": "LeaseDone", "unix_s": 15.0, "frames": 20},
    ]
    assert of_diary(diary) == {"first_rows_s": 1.0, "frames_per_s": 6.0}
    assert of_diary(diary[:2]) == {}


@given(figures)
def test_what_is_written_into_the_history_is_read(
    found: dict[Key, tuple[float | None, ...]],
) -> None:
    """Figure by figure, rounds without one too."""
    assert of_json(record(found).to_json()) == record(found)


def test_the_history_grows_at_its_end(tmp_path: Path) -> None:
    """A run does not change those before it; none is there before the first."""
    path = tmp_path / "new" / "history.jsonl"
    assert read(path) == []
    runs = [record({("dense", "Fleet", "wall_s"): (float(n),)}) for n in range(2)]
    for run in runs:
        append(path, run)
    assert read(path) == runs


@pytest.mark.parametrize(
    "torn", ["", '{"commit": "ab', "[]", "{}", "7", '{"figures": 7}', "\udcff", "\x0b"]
)
def test_a_torn_line_of_the_history_costs_itself_alone(
    torn: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is named, and what is added behind it can be read."""
    path = tmp_path / "history.jsonl"
    runs = [record({("dense", "Fleet", "wall_s"): (float(n),)}) for n in range(2)]
    append(path, runs[0])
    with path.open("ab") as history:
        history.write(torn.encode(errors="surrogateescape"))
    append(path, runs[1])
    assert read(path) == runs
    assert (f"{path}:2 is passed over" in capsys.readouterr().err) == bool(torn.strip())
    whole = path.read_bytes()
    path.write_bytes(whole[:-9])
    assert read(path) == runs[:1]
    append(path, runs[1])
    assert read(path) == runs


@given(st.lists(figures, max_size=3))
def test_any_history_can_be_drawn(runs: list[dict[Key, tuple[float | None, ...]]]) -> None:
    """As an SVG that parses, with a line for each contestant that has a figure."""
    drawn = ET.fromstring(plot.drawn([record(found) for found in runs]))  # noqa: S314 - it is ours
    lines = {key for found in runs for key, values in found.items() if spread(values)}
    assert len(list(drawn.iter("{http://www.w3.org/2000/svg}polyline"))) == len(lines)


@given(figures)
def test_any_run_makes_a_table(found: dict[Key, tuple[float | None, ...]]) -> None:
    """Each row of it as wide as its head; written twice, the page is the same."""
    page = f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n"
    once = table.replaced(page, table.written(record(found)))
    assert once.startswith("before\n")
    assert once.endswith("\nafter\n")
    assert table.replaced(once, table.written(record(found))) == once
    for part in once.split("\n\n"):
        assert len({line.count("|") for line in part.splitlines() if line.startswith("|")}) <= 1


def test_who_failed_in_a_later_round_is_not_told_as_measured() -> None:
    """The reason stands in its place, and no ratio, aim or line of the plot is made of its rounds."""
    found: dict[Key, tuple[float | None, ...]] = {
        ("dense", cases.FLEET, "wall_s"): (60.0, 61.0),
        ("dense", cases.BARE, "wall_s"): (59.0, 62.0),
        ("dense", cases.RAY_DATA, "wall_s"): (71.0, None),
        ("startup", cases.IN_PROCESSES, "wall_s"): (3.0, None),
    }
    why = {"dense: Ray Data": "ended with 1: a|b", "startup: Fleet in processes": "it hung"}
    run = replace(record(found), rounds=2, left_out=why)
    page = table.written(run)
    assert "| (1 of 2 rounds: ended with 1: a/b) |" in page
    assert "| (1 of 2 rounds: it hung) |" in page
    assert "71" not in page
    assert "Fleet / bare loop" in page
    assert "Ray Data / Fleet" not in page
    drawn = ET.fromstring(plot.drawn([run]))  # noqa: S314 - it is ours
    assert len(list(drawn.iter("{http://www.w3.org/2000/svg}polyline"))) == 2


@pytest.mark.parametrize(
    "page", ["", table.BEGIN, table.END + table.BEGIN, 2 * (table.BEGIN + table.END)]
)
def test_a_page_without_its_block_is_refused(page: str) -> None:
    """Nothing is written where the markers are not there once, in order."""
    with pytest.raises(ValueError, match="no block between"):
        table.replaced(page, "new")


def test_readme_has_the_block() -> None:
    """So that the command finds where it writes."""
    assert table.replaced((ROOT / "README.md").read_text("utf-8"), "new")


def test_the_newest_whole_run_is_the_tables() -> None:
    """A run of a few cases does not push it aside; without a whole one, the newest is taken."""
    whole = record({(name, "Fleet", "wall_s"): (1.0,) for name in table.ROWS})
    part = record({("dense", "Fleet", "wall_s"): (1.0,)})
    assert table.latest_whole([whole, part]) is whole
    assert table.latest_whole([part]) is part
    assert table.latest_whole([]) is None


def test_who_fails_is_told_by_its_last_line() -> None:
    """And has no figures; who ends well is read by the JSON that it told."""
    failed = ended(Command(("sh", "-c", "echo first; echo why; exit 4")), 60)
    assert failed.why == "ended with 4: why"
    fine = ended(
        Command(("sh", "-c", """echo '{"frames": 3}'; echo more; echo "$A" """), {"A": "b"}), 60
    )
    assert (fine.why, fine.told(), fine.text.split()[-1]) == ("", {"frames": 3}, "b")


def test_a_contestant_and_what_it_starts_have_the_cores_that_it_is_given() -> None:
    """One that takes all there are is compared with those that have two; this process keeps its own."""
    own = os.sched_getaffinity(0)
    code = "import os; print(len(os.sched_getaffinity(0)))"
    started = Command(
        (sys.executable, "-c", f"import os; os.system('{sys.executable} -c \"{code}\"')")
    )
    assert int(ended(started, 60, 1).text) == 1
    assert int(ended(started, 60, DEVICES).text) == min(DEVICES, len(own))
    assert int(ended(started, 60).text) == len(own)
    with pytest.raises(FileNotFoundError):
        ended(Command(("/nowhere",)), 60, 1)
    assert os.sched_getaffinity(0) == own


def test_the_table_says_how_many_cores_each_has() -> None:
    """In runs before there was such a bound, all of the machine's."""
    run = record({("one", cases.PLAIN, "wall_s"): (1.0,)})
    assert "each on 2 cores" in " ".join(table.written(replace(run, cores=8, cores_each=2)).split())
    old = {**json.loads(run.to_json()), "cores": 8}
    del old["cores_each"]
    assert "each on 8 cores" in " ".join(table.written(of_json(json.dumps(old))).split())
    assert "(the script: one process)" in table.written(run)


def test_who_takes_too_long_is_ended() -> None:
    """And has no figures."""
    assert ended(Command(("sleep", "1000")), 0.1).why == "did not end in 0.1 s"


def test_nothing_is_left_of_a_session() -> None:
    """Neither the process nor what it began, in a process group of its own or not."""
    line = ["bash", "-c", "set -m; sleep 1000 & echo $!; wait"]
    with subprocess.Popen(
        line, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        begun = int(process.stdout.readline())
        assert os.getsid(begun) == process.pid
        settle(process.pid, 0.0)
        # Its end of the pipe is closed when the last of them is gone.
        assert process.stdout.read() == ""
        assert process.wait() == -signal.SIGKILL
