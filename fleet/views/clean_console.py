"""The consoles for what moves on a terminal: displays and progress bars."""

from __future__ import annotations

import sys
from collections.abc import Iterable

from rich.console import Console, ConsoleOptions, RenderableType, RenderHook
from rich.segment import Segment

from fleet.text import clean
from fleet.views.clean_stream import clean_output, raw_stream


class CleanConsole(Console):
    """A console of rich on stdout or stderr that draws only what rich means to draw.

    The texts in a drawing are cleaned; rich's own colours and cursor moves are not. A text is taken
    as it is: no markup, no codes for emoji.
    """

    def __init__(self, *, stderr: bool = False) -> None:
        stream = sys.stderr if stderr else sys.stdout
        super().__init__(
            file=raw_stream(stream), stderr=stderr, markup=False, emoji=False, highlight=False
        )

    def render(
        self, renderable: RenderableType, options: ConsoleOptions | None = None
    ) -> Iterable[Segment]:
        """Yield the pieces of a drawing, their texts cleaned."""
        for segment in super().render(renderable, options):
            yield (segment if segment.control else segment._replace(text=clean(segment.text)))

    def push_render_hook(self, hook: RenderHook) -> None:
        """Begin a display, which takes over what else is written until it ends."""
        super().push_render_hook(hook)
        # It would show the colours and links in that, hidden text included.
        clean_output()
