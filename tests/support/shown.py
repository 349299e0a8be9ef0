"""What a page shows of a command, matched against what the command prints.

Each line that is printed matches the line that the page shows next, or the one that was matched last
(progress is told again and again); and each line of the page is printed. Blank lines behind the last one do
not count. Two lines match where they are equal but for

* numbers: any other; and a word behind a number may have its plural s or not;
* times that a number and a unit make, one or several, such as 1m52s: any other;
* bars of progress, sums of at least 12 hexadecimal digits, and blanks: as many as there are;
* names: ids of jobs, folders and ports of a local cluster, numbers of processes, ids of nodes. What a page
  calls by one name has one name here, too; commands that are copied from the page get it;
* `...`: whatever stands there; alone on a line: any lines.

The user, the machine, and the folder that a page tells of (me, desk, /home/me/fleet) stand for those of
who follows it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

ANY = "..."
_NODE = r"f{51}[0-9a-f]{5}"
_NAMES = rf"raysubmit_\w+|fleet-local-\w+|127\.0\.0\.1:\d+|{_NODE}|(?<=pid )\d+|(?<=kill -KILL )\d+"
_KINDS = (r"raysubmit_\w+", r"fleet-local-\w+", r"127\.0\.0\.1:\d+", _NODE, r"\d+")
_SUM = r"\b[0-9a-f]{12,}\b"
_TIME = r"(?:\d[\d,.]*(?:ms|h|m|s)(?![a-z]))+"
_BAR = r"[━╸╺]+"
_NUMBER = r"<?\d[\d,]*(?:\.\d+)?"
_TOKEN = re.compile(
    rf"(?P<any>\.\.\.)|(?P<name>{_NAMES})|(?P<sum>{_SUM})|(?P<time>{_TIME})|(?P<bar>{_BAR})"
    rf"|(?P<number>{_NUMBER})(?P<word> [a-z]+?s?\b)?|(?P<blank>\s+)"
)


@dataclass
class Names:
    """What a page calls by a name, and what that is called here; filled as lines are matched."""

    here: dict[str, str] = field(default_factory=dict)

    def command(self, text: str) -> str:
        """Return a command of the page with the names of here."""
        return re.sub(_NAMES, lambda found: self.here.get(found[0], found[0]), text)


@dataclass(frozen=True)
class Mismatch:
    """The first line that does not match: what is printed, and what may stand there."""

    printed: str | None
    """The line; None where nothing more is printed though the page shows more."""
    shown: tuple[str, ...]
    """The lines of the page that it could have been."""

    def __str__(self) -> str:
        """As a sentence or two."""
        expected = " or ".join(map(repr, self.shown)) or "nothing more"
        return f"printed {self.printed!r}, the page shows {expected}"


class Match:
    """Lines of a page that are matched with lines as they are printed, one by one."""

    def __init__(self, shown: Sequence[str], names: Names, above: str | None = None) -> None:
        """Match `shown`; `above`, a line that was matched before, may be printed once more."""
        first = [] if above is None else [above]
        self._shown = [line.rstrip() for line in (*first, *shown)]
        self._names = names
        self._next = len(first)
        self.mismatch: Mismatch | None = None

    @property
    def last(self) -> str | None:
        """The line of the page that was matched last."""
        return self._shown[self._next - 1] if self._next else None

    def take(self, printed: str) -> None:
        """Match one more line; the first that does not match is kept as `mismatch`."""
        at = self._next
        if self.mismatch is not None or (at == len(self._shown) and not printed.strip()):
            return
        places = (at + 1,) if self._is_gap(at) else (at,)
        candidates = [place for place in places if place < len(self._shown)]
        # The next line comes first: a line that is shown twice is printed twice.
        last = [at - 1] if at and not self._is_gap(at - 1) else []
        for place in [*candidates, *last]:
            if self._matches(self._shown[place], printed.rstrip()):
                self._next = place + 1
                return
        if not self._is_gap(at):
            self.mismatch = Mismatch(printed, tuple(self._shown[i] for i in [*last, *candidates]))

    def _is_gap(self, place: int) -> bool:
        return place < len(self._shown) and self._shown[place] == ANY

    @property
    def complete(self) -> bool:
        """Whether every line of the page has been printed."""
        rest = self._shown[self._next :]
        return self.mismatch is None and all(line == ANY for line in rest)

    def end(self) -> Mismatch | None:
        """Return what does not match, now that nothing more is printed."""
        if self.mismatch is None and not self.complete:
            return Mismatch(None, tuple(self._shown[self._next : self._next + 1]))
        return self.mismatch

    def _matches(self, shown: str, printed: str) -> bool:
        names: list[str] = []
        found = re.fullmatch(_pattern(shown, names), printed)
        if found is None:
            return False
        pairs = dict(zip(names, found.groups(), strict=True))
        known = self._names.here
        if any(known.get(name, here) != here and ":" not in name for name, here in pairs.items()):
            return False
        known.update(pairs)
        return True


def _pattern(shown: str, names: list[str]) -> str:
    """Return the expression that a printed line matches; `names` gets what its groups are called."""
    found, at = "", 0
    for token in _TOKEN.finditer(shown):
        found += re.escape(shown[at : token.start()]) + _expression(token, names)
        at = token.end()
    return found + re.escape(shown[at:])


def _expression(token: re.Match[str], names: list[str]) -> str:
    kind = token.lastgroup
    if kind == "name":
        names.append(token[0])
        return next(f"({each})" for each in _KINDS if re.fullmatch(each, token[0]))
    if kind == "word":
        # `2 devices` where the page has `1 device`; the word's own s is no reason to differ.
        bare = token["word"].removesuffix("s")
        return f"{_NUMBER}{re.escape(bare)}s?"
    plain = {
        "any": ".*",
        "sum": _SUM,
        "time": _TIME,
        "bar": _BAR,
        "number": _NUMBER,
        "blank": r"\s+",
    }
    return plain[str(kind)]
