"""Pictures of tests are small, and packets of small ones are not looked at before they are fed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from fleet.video.references import lean


@contextmanager
def looked_at() -> Iterator[None]:
    """Look at packets of the small pictures that tests make as well, and never give up."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lean, "LEAST_PIXELS", 0)
        patch.setattr(lean, "MOST_IN_VAIN", 1 << 20)
        yield
