"""Errors cross processes with their fields, and tell people what to do."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import pytest

from fleet import errors, guide
from fleet.errors import FleetError
from fleet.guide import Page

ROOT = Path(__file__).parents[2]
TOPICS = {guide.CLUSTER, guide.DEVICES_OF_RAY, guide.PROVIDERS}


def every_class(root: type[FleetError]) -> list[type[FleetError]]:
    """List a class and all below it."""
    return [root, *(found for child in root.__subclasses__() for found in every_class(child))]


def make(kind: type[FleetError]) -> FleetError:
    """Make an error with all its fields filled."""
    if issubclass(kind, errors.VideoError):
        return kind("s3://b/v.mp4", "It is damaged.", "Repair it.", code=7)
    if issubclass(kind, errors.DeviceError):
        return kind(100000, "INVALID_PARAM", "The width is odd.", "Use an even one.")
    if issubclass(kind, errors.JobFileError):
        return kind("job.toml", ("sample: no", "devices: no"))
    return kind("It cannot be done.", "Do it otherwise.")


@pytest.mark.parametrize("kind", every_class(FleetError))
def test_an_error_survives_pickling(kind: type[FleetError]) -> None:
    """Type, text and every field arrive on the other side."""
    error = make(kind)
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert type(copy) is kind
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)


@pytest.mark.parametrize("kind", every_class(FleetError)[1:])
def test_a_leaf_is_also_a_builtin_and_stands_in_the_drawn_tree(kind: type[FleetError]) -> None:
    """Callers may catch either; the module's docstring draws every class."""
    assert kind.__name__ in (errors.__doc__ or "")
    if not kind.__subclasses__():
        builtins = [c for c in kind.__mro__ if c.__module__ == "builtins"]
        assert len(builtins) > 3


@pytest.mark.parametrize(("name", "page"), guide.PAGES.items())
def test_each_page_that_is_named_is_there_with_its_heading(name: str, page: Page) -> None:
    """And what names it is a class of the tree, or a topic that is raised somewhere."""
    lines = (ROOT / page.path).read_text("utf-8").splitlines()
    assert page.heading in {line.lstrip("# ") for line in lines if line.startswith("#")}
    assert name in TOPICS or issubclass(getattr(errors, name), FleetError)


@pytest.mark.parametrize("topic", ["CLUSTER", "DEVICES_OF_RAY", "PROVIDERS"])
def test_each_topic_is_one_of_an_error(topic: str) -> None:
    """Some room says so where it raises one."""
    texts = [path.read_text("utf-8") for path in (ROOT / "fleet").rglob("*.py")]
    assert any(re.search(rf"\.about\(\s*{topic}\s*\)", text) for text in texts)


def test_an_error_names_the_page_of_its_kind_its_base_or_its_topic() -> None:
    """And none where no page tells more; it survives the way from a worker."""
    denied = errors.CredentialsRefusedError("They are wrong.")
    assert str(denied.page) == "See README.md, 'Use object storage'."
    refused = errors.UsageError("A token is wanted.").about(guide.CLUSTER)
    assert pickle.loads(pickle.dumps(refused)).page == guide.PAGES[guide.CLUSTER]  # noqa: S301 - as above
    assert errors.UsageError("It is odd.").page is None


def test_a_job_file_error_lists_every_mistake() -> None:
    """Three mistakes, three lines."""
    error = errors.JobFileError("job.toml", ("a: one", "b: two", "c: three"))
    assert str(error) == "job.toml has 3 mistakes:\n  - a: one\n  - b: two\n  - c: three"


def test_the_names_of_version_0_1_are_still_found_and_warn() -> None:
    """For a release: a job that catches OutputTaken goes on catching it."""
    with pytest.warns(DeprecationWarning, match="OutputTakenError"):
        assert errors.OutputTaken is errors.OutputTakenError
    with pytest.raises(AttributeError, match="Fire"):
        _ = errors.Fire


@pytest.mark.parametrize("kind", every_class(FleetError)[1:])
def test_what_is_recorded_of_an_error_keeps_its_name(kind: type[FleetError]) -> None:
    """Rows of errors/ say BrokenVideo, whatever the class is called."""
    recorded = make(kind).name
    assert recorded in {
        kind.__name__,
        kind.__name__.removesuffix("Error"),
        "JobCodeFailed",
        "INVALID_PARAM",
    }
