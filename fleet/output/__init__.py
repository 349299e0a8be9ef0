"""The former place of `fleet.table`; see `fleet.frames`."""
