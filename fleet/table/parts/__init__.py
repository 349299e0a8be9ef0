"""Rows as Arrow tables: the schemas and a lease's tables."""
