"""What of an output is chosen, and read: frames, boxes, and the facts of their videos."""
