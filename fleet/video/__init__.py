"""Video files: what they hold, which frames are wanted, and the least work that yields them."""
