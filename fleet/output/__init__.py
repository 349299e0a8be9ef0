"""Parquet parts, their schema, and the record that makes them real."""
