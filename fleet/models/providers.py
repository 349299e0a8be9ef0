"""What ONNX Runtime computes with, as a job's file says it; nothing here loads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SUFFIX = "ExecutionProvider"
"""The end of ONNX Runtime's own names of providers, which is left out here."""
CPU = "CPU"
MOST_THREADS = 1024
_ENTRY = 'a list of tables such as {name = "CPU", threads = 1}'


@dataclass(frozen=True)
class Provider:
    """One execution provider of ONNX Runtime, with its options."""

    name: str
    """ONNX Runtime's name without its end: CPU, CUDA, OpenVINO."""
    options: tuple[tuple[str, str], ...] = ()
    """Names and values, as ONNX Runtime takes them; of CPU, `threads` alone."""

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("a provider has a name, such as CPU")
        if not self.is_cpu:
            return
        if unknown := [name for name, _ in self.options if name != "threads"]:
            raise ValueError(f"the provider CPU has the option threads alone, not {unknown[0]}")
        threads = dict(self.options).get("threads", "1")
        if not threads.isdecimal() or not 1 <= int(threads) <= MOST_THREADS:
            raise ValueError(f"the threads of CPU are 1 to {MOST_THREADS}, not {threads}")

    def __str__(self) -> str:
        options = ", ".join(f"{name} {value}" for name, value in self.options)
        return f"{self.name} ({options})" if options else self.name

    @property
    def is_cpu(self) -> bool:
        """Return whether it is the processor of the host."""
        return self.name.lower() == CPU.lower()


def read_providers(value: object) -> tuple[Provider, ...]:
    """Return providers from a list of tables, in which all but `name` is an option.

    Raises ValueError for anything else, and for one that is named twice.
    """
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ValueError(_ENTRY)  # noqa: TRY004 - it is what the reader of a field raises
    found = tuple(entry if isinstance(entry, Provider) else _read(entry) for entry in value)
    names = [provider.name.lower() for provider in found]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"the provider {twice.pop()} is named twice")
    return found


def threads_of(providers: Sequence[Provider]) -> int:
    """Return on how many threads of the host a network runs; 1 where nothing is said."""
    options = [dict(provider.options) for provider in providers if provider.is_cpu]
    return int(options[0].get("threads", "1")) if options else 1


def _read(entry: object) -> Provider:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
        raise ValueError(_ENTRY)  # noqa: TRY004 - it is what the reader of a field raises
    options = {name: _text(name, value) for name, value in entry.items() if name != "name"}
    return Provider(entry["name"].removesuffix(SUFFIX), tuple(sorted(options.items())))


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str | int | float):
        raise ValueError(f"the option {name} of a provider is a text or a number, not {value!r}")  # noqa: TRY004
    return str(value)
