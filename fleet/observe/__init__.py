"""What a run is doing, folded from its events; pure."""
