"""The simulated chips beside each other, by their tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fleet.ascend.clock import jpegd_s, jpege_s, pngd_s, vdec_s, venc_s, vpc_s
from fleet.ascend.figures.documented import ALL, HD
from fleet.ascend.soc import MB, Soc
from fleet.views.layout import hang

_ROWS: Sequence[tuple[str, Callable[[Soc], float | None]]] = (
    ("memory, MB", lambda soc: soc.memory_bytes // MB),
    ("AI cores", lambda soc: soc.cores.ai_cores),
    ("AI CPUs", lambda soc: soc.cores.ai_cpus),
    ("clock, MHz", lambda soc: soc.cores.clock_hz // 1_000_000),
    ("float16 peak, TFLOPS", lambda soc: round(soc.peak_tflops, 1)),
    ("VDEC, channels", lambda soc: int(1 / soc.vdec.channel_share(HD))),
    ("VDEC, one channel", lambda soc: 1 / vdec_s(soc, HD)),
    ("VDEC", lambda soc: 1 / vdec_s(soc, HD, ALL)),
    ("VPC", lambda soc: 1 / vpc_s(soc, HD, HD, ALL)),
    ("JPEGD", lambda soc: 1 / jpegd_s(soc, HD, ALL)),
    ("JPEGE", lambda soc: 1 / jpege_s(soc, HD, ALL)),
    ("PNGD", lambda soc: 1 / pngd_s(soc, HD, ALL)),
    ("VENC", lambda soc: 1 / venc_s(soc.venc, HD) if soc.venc else None),
)


def render_chips(chips: Sequence[Soc]) -> str:
    """Return a table with a column for each chip, 80 columns wide."""
    lines = ["Simulated chips, as their tables have them; speeds are modelled.", ""]
    lines.append(f"  {'':<22}" + "".join(f"{chip.name:>14}" for chip in chips))
    for head, value in _ROWS:
        cells = [value(chip) for chip in chips]
        shown = ("-" if cell is None else f"{round(cell, 2):,g}" for cell in cells)
        lines.append(f"  {head:<22}" + "".join(f"{text:>14}" for text in shown))
    note = (
        "Channels and speeds are those at 1920x1080, in pictures a second. --rates compares the "
        "speeds with the documented ones, --rules prints what the chip enforces."
    )
    return "\n".join([*lines, "", *hang("", note)])
