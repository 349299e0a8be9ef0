"""With what networks are computed: as a job's file says it, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import onnxruntime
import pyarrow as pa
import pytest
from generate import Clip, write
from networks import LABELS, colour_network, plain_network

import fleet
from fleet import DETECTIONS, CompiledModel, Detections, Device, FrameBatch, FrameJob, Network
from fleet.ascend.soc import soc
from fleet.driver.target.identity import identify
from fleet.errors import JobFileError, UsageError
from fleet.models.compiler.compile import compile_model
from fleet.models.providers import Provider, read_providers
from fleet.models.session import SESSION_ERRORS, open_session
from fleet.views.summary import render

ONE = {"name": "CPU", "threads": 1}


@dataclass(frozen=True)
class Colours(FrameJob[Network]):
    """The mean of the strongest colour of each frame."""

    model: CompiledModel

    table: ClassVar[str] = "detections"
    schema: ClassVar[pa.Schema] = DETECTIONS

    def open(self, device: Device) -> Network:
        """Load the model."""
        return device.load(self.model)

    def run(self, opened: Network, batch: FrameBatch) -> Detections:
        """Detect."""
        return opened.detect(batch, 0.05)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A small compiled network."""
    om = compile_model(
        colour_network(), head="yolov8", labels=LABELS, name="made", soc=soc("Ascend310")
    )
    (tmp_path / "made.om").write_bytes(om)
    return tmp_path / "made.om"


def job(model: Path, providers: Any = (), output: str = "out") -> fleet.Job:
    """Set up a job over a clip."""
    clip = model.parent / "clip.mp4"
    if not clip.exists():
        write(Clip(frames=20), clip)
    return fleet.Job(Colours(str(model)), clip, model.parent / output, providers=providers)


def test_a_job_without_providers_is_the_job_that_it_was(model: Path) -> None:
    """The field is part of the identity only where something is set; then all of it counts."""
    plain = identify(job(model)).record
    assert "providers" not in plain.fields
    assert identify(job(model, [])).record.digest == plain.digest
    digests = {
        identify(job(model, given)).record.digest
        for given in ([], [ONE], [{"name": "CPU", "threads": 2}], [{"name": "CPU"}])
    }
    assert len(digests) == 4
    assert identify(job(model, [ONE])).record.fields["providers"] == "CPU (threads 1)"


def test_a_run_computes_with_them_and_says_so(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rows of one thread of the processor; the summary has a line only where they are set."""
    asked: list[tuple[int, Any]] = []
    real = onnxruntime.InferenceSession

    def noted(content: bytes, options: Any, providers: Any, *more: Any) -> Any:
        asked.append((options.intra_op_num_threads, providers))
        return real(content, options, providers, *more)

    plain = fleet.run(job(model), on="inline")
    monkeypatch.setattr(onnxruntime, "InferenceSession", noted)
    two = fleet.run(job(model, [{"name": "cpu", "threads": 2}], "two"), on="inline")
    assert asked[-1] == (2, ["CPUExecutionProvider"])
    assert "networks" not in render(plain)
    assert "networks    on cpu (threads 2), through ONNX Runtime" in render(two)
    tables = [fleet.read(report.output).detections.to_table() for report in (plain, two)]
    scores = [table.sort_by("frame")["score"].to_pylist() for table in tables]
    assert len(scores[0]) == 20
    assert scores[1] == pytest.approx(scores[0], abs=1e-5)


def test_each_provider_that_is_installed_is_taken_in_its_order(model: Path) -> None:
    """By ONNX Runtime's own name or without its end, in any case."""
    for name in onnxruntime.get_available_providers():
        for spelled in (name, name.removesuffix("ExecutionProvider").lower()):
            providers = read_providers(
                [{"name": spelled}, *([] if "cpu" in name.lower() else [ONE])]
            )
            session = open_session(model.read_bytes(), "made.om", providers=providers)
            assert session.get_providers()[0] == name


def test_one_that_is_not_installed_is_refused_with_those_that_are(model: Path) -> None:
    """Before a frame is decoded."""
    with pytest.raises(UsageError, match="has no provider Abacus") as refused:
        fleet.run(job(model, [{"name": "Abacus"}, ONE]), on="inline")
    assert "CPU" in refused.value.way_out


@pytest.mark.parametrize(
    "name", [n for n in onnxruntime.get_available_providers() if n != "CPUExecutionProvider"]
)
def test_what_a_provider_cannot_open_is_said_with_its_name(name: str) -> None:
    """Its options may be wrong, rather than the model; the processor alone leaves no doubt."""
    broken = plain_network(("images", 1, (1, 3, 8, 8)), operator="NoSuchOperator")
    with pytest.raises(UsageError, match=rf"cannot open made.om with {name[:-17]}.*NoSuchOperator"):
        open_session(broken, "made.om", providers=read_providers([{"name": name}]))
    with pytest.raises(SESSION_ERRORS):
        open_session(broken, "made.om", providers=read_providers([ONE]))


def test_one_that_does_not_start_is_refused(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime would go on with the processor, and say nothing."""
    there = [*onnxruntime.get_available_providers(), "AbacusExecutionProvider"]
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: there)

    def on_the_cpu(content: bytes, options: Any, *_: Any) -> Any:
        return real(content, options, providers=["CPUExecutionProvider"])

    real = onnxruntime.InferenceSession
    monkeypatch.setattr(onnxruntime, "InferenceSession", on_the_cpu)
    with pytest.raises(UsageError, match="has AbacusExecutionProvider, and could not start it"):
        open_session(model.read_bytes(), "made.om", providers=(Provider("Abacus"),))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("CPU", "a list of tables"),
        ({"name": "CPU"}, "a list of tables"),
        (["CPU"], "a list of tables"),
        ([{"threads": 1}], "a list of tables"),
        ([{"name": ""}], "has a name"),
        ([{"name": "CPU", "thread": 1}], "the option threads alone, not thread"),
        ([{"name": "CPU", "threads": 0}], "1 to 1024, not 0"),
        ([{"name": "cpu", "threads": "many"}], "1 to 1024, not many"),
        ([{"name": "CUDA", "device_id": [0]}], "device_id of a provider is a text or a number"),
        ([ONE, {"name": "CPUExecutionProvider"}], "named twice"),
    ],
)
def test_what_is_no_list_of_providers_is_refused(given: Any, said: str, model: Path) -> None:
    """With the other mistakes of the job, by the name of the field."""
    with pytest.raises(JobFileError, match=f"(?s)providers: .*{said}"):
        job(model, given)


def test_a_job_file_names_them(model: Path, tmp_path: Path) -> None:
    """As in the README; --set replaces the list."""
    lines = ['job = "x.py:Colours"', 'input = "clip"', 'output = "out"']
    lines += ['providers = [{name = "CPU", threads = 3}]', "[params]", f'model = "{model}"']
    (tmp_path / "x.toml").write_text("\n".join(lines))
    (tmp_path / "x.py").write_text(Path(__file__).read_text("utf-8"))
    loaded = fleet.load_job(tmp_path / "x.toml")
    assert loaded.providers == (Provider("CPU", (("threads", "3"),)),)
    assert fleet.load_job(tmp_path / "x.toml", {"providers": []}).providers == ()
