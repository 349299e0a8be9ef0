"""Making text from outside safe to print on one line."""

from __future__ import annotations


def one_line(text: str) -> str:
    r"""Return the text with escapes for what breaks a line or controls a terminal: \n, \x1b.

    Names of files and messages of libraries may hold anything.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
