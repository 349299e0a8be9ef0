"""The edge to the terminal: all that the command writes to stdout and stderr goes through here.

File names, labels and messages come from elsewhere, and may hold what moves the cursor, changes the
title or hides text. So each text is cleaned where it leaves the process, whoever wrote it.
"""

from __future__ import annotations

import io
import sys
from typing import TextIO

from fleet.text import clean


class CleanStream(io.TextIOBase):
    """A text stream that cleans what is written to it; it is no terminal, so nobody colours it.

    What is cleaned and what `raw` cannot encode is written as an escape.
    """

    def __init__(self, raw: TextIO) -> None:
        super().__init__()
        self.raw = raw
        """The stream behind it, for those who clean their text themselves: see `CleanConsole`."""

    def write(self, text: str, /) -> int:
        """Write a text and return its length."""
        encoding = self.raw.encoding or "utf-8"
        self.raw.write(clean(text).encode(encoding, "backslashreplace").decode(encoding))
        return len(text)

    def flush(self) -> None:
        """Hand on what was written."""
        self.raw.flush()

    def fileno(self) -> int:
        """Return the descriptor behind it."""
        return self.raw.fileno()

    def writable(self) -> bool:
        """Return True: it is for output."""
        return True

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Return how text becomes bytes."""
        return self.raw.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        """Return what becomes of characters that cannot be encoded."""
        return self.raw.errors


def clean_output() -> None:
    """Clean from now on all that this process writes to `sys.stdout` and `sys.stderr`."""
    if not isinstance(sys.stdout, CleanStream):
        sys.stdout = CleanStream(sys.stdout)
    if not isinstance(sys.stderr, CleanStream):
        sys.stderr = CleanStream(sys.stderr)


def raw_stream(stream: TextIO) -> TextIO:
    """Return the stream behind a clean one, and any other as it is."""
    return stream.raw if isinstance(stream, CleanStream) else stream
