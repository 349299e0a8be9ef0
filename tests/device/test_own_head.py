"""Heads that a user's module registers: compiled for, found, and refused where they are wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import onnx
import pytest
from command import fleet_here
from digests import Digests
from networks import LABELS, colour_network, compiled
from onnx import helper
from own_heads import write_job

import fleet
from fleet.driver.target.identity import identify
from fleet.errors import JobCodeError, ModelRefusedError, UsageError
from fleet.job.code import load_file
from fleet.job.heads import head_digests, heads_of, read_head
from fleet.models.card import read_card
from fleet.models.heads.own import decode, heads_in

ONE = fleet.Candidates(np.zeros((1, 4), np.float32), np.ones(1, np.float32), np.zeros(1, np.int32))


def returning(found: Any, name: str = "mine") -> fleet.Head:
    """Make a head whose decode returns that, whatever it is given."""

    @fleet.head(name)
    class Returning(fleet.Head):
        def decode(self, *_: object) -> Any:
            return found() if callable(found) else found

    return Returning()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a user's module, a network, its labels, and an empty clip's name."""
    write_job(tmp_path, tmp_path / "clip.mp4")
    (tmp_path / "colours.onnx").write_bytes(colour_network())
    (tmp_path / "labels.txt").write_text("\n".join(LABELS))
    return tmp_path


@pytest.mark.parametrize("command", ["compile", "atc"])
def test_a_network_is_compiled_for_a_head_of_a_file(folder: Path, command: str) -> None:
    """The card has its name, and how its class says that pictures are fitted."""
    options = ["--head", "look.py:lightest", "--labels", "labels.txt", "--output", "look"]
    atc = ["--model", "colours.onnx", "--framework", "5", "--soc_version", "Ascend310"]
    done = fleet_here(
        command, *(atc if command == "atc" else ["colours.onnx"]), *options, folder=folder
    )
    assert done.returncode == 0, done.stderr
    card = read_card((folder / "look.om").read_bytes(), "look.om")
    assert (card.head, card.fit, card.iou) == ("lightest", fleet.Fit.STRETCH, 1.0)
    # Outputs alone need no head.
    assert fleet_here("infer", "--model", folder / "look.om").returncode == 0


@pytest.mark.parametrize(
    ("head", "said"),
    [
        ("look.py:lightes", "has no head 'lightes'. It registers: lightest"),
        ("none.py:lightest", "There is no file"),
        ("labels.py:lightest", "It registers no head. Write @fleet.head"),
        ("lightest", "There is no head called 'lightest'"),
        ("yolov9", "Did you mean yolov"),
    ],
)
def test_a_head_that_is_not_there_is_refused(folder: Path, head: str, said: str) -> None:
    """With what there is, and what is near."""
    (folder / "labels.py").write_text("")
    options = ["--head", head, "--labels", "labels.txt", "--output", "look"]
    done = fleet_here("compile", "colours.onnx", *options, folder=folder)
    assert done.returncode == 2
    assert said in " ".join(done.stderr.split())


def test_a_job_whose_module_lacks_the_head_is_refused(folder: Path) -> None:
    """Before anything runs, with the nearest name that it has."""
    name, own = read_head(f"{folder}/look.py:lightest")
    om = compiled(head=name, heads=own)
    (folder / "look.om").write_bytes(om)
    job = fleet.load_job(folder / "look.toml", {"model": str(folder / "look.om")})
    assert set(identify(job).heads) == {"lightest"}
    text = (folder / "look.py").read_text()
    (folder / "look.py").write_text(text.replace('"lightest"', '"brightest"'))
    job = fleet.load_job(folder / "look.toml", {"model": str(folder / "look.om")})
    with pytest.raises(ModelRefusedError, match=r"'lightest', which.* has brightest; did you mean"):
        identify(job)
    detect = {"model": str(folder / "look.om"), "input": ["x"], "output": str(folder / "o")}
    jobs = Path(__file__).parents[2] / "jobs"
    with pytest.raises(ModelRefusedError, match="lacks: it has none"):
        identify(fleet.load_job(jobs / "detect.toml", detect))


def test_the_text_of_the_head_is_part_of_the_job(folder: Path) -> None:
    """Another factor in it makes another job, though the model is the same."""
    name, own = read_head(f"{folder}/look.py:lightest")
    (folder / "look.om").write_bytes(compiled(head=name, heads=own))
    digests = set()
    for share in (0.1, 0.1, 0.2):
        write_job(folder, folder / "clip.mp4", share)
        job = fleet.load_job(folder / "look.toml", {"model": str(folder / "look.om")})
        digests.add(identify(job).record.digest)
    assert len(digests) == 2


def test_the_text_of_a_head_in_a_script_counts_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a script, the digest of a job covers its class alone, and not a module that it imports."""
    reader, work = returning([]), Digests()
    assert head_digests(work, {"mine": reader}) == {}
    monkeypatch.setattr(Digests, "__module__", "__main__")
    (digest,) = head_digests(work, {"mine": reader}).values()
    assert len(digest) == 64


def test_an_onnx_file_may_name_the_head_of_the_jobs_module(folder: Path) -> None:
    """By `fleet.head` in its metadata, as it names one of Fleet's."""
    model = onnx.load_model_from_string(colour_network())
    helper.set_model_props(model, {"fleet.head": "lightest", "fleet.labels": "a\nb\nc"})
    (folder / "told.onnx").write_bytes(model.SerializeToString())
    job = fleet.load_job(folder / "look.toml", {"model": str(folder / "told.onnx")})
    identity = identify(job)
    assert [card.head for card in identity.cards.values()] == ["lightest"]
    assert set(identity.heads) == {"lightest"}


def test_heads_are_found_where_they_are_written_and_imported(folder: Path) -> None:
    """A class that derives from a registered one is registered by nothing."""
    namespace = dict(vars(load_file(folder / "look.py")))
    namespace["Derived"] = type("Derived", (namespace["Lightest"],), {})
    namespace["again"] = namespace["Lightest"]
    assert set(heads_in(namespace)) == {"lightest"}


def test_a_name_that_two_classes_have_is_refused(folder: Path) -> None:
    """Both are named; the same class under two names in a module is one."""
    first, second = returning([]), returning([])
    with pytest.raises(UsageError, match=r"'mine' is registered twice: as .* and .*Returning"):
        heads_in({"a": type(first), "b": type(second), "c": type(first)})
    text = (folder / "look.py").read_text()
    twice = text.partition("@dataclass(frozen=True)\nclass Look")
    (folder / "look.py").write_text(
        twice[0]
        + '@fleet.head("lightest")\nclass Other(Lightest):\n    pass\n\n\n'
        + "".join(twice[1:])
    )
    job = fleet.load_job(folder / "look.toml", {"model": "look.om"})
    with pytest.raises(UsageError, match="as Lightest and Other"):
        heads_of(job.work)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("yolov8", "There is a head 'yolov8' in Fleet"),
        ("My Head", "cannot be the name"),
        ("", "cannot be"),
    ],
)
def test_a_name_that_a_head_cannot_have_is_refused(name: str, said: str) -> None:
    """One of Fleet's, or one that no option could name."""
    with pytest.raises(UsageError, match=said):
        returning([], name)


def test_a_class_that_cannot_be_a_head_is_refused() -> None:
    """Without decode, with a field without a default, with a value that nothing reads."""
    with pytest.raises(UsageError, match=r"cannot be made: .*decode.*Give it a method decode"):
        fleet.head("mine")(type("Mine", (fleet.Head,), {}))
    decoding: dict[str, Any] = {"decode": lambda *_: []}
    with pytest.raises(UsageError, match=r"sets scale without a type.*Write scale: "):
        fleet.head("mine")(type("Mine", (fleet.Head,), {**decoding, "scale": 1.0}))
    with pytest.raises(UsageError, match="no class derived from Head"):
        fleet.head("mine")(ModuleType)  # type: ignore[type-var]

    @dataclass(frozen=True)
    class Needing(fleet.Head):
        limit: float = 1.0
        __init__ = lambda self, limit: None  # noqa: E731, ARG005

        def decode(self, *_: object) -> Any:
            return []

    with pytest.raises(UsageError, match="limit"):
        fleet.head("mine")(Needing)


def with_values(**values: Any) -> Callable[[], list[fleet.Candidates]]:
    """Make Candidates of one box with other values in place."""
    usual: dict[str, Any] = {"xyxy": ONE.xyxy, "score": ONE.score, "class_id": ONE.class_id}
    return lambda: [fleet.Candidates(**{**usual, **values})]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (None, "a NoneType, and a list with the Candidates of each picture is needed"),
        (ONE, "a Candidates, and a list"),
        ([[0, 0, 1, 1]], "a list of list, and"),
        ([ONE, ONE], "Candidates of 2 pictures, and there are 1"),
        ([], "Candidates of 0 pictures, and there are 1"),
        (with_values(xyxy=np.zeros((2, 4), np.float32)), r"xyxy \[2, 4\], score \[1\]"),
        (with_values(score=np.float32(1)), r"score \[\]"),
        (with_values(class_id=np.zeros((1, 1), np.int32)), r"class_id \[1, 1\]"),
        (
            with_values(class_id=np.zeros(1, np.float32)),
            "class_id of float32, and classes are whole",
        ),
        (with_values(score=np.array(["high"])), "score of <U4"),
        (with_values(xyxy=np.full((1, 4), np.nan, np.float32)), "not finite"),
        (with_values(score=np.full(1, np.inf)), "not finite"),
    ],
)
def test_what_a_head_may_not_return_is_refused(found: Any, said: str) -> None:
    """With what it returned and what is needed; and when a network is compiled for it."""
    reader = returning(found)
    with pytest.raises(JobCodeError, match=f"'mine' returned .*{said}") as refused:
        decode(reader, [np.zeros((1, 7, 1), np.float32)], fleet.Size(64, 32), 0.5, 1)
    assert refused.value.way_out == "Correct its decode."
    with pytest.raises(ModelRefusedError, match="on a gray picture its head mine fails"):
        compiled(head="mine", heads={"mine": reader})


def test_an_error_in_a_head_is_named_when_it_is_compiled_for() -> None:
    """In one sentence, without a traceback."""

    def broken() -> Sequence[fleet.Candidates]:
        raise KeyError("boxes")

    with pytest.raises(ModelRefusedError, match="its head mine raised KeyError: 'boxes'"):
        compiled(head="mine", heads={"mine": returning(broken)})


def test_other_types_of_numbers_become_those_of_boxes() -> None:
    """Lists and float64 are as good as float32 here."""
    found = with_values(xyxy=[[1, 2, 3, 4]], score=[0.5], class_id=np.array([2], np.int64))
    (one,) = decode(returning(found), [], fleet.Size(64, 32), 0.5, 1)
    kinds = [values.dtype.name for values in (one.xyxy, one.score, one.class_id)]
    assert kinds == ["float32", "float32", "int32"]
    assert one.xyxy.tolist() == [[1, 2, 3, 4]]
