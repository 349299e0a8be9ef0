"""Cutting videos into shards and bundling shards into leases."""
