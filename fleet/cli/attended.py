"""`python -m fleet.cli.attended`: the command, as a supervisor runs it that can start it again.

Its exit code tells what may pass from what does not.
"""

from __future__ import annotations

import sys
import traceback

from fleet.cli import app, complain
from fleet.cli.codes import EXIT_PASSING
from fleet.errors import FleetError, StorageRefusedError


def main() -> None:
    """Run the command; EXIT_PASSING where it was ended by what another attempt may not meet."""
    try:
        app()
    except FleetError as error:
        code = complain(error)
        sys.exit(EXIT_PASSING if may_pass(error) else code)
    except Exception:  # noqa: BLE001 - the edge of the process: whatever it is, a supervisor waits
        traceback.print_exc()
        sys.exit(EXIT_PASSING)


def may_pass(error: FleetError) -> bool:
    """Whether another attempt may go better without anybody's doing."""
    return error.retryable and not isinstance(error, StorageRefusedError)


if __name__ == "__main__":
    main()
