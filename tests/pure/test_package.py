"""What of a job is sent to a cluster."""

from __future__ import annotations

import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import onnx
import pytest
import tomli_w
from any_text import ANY_TEXT
from hypothesis import given
from hypothesis import strategies as st
from networks import LABELS, colour_network

import fleet
from fleet.ascend.soc import soc
from fleet.driver.target.identity import model_fields
from fleet.errors import UsageError
from fleet.job.job_file import job_from, read_fields
from fleet.models.compiler.compile import compile_model
from fleet.models.external_data import read_network
from fleet.submit.package import MOST_BYTES, Package, pack, pack_fleet, plain_name

JOBS = Path(__file__).parents[2] / "jobs"
FAR = {"input": ["s3://b/archive"], "output": "s3://b/out"}
MODULE = """
from dataclasses import dataclass
import pyarrow as pa
from fleet import CompiledModel, FrameJob

@dataclass(frozen=True)
class Mine(FrameJob):
    first: CompiledModel
    second: CompiledModel
    table = "mine"
    schema = pa.schema([])

    def run(self, opened, batch):
        raise NotImplementedError
"""


def packed(job_file: Path, folder: Path, **fields: Any) -> tuple[Package, dict[str, Any]]:
    """Pack a job; gives the package and the fields of the job file in it."""
    read = read_fields(job_file, {**FAR, **fields})
    job = job_from(read, str(job_file), job_file.parent)
    package = pack(job, read, job_file, folder)
    return package, read_fields(package.folder / package.job_file)


def test_job_file_module_and_model_come_along(tmp_path: Path) -> None:
    """From three folders into one; what was set on the command line is in the file."""
    model = tmp_path / "street.om"
    model.write_bytes(b"a model")
    package, fields = packed(
        JOBS / "detect.toml", tmp_path / "job", model=str(model), threshold=0.3, sample="fps=2"
    )
    assert package.names == ("detect.py", "detect.toml", "street.om")
    assert (package.folder / fields["params"]["model"]).read_bytes() == b"a model"
    assert fields["params"]["threshold"] == 0.3
    assert (fields["sample"], fields["input"]) == ("fps=2", ["s3://b/archive"])
    there = job_from(fields, package.job_file, package.folder)
    assert type(there.work).__name__ == "Detect"


def test_the_fields_of_the_job_file_arrive_unchanged(tmp_path: Path) -> None:
    """Quotes, backslashes, control characters, moments and numbers among them."""
    odd = {
        "partitions": r'(?P<camera>[^/"]+)\x7f' + "\x7f\t\u00fc",
        "exclude": ['*"quoted"*', "*\\*"],
        "modified_since": datetime(2026, 1, 1, 12, 30, tzinfo=UTC),
        "lease_s": 12.5,
    }
    model = "s3://models/street.om"
    _, fields = packed(JOBS / "detect.toml", tmp_path / "job", model=model, **odd)
    assert {name: fields[name] for name in odd} == odd
    assert fields["params"]["model"] == model


def test_models_of_one_name_stay_apart_and_urls_stay_where_they_are(tmp_path: Path) -> None:
    """Two files called net.om; a model in a bucket is read from there."""
    (tmp_path / "mine.py").write_text(MODULE)
    (tmp_path / "mine.toml").write_text('job = "mine.py:Mine"')
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "net.om").write_text(name)
    both = {"first": f"{tmp_path}/a/net.om", "second": f"file://{tmp_path}/b/net.om"}
    package, fields = packed(tmp_path / "mine.toml", tmp_path / "one", **both)
    there = model_fields(job_from(fields, package.job_file, package.folder).work)
    assert [(package.folder / there[name]).read_text() for name in both] == ["a", "b"]
    _, fields = packed(
        tmp_path / "mine.toml", tmp_path / "two", **{**both, "second": "s3://m/n.om"}
    )
    assert fields["params"]["second"] == "s3://m/n.om"


def test_weights_beside_a_network_come_along_inside_it(tmp_path: Path) -> None:
    """As one file, which is compiled to what the two are compiled to here."""
    path = tmp_path / "net.onnx"
    model = onnx.load_model_from_string(colour_network())
    onnx.save(model, path, save_as_external_data=True, location="net.data", size_threshold=0)
    assert (tmp_path / "net.data").stat().st_size > 0
    package, fields = packed(JOBS / "detect.toml", tmp_path / "job", model=str(path))
    sent = package.folder / fields["params"]["model"]
    assert [file.name for file in sent.parent.iterdir()] == ["net.onnx"]
    options: dict[str, Any] = {"head": "yolov8", "labels": LABELS, "name": "net"}
    there, here = read_network(str(sent)), read_network(str(path))
    assert there == here
    assert compile_model(there, soc=soc("Ascend310"), **options)


@given(st.text(min_size=1))
def test_every_file_is_sent_under_a_name_that_means_itself_everywhere(name: str) -> None:
    """For shells, archives and options alike; a plain name stays as it is."""
    sent = plain_name(name)
    assert re.fullmatch(r"[A-Za-z0-9_+][A-Za-z0-9_.+-]*", sent)
    assert plain_name(sent) == sent
    assert len(sent) == len(name)


@pytest.mark.parametrize("name", ANY_TEXT)
def test_files_of_any_name_are_the_same_job_there(tmp_path: Path, name: str) -> None:
    """Job file, module and model."""
    for file, text in ((f"{name}.py", MODULE), (f"{name}.om", "a model")):
        (tmp_path / file).write_text(text)
    (tmp_path / f"{name}.toml").write_text(tomli_w.dumps({"job": f"{name}.py:Mine"}))
    models = {"first": str(tmp_path / f"{name}.om"), "second": "s3://m/2.om"}
    package, fields = packed(tmp_path / f"{name}.toml", tmp_path / "job", **models)
    there = job_from(fields, package.job_file, package.folder).work
    assert (package.folder / model_fields(there)["first"]).read_text() == "a model"
    assert all(sent == plain_name(sent) for sent in package.names)


def test_a_model_that_is_not_there_or_too_large_is_refused(tmp_path: Path) -> None:
    """Before anything is sent; the error says what to do."""
    with pytest.raises(UsageError, match=r"no model .*nowhere\.om"):
        packed(JOBS / "detect.toml", tmp_path / "one", model=str(tmp_path / "nowhere.om"))
    with (tmp_path / "large.om").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(UsageError, match="object storage"):
        packed(JOBS / "detect.toml", tmp_path / "two", model=str(tmp_path / "large.om"))


def test_a_package_that_is_imported_from_here_comes_along_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is not installed: nodes would not have it."""
    home = tmp_path / "src" / "my_jobs"
    (home / "parts").mkdir(parents=True)
    (home / "__init__.py").write_text("")
    (home / "parts" / "__init__.py").write_text("")
    (home / "mine.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path / "src")
    (tmp_path / "mine.toml").write_text('job = "my_jobs.mine:Mine"')
    models = {"first": "s3://m/1.om", "second": "s3://m/2.om"}
    package, fields = packed(tmp_path / "mine.toml", tmp_path / "job", **models)
    assert fields["job"] == "my_jobs.mine:Mine"
    assert (package.folder / "my_jobs" / "parts" / "__init__.py").is_file()
    for name in [name for name in sys.modules if name.startswith("my_jobs")]:
        del sys.modules[name]


def test_fleet_itself_can_come_along(tmp_path: Path) -> None:
    """Its code, and none of what an interpreter leaves there."""
    home = pack_fleet(tmp_path)
    here = Path(fleet.__file__).parent
    assert (home / "cli" / "run.py").read_text() == (here / "cli" / "run.py").read_text()
    assert not list(home.rglob("__pycache__"))
