"""A script that reads tables and ends: Arrow's threads do not outlive the interpreter."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from made_up import claimed, commit_lease

from fleet.parquet.arrow_threads import native_buffer
from fleet.parquet.ranged_file import RangedFile
from fleet.storage import Folder

SCRIPT = """
import sys, time, fleet
import fleet.storage.folder as storage

class Late:
    "Holds the interpreter's end up, so that threads ask for it in vain."
    def __del__(self, sleep=time.sleep):
        sleep(1)

late, whole, seen = Late(), storage.Folder.read_range, set()

def slow(self, name, offset, length):
    seen.add(name)
    if len(seen) > 3:
        time.sleep(0.3)
        {then}
    return whole(self, name, offset, length)

tables = fleet.read(sys.argv[1])
storage.Folder.read_range = slow
{use}
print("read")
"""
USES = {
    "the first rows": "tables.detections.head(1)",
    "the first batch": "next(iter(fleet.read(sys.argv[1]).detections.to_batches()))",
    "a reader that stays open": (
        "reader = tables.detections.scanner().to_reader(); reader.read_next_batch()"
    ),
    "a child that is forked while it reads": (
        "tables.detections.head(1); import os\n"
        "if not os.fork(): sys.exit()\n"
        "assert os.wait()[1] == 0"
    ),
    "all of it": "fleet.read(sys.argv[1]).detections.to_table()",
}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An output of twelve leases."""
    folder = claimed(Folder(str(tmp_path_factory.mktemp("out"))))
    for number in range(12):
        commit_lease(folder, f"video {number:02}", range(4))
    return folder.uri


def run(out: str, use: str, then: str = "pass") -> subprocess.CompletedProcess[str]:
    """Run the script in a process of its own."""
    command = [sys.executable, "-c", SCRIPT.format(use=use, then=then), out]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("use", USES)
def test_a_script_ends_while_arrow_reads_ahead(out: str, use: str) -> None:
    """It aborted: threads that came back from a read found the interpreter at its end."""
    done = run(out, USES[use])
    assert (done.returncode, done.stdout) == (0, "read\n"), done.stderr


def test_a_script_that_fails_ends_with_its_traceback(out: str) -> None:
    """The error of a read is in the hands of those threads, too."""
    done = run(out, USES["all of it"], 'raise FileNotFoundError("away")')
    assert done.returncode == 1, done.stderr
    assert "is gone" in done.stderr.splitlines()[-1]


def test_what_arrow_gets_is_memory_of_its_own(tmp_path: Path) -> None:
    """A buffer over bytes would have to be given back to the interpreter."""
    folder = Folder(str(tmp_path))
    folder.put("x", b"0123456789" * 1000)
    (entry,) = folder.list()
    before = pa.total_allocated_bytes()
    file = RangedFile(folder, entry)
    file.seek(10)
    buffers = [file.read_buffer(5000), native_buffer(b""), native_buffer(b"abc" * 1000)]
    assert pa.total_allocated_bytes() - before >= 8000
    assert [buffer.to_pybytes() for buffer in buffers] == [b"0123456789" * 500, b"", b"abc" * 1000]
    assert file.tell() == 5010
