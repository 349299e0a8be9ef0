"""What was found, drawn on the frames it was found in."""
