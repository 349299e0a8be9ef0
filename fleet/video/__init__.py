"""Video files: what they hold, which frames are wanted, and the least work to decode those."""
