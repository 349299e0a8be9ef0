"""The simulated Ascend device, one file a hardware block; it needs no Ray, storage or jobs."""

from fleet.ascend.surface import download, tight, upload

__all__ = ["download", "tight", "upload"]
