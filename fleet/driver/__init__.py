"""The driver: one run, from the job to its report."""
