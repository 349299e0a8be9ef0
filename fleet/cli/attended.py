"""`python -m fleet.cli.attended`: the command as a supervisor runs it, which can start it again.

The exit code says whether another attempt may succeed.
"""

from __future__ import annotations

import sys
import traceback

from fleet.cli import app, complain
from fleet.cli.codes import EXIT_PASSING
from fleet.errors import FleetError, StorageRefusedError
from fleet.views.clean_stream import clean_output


def main() -> None:
    """Run the command; exit with EXIT_PASSING where another attempt may succeed."""
    clean_output()
    try:
        app()
    except FleetError as error:
        code = complain(error)
        sys.exit(EXIT_PASSING if may_pass(error) else code)
    except Exception:  # noqa: BLE001 - the edge of the process; its supervisor may try again
        traceback.print_exc()
        sys.exit(EXIT_PASSING)


def may_pass(error: FleetError) -> bool:
    """Return whether another attempt may succeed although nobody changes anything."""
    return error.retryable and not isinstance(error, StorageRefusedError)


if __name__ == "__main__":
    main()
