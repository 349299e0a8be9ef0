"""The brain (pure) and the hands that lead the devices through a job."""
