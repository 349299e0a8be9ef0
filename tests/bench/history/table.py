"""README's table, written from a run in the history: `make bench-table`."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from history.records import Record
from measured import cases
from measured.cases import CASES
from measured.goals import judge, of_whole
from measured.spread import spread

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"
ROWS = {
    "dense": "four videos, every frame",
    "sparse": "one frame a second",
    "keyframes": "key frames",
    "one": "one video, every frame (the script: one process)",
    "tiny": "{tiny:,} clips of 2 s, a frame each",
    "startup": "one video, key frames",
}
WIDE = 120
"""Of the lines of the page."""
COLUMNS = (*cases.ALL_PEERS, *cases.ALL_MODES)
SAME = {cases.FLEET: cases.IN_PROCESSES}
"""Who stands in a column where the case has no other: the mode that Fleet chooses on one machine."""


def written(record: Record) -> str:
    """Return the block of a page: from cold in seconds, then the ratios."""
    told = textwrap.wrap(about(record), WIDE, break_long_words=False, break_on_hyphens=False)
    parts = (told, _seconds(record), _ratios(record))
    return "\n\n".join("\n".join(lines) for lines in parts if lines)


def about(record: Record) -> str:
    """Say what was measured, when, and on what."""
    given = record.material
    when = datetime.fromisoformat(record.date).date().isoformat()
    rounds = "1 round" if record.rounds == 1 else f"{record.rounds} rounds"
    what = f"{given['width']}x{given['height']}, {given['frames']:,} frames a video"
    small = " Little of each was measured (`--small`)." if given.get("small") else ""
    busy = f" The machine's load was {record.load:g} as it began." if record.load > 1 else ""
    absent = ", ".join(name for name in record.left_out if ": " not in name)
    each_on = record.cores_each or record.cores
    return (
        f"Measured {when} at {record.commit} on {record.cores} cores ({record.processor}), {rounds} in "
        f"turn: {what}, {given['network']}, each on {each_on} cores, median (least to most). Whole "
        f"processes from cold, in seconds.{small}{busy}"
        + (f" Not there: {absent}." if absent else "")
    )


def _seconds(record: Record) -> list[str]:
    there = {who for _, who, _ in record.figures} | {
        key.partition(": ")[2] for key in record.left_out
    }
    shown = [name for name in COLUMNS if name in there or SAME.get(name) in there]
    if not shown:
        return []
    lines = [f"| | {' | '.join(shown)} |", "|---" * (len(shown) + 1) + "|"]
    measured = {case for case, _, _ in record.figures}
    for case, title in ROWS.items():
        if case not in measured:
            continue
        cells = (_cell(record, case, name) for name in shown)
        lines.append(f"| {title.format(**record.material)} | {' | '.join(cells)} |")
    return lines


def _cell(record: Record, case: str, name: str) -> str:
    for who in (name, SAME.get(name, name)):
        found = spread(record.figures.get((case, who, "wall_s"), ()))
        why = record.left_out.get(f"{case}: {who}", "").replace("|", "/")
        if why and found is not None:
            return f"({found.rounds} of {record.rounds} rounds: {why})"
        if why or found is not None:
            return why or f"{found}"
    return ""


def _ratios(record: Record) -> list[str]:
    lines = ["| compared within each round | median (least to most) | aim |", "|---|---|---|"]
    for verdict in judge(of_whole(record.figures, record.left_out)):
        if verdict.found is None:
            continue
        aim = verdict.goal.aim
        stands = {True: f"{aim}: met", False: f"{aim}: not met", None: ""}[verdict.met]
        lines.append(f"| {verdict.goal.title} | {verdict.figure} | {stands} |")
    return lines if len(lines) > 2 else []


def replaced(page: str, block: str) -> str:
    """Return a page whose block between the two markers is another; refuse one without them."""
    if page.count(BEGIN) != 1 or page.count(END) != 1 or page.index(BEGIN) > page.index(END):
        raise ValueError(f"The page has no block between one {BEGIN} and one {END} behind it.")
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{block}\n{END}{rest.partition(END)[2]}"


def write(page: Path, record: Record) -> None:
    """Write the block into a page."""
    page.write_text(replaced(page.read_text("utf-8"), written(record)), "utf-8")


def latest_whole(records: Sequence[Record]) -> Record | None:
    """Return the newest run that has all rows of the table; else the newest."""
    known = {case.name for case in CASES} & set(ROWS)
    whole = [each for each in records if known <= {case for case, _, _ in each.figures}]
    found = whole or list(records)
    return found[-1] if found else None
