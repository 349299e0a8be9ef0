"""Several hosts on one machine, by Linux namespaces.

Each host has an address, a name, processes, /dev/shm and /tmp/ray of its own; disks and cores are
shared. A bridge in a namespace of its own joins them: nothing is added to the machine's network,
and no packet can leave. Needs root, iproute2 and util-linux. All ends with the process that made
them, whatever ends it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Any

PROGRAMS = ("ip", "unshare", "nsenter", "setpriv")
# Run as the first process of a host: gives it what is its own, then waits; dead children of the
# host's processes are its to bury.
_FIRST_PROCESS = """
hostname "$1" && mkdir -p /tmp/ray && mount --bind "$0/ray" /tmp/ray &&
mount -t tmpfs -o size=1g shm /dev/shm && mount --bind "$0/../hosts" /etc/hosts && ip link set lo up &&
touch "$0/ready"; while :; do sleep 3600 & wait $!; done
"""
_NAMESPACES = ("--net", "--pid", "--mount", "--uts", "--ipc")
# They end with the process that started them, even if it is killed.
_BOUND = ("setpriv", "--pdeathsig", "KILL", "unshare", "--net")


def wait_for(ready: Callable[[], Any], what: str, most_s: float = 30) -> Any:
    """Wait until `ready` gives something; fails the test after `most_s`."""
    until_s = time.monotonic() + most_s
    while not (found := ready()):
        assert time.monotonic() < until_s, f"{what}: not within {most_s:.0f} s"
        time.sleep(0.02)
    return found


def missing_for_hosts() -> str | None:
    """Tell what this machine lacks to play several hosts; None where it can."""
    if sys.platform != "linux" or os.geteuid():
        return "hosts as namespaces need root on Linux"
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    return f"not installed: {', '.join(missing)}" if missing else None


@dataclass(frozen=True)
class Host:
    """A host; `first`: its first process, `switch`: the bridge's, as this machine numbers them.

    `started`: what entered it from here.
    """

    name: str
    address: str
    folder: Path
    first: int
    switch: int
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(
        self,
        command: Sequence[str],
        log: Path,
        environment: Mapping[str, str] | None = None,
        errors: Path | None = None,
    ) -> subprocess.Popen[bytes]:
        """Run a command on the host; what it prints goes into `log`.

        What it prints to stderr goes there as well, or into `errors`. A signal to the process that
        is given here does not reach the command: see `find`.
        """
        with log.open("wb") as output, (errors or log).open("ab") as others:
            process = subprocess.Popen(
                ["nsenter", "-t", str(self.first), *_NAMESPACES, "--", *command],
                env={**os.environ, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=others if errors else subprocess.STDOUT,
            )
        self.started.append(process)
        return process

    def unplug(self) -> None:
        """Pull its cable: packets vanish both ways, and neither end notices."""
        _ip(self.switch, "link", "set", self.name, "nomaster")

    def hide(self, folder: Path) -> None:
        """Have a folder be empty here, as where a disk of the network was never mounted."""
        mount = ("mount", "-t", "tmpfs", "-o", "ro", "none", str(folder))
        subprocess.run(["nsenter", "-t", str(self.first), "--mount", *mount], check=True)

    def plug(self) -> None:
        """Put its cable back."""
        _ip(self.switch, "link", "set", self.name, "master", "br0")

    def off(self) -> None:
        """Cut its power: every process is gone at once, and nothing is said to anybody."""
        # The kernel kills a pid namespace with its first process; first the network, so that no
        # closed connection tells.
        self.unplug()
        os.kill(self.first, signal.SIGKILL)

    def freeze(self) -> None:
        """Stop every process where it is, as on a machine that hangs."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on."""
        self._signal(signal.SIGCONT)
        # nsenter stops itself when its child is stopped.
        for process in self.started:
            process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """End all that runs there by SIGKILL; the host itself, and its network, stay."""
        while left := [pid for pid in self.processes() if pid not in self._own()]:
            for pid in left:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    # It has ended meanwhile.
                    continue

    def _own(self) -> list[int]:
        """Return what keeps the host there, as this machine numbers it: its first processes."""
        children = Path(f"/proc/{self.first}/task/{self.first}/children").read_text("utf-8")
        return [
            self.first,
            *(pid for pid in map(int, children.split()) if "sleep" in _command_line(pid)),
        ]

    @contextmanager
    def slowed(self, times: float) -> Iterator[None]:
        """Have every process take about so many times as long, until the block ends."""
        over = Event()

        def hold_back() -> None:
            while not over.is_set():
                self.freeze()
                time.sleep(0.2 * (1 - 1 / times))
                self.thaw()
                time.sleep(0.2 / times)

        brake = Thread(target=hold_back)
        brake.start()
        try:
            yield
        finally:
            over.set()
            brake.join()

    def processes(self) -> list[int]:
        """Every process of the host, as this machine numbers them."""
        mine = _namespace(self.first, "pid")
        everyone = [int(path.name) for path in Path("/proc").glob("[0-9]*")]
        return [pid for pid in everyone if mine and _namespace(pid, "pid") == mine]

    def find(self, *words: str) -> list[int]:
        """The host's processes whose command line has all these words."""
        return [p for p in self.processes() if all(word in _command_line(p) for word in words)]

    def _signal(self, number: int) -> None:
        for pid in self.processes():
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                # It has ended meanwhile.
                continue


@dataclass
class Network:
    """The bridge, and the hosts on it; `prefix`: the first three numbers of their addresses."""

    folder: Path
    switch: int
    prefix: str = "10.77.0"
    hosts: list[Host] = field(default_factory=list)
    _ends: ExitStack = field(default_factory=ExitStack)

    def add(self) -> Host:
        """Make one more host, and connect it."""
        number = len(self.hosts)
        name, address = f"h{number}", f"{self.prefix}.{10 + number}"
        folder = self.folder / name
        (folder / "ray").mkdir(parents=True)
        first = self._start(name, folder)
        # Both ends are made where they belong: the machine's own network never sees them.
        peer = ("type", "veth", "peer", "name", "eth0", "netns", str(first))
        _ip(self.switch, "link", "add", name, *peer)
        _ip(self.switch, "link", "set", name, "master", "br0", "up")
        _ip(first, "addr", "add", f"{address}/24", "dev", "eth0")
        _ip(first, "link", "set", "eth0", "up")
        self.hosts.append(Host(name, address, folder, first, self.switch))
        return self.hosts[-1]

    def _start(self, name: str, folder: Path) -> int:
        own = ("--pid", "--fork", "--kill-child", "--mount", "--mount-proc", "--uts", "--ipc")
        script = ("bash", "-c", _FIRST_PROCESS, str(folder), name)
        with (folder / "log").open("wb") as log:
            outer = self._ends.enter_context(_running([*_BOUND, *own, *script], log.fileno()))
        wait_for((folder / "ready").exists, f"{name}, {folder / 'log'}")
        return int(Path(f"/proc/{outer}/task/{outer}/children").read_text().split()[0])

    def close(self) -> None:
        """End all hosts, and what entered them."""
        self._ends.close()
        for process in (process for host in self.hosts for process in host.started):
            process.kill()
            process.wait()


@contextmanager
def network(folder: Path) -> Iterator[Network]:
    """Make a bridge; `folder` holds what is the hosts' own. All ends with the block."""
    with _running([*_BOUND, "sleep", "infinity"], subprocess.DEVNULL) as switch:
        _wait_for_own_network(switch)
        _ip(switch, "link", "add", "br0", "type", "bridge")
        _ip(switch, "link", "set", "br0", "up")
        made = Network(folder, switch)
        names = [f"{made.prefix}.{10 + number} h{number}\n" for number in range(32)]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "hosts").write_text("127.0.0.1 localhost\n" + "".join(names))
        try:
            yield made
        finally:
            made.close()


@contextmanager
def _running(command: Sequence[str], output: int) -> Iterator[int]:
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


def _wait_for_own_network(pid: int) -> None:
    ours = _namespace(os.getpid(), "net")
    wait_for(lambda: _namespace(pid, "net") != ours, "a network namespace")


def _ip(pid: int, *arguments: str) -> None:
    subprocess.run(["nsenter", "-t", str(pid), "--net", "ip", *arguments], check=True)


def _namespace(pid: int, kind: str) -> str:
    """Name a namespace of a process; empty where there is no such process."""
    try:
        return str(Path(f"/proc/{pid}/ns/{kind}").readlink())
    except OSError:
        return ""


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
