"""How the end of a worker's process is told."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from fleet.executors.processes.endings import memory_kills, why_ended


@pytest.mark.parametrize(
    ("code", "killed_for_memory", "reason"),
    [
        (0, False, "its process ended by itself (exit code 0)"),
        (70, True, "its process ended by itself (exit code 70)"),
        (-signal.SIGABRT, False, "its process ended in a crash of native code (SIGABRT)"),
        (-signal.SIGSEGV, True, "its process ended in a crash of native code (SIGSEGV)"),
        (-signal.SIGKILL, True, "the kernel ended its process because memory was spent (SIGKILL)"),
        (-signal.SIGXCPU, True, "its process was ended by SIGXCPU"),
        (-(signal.SIGRTMIN + 1), False, f"its process was ended by signal {signal.SIGRTMIN + 1}"),
    ],
)
def test_the_reason_names_the_exit_code_or_the_signal(
    code: int, killed_for_memory: bool, reason: str
) -> None:
    """And memory only where a kill may have been for it."""
    assert why_ended(code, b"", killed_for_memory=killed_for_memory) == reason
    assert why_ended(code, b"\n  \n", killed_for_memory=killed_for_memory) == reason


def test_the_last_line_is_repeated_without_secrets_and_in_one_line() -> None:
    """Cut to a length, whatever bytes they are."""
    words = (
        b"first\nGET https://u:secret@host/x?X-Amz-Signature=abc \xff\x1b[31m"
        + b"x" * 999
        + b"\n\n"
    )
    reason = why_ended(1, words, killed_for_memory=False)
    told = reason.partition("it wrote last: ")[2]
    assert told.startswith("GET https://")
    assert len(told) <= 200
    assert not {"secret@", "abc", "first", "\x1b", "\n"} & set(told.split())
    assert "secret" not in told
    assert "\x1b" not in told


def test_kills_for_memory_are_counted_where_the_kernel_counts_them(tmp_path: Path) -> None:
    """An old kernel has no such line; a sandbox has no such file."""
    counts = tmp_path / "vmstat"
    assert memory_kills(counts) is None
    counts.write_text("nr_free_pages 7\n")
    assert memory_kills(counts) is None
    counts.write_text("nr_free_pages 7\noom_kill 3\noom_kill_other 9\n")
    assert memory_kills(counts) == 3
