"""Texts on compiled models: their timing, and how one in int8 does."""
