"""The former place of `fleet.core.geometry`; see `fleet.frames`."""

from __future__ import annotations

from fleet.core.geometry import Size

__all__ = ["Size"]
