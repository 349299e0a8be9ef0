"""Brush and texture."""
