"""A row of the chip's rules: what is asked, on which chips, and what has to come of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from fleet.ascend.soc import CHIPS
from fleet.device import Device

Probe = Callable[[Device], object]
Kind = Literal["D", "I", "N"]
FIRST, SECOND, TRAINING = "Ascend310", "Ascend310P3", "Ascend910A"


@dataclass(frozen=True)
class Row:
    """One row: documented (D), inferred (I), or without a public figure (N)."""

    section: str
    id: str
    kind: Kind
    asked: str
    """The rule, in a sentence."""
    rule: str
    """Its row of docs/chip.md; empty where the page has none."""
    probe: Probe | None
    """What tries it on a device; None where it applies to no chip here."""
    expected: Mapping[str, object]
    """What the probe returns, by chip."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Why it does not apply, by chip."""

    def applies(self, chip: str) -> bool:
        """Return whether the chip has such a rule."""
        return chip not in self.left_out


class Rows:
    """The rows of one section, in the order in which they are written down."""

    def __init__(self, section: str) -> None:
        self.section = section
        self.rows: list[Row] = []

    def row(
        self,
        kind: Kind,
        rule: str,
        *,
        expect: object = 0,
        by_chip: Mapping[str, object] | None = None,
        left_out: Mapping[str, str] | None = None,
    ) -> Callable[[Probe], Probe]:
        """Take a function as a row: its name is the id, its docstring says what is asked.

        `expect` is for every chip, `by_chip` for those that differ.
        """

        def take(probe: Probe) -> Probe:
            expected = dict.fromkeys(CHIPS, expect) | dict(by_chip or {})
            name = probe.__name__.replace("_", "-")
            asked = (probe.__doc__ or "").strip()
            row = Row(self.section, name, kind, asked, rule, probe, expected, left_out or {})
            self.rows.append(row)
            return probe

        return take

    def left_out(self, name: str, kind: Kind, asked: str, why: str) -> None:
        """Note a row that applies to no chip here."""
        self.rows.append(
            Row(self.section, name, kind, asked, "", None, {}, dict.fromkeys(CHIPS, why))
        )
