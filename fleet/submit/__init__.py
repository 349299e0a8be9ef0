"""The submission of a job to a cluster, and the supervision of its driver there."""
