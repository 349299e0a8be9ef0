"""What the command's exit codes mean; 0 is: all there."""

EXIT_FAILED = 1
"""It failed, or was interrupted."""
EXIT_USAGE = 2
"""What was asked cannot be done; nothing ran."""
EXIT_ERRORS = 3
"""Finished, with errors recorded or told."""
EXIT_PASSING = 75
"""Told to a supervisor alone: ended by what may pass, such as a store that is down."""
