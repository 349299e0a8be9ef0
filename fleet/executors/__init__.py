"""The pools that carry out what the scheduler decides."""
