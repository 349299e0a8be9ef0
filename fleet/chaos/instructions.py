"""What a life of the driver is told when it begins."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fleet.chaos.schedule import FaultKind, Strike


@dataclass(frozen=True)
class Instructions:
    """What a life is told: the job file, what overrides its fields, when to strike."""

    job_file: str
    overrides: Mapping[str, Any]
    strikes: tuple[Strike, ...] = ()

    def to_json(self) -> str:
        """As `from_json` reads it."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Instructions:
        """Read what `to_json` wrote."""
        fields = json.loads(text)
        strikes = tuple(Strike(**{**s, "deed": FaultKind(s["deed"])}) for s in fields["strikes"])
        return cls(fields["job_file"], fields["overrides"], strikes)
