"""What containers tell of their packets, and how packets are read from them."""
