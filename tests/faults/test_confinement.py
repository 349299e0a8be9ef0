"""What a video could do if it made libav run what it holds: nothing that it has a use for."""

from __future__ import annotations

import ctypes
import json
import logging
import os
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from truth import MemoryReader

from fleet.core.source import Source
from fleet.errors import NotAVideoError
from fleet.video.probe import sandbox
from fleet.video.probe.sandbox import Probes

# It is confined as the child is, but for what the kernel is said to lack, and then attacks.
ATTACKER = """
import ctypes, json, os, socket, sys
from fleet.video.probe import confinement

parent, port, victim, lacking = os.getppid(), int(sys.argv[1]), sys.argv[2], sys.argv[3].split(",")
for name in filter(None, lacking):
    setattr(confinement, name, lambda: False)
libc = ctypes.CDLL(None, use_errno=True)
vast = ctypes.create_string_buffer(4096)
# One piece of memory each: eight bytes of ours, and as many of the parent's.
ours = (ctypes.c_uint64 * 2)(ctypes.addressof(vast), 8)
theirs = (ctypes.c_uint64 * 2)(int(sys.argv[4]), 8)

def call(number, *arguments):
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

def connect(kind, family=socket.AF_INET, to=("127.0.0.1", port)):
    with socket.socket(family, kind) as made:
        made.settimeout(2)
        made.connect(to)
        made.send(b"x")

def run():
    if os.spawnv(os.P_WAIT, "/bin/true", ["true"]):
        raise OSError("it did not run")

attacks = {
    "read a file": lambda: open(victim).read(),
    "write a file": lambda: open(victim + ".new", "w"),
    "delete a file": lambda: os.unlink(victim),
    "list a folder": lambda: os.listdir("/"),
    "read the parent's environment": lambda: open(f"/proc/{parent}/environ", "rb").read(),
    "read the parent's memory": lambda: open(f"/proc/{parent}/mem", "rb"),
    "read it by a system call": lambda: call(310, parent, ours, 1, theirs, 1, 0),
    "trace the parent": lambda: call(101, 0x4206, parent, 0, 0),
    "signal the parent": lambda: os.kill(parent, 0),
    "connect": lambda: connect(socket.SOCK_STREAM),
    "send a datagram": lambda: connect(socket.SOCK_DGRAM),
    "listen": lambda: socket.create_server(("127.0.0.1", 0)),
    "run a program": run,
    "make a ring for requests": lambda: call(425, 8, vast),
    "open by another number": lambda: call(0x40000002, b"/etc/passwd", 0),
}
left = confinement.confine()
succeeded = []
for name, attack in attacks.items():
    try:
        attack()
        succeeded.append(name)
    except OSError:
        pass
os.write(1, json.dumps({"left": left, "succeeded": succeeded}).encode())
"""
LANDLOCK, FILTER, NAMESPACE = "_deny_files", "_filter_calls", "_leave_network"


def attack(folder: Path, *lacking: str) -> tuple[list[str], list[str]]:
    """Attack from a confined process; return what was said to be left to it, and what succeeded."""
    victim = folder / "victim"
    victim.write_text("precious")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        secret = ctypes.create_string_buffer(b"precious")
        options = (port, victim, ",".join(lacking), ctypes.addressof(secret))
        command = [sys.executable, "-c", ATTACKER, *map(str, options)]
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
        ran = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, env=environment, timeout=60
        )
    if "delete a file" not in (told := json.loads(ran.stdout))["succeeded"]:
        assert victim.read_text() == "precious"
    return told["left"], told["succeeded"]


def test_without_confinement_attacks_succeed(tmp_path: Path) -> None:
    """The tests below are live."""
    left, succeeded = attack(tmp_path, LANDLOCK, FILTER, NAMESPACE)
    assert left == ["the network", "files and other processes"]
    for name in ("read a file", "read the parent's environment", "signal the parent", "connect"):
        assert name in succeeded
    assert {"write a file", "list a folder", "send a datagram", "listen"} <= set(succeeded)
    assert {"read it by a system call", "run a program"} <= set(succeeded)


def test_a_confined_process_reaches_nothing(tmp_path: Path) -> None:
    """No file, no address, no other process, no program."""
    assert attack(tmp_path) == ([], [])


@pytest.mark.parametrize("lacking", [(NAMESPACE,), (LANDLOCK,), (NAMESPACE, LANDLOCK)])
def test_the_filter_alone_keeps_what_it_says(tmp_path: Path, lacking: tuple[str, ...]) -> None:
    """In a container namespaces are often forbidden, and old kernels have no Landlock."""
    left, succeeded = attack(tmp_path, *lacking)
    assert left == []
    # What has no name to open is not looked into; the filter does not look at paths.
    assert set(succeeded) <= {"delete a file"}


def test_without_the_filter_the_two_others_keep_it(tmp_path: Path) -> None:
    """Both of them: a socket that leads nowhere, and a ring that opens nothing, are left."""
    left, succeeded = attack(tmp_path, FILTER)
    assert left == []
    assert set(succeeded) <= {"make a ring for requests", "listen"}


@pytest.mark.parametrize(
    ("lacking", "says"),
    [((FILTER, NAMESPACE), ["the network"]), ((FILTER, LANDLOCK), ["files and other processes"])],
)
def test_what_the_kernel_does_not_take_away_is_said(
    tmp_path: Path, lacking: tuple[str, ...], says: list[str]
) -> None:
    """Nothing is hoped for in silence."""
    assert attack(tmp_path, *lacking)[0] == says


def test_the_process_that_looks_at_headers_is_confined() -> None:
    """From before it gets its first byte; it has a network of its own, with nobody in it."""
    with closing(Probes(2)) as made:
        with pytest.raises(NotAVideoError):
            made.probe(Source("x", 0, ""), MemoryReader(b""))
        (child,) = made.processes
        status = Path(f"/proc/{child}/status").read_text()
        network = Path(f"/proc/{child}/ns/net").readlink()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")
    assert network != Path("/proc/self/ns/net").readlink()


def test_what_is_left_to_it_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """Not for every video."""
    sandbox._warn.cache_clear()
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            sandbox._warn("the network")
    (record,) = caplog.records
    assert "take the network from the process that looks at headers" in record.getMessage()
