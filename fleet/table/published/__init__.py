"""The tables of an output as tables of other systems: the same parts, listed in their way."""
