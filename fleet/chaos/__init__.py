"""Disturbing a run on purpose, and proving that its output is the same."""
