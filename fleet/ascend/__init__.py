"""The simulated Ascend device, one file a hardware block; it needs no Ray, storage or jobs."""
