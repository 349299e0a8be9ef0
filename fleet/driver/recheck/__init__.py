"""Decoding a sample of an output once more, and comparing the rows."""
