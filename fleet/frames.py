"""The former place of `fleet.core.frames`, so that jobs of an earlier version keep their outputs.

A job's text is part of its identity. New jobs import from `fleet`.
"""

from __future__ import annotations

from fleet.core.frames import Detections, FrameBatch, Picture, Rows

__all__ = ["Detections", "FrameBatch", "Picture", "Rows"]
