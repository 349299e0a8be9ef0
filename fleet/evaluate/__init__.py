"""How good a detector was: an output folder held against the truth."""
