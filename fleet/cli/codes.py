"""What the exit codes of the command mean; 0 means that everything is there."""

EXIT_FAILED = 1
"""The command failed, or was interrupted."""
EXIT_USAGE = 2
"""The request cannot be carried out; nothing ran."""
EXIT_ERRORS = 3
"""The command finished, and errors are recorded or printed."""
EXIT_PASSING = 75
"""For a supervisor only: the cause may go away by itself, such as a store that is down."""
