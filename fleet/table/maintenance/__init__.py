"""Bringing committed parts into another shape, and proving them."""
