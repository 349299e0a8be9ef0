"""What libav says while it decodes: of some damage that it patches up it says so nowhere else."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import av.logging

PATCHING = frozenset(
    {"ffv1", "flv1", "h263", "mpeg4", "msmpeg4v2", "msmpeg4v3", "wmv1", "wmv2"},
)
"""Codecs whose decoders patch up a picture, report no error, and do not mark it."""


@contextmanager
def complaints() -> Iterator[list[str]]:
    """Yield a list which, behind the block, holds what libav called an error in it.

    What other threads decode is not in it.
    """
    said: list[str] = []
    with _HANDED_ON.for_a_while(), av.logging.Capture() as captured:
        yield said
    said += [text.strip() for level, _, text in captured if level <= av.logging.ERROR]


class _HandedOn:
    """Has PyAV ask libav for its messages while somebody listens; by default it does not.

    It asks for the whole process. What is said in other threads meanwhile is not printed, unless
    the program has set up logging.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners = 0
        self._level_before: int | None = None
        self._handler = logging.NullHandler()

    @contextmanager
    def for_a_while(self) -> Iterator[None]:
        with self._lock:
            self._listeners += 1
            if self._listeners == 1:
                self._begin()
        try:
            yield
        finally:
            with self._lock:
                self._listeners -= 1
                if not self._listeners:
                    self._end()

    def _begin(self) -> None:
        self._level_before = av.logging.get_level()
        logging.getLogger("libav").addHandler(self._handler)
        if self._level_before is None or self._level_before < av.logging.ERROR:
            av.logging.set_level(av.logging.ERROR)

    def _end(self) -> None:
        av.logging.set_level(self._level_before)
        logging.getLogger("libav").removeHandler(self._handler)


_HANDED_ON = _HandedOn()
