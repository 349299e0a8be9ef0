"""Sheets to draw on, and textures."""
