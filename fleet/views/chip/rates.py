"""The documented speeds of the chips beside the modelled ones, as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from fleet.ascend.figures.documented import ALL, Figure
from fleet.ascend.figures.modelled import Compared
from fleet.views.layout import hang

_LINE = "  {:<7}{:<10}{:<12}{:>10}{:>9}{:>8}  {}"


def render_rates(compared: Iterable[Compared]) -> str:
    """Return a table, a chip after the other, 80 columns wide."""
    head = _LINE.format(
        "engine", "picture", "channels", "documented", "modelled", "off by", "basis"
    )
    lines = ["Speeds by the modelled clock; nothing is measured."]
    chip = ""
    for row in compared:
        if row.figure.chip != chip:
            chip = row.figure.chip
            lines += ["", f"{chip} (simulated)", head]
        lines.append(_row(row))
    return "\n".join([*lines, "", *_legend()])


def _row(row: Compared) -> str:
    figure, off = row.figure, row.difference
    told = "-" if figure.per_s is None else f"{figure.per_s:,.5g}"
    difference = "-" if off is None else f"{100 * off:+.1f}%".replace("-0.0%", "+0.0%")
    size = str(figure.size or "TFLOPS")
    made, basis = f"{row.modelled_per_s:,.5g}", f"{figure.basis} {figure.rule}"
    return _LINE.format(figure.engine, size, _channels(figure), told, made, difference, basis)


def _channels(figure: Figure) -> str:
    if figure.size is None:
        return ""
    count = "all" if figure.channels == ALL else str(figure.channels)
    return f"{count}, copied" if figure.with_copies else count


def _legend() -> list[str]:
    return hang(
        "",
        "Pictures a second of so many channels, or TFLOPS in float16. Basis: D documented, "
        "I inferred, N no public figure; then the rule of docs/chip.md, which `fleet devices "
        "--rules` prints. Copied: each picture comes from the host. The documented speeds of "
        "several channels of VDEC are those of H.265 with 9 references.",
    )
