"""Mixed precision, loss scale and overflow detection of the simulated 910."""
