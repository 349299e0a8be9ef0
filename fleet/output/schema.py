"""The former place of `fleet.table.parts.schema`; see `fleet.frames`."""

from __future__ import annotations

from fleet.table.parts.schema import DETECTIONS

__all__ = ["DETECTIONS"]
