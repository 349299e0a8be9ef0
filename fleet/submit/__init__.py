"""Sending a job to a cluster, and keeping its driver alive there."""
