"""What the processes of a pool need, loaded in the one that they are forked from."""

from __future__ import annotations

from importlib import import_module

from fleet.loading import loading
from fleet.parquet.arrays import forgo_pandas

forgo_pandas()
with loading():
    import_module("fleet.street.encode")
    # Each process loads the script again that the first one was started by: the command, mostly.
    import_module("fleet.street.command")
