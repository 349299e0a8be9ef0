"""Text from outside, made fit for a line on a terminal."""

from __future__ import annotations


def one_line(text: str) -> str:
    r"""Write what would break a line or steer a terminal as escapes: \n, \x1b, \u202e.

    Names of files and messages of libraries may hold anything.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
