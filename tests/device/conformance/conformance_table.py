"""All rows, and what they come to: enforced out of applicable, by section and chip."""

from __future__ import annotations

from collections.abc import Container, Iterator

from conformance_row import Row
from rows_aipp import AIPP
from rows_aipp_colours import COLOURS, FILES
from rows_aipp_pixels import AIPP_PIXELS
from rows_checks import CHECKS
from rows_chips import CHIP, NUMBERS
from rows_stills import JPEGD
from rows_vdec import VDEC
from rows_vdec_life import CODES, LIFE
from rows_vdec_settings import VDEC_SETTINGS
from rows_venc import STILLS
from rows_vpc import VPC
from rows_vpc_costs import VPC_COSTS

from fleet.ascend.soc import CHIPS
from fleet.device import Device

PARTS = (
    *(VDEC, VDEC_SETTINGS, LIFE, CODES, VPC, VPC_COSTS, JPEGD, STILLS),
    *(AIPP, AIPP_PIXELS, COLOURS, FILES, CHIP, NUMBERS, CHECKS),
)
"""The rows by file, in the order of their sections."""
SECTIONS = tuple(dict.fromkeys(part.section for part in PARTS))
ROWS: tuple[Row, ...] = tuple(row for part in PARTS for row in part.rows)


def observed(row: Row, chip: str) -> object:
    """Run the row's probe on a fresh device of the chip."""
    assert row.probe is not None
    with Device(CHIPS[chip]) as device:
        return row.probe(device)


def summary(held: Container[tuple[int, str]] | None = None) -> Iterator[str]:
    """Yield the lines of the table; `held`: number and chip of the rows that held, None for all."""
    yield f"{'section':24}" + "".join(f"{chip:>16}" for chip in CHIPS)
    for section in [*SECTIONS, "all"]:
        cells = []
        for chip in CHIPS:
            mine = [
                (number, row)
                for number, row in enumerate(ROWS)
                if section in {row.section, "all"} and row.applies(chip)
            ]
            good = [number for number, _ in mine if held is None or (number, chip) in held]
            cells.append(f"{len(good)} / {len(mine)}")
        yield f"{section:24}" + "".join(f"{cell:>16}" for cell in cells)


def exceptions() -> Iterator[str]:
    """Yield a line for each row that is left out on some chips, with its reason."""
    for row in ROWS:
        name = f"{row.section.split()[0]} {row.id} ({row.kind})"
        for reason in dict.fromkeys(row.left_out.values()):
            chips = ", ".join(chip for chip, why in row.left_out.items() if why == reason)
            yield f"left out      {name}, {chips}: {reason}"
