"""What a job of Fleet says of itself where a cluster lists its jobs: Ray's metadata of it."""

from __future__ import annotations

import getpass
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

from fleet.core.json_object import named, text
from fleet.core.json_text import read_json

_OUTPUT, _JOB, _WHO, _LABELS = "fleet_output", "fleet_job", "fleet_who", "fleet_labels"


@dataclass(frozen=True)
class Listed:
    """A job as it is listed."""

    job: str
    """The name of its job file, or of its class."""
    output: str
    """Where its tables go."""
    who: str
    """Who started it, from which machine; empty where nobody said so."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """What it is called by."""

    def to_metadata(self) -> dict[str, str]:
        """Return it as Ray keeps it."""
        said = {_JOB: self.job, _OUTPUT: self.output, _WHO: self.who}
        return said | ({_LABELS: json.dumps(dict(self.labels))} if self.labels else {})

    @staticmethod
    def of(metadata: Mapping[str, str]) -> Listed | None:
        """Read it; None where it is of no job of Fleet."""
        if _OUTPUT not in metadata:
            return None
        labels = _labels(metadata.get(_LABELS, "{}"))
        return Listed(metadata.get(_JOB, ""), metadata[_OUTPUT], metadata.get(_WHO, ""), labels)


def who_starts() -> str:
    """Return the user and the machine that a job comes from."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number without a name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def _labels(written: str) -> Mapping[str, str]:
    """Return the labels that a job was started with; none where others wrote what is there."""
    try:
        return named(text)(read_json(written))
    except ValueError:
        return {}
