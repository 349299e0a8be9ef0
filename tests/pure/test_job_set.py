"""Fields of a job as the command line sets them, one by one."""

from __future__ import annotations

import shlex

import pytest

from fleet.errors import UsageError
from fleet.job.toml_text import parse_override


def test_set_reads_toml_values_and_plain_words() -> None:
    """Numbers, lists and booleans as TOML; anything else as text."""
    assert parse_override("threshold=0.5") == ("threshold", 0.5)
    assert parse_override('input=["a", "b"]') == ("input", ["a", "b"])
    assert parse_override("sample=every=5") == ("sample", "every=5")
    assert parse_override("include=[ab]*.mp4") == ("include", "[ab]*.mp4")
    assert parse_override(r"partitions=(?P<camera>\d+)") == ("partitions", r"(?P<camera>\d+)")
    assert parse_override("take=5#b") == ("take", "5#b"), "what follows is no comment"
    assert parse_override('take="5#b"') == ("take", "5#b")
    with pytest.raises(UsageError, match="key=value"):
        parse_override("threshold")


@pytest.mark.parametrize(
    ("text", "way_out"),
    [
        (r'partitions="cam(?P<c>\d+)"', r"""--set "partitions='cam(?P<c>\d+)'"; within single"""),
        (r'partitions="(?P<c>\d+)$"', r"--set 'partitions=(?P<c>\d+)$'; within single"),
        ("label='it's'", "--set 'label=it'"),
        ("input=[a.mp4, b.mp4]", """--set 'input=["a", "b"]'"""),
        ("params={a}", """--set 'params={a = "b"}'"""),
    ],
)
def test_what_is_meant_as_toml_and_is_none_is_refused(text: str, way_out: str) -> None:
    """As text it would keep its quotes, and match nothing; the way to write it is shown."""
    with pytest.raises(UsageError, match="is not TOML") as caught:
        parse_override(text)
    assert way_out in caught.value.way_out


def test_the_value_that_is_shown_reads_as_it_was_meant() -> None:
    """By way of a shell."""
    for meant in (r"(?P<c>\d+)", r"(?P<c>\d+)$", r"it's \d"):
        with pytest.raises(UsageError) as caught:
            parse_override(f'partitions="{meant}"')
        shown = shlex.split(caught.value.way_out.partition("--set ")[2].partition("; within")[0])
        assert parse_override(shown[0]) == ("partitions", meant)
