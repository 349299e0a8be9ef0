"""`python -m fleet` is `fleet`, where the command itself is not on the PATH."""

from fleet.cli import main

main()
