"""Which videos are taken: globs as people mean them, and moments."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.errors import JobFileError
from fleet.job.job_file import load_job
from fleet.storage import EVERY_VIDEO, InputFilter, check_glob, parse_moment
from fleet.storage.selection import matches

JOB = Path(__file__).parents[2] / "jobs" / "detect.toml"
PATHS = st.text("abc/.", min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("glob", "path", "takes"),
    [
        ("*.mp4", "a.mp4", True),
        ("*.mp4", "deep/er/a.mp4", True),
        ("*.mp4", "a.mp4.txt", False),
        ("cam-*/*.mp4", "cam-1/a.mp4", True),
        ("cam-*/*.mp4", "cam-1/deep/a.mp4", False),
        ("cam-*/**", "cam-1/deep/a.mp4", True),
        ("**/night/*", "a/b/night/c.ts", True),
        ("**/night/*", "night/c.ts", True),
        ("/top.mp4", "top.mp4", True),
        ("a[12]?.ts", "x/a1b.ts", True),
        ("a[12]?.ts", "x/a3b.ts", False),
        ("two\nlines*", "x/two\nlines.ts", True),
        ("*", "a\nb", True),
    ],
)
def test_globs_mean_what_people_mean(glob: str, path: str, takes: bool) -> None:
    """Without a slash the file's name, with one its path below the input."""
    assert matches(glob, path) is takes


@given(PATHS)
def test_everything_is_taken_by_no_choice_and_nothing_by_excluding_all(path: str) -> None:
    """Whatever the name."""
    assert InputFilter().takes(path, None)
    assert not InputFilter(include=("**/*", "**"), exclude=("**", "*")).takes(path, None)


def test_excluding_wins_over_including() -> None:
    """And one include that matches is enough."""
    choice = InputFilter(include=("*.mp4", "*.ts"), exclude=("bad*",))
    assert [choice.takes(name, None) for name in ("a.ts", "bad.ts", "a.avi")] == [
        True,
        False,
        False,
    ]


def test_a_moment_takes_what_is_as_young_and_what_has_no_age() -> None:
    """No video is left out because a store does not tell its age."""
    choice = InputFilter(modified_since=datetime(2026, 11, 1, tzinfo=UTC))
    at_s = datetime(2026, 11, 1, tzinfo=UTC).timestamp()
    assert [choice.takes("a", t) for t in (at_s - 1, at_s, None)] == [False, True, True]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-01", "2026-11-01T00:00:00+00:00"),
        ("2026-11-01T08:30", "2026-11-01T08:30:00+00:00"),
        ("2026-11-01T08:30:00+01:00", "2026-11-01T08:30:00+01:00"),
        ("2026-11-01T08:30:00Z", "2026-11-01T08:30:00+00:00"),
    ],
)
def test_moments_without_a_zone_are_utc(text: str, moment: str) -> None:
    """So that the same command means the same on every machine."""
    assert parse_moment(text).isoformat() == moment


@pytest.mark.parametrize("text", ["yesterday", "", 5, "2026-13-01"])
def test_what_is_no_moment_is_refused(text: object) -> None:
    """With how to write one."""
    with pytest.raises(ValueError, match="2026-11-01"):
        parse_moment(text)


@pytest.mark.parametrize("glob", ["", "/", "a**b"])
def test_what_is_no_glob_is_refused(glob: str) -> None:
    """When the job is read, not when it runs."""
    with pytest.raises(ValueError, match="glob"):
        check_glob(glob)
    with pytest.raises(ValueError, match="glob"):
        InputFilter(exclude=(glob,))


def test_a_job_file_chooses_as_the_command_does(tmp_path: Path) -> None:
    """Globs in lists, a moment as TOML writes it or as text; without them every video is meant."""
    assert load_job(JOB).choice == EVERY_VIDEO
    fields = {"include": ["*.mp4"], "exclude": ["old/**"], "modified_since": "2026-11-01"}
    choice = InputFilter(("*.mp4",), ("old/**",), datetime(2026, 11, 1, tzinfo=UTC))
    assert load_job(JOB, fields).choice == choice
    file = tmp_path / "job.toml"
    file.write_text(
        f'job = "{JOB.with_suffix(".py")}:Detect"\ninput = ["x"]\noutput = "y"\n'
        'modified_since = 2026-11-01T00:00:00Z\ninclude = ["*.mp4"]\nexclude = ["old/**"]\n'
        '[params]\nmodel = "m"\n'
    )
    assert load_job(file).choice == choice


def test_bad_choices_are_listed_with_the_other_mistakes() -> None:
    """Each by its field."""
    with pytest.raises(JobFileError) as caught:
        load_job(JOB, {"include": ["a**b"], "exclude": [""], "modified_since": "soon"})
    fields = [mistake.partition(":")[0] for mistake in caught.value.mistakes]
    assert fields == ["include.0", "exclude.0", "modified_since"]
