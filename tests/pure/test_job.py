"""Job files: what they come to, and that every mistake is named at once."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import pytest

from fleet.errors import JobFileError, UsageError
from fleet.job.job_file import load_job, parse_override

JOBS = Path(__file__).parents[2] / "jobs"


def test_the_detect_job_reads_as_written() -> None:
    """Fields of the file, parameters of the class, and an override of each kind."""
    job = load_job(JOBS / "detect.toml", {"threshold": 0.25, "sample": "every=5", "devices": 3})
    assert type(job.work).__name__ == "Detect"
    assert vars(job.work) == {"model": "build/fastestdet.om", "threshold": 0.25}
    assert (job.sample.kind, job.sample.step, job.devices) == ("every", 5, 3)


def test_sampling_is_exact() -> None:
    """A rate such as 29.97 is kept as a fraction."""
    job = load_job(JOBS / "detect.toml", {"sample": "fps=30000/1001"})
    assert job.sample.fps == Fraction(30000, 1001)


def test_every_mistake_is_listed(tmp_path: Path) -> None:
    """Three mistakes in a file give three lines in one error."""
    file = tmp_path / "bad.toml"
    file.write_text(
        f'job = "{JOBS / "detect.py"}:Detect"\ninput = []\noutput = "out"\nsample = "sometimes"\n'
        'devices = 0\ncolour = "red"\n[params]\nthreshold = "high"\nspeed = 3\n'
    )
    with pytest.raises(JobFileError) as caught:
        load_job(file)
    listed = "\n".join(caught.value.mistakes)
    for field in (
        "input",
        "sample",
        "devices",
        "colour",
        "params.threshold",
        "params.speed",
        "params.model",
    ):
        assert any(line.startswith(field) for line in caught.value.mistakes), listed
    assert len(caught.value.mistakes) == 7, listed


@pytest.mark.parametrize(
    ("job", "says"),
    [
        ("nowhere.py:Detect", "no job module"),
        ("detect.py", "names no class"),
        (f"{JOBS / 'detect.py'}:Find", "It has Detect"),
        ("fleet.core.geometry:Size", "no job called Size"),
        ("no.such.module:Job", "cannot be imported"),
    ],
)
def test_a_job_class_that_is_not_there_is_named(tmp_path: Path, job: str, says: str) -> None:
    """The sentence says what is wrong with the reference."""
    file = tmp_path / "job.toml"
    file.write_text(f'job = "{job}"\ninput = ["x"]\noutput = "out"\n')
    with pytest.raises(JobFileError, match=says):
        load_job(file)


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("params = 3", "params: "),
        ("partitions = 3", "partitions: "),
        ('partitions = "camera"', "names no column"),
        ('sample = "every=99999999999999"', "sample: "),
        ("lease_s = 0", "lease_s: "),
    ],
)
def test_a_field_of_the_wrong_kind_is_named(tmp_path: Path, lines: str, says: str) -> None:
    """Whatever stands there, it is a sentence and no traceback."""
    file = tmp_path / "job.toml"
    head = f'job = "{JOBS / "thumbnails.py"}:Thumbnails"\ninput = ["x"]\noutput = "out"\n'
    file.write_text(f"{head}{lines}\n")
    with pytest.raises(JobFileError, match=says):
        load_job(file)
    with pytest.raises(JobFileError, match="params: "):
        load_job(JOBS / "thumbnails.toml", {"params": 3})


@pytest.mark.parametrize(
    ("body", "says"),
    [("    pass", "lacks table, schema, run"), ("    table = 'x'", "lacks schema, run")],
)
def test_a_job_class_that_is_not_whole_is_refused(tmp_path: Path, body: str, says: str) -> None:
    """It names what is missing."""
    (tmp_path / "half.py").write_text(
        f"from fleet import FrameJob\nclass Half(FrameJob):\n{body}\n"
    )
    file = tmp_path / "job.toml"
    file.write_text('job = "half.py:Half"\ninput = ["x"]\noutput = "out"\n')
    with pytest.raises(JobFileError, match=says):
        load_job(file)


def test_a_job_module_with_a_bug_says_so(tmp_path: Path) -> None:
    """An import error in a user's module is shown with its text, not as a traceback."""
    (tmp_path / "mine.py").write_text("import not_installed_anywhere\n")
    file = tmp_path / "job.toml"
    file.write_text('job = "mine.py:Mine"\ninput = ["x"]\noutput = "out"\n')
    with pytest.raises(JobFileError, match="not_installed_anywhere"):
        load_job(file)


def test_a_file_that_is_no_toml_or_not_there_is_refused(tmp_path: Path) -> None:
    """Both in a sentence."""
    with pytest.raises(UsageError, match="There is no job file"):
        load_job(tmp_path / "none.toml")
    (tmp_path / "text.toml").write_text("hello there")
    with pytest.raises(JobFileError, match="not TOML"):
        load_job(tmp_path / "text.toml")


def test_set_reads_toml_values_and_plain_words() -> None:
    """Numbers, lists and booleans as TOML; anything else as text."""
    assert parse_override("threshold=0.5") == ("threshold", 0.5)
    assert parse_override('input=["a", "b"]') == ("input", ["a", "b"])
    assert parse_override("sample=every=5") == ("sample", "every=5")
    with pytest.raises(UsageError, match="key=value"):
        parse_override("threshold")
