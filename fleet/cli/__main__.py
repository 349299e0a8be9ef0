"""`python -m fleet.cli` is `fleet`."""

from fleet.cli import main

main()
