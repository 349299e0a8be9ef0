"""A reader of pages, who types what they say, line by line, and sees whether what comes is what they show.

How a block is read (tests/support/pages.py says which ones are, and shown.py when lines match):

* `$ ` begins a command; below it stands what it prints, all of it, until the next one. A block without
  `$ ` shows nothing: each of its lines is a command that has to succeed.
* `^C` is typed once all above it has been printed. A block that begins with it speaks of the terminal
  in which a local cluster is still running; every other command has a terminal that ends with it.
* `export` holds for all later commands, and so does what a command that ends with `bin/activate` sets.
* A command that only looks (LOOKS) is typed again until it shows what the page shows.
* A file that a page shows is written. A link to a section of README.md is followed before what is below it.
"""

from __future__ import annotations

import getpass
import os
import queue
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from typing import Self

from page_steps import INTERRUPT, DayError, Step, steps
from pages import Block, blocks
from shown import Match, Names

LOOKS = ("fleet top", "fleet jobs", "fleet status", "ray status", "ray list")
ACTIVATES = "bin/activate"
STAYS = "python cluster/local.py"
"""What goes on, without `--`, until somebody ends it."""
PATIENCE_S = 180.0
"""A command that prints nothing for so long hangs; what only looks is typed again for so long."""
SETS_UP_S = 900.0
"""What sets up downloads meanwhile, and says nothing."""
_END = None

Say = Callable[[str], None]


@dataclass
class Running:
    """A command that has been typed."""

    step: Step
    process: subprocess.Popen[str]
    match: Match | None
    printed: list[str] = field(default_factory=list)
    _lines: queue.SimpleQueue[str | None] = field(default_factory=queue.SimpleQueue)

    def listen(self) -> None:
        """Begin to read what it prints."""
        Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put(_END)

    def follow(self, until: Callable[[], bool], patience_s: float = PATIENCE_S) -> bool:
        """Match what is printed until something holds, or its end; return whether that came first."""
        while not until():
            try:
                line = self._lines.get(timeout=patience_s)
            except queue.Empty:
                raise DayError(self.told(f"printed nothing more for {patience_s:.0f} s")) from None
            if line is _END:
                return True
            self.printed.append(line.rstrip("\n"))
            if self.match is not None:
                self.match.take(self.printed[-1])
        return False

    def told(self, what: str) -> str:
        """Return a sentence about it, and all that it printed."""
        return "\n".join([f"$ {self.step.typed}", *self.printed, f"--> {what}"])

    def key(self) -> None:
        """Type Ctrl-C: the whole terminal gets SIGINT."""
        os.killpg(self.process.pid, signal.SIGINT)

    def kill(self) -> None:
        """End it where it goes on, with SIGTERM first, so that a cluster ends what it has started."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


class PageReader:
    """Who follows pages in a checkout; use as a context, which ends what is left running.

    `sections`: of README.md, what has been followed. `environment`: of all commands.
    """

    def __init__(self, checkout: Path, environment: Mapping[str, str], say: Say) -> None:
        self._checkout = checkout
        self._environment = dict(environment)
        self._say = say
        self._kept = checkout.with_name("environment")
        self._names = Names()
        self._cluster: Running | None = None
        self.followed: set[str] = set()
        """The places of the blocks that have been run."""
        self._stand_ins = (
            ("/home/me/fleet", str(checkout)),
            ("me@desk", f"{getpass.getuser()}@{socket.gethostname()}"),
            ("desk", socket.gethostname()),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._cluster is not None:
            self._cluster.kill()

    def follow(self, page: Sequence[Block]) -> None:
        """Do all that a page says, and what it sends its reader to in README.md."""
        for block in page:
            for section in block.reads:
                self.follow([each for each in self._readme() if each.section == section])
            if not block.excuse and block.place not in self.followed:
                self._do(block)

    def end(self) -> None:
        """Raise DayError where a cluster is left that no page has ended."""
        if self._cluster is not None:
            raise DayError(f"no page ends {self._cluster.step.typed!r}")

    def missed(self, pages: Sequence[Block]) -> list[Block]:
        """Return the blocks that are to be run, and have not been."""
        return [each for each in pages if not each.excuse and each.place not in self.followed]

    def _readme(self) -> list[Block]:
        return blocks(self._checkout, "README.md")

    def _do(self, block: Block) -> None:
        self.followed.add(block.place)
        if block.file:
            self._say(f"{block.place}: {block.file} is written")
            (self._checkout / block.file).write_text(block.text, "utf-8")
            return
        text = block.text
        for there, here in self._stand_ins:
            text = text.replace(there, here)
        running: Running | None = self._cluster
        for step in steps(text):
            began_s = time.monotonic()
            try:
                running = self._take(step, running)
            except DayError as error:
                raise DayError(f"{block.place}: {error}") from None
            took_s = time.monotonic() - began_s
            self._say(f"{block.place}: {took_s:5.1f} s  {step.typed.splitlines()[0][:90]}")

    def _take(self, step: Step, running: Running | None) -> Running | None:
        if step.typed == INTERRUPT:
            assert running is not None, "nothing runs that ^C could end"
            self._interrupt(step, running)
            return None
        typed = self._names.command(step.typed)
        if typed.startswith("export "):
            pairs = (word.split("=", 1) for word in shlex.split(typed)[1:])
            self._environment.update((name, value) for name, value in pairs)
            return running
        return self._look(step, typed) if typed.startswith(LOOKS) else self._run(step, typed)

    def _run(self, step: Step, typed: str) -> Running:
        running = self._start(step, typed)
        match = running.match
        if typed.endswith(ACTIVATES):
            running.follow(lambda: False, SETS_UP_S)
            self._check_end(running)
            self._environment = _read_environment(self._kept)
        elif typed.startswith(STAYS) and " -- " not in typed:
            assert match is not None, "the page is to show what a cluster prints"
            ended = running.follow(lambda: match.complete or match.mismatch is not None)
            self._cluster = running
            self._check(running, ended=ended)
        elif step.then_interrupted:
            assert match is not None
            ended = running.follow(lambda: match.complete or match.mismatch is not None)
            self._check(running, ended=ended)
        else:
            running.follow(lambda: match is not None and match.mismatch is not None)
            self._check_end(running)
        return running

    def _look(self, step: Step, typed: str) -> Running:
        until_s = time.monotonic() + PATIENCE_S
        seen: list[str] = []
        while True:
            running = self._start(step, typed)
            try:
                running.follow(lambda: False)
                self._check_end(running)
            except DayError as error:
                seen.append(str(error))
                if time.monotonic() > until_s:
                    # What did not match at first may say more than what is there in the end.
                    told = dict.fromkeys([seen[0], seen[len(seen) // 2], seen[-1]])
                    raise DayError("\n".join([f"typed {len(seen)} times", *told])) from None
                time.sleep(0.5)
            else:
                return running

    def _start(self, step: Step, typed: str) -> Running:
        kept = f" && env -0 > {shlex.quote(str(self._kept))}" if typed.endswith(ACTIVATES) else ""
        process = subprocess.Popen(
            ["bash", "-c", f"{typed}{kept}"],
            cwd=self._checkout,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        match = None if step.shown is None else Match(step.shown, self._names)
        running = Running(step, process, match)
        running.listen()
        return running

    def _check(self, running: Running, *, ended: bool) -> None:
        if running.match is not None and running.match.mismatch is not None:
            running.kill()
            raise DayError(running.told(str(running.match.mismatch)))
        if ended:
            raise DayError(running.told("it ended, where the page shows that it goes on"))

    def _check_end(self, running: Running) -> None:
        if running.match is not None and (mismatch := running.match.end()) is not None:
            running.kill()
            raise DayError(running.told(str(mismatch)))
        if code := running.process.wait(PATIENCE_S):
            raise DayError(running.told(f"exit code {code}"))

    def _interrupt(self, step: Step, running: Running) -> None:
        running.key()
        # What was on its way is printed before the key is heard of.
        above = running.match.last if running.match is not None else None
        running.match = Match(step.shown or (), self._names, above)
        running.follow(lambda: False)
        if (mismatch := running.match.end()) is not None:
            raise DayError(running.told(str(mismatch)))
        running.process.wait(PATIENCE_S)
        if running is self._cluster:
            self._cluster = None


def _read_environment(file: Path) -> dict[str, str]:
    """Return the variables that `env -0` has written."""
    written = file.read_text("utf-8").rstrip("\0").split("\0")
    return dict(line.split("=", 1) for line in written)
