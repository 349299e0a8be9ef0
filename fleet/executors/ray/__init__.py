"""A pool of Ray actors; the only place that imports Ray, but for submit/ray_jobs."""
