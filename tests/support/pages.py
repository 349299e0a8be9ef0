"""The code blocks of a page of ours, and which of them a reader can follow on this machine.

A block is fenced, or indented by four blanks. A comment `<!-- not run: WHY -->` in the page's source
excuses the block below it, or, right below a heading, all of that section. Nothing else does.

A fenced block whose language is that of the last file named above it is that file: `job.py`, python.
Every other block without a language, or in `sh`, is what is typed, and, behind `$ `, what is printed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

_HEADING = re.compile(r"^(#+) (.*)")
_EXCUSE = re.compile(r"^<!-- not run: (.*?) *-->$")
_FENCE = re.compile(r"^```(\w*)$")
_FILE = re.compile(r"`([\w-]+)\.(\w+)`")
_LINK = re.compile(r"\]\(\.\./(README\.md)#([\w-]+)\)")
_ENDINGS = {"python": "py", "toml": "toml"}
_INDENT = "    "


@dataclass(frozen=True)
class Block:
    """A block of a page."""

    page: str
    """The page, by its path in the checkout."""
    line: int
    """The line of the page in which it begins, from 1."""
    section: str
    """The heading that it stands under, as links name it."""
    text: str
    """What it holds, without its indent and its fences."""
    file: str = ""
    """The file that it is; empty for what is typed."""
    excuse: str = ""
    """Why it is not run; empty for what is."""
    reads: tuple[str, ...] = ()
    """Sections of README.md that the page sends its reader to, between the block before and this one."""

    @property
    def place(self) -> str:
        """Where it is."""
        return f"{self.page}:{self.line}"


class PageError(Exception):
    """A page that does not keep the rule of its markers."""


@dataclass
class _Reader:
    """What is known at a line of a page."""

    page: str
    section: str = ""
    excuses: dict[int, str] = field(default_factory=dict)
    """Of the sections that this line is in, by their level."""
    pending: tuple[int, str] | None = None
    """The last excuse, until it is known what it excuses."""
    below_heading: int = 0
    """The level of the heading above, where nothing but blank lines lies in between."""
    named: tuple[str, str] | None = None
    reads: list[str] = field(default_factory=list)
    unused: dict[int, int] = field(default_factory=dict)
    """The lines of excuses of sections that have excused no block so far, by their level."""

    def heading(self, level: int, title: str) -> None:
        self._nothing_pending()
        for deeper in [each for each in self.excuses if each >= level]:
            self._end(deeper)
        self.section, self.below_heading, self.named = anchor(title), level, None

    def _end(self, level: int) -> None:
        del self.excuses[level]
        if level in self.unused:
            raise PageError(f"{self.page}:{self.unused[level]}: the marker excuses no block")

    def excuse(self, line: int, why: str) -> None:
        self._nothing_pending()
        if not why:
            raise PageError(f"{self.page}:{line}: the marker does not say why")
        if self.below_heading:
            self.excuses[self.below_heading] = why
            self.unused[self.below_heading] = line
        else:
            self.pending = line, why

    def prose(self, text: str) -> None:
        self._nothing_pending()
        self.below_heading = 0
        self.reads += [section for _, section in _LINK.findall(text)]
        if found := _FILE.findall(text):
            self.named = found[-1]

    def block(self, line: int, language: str, lines: list[str]) -> Block:
        why = ""
        if self.excuses:
            level = max(self.excuses)
            why = self.excuses[level]
            self.unused.pop(level, None)
        if self.pending:
            why, self.pending = self.pending[1], None
        self.below_heading = 0
        reads, self.reads = tuple(self.reads), []
        text = "\n".join(lines).strip("\n") + "\n"
        return Block(
            self.page, line, self.section, text, self._file(line, language, why), why, reads
        )

    def _file(self, line: int, language: str, why: str) -> str:
        if language in {"", "sh"}:
            return ""
        if self.named is not None and self.named[1] == _ENDINGS.get(language):
            name, self.named = ".".join(self.named), None
            return name
        if not why:
            raise PageError(f"{self.page}:{line}: no file is named for what is in {language}")
        return ""

    def end(self) -> None:
        self._nothing_pending()
        for level in list(self.excuses):
            self._end(level)

    def _nothing_pending(self) -> None:
        if self.pending:
            raise PageError(f"{self.page}:{self.pending[0]}: the marker excuses no block")


def anchor(title: str) -> str:
    """Return a heading as links name it."""
    return re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-")


def blocks(root: Path, page: str) -> list[Block]:
    """Return the blocks of a page, in their order; raises PageError for a marker out of place."""
    return list(_blocks(page, (root / page).read_text("utf-8").splitlines()))


def _blocks(page: str, lines: list[str]) -> Iterator[Block]:
    reader, at, blank = _Reader(page), 0, True
    while at < len(lines):
        line, first = lines[at], at + 1
        if fence := _FENCE.match(line):
            end = lines.index("```", first)
            yield reader.block(first, fence[1], lines[first:end])
            at, blank = end + 1, False
        elif blank and line.startswith(_INDENT):
            end = _end_of_indented(lines, at)
            yield reader.block(first, "", [each[len(_INDENT) :] for each in lines[at:end]])
            at, blank = end, True
        else:
            if heading := _HEADING.match(line):
                reader.heading(len(heading[1]), heading[2])
            elif excuse := _EXCUSE.match(line):
                reader.excuse(first, excuse[1])
            elif line:
                reader.prose(line)
            at, blank = first, not line or bool(_EXCUSE.match(line))
    reader.end()


def _end_of_indented(lines: list[str], at: int) -> int:
    end = at
    for number in range(at, len(lines)):
        if lines[number].startswith(_INDENT):
            end = number + 1
        elif lines[number]:
            break
    return end
