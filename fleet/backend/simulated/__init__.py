"""The simulated device behind that door, and what the host does in its chip's place."""
