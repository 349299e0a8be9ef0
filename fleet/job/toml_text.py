"""TOML as users write it: a job file as it stands, and the values of --set."""

from __future__ import annotations

import shlex
import tomllib
from pathlib import Path
from typing import Any

from fleet.errors import JobFileError, UsageError
from fleet.version import PACKAGE


def packaged_job(name: str) -> Path:
    """Return a job file that comes with Fleet: inside the package, or beside it in a checkout."""
    inside = PACKAGE / "jobs" / name
    return inside if inside.is_file() else PACKAGE.parent / "jobs" / name


def read_toml(path: Path) -> dict[str, Any]:
    """Return what a job file says, unchecked.

    Raises JobFileError where it is not TOML, UsageError where there is no such file.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise UsageError(f"There is no job file {path}.", "Check the path.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise JobFileError(str(path), (f"it is not TOML: {error}{_literally(error)}",)) from None
    except OSError as error:
        raise UsageError(f"The job file {path} cannot be read: {error}.") from error


def parse_override(text: str) -> tuple[str, Any]:
    """Return key and value of a --set `key=value`; a value that is no TOML is text.

    Raises UsageError where there is no key, or what quotes or brackets enclose is no TOML.
    """
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise UsageError(f"--set {text}: write it as key=value, such as threshold=0.3.")
    try:
        return key.strip(), _toml_value(value)
    except tomllib.TOMLDecodeError as error:
        shown = value.strip()
        if len(shown) < 2 or shown[0] + shown[-1] not in _ENCLOSED:
            return key.strip(), value
        raise UsageError(*_no_toml(key.strip(), shown, error)) from None


_ENCLOSED = frozenset({'""', "''", "[]", "{}"})
"""The ends of a value that is meant as TOML."""


def _toml_value(text: str) -> Any:
    value = tomllib.loads(f"value = {text}")["value"]
    # In a list no comment may follow: # is no rare part of a name.
    tomllib.loads(f"value = [{text}]")
    return value


def _no_toml(key: str, value: str, error: Exception) -> tuple[str, str]:
    """Return what is wrong with a value, and how to write it."""
    reason = str(error).partition(" (at ")[0]
    what = f"--set {key}={value}: this is not TOML: {reason}."
    if value[0] in "[{":
        example = f'{key}=["a", "b"]' if value[0] == "[" else f'{key}={{a = "b"}}'
        return what, f"Write it as in --set {shlex.quote(example)}."
    inner = value[1:-1]
    # What a shell would change within its double quotes is written without quotes of TOML.
    plain = frozenset("\"'$`!").isdisjoint(inner) and "\\\\" not in inner
    written = f"\"{key}='{inner}'\"" if plain else shlex.quote(f"{key}={inner}")
    return what, f"Write it as --set {written}{_literally(error)}."


def _literally(error: Exception) -> str:
    """Return a hint where TOML has stumbled over a backslash, or over a text without quotes."""
    if "\\" in str(error):
        return "; within single quotes a backslash is a backslash"
    return "; texts stand in quotes" if str(error).startswith("Invalid value") else ""
