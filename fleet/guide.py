"""Which page tells more about an error: the one list of them, by kind and by what it is about.

Pages lie beside the package, not in it; they are named as people find them in the repository.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """A part of a page."""

    path: str
    """The file, from the root of the repository."""
    heading: str
    """The heading that the part stands under."""

    def __str__(self) -> str:
        return f"See {self.path}, '{self.heading}'."


_README = "README.md"
_CLUSTER = "cluster/README.md"
_CHIP = "docs/chip.md"
CLUSTER, DEVICES_OF_RAY, PROVIDERS = "cluster", "devices of Ray", "providers"
"""What errors of several kinds may be about."""
PAGES: Mapping[str, Page] = {
    "JobFileError": Page(_README, "Set the fields of a job"),
    "InputNotFoundError": Page(_README, "Set the fields of a job"),
    "OutputTakenError": Page(_README, "Write a job of your own"),
    "OutputBusyError": Page(_README, "Plan, watch, check, repair"),
    "ModelRefusedError": Page(_README, "Compile a detector"),
    "JobTooLargeError": Page(_CHIP, "Memory"),
    "StreamRefusedError": Page(_README, "Decode what the chip refuses"),
    "StillRefusedError": Page(_README, "Work on images"),
    "DeviceError": Page(_CHIP, "Error codes"),
    "AccessDeniedError": Page(_README, "Use object storage"),
    "NoSuchBucketError": Page(_README, "Use object storage"),
    "JobCodeError": Page(_README, "Write a job of your own"),
    "OutputCorruptError": Page(_README, "Plan, watch, check, repair"),
    CLUSTER: Page(_CLUSTER, "Submitting a job"),
    DEVICES_OF_RAY: Page(_CLUSTER, "What a device is to Ray"),
    PROVIDERS: Page(_README, "Compute networks with something else"),
}
"""Class of an error, or what it is about -> the page. A class without one has that of its base."""


def page_of(classes: tuple[str, ...], about: str) -> Page | None:
    """Return the page for an error, by its class and its bases, or by what it is about."""
    names = (about, *classes)
    return next((PAGES[name] for name in names if name in PAGES), None)
