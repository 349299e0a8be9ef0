"""A detector in int8, calibrated on a user's own videos and held against the one that it is of."""
