"""The history drawn: a small chart for each figure, a line for each contestant, as one SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from history.records import Record
from measured.cases import CASES, Metric
from measured.goals import UNITS, WORDS, of_whole
from measured.spread import Spread, short, spread

WIDE, HIGH, LEFT, TOP = 460, 200, 56, 34
LEGEND, LINE = 14, 13
ACROSS = 2
HUES = (210, 20, 130, 280, 50, 170, 330)

Line = list[tuple[int, Spread]]
"""The runs, by number, that have a figure."""


def drawn(records: Sequence[Record]) -> str:
    """Return the SVG of all runs, the oldest on the left."""
    charts = [
        (f"{case.name}: {WORDS[metric]}, {UNITS[metric]}", lines)
        for case in CASES
        for metric in WORDS
        if (lines := _lines(records, case.name, metric))
    ]
    most = max((len(lines) for _, lines in charts), default=0)
    step = HIGH + TOP + LEGEND + most * LINE
    rows = -(-len(charts) // ACROSS)
    width, height = ACROSS * WIDE, max(1, rows) * step + 20
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"',
        f'height="{height}" font-family="sans-serif" font-size="11">',
        f"<title>{escape(_title(records))}</title>",
        f'<rect width="{width}" height="{height}" fill="white"/>',
    ]
    for number, (title, lines) in enumerate(charts):
        x, y = number % ACROSS * WIDE, number // ACROSS * step
        parts.append(f'<g transform="translate({x} {y})">{_chart(title, lines, len(records))}</g>')
    return "\n".join([*parts, "</svg>", ""])


def _title(records: Sequence[Record]) -> str:
    if not records:
        return "No run of the bench yet"
    return f"{len(records)} runs of the bench, {records[0].date} to {records[-1].date}"


def _lines(records: Sequence[Record], case: str, metric: Metric) -> Mapping[str, Line]:
    found: dict[str, Line] = {}
    for number, record in enumerate(records):
        for (of, who, kind), values in of_whole(record.figures, record.left_out).items():
            one = spread(values)
            if (of, kind) == (case, metric) and one is not None:
                found.setdefault(who, []).append((number, one))
    return found


def _chart(title: str, lines: Mapping[str, Line], runs: int) -> str:
    top = max(one.most for line in lines.values() for _, one in line) or 1.0
    across = (WIDE - LEFT - 30) / max(1, runs - 1)

    def at(run: int, value: float) -> tuple[float, float]:
        return LEFT + run * across, TOP + (HIGH - 20) * (1 - value / top)

    parts = [f'<text x="{LEFT}" y="18" font-weight="bold">{escape(title)}</text>']
    for share in (0.0, 0.5, 1.0):
        x, y = at(0, share * top)
        parts.append(f'<line x1="{x}" y1="{y:.1f}" x2="{WIDE - 24}" y2="{y:.1f}" stroke="#ddd"/>')
        parts.append(
            f'<text x="{x - 8}" y="{y + 4:.1f}" text-anchor="end">{short(share * top)}</text>'
        )
    for number, (who, line) in enumerate(sorted(lines.items())):
        colour = f"hsl({HUES[number % len(HUES)]} 70% 40%)"
        points = [at(run, one.median) for run, one in line]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}"/>')
        for (run, one), (x, y) in zip(line, points, strict=True):
            low, high = at(run, one.least)[1], at(run, one.most)[1]
            parts.append(
                f'<line x1="{x:.1f}" y1="{low:.1f}" x2="{x:.1f}" y2="{high:.1f}" stroke="{colour}"/>'
                f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>'
            )
        below = TOP + HIGH + LEGEND + number * LINE
        last = short(line[-1][1].median)
        parts.append(f'<text x="{LEFT}" y="{below}" fill="{colour}">{escape(who)}: {last}</text>')
    return "".join(parts)
