"""What of a machine, store, cluster and model is well, and the way out of what is not."""
