"""Jobs from files and from Python: the same checks, every mistake named at once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pydantic import ValidationError

from fleet import FrameBatch, FrameJob, Job, Rows, Sampling
from fleet.errors import JobFileError, UsageError
from fleet.job.fields import JobFields, describe
from fleet.job.job_file import load_job
from fleet.job.toml_text import packaged_job

JOBS = Path(__file__).parents[2] / "jobs"
THUMBNAILS = f'job = "{JOBS / "thumbnails.py"}:Thumbnails"\n'


@dataclass(frozen=True)
class Blank(FrameJob):
    """A job without rows."""

    table = "blank"
    schema = pa.schema([])

    def run(self, opened: Any, batch: FrameBatch) -> Rows:
        """Not called here."""
        raise NotImplementedError


def test_the_detect_job_reads_as_written() -> None:
    """Fields of the file, parameters of the class, and an override of each kind."""
    job = load_job(JOBS / "detect.toml", {"threshold": 0.25, "sample": "every=5", "devices": 3})
    assert type(job.work).__name__ == "Detect"
    assert vars(job.work) == {"model": "build/fastestdet.om", "threshold": 0.25}
    assert (job.sample.kind, job.sample.step, job.devices) == ("every", 5, 3)


def test_a_job_made_in_python_equals_that_of_a_file(tmp_path: Path) -> None:
    """Text, paths and numbers are read alike, and what is not given has the same default."""
    file = tmp_path / "job.toml"
    for inputs in ("clips", Path("clips"), ["clips"], (Path("clips"),), iter(["clips"])):
        file.write_text(f'{THUMBNAILS}input = "clips"\noutput = "out"\n')
        loaded = load_job(file)
        assert Job(loaded.work, inputs, Path("out")) == loaded
    file.write_text(
        f'{THUMBNAILS}input = ["a", "b"]\noutput = "o"\nsample = "fps=1"\ndevices = 2\n'
        'deadline = "2h"\nlease_s = 30\nwatchdog_s = "2min"\ninclude = "*.mp4"\n'
        'modified_since = "2026-11-01"\npartitions = "(?P<camera>[^/]+)/"\n'
    )
    loaded = load_job(file)
    given: dict[str, Any] = {"lease_s": "30s", "watchdog_s": 120, "deadline_s": 7200}
    assert loaded == Job(
        work=loaded.work,
        inputs=["a", "b"],
        output="o",
        sample=Sampling.parse("fps=1"),
        devices=2,
        include=["*.mp4"],
        modified_since=datetime(2026, 11, 1, tzinfo=UTC),
        partitions="(?P<camera>[^/]+)/",
        **given,
    )


WRONG: dict[str, tuple[str, object]] = {
    "no inputs": ("input", []),
    "an input that is a number": ("input", 3),
    "an empty input among others": ("input", ["a", ""]),
    "an input with credentials": ("input", "s3://b/x?X-Amz-Signature=hidden"),
    "an empty output": ("output", ""),
    "words for a sampling": ("sample", "now and then"),
    "a number for a sampling": ("sample", 3),
    "an endless step": ("sample", "every=99999999999999"),
    "no devices": ("devices", 0),
    "true devices": ("devices", True),
    "devices in words": ("devices", "many"),
    "no device more": ("max_devices", 0),
    "a deadline without a unit": ("deadline", "2 hours or so"),
    "a deadline in the past": ("deadline", -1),
    "another chip": ("soc", "Ascend999"),
    "a pattern without a name": ("partitions", "camera"),
    "a pattern that is none": ("partitions", "(?P<camera>"),
    "a pattern that is a number": ("partitions", 3),
    "a pattern with a backspace": ("partitions", "\b(?P<camera>cam)"),
    "leases of no length": ("lease_s", 0),
    "a watchdog that never comes": ("watchdog_s", "9d"),
    "a glob that is none": ("include", ["a**b"]),
    "an empty glob": ("exclude", [""]),
    "a moment in words": ("modified_since", "soon"),
    "an empty cache": ("index_cache", ""),
}
RENAMED = {"input": "inputs", "deadline": "deadline_s"}


def mistakes_of_file(folder: Path, fields: Mapping[str, object]) -> tuple[str, ...]:
    """What load_job finds wrong with fields of a job file."""
    file = folder / "job.toml"
    file.write_text(THUMBNAILS)
    with pytest.raises(JobFileError) as caught:
        load_job(file, {"input": ["x"], "output": "out", **fields})
    return caught.value.mistakes


@pytest.mark.parametrize("case", WRONG)
def test_python_and_files_are_refused_with_the_same_sentence(tmp_path: Path, case: str) -> None:
    """One mistake, which begins with the field's own name in either place."""
    name, value = WRONG[case]
    (of_file,) = mistakes_of_file(tmp_path, {name: value})
    here = RENAMED.get(name, name)
    given: dict[str, Any] = {"inputs": "x", "output": "out", here: value}
    with pytest.raises(JobFileError) as caught:
        Job(Blank(), **given)
    (of_python,) = caught.value.mistakes
    assert of_file.startswith((f"{name}: ", f"{name}."))
    assert of_python == here + of_file.removeprefix(name)
    assert "hidden" not in of_python


def test_every_mistake_of_a_job_made_in_python_is_listed() -> None:
    """A class instead of an object among them."""
    given: Any = Blank
    with pytest.raises(JobFileError) as caught:
        Job(given, [], "out", "fps=0", soc="Ascend9")
    fields = [mistake.partition(":")[0] for mistake in caught.value.mistakes]
    assert fields == ["work", "inputs", "sample", "soc"]


@pytest.mark.parametrize("name", sorted(JobFields.model_fields))
def test_every_wrong_value_of_a_field_is_refused_in_words_of_ours(name: str) -> None:
    """Whatever kind of value it is: no words of the library that checks it."""
    for value in ({}, [], "x", "", 1.5, True, -1, [1], {"a": 1}, 10**9, b"x"):
        try:
            JobFields.read({"inputs": ["a"], "output": "o", name: value})
        except ValidationError as error:
            for sentence in describe(error):
                assert sentence.startswith(f"{name}"), sentence
                assert not re.search(r"nput should|alid |constrained|unable to", sentence), sentence


def test_sampling_is_exact() -> None:
    """A rate such as 29.97 is kept as a fraction."""
    job = load_job(JOBS / "detect.toml", {"sample": "fps=30000/1001"})
    assert job.sample.fps == Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("overrides", "of_file"),
    [
        ({"cores_per_device": 3}, False),
        ({"cores_per_device": 3, "params.threshold": "high"}, False),
        ({"cores_per_device": 2}, True),
        ({}, True),
    ],
)
def test_a_file_is_not_blamed_for_what_was_given_beside_it(
    overrides: dict[str, object], of_file: bool, tmp_path: Path
) -> None:
    """Options and overrides alone are at fault where the file has no mistake of its own."""
    path = tmp_path / "x.toml"
    wrong = "devices = 0\n" if of_file else ""
    detect = packaged_job("detect.py")
    fields = 'input = ["v"]\noutput = "o"\n[params]\nmodel = "m.om"\n'
    path.write_text(f'job = "{detect}:Detect"\n{wrong}{fields}')
    with pytest.raises(JobFileError) as caught:
        load_job(path, overrides)
    begins = f"{path} has 1 mistake" if of_file else f"What was given beside {path} has "
    assert str(caught.value).startswith(begins)


def test_every_mistake_is_listed(tmp_path: Path) -> None:
    """Seven mistakes in a file give seven lines in one error."""
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


def test_a_mistyped_field_is_told_from_the_one_that_is_meant(tmp_path: Path) -> None:
    """With the fields that there are, where none is near."""
    file = tmp_path / "job.toml"
    file.write_text(f'{THUMBNAILS}input = "x"\noutputs = "out"\nzzz = 1\n')
    with pytest.raises(JobFileError) as caught:
        load_job(file)
    listed = dict(mistake.split(": ", 1) for mistake in caught.value.mistakes)
    assert listed["outputs"] == "there is no such field; did you mean output?"
    assert listed["zzz"].startswith("there is no such field; there are job, input, output")
    assert listed["output"] == "it is missing"


@pytest.mark.parametrize(
    ("job", "says"),
    [
        ("nowhere.py:Detect", "There is no file"),
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
        ("", "job: it is missing"),
        ("job = 3", "job: a text such as file.py:Class"),
        (f"{THUMBNAILS}params = 3", "params: a table"),
        (f"{THUMBNAILS}[params]\nwidth = 3", "params: a width of 32"),
    ],
)
def test_a_job_or_its_parameters_of_the_wrong_kind_are_named(
    tmp_path: Path, lines: str, says: str
) -> None:
    """Whatever stands there, it is a sentence and no traceback."""
    file = tmp_path / "job.toml"
    file.write_text(f'input = ["x"]\noutput = "out"\n{lines}\n')
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
    (tmp_path / "text.toml").write_text("job = brightness.py")
    with pytest.raises(JobFileError, match=r"line 1, column 7\); texts stand in quotes"):
        load_job(tmp_path / "text.toml")
    (tmp_path / "text.toml").write_text('partitions = "cam(?P<camera>\\d+)"')
    with pytest.raises(JobFileError, match="within single quotes a backslash is a backslash"):
        load_job(tmp_path / "text.toml")
