"""Print what the simulated chips keep of the rules, row by row; exit with 1 where one is broken."""

from __future__ import annotations

import sys

from conformance_table import ROWS, exceptions, observed, summary

from fleet.ascend.soc import CHIPS


def main() -> int:
    """Run every row on every chip, and print the table."""
    broken = []
    held: set[tuple[int, str]] = set()
    for number, row in enumerate(ROWS):
        for chip in CHIPS:
            if row.applies(chip):
                got = observed(row, chip)
                if got == row.expected[chip]:
                    held.add((number, chip))
                else:
                    broken.append(
                        f"{row.section} {row.id} on {chip}: {got}, not {row.expected[chip]}"
                    )
    print("\n".join(summary(held)))
    print()
    print("\n".join(exceptions()))
    for line in broken:
        print(f"BROKEN        {line}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
