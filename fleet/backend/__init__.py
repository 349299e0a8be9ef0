"""The one door from a worker to a device: what is asked of one, and which kinds there are."""
